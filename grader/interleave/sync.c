/* sync.c - mutexes, condition variables, read-write locks, barriers, once flags, spinlocks.
 *
 * Every call first makes sure of its object (object_for), takes a step, and then does at once what
 * the real call does. The access that counts for the memory checks is the one after the step. */
#include "memory.h"
#include "strategy.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* ---------------------------------------------------------------------------------- objects */

static const size_t sizes[OBJECT_KINDS] = {
    [OBJECT_MUTEX] = sizeof(pthread_mutex_t),   [OBJECT_COND] = sizeof(pthread_cond_t),
    [OBJECT_RWLOCK] = sizeof(pthread_rwlock_t), [OBJECT_BARRIER] = sizeof(pthread_barrier_t),
    [OBJECT_SPIN] = sizeof(pthread_spinlock_t),
};
enum { FRESH = 0xbe }; /* heap.c fills fresh memory with it */

static bool was_never_written(const unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != FRESH)
            return false;
    return size > 0;
}

static void adopt(struct object *object, const void *where, const char *call)
{
    if (was_never_written(where, sizes[object->kind]))
        fail(VERDICT_MISUSE, object->pc,
             "%s is called by %s on memory in which nothing was initialised.", call,
             thread_name(self));
    if (object->kind == OBJECT_SEMAPHORE)
        fail(VERDICT_MISUSE, object->pc,
             "%s is called by %s on a semaphore that was never initialised.", call,
             thread_name(self));
    if (object->kind == OBJECT_MUTEX)
        object->mutex.type = ((const pthread_mutex_t *)where)->__data.__kind & 3;
    if (object->kind == OBJECT_COND) {
        object->cond.clock = CLOCK_REALTIME;
        object->cond.last_signaller = -1;
    }
}

struct object *object_for(void *where, enum kind kind, const char *call, uintptr_t pc)
{
    bool created;

    if (!where)
        fail(VERDICT_CRASHED, pc, "%s is called by %s with NULL.", call, thread_name(self));
    memory_access((uintptr_t)where, 1, CALLS, pc);
    struct object *object = object_at(where, kind, pc, &created);
    if (created)
        adopt(object, where, call);
    if (object->destroyed)
        fail(VERDICT_MISUSE, pc, "%s is called by %s on %s, which was destroyed before.", call,
             thread_name(self), object_name(object));
    return object;
}

static void touch(const struct object *object, uintptr_t pc)
{
    memory_access(object->address, 1, CALLS, pc);
}

struct object *object_initialise(void *where, enum kind kind, const char *call, uintptr_t pc)
{
    bool created;

    if (!where)
        fail(VERDICT_CRASHED, pc, "%s is called by %s with NULL.", call, thread_name(self));
    memory_access((uintptr_t)where, sizes[kind], WRITE, pc);
    struct object *object = object_at(where, kind, pc, &created);
    story_event(call, story_object(object), pc, "initialises {%u}", story_object(object));
    return object;
}

static bool somebody_sleeps_on(const struct object *object)
{
    for (unsigned t = 0; t < run.thread_count; t++) {
        const struct thread *thread = &run.threads[t];
        if (thread != self && !is_over(thread) && thread->object == object && thread->call)
            return true;
    }
    return false;
}

static void destroy(struct object *object, const char *call, uintptr_t pc)
{
    if (somebody_sleeps_on(object))
        fail(VERDICT_USE_AFTER_FREE, pc,
             "%s is called by %s on %s while another thread is inside a call on it.", call,
             thread_name(self), object_name(object));
    memory_access(object->address, 1, DESTROYS, pc);
    object->destroyed = true;
    story_event(call, story_object(object), pc, "destroys {%u}", story_object(object));
}

/* ---------------------------------------------------------------------------------- mutexes */

static bool mutex_is_free(const struct thread *thread)
{
    const struct object *mutex = thread->and_mutex ? thread->and_mutex : thread->object;

    return !mutex->mutex.owner;
}

static void take_mutex(struct object *mutex, uintptr_t pc)
{
    touch(mutex, pc);
    mutex->mutex.owner = self;
    mutex->mutex.depth = 1;
    self->locks_held++;
    acquire(&mutex->clock);
}

static void drop_mutex(struct object *mutex)
{
    release(&mutex->clock);
    mutex->mutex.owner = NULL;
    self->locks_held--;
}

int mutex_init(void *where, int type, const char *call, uintptr_t pc)
{
    object_initialise(where, OBJECT_MUTEX, call, pc)->mutex.type = type;
    return 0;
}

int mutex_destroy(void *where, const char *call, uintptr_t pc)
{
    struct object *mutex = object_for(where, OBJECT_MUTEX, call, pc);

    if (mutex->mutex.owner)
        fail(VERDICT_MISUSE, pc, "%s is called by %s on %s, which %s holds.", call,
             thread_name(self), object_name(mutex),
             mutex->mutex.owner == self ? "it still" : thread_name(mutex->mutex.owner));
    destroy(mutex, call, pc);
    return 0;
}

static int relock(struct object *mutex)
{
    if (mutex->mutex.type == PTHREAD_MUTEX_RECURSIVE) {
        mutex->mutex.depth++;
        return 0;
    }
    return mutex->mutex.type == PTHREAD_MUTEX_ERRORCHECK ? EDEADLK : -1;
}

static void tell_holder(struct object *mutex, const char *op, uintptr_t pc)
{
    if (mutex->mutex.owner)
        story_event(op, story_object(mutex), pc, "waits for {%u}, which {t%u} holds",
                    story_object(mutex), mutex->mutex.owner->id);
}

int mutex_lock(void *where, const char *call, uintptr_t pc, uint64_t deadline, bool on_realtime)
{
    struct object *mutex = object_for(where, OBJECT_MUTEX, call, pc);

    if (mutex->mutex.owner == self) {
        int error = relock(mutex);
        if (error >= 0)
            return error;
    }
    tell_holder(mutex, "mutex_wait", pc);
    if (sleep_until(mutex_is_free, mutex, call, pc, deadline, on_realtime, false) == WAKE_TIMEOUT)
        return ETIMEDOUT;
    take_mutex(mutex, pc);
    story_event("mutex_lock", story_object(mutex), pc, "locks {%u}", story_object(mutex));
    return 0;
}

int mutex_trylock(void *where, const char *call, uintptr_t pc)
{
    struct object *mutex = object_for(where, OBJECT_MUTEX, call, pc);

    run.tried_a_lock = true;
    step(mutex, true, pc);
    if (mutex->mutex.owner == self && mutex->mutex.type == PTHREAD_MUTEX_RECURSIVE)
        return relock(mutex);
    if (mutex->mutex.owner) {
        touch(mutex, pc);
        story_event("mutex_trylock", story_object(mutex), pc, "tries {%u}: {t%u} holds it",
                    story_object(mutex), mutex->mutex.owner->id);
        return EBUSY;
    }
    take_mutex(mutex, pc);
    story_event("mutex_trylock", story_object(mutex), pc, "tries {%u}, and locks it",
                story_object(mutex));
    return 0;
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
    touch(mutex, pc);
    drop_mutex(mutex);
    story_event("mutex_unlock", story_object(mutex), pc, "unlocks {%u}", story_object(mutex));
    return 0;
}

/* ------------------------------------------------------------------- condition variables */

int cond_init(void *where, clockid_t clock, const char *call, uintptr_t pc)
{
    struct object *cond = object_initialise(where, OBJECT_COND, call, pc);

    cond->cond.clock = clock;
    cond->cond.last_signaller = -1;
    return 0;
}

int cond_destroy(void *where, const char *call, uintptr_t pc)
{
    destroy(object_for(where, OBJECT_COND, call, pc), call, pc);
    return 0;
}

clockid_t cond_clock(void *where, const char *call, uintptr_t pc)
{
    return object_for(where, OBJECT_COND, call, pc)->cond.clock;
}

static struct thread *first_sleeper(const struct object *cond, unsigned long after)
{
    struct thread *first = NULL;

    for (unsigned t = 0; t < run.thread_count; t++) {
        struct thread *thread = &run.threads[t];
        if (!is_over(thread) && thread->object == cond && thread->and_mutex &&
            thread->queued > after && (!first || thread->queued < first->queued))
            first = thread;
    }
    return first;
}

static void check_wait(struct object *cond, const struct object *mutex, const char *call,
                       uintptr_t pc)
{
    if (mutex->mutex.owner != self)
        fail(VERDICT_MISUSE, pc, "%s is called by %s without holding the mutex.", call,
             thread_name(self));
    if (cond->cond.mutex != mutex && first_sleeper(cond, 0))
        fail(VERDICT_MISUSE, pc,
             "%s is called by %s on %s with another mutex than those who sleep on it.", call,
             thread_name(self), object_name(cond));
}

static const char *how_it_woke(enum wake wake)
{
    return wake == WAKE_SPURIOUS ? "spurious" : wake == WAKE_TIMEOUT ? "timeout" : "wakes";
}

static void tell_wake(enum wake wake, struct object *cond, struct object *mutex, uintptr_t pc)
{
    static const char *const why[] = {[WAKE_READY] = "wakes",
                                      [WAKE_SPURIOUS] = "wakes without cause (spurious wake-up)",
                                      [WAKE_TIMEOUT] = "wakes: its deadline has passed"};

    story_event(how_it_woke(wake), story_object(cond), pc, "%s%s{%u}", why[wake],
                mutex ? ", and locks " : " on ", story_object(mutex ? mutex : cond));
}

/* The mutex is given back, and the thread sleeps. Who signals makes it wait for the mutex instead;
 * otherwise it has to do so itself. */
static enum wake sleep_on(struct object *cond, struct object *mutex, const char *call, uintptr_t pc,
                          uint64_t deadline, bool on_realtime)
{
    static unsigned long queue;

    touch(cond, pc);
    touch(mutex, pc);
    cond->cond.mutex = mutex;
    self->queued = ++queue;
    self->and_mutex = mutex;
    story_event("cond_wait", story_object(cond), pc, "unlocks {%u} and sleeps on {%u}",
                story_object(mutex), story_object(cond));
    if (mutex->mutex.depth == 1)
        drop_mutex(mutex);
    enum wake wake = sleep_until(never, cond, call, pc, deadline, on_realtime, true);
    if (wake != WAKE_READY) {
        self->and_mutex = NULL;
        touch(cond, pc);
        if (mutex->mutex.owner) {
            tell_wake(wake, cond, NULL, pc);
            tell_holder(mutex, "mutex_wait", pc);
        }
        step_when(mutex_is_free, mutex, call, pc);
    }
    self->and_mutex = NULL;
    return wake;
}

/* A wait that has been signalled may still say that its deadline passed, if that came before it had
 * the mutex again: POSIX lets a timed wait use up a signal and say ETIMEDOUT. Drawn, and, where the
 * deadline is yet to come, one of the few jumps of the clock that a schedule has. */
static enum wake late_perhaps(enum wake wake, uint64_t deadline)
{
    bool passed = deadline <= run.now;

    if (wake != WAKE_READY || deadline == FOREVER || (!passed && !run.early_left))
        return wake;
    if (run.settling || !strategy_draw(2, true))
        return wake;
    if (!passed) {
        run.early_left--;
        run.now = deadline;
    }
    return WAKE_TIMEOUT;
}

int cond_wait(void *where, void *where_mutex, const char *call, uintptr_t pc, clockid_t clock,
              const struct timespec *when)
{
    struct object *cond = object_for(where, OBJECT_COND, call, pc);
    struct object *mutex = object_for(where_mutex, OBJECT_MUTEX, call, pc);
    uint64_t deadline = FOREVER;
    bool on_realtime = false;

    check_wait(cond, mutex, call, pc);
    step(cond, true, pc);
    if (when && !clock_deadline(clock, when, &deadline, &on_realtime))
        return EINVAL;
    enum wake wake = late_perhaps(sleep_on(cond, mutex, call, pc, deadline, on_realtime), deadline);
    take_mutex(mutex, pc);
    tell_wake(wake, cond, mutex, pc);
    return wake == WAKE_TIMEOUT ? ETIMEDOUT : 0;
}

static void wake(struct thread *sleeper)
{
    sleeper->object = sleeper->and_mutex;
    sleeper->ready = mutex_is_free;
    sleeper->deadline = FOREVER;
    sleeper->interruptible = false;
    made_progress();
}

static struct thread *choose_sleeper(const struct object *cond)
{
    unsigned n = 0;
    struct thread *sleeper = NULL;

    while ((sleeper = first_sleeper(cond, sleeper ? sleeper->queued : 0)))
        n++;
    if (!n)
        return NULL;
    sleeper = first_sleeper(cond, 0);
    for (unsigned k = strategy_draw(n, false); k; k--)
        sleeper = first_sleeper(cond, sleeper->queued);
    return sleeper;
}

int cond_wake(void *where, bool all, const char *call, uintptr_t pc)
{
    struct object *cond = object_for(where, OBJECT_COND, call, pc);
    const char *verb = all ? "broadcasts" : "signals", *op = all ? "cond_broadcast" : "cond_signal";
    unsigned id = story_object(cond);

    step(cond, true, pc);
    touch(cond, pc);
    struct thread *sleeper = all ? first_sleeper(cond, 0) : choose_sleeper(cond);
    cond->cond.last_signaller = (int)self->id;
    if (!sleeper)
        story_event(op, id, pc, "%s {%u}: nobody sleeps on it", verb, id);
    for (; sleeper; sleeper = all ? first_sleeper(cond, 0) : NULL) {
        wake(sleeper);
        story_event(op, id, pc, "%s {%u}: wakes {t%u}", verb, id, sleeper->id);
    }
    cond->cond.last_signal = story_now();
    return 0;
}

/* -------------------------------------------------------------------------- pthread's calls */

int suite_pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes);
int suite_pthread_mutex_destroy(pthread_mutex_t *mutex);
int suite_pthread_mutex_lock(pthread_mutex_t *mutex);
int suite_pthread_mutex_trylock(pthread_mutex_t *mutex);
int suite_pthread_mutex_timedlock(pthread_mutex_t *mutex, const struct timespec *deadline);
int suite_pthread_mutex_clocklock(pthread_mutex_t *mutex, clockid_t clock,
                                  const struct timespec *deadline);
int suite_pthread_mutex_unlock(pthread_mutex_t *mutex);
int suite_pthread_cond_init(pthread_cond_t *cond, const pthread_condattr_t *attributes);
int suite_pthread_cond_destroy(pthread_cond_t *cond);
int suite_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex);
int suite_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex,
                                 const struct timespec *deadline);
int suite_pthread_cond_clockwait(pthread_cond_t *cond, pthread_mutex_t *mutex, clockid_t clock,
                                 const struct timespec *deadline);
int suite_pthread_cond_signal(pthread_cond_t *cond);
int suite_pthread_cond_broadcast(pthread_cond_t *cond);

int suite_pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes)
{
    int type = PTHREAD_MUTEX_DEFAULT;

    if (attributes)
        pthread_mutexattr_gettype(attributes, &type);
    return mutex_init(mutex, type, "pthread_mutex_init", CALLER);
}

int suite_pthread_mutex_destroy(pthread_mutex_t *mutex)
{
    return mutex_destroy(mutex, "pthread_mutex_destroy", CALLER);
}

int suite_pthread_mutex_lock(pthread_mutex_t *mutex)
{
    return mutex_lock(mutex, "pthread_mutex_lock", CALLER, FOREVER, false);
}

int suite_pthread_mutex_trylock(pthread_mutex_t *mutex)
{
    return mutex_trylock(mutex, "pthread_mutex_trylock", CALLER);
}

int suite_pthread_mutex_clocklock(pthread_mutex_t *mutex, clockid_t clock,
                                  const struct timespec *when)
{
    uint64_t deadline;
    bool on_realtime;

    run.tried_a_lock = true;
    if (!clock_deadline(clock, when, &deadline, &on_realtime))
        return EINVAL;
    return mutex_lock(mutex, "pthread_mutex_timedlock", CALLER, deadline, on_realtime);
}

int suite_pthread_mutex_timedlock(pthread_mutex_t *mutex, const struct timespec *when)
{
    uint64_t deadline;
    bool on_realtime;

    run.tried_a_lock = true;
    if (!clock_deadline(CLOCK_REALTIME, when, &deadline, &on_realtime))
        return EINVAL;
    return mutex_lock(mutex, "pthread_mutex_timedlock", CALLER, deadline, on_realtime);
}

int suite_pthread_mutex_unlock(pthread_mutex_t *mutex)
{
    return mutex_unlock(mutex, "pthread_mutex_unlock", CALLER);
}

int suite_pthread_cond_init(pthread_cond_t *cond, const pthread_condattr_t *attributes)
{
    clockid_t clock = CLOCK_REALTIME;

    if (attributes)
        pthread_condattr_getclock(attributes, &clock);
    return cond_init(cond, clock, "pthread_cond_init", CALLER);
}

int suite_pthread_cond_destroy(pthread_cond_t *cond)
{
    return cond_destroy(cond, "pthread_cond_destroy", CALLER);
}

int suite_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex)
{
    return cond_wait(cond, mutex, "pthread_cond_wait", CALLER, CLOCK_REALTIME, NULL);
}

int suite_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex,
                                 const struct timespec *deadline)
{
    clockid_t clock = cond_clock(cond, "pthread_cond_timedwait", CALLER);

    return cond_wait(cond, mutex, "pthread_cond_timedwait", CALLER, clock, deadline);
}

int suite_pthread_cond_clockwait(pthread_cond_t *cond, pthread_mutex_t *mutex, clockid_t clock,
                                 const struct timespec *deadline)
{
    return cond_wait(cond, mutex, "pthread_cond_clockwait", CALLER, clock, deadline);
}

int suite_pthread_cond_signal(pthread_cond_t *cond)
{
    return cond_wake(cond, false, "pthread_cond_signal", CALLER);
}

int suite_pthread_cond_broadcast(pthread_cond_t *cond)
{
    return cond_wake(cond, true, "pthread_cond_broadcast", CALLER);
}

/* -------------------------------------------------------------------------------- once flags */

static bool once_is_settled(const struct thread *thread)
{
    return !thread->object->once.runner;
}

int once(void *where, void (*init)(void), const char *call, uintptr_t pc)
{
    struct object *flag = object_for(where, OBJECT_ONCE, call, pc);

    step_when(once_is_settled, flag, call, pc);
    touch(flag, pc);
    if (!flag->once.done) {
        flag->once.runner = self;
        story_event("once", story_object(flag), pc, "is the first at {%u}", story_object(flag));
        init();
        flag->once.runner = NULL;
        flag->once.done = true;
        release(&flag->clock);
        made_progress();
    }
    acquire(&flag->clock);
    return 0;
}

int suite_pthread_once(pthread_once_t *flag, void (*init)(void));

int suite_pthread_once(pthread_once_t *flag, void (*init)(void))
{
    return once(flag, init, "pthread_once", CALLER);
}
