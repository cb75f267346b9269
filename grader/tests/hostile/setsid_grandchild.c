/* Attack: leaves a process in a session of its own that holds the output open.
 * Verdict: rejected
 * Ungated: fails
 */
#define _GNU_SOURCE
#include <unistd.h>

static void attack(void)
{
    if (fork() == 0) {
        setsid();
        if (fork() == 0)
            for (;;)
                pause();
        _exit(0);
    }
}
