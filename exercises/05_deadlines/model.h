/* model.h - the contract of 05 as a program.
 *
 * Changed from 04: receiver_recv_until and sender_send_until wait as their siblings do, and may say
 * TIMEOUT where these would sleep, once the deadline has passed. Whether it had when they returned
 * is checked where the call is made (calls.h): time is not part of a state. */
#pragma once

#include "../04_bounded/model.h"

#include "channel.h"

enum { RECV_UNTIL = KINDS_OF_04, SEND_UNTIL, KINDS_OF_05 };

/* What their argument stands for; the first of them where there are several threads. One in a
 * millisecond has long passed when these have come to rest, a later one not yet; one in 3 us may
 * pass while nobody sleeps, for each look at the clock takes one of them; one in 0.7 s ends in the
 * next second. */
static const struct deadline {
    const char *words;
    bool is_from_now, is_none;
    int64_t seconds, nanoseconds;
} deadlines[] = {
    {.words = "passed", .is_from_now = true, .seconds = -2},
    {.words = "0 s"},
    {.words = "in 1 ms", .is_from_now = true, .nanoseconds = 1000000},
    {.words = "in 1 ms", .is_from_now = true, .nanoseconds = 1000000},
    {.words = "in 1 ms", .is_from_now = true, .nanoseconds = 1000000},
    {.words = "in 3 us", .is_from_now = true, .nanoseconds = 3000},
    {.words = "in 3 us", .is_from_now = true, .nanoseconds = 3000},
    {.words = "in 0.7 s", .is_from_now = true, .nanoseconds = 700000000},
    {.words = "in 15 s", .is_from_now = true, .seconds = 15},
    {.words = "in 15 s", .is_from_now = true, .seconds = 15},
    {.words = "in a year", .is_from_now = true, .seconds = 365 * 24 * 3600},
    {.words = "{INT64_MAX, 999999999}", .seconds = INT64_MAX, .nanoseconds = 999999999},
    {.words = "NULL", .is_none = true},
    {.words = "NULL", .is_none = true},
    {.words = "bad tv_nsec", .is_from_now = true, .nanoseconds = 1000000000},
    {.words = "-3 s", .seconds = -3},
    {.words = "{INT64_MIN, 0}", .seconds = INT64_MIN},
    {.words = "{-1, 999999999}", .seconds = -1, .nanoseconds = 999999999},
    {.words = "in 2^31 s", .is_from_now = true, .seconds = INT64_C(1) << 31},
    {.words = "in 2^32 s", .is_from_now = true, .seconds = INT64_C(1) << 32},
    {.words = "{0, -1}", .nanoseconds = -1},
    {.words = "{INT64_MAX, -1}", .seconds = INT64_MAX, .nanoseconds = -1},
    {.words = "{-3, 1000000000}", .seconds = -3, .nanoseconds = 1000000000},
    {.words = "tv_nsec 2^32", .is_from_now = true, .nanoseconds = INT64_C(1) << 32},
    {.words = "tv_nsec INT64_MIN", .is_from_now = true, .nanoseconds = INT64_MIN},
};
enum { DEADLINES = sizeof deadlines / sizeof *deadlines, DEADLINES_TOGETHER = 15 };

UNWATCHED static inline bool is_no_time(const struct deadline *deadline)
{
    return deadline->nanoseconds < 0 || deadline->nanoseconds > 999999999;
}

/* Before the threads have come to rest, in any case. The clock has long passed 0. */
UNWATCHED static inline bool will_pass(const struct deadline *deadline)
{
    return !deadline->is_none &&
           (deadline->seconds < 0 || (deadline->seconds == 0 && deadline->nanoseconds < 100000000));
}

/* Before any call. */
UNWATCHED static inline bool has_passed(const struct deadline *deadline)
{
    return !deadline->is_none && !is_no_time(deadline) &&
           (deadline->seconds < 0 || (!deadline->is_from_now && deadline->seconds == 0));
}

UNWATCHED static inline const struct deadline *deadline_of(const struct call *call)
{
    return &deadlines[call->argument];
}

/* The call that answers alike as long as there is time. */
UNWATCHED static inline struct call untimed(const struct call *call)
{
    struct call alike = *call;

    alike.kind = call->kind == RECV_UNTIL ? RECV : SEND;
    return alike;
}

UNWATCHED static inline bool allows_05(void *state, const struct call *call,
                                       const struct history *history)
{
    struct call alike = untimed(call);

    if (call->kind != RECV_UNTIL && call->kind != SEND_UNTIL)
        return allows_04(state, call, history);
    if (call->status == CHANNEL_INVALID || is_no_time(deadline_of(call)))
        return call->status == CHANNEL_INVALID && is_no_time(deadline_of(call));
    if (call->status == CHANNEL_TIMEOUT &&
        call->kind == SEND_UNTIL) /* full, as for sender_try_send */
        return !deadline_of(call)->is_none &&
               is_bounded(&((struct channels *)state)->channel[call->object]) &&
               may_be_full(state, call, history);
    if (call->status == CHANNEL_TIMEOUT)
        return !deadline_of(call)->is_none && may_sleep_04(state, &alike);
    return allows_04(state, &alike, history);
}

UNWATCHED static inline bool may_sleep_05(const void *state, const struct call *call)
{
    struct call alike = untimed(call);

    if (call->kind != RECV_UNTIL && call->kind != SEND_UNTIL)
        return may_sleep_04(state, call);
    return !is_no_time(deadline_of(call)) && !will_pass(deadline_of(call)) &&
           may_sleep_04(state, &alike);
}
