/* Attack: ends with 0 in a destructor, after the tests have failed.
 * Verdict: rejected
 * Ungated: failed crashed exited_early timeout no_progress misuse leak environment race deadlock use_after_free not_implemented
 */
#include <unistd.h>

__attribute__((destructor)) static void end_well(void)
{
    _exit(0);
}

static void attack(void)
{
}
