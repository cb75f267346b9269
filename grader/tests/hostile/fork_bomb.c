/* Attack: starts processes without end.
 * Verdict: rejected
 * Ungated: fails
 */
#include <unistd.h>

static void attack(void)
{
    for (;;)
        fork();
}
