/* A receiver that waits sleeps by a bell, which whoever makes its channel ready rings. While it
 * selects, all its channels ring the bell of the first of them. To receive is to select from one.
 *
 * Invariants, under lock
 *   ring: the count messages are in the slots first, first + 1, ..., oldest first, where slot 0 comes
 *     after the last one. Bounded: capacity never changes. Unbounded: the ring grows.
 *   handles counts the receiver and all senders; whoever drops the last one frees the channel. All
 *     senders are one object: a clone costs no memory.
 *   Each place that comes free is a signal of writable, and whoever wakes looks before it gives up: a
 *     sender whose time is up may have been given the signal for a place. It takes that place, or
 *     finds that another sender has.
 *   bell is the channel's own bell, except while a select watches the channel. Who makes the channel
 *     ready rings it in the same piece, under the channel's lock. So under that lock a select either
 *     sees that the channel is ready, or has put its bell there and will hear of it; and once no
 *     channel has its bell any more, nobody can reach it.
 *   Locks: a channel's, then a bell's. No thread holds those of two channels.
 *   drop: called without the lock for what is left in the ring, once receiver_alive is false and so
 *     nothing is appended any more. The receiver's handle keeps the channel alive meanwhile.
 */
#include "channel.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct bell {
    pthread_mutex_t lock;
    pthread_cond_t rings; /* rang is true */

    /* lock must be held when using this: */
    bool rang; /* since whoever sleeps by it looked last */
};

struct sender {
    struct channel *channel;
};

struct receiver {
    struct channel *channel;
};

struct channel {
    struct sender tx;
    struct receiver rx;
    size_t message_size;         /* never changes, in bytes */
    void (*drop)(void *message); /* never changes; may be NULL */
    bool bounded;                /* never changes */
    struct bell own_bell;
    pthread_mutex_t lock;
    pthread_cond_t writable; /* a bounded ring is not full, or the receiver has gone */

    /* lock must be held when using these: */
    unsigned char *ring;
    size_t capacity; /* in messages, like the following */
    size_t first;
    size_t count;
    size_t handles;
    bool receiver_alive;
    struct bell *bell; /* to ring when the channel becomes ready */
};

/* The place of the message that is index places behind the oldest one. */
static unsigned char *slot(const struct channel *ch, size_t index)
{
    return ch->ring + (ch->first + index) % ch->capacity * ch->message_size;
}

/* Makes room for capacity messages. False, and nothing has changed, when memory holds no more. */
static bool grow(struct channel *ch, size_t capacity)
{
    unsigned char *ring;

    if (capacity > SIZE_MAX / ch->message_size)
        return false;
    ring = malloc(capacity * ch->message_size);
    if (ring == NULL)
        return false;
    for (size_t i = 0; i < ch->count; i++)
        memcpy(ring + i * ch->message_size, slot(ch, i), ch->message_size);
    free(ch->ring);
    ch->ring = ring;
    ch->capacity = capacity;
    ch->first = 0;
    return true;
}

/* Copies a message in, behind the others. False, and nothing has changed, when out of memory. */
static bool append(struct channel *ch, const void *message)
{
    if (ch->count == ch->capacity && !grow(ch, ch->count > 0 ? 2 * ch->count : 4))
        return false;
    memcpy(slot(ch, ch->count), message, ch->message_size);
    ch->count++;
    return true;
}

/* Copies the oldest message out. False, and message is untouched, when there is none. */
static bool take(struct channel *ch, void *message)
{
    if (ch->count == 0)
        return false;
    memcpy(message, slot(ch, 0), ch->message_size);
    ch->first = (ch->first + 1) % ch->capacity;
    ch->count--;
    return true;
}

/* Makes condition variables whose deadlines are points in time of CLOCK_MONOTONIC. */
static bool init_conditions(struct channel *ch)
{
    pthread_condattr_t monotonic;
    bool one, both;

    if (pthread_condattr_init(&monotonic) != 0)
        return false;
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    one = pthread_cond_init(&ch->own_bell.rings, &monotonic) == 0;
    both = one && pthread_cond_init(&ch->writable, &monotonic) == 0;
    if (one && !both)
        pthread_cond_destroy(&ch->own_bell.rings);
    pthread_condattr_destroy(&monotonic);
    return both;
}

/* capacity 0: unbounded. */
static enum channel_status create(size_t message_size, size_t capacity, void (*drop)(void *message),
                                  struct sender **tx, struct receiver **rx)
{
    struct channel *ch = malloc(sizeof *ch);

    if (ch == NULL)
        return CHANNEL_NO_MEMORY;
    *ch = (struct channel){
        .tx.channel = ch,
        .rx.channel = ch,
        .message_size = message_size,
        .drop = drop,
        .bounded = capacity > 0,
        .own_bell.lock = PTHREAD_MUTEX_INITIALIZER,
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .handles = 2,
        .receiver_alive = true,
        .bell = &ch->own_bell,
    };
    if ((ch->bounded && !grow(ch, capacity)) || !init_conditions(ch)) {
        free(ch->ring);
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

    pthread_mutex_lock(&ch->lock);
    ch->handles++;
    pthread_mutex_unlock(&ch->lock);
    return tx;
}

/* NULL, which is no deadline, is valid. A negative tv_sec is, too: it has passed. */
static bool is_valid(const struct timespec *deadline)
{
    return deadline == NULL || (deadline->tv_nsec >= 0 && deadline->tv_nsec < 1000000000);
}

/* Sleeps until woken, for whatever reason. False when deadline has passed: look once more, then. */
static bool wait_until(pthread_cond_t *condition, pthread_mutex_t *mutex,
                       const struct timespec *deadline)
{
    if (deadline == NULL)
        return pthread_cond_wait(condition, mutex) == 0;
    return pthread_cond_timedwait(condition, mutex, deadline) == 0;
}

/* Tells who waits for the channel that it is ready. Its lock is held. */
static void ring_bell(struct channel *ch)
{
    pthread_mutex_lock(&ch->bell->lock);
    ch->bell->rang = true;
    pthread_cond_signal(&ch->bell->rings);
    pthread_mutex_unlock(&ch->bell->lock);
}

static bool is_full(const struct channel *ch)
{
    return ch->bounded && ch->count == ch->capacity;
}

static enum channel_status send(struct channel *ch, const void *message, bool may_wait,
                                const struct timespec *deadline)
{
    enum channel_status status = CHANNEL_OK;

    pthread_mutex_lock(&ch->lock);
    while (may_wait && ch->receiver_alive && is_full(ch))
        may_wait = wait_until(&ch->writable, &ch->lock, deadline);
    if (!ch->receiver_alive)
        status = CHANNEL_CLOSED;
    else if (is_full(ch))
        status = CHANNEL_FULL;
    else if (!append(ch, message))
        status = CHANNEL_NO_MEMORY;
    else
        ring_bell(ch);
    pthread_mutex_unlock(&ch->lock);
    return status;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    return send(tx->channel, message, true, NULL);
}

enum channel_status sender_try_send(struct sender *tx, const void *message)
{
    return send(tx->channel, message, false, NULL);
}

enum channel_status sender_send_until(struct sender *tx, const void *message,
                                      const struct timespec *deadline)
{
    enum channel_status status =
        is_valid(deadline) ? send(tx->channel, message, true, deadline) : CHANNEL_INVALID;

    return status == CHANNEL_FULL ? CHANNEL_TIMEOUT : status;
}

/* The lowest of n receivers that is ready, or n. From now on all ring this bell, NULL: their own. */
static size_t look(struct receiver *const receivers[], size_t n, struct bell *bell)
{
    size_t found = n;

    for (size_t i = 0; i < n; i++) {
        struct channel *ch = receivers[i]->channel;
        pthread_mutex_lock(&ch->lock);
        ch->bell = bell != NULL ? bell : &ch->own_bell;
        if (found == n && (ch->count > 0 || ch->handles == 1))
            found = i;
        pthread_mutex_unlock(&ch->lock);
    }
    return found;
}

/* Sleeps until the bell has rung. False when deadline has passed: look once more, then. */
static bool sleep_by(struct bell *bell, const struct timespec *deadline)
{
    bool may_wait = true;

    pthread_mutex_lock(&bell->lock);
    while (may_wait && !bell->rang)
        may_wait = wait_until(&bell->rings, &bell->lock, deadline);
    bell->rang = false; /* whatever it rang for is seen by the look to come */
    pthread_mutex_unlock(&bell->lock);
    return may_wait;
}

/* Sleeps until one of n receivers is ready, and says which. n: none was before deadline. */
static size_t wait_for_ready(struct receiver *const receivers[], size_t n,
                             const struct timespec *deadline)
{
    struct bell *bell = &receivers[0]->channel->own_bell;
    bool may_wait = true;
    size_t found;

    while ((found = look(receivers, n, bell)) == n && may_wait)
        may_wait = sleep_by(bell, deadline);
    look(receivers, n, NULL);
    return found;
}

enum channel_status receiver_select(struct receiver *const receivers[], size_t n,
                                    const struct timespec *deadline, size_t *ready)
{
    size_t found;

    if (n == 0 || !is_valid(deadline))
        return CHANNEL_INVALID;
    found = wait_for_ready(receivers, n, deadline);
    if (found == n)
        return CHANNEL_TIMEOUT;
    *ready = found;
    return CHANNEL_OK;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    struct channel *ch = rx->channel;
    enum channel_status status = CHANNEL_OK;

    pthread_mutex_lock(&ch->lock);
    if (take(ch, message)) /* first of all: queued messages come before CLOSED */
        pthread_cond_signal(&ch->writable);
    else
        status = ch->handles > 1 ? CHANNEL_EMPTY : CHANNEL_CLOSED;
    pthread_mutex_unlock(&ch->lock);
    return status;
}

enum channel_status receiver_recv_until(struct receiver *rx, void *message,
                                        const struct timespec *deadline)
{
    enum channel_status status;

    if (!is_valid(deadline))
        return CHANNEL_INVALID;
    wait_for_ready(&rx, 1, deadline);
    status = receiver_try_recv(rx, message);
    return status == CHANNEL_EMPTY ? CHANNEL_TIMEOUT : status;
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    return receiver_recv_until(rx, message, NULL);
}

/* Gives a handle up. */
static void release(struct channel *ch)
{
    pthread_mutex_lock(&ch->lock);
    size_t left = --ch->handles;
    if (left == 1)     /* perhaps the receiver's. Under the lock: */
        ring_bell(ch); /* after it, who has that handle may free ch */
    pthread_mutex_unlock(&ch->lock);
    if (left > 0)
        return;
    pthread_cond_destroy(&ch->writable);
    pthread_mutex_destroy(&ch->lock);
    pthread_cond_destroy(&ch->own_bell.rings);
    pthread_mutex_destroy(&ch->own_bell.lock);
    free(ch->ring);
    free(ch);
}

void sender_drop(struct sender *tx)
{
    if (tx != NULL)
        release(tx->channel);
}

void receiver_drop(struct receiver *rx)
{
    if (rx == NULL)
        return;

    struct channel *ch = rx->channel;
    pthread_mutex_lock(&ch->lock);
    ch->receiver_alive = false; /* from now on the ring is the receiver's alone */
    pthread_cond_broadcast(&ch->writable);
    pthread_mutex_unlock(&ch->lock);
    for (size_t i = 0; ch->drop != NULL && i < ch->count; i++)
        ch->drop(slot(ch, i));
    release(ch);
}
