/* Attack: closes every descriptor, the record's too.
 * Verdict: failed crashed exited_early timeout no_progress misuse leak environment race deadlock use_after_free not_implemented
 * Ungated: failed crashed exited_early timeout no_progress misuse leak environment race deadlock use_after_free not_implemented
 */
#include <unistd.h>

static void attack(void)
{
    for (int i = 0; i < 1024; i++)
        close(i);
}
