/* Attack: has the sanitizers write their reports elsewhere, and uses memory it gave back.
 * Verdict: rejected
 * Ungated: fails
 */
#include <stdlib.h>

void __sanitizer_set_report_path(const char *path);

static void attack(void)
{
    volatile char *block = malloc(1);

    __sanitizer_set_report_path("/dev/null");
    free((void *)block);
    if (block)
        *block = 1;
}
