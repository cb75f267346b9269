/* Exercise 01: a ring of messages, and a count of the handles that reach it.
 *
 * A ring is an array whose first slot comes after its last one: a message that leaves makes room
 * for a later one, and none has to move up.
 *
 * Invariants
 *   ring    The count messages are in the slots first, first + 1, ..., the oldest first.
 *   memory  Whoever drops the last handle, of either kind, frees the channel.
 */
#include "channel.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct ring {
    unsigned char *slots;
    size_t message_size; /* in bytes */
    size_t capacity;     /* in messages, like the following */
    size_t first;
    size_t count;
};

struct sender {
    struct channel *channel;
};

struct receiver {
    struct channel *channel;
};

struct channel {
    struct sender tx; /* all senders: a clone is counted, and takes no memory */
    struct receiver rx;
    struct ring ring;
    size_t senders; /* handles given out and not yet dropped */
    bool receiver_alive;
};

/* The slot of the message that is index places behind the oldest one. */
static unsigned char *slot(const struct ring *ring, size_t index)
{
    return ring->slots + (ring->first + index) % ring->capacity * ring->message_size;
}

/* Makes room for capacity messages. False when out of memory: then nothing has changed. */
static bool grow(struct ring *ring, size_t capacity)
{
    unsigned char *slots = calloc(capacity, ring->message_size); /* NULL if the product overflows */

    if (slots == NULL)
        return false;
    for (size_t i = 0; i < ring->count; i++)
        memcpy(slots + i * ring->message_size, slot(ring, i), ring->message_size);
    free(ring->slots);
    ring->slots = slots;
    ring->capacity = capacity;
    ring->first = 0;
    return true;
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    struct channel *ch;

    if (message_size == 0)
        return CHANNEL_INVALID;
    ch = malloc(sizeof *ch);
    if (ch == NULL)
        return CHANNEL_NO_MEMORY;
    *ch = (struct channel){
        .tx.channel = ch,
        .rx.channel = ch,
        .ring.message_size = message_size,
        .senders = 1,
        .receiver_alive = true,
    };
    *tx = &ch->tx;
    *rx = &ch->rx;
    return CHANNEL_OK;
}

struct sender *sender_clone(struct sender *tx)
{
    tx->channel->senders++;
    return tx;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct channel *ch = tx->channel;
    struct ring *ring = &ch->ring;

    if (!ch->receiver_alive)
        return CHANNEL_CLOSED;
    if (ring->count == ring->capacity && !grow(ring, 2 * ring->capacity + 4))
        return CHANNEL_NO_MEMORY;
    memcpy(slot(ring, ring->count), message, ring->message_size);
    ring->count++;
    return CHANNEL_OK;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    struct channel *ch = rx->channel;
    struct ring *ring = &ch->ring;

    if (ring->count == 0)
        return ch->senders > 0 ? CHANNEL_EMPTY : CHANNEL_CLOSED;
    memcpy(message, slot(ring, 0), ring->message_size);
    ring->first = (ring->first + 1) % ring->capacity;
    ring->count--;
    return CHANNEL_OK;
}

/* Frees the channel if the handle that was just dropped was the last one. */
static void free_if_last(struct channel *ch)
{
    if (ch->senders > 0 || ch->receiver_alive)
        return;
    free(ch->ring.slots);
    free(ch);
}

void sender_drop(struct sender *tx)
{
    if (tx == NULL)
        return;
    tx->channel->senders--;
    free_if_last(tx->channel);
}

void receiver_drop(struct receiver *rx)
{
    if (rx == NULL)
        return;
    rx->channel->receiver_alive = false;
    free_if_last(rx->channel);
}
