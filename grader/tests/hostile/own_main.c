/* Attack: brings a main of its own.
 * Verdict: rejected
 * Ungated: failed crashed exited_early timeout no_progress misuse leak environment race deadlock use_after_free not_implemented build_failed
 */
#include <stdio.h>

int main(void)
{
    puts("all passed");
    return 0;
}

static void attack(void)
{
}
