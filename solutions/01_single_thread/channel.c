/* A queue in one block of memory, used as a ring; each handle is a pointer to the channel.
 *
 * Invariants
 *   ring: the count messages are in the slots first, first + 1, ..., oldest first, where the slot
 *     after the last one is slot 0. count <= capacity. A ring of capacity 0 has no block.
 *   channel: senders is the number of sending handles that have not been dropped; receiver_alive
 *     says the same of the receiver. Whoever makes both go frees the channel.
 */
#include "channel.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct ring {
    size_t message_size; /* of one slot, in bytes */
    unsigned char *slots;
    size_t capacity; /* in slots */
    size_t first;
    size_t count;
};

struct channel {
    struct ring queue;
    size_t senders;
    bool receiver_alive;
};

struct sender {
    struct channel *channel;
};

struct receiver {
    struct channel *channel;
};

/* The place of the message that is index places behind the oldest one. */
static unsigned char *ring_slot(const struct ring *ring, size_t index)
{
    size_t slot = ring->first + index;

    if (slot >= ring->capacity)
        slot -= ring->capacity;
    return ring->slots + slot * ring->message_size;
}

/* Doubles the capacity. False, and nothing has changed, when that is more than memory holds. */
static bool ring_grow(struct ring *ring)
{
    size_t capacity = ring->capacity > 0 ? ring->capacity * 2 : 4;
    unsigned char *slots;

    if (ring->message_size > SIZE_MAX / 2 / capacity)
        return false;
    slots = malloc(capacity * ring->message_size);
    if (slots == NULL)
        return false;
    for (size_t i = 0; i < ring->count; i++)
        memcpy(slots + i * ring->message_size, ring_slot(ring, i), ring->message_size);
    free(ring->slots);
    ring->slots = slots;
    ring->capacity = capacity;
    ring->first = 0;
    return true;
}

/* Copies a message in, behind the others. False, and nothing has changed, when out of memory. */
static bool ring_push(struct ring *ring, const void *message)
{
    if (ring->count == ring->capacity && !ring_grow(ring))
        return false;
    memcpy(ring_slot(ring, ring->count), message, ring->message_size);
    ring->count++;
    return true;
}

/* Copies the oldest message out. False, and message is untouched, when there is none. */
static bool ring_pop(struct ring *ring, void *message)
{
    if (ring->count == 0)
        return false;
    memcpy(message, ring_slot(ring, 0), ring->message_size);
    ring->first = ring->first + 1 < ring->capacity ? ring->first + 1 : 0;
    ring->count--;
    return true;
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    if (message_size == 0)
        return CHANNEL_INVALID;

    struct channel *ch = malloc(sizeof *ch);
    struct sender *sender = malloc(sizeof *sender);
    struct receiver *receiver = malloc(sizeof *receiver);
    if (ch == NULL || sender == NULL || receiver == NULL)
        goto no_memory;
    *ch =
        (struct channel){.queue.message_size = message_size, .senders = 1, .receiver_alive = true};
    *sender = (struct sender){.channel = ch};
    *receiver = (struct receiver){.channel = ch};
    *tx = sender;
    *rx = receiver;
    return CHANNEL_OK;

no_memory:
    free(receiver);
    free(sender);
    free(ch);
    return CHANNEL_NO_MEMORY;
}

struct sender *sender_clone(struct sender *tx)
{
    struct sender *clone = malloc(sizeof *clone);

    if (clone == NULL)
        return NULL;
    clone->channel = tx->channel;
    clone->channel->senders++;
    return clone;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct channel *ch = tx->channel;

    if (!ch->receiver_alive)
        return CHANNEL_CLOSED;
    return ring_push(&ch->queue, message) ? CHANNEL_OK : CHANNEL_NO_MEMORY;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    struct channel *ch = rx->channel;

    if (ring_pop(&ch->queue, message)) /* first of all: queued messages come before CLOSED */
        return CHANNEL_OK;
    return ch->senders > 0 ? CHANNEL_EMPTY : CHANNEL_CLOSED;
}

/* To be called by each drop: the last one frees the channel. */
static void free_if_last(struct channel *ch)
{
    if (ch->senders > 0 || ch->receiver_alive)
        return;
    free(ch->queue.slots);
    free(ch);
}

void sender_drop(struct sender *tx)
{
    if (tx == NULL)
        return;

    struct channel *ch = tx->channel;
    free(tx);
    ch->senders--;
    free_if_last(ch);
}

void receiver_drop(struct receiver *rx)
{
    if (rx == NULL)
        return;

    struct channel *ch = rx->channel;
    free(rx);
    ch->receiver_alive = false;
    free_if_last(ch);
}
