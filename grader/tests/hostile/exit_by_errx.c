/* Attack: ends the process by a function that calls exit within the C library.
 * Verdict: exited_early
 * Ungated: exited_early
 */
#include <err.h>

static void attack(void)
{
    errx(0, "all tests passed");
}
