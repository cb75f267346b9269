/* Attack: starts processes without end.
 * Verdict: rejected
 * Ungated: failed crashed exited_early timeout no_progress misuse leak environment race deadlock use_after_free not_implemented
 */
#include <unistd.h>

static void attack(void)
{
    for (;;)
        fork();
}
