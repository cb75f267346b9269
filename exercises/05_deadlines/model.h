/* model.h - the contract of 05 as a program.
 *
 * Changed from 04: receiver_recv_until and sender_send_until wait as their siblings do, and may say
 * TIMEOUT where these would sleep, once the deadline has passed. Whether it had when they returned
 * is checked where the call is made (calls.h): time is not part of a state. */
#pragma once

#include "../04_bounded/model.h"

#include "channel.h"

enum { RECV_UNTIL = KINDS_OF_04, SEND_UNTIL, KINDS_OF_05 };

/* What their argument stands for. SOON is long past when the threads have come to rest. */
enum deadline {
    PASSED,
    ZERO,
    NEGATIVE,
    SOON,
    FAR,
    FARTHEST,
    NO_DEADLINE,
    NO_TIME,
    LESS_THAN_NO_TIME,
    DEADLINES
};

static inline bool is_no_time(unsigned deadline)
{
    return deadline == NO_TIME || deadline == LESS_THAN_NO_TIME;
}

/* Before the threads have come to rest, in any case. */
static inline bool will_pass(unsigned deadline)
{
    return deadline <= SOON;
}

/* The call that answers alike as long as there is time. */
static inline struct call untimed(const struct call *call)
{
    struct call alike = *call;

    alike.kind = call->kind == RECV_UNTIL ? RECV : SEND;
    return alike;
}

static inline bool allows_05(void *state, const struct call *call, const struct history *history)
{
    struct call alike = untimed(call);

    if (call->kind != RECV_UNTIL && call->kind != SEND_UNTIL)
        return allows_04(state, call, history);
    if (call->status == CHANNEL_INVALID || is_no_time(call->argument))
        return call->status == CHANNEL_INVALID && is_no_time(call->argument);
    if (call->status == CHANNEL_TIMEOUT &&
        call->kind == SEND_UNTIL) /* full, as for sender_try_send */
        return call->argument != NO_DEADLINE &&
               is_bounded(&((struct channels *)state)->channel[call->object]) &&
               may_be_full(state, call, history);
    if (call->status == CHANNEL_TIMEOUT)
        return call->argument != NO_DEADLINE && may_sleep_04(state, &alike);
    return allows_04(state, &alike, history);
}

static inline bool may_sleep_05(const void *state, const struct call *call)
{
    struct call alike = untimed(call);

    if (call->kind != RECV_UNTIL && call->kind != SEND_UNTIL)
        return may_sleep_04(state, call);
    return !is_no_time(call->argument) && !will_pass(call->argument) && may_sleep_04(state, &alike);
}
