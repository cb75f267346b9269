/* locks.c - read-write locks, barriers and spinlocks: what is seldom used, in the manner of sync.c.
 */
#include "memory.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

static int destroy(struct object *object, bool in_use, const char *call, uintptr_t pc)
{
    if (in_use)
        fail(VERDICT_MISUSE, pc, "%s is called by %s on %s while it is in use.", call,
             thread_name(self), object_name(object));
    memory_access(object->address, 1, DESTROYS, pc);
    object->destroyed = true;
    story_event(call, story_object(object), pc, "destroys {%u}", story_object(object));
    return 0;
}

static void did(struct object *object, const char *op, const char *text, uintptr_t pc)
{
    memory_access(object->address, 1, CALLS, pc);
    story_event(op, story_object(object), pc, "%s {%u}", text, story_object(object));
}

/* ------------------------------------------------------------------------ read-write locks */

static bool no_writer(const struct thread *thread)
{
    return !thread->object->rwlock.writer;
}

static bool nobody(const struct thread *thread)
{
    return !thread->object->rwlock.writer && !thread->object->rwlock.readers;
}

static int lock_for_reading(struct object *lock, uintptr_t pc)
{
    did(lock, "rwlock_rdlock", "locks, for reading,", pc);
    lock->rwlock.readers++;
    lock->rwlock.reads[self->id]++;
    self->locks_held++;
    acquire(&lock->clock);
    return 0;
}

static int lock_for_writing(struct object *lock, uintptr_t pc)
{
    did(lock, "rwlock_wrlock", "locks, for writing,", pc);
    lock->rwlock.writer = self;
    self->locks_held++;
    acquire(&lock->clock);
    acquire(&lock->rwlock.read_clock);
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

int suite_pthread_rwlock_init(pthread_rwlock_t *lock, const pthread_rwlockattr_t *attributes);
int suite_pthread_rwlock_destroy(pthread_rwlock_t *lock);
int suite_pthread_rwlock_rdlock(pthread_rwlock_t *lock);
int suite_pthread_rwlock_wrlock(pthread_rwlock_t *lock);
int suite_pthread_rwlock_tryrdlock(pthread_rwlock_t *lock);
int suite_pthread_rwlock_trywrlock(pthread_rwlock_t *lock);
int suite_pthread_rwlock_timedrdlock(pthread_rwlock_t *lock, const struct timespec *when);
int suite_pthread_rwlock_timedwrlock(pthread_rwlock_t *lock, const struct timespec *when);
int suite_pthread_rwlock_unlock(pthread_rwlock_t *lock);

int suite_pthread_rwlock_init(pthread_rwlock_t *lock, const pthread_rwlockattr_t *attributes)
{
    (void)attributes;
    object_initialise(lock, OBJECT_RWLOCK, "pthread_rwlock_init", CALLER);
    return 0;
}

int suite_pthread_rwlock_destroy(pthread_rwlock_t *where)
{
    struct object *lock = object_for(where, OBJECT_RWLOCK, "pthread_rwlock_destroy", CALLER);

    return destroy(lock, lock->rwlock.writer || lock->rwlock.readers, "pthread_rwlock_destroy",
                   CALLER);
}

int suite_pthread_rwlock_rdlock(pthread_rwlock_t *lock)
{
    return rwlock_lock(lock, false, "pthread_rwlock_rdlock", CALLER, NULL);
}

int suite_pthread_rwlock_wrlock(pthread_rwlock_t *lock)
{
    return rwlock_lock(lock, true, "pthread_rwlock_wrlock", CALLER, NULL);
}

int suite_pthread_rwlock_tryrdlock(pthread_rwlock_t *lock)
{
    return rwlock_try(lock, false, "pthread_rwlock_tryrdlock", CALLER);
}

int suite_pthread_rwlock_trywrlock(pthread_rwlock_t *lock)
{
    return rwlock_try(lock, true, "pthread_rwlock_trywrlock", CALLER);
}

int suite_pthread_rwlock_timedrdlock(pthread_rwlock_t *lock, const struct timespec *when)
{
    return rwlock_lock(lock, false, "pthread_rwlock_timedrdlock", CALLER, when);
}

int suite_pthread_rwlock_timedwrlock(pthread_rwlock_t *lock, const struct timespec *when)
{
    return rwlock_lock(lock, true, "pthread_rwlock_timedwrlock", CALLER, when);
}

int suite_pthread_rwlock_unlock(pthread_rwlock_t *where)
{
    struct object *lock = object_for(where, OBJECT_RWLOCK, "pthread_rwlock_unlock", CALLER);

    if (run.plan.unlock_is_step)
        step(lock, true, CALLER);
    if (lock->rwlock.writer == self) {
        did(lock, "rwlock_unlock", "unlocks", CALLER);
        release(&lock->clock);
        lock->rwlock.writer = NULL;
    } else if (lock->rwlock.reads[self->id]) {
        did(lock, "rwlock_unlock", "unlocks", CALLER);
        release(&lock->rwlock.read_clock);
        lock->rwlock.reads[self->id]--;
        lock->rwlock.readers--;
    } else {
        fail(VERDICT_MISUSE, CALLER,
             "pthread_rwlock_unlock is called by %s on %s, which it does not hold.",
             thread_name(self), object_name(lock));
    }
    self->locks_held--;
    return 0;
}

/* --------------------------------------------------------------------------------- barriers */

static bool barrier_is_open(const struct thread *thread)
{
    return thread->object->barrier.round != thread->barrier_round;
}

int suite_pthread_barrier_init(pthread_barrier_t *barrier, const pthread_barrierattr_t *attributes,
                               unsigned count);
int suite_pthread_barrier_destroy(pthread_barrier_t *barrier);
int suite_pthread_barrier_wait(pthread_barrier_t *barrier);

int suite_pthread_barrier_init(pthread_barrier_t *where, const pthread_barrierattr_t *attributes,
                               unsigned count)
{
    (void)attributes;
    if (!count)
        return EINVAL;
    object_initialise(where, OBJECT_BARRIER, "pthread_barrier_init", CALLER)->barrier.size = count;
    return 0;
}

int suite_pthread_barrier_destroy(pthread_barrier_t *where)
{
    struct object *barrier = object_for(where, OBJECT_BARRIER, "pthread_barrier_destroy", CALLER);

    return destroy(barrier, barrier->barrier.arrived, "pthread_barrier_destroy", CALLER);
}

int suite_pthread_barrier_wait(pthread_barrier_t *where)
{
    struct object *barrier = object_for(where, OBJECT_BARRIER, "pthread_barrier_wait", CALLER);

    step(barrier, true, CALLER);
    did(barrier, "barrier_wait", "arrives at", CALLER);
    release(&barrier->clock);
    self->barrier_round = barrier->barrier.round;
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

/* -------------------------------------------------------------------------------- spinlocks */

static bool spin_is_free(const struct thread *thread)
{
    return !thread->object->spin.owner;
}

static int take_spin(struct object *lock, uintptr_t pc)
{
    did(lock, "spin_lock", "locks", pc);
    lock->spin.owner = self;
    self->locks_held++;
    acquire(&lock->clock);
    return 0;
}

int suite_pthread_spin_init(pthread_spinlock_t *lock, int shared);
int suite_pthread_spin_destroy(pthread_spinlock_t *lock);
int suite_pthread_spin_lock(pthread_spinlock_t *lock);
int suite_pthread_spin_trylock(pthread_spinlock_t *lock);
int suite_pthread_spin_unlock(pthread_spinlock_t *lock);

int suite_pthread_spin_init(pthread_spinlock_t *lock, int shared)
{
    (void)shared;
    object_initialise((void *)lock, OBJECT_SPIN, "pthread_spin_init", CALLER);
    return 0;
}

int suite_pthread_spin_destroy(pthread_spinlock_t *where)
{
    struct object *lock = object_for((void *)where, OBJECT_SPIN, "pthread_spin_destroy", CALLER);

    return destroy(lock, lock->spin.owner, "pthread_spin_destroy", CALLER);
}

int suite_pthread_spin_lock(pthread_spinlock_t *where)
{
    struct object *lock = object_for((void *)where, OBJECT_SPIN, "pthread_spin_lock", CALLER);

    step_when(spin_is_free, lock, "pthread_spin_lock", CALLER);
    return take_spin(lock, CALLER);
}

int suite_pthread_spin_trylock(pthread_spinlock_t *where)
{
    struct object *lock = object_for((void *)where, OBJECT_SPIN, "pthread_spin_trylock", CALLER);

    run.tried_a_lock = true;
    step(lock, true, CALLER);
    return lock->spin.owner ? EBUSY : take_spin(lock, CALLER);
}

int suite_pthread_spin_unlock(pthread_spinlock_t *where)
{
    struct object *lock = object_for((void *)where, OBJECT_SPIN, "pthread_spin_unlock", CALLER);

    if (lock->spin.owner != self)
        fail(VERDICT_MISUSE, CALLER,
             "pthread_spin_unlock is called by %s on %s, which it does not hold.",
             thread_name(self), object_name(lock));
    if (run.plan.unlock_is_step)
        step(lock, true, CALLER);
    did(lock, "spin_unlock", "unlocks", CALLER);
    release(&lock->clock);
    lock->spin.owner = NULL;
    self->locks_held--;
    return 0;
}
