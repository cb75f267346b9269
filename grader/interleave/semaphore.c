/* semaphore.c - POSIX semaphores: see sync.h. A sleep in sem_wait may end with EINTR: that is what a
 * signal handled meanwhile does, and it counts as a wake-up without cause. */
#include "clock.h"
#include "fail.h"
#include "memory.h"
#include "scheduler.h"
#include "story.h"
#include "sync.h"
#include "../suite/stand_in.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <semaphore.h>

static bool has_tokens(const struct thread *thread)
{
    return thread->object->semaphore.value > 0;
}

static int take(struct object *semaphore, const char *op, uintptr_t pc)
{
    object_touch(semaphore, pc);
    assert(semaphore->semaphore.value);
    semaphore->semaphore.value--;
    made_progress();
    acquire(&semaphore->clock);
    story_event(op, story_object(semaphore), pc, "takes one from {%u}, which leaves %u",
                story_object(semaphore), semaphore->semaphore.value);
    return 0;
}

static int wait_for_token(sem_t *where, const char *call, uintptr_t pc, uint64_t deadline,
                          bool on_realtime)
{
    struct object *semaphore = object_for(where, OBJECT_SEMAPHORE, call, pc);
    unsigned id = story_object(semaphore);

    step(semaphore, true, pc);
    while (!semaphore->semaphore.value) {
        object_touch(semaphore, pc);
        story_event("sem_wait", id, pc, "sleeps on {%u}", id);
        switch (sleep_until(has_tokens, semaphore, call, pc, deadline, on_realtime, true)) {
        case WAKE_SPURIOUS:
            story_event("spurious", id, pc, "wakes on {%u}: a signal was handled (EINTR)", id);
            return fails_with(EINTR);
        case WAKE_TIMEOUT:
            story_event("timeout", id, pc, "wakes on {%u}: its deadline has passed", id);
            return fails_with(ETIMEDOUT);
        case WAKE_READY:
            break;
        }
    }
    return take(semaphore, "sem_wait", pc);
}

STAND_IN(int, sem_init, sem_t *where, int shared, unsigned value)
{
    (void)shared;
    if (value > SEM_VALUE_MAX)
        return fails_with(EINVAL);
    object_initialise(where, OBJECT_SEMAPHORE, "sem_init", CALLER)->semaphore.value = value;
    return 0;
}

STAND_IN(int, sem_destroy, sem_t *where)
{
    return object_destroy(where, OBJECT_SEMAPHORE, "sem_destroy", CALLER);
}

STAND_IN(int, sem_wait, sem_t *semaphore)
{
    return wait_for_token(semaphore, "sem_wait", CALLER, FOREVER, false);
}

STAND_IN(int, sem_trywait, sem_t *where)
{
    struct object *semaphore = object_for(where, OBJECT_SEMAPHORE, "sem_trywait", CALLER);

    step(semaphore, true, CALLER);
    if (semaphore->semaphore.value)
        return take(semaphore, "sem_trywait", CALLER);
    object_touch(semaphore, CALLER);
    story_event("sem_trywait", story_object(semaphore), CALLER, "tries {%u}: nothing there",
                story_object(semaphore));
    return fails_with(EAGAIN);
}

static int wait_on_clock(sem_t *semaphore, const char *call, uintptr_t pc, clockid_t clock,
                         const struct timespec *when)
{
    uint64_t deadline;
    bool on_realtime;

    if (!clock_deadline(clock, when, &deadline,
                        &on_realtime)) { /* POSIX: only looked at to sleep */
        struct object *object = object_for(semaphore, OBJECT_SEMAPHORE, call, pc);
        return object->semaphore.value ? wait_for_token(semaphore, call, pc, 0, false)
                                       : fails_with(EINVAL);
    }
    return wait_for_token(semaphore, call, pc, deadline, on_realtime);
}

STAND_IN(int, sem_timedwait, sem_t *semaphore, const struct timespec *when)
{
    return wait_on_clock(semaphore, "sem_timedwait", CALLER, CLOCK_REALTIME, when);
}

STAND_IN(int, sem_clockwait, sem_t *semaphore, clockid_t clock, const struct timespec *when)
{
    return wait_on_clock(semaphore, "sem_clockwait", CALLER, clock, when);
}

STAND_IN(int, sem_post, sem_t *where)
{
    struct object *semaphore = object_for(where, OBJECT_SEMAPHORE, "sem_post", CALLER);

    step(semaphore, true, CALLER);
    object_touch(semaphore, CALLER);
    if (semaphore->semaphore.value == SEM_VALUE_MAX)
        return fails_with(EOVERFLOW);
    release(&semaphore->clock);
    semaphore->semaphore.value++;
    made_progress();
    story_event("sem_post", story_object(semaphore), CALLER, "posts {%u}, which makes %u",
                story_object(semaphore), semaphore->semaphore.value);
    return 0;
}

STAND_IN(int, sem_getvalue, sem_t *where, int *value)
{
    struct object *semaphore = object_for(where, OBJECT_SEMAPHORE, "sem_getvalue", CALLER);

    step(semaphore, false, CALLER);
    object_touch(semaphore, CALLER);
    memory_access((uintptr_t)value, sizeof *value, WRITE, CALLER);
    *value = (int)semaphore->semaphore.value;
    return 0;
}
