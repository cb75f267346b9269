/* deadlines.h - points in time of CLOCK_MONOTONIC, for the suites of calls that have a deadline. */
#pragma once

#include <stdbool.h>
#include <time.h>

#include "suite.h"

enum { SOON = 2, FAR = 1000 * 3600 }; /* in milliseconds */

static inline struct timespec now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time;
}

static inline struct timespec from_now(long seconds, long nanoseconds)
{
    struct timespec time = now();

    time.tv_sec += seconds;
    time.tv_nsec += nanoseconds;
    if (time.tv_nsec >= 1000000000) {
        time.tv_sec++;
        time.tv_nsec -= 1000000000;
    }
    return time;
}

/* And a few nanoseconds more: no deadline is a round number. */
static inline struct timespec in_ms(long ms)
{
    return from_now(ms / 1000, ms % 1000 * 1000000 + 345678);
}

/* So little ahead that it may pass while nobody sleeps: some looks at the clock away, where each look
 * takes time, however fast the machine. */
static inline struct timespec in_a_moment(void)
{
    return from_now(0, 3000);
}

/* ... and so far ahead that a call looks, sleeps, and does so again before. */
static inline struct timespec in_many_moments(void)
{
    return from_now(0, 40000);
}

static inline void let_a_moment_pass(void)
{
    for (int i = 0; i < 4; i++)
        now();
}

static inline bool is_before(struct timespec a, struct timespec b)
{
    return a.tv_sec < b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec < b.tv_nsec);
}

/* A call that says CHANNEL_TIMEOUT has returned at that time: not before its deadline. */
#define check_not_early(call, returned, deadline)                                                  \
    check_not_early_at(__FILE__, __LINE__, #call, (returned), (deadline))

/* call returns CHANNEL_TIMEOUT, and not before its deadline. Evaluates call once. */
#define check_timeout(call, deadline, rule)                                                        \
    (check_status(call, CHANNEL_TIMEOUT, rule), check_not_early(call, now(), deadline))

/* That function, which has just said CHANNEL_TIMEOUT, did so before a time long after its deadline. */
#define check_not_late(function, late, rule)                                                       \
    (is_before(now(), (late))                                                                      \
         ? (void)0                                                                                 \
         : check_failed(__FILE__, __LINE__, (rule), (function), "soon after it",                   \
                        "CHANNEL_TIMEOUT long after its deadline"))

static inline void check_not_early_at(const char *file, int line, const char *call,
                                      struct timespec returned, struct timespec deadline)
{
    if (is_before(returned, deadline))
        check_failed(file, line, "CHANNEL_TIMEOUT: never said before the deadline.", call,
                     "after it", "CHANNEL_TIMEOUT before its deadline");
}
