/* model.h - the contract of 07 as a program.
 *
 * Changed from 02: a message sent behind a send that has not returned may be held back. That no
 * sender waits for another can't be told from the answers. */
#pragma once

#include "../02_blocking/model.h"

#include "channel.h"

/* A message behind a send that has not returned may be held back: the oldest is if it is of such a
 * send, or was sent behind one. */
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

UNWATCHED static inline bool allows_07(void *state, const struct call *call,
                                       const struct history *history)
{
    const struct channels *all = state;

    return (call->kind == TRY_RECV && call->status == CHANNEL_EMPTY &&
            all->channel[call->object].senders > 0 && may_be_held_back(all, call, history)) ||
           allows_02(state, call, history);
}
