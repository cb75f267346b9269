/* Attack: stops the process, so that it neither ends nor uses processor time.
 * Verdict: timeout
 * Ungated: timeout
 */
#include <signal.h>

static void attack(void)
{
    raise(SIGSTOP);
}
