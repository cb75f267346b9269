/* Attack: ends the test's thread; the process would end with 0 when the last one has gone.
 * Verdict: fails
 * Ungated: fails
 */
#include <pthread.h>

static void attack(void)
{
    pthread_exit(0);
}
