/* model.h - the contract of 02 as a program.
 *
 * Changed from 01: receiver_recv sleeps where receiver_try_recv says EMPTY, and calls of different
 * threads overlap. They may answer whatever they would have answered in some order; and a send that
 * overlaps receiver_drop may still be OK, whatever the order: then nobody receives its message. */
#pragma once

#include "../01_single_thread/model.h"

#include "channel.h"

enum { RECV = KINDS_OF_01, KINDS_OF_02 };

/* A receiver_drop of the channel has not returned before this call began, nor begun after it
 * returned. */
UNWATCHED static inline bool overlaps_drop(const struct call *call, const struct history *history)
{
    for (unsigned i = 0; history && i < history->n; i++)
        if (history->calls[i].kind == DROP_RECEIVER && history->calls[i].object == call->object &&
            overlap(call, &history->calls[i]))
            return true;
    return false;
}

/* CLOSED stays so: once it has been said, nothing else is said later. */
UNWATCHED static inline bool was_told_closed(const struct call *call, const struct history *history)
{
    for (unsigned i = 0; i < history->n; i++) {
        const struct call *earlier = &history->calls[i];
        if (earlier->message && earlier->thread == call->thread &&
            earlier->object == call->object && earlier->returned &&
            earlier->returned < call->began && earlier->status == CHANNEL_CLOSED)
            return true;
    }
    return false;
}

/* Was the message sent into a channel that is just being closed? */
UNWATCHED static inline bool goes_nowhere(const struct channel *channel, const struct call *call,
                                          const struct history *history)
{
    return !channel->has_receiver && call->status == CHANNEL_OK && overlaps_drop(call, history) &&
           !was_told_closed(call, history);
}

/* A channel may count its messages as their sends end. Then one that is taken before its send has
 * ended is made up for by another, which is not seen until then. */
UNWATCHED static inline bool is_made_up_for(const struct channels *all, const struct call *call,
                                            const struct history *history)
{
    const struct channel *channel = &all->channel[call->object];
    unsigned taken_early = 0;

    for (unsigned i = 0; history && i < history->n; i++) {
        const struct call *send = &history->calls[i];
        if (!send->message || send->object != call->object || !overlap(call, send))
            continue;
        for (unsigned at = 0; at < channel->taken; at++)
            taken_early += all->messages[at][call->object] == send->message;
    }
    return channel->sent - channel->taken <= taken_early;
}

UNWATCHED static inline bool allows_02(void *state, const struct call *call,
                                       const struct history *history)
{
    struct channels *all = state;
    struct channel *channel = &all->channel[call->object];

    switch (call->kind) {
    case RECV:
        return call->status == CHANNEL_OK ? takes_oldest(all, call)
                                          : call->status == CHANNEL_CLOSED && is_over(channel);
    case SEND:
        return goes_nowhere(channel, call, history) || allows_01(state, call, history);
    case TRY_RECV:
        return (call->status == CHANNEL_EMPTY && channel->senders > 0 &&
                is_made_up_for(all, call, history)) ||
               allows_01(state, call, history);
    }
    return allows_01(state, call, history);
}

UNWATCHED static inline bool may_sleep_02(const void *state, const struct call *call)
{
    const struct channel *channel = &((const struct channels *)state)->channel[call->object];

    return call->kind == RECV && is_empty(channel) && channel->senders > 0;
}
