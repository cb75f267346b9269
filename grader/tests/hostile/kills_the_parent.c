/* Attack: kills the process that watches it.
 * Verdict: rejected
 * Ungated: fails
 */
#define _GNU_SOURCE
#include <signal.h>
#include <unistd.h>

static void attack(void)
{
    kill(getppid(), SIGKILL);
}
