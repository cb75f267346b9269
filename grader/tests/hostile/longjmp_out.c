/* Attack: jumps out of the test into an older frame.
 * Verdict: rejected
 * Ungated: fails
 */
#include <setjmp.h>

static jmp_buf older;

static void attack(void)
{
    static int armed;

    if (armed)
        longjmp(older, 1);
    armed = 1;
    if (setjmp(older))
        armed = 2;
}
