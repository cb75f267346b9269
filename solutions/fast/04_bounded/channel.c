/* The fast 04: messages go to the receiver in batches, and places back to the senders, each under a
 * lock of their own.
 *
 * Invariants, true whenever nobody holds the lock
 *   batch   Of its count messages, the oldest first, the first taken have been received.
 *   order   Every message in the receiver's batch is older than every message in queue. The
 *           receiver reads its batch without the lock, and swaps the two at its end.
 *   room    Bounded: room + places + messages queued + messages left in the receiver's batch =
 *           capacity. A sender falls asleep only while room and places are 0, and each place that
 *           is given back wakes one.
 *   locks   lock comes before places_lock.
 *   memory  Whoever drops the last handle, of either kind, frees the channel.
 *   owner   A queued message is the channel's. What is left in both batches when the receiver goes
 *           is receiver_drop's, which drops it without the lock and without the channel.
 *   waking  The receiver sleeps only while nothing is queued and a sender is left; a sender, while
 *           the channel is full and the receiver is there. Whoever makes that false signals if one
 *           sleeps: readable for a message or the last sender's drop, writable for a place that
 *           comes free or, to all senders, the receiver's drop. And whoever wakes looks again.
 *   asleep  A receiver that waits has said so in receiver_sleeps, or its signal is on the way; each
 *           sender that waits is counted in sleeping_senders.
 */
#include "channel.h"

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { LOOKS = 16 }; /* how often a thread looks again before it falls asleep */

struct batch {
    unsigned char *messages;
    size_t message_size; /* in bytes */
    size_t capacity;     /* in messages, like the following */
    size_t count;
    size_t taken;
};

struct sender {
    struct channel *channel;
};

struct receiver { /* used by one thread at a time, so lock need not be held */
    struct channel *channel;
    struct batch batch;
};

struct channel {
    struct receiver rx; /* far from what senders use: a cache line has one writer at a time */
    void (*drop)(void *message); /* never changes; NULL: messages own nothing */
    bool bounded;                /* never changes */
    pthread_mutex_t places_lock;
    pthread_cond_t writable; /* a place has been given back, or the receiver has gone */

    /* places_lock must be held when using these: */
    size_t places; /* given back, and not yet fetched */
    size_t sleeping_senders;

    pthread_cond_t readable; /* a message is queued, or no sender is left */
    struct sender tx;        /* all senders: a clone is counted, and takes no memory */
    pthread_mutex_t lock;

    /* lock must be held when using these: */
    struct batch queue;
    size_t room;    /* for so many messages; unbounded: always enough */
    size_t senders; /* handles given out and not yet dropped */
    bool receiver_alive;
    bool receiver_sleeps;
};

/* Makes room for capacity messages. False when out of memory: then nothing has changed. */
static bool grow(struct batch *batch, size_t capacity)
{
    unsigned char *messages = NULL;

    if (capacity <= SIZE_MAX / batch->message_size)
        messages = realloc(batch->messages, capacity * batch->message_size);
    if (messages == NULL)
        return false;
    batch->messages = messages;
    batch->capacity = capacity;
    return true;
}

/* capacity 0: unbounded. */
static enum channel_status create(size_t message_size, size_t capacity, void (*drop)(void *message),
                                  struct sender **tx, struct receiver **rx)
{
    struct channel *ch;

    if (message_size == 0)
        return CHANNEL_INVALID;
    ch = malloc(sizeof *ch);
    if (ch == NULL)
        return CHANNEL_NO_MEMORY;
    *ch = (struct channel){
        .rx = {.channel = ch, .batch.message_size = message_size},
        .tx.channel = ch,
        .drop = drop,
        .bounded = capacity > 0,
        .places_lock = PTHREAD_MUTEX_INITIALIZER,
        .writable = PTHREAD_COND_INITIALIZER,
        .readable = PTHREAD_COND_INITIALIZER,
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .queue.message_size = message_size,
        .room = capacity > 0 ? capacity : SIZE_MAX,
        .senders = 1,
        .receiver_alive = true,
    };
    if (ch->bounded && !(grow(&ch->queue, capacity) && grow(&ch->rx.batch, capacity))) {
        free(ch->queue.messages);
        free(ch);
        return CHANNEL_NO_MEMORY;
    }
    *tx = &ch->tx;
    *rx = &ch->rx;
    return CHANNEL_OK;
}

enum channel_status channel_create_bounded(size_t message_size, size_t capacity,
                                           void (*drop)(void *message), struct sender **tx,
                                           struct receiver **rx)
{
    return capacity == 0 ? CHANNEL_INVALID : create(message_size, capacity, drop, tx, rx);
}

enum channel_status channel_create_with_drop(size_t message_size, void (*drop)(void *message),
                                             struct sender **tx, struct receiver **rx)
{
    return create(message_size, 0, drop, tx, rx);
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    return create(message_size, 0, NULL, tx, rx);
}

/* Takes the lock. A thread that finds it taken first lets others run, its owner among them, and
 * falls asleep only after a while. */
static void lock(pthread_mutex_t *mutex)
{
    for (int look = 0; look < LOOKS; look++) {
        if (pthread_mutex_trylock(mutex) == 0)
            return;
        sched_yield();
    }
    pthread_mutex_lock(mutex);
}

/* Like pthread_cond_wait, to be called in a loop that counts its looks. The first of them only let
 * others run: often that is all it takes, and to fall asleep and be woken takes far longer. */
static void wait(pthread_cond_t *condition, pthread_mutex_t *mutex, int look)
{
    if (look >= LOOKS) {
        pthread_cond_wait(condition, mutex);
        return;
    }
    pthread_mutex_unlock(mutex);
    sched_yield();
    lock(mutex);
}

struct sender *sender_clone(struct sender *tx)
{
    struct channel *ch = tx->channel;

    lock(&ch->lock);
    ch->senders++;
    pthread_mutex_unlock(&ch->lock);
    return tx;
}

/* Says whether there is room, having fetched all places if need be. lock is held. */
static bool has_room(struct channel *ch)
{
    if (ch->room == 0) {
        lock(&ch->places_lock);
        ch->room = ch->places;
        ch->places = 0;
        pthread_mutex_unlock(&ch->places_lock);
    }
    return ch->room > 0;
}

/* Waits until places may have been given back. lock is held, and let go meanwhile: another sender
 * may fetch them first. So this has no loop of its own, and is called in one. */
static void wait_for_place(struct channel *ch, int look)
{
    lock(&ch->places_lock);
    pthread_mutex_unlock(&ch->lock);
    ch->sleeping_senders++;
    if (ch->places == 0)
        wait(&ch->writable, &ch->places_lock, look);
    ch->sleeping_senders--;
    pthread_mutex_unlock(&ch->places_lock);
    lock(&ch->lock);
}

/* A send as far as it gets without sleeping. lock is held. */
static enum channel_status push(struct channel *ch, const void *message)
{
    struct batch *queue = &ch->queue;

    if (!ch->receiver_alive)
        return CHANNEL_CLOSED;
    if (!has_room(ch))
        return CHANNEL_FULL;
    if (queue->count == queue->capacity && !grow(queue, 2 * queue->capacity + 4))
        return CHANNEL_NO_MEMORY;
    memcpy(queue->messages + queue->count * queue->message_size, message, queue->message_size);
    queue->count++;
    ch->room--;
    return CHANNEL_OK;
}

/* Unlocks, and then wakes the receiver if there is something to wake it for. The caller's sender
 * keeps the channel alive. */
static void unlock_and_wake_receiver(struct channel *ch)
{
    bool wake = ch->receiver_sleeps && ch->queue.count > 0;

    if (wake)
        ch->receiver_sleeps = false; /* the next sender need not wake it again */
    pthread_mutex_unlock(&ch->lock);
    if (wake)
        pthread_cond_signal(&ch->readable);
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct channel *ch = tx->channel;
    enum channel_status status;

    lock(&ch->lock);
    for (int look = 0; (status = push(ch, message)) == CHANNEL_FULL; look++)
        wait_for_place(ch, look);
    unlock_and_wake_receiver(ch);
    return status;
}

enum channel_status sender_try_send(struct sender *tx, const void *message)
{
    struct channel *ch = tx->channel;
    enum channel_status status;

    lock(&ch->lock);
    status = push(ch, message);
    unlock_and_wake_receiver(ch);
    return status;
}

/* Gets the receiver, which has read its batch to the end, the next one. Says whether a sender is
 * left. */
static bool refill(struct receiver *rx, bool may_sleep)
{
    struct channel *ch = rx->channel;
    struct batch read = rx->batch;
    bool senders_left;

    read.count = read.taken = 0;
    lock(&ch->lock);
    for (int look = 0; may_sleep && ch->queue.count == 0 && ch->senders > 0; look++) {
        ch->receiver_sleeps = true;
        wait(&ch->readable, &ch->lock, look);
    }
    ch->receiver_sleeps = false;
    rx->batch = ch->queue;
    ch->queue = read;
    senders_left = ch->senders > 0;
    pthread_mutex_unlock(&ch->lock);
    return senders_left;
}

/* Gives back the place of a message that has been received, to a sender that sleeps for one. */
static void give_back_place(struct channel *ch)
{
    bool wake;

    lock(&ch->places_lock);
    ch->places++;
    wake = ch->sleeping_senders > 0;
    pthread_mutex_unlock(&ch->places_lock);
    if (wake)
        pthread_cond_signal(&ch->writable); /* the receiver keeps the channel alive */
}

static enum channel_status receive(struct receiver *rx, void *message, bool may_sleep)
{
    struct batch *batch = &rx->batch;
    bool senders_left = true;

    if (batch->taken == batch->count)
        senders_left = refill(rx, may_sleep);
    if (batch->taken == batch->count)
        return senders_left ? CHANNEL_EMPTY : CHANNEL_CLOSED;
    memcpy(message, batch->messages + batch->taken * batch->message_size, batch->message_size);
    batch->taken++;
    if (rx->channel->bounded)
        give_back_place(rx->channel);
    return CHANNEL_OK;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    return receive(rx, message, false);
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    return receive(rx, message, true);
}

/* Unlocks, and frees the channel if the handle that was just dropped was the last one. Which one is
 * the last is decided under the lock: without it, somebody else may free the channel meanwhile. */
static void unlock_and_free_if_last(struct channel *ch)
{
    bool last = ch->senders == 0 && !ch->receiver_alive;

    pthread_mutex_unlock(&ch->lock);
    if (!last)
        return;
    pthread_cond_destroy(&ch->writable);
    pthread_cond_destroy(&ch->readable);
    pthread_mutex_destroy(&ch->places_lock);
    pthread_mutex_destroy(&ch->lock);
    free(ch);
}

void sender_drop(struct sender *tx)
{
    if (tx == NULL)
        return;
    lock(&tx->channel->lock);
    if (--tx->channel->senders == 0)
        pthread_cond_signal(&tx->channel->readable);
    unlock_and_free_if_last(tx->channel);
}

static void drop_all(const struct batch *batch, void (*drop)(void *message))
{
    for (size_t i = batch->taken; drop != NULL && i < batch->count; i++)
        drop(batch->messages + i * batch->message_size);
    free(batch->messages);
}

void receiver_drop(struct receiver *rx)
{
    if (rx == NULL)
        return;

    struct channel *ch = rx->channel;
    void (*drop)(void *message) = ch->drop;
    lock(&ch->lock);
    ch->receiver_alive = false;
    lock(&ch->places_lock);
    pthread_cond_broadcast(&ch->writable);
    pthread_mutex_unlock(&ch->places_lock);
    struct batch older = rx->batch, newer = ch->queue;
    unlock_and_free_if_last(ch); /* from here on ch may be gone: drop may drop its last sender */
    drop_all(&older, drop);
    drop_all(&newer, drop);
}
