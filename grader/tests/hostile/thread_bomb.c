/* Attack: starts threads without end.
 * Verdict: failed crashed exited_early timeout no_progress misuse leak environment race deadlock use_after_free not_implemented
 * Ungated: failed crashed exited_early timeout no_progress misuse leak environment race deadlock use_after_free not_implemented
 */
#include <pthread.h>
#include <unistd.h>

static void *wait_for_ever(void *arg)
{
    for (;;)
        pause();
    return arg;
}

static void attack(void)
{
    pthread_t thread;

    while (pthread_create(&thread, NULL, wait_for_ever, NULL) == 0) {
    }
}
