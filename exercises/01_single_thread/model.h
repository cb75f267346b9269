/* model.h - the contract of 01 as a program: what each call may answer, calls being made one after
 * the other.
 *
 * The state of a channel is its messages, oldest first, how many senders it has, and whether it has
 * a receiver. allows_01 is true if a call may take effect in that state with the answer it gave,
 * and then makes the state what it is afterwards. What channel.h leaves open is true for each of
 * the answers. */
#pragma once

#include "scenarios.h"

#include <string.h>

#include "channel.h"

enum { PLACES = 1 << 17 }; /* for messages */

struct channel {
    size_t capacity;       /* SIZE_MAX: unbounded (from 04 on) */
    unsigned message_mask; /* of a message's number as much as its bytes can hold */
    unsigned senders, sent, taken;
    unsigned line; /* senders that may have slept when a place came free, and go first (04) */
    bool has_receiver;
};

struct channels {
    struct channel channel[OBJECTS];
    uint16_t messages[PLACES][OBJECTS];
};

UNWATCHED static inline uint16_t *place(struct channels *channels, unsigned channel,
                                        unsigned number)
{
    return &channels->messages[number % PLACES][channel];
}

UNWATCHED static inline bool is_empty(const struct channel *channel)
{
    return channel->sent == channel->taken;
}

/* Nothing is queued and nobody is left to send. */
UNWATCHED static inline bool is_over(const struct channel *channel)
{
    return is_empty(channel) && channel->senders == 0;
}

enum { CREATE_01 }; /* variants of a setup: how the channel is made */

UNWATCHED static inline void begin_channels(void *state, const struct setup *setups,
                                            unsigned channels)
{
    struct channels *all = state;

    for (unsigned c = 0; c < channels; c++)
        all->channel[c] = (struct channel){
            .capacity = setups[c].capacity,
            .message_mask = setups[c].size < 4 ? (1u << 8 * setups[c].size) - 1 : UINT32_MAX,
            .senders = 1,
            .has_receiver = true};
}

enum { CLONE, SEND, TRY_RECV, DROP_SENDER, DROP_RECEIVER, CREATE, DROP_NULL, KINDS_OF_01 };

/* Sizes that one more channel is made with: CREATE makes it, sends one message if it can, and drops
 * both ends. */
static const size_t odd_sizes[] = {0,
                                   1,
                                   33,
                                   SIZE_MAX,
                                   SIZE_MAX - 1,
                                   SIZE_MAX - 7,
                                   SIZE_MAX - 23,
                                   SIZE_MAX - 40,
                                   SIZE_MAX / 2,
                                   SIZE_MAX / 2 + 1,
                                   SIZE_MAX / 4 + 1,
                                   SIZE_MAX / 5 + 1,
                                   SIZE_MAX / 8 + 1,
                                   SIZE_MAX / 16 + 1};
enum { ODD_SIZES = sizeof odd_sizes / sizeof *odd_sizes };

/* No machine has so much, whatever it is multiplied by; then there is no memory for it, now or when
 * the first message is sent. */
UNWATCHED static inline bool is_huge(size_t bytes)
{
    return bytes > SIZE_MAX / 32;
}

UNWATCHED static inline bool allows_create(size_t size, const struct call *call)
{
    return call->status == CHANNEL_INVALID ? size == 0
           : call->status == CHANNEL_NO_MEMORY
               ? is_huge(size) || call->got_no_memory
               : call->status == CHANNEL_OK && size && !is_huge(size);
}

UNWATCHED static inline bool takes_oldest(struct channels *all, const struct call *call)
{
    struct channel *channel = &all->channel[call->object];
    uint16_t *oldest = place(all, call->object, channel->taken);

    if (is_empty(channel) || (call->value != ANY && (uint16_t)call->value != *oldest))
        return false;
    channel->taken++;
    return true;
}

UNWATCHED static inline bool puts_last(struct channels *all, const struct call *call)
{
    struct channel *channel = &all->channel[call->object];

    *place(all, call->object, channel->sent++) = (uint16_t)(call->message & channel->message_mask);
    return true;
}

UNWATCHED static inline bool allows_send(struct channels *all, const struct call *call)
{
    const struct channel *channel = &all->channel[call->object];

    return call->status == CHANNEL_OK          ? channel->has_receiver && puts_last(all, call)
           : call->status == CHANNEL_CLOSED    ? !channel->has_receiver
           : call->status == CHANNEL_NO_MEMORY ? call->got_no_memory
                                               : false;
}

UNWATCHED static inline bool allows_01(void *state, const struct call *call,
                                       const struct history *history)
{
    struct channels *all = state;
    struct channel *channel = &all->channel[call->object];

    (void)history;
    switch (call->kind) {
    case CLONE:
        channel->senders += call->status == CHANNEL_OK;
        return call->status == CHANNEL_OK || call->got_no_memory;
    case SEND:
        return allows_send(all, call);
    case TRY_RECV:
        return call->status == CHANNEL_OK      ? takes_oldest(all, call)
               : call->status == CHANNEL_EMPTY ? is_empty(channel) && channel->senders > 0
                                               : call->status == CHANNEL_CLOSED && is_over(channel);
    case DROP_SENDER:
        channel->senders--;
        return call->status == CHANNEL_OK;
    case CREATE:
        return allows_create(odd_sizes[call->argument], call);
    case DROP_NULL:
        return true;
    case DROP_RECEIVER:
        channel->has_receiver = false;
        channel->taken = channel->sent;
        return call->status == CHANNEL_OK;
    }
    return false;
}

/* Nothing sleeps in 01. */
UNWATCHED static inline bool may_sleep_01(const void *state, const struct call *call)
{
    (void)state;
    (void)call;
    return false;
}
