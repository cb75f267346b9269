/* spinlock.c - pthread_spin_*: see sync.h. */
#include "fail.h"
#include "scheduler.h"
#include "story.h"
#include "strategy.h"
#include "sync.h"
#include "../suite/stand_in.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>

static bool spin_is_free(const struct thread *thread)
{
    return !thread->object->spin.owner;
}

static int take_spin(struct object *lock, uintptr_t pc)
{
    object_did(lock, "spin_lock", "locks", pc);
    assert(!lock->spin.owner);
    lock->spin.owner = self;
    self->locks_held++;
    acquire(&lock->clock);
    return 0;
}

STAND_IN(int, pthread_spin_init, pthread_spinlock_t *lock, int shared)
{
    (void)shared;
    object_initialise((void *)lock, OBJECT_SPIN, "pthread_spin_init", CALLER);
    return 0;
}

STAND_IN(int, pthread_spin_destroy, pthread_spinlock_t *where)
{
    return object_destroy((void *)where, OBJECT_SPIN, "pthread_spin_destroy", CALLER);
}

STAND_IN(int, pthread_spin_lock, pthread_spinlock_t *where)
{
    struct object *lock = object_for((void *)where, OBJECT_SPIN, "pthread_spin_lock", CALLER);

    step_when(spin_is_free, lock, "pthread_spin_lock", CALLER);
    return take_spin(lock, CALLER);
}

STAND_IN(int, pthread_spin_trylock, pthread_spinlock_t *where)
{
    struct object *lock = object_for((void *)where, OBJECT_SPIN, "pthread_spin_trylock", CALLER);

    run.tried_a_lock = true;
    step(lock, true, CALLER);
    return lock->spin.owner ? EBUSY : take_spin(lock, CALLER);
}

STAND_IN(int, pthread_spin_unlock, pthread_spinlock_t *where)
{
    struct object *lock = object_for((void *)where, OBJECT_SPIN, "pthread_spin_unlock", CALLER);

    if (lock->spin.owner != self)
        fail(VERDICT_MISUSE, CALLER,
             "pthread_spin_unlock is called by %s on %s, which it does not hold.",
             thread_name(self), object_name(lock));
    if (run.plan.unlock_is_step)
        step(lock, true, CALLER);
    object_did(lock, "spin_unlock", "unlocks", CALLER);
    release(&lock->clock);
    strategy_orders(lock);
    lock->spin.owner = NULL;
    assert(self->locks_held);
    self->locks_held--;
    return 0;
}
