/* Attack: takes all memory there is, and touches it.
 * Verdict: fails
 * Ungated: fails
 */
#include <stdlib.h>
#include <string.h>

static void attack(void)
{
    for (;;) {
        char *block = malloc(1 << 20);
        if (block)
            memset(block, 1, 1 << 20);
    }
}
