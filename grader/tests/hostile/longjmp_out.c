/* Attack: jumps out of the test into an older frame.
 * Verdict: rejected
 * Ungated: failed crashed exited_early timeout no_progress misuse leak environment race deadlock use_after_free not_implemented
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
