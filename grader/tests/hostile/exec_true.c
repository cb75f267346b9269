/* Attack: becomes a program that succeeds.
 * Verdict: rejected
 * Ungated: failed crashed exited_early timeout no_progress misuse leak environment race deadlock use_after_free not_implemented
 */
#include <unistd.h>

static void attack(void)
{
    execl("/usr/bin/true", "true", (char *)NULL);
}
