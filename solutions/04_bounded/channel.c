/* Two queues: senders append to one under the lock; the receiver empties the other without it, and
 * swaps the two when its own has nothing left. A bounded channel has one, which does not grow.
 *
 * Invariants
 *   ring: the count messages are in the slots first, first + 1, ..., oldest first, where the slot
 *     after the last one is slot 0. count <= capacity. A ring of capacity 0 has no block.
 *   channel, under lock: senders is the number of sending handles that have not been dropped;
 *     receiver_alive says the same of the receiver. Whoever makes both go frees the channel.
 *     While the receiver waits for readable, receiver_sleeps is true or its signal is on the way.
 *     sleeping_senders wait for writable. Each place that comes free is a signal to one of them.
 *   receiver: every message in batch is older than every message in the channel's queue. The batch
 *     of a bounded channel is empty: all that is queued is in queue.
 *   drop: called for what is left in both queues, by the thread that drops the receiver, once
 *     nobody else can reach them: without the lock, and without the channel, which may be gone.
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
    pthread_cond_t readable;     /* something is queued, or senders is 0 */
    pthread_cond_t writable;     /* a bounded queue is not full, or the receiver has gone */
    void (*drop)(void *message); /* never changes; may be NULL */
    bool bounded;                /* never changes */

    /* lock must be held when using these: */
    struct ring queue;
    size_t senders;
    size_t sleeping_senders;
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

/* Makes room for capacity messages. False, and nothing has changed, when memory holds no more. */
static bool ring_grow(struct ring *ring, size_t capacity)
{
    unsigned char *slots;

    if (ring->message_size > SIZE_MAX / capacity)
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
    if (ring->count == ring->capacity && !ring_grow(ring, ring->count > 0 ? ring->count * 2 : 4))
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

/* Drops all messages of a ring that nobody else can reach, and frees it. */
static void ring_drop(struct ring *ring, void (*drop)(void *message))
{
    for (size_t i = 0; drop != NULL && i < ring->count; i++)
        drop(ring_slot(ring, i));
    free(ring->slots);
}

/* A channel without handles, with room for capacity messages. NULL when out of memory. */
static struct channel *channel_new(size_t message_size, size_t capacity)
{
    struct channel *ch = malloc(sizeof *ch);

    if (ch == NULL)
        return NULL;
    *ch = (struct channel){.queue.message_size = message_size, .bounded = capacity > 0};
    if (ch->bounded && !ring_grow(&ch->queue, capacity))
        goto no_memory;
    if (pthread_mutex_init(&ch->lock, NULL) != 0)
        goto no_memory;
    if (pthread_cond_init(&ch->readable, NULL) != 0)
        goto no_readable;
    if (pthread_cond_init(&ch->writable, NULL) != 0)
        goto no_writable;
    return ch;

no_writable:
    pthread_cond_destroy(&ch->readable);
no_readable:
    pthread_mutex_destroy(&ch->lock);
no_memory:
    free(ch->queue.slots);
    free(ch);
    return NULL;
}

static void channel_free(struct channel *ch)
{
    pthread_cond_destroy(&ch->writable);
    pthread_cond_destroy(&ch->readable);
    pthread_mutex_destroy(&ch->lock);
    free(ch->queue.slots);
    free(ch);
}

/* capacity 0: unbounded. */
static enum channel_status create(size_t message_size, size_t capacity, void (*drop)(void *message),
                                  struct sender **tx, struct receiver **rx)
{
    struct channel *ch = channel_new(message_size, capacity);
    struct sender *sender = malloc(sizeof *sender);
    struct receiver *receiver = malloc(sizeof *receiver);

    if (ch == NULL || sender == NULL || receiver == NULL) {
        free(receiver);
        free(sender);
        if (ch != NULL)
            channel_free(ch);
        return CHANNEL_NO_MEMORY;
    }
    ch->drop = drop;
    ch->senders = 1;
    ch->receiver_alive = true;
    *sender = (struct sender){.channel = ch};
    *receiver = (struct receiver){.channel = ch, .batch.message_size = message_size};
    *tx = sender;
    *rx = receiver;
    return CHANNEL_OK;
}

enum channel_status channel_create_bounded(size_t message_size, size_t capacity,
                                           void (*drop)(void *message), struct sender **tx,
                                           struct receiver **rx)
{
    if (message_size == 0 || capacity == 0)
        return CHANNEL_INVALID;
    return create(message_size, capacity, drop, tx, rx);
}

enum channel_status channel_create_with_drop(size_t message_size, void (*drop)(void *message),
                                             struct sender **tx, struct receiver **rx)
{
    return message_size == 0 ? CHANNEL_INVALID : create(message_size, 0, drop, tx, rx);
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    return channel_create_with_drop(message_size, NULL, tx, rx);
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

static bool is_full(const struct channel *ch)
{
    return ch->bounded && ch->queue.count == ch->queue.capacity;
}

/* What a send says that does not wait any longer. The lock is held. */
static enum channel_status push(struct channel *ch, const void *message)
{
    if (!ch->receiver_alive)
        return CHANNEL_CLOSED;
    if (is_full(ch))
        return CHANNEL_FULL;
    return ring_push(&ch->queue, message) ? CHANNEL_OK : CHANNEL_NO_MEMORY;
}

/* Gives the others a moment: often that is all it takes, and sleep and wake-up take far longer. */
static void give_way(pthread_mutex_t *lock)
{
    pthread_mutex_unlock(lock);
    sched_yield();
    pthread_mutex_lock(lock);
}

static enum channel_status send(struct sender *tx, const void *message, bool may_sleep)
{
    struct channel *ch = tx->channel;
    enum channel_status status;
    bool wake = false;

    pthread_mutex_lock(&ch->lock);
    for (int i = 0; i < LOOKS && may_sleep && ch->receiver_alive && is_full(ch); i++)
        give_way(&ch->lock);
    ch->sleeping_senders++;
    while (may_sleep && ch->receiver_alive && is_full(ch))
        pthread_cond_wait(&ch->writable, &ch->lock);
    ch->sleeping_senders--;
    status = push(ch, message);
    if (status == CHANNEL_OK) {
        wake = ch->receiver_sleeps;
        ch->receiver_sleeps = false; /* the next sender need not wake it again */
    }
    pthread_mutex_unlock(&ch->lock);
    if (wake)
        pthread_cond_signal(&ch->readable); /* tx keeps the channel alive */
    return status;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    return send(tx, message, true);
}

enum channel_status sender_try_send(struct sender *tx, const void *message)
{
    return send(tx, message, false);
}

/* Takes all that is queued into the batch, which is empty. The lock is held. */
static void swap_queues(struct receiver *rx)
{
    struct ring empty = rx->batch;

    rx->batch = rx->channel->queue;
    rx->channel->queue = empty;
}

static enum channel_status receive(struct receiver *rx, void *message, bool may_sleep)
{
    struct channel *ch = rx->channel;
    bool received, senders_left, wake;

    if (ring_pop(&rx->batch, message))
        return CHANNEL_OK;
    pthread_mutex_lock(&ch->lock);
    for (int i = 0; i < LOOKS && may_sleep && ch->queue.count == 0 && ch->senders > 0; i++)
        give_way(&ch->lock);
    while (may_sleep && ch->queue.count == 0 && ch->senders > 0) {
        ch->receiver_sleeps = true;
        pthread_cond_wait(&ch->readable, &ch->lock);
    }
    ch->receiver_sleeps = false;
    received = ring_pop(&ch->queue, message); /* first of all: queued messages come before CLOSED */
    senders_left = ch->senders > 0;
    wake = received && ch->sleeping_senders > 0;
    if (!ch->bounded)
        swap_queues(rx);
    pthread_mutex_unlock(&ch->lock);
    if (wake)
        pthread_cond_signal(&ch->writable); /* rx keeps the channel alive */
    return received ? CHANNEL_OK : senders_left ? CHANNEL_EMPTY : CHANNEL_CLOSED;
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
    if (last)
        channel_free(ch);
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
    void (*drop)(void *message) = ch->drop;
    struct ring older = rx->batch, newer;
    free(rx);
    pthread_mutex_lock(&ch->lock);
    ch->receiver_alive = false; /* no message comes behind those in newer */
    newer = ch->queue;
    ch->queue.slots = NULL;
    pthread_cond_broadcast(&ch->writable);
    unlock_and_free_if_last(ch);
    ring_drop(&older, drop); /* a message may hold a sender of ch, so ch must not be used here */
    ring_drop(&newer, drop);
}
