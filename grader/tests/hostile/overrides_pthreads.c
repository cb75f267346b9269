/* Attack: replaces pthread_mutex_lock and free by functions that do nothing.
 * Verdict: rejected
 * Ungated: fails
 */
#include <pthread.h>
#include <stdlib.h>

int pthread_mutex_lock(pthread_mutex_t *mutex)
{
    (void)mutex;
    return 0;
}

void free(void *block)
{
    (void)block;
}

static void attack(void)
{
}
