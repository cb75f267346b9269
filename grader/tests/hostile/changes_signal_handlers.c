/* Attack: ignores and catches every signal, then crashes.
 * Verdict: failed crashed exited_early timeout no_progress misuse leak environment race deadlock use_after_free not_implemented
 * Ungated: failed crashed exited_early timeout no_progress misuse leak environment race deadlock use_after_free not_implemented
 */
#define _GNU_SOURCE
#include <signal.h>
#include <unistd.h>

static void end_well(int signal)
{
    (void)signal;
    _exit(0);
}

static void attack(void)
{
    for (int i = 1; i < 65; i++)
        signal(i, end_well);
    *(volatile int *)8 = 1;
}
