/* Attack: starts its own program again with a library of its own before all others.
 * Verdict: rejected
 * Ungated: fails
 */
#include <stdlib.h>
#include <unistd.h>

static void attack(void)
{
    if (!getenv("LD_PRELOAD") && setenv("LD_PRELOAD", "/tmp/mine.so", 1) == 0)
        execl("/proc/self/exe", "suite", "--list", (char *)0);
}
