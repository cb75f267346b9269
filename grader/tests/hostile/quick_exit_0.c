/* Attack: ends the process by the exit that runs no handlers.
 * Verdict: exited_early
 * Ungated: exited_early
 */
#include <unistd.h>

static void attack(void)
{
    _exit(0);
}
