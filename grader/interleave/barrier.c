/* barrier.c - pthread_barrier_*: see sync.h. */
#include "scheduler.h"
#include "sync.h"
#include "../suite/stand_in.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>

static bool barrier_is_open(const struct thread *thread)
{
    return thread->object->barrier.round != thread->barrier_round;
}

STAND_IN(int, pthread_barrier_init, pthread_barrier_t *where,
         const pthread_barrierattr_t *attributes, unsigned count)
{
    (void)attributes;
    if (!count)
        return EINVAL;
    object_initialise(where, OBJECT_BARRIER, "pthread_barrier_init", CALLER)->barrier.size = count;
    return 0;
}

STAND_IN(int, pthread_barrier_destroy, pthread_barrier_t *where)
{
    return object_destroy(where, OBJECT_BARRIER, "pthread_barrier_destroy", CALLER);
}

STAND_IN(int, pthread_barrier_wait, pthread_barrier_t *where)
{
    struct object *barrier = object_for(where, OBJECT_BARRIER, "pthread_barrier_wait", CALLER);

    step(barrier, true, CALLER);
    object_did(barrier, "barrier_wait", "arrives at", CALLER);
    release(&barrier->clock);
    self->barrier_round = barrier->barrier.round;
    assert(barrier->barrier.arrived < barrier->barrier.size);
    bool last = ++barrier->barrier.arrived == barrier->barrier.size;
    if (last) {
        barrier->barrier.arrived = 0;
        barrier->barrier.round++;
        made_progress();
    } else {
        step_when(barrier_is_open, barrier, "pthread_barrier_wait", CALLER);
    }
    acquire(&barrier->clock);
    return last ? PTHREAD_BARRIER_SERIAL_THREAD : 0;
}
