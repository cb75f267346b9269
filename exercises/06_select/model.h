/* model.h - the contract of 06 as a program.
 *
 * Changed from 05: receiver_select takes nothing. It names a receiver that is ready; one with a
 * lower index may be ready, too, but not if it was when the call began. */
#pragma once

#include "../05_deadlines/model.h"

#include "channel.h"

enum { SELECT = KINDS_OF_05, KINDS_OF_06 };

/* Which receivers are given: of those held, in which order; and before, between and behind them so
 * many of channels on which nothing happens. The first of them where there are several threads, as
 * a rule. */
static const struct selection {
    enum { ALL, REVERSED, ONE, OTHER, NO_RECEIVER } which;
    unsigned idle[3];
} selections[] = {
    {ALL, {0}},           {ALL, {0}},         {REVERSED, {0}},       {ONE, {0}},
    {OTHER, {0}},         {ALL, {0, 7}},      {REVERSED, {1, 0, 1}}, {NO_RECEIVER, {0}},
    {ALL, {31, 33}},      {ALL, {63, 0, 1}},  {ALL, {0, 64}},        {REVERSED, {65}},
    {REVERSED, {0, 255}}, {ALL, {256, 0, 1}},
};
enum {
    SELECTIONS = sizeof selections / sizeof *selections,
    SELECTIONS_TOGETHER = 7,
    FEW_IDLE = 20,
    MOST_IDLE = 260
};

/* The argument of a call is one of a selection and a deadline. */
UNWATCHED static inline const struct selection *selection_of(const struct call *call)
{
    return &selections[call->argument / DEADLINES_TOGETHER % SELECTIONS];
}

UNWATCHED static inline const struct deadline *deadline_of_selection(const struct call *call)
{
    return &deadlines[call->argument % DEADLINES_TOGETHER];
}

/* The channels selected from among those that something happens on. */
UNWATCHED static inline unsigned count_chosen(const struct call *call)
{
    unsigned held = (call->held & 1) + (call->held >> 1 & 1);

    return selection_of(call)->which == NO_RECEIVER       ? 0
           : held == 2 && selection_of(call)->which < ONE ? 2
                                                          : 1;
}

UNWATCHED static inline unsigned chosen(const struct call *call, unsigned number)
{
    if (call->held != 3)
        return call->held >> 1;
    return number ^ (selection_of(call)->which == REVERSED || selection_of(call)->which == OTHER);
}

/* ... and the index of its receiver. */
UNWATCHED static inline unsigned index_of(const struct call *call, unsigned number)
{
    return number + selection_of(call)->idle[0] + (number ? selection_of(call)->idle[1] : 0);
}

UNWATCHED static inline bool is_ready(const struct channel *channel)
{
    return !is_empty(channel) || channel->senders == 0;
}

/* Did what made the channel ready overlap the call? A send that left a message, or a drop of a
 * sender. */
UNWATCHED static inline bool became_ready(const struct channels *all, unsigned channel,
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

UNWATCHED static inline bool is_any_ready(const struct channels *all, const struct call *call)
{
    for (unsigned i = 0; i < count_chosen(call); i++)
        if (is_ready(&all->channel[chosen(call, i)]))
            return true;
    return false;
}

UNWATCHED static inline bool allows_index(const struct channels *all, const struct call *call,
                                          const struct history *history)
{
    if (call->value == ANY)
        return is_any_ready(all, call);
    for (unsigned i = 0; i < count_chosen(call); i++) {
        const struct channel *channel = &all->channel[chosen(call, i)];
        if (call->value == (long)index_of(call, i))
            return is_ready(channel);
        if (is_ready(channel) && !became_ready(all, chosen(call, i), call, history))
            return false;
    }
    return false;
}

UNWATCHED static inline bool is_crowded(const struct call *call)
{
    return selection_of(call)->idle[0] + selection_of(call)->idle[1] > FEW_IDLE;
}

UNWATCHED static inline bool is_no_selection(const struct call *call)
{
    return count_chosen(call) == 0 || is_no_time(deadline_of_selection(call));
}

UNWATCHED static inline bool allows_06(void *state, const struct call *call,
                                       const struct history *history)
{
    if (call->kind != SELECT)
        return allows_05(state, call, history);
    switch (call->status) {
    case CHANNEL_OK:
        return !is_no_selection(call) && allows_index(state, call, history);
    case CHANNEL_TIMEOUT:
        return !is_no_selection(call) && !deadline_of_selection(call)->is_none &&
               !is_any_ready(state, call);
    case CHANNEL_NO_MEMORY:
        return call->got_no_memory;
    case CHANNEL_INVALID:
        return is_no_selection(call);
    }
    return false;
}

UNWATCHED static inline bool may_sleep_06(const void *state, const struct call *call)
{
    if (call->kind != SELECT)
        return may_sleep_05(state, call);
    /* Nobody waits with a crowd: a thread for each would be too many. */
    if (is_crowded(call) && !has_passed(deadline_of_selection(call)))
        return !is_any_ready(state, call);
    return !is_no_selection(call) && !will_pass(deadline_of_selection(call)) &&
           !is_any_ready(state, call);
}
