/* Attack: ends with 0 in an atexit handler.
 * Verdict: rejected
 * Ungated: fails
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
