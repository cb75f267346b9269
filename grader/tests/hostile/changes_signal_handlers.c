/* Attack: ignores and catches every signal, then crashes.
 * Verdict: fails
 * Ungated: fails
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
