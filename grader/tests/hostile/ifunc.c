/* Attack: runs code while the program is loaded.
 * Verdict: rejected
 * Ungated: fails build_failed
 */
#include <unistd.h>

static int one(void)
{
    return 1;
}

static int (*resolve(void))(void)
{
    return one;
}

int chosen(void) __attribute__((ifunc("resolve")));

static void attack(void)
{
    chosen();
}
