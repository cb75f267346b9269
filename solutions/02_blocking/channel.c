/* Two queues: senders append to one under the lock; the receiver empties the other without it, and
 * swaps the two when its own has nothing left.
 *
 * Invariants
 *   ring: the count messages are in the slots first, first + 1, ..., oldest first, where the slot
 *     after the last one is slot 0. count <= capacity. A ring of capacity 0 has no block.
 *   channel, under lock: senders is the number of sending handles that have not been dropped;
 *     receiver_alive says the same of the receiver. Whoever makes both go frees the channel.
 *     While the receiver waits for readable, receiver_sleeps is true or its signal is on the way.
 *   receiver: every message in batch is older than every message in the channel's queue.
 */
#include "channel.h"

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { LOOKS = 16 }; /* how often a thread looks again before it falls asleep */

struct ring {
    size_t message_size; /* of one slot, in bytes */
    unsigned char *slots;
    size_t capacity; /* in slots */
    size_t first;
    size_t count;
};

struct channel {
    pthread_mutex_t lock;
    pthread_cond_t readable; /* something is queued, or senders is 0 */

    /* lock must be held when using these: */
    struct ring queue;
    size_t senders;
    bool receiver_alive;
    bool receiver_sleeps;
};

struct sender {
    struct channel *channel;
};

/* Private to the thread that uses the handle, so lock need not be held. */
struct receiver {
    struct channel *channel;
    struct ring batch;
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
    if (pthread_mutex_init(&ch->lock, NULL) != 0)
        goto no_memory;
    if (pthread_cond_init(&ch->readable, NULL) != 0)
        goto no_readable;
    *sender = (struct sender){.channel = ch};
    *receiver = (struct receiver){.channel = ch, .batch.message_size = message_size};
    *tx = sender;
    *rx = receiver;
    return CHANNEL_OK;

no_readable:
    pthread_mutex_destroy(&ch->lock);
no_memory:
    free(receiver);
    free(sender);
    free(ch);
    return CHANNEL_NO_MEMORY;
}

struct sender *sender_clone(struct sender *tx)
{
    struct channel *ch = tx->channel;
    struct sender *clone = malloc(sizeof *clone);

    if (clone == NULL)
        return NULL;
    clone->channel = ch;
    pthread_mutex_lock(&ch->lock);
    ch->senders++;
    pthread_mutex_unlock(&ch->lock);
    return clone;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct channel *ch = tx->channel;
    enum channel_status status = CHANNEL_CLOSED;
    bool wake = false;

    pthread_mutex_lock(&ch->lock);
    if (ch->receiver_alive)
        status = ring_push(&ch->queue, message) ? CHANNEL_OK : CHANNEL_NO_MEMORY;
    if (status == CHANNEL_OK) {
        wake = ch->receiver_sleeps;
        ch->receiver_sleeps = false; /* the next sender need not wake it again */
    }
    pthread_mutex_unlock(&ch->lock);
    if (wake)
        pthread_cond_signal(&ch->readable); /* tx keeps the channel alive */
    return status;
}

/* Gives the others a moment: often that is all it takes, and sleep and wake-up take far longer. */
static void give_way(pthread_mutex_t *lock)
{
    pthread_mutex_unlock(lock);
    sched_yield();
    pthread_mutex_lock(lock);
}

/* Takes everything queued. The lock is held, and the batch is empty. */
static void swap_queues(struct receiver *rx)
{
    struct ring empty = rx->batch;

    rx->batch = rx->channel->queue;
    rx->channel->queue = empty;
}

static enum channel_status receive(struct receiver *rx, void *message, bool may_sleep)
{
    struct channel *ch = rx->channel;
    bool senders_left = true;

    if (rx->batch.count == 0) {
        pthread_mutex_lock(&ch->lock);
        for (int i = 0; i < LOOKS && may_sleep && ch->queue.count == 0 && ch->senders > 0; i++)
            give_way(&ch->lock);
        while (may_sleep && ch->queue.count == 0 && ch->senders > 0) {
            ch->receiver_sleeps = true;
            pthread_cond_wait(&ch->readable, &ch->lock);
        }
        ch->receiver_sleeps = false;
        senders_left = ch->senders > 0;
        swap_queues(rx);
        pthread_mutex_unlock(&ch->lock);
    }
    if (ring_pop(&rx->batch, message)) /* first of all: queued messages come before CLOSED */
        return CHANNEL_OK;
    return senders_left ? CHANNEL_EMPTY : CHANNEL_CLOSED;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    return receive(rx, message, false);
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    return receive(rx, message, true);
}

/* To be called by each drop, which holds the lock: the last one frees the channel. */
static void unlock_and_free_if_last(struct channel *ch)
{
    bool last = ch->senders == 0 && !ch->receiver_alive;

    pthread_mutex_unlock(&ch->lock); /* from here on ch may be gone, unless this is the last */
    if (!last)
        return;
    pthread_cond_destroy(&ch->readable);
    pthread_mutex_destroy(&ch->lock);
    free(ch->queue.slots);
    free(ch);
}

void sender_drop(struct sender *tx)
{
    if (tx == NULL)
        return;

    struct channel *ch = tx->channel;
    free(tx);
    pthread_mutex_lock(&ch->lock);
    ch->senders--;
    if (ch->senders == 0)
        pthread_cond_signal(&ch->readable); /* under the lock, which keeps ch alive */
    unlock_and_free_if_last(ch);
}

void receiver_drop(struct receiver *rx)
{
    if (rx == NULL)
        return;

    struct channel *ch = rx->channel;
    free(rx->batch.slots);
    free(rx);
    pthread_mutex_lock(&ch->lock);
    ch->receiver_alive = false;
    unlock_and_free_if_last(ch);
}
