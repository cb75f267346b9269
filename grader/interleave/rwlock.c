/* rwlock.c - pthread_rwlock_*: see sync.h. */
#include "clock.h"
#include "fail.h"
#include "object.h"
#include "scheduler.h"
#include "story.h"
#include "strategy.h"
#include "sync.h"
#include "../suite/stand_in.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>

static bool no_writer(const struct thread *thread)
{
    return !thread->object->rwlock.writer;
}

static bool nobody(const struct thread *thread)
{
    return !thread->object->rwlock.writer && !thread->object->rwlock.readers;
}

/* What stands for the readers: a writer learns from its clock. */
static struct object *readers_of(struct object *lock)
{
    if (!lock->rwlock.of_readers)
        lock->rwlock.of_readers = object_new(OBJECT_RWLOCK, lock->pc);
    return lock->rwlock.of_readers;
}

static int lock_for_reading(struct object *lock, uintptr_t pc)
{
    object_did(lock, "rwlock_rdlock", "locks, for reading,", pc);
    lock->rwlock.readers++;
    lock->rwlock.reads[self->id]++;
    self->locks_held++;
    acquire(&lock->clock);
    return 0;
}

static int lock_for_writing(struct object *lock, uintptr_t pc)
{
    object_did(lock, "rwlock_wrlock", "locks, for writing,", pc);
    assert(nobody(self));
    lock->rwlock.writer = self;
    self->locks_held++;
    acquire(&lock->clock);
    acquire(&readers_of(lock)->clock);
    return 0;
}

static int rwlock_lock(void *where, bool writing, const char *call, uintptr_t pc,
                       const struct timespec *when)
{
    struct object *lock = object_for(where, OBJECT_RWLOCK, call, pc);
    uint64_t deadline = FOREVER;
    bool on_realtime = false;

    if (when && !clock_deadline(CLOCK_REALTIME, when, &deadline, &on_realtime))
        return EINVAL;
    if (lock->rwlock.writer == self)
        return EDEADLK;
    if (sleep_until(writing ? nobody : no_writer, lock, call, pc, deadline, on_realtime, false) ==
        WAKE_TIMEOUT)
        return ETIMEDOUT;
    return writing ? lock_for_writing(lock, pc) : lock_for_reading(lock, pc);
}

static int rwlock_try(void *where, bool writing, const char *call, uintptr_t pc)
{
    struct object *lock = object_for(where, OBJECT_RWLOCK, call, pc);

    run.tried_a_lock = true;
    step(lock, true, pc);
    if (writing ? !nobody(self) : !no_writer(self))
        return EBUSY;
    return writing ? lock_for_writing(lock, pc) : lock_for_reading(lock, pc);
}

STAND_IN(int, pthread_rwlock_init, pthread_rwlock_t *lock, const pthread_rwlockattr_t *attributes)
{
    (void)attributes;
    object_initialise(lock, OBJECT_RWLOCK, "pthread_rwlock_init", CALLER);
    return 0;
}

STAND_IN(int, pthread_rwlock_destroy, pthread_rwlock_t *where)
{
    return object_destroy(where, OBJECT_RWLOCK, "pthread_rwlock_destroy", CALLER);
}

STAND_IN(int, pthread_rwlock_rdlock, pthread_rwlock_t *lock)
{
    return rwlock_lock(lock, false, "pthread_rwlock_rdlock", CALLER, NULL);
}

STAND_IN(int, pthread_rwlock_wrlock, pthread_rwlock_t *lock)
{
    return rwlock_lock(lock, true, "pthread_rwlock_wrlock", CALLER, NULL);
}

STAND_IN(int, pthread_rwlock_tryrdlock, pthread_rwlock_t *lock)
{
    return rwlock_try(lock, false, "pthread_rwlock_tryrdlock", CALLER);
}

STAND_IN(int, pthread_rwlock_trywrlock, pthread_rwlock_t *lock)
{
    return rwlock_try(lock, true, "pthread_rwlock_trywrlock", CALLER);
}

STAND_IN(int, pthread_rwlock_timedrdlock, pthread_rwlock_t *lock, const struct timespec *when)
{
    return rwlock_lock(lock, false, "pthread_rwlock_timedrdlock", CALLER, when);
}

STAND_IN(int, pthread_rwlock_timedwrlock, pthread_rwlock_t *lock, const struct timespec *when)
{
    return rwlock_lock(lock, true, "pthread_rwlock_timedwrlock", CALLER, when);
}

STAND_IN(int, pthread_rwlock_unlock, pthread_rwlock_t *where)
{
    struct object *lock = object_for(where, OBJECT_RWLOCK, "pthread_rwlock_unlock", CALLER);

    if (run.plan.unlock_is_step)
        step(lock, true, CALLER);
    if (lock->rwlock.writer == self) {
        object_did(lock, "rwlock_unlock", "unlocks", CALLER);
        release(&lock->clock);
        lock->rwlock.writer = NULL;
    } else if (lock->rwlock.reads[self->id]) {
        object_did(lock, "rwlock_unlock", "unlocks", CALLER);
        release(&readers_of(lock)->clock);
        assert(lock->rwlock.readers && !lock->rwlock.writer);
        lock->rwlock.reads[self->id]--;
        lock->rwlock.readers--;
    } else {
        fail(VERDICT_MISUSE, CALLER,
             "pthread_rwlock_unlock is called by %s on %s, which it does not hold.",
             thread_name(self), object_name(lock));
    }
    strategy_orders(lock);
    assert(self->locks_held);
    self->locks_held--;
    return 0;
}
