/* clock.c - virtual time: see clock.h. It passes when everybody sleeps (to the first deadline), when the
 * strategy lets it, and by a microsecond each time somebody looks.
 *
 * The two clocks have nothing in common: the monotonic one says that the machine started a quarter
 * of an hour ago, the other one that it is the year 2030. And once in a schedule CLOCK_REALTIME may
 * be set an hour ahead while somebody sleeps by it: such a sleep ends early, and a call that must
 * not return before a monotonic deadline has to notice. It is never set back, which could only
 * make a sleep too long. */
#include "clock.h"

#include "memory.h"
#include "object.h"
#include "scheduler.h"
#include "story.h"
#include "strategy.h"
#include "../suite/stand_in.h"

#include <errno.h>
#include <sys/time.h>
#include <threads.h>
#include <unistd.h>

#define SECOND UINT64_C(1000000000)
#define HOUR (3600 * SECOND)
#define TICK (SECOND / 250) /* by which the coarse clocks go, on most machines */
#define CENTURIES                                                                                  \
    UINT64_C(6000000000) /* in seconds; a count of nanoseconds in 64 bits holds more */

/* The clocks at the start of a schedule. Not whole seconds: a sum of nanoseconds needs its carry. */
#define FIRST_MONOTONIC UINT64_C(1000654321098)
#define FIRST_REALTIME UINT64_C(1900000000987654321)

void clock_begin(void)
{
    run.now = FIRST_MONOTONIC;
    run.realtime_offset = (int64_t)(FIRST_REALTIME - FIRST_MONOTONIC);
    run.clock_object = object_new(OBJECT_CLOCK, 0);
}

static bool is_realtime(clockid_t clock)
{
    return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
}

static bool is_coarse(clockid_t clock)
{
    return clock == CLOCK_REALTIME_COARSE || clock == CLOCK_MONOTONIC_COARSE;
}

static bool is_valid(const struct timespec *when)
{
    return when->tv_nsec >= 0 && when->tv_nsec < (long)SECOND;
}

/* Nobody sleeps for centuries: such a time never comes. */
static uint64_t in_nanoseconds(const struct timespec *when)
{
    if (when->tv_sec < 0)
        return 0;
    if ((uint64_t)when->tv_sec >= CENTURIES)
        return FOREVER;
    return (uint64_t)when->tv_sec * SECOND + (uint64_t)when->tv_nsec;
}

static uint64_t later(uint64_t nanoseconds)
{
    return nanoseconds < FOREVER - run.now ? run.now + nanoseconds : FOREVER;
}

uint64_t clock_after(const struct timespec *length)
{
    return length ? later(in_nanoseconds(length)) : FOREVER;
}

/* CLOCK_REALTIME is set an hour ahead: whatever sleeps by it wakes an hour earlier. */
static void set_realtime(uintptr_t pc)
{
    run.clock_was_set = true;
    strategy_touch(run.clock_object, true);
    run.realtime_offset += (int64_t)HOUR;
    for (unsigned t = 0; t < run.thread_count; t++) {
        struct thread *thread = &run.threads[t];
        if (thread->on_realtime && thread->deadline != FOREVER)
            thread->deadline = thread->deadline > HOUR ? thread->deadline - HOUR : 0;
    }
    story_event("clock_jump", story_object(run.clock_object), pc,
                "somebody sets CLOCK_REALTIME an hour ahead");
}

bool clock_deadline(clockid_t clock, const struct timespec *when, uint64_t *deadline,
                    bool *on_realtime)
{
    *on_realtime = is_realtime(clock);
    if (!is_valid(when))
        return false;
    uint64_t at = in_nanoseconds(when);
    *deadline = at;
    if (!*on_realtime || at == FOREVER)
        return true;
    uint64_t offset = (uint64_t)run.realtime_offset;
    *deadline = at > offset ? at - offset : 0;
    strategy_touch(run.clock_object, false);
    if (*deadline > run.now && !run.clock_was_set && run.plan.spurious &&
        (run.live > 1 || run.plan.draws_events) && strategy_chance(CLOCK_SET_ONE_IN)) {
        set_realtime(self->call_pc);
        *deadline = *deadline > HOUR ? *deadline - HOUR : 0;
    }
    return true;
}

static uint64_t look(clockid_t clock, uintptr_t pc)
{
    step(run.clock_object, true, pc);
    run.now += LOOK_AT_CLOCK_NS;
    uint64_t now = is_coarse(clock) ? run.now - run.now % TICK : run.now;
    return now + (is_realtime(clock) ? (uint64_t)run.realtime_offset : 0);
}

static struct timespec as_timespec(uint64_t nanoseconds)
{
    return (struct timespec){.tv_sec = (time_t)(nanoseconds / SECOND),
                             .tv_nsec = (long)(nanoseconds % SECOND)};
}

/* False: a signal was handled meanwhile. */
static bool sleep_to(uint64_t deadline, bool on_realtime, const char *call, uintptr_t pc)
{
    story_event("sleep", 0, pc, "sleeps in %s", call);
    self->takes_signals = true;
    return sleep_until(never, run.clock_object, call, pc, deadline, on_realtime, false) !=
           WAKE_SPURIOUS;
}

static bool sleep_for(uint64_t nanoseconds, const char *call, uintptr_t pc)
{
    strategy_touch(run.clock_object, false);
    return sleep_to(later(nanoseconds), false, call, pc);
}

STAND_IN(int, clock_gettime, clockid_t clock, struct timespec *now)
{
    memory_access((uintptr_t)now, sizeof *now, WRITE, CALLER);
    *now = as_timespec(look(clock, CALLER));
    return 0;
}

STAND_IN(int, clock_getres, clockid_t clock, struct timespec *resolution)
{
    if (resolution)
        *resolution = (struct timespec){.tv_nsec = is_coarse(clock) ? (long)TICK : 1};
    return 0;
}

STAND_IN(int, timespec_get, struct timespec *now, int base)
{
    memory_access((uintptr_t)now, sizeof *now, WRITE, CALLER);
    *now = as_timespec(look(CLOCK_REALTIME, CALLER));
    return base;
}

STAND_IN(time_t, time, time_t *now)
{
    time_t seconds = (time_t)(look(CLOCK_REALTIME, CALLER) / SECOND);

    if (now) {
        memory_access((uintptr_t)now, sizeof *now, WRITE, CALLER);
        *now = seconds;
    }
    return seconds;
}

STAND_IN(int, gettimeofday, struct timeval *now, void *zone)
{
    uint64_t at = look(CLOCK_REALTIME, CALLER);

    (void)zone;
    memory_access((uintptr_t)now, sizeof *now, WRITE, CALLER);
    *now = (struct timeval){.tv_sec = (time_t)(at / SECOND),
                            .tv_usec = (suseconds_t)(at % SECOND / 1000)};
    return 0;
}

/* What is left of a sleep that a signal has ended. */
static void tell_left(struct timespec *left, uint64_t deadline, uintptr_t pc)
{
    if (!left)
        return;
    memory_access((uintptr_t)left, sizeof *left, WRITE, pc);
    *left = as_timespec(deadline > run.now ? deadline - run.now : 0);
}

STAND_IN(int, nanosleep, const struct timespec *length, struct timespec *left)
{
    if (!is_valid(length)) {
        errno = EINVAL;
        return -1;
    }
    uint64_t nanoseconds = in_nanoseconds(length), deadline = run.now + nanoseconds;
    if (sleep_for(nanoseconds, "nanosleep", CALLER))
        return 0;
    tell_left(left, deadline, CALLER);
    errno = EINTR;
    return -1;
}

STAND_IN(int, clock_nanosleep, clockid_t clock, int flags, const struct timespec *when,
         struct timespec *left)
{
    uint64_t deadline;
    bool on_realtime;

    if (!is_valid(when))
        return EINVAL;
    if (flags & TIMER_ABSTIME) {
        clock_deadline(clock, when, &deadline, &on_realtime);
        return sleep_to(deadline, on_realtime, "clock_nanosleep", CALLER) ? 0 : EINTR;
    }
    deadline = run.now + in_nanoseconds(when);
    if (sleep_for(in_nanoseconds(when), "clock_nanosleep", CALLER))
        return 0;
    tell_left(left, deadline, CALLER);
    return EINTR;
}

STAND_IN(int, usleep, useconds_t length)
{
    if (sleep_for((uint64_t)length * 1000, "usleep", CALLER))
        return 0;
    errno = EINTR;
    return -1;
}

STAND_IN(unsigned, sleep, unsigned seconds)
{
    uint64_t deadline = run.now + seconds * SECOND;

    if (sleep_for(seconds * SECOND, "sleep", CALLER) || deadline < run.now)
        return 0;
    return (unsigned)((deadline - run.now + SECOND - 1) / SECOND);
}

STAND_IN(int, thrd_sleep, const struct timespec *length, struct timespec *left)
{
    uint64_t deadline = run.now + in_nanoseconds(length);

    if (sleep_for(in_nanoseconds(length), "thrd_sleep", CALLER))
        return 0;
    tell_left(left, deadline, CALLER);
    return -1;
}

STAND_IN(clock_t, clock, void)
{
    return (clock_t)(look(CLOCK_MONOTONIC, CALLER) / (SECOND / CLOCKS_PER_SEC));
}
