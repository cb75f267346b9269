/* Attack: ends with 0 in an atexit handler.
 * Verdict: rejected
 * Ungated: failed crashed exited_early timeout no_progress misuse leak environment race deadlock use_after_free not_implemented
 */
#include <stdlib.h>
#include <unistd.h>

static void end_well(void)
{
    _exit(0);
}

static void attack(void)
{
    atexit(end_well);
}
