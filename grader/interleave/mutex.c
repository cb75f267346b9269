/* mutex.c - pthread_mutex_*: see mutex.h and sync.h. */
#include "mutex.h"

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

bool mutex_is_free(const struct thread *thread)
{
    const struct object *mutex = thread->and_mutex ? thread->and_mutex : thread->object;

    return !mutex->mutex.owner;
}

void mutex_take(struct object *mutex, uintptr_t pc)
{
    assert(!mutex->mutex.owner);
    object_touch(mutex, pc);
    mutex->mutex.owner = self;
    mutex->mutex.depth = 1;
    self->locks_held++;
    acquire(&mutex->clock);
}

void mutex_drop(struct object *mutex)
{
    assert(mutex->mutex.owner == self && mutex->mutex.depth == 1 && self->locks_held);
    release(&mutex->clock);
    strategy_orders(mutex);
    mutex->mutex.owner = NULL;
    self->locks_held--;
}

int mutex_state(const struct object *mutex)
{
    return mutex->mutex.owner_died ? EOWNERDEAD : 0;
}

void mutexes_outlive(void)
{
    for (uint32_t i = 1; i < object_count; i++) {
        struct object *mutex = &objects[i];
        if (mutex->kind != OBJECT_MUTEX || mutex->mutex.owner != self || !mutex->mutex.robust)
            continue;
        mutex->mutex.depth = 1;
        mutex->mutex.owner_died = true;
        story_event("owner_dead", story_object(mutex), 0, "ends, and leaves {%u} locked",
                    story_object(mutex));
        mutex_drop(mutex);
        made_progress();
    }
}

int mutex_init(void *where, int type, const char *call, uintptr_t pc)
{
    object_initialise(where, OBJECT_MUTEX, call, pc)->mutex.type = type;
    return 0;
}

int mutex_destroy(void *where, const char *call, uintptr_t pc)
{
    return object_destroy(where, OBJECT_MUTEX, call, pc);
}

static int relock(struct object *mutex)
{
    if (mutex->mutex.type == PTHREAD_MUTEX_RECURSIVE) {
        mutex->mutex.depth++;
        return 0;
    }
    return mutex->mutex.type == PTHREAD_MUTEX_ERRORCHECK ? EDEADLK : -1;
}

void mutex_tell_holder(struct object *mutex, const char *op, uintptr_t pc)
{
    if (mutex->mutex.owner)
        story_event(op, story_object(mutex), pc, "waits for {%u}, which {t%u} holds",
                    story_object(mutex), mutex->mutex.owner->id);
}

static int lock(void *where, const char *call, uintptr_t pc, uint64_t deadline, bool on_realtime)
{
    struct object *mutex = object_for(where, OBJECT_MUTEX, call, pc);

    if (mutex->mutex.owner == self) {
        int error = relock(mutex);
        if (error >= 0)
            return error;
    }
    mutex_tell_holder(mutex, "mutex_wait", pc);
    if (sleep_until(mutex_is_free, mutex, call, pc, deadline, on_realtime, false) == WAKE_TIMEOUT)
        return ETIMEDOUT;
    if (mutex->mutex.lost)
        return ENOTRECOVERABLE;
    mutex_take(mutex, pc);
    story_event("mutex_lock", story_object(mutex), pc, "locks {%u}%s", story_object(mutex),
                mutex->mutex.owner_died ? ", whose owner died" : "");
    return mutex_state(mutex);
}

int mutex_lock(void *where, const char *call, uintptr_t pc)
{
    return lock(where, call, pc, FOREVER, false);
}

int mutex_timedlock(void *where, clockid_t clock, const struct timespec *when, const char *call,
                    uintptr_t pc)
{
    uint64_t deadline;
    bool on_realtime;

    run.tried_a_lock = true;
    if (!clock_deadline(clock, when, &deadline, &on_realtime))
        return EINVAL;
    return lock(where, call, pc, deadline, on_realtime);
}

int mutex_trylock(void *where, const char *call, uintptr_t pc)
{
    struct object *mutex = object_for(where, OBJECT_MUTEX, call, pc);

    run.tried_a_lock = true;
    step(mutex, true, pc);
    if (mutex->mutex.owner == self && mutex->mutex.type == PTHREAD_MUTEX_RECURSIVE)
        return relock(mutex);
    if (mutex->mutex.owner) {
        object_touch(mutex, pc);
        story_event("mutex_trylock", story_object(mutex), pc, "tries {%u}: {t%u} holds it",
                    story_object(mutex), mutex->mutex.owner->id);
        return EBUSY;
    }
    if (mutex->mutex.lost)
        return ENOTRECOVERABLE;
    mutex_take(mutex, pc);
    story_event("mutex_trylock", story_object(mutex), pc, "tries {%u}, and locks it",
                story_object(mutex));
    return mutex_state(mutex);
}

static int not_owner(struct object *mutex, const char *call, uintptr_t pc)
{
    if (mutex->mutex.type == PTHREAD_MUTEX_RECURSIVE ||
        mutex->mutex.type == PTHREAD_MUTEX_ERRORCHECK)
        return EPERM;
    if (!mutex->mutex.owner)
        fail(VERDICT_MISUSE, pc, "%s is called by %s on %s, which is not locked.", call,
             thread_name(self), object_name(mutex));
    fail(VERDICT_MISUSE, pc, "%s is called by %s on %s, which %s holds.", call, thread_name(self),
         object_name(mutex), thread_name(mutex->mutex.owner));
}

int mutex_unlock(void *where, const char *call, uintptr_t pc)
{
    struct object *mutex = object_for(where, OBJECT_MUTEX, call, pc);

    if (mutex->mutex.owner != self)
        return not_owner(mutex, call, pc);
    if (mutex->mutex.depth > 1) {
        mutex->mutex.depth--;
        return 0;
    }
    if (run.plan.unlock_is_step)
        step(mutex, true, pc);
    object_touch(mutex, pc);
    mutex->mutex.lost = mutex->mutex.owner_died;
    mutex_drop(mutex);
    story_event("mutex_unlock", story_object(mutex), pc, "unlocks {%u}", story_object(mutex));
    return 0;
}

/* ------------------------------------------------------------------------------ pthread's calls */

STAND_IN(int, pthread_mutex_init, pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes)
{
    int type = PTHREAD_MUTEX_DEFAULT, robust = PTHREAD_MUTEX_STALLED;

    if (attributes) {
        pthread_mutexattr_gettype(attributes, &type);
        pthread_mutexattr_getrobust(attributes, &robust);
    }
    mutex_init(mutex, type, "pthread_mutex_init", CALLER);
    if (robust == PTHREAD_MUTEX_ROBUST)
        object_for(mutex, OBJECT_MUTEX, "pthread_mutex_init", CALLER)->mutex.robust = true;
    return 0;
}

STAND_IN(int, pthread_mutex_consistent, pthread_mutex_t *where)
{
    struct object *mutex = object_for(where, OBJECT_MUTEX, "pthread_mutex_consistent", CALLER);

    if (!mutex->mutex.robust || !mutex->mutex.owner_died || mutex->mutex.owner != self)
        return EINVAL;
    mutex->mutex.owner_died = false;
    story_event("mutex_consistent", story_object(mutex), CALLER, "makes {%u} consistent again",
                story_object(mutex));
    return 0;
}

STAND_IN(int, pthread_mutex_destroy, pthread_mutex_t *mutex)
{
    return mutex_destroy(mutex, "pthread_mutex_destroy", CALLER);
}

STAND_IN(int, pthread_mutex_lock, pthread_mutex_t *mutex)
{
    return mutex_lock(mutex, "pthread_mutex_lock", CALLER);
}

STAND_IN(int, pthread_mutex_trylock, pthread_mutex_t *mutex)
{
    return mutex_trylock(mutex, "pthread_mutex_trylock", CALLER);
}

STAND_IN(int, pthread_mutex_timedlock, pthread_mutex_t *mutex, const struct timespec *when)
{
    return mutex_timedlock(mutex, CLOCK_REALTIME, when, "pthread_mutex_timedlock", CALLER);
}

STAND_IN(int, pthread_mutex_clocklock, pthread_mutex_t *mutex, clockid_t clock,
         const struct timespec *when)
{
    return mutex_timedlock(mutex, clock, when, "pthread_mutex_clocklock", CALLER);
}

STAND_IN(int, pthread_mutex_unlock, pthread_mutex_t *mutex)
{
    return mutex_unlock(mutex, "pthread_mutex_unlock", CALLER);
}
