/* Attack: prints without end.
 * Verdict: fails
 * Ungated: fails
 */
#include <stdio.h>

static void attack(void)
{
    for (;;)
        puts("all work and no play makes a dull channel");
}
