/* Attack: cancels the thread that the test runs in.
 * Verdict: fails
 * Ungated: fails
 */
#include <pthread.h>

static void attack(void)
{
    pthread_cancel(pthread_self());
    pthread_testcancel();
}
