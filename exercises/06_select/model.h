/* model.h - the contract of 06 as a program.
 *
 * Changed from 05: receiver_select takes nothing. It names a receiver that is ready; one with a
 * lower index may be ready, too, but not if it was when the call began. */
#pragma once

#include "../05_deadlines/model.h"

#include "channel.h"

enum { SELECT = KINDS_OF_05, KINDS_OF_06 };

/* Its argument is a deadline, and whether the receivers are given in the order of the channels. */
enum { SELECTIONS = 2 * DEADLINES };

static inline unsigned deadline_of_selection(const struct call *call)
{
    return call->argument % DEADLINES;
}

static inline unsigned count_held(const struct call *call)
{
    return (call->held & 1) + (call->held >> 1 & 1);
}

/* The channel whose receiver has that index. */
static inline unsigned channel_at(const struct call *call, unsigned index)
{
    if (count_held(call) < 2)
        return call->held >> 1;
    return index ^ (call->argument >= DEADLINES);
}

static inline bool is_ready(const struct channel *channel)
{
    return !is_empty(channel) || channel->senders == 0;
}

/* Did what made the channel ready overlap the call? A send that left a message, or a drop of a
 * sender. */
static inline bool became_ready(const struct channels *all, unsigned channel,
                                const struct call *call, const struct history *history)
{
    const struct channel *this = &all->channel[channel];

    for (unsigned i = 0; history && i < history->n; i++) {
        const struct call *other = &history->calls[i];
        if (other->object != channel || !overlap(call, other))
            continue;
        if (is_empty(this) ? other->kind == DROP_SENDER
                           : other->message == all->messages[this->taken % PLACES][channel])
            return true;
    }
    return false;
}

static inline bool allows_index(const struct channels *all, const struct call *call,
                                const struct history *history)
{
    if (call->value == ANY) {
        for (unsigned i = 0; i < count_held(call); i++)
            if (is_ready(&all->channel[channel_at(call, i)]))
                return true;
        return false;
    }
    if (call->value < 0 || call->value >= (long)count_held(call) ||
        !is_ready(&all->channel[channel_at(call, (unsigned)call->value)]))
        return false;
    for (unsigned i = 0; i < (unsigned)call->value; i++) {
        unsigned lower = channel_at(call, i);
        if (is_ready(&all->channel[lower]) && !became_ready(all, lower, call, history))
            return false;
    }
    return true;
}

static inline bool is_any_ready(const struct channels *all, const struct call *call)
{
    for (unsigned i = 0; i < count_held(call); i++)
        if (is_ready(&all->channel[channel_at(call, i)]))
            return true;
    return false;
}

static inline bool allows_06(void *state, const struct call *call, const struct history *history)
{
    if (call->kind != SELECT)
        return allows_05(state, call, history);
    switch (call->status) {
    case CHANNEL_OK:
        return !is_no_time(deadline_of_selection(call)) && allows_index(state, call, history);
    case CHANNEL_TIMEOUT:
        return deadline_of_selection(call) != NO_DEADLINE && !is_any_ready(state, call);
    case CHANNEL_NO_MEMORY:
        return call->got_no_memory;
    case CHANNEL_INVALID:
        return is_no_time(deadline_of_selection(call));
    }
    return false;
}

static inline bool may_sleep_06(const void *state, const struct call *call)
{
    if (call->kind != SELECT)
        return may_sleep_05(state, call);
    return !is_no_time(deadline_of_selection(call)) && !will_pass(deadline_of_selection(call)) &&
           !is_any_ready(state, call);
}
