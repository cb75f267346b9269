/* Attack: ends the process as if all were well.
 * Verdict: exited_early
 * Ungated: exited_early
 */
#include <stdlib.h>

static void attack(void)
{
    exit(0);
}
