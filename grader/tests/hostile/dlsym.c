/* Attack: gets hold of the real functions behind the checks.
 * Verdict: rejected
 * Ungated: fails
 */
#define _GNU_SOURCE
#include <dlfcn.h>

static void attack(void)
{
    void (*leave)(int) = (void (*)(int))dlsym(RTLD_NEXT, "_exit");

    if (leave)
        leave(0);
}
