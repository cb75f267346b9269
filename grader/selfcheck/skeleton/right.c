/* Each who passes lets the next one through. */
#include "gate.h"

#include <semaphore.h>
#include <stdlib.h>

struct gate {
    sem_t turnstile;
};

struct gate *gate_create(void)
{
    struct gate *it = malloc(sizeof *it);

    if (it != NULL)
        sem_init(&it->turnstile, 0, 0);
    return it;
}

void gate_wait(struct gate *it)
{
    while (sem_wait(&it->turnstile) != 0)
        ;
    sem_post(&it->turnstile);
}

void gate_open(struct gate *it)
{
    sem_post(&it->turnstile);
}

void gate_destroy(struct gate *it)
{
    sem_destroy(&it->turnstile);
    free(it);
}
