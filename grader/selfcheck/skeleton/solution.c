/* gate.c - solution of exercise 00.
 *
 * is_open is guarded by lock; opened is signalled when it becomes true, and that is for ever.
 */
#include "gate.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

struct gate {
    pthread_mutex_t lock;
    pthread_cond_t opened;
    bool is_open;
};

struct gate *gate_create(void)
{
    struct gate *it = malloc(sizeof *it);

    if (it == NULL)
        return NULL;
    pthread_mutex_init(&it->lock, NULL);
    pthread_cond_init(&it->opened, NULL);
    it->is_open = false;
    return it;
}

void gate_wait(struct gate *it)
{
    pthread_mutex_lock(&it->lock);
    while (!it->is_open)
        pthread_cond_wait(&it->opened, &it->lock);
    pthread_mutex_unlock(&it->lock);
}

void gate_open(struct gate *it)
{
    pthread_mutex_lock(&it->lock);
    it->is_open = true;
    pthread_cond_broadcast(&it->opened);
    pthread_mutex_unlock(&it->lock);
}

void gate_destroy(struct gate *it)
{
    pthread_cond_destroy(&it->opened);
    pthread_mutex_destroy(&it->lock);
    free(it);
}
