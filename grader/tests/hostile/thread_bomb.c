/* Attack: starts threads without end.
 * Verdict: fails
 * Ungated: fails
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
