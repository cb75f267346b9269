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

/* A message behind a send that has not returned may be held back: 07 says so, and this suite is run
 * on its channels, too. The oldest message is held back if it is of such a send, or was sent behind
 * one. */
UNWATCHED static inline bool may_be_held_back(const struct channels *all, const struct call *call,
                                              const struct history *history)
{
    const struct channel *channel = &all->channel[call->object];

    for (unsigned i = 0; history && i < history->n; i++) {
        const struct call *send = &history->calls[i];
        if (!send->message || send->object != call->object || !overlap(call, send))
            continue;
        for (unsigned at = 0; at <= channel->taken; at++)
            if (all->messages[at][call->object] == send->message)
                return true;
    }
    return false;
}

/* ... and where nothing is held back. */
UNWATCHED static inline bool allows_02_at_once(void *state, const struct call *call,
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
    }
    return allows_01(state, call, history);
}

UNWATCHED static inline bool allows_02(void *state, const struct call *call,
                                       const struct history *history)
{
    const struct channels *all = state;

    return (call->kind == TRY_RECV && call->status == CHANNEL_EMPTY &&
            all->channel[call->object].senders > 0 && may_be_held_back(all, call, history)) ||
           allows_02_at_once(state, call, history);
}

UNWATCHED static inline bool may_sleep_02(const void *state, const struct call *call)
{
    const struct channel *channel = &((const struct channels *)state)->channel[call->object];

    return call->kind == RECV && is_empty(channel) && channel->senders > 0;
}
