/* Attack: prints without end.
 * Verdict: failed crashed exited_early timeout no_progress misuse leak environment race deadlock use_after_free not_implemented
 * Ungated: failed crashed exited_early timeout no_progress misuse leak environment race deadlock use_after_free not_implemented
 */
#include <stdio.h>

static void attack(void)
{
    for (;;)
        puts("all work and no play makes a dull channel");
}
