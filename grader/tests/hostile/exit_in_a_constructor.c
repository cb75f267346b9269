/* Attack: ends with 0 before the first test begins.
 * Verdict: rejected
 * Ungated: exited_early environment failed
 */
#include <unistd.h>

__attribute__((constructor)) static void end_well(void)
{
    _exit(0);
}

static void attack(void)
{
}
