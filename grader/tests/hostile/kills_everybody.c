/* Attack: kills every process it may.
 * Verdict: rejected
 * Ungated: failed crashed exited_early timeout no_progress misuse leak environment race deadlock use_after_free not_implemented
 */
#define _GNU_SOURCE
#include <signal.h>

static void attack(void)
{
    kill(-1, SIGKILL);
}
