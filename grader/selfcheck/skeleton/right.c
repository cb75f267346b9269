/* Each who passes lets the next one through. */
#include "$stem.h"

#include <semaphore.h>
#include <stdlib.h>

struct $stem {
    sem_t turnstile;
};

struct $stem *${stem}_create(void)
{
    struct $stem *it = malloc(sizeof *it);

    if (it != NULL)
        sem_init(&it->turnstile, 0, 0);
    return it;
}

void ${stem}_wait(struct $stem *it)
{
    while (sem_wait(&it->turnstile) != 0)
        ;
    sem_post(&it->turnstile);
}

void ${stem}_open(struct $stem *it)
{
    sem_post(&it->turnstile);
}

void ${stem}_destroy(struct $stem *it)
{
    sem_destroy(&it->turnstile);
    free(it);
}
