/* cond.c - pthread_cond_*: see cond.h and sync.h. */
#include "cond.h"

#include "clock.h"
#include "fail.h"
#include "mutex.h"
#include "scheduler.h"
#include "story.h"
#include "strategy.h"
#include "sync.h"
#include "../suite/stand_in.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>

int cond_init(void *where, clockid_t clock, const char *call, uintptr_t pc)
{
    struct object *cond = object_initialise(where, OBJECT_COND, call, pc);

    cond->cond.clock = clock;
    cond->cond.last_signaller = -1;
    return 0;
}

int cond_destroy(void *where, const char *call, uintptr_t pc)
{
    return object_destroy(where, OBJECT_COND, call, pc);
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
             "%s is called by %s on %s with another mutex than the threads asleep on it.", call,
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

/* The mutex is given back, and the thread sleeps. A signal makes it wait for the mutex instead;
 * otherwise it has to do so itself. */
static enum wake sleep_on(struct object *cond, struct object *mutex, const char *call, uintptr_t pc,
                          uint64_t deadline, bool on_realtime)
{
    static unsigned long queue;

    object_touch(cond, pc);
    object_touch(mutex, pc);
    cond->cond.mutex = mutex;
    self->queued = ++queue;
    self->and_mutex = mutex;
    story_event("cond_wait", story_object(cond), pc, "unlocks {%u} and sleeps on {%u}",
                story_object(mutex), story_object(cond));
    if (mutex->mutex.depth == 1)
        mutex_drop(mutex);
    enum wake wake = sleep_until(never, cond, call, pc, deadline, on_realtime, true);
    if (wake == WAKE_READY)
        strategy_orders(self->own);
    else {
        self->and_mutex = NULL;
        object_touch(cond, pc);
        if (mutex->mutex.owner) {
            tell_wake(wake, cond, NULL, pc);
            mutex_tell_holder(mutex, "mutex_wait", pc);
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
        assert(run.early_left);
        run.early_left--;
        run.now = deadline;
        strategy_touch(run.clock_object, true);
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
    if (mutex->mutex.lost)
        return ENOTRECOVERABLE;
    mutex_take(mutex, pc);
    tell_wake(wake, cond, mutex, pc);
    return mutex_state(mutex) ? mutex_state(mutex) : wake == WAKE_TIMEOUT ? ETIMEDOUT : 0;
}

static void wake(struct thread *sleeper)
{
    assert(sleeper->and_mutex && sleeper->interruptible);
    sleeper->object = sleeper->and_mutex;
    sleeper->ready = mutex_is_free;
    sleeper->deadline = FOREVER;
    sleeper->interruptible = sleeper->early = false;
    strategy_orders(sleeper->own);
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
    object_touch(cond, pc);
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

/* ------------------------------------------------------------------------------ pthread's calls */

STAND_IN(int, pthread_cond_init, pthread_cond_t *cond, const pthread_condattr_t *attributes)
{
    clockid_t clock = CLOCK_REALTIME;

    if (attributes)
        pthread_condattr_getclock(attributes, &clock);
    return cond_init(cond, clock, "pthread_cond_init", CALLER);
}

STAND_IN(int, pthread_cond_destroy, pthread_cond_t *cond)
{
    return cond_destroy(cond, "pthread_cond_destroy", CALLER);
}

STAND_IN(int, pthread_cond_wait, pthread_cond_t *cond, pthread_mutex_t *mutex)
{
    return cond_wait(cond, mutex, "pthread_cond_wait", CALLER, CLOCK_REALTIME, NULL);
}

STAND_IN(int, pthread_cond_timedwait, pthread_cond_t *cond, pthread_mutex_t *mutex,
         const struct timespec *deadline)
{
    clockid_t clock = cond_clock(cond, "pthread_cond_timedwait", CALLER);

    return cond_wait(cond, mutex, "pthread_cond_timedwait", CALLER, clock, deadline);
}

STAND_IN(int, pthread_cond_clockwait, pthread_cond_t *cond, pthread_mutex_t *mutex, clockid_t clock,
         const struct timespec *deadline)
{
    return cond_wait(cond, mutex, "pthread_cond_clockwait", CALLER, clock, deadline);
}

STAND_IN(int, pthread_cond_signal, pthread_cond_t *cond)
{
    return cond_wake(cond, false, "pthread_cond_signal", CALLER);
}

STAND_IN(int, pthread_cond_broadcast, pthread_cond_t *cond)
{
    return cond_wake(cond, true, "pthread_cond_broadcast", CALLER);
}
