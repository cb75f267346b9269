/* Exercise 06: the channel of 05, and a select that waits for many channels by receiving from one.
 *
 * That one is made for the call, and its messages mean no more than "look again". While the select
 * waits, each of its channels has the sender, as its waker, and whoever makes it ready sends.
 *
 * Invariants, true whenever nobody holds the lock
 *   ring    The count messages are in the slots first, first + 1, ..., the oldest first.
 *   memory  Whoever drops the last handle, of either kind, frees the channel.
 *   owner   A queued message is the channel's. What is left in the ring when the receiver goes is
 *           receiver_drop's, which drops it without the lock and without the channel.
 *   waking  The receiver sleeps only while nothing is queued and a sender is left; a sender, while
 *           the channel is full and the receiver is there. Whoever makes that false signals, under
 *           the same lock: readable for a message or the last sender's drop, writable for a place
 *           that comes free or, to all senders, the receiver's drop. And whoever wakes looks again,
 *           even when its time is up: the one signal for a free place may have gone to it.
 *   waker   To leave a waker and to look at the channel are one step under the lock, and so are to
 *           make the channel ready and to tell its waker. So a select sees that a channel is ready,
 *           or will be told; and once it has taken its waker back, nobody can reach it.
 *   locks   A channel's comes before that of its waker's channel, which has no waker itself.
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
    void (*drop)(void *message); /* never changes; NULL: messages own nothing */
    bool bounded;                /* never changes */
    pthread_mutex_t lock;
    pthread_cond_t readable; /* a message is queued, or no sender is left */
    pthread_cond_t writable; /* the channel is not full, or the receiver has gone */

    /* lock must be held when using these: */
    struct ring ring;
    size_t senders; /* handles given out and not yet dropped */
    bool receiver_alive;
    struct sender *waker; /* of the select that waits for this channel, or NULL */
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

/* Makes a condition variable whose deadlines are points in time of CLOCK_MONOTONIC. */
static bool init_condition(pthread_cond_t *condition)
{
    pthread_condattr_t monotonic;
    bool done;

    if (pthread_condattr_init(&monotonic) != 0)
        return false;
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    done = pthread_cond_init(condition, &monotonic) == 0;
    pthread_condattr_destroy(&monotonic);
    return done;
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
        .tx.channel = ch,
        .rx.channel = ch,
        .drop = drop,
        .bounded = capacity > 0,
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .ring.message_size = message_size,
        .senders = 1,
        .receiver_alive = true,
    };
    if (ch->bounded && !grow(&ch->ring, capacity))
        goto free_channel;
    if (!init_condition(&ch->readable))
        goto free_ring;
    if (!init_condition(&ch->writable))
        goto destroy_readable;
    *tx = &ch->tx;
    *rx = &ch->rx;
    return CHANNEL_OK;

destroy_readable:
    pthread_cond_destroy(&ch->readable);
free_ring:
    free(ch->ring.slots);
free_channel:
    free(ch);
    return CHANNEL_NO_MEMORY;
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

struct sender *sender_clone(struct sender *tx)
{
    struct channel *ch = tx->channel;

    pthread_mutex_lock(&ch->lock);
    ch->senders++;
    pthread_mutex_unlock(&ch->lock);
    return tx;
}

/* No deadline, NULL, is valid. So is one before the clock began: it has passed. */
static bool is_valid(const struct timespec *deadline)
{
    return deadline == NULL || (deadline->tv_nsec >= 0 && deadline->tv_nsec < 1000000000);
}

/* Sleeps until woken, for whatever reason. False when the deadline has passed. */
static bool sleep_until(const struct timespec *deadline, pthread_cond_t *condition,
                        pthread_mutex_t *lock)
{
    if (deadline == NULL)
        return pthread_cond_wait(condition, lock) == 0;
    return pthread_cond_timedwait(condition, lock, deadline) == 0;
}

/* Tells the receiver that the channel is ready, wherever it sleeps. lock is held. */
static void wake_receiver(struct channel *ch)
{
    pthread_cond_signal(&ch->readable);
    if (ch->waker != NULL)
        sender_try_send(ch->waker, ""); /* FULL: it has been told, and has yet to look */
}

/* A send as far as it gets without sleeping. lock is held. */
static enum channel_status push(struct channel *ch, const void *message)
{
    struct ring *ring = &ch->ring;

    if (!ch->receiver_alive)
        return CHANNEL_CLOSED;
    if (ring->count == ring->capacity && ch->bounded)
        return CHANNEL_FULL;
    if (ring->count == ring->capacity && !grow(ring, 2 * ring->capacity + 4))
        return CHANNEL_NO_MEMORY;
    memcpy(slot(ring, ring->count), message, ring->message_size);
    ring->count++;
    wake_receiver(ch);
    return CHANNEL_OK;
}

enum channel_status sender_send_until(struct sender *tx, const void *message,
                                      const struct timespec *deadline)
{
    struct channel *ch = tx->channel;
    enum channel_status status;
    bool in_time = true;

    if (!is_valid(deadline))
        return CHANNEL_INVALID;
    pthread_mutex_lock(&ch->lock);
    while ((status = push(ch, message)) == CHANNEL_FULL && in_time)
        in_time = sleep_until(deadline, &ch->writable, &ch->lock);
    pthread_mutex_unlock(&ch->lock);
    return status == CHANNEL_FULL ? CHANNEL_TIMEOUT : status;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    return sender_send_until(tx, message, NULL);
}

enum channel_status sender_try_send(struct sender *tx, const void *message)
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
    pthread_cond_signal(&ch->writable);
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

enum channel_status receiver_recv_until(struct receiver *rx, void *message,
                                        const struct timespec *deadline)
{
    struct channel *ch = rx->channel;
    enum channel_status status;
    bool in_time = true;

    if (!is_valid(deadline))
        return CHANNEL_INVALID;
    pthread_mutex_lock(&ch->lock);
    while ((status = pop(ch, message)) == CHANNEL_EMPTY && in_time)
        in_time = sleep_until(deadline, &ch->readable, &ch->lock);
    pthread_mutex_unlock(&ch->lock);
    return status == CHANNEL_EMPTY ? CHANNEL_TIMEOUT : status;
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    return receiver_recv_until(rx, message, NULL);
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
    pthread_mutex_destroy(&ch->lock);
    free(ch);
}

void sender_drop(struct sender *tx)
{
    if (tx == NULL)
        return;
    pthread_mutex_lock(&tx->channel->lock);
    if (--tx->channel->senders == 0)
        wake_receiver(tx->channel);
    unlock_and_free_if_last(tx->channel);
}

void receiver_drop(struct receiver *rx)
{
    if (rx == NULL)
        return;

    struct channel *ch = rx->channel;
    void (*drop)(void *message) = ch->drop;
    pthread_mutex_lock(&ch->lock);
    ch->receiver_alive = false;
    pthread_cond_broadcast(&ch->writable);
    struct ring left = ch->ring;
    unlock_and_free_if_last(ch); /* from here on ch may be gone: drop may drop its last sender */
    for (size_t i = 0; drop != NULL && i < left.count; i++)
        drop(slot(&left, i));
    free(left.slots);
}

/* Gives all n channels that waker, and returns the lowest of them that is ready, or n. */
static size_t look(struct receiver *const receivers[], size_t n, struct sender *waker)
{
    size_t found = n;

    for (size_t i = 0; i < n; i++) {
        struct channel *ch = receivers[i]->channel;
        pthread_mutex_lock(&ch->lock);
        ch->waker = waker;
        if (found == n && (ch->ring.count > 0 || ch->senders == 0))
            found = i;
        pthread_mutex_unlock(&ch->lock);
    }
    return found;
}

enum channel_status receiver_select(struct receiver *const receivers[], size_t n,
                                    const struct timespec *deadline, size_t *ready)
{
    struct sender *waker;
    struct receiver *wakeups;
    enum channel_status status;
    size_t found;
    char wakeup;

    if (n == 0 || !is_valid(deadline))
        return CHANNEL_INVALID;
    status = channel_create_bounded(sizeof wakeup, 1, NULL, &waker, &wakeups);
    if (status != CHANNEL_OK)
        return status;
    while ((found = look(receivers, n, waker)) == n && status == CHANNEL_OK)
        status = receiver_recv_until(wakeups, &wakeup, deadline);
    look(receivers, n, NULL);
    sender_drop(waker);
    receiver_drop(wakeups);
    if (found == n)
        return CHANNEL_TIMEOUT;
    *ready = found;
    return CHANNEL_OK;
}
