/* Exercise 02: the ring of 01 under a lock, and a condition variable by which its receiver sleeps.
 *
 * Invariants, true whenever nobody holds the lock
 *   ring    The count messages are in the slots first, first + 1, ..., the oldest first.
 *   memory  Whoever drops the last handle, of either kind, frees the channel.
 *   waking  The receiver sleeps only while nothing is queued and a sender is left. Whoever makes
 *           that false signals readable, under the same lock: a send, and the last sender's drop.
 *           And whoever wakes looks again, because a wake-up proves nothing.
 */
#include "channel.h"

#include <pthread.h>
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
    pthread_mutex_t lock;
    pthread_cond_t readable; /* a message is queued, or no sender is left */

    /* lock must be held when using these: */
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
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .readable = PTHREAD_COND_INITIALIZER,
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
    struct channel *ch = tx->channel;

    pthread_mutex_lock(&ch->lock);
    ch->senders++;
    pthread_mutex_unlock(&ch->lock);
    return tx;
}

/* A send as far as it gets without sleeping. lock is held. */
static enum channel_status push(struct channel *ch, const void *message)
{
    struct ring *ring = &ch->ring;

    if (!ch->receiver_alive)
        return CHANNEL_CLOSED;
    if (ring->count == ring->capacity && !grow(ring, 2 * ring->capacity + 4))
        return CHANNEL_NO_MEMORY;
    memcpy(slot(ring, ring->count), message, ring->message_size);
    ring->count++;
    pthread_cond_signal(&ch->readable);
    return CHANNEL_OK;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct channel *ch = tx->channel;
    enum channel_status status;

    pthread_mutex_lock(&ch->lock);
    status = push(ch, message);
    pthread_mutex_unlock(&ch->lock);
    return status;
}

/* A receive as far as it gets without sleeping. lock is held. */
static enum channel_status pop(struct channel *ch, void *message)
{
    struct ring *ring = &ch->ring;

    if (ring->count == 0)
        return ch->senders > 0 ? CHANNEL_EMPTY : CHANNEL_CLOSED;
    memcpy(message, slot(ring, 0), ring->message_size);
    ring->first = (ring->first + 1) % ring->capacity;
    ring->count--;
    return CHANNEL_OK;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    struct channel *ch = rx->channel;
    enum channel_status status;

    pthread_mutex_lock(&ch->lock);
    status = pop(ch, message);
    pthread_mutex_unlock(&ch->lock);
    return status;
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    struct channel *ch = rx->channel;
    enum channel_status status;

    pthread_mutex_lock(&ch->lock);
    while ((status = pop(ch, message)) == CHANNEL_EMPTY)
        pthread_cond_wait(&ch->readable, &ch->lock);
    pthread_mutex_unlock(&ch->lock);
    return status;
}

/* Unlocks, and frees the channel if the handle that was just dropped was the last one. Which one is
 * the last is decided under the lock: without it, somebody else may free the channel meanwhile. */
static void unlock_and_free_if_last(struct channel *ch)
{
    bool last = ch->senders == 0 && !ch->receiver_alive;

    pthread_mutex_unlock(&ch->lock);
    if (!last)
        return;
    pthread_cond_destroy(&ch->readable);
    pthread_mutex_destroy(&ch->lock);
    free(ch->ring.slots);
    free(ch);
}

void sender_drop(struct sender *tx)
{
    if (tx == NULL)
        return;
    pthread_mutex_lock(&tx->channel->lock);
    if (--tx->channel->senders == 0)
        pthread_cond_signal(&tx->channel->readable);
    unlock_and_free_if_last(tx->channel);
}

void receiver_drop(struct receiver *rx)
{
    if (rx == NULL)
        return;

    struct channel *ch = rx->channel;
    pthread_mutex_lock(&ch->lock);
    ch->receiver_alive = false;
    unlock_and_free_if_last(ch);
}
