/* model.h - the contract of 04 as a program.
 *
 * Changed from 03: a channel may have a capacity. With that many messages queued sender_send
 * sleeps, and sender_try_send says FULL. Whether FULL counts the place of a send that has not
 * returned is left open, so it may be said with fewer queued if sends that overlap it make up for
 * the rest. */
#pragma once

#include "../03_message_type/model.h"

#include "channel.h"

enum { BOUNDED_04 = VARIANTS_OF_03, BOUNDED_WITH_DROP_04 };
enum { TRY_SEND = KINDS_OF_03, CREATE_BOUNDED, KINDS_OF_04 };

static const struct setup odd_bounds[] = {{.size = 0, .capacity = 1},
                                          {.size = 8, .capacity = 0},
                                          {.size = SIZE_MAX, .capacity = 0},
                                          {.size = 8, .capacity = 3},
                                          {.size = 8, .capacity = SIZE_MAX},
                                          {.size = 8, .capacity = SIZE_MAX / 8 + 1},
                                          {.size = 16, .capacity = SIZE_MAX / 8 + 2},
                                          {.size = SIZE_MAX / 2 + 2, .capacity = 2},
                                          {.size = SIZE_MAX / 8 + 2, .capacity = 8},
                                          {.size = 8, .capacity = SIZE_MAX / 8 + 2},
                                          {.size = SIZE_MAX, .capacity = 1},
                                          {.size = SIZE_MAX / 2 + 1, .capacity = 2},
                                          {.size = SIZE_MAX / 3 + 1, .capacity = 3},
                                          {.size = SIZE_MAX, .capacity = SIZE_MAX},
                                          {.size = (size_t)1 << 32, .capacity = (size_t)1 << 32}};
enum { ODD_BOUNDS = sizeof odd_bounds / sizeof *odd_bounds };

UNWATCHED static inline bool allows_create_bounded(const struct setup *setup,
                                                   const struct call *call)
{
    size_t size = setup->size, capacity = setup->capacity;
    bool is_valid = size && capacity, fits = is_valid && !is_huge(size) &&
                                             !is_huge(size * capacity) &&
                                             size * capacity / capacity == size;

    return call->status == CHANNEL_INVALID     ? !is_valid
           : call->status == CHANNEL_NO_MEMORY ? is_valid && (!fits || call->got_no_memory)
                                               : call->status == CHANNEL_OK && fits;
}

UNWATCHED static inline bool is_bounded(const struct channel *channel)
{
    return channel->capacity != SIZE_MAX;
}

UNWATCHED static inline bool has_room(const struct channel *channel)
{
    return channel->sent - channel->taken < channel->capacity;
}

UNWATCHED static inline bool is_queued(const struct channels *all, const struct call *send)
{
    const struct channel *channel = &all->channel[send->object];

    for (unsigned i = channel->taken; i != channel->sent; i++)
        if (all->messages[i % PLACES][send->object] == send->message)
            return true;
    return false;
}

/* A place comes free while senders may sleep: they are next in line, should the channel care. */
UNWATCHED static inline void note_line(const struct channels *all, struct channel *channel,
                                       const struct call *call, const struct history *history)
{
    for (unsigned i = 0; history && !has_room(channel) && i < history->n; i++) {
        const struct call *send = &history->calls[i];
        channel->line += send->message && send->kind != TRY_SEND && send->object == call->object &&
                         overlap(call, send) && !is_queued(all, send);
    }
}

/* FULL: sends that overlap this one may have a place each, though their messages are not queued;
 * nobody has to let it go before others that have slept; and while the channel is being closed
 * places may be gone already. */
UNWATCHED static inline bool may_be_full(const struct channels *all, const struct call *call,
                                         const struct history *history)
{
    const struct channel *channel = &all->channel[call->object];
    size_t taken = channel->sent - channel->taken;

    for (unsigned i = 0; history && i < history->n; i++) {
        const struct call *send = &history->calls[i];
        taken += send->message && send->object == call->object && overlap(call, send) &&
                 !is_queued(all, send);
    }
    return channel->has_receiver && (overlaps_drop(call, history) || taken >= channel->capacity ||
                                     channel->line > (call->kind != TRY_SEND));
}

UNWATCHED static inline bool allows_04(void *state, const struct call *call,
                                       const struct history *history)
{
    struct channels *all = state;
    struct channel *channel = &all->channel[call->object];

    if (call->kind == CREATE_BOUNDED)
        return allows_create_bounded(&odd_bounds[call->argument], call);
    if (call->status == CHANNEL_OK && (call->kind == RECV || call->kind == TRY_RECV) &&
        is_bounded(channel))
        note_line(all, channel, call, history);
    if (call->kind == SEND && channel->line > 0)
        channel->line--;
    if (call->kind != SEND && call->kind != TRY_SEND)
        return allows_03(state, call, history);
    if (goes_nowhere(channel, call, history))
        return true;
    switch (call->status) {
    case CHANNEL_OK:
        return channel->has_receiver && has_room(channel) && puts_last(all, call);
    case CHANNEL_FULL:
        return call->kind == TRY_SEND && is_bounded(channel) && may_be_full(all, call, history);
    case CHANNEL_CLOSED:
        return !channel->has_receiver;
    case CHANNEL_NO_MEMORY:
        return !is_bounded(channel) && call->got_no_memory;
    }
    return false;
}

UNWATCHED static inline bool may_sleep_04(const void *state, const struct call *call)
{
    const struct channel *channel = &((const struct channels *)state)->channel[call->object];

    return call->kind == SEND ? channel->has_receiver && !has_room(channel)
                              : may_sleep_02(state, call);
}

UNWATCHED static inline bool is_dropped_04(const struct setup *setup)
{
    return setup->variant == WITH_DROP_03 || setup->variant == BOUNDED_WITH_DROP_04;
}

/* Sending on a bounded channel never allocates; all other calls may. */
UNWATCHED static inline bool may_allocate_04(const struct setup *setup, const struct call *call)
{
    return !call->message || setup->capacity == SIZE_MAX;
}
