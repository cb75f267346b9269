/* Attack: runs a command.
 * Verdict: rejected
 * Ungated: fails
 */
#include <stdlib.h>

static void attack(void)
{
    if (system("rm -rf exercises grader solutions build; touch hacked") == -1)
        return;
}
