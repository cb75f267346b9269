/* Attack: gets hold of the real functions behind the checks.
 * Verdict: rejected
 * Ungated: failed crashed exited_early timeout no_progress misuse leak environment race deadlock use_after_free not_implemented
 */
#define _GNU_SOURCE
#include <dlfcn.h>

static void attack(void)
{
    void (*leave)(int) = (void (*)(int))dlsym(RTLD_NEXT, "_exit");

    if (leave)
        leave(0);
}
