/* model.h - the contract of 03 as a program.
 *
 * Changed from 02: what each call may answer is as before, but nothing is held back behind
 * another's message. A channel may have a drop function: then each message that was sent and that
 * nobody can receive any more is dropped, once. That is checked beside the answers
 * (grader/model/run.c), for it is to happen before a call returns, not in it. */
#pragma once

#include "../02_blocking/model.h"

#include "channel.h"

enum { CREATE_WITH_DROP = KINDS_OF_02, KINDS_OF_03 };
enum { WITH_DROP_03 = CREATE_01 + 1, VARIANTS_OF_03 };

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

UNWATCHED static inline bool allows_03(void *state, const struct call *call,
                                       const struct history *history)
{
    const struct channels *all = state;

    if (call->kind == CREATE_WITH_DROP)
        return allows_create(odd_sizes[call->argument], call);
    return (call->kind == TRY_RECV && call->status == CHANNEL_EMPTY &&
            all->channel[call->object].senders > 0 && is_made_up_for(all, call, history)) ||
           allows_02_at_once(state, call, history);
}

UNWATCHED static inline bool is_dropped_03(const struct setup *setup)
{
    return setup->variant == WITH_DROP_03;
}
