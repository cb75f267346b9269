/* Attack: runs a command.
 * Verdict: rejected
 * Ungated: failed crashed exited_early timeout no_progress misuse leak environment race deadlock use_after_free not_implemented
 */
#include <stdlib.h>

static void attack(void)
{
    if (system("rm -rf exercises grader solutions build; touch hacked") == -1)
        return;
}
