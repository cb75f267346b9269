/* Attack: kills every process it may.
 * Verdict: rejected
 * Ungated: fails
 */
#define _GNU_SOURCE
#include <signal.h>

static void attack(void)
{
    kill(-1, SIGKILL);
}
