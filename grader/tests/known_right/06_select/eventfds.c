/* Known right: one lock for all channels there are, and an eventfd each, which a select that has found nothing sleeps
 * on in poll. What is left in it from before wakes a select once too often, and it looks again. */
#define _GNU_SOURCE
#include "channel.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of everything */

struct channel {
    pthread_cond_t readable; /* something is queued, or senders is 0 */
    pthread_cond_t writable; /* a place is free, or the receiver has gone */
    size_t message_size;
    size_t bound; /* 0: none */
    void (*drop)(void *message);
    unsigned char *ring;
    size_t capacity, first, count;
    size_t senders;
    bool receiver;
    int news;      /* an eventfd */
    bool selected; /* a select sleeps, or is about to, that wants this channel */
};

struct sender {
    struct channel *channel;
};

struct receiver {
    struct channel *channel;
};

static void make_cond(pthread_cond_t *cond)
{
    pthread_condattr_t attr;

    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attr);
    pthread_condattr_destroy(&attr);
}

static unsigned char *slot(struct channel *ch, size_t i)
{
    return ch->ring + (ch->first + i) % ch->capacity * ch->message_size;
}

/* Gives the ring places for capacity messages. */
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

static enum channel_status create(size_t message_size, size_t bound, void (*drop)(void *message),
                                  struct sender **tx, struct receiver **rx)
{
    struct channel *ch = calloc(1, sizeof *ch);
    struct sender *sender = malloc(sizeof *sender);
    struct receiver *receiver = malloc(sizeof *receiver);

    if (ch != NULL) {
        ch->message_size = message_size;
        ch->bound = bound;
        ch->drop = drop;
        ch->senders = 1;
        ch->receiver = true;
    }
    if (ch == NULL || sender == NULL || receiver == NULL || (bound > 0 && !grow(ch, bound)) ||
        (ch->news = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) == -1) {
        if (ch != NULL)
            free(ch->ring);
        free(ch);
        free(sender);
        free(receiver);
        return CHANNEL_NO_MEMORY;
    }
    make_cond(&ch->readable);
    make_cond(&ch->writable);
    sender->channel = ch;
    receiver->channel = ch;
    *tx = sender;
    *rx = receiver;
    return CHANNEL_OK;
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    return channel_create_with_drop(message_size, NULL, tx, rx);
}

enum channel_status channel_create_with_drop(size_t message_size, void (*drop)(void *message),
                                             struct sender **tx, struct receiver **rx)
{
    if (message_size == 0)
        return CHANNEL_INVALID;
    return create(message_size, 0, drop, tx, rx);
}

enum channel_status channel_create_bounded(size_t message_size, size_t capacity,
                                           void (*drop)(void *message), struct sender **tx,
                                           struct receiver **rx)
{
    if (message_size == 0 || capacity == 0)
        return CHANNEL_INVALID;
    return create(message_size, capacity, drop, tx, rx);
}

struct sender *sender_clone(struct sender *tx)
{
    struct sender *clone = malloc(sizeof *clone);

    if (clone == NULL)
        return NULL;
    clone->channel = tx->channel;
    pthread_mutex_lock(&lock);
    tx->channel->senders++;
    pthread_mutex_unlock(&lock);
    return clone;
}

/* Whether the deadline is a point in time. */
static bool valid(const struct timespec *deadline)
{
    return deadline == NULL || (deadline->tv_nsec >= 0 && deadline->tv_nsec <= 999999999);
}

/* Returns ETIMEDOUT when the deadline has passed, else 0. */
static int wait_on(pthread_cond_t *cond, const struct timespec *deadline)
{
    if (deadline == NULL)
        return pthread_cond_wait(cond, &lock);
    return pthread_cond_timedwait(cond, &lock, deadline);
}

/* Something has become ready to be received. The lock is held. */
static void announce(struct channel *ch)
{
    pthread_cond_signal(&ch->readable);
    if (ch->selected)
        eventfd_write(ch->news, 1);
}

static bool full(struct channel *ch)
{
    return ch->bound > 0 && ch->count == ch->bound;
}

/* Queues the message if it can be. The lock is held. */
static enum channel_status put(struct channel *ch, const void *message)
{
    if (!ch->receiver)
        return CHANNEL_CLOSED;
    if (full(ch))
        return CHANNEL_FULL;
    if (ch->count == ch->capacity && !grow(ch, ch->capacity == 0 ? 4 : 2 * ch->capacity))
        return CHANNEL_NO_MEMORY;
    memcpy(slot(ch, ch->count), message, ch->message_size);
    ch->count++;
    announce(ch);
    return CHANNEL_OK;
}

enum channel_status sender_send_until(struct sender *tx, const void *message,
                                      const struct timespec *deadline)
{
    struct channel *ch = tx->channel;
    enum channel_status status;
    int error = 0;

    if (!valid(deadline))
        return CHANNEL_INVALID;
    pthread_mutex_lock(&lock);
    while (ch->receiver && full(ch) && error != ETIMEDOUT)
        error = wait_on(&ch->writable, deadline);
    status = put(ch, message);
    pthread_mutex_unlock(&lock);
    return status == CHANNEL_FULL ? CHANNEL_TIMEOUT : status;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    return sender_send_until(tx, message, NULL);
}

enum channel_status sender_try_send(struct sender *tx, const void *message)
{
    enum channel_status status;

    pthread_mutex_lock(&lock);
    status = put(tx->channel, message);
    pthread_mutex_unlock(&lock);
    return status;
}

/* Takes a message if there is one. The lock is held. */
static enum channel_status take(struct channel *ch, void *message)
{
    if (ch->count == 0)
        return ch->senders == 0 ? CHANNEL_CLOSED : CHANNEL_EMPTY;
    memcpy(message, slot(ch, 0), ch->message_size);
    ch->first = (ch->first + 1) % ch->capacity;
    ch->count--;
    pthread_cond_signal(&ch->writable);
    return CHANNEL_OK;
}

enum channel_status receiver_recv_until(struct receiver *rx, void *message,
                                        const struct timespec *deadline)
{
    struct channel *ch = rx->channel;
    enum channel_status status;
    int error = 0;

    if (!valid(deadline))
        return CHANNEL_INVALID;
    pthread_mutex_lock(&lock);
    while (ch->count == 0 && ch->senders > 0 && error != ETIMEDOUT)
        error = wait_on(&ch->readable, deadline);
    status = take(ch, message);
    pthread_mutex_unlock(&lock);
    return status == CHANNEL_EMPTY ? CHANNEL_TIMEOUT : status;
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    return receiver_recv_until(rx, message, NULL);
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    enum channel_status status;

    pthread_mutex_lock(&lock);
    status = take(rx->channel, message);
    pthread_mutex_unlock(&lock);
    return status;
}

/* Unlocks; the last handle frees the channel. */
static void leave(struct channel *ch)
{
    bool last = ch->senders == 0 && !ch->receiver;

    pthread_mutex_unlock(&lock);
    if (last) {
        pthread_cond_destroy(&ch->readable);
        pthread_cond_destroy(&ch->writable);
        close(ch->news);
        free(ch->ring);
        free(ch);
    }
}

void sender_drop(struct sender *tx)
{
    struct channel *ch;

    if (tx == NULL)
        return;
    ch = tx->channel;
    free(tx);
    pthread_mutex_lock(&lock);
    ch->senders--;
    if (ch->senders == 0)
        announce(ch);
    leave(ch);
}

void receiver_drop(struct receiver *rx)
{
    struct channel *ch;
    unsigned char *ring;
    size_t capacity, first, count, message_size;
    void (*drop)(void *message);

    if (rx == NULL)
        return;
    ch = rx->channel;
    free(rx);
    pthread_mutex_lock(&lock);
    ch->receiver = false;
    ring = ch->ring;
    capacity = ch->capacity;
    first = ch->first;
    count = ch->count;
    message_size = ch->message_size;
    drop = ch->drop;
    ch->ring = NULL;
    ch->count = 0;
    pthread_cond_broadcast(&ch->writable);
    leave(ch);
    for (size_t i = 0; drop != NULL && i < count; i++)
        drop(ring + (first + i) % capacity * message_size);
    free(ring);
}

static size_t first_ready(struct receiver *const receivers[], size_t n)
{
    size_t i = 0;

    while (i < n && receivers[i]->channel->count == 0 && receivers[i]->channel->senders > 0)
        i++;
    return i;
}

static void want(struct receiver *const receivers[], size_t n, bool wanted)
{
    for (size_t i = 0; i < n; i++)
        receivers[i]->channel->selected = wanted;
}

/* How long it is until then: 0 if it has passed. */
static struct timespec until(const struct timespec *deadline)
{
    struct timespec now, left = {0, 0};

    clock_gettime(CLOCK_MONOTONIC, &now);
    if (deadline->tv_sec < now.tv_sec ||
        (deadline->tv_sec == now.tv_sec && deadline->tv_nsec <= now.tv_nsec))
        return left;
    left.tv_sec = deadline->tv_sec - now.tv_sec;
    left.tv_nsec = deadline->tv_nsec - now.tv_nsec;
    if (left.tv_nsec < 0) {
        left.tv_nsec += 1000000000;
        left.tv_sec--;
    }
    return left;
}

/* Sleeps until there is news of one of them. False: time is up. */
static bool wait_for_news(struct pollfd news[], struct receiver *const receivers[], size_t n,
                          const struct timespec *deadline)
{
    struct timespec left;
    eventfd_t ignored;

    for (size_t i = 0; i < n; i++)
        news[i] = (struct pollfd){.fd = receivers[i]->channel->news, .events = POLLIN};
    if (deadline != NULL)
        left = until(deadline);
    if (ppoll(news, n, deadline != NULL ? &left : NULL, NULL) == 0)
        return false;
    for (size_t i = 0; i < n; i++)
        if (news[i].revents & POLLIN)
            eventfd_read(news[i].fd, &ignored);
    return true;
}

enum channel_status receiver_select(struct receiver *const receivers[], size_t n,
                                    const struct timespec *deadline, size_t *ready)
{
    struct pollfd *news;
    bool time_left = true;
    size_t found;

    if (n == 0 || !valid(deadline))
        return CHANNEL_INVALID;
    news = malloc(n * sizeof *news);
    if (news == NULL)
        return CHANNEL_NO_MEMORY;
    pthread_mutex_lock(&lock);
    while ((found = first_ready(receivers, n)) == n && time_left) {
        want(receivers, n, true);
        pthread_mutex_unlock(&lock);
        time_left = wait_for_news(news, receivers, n, deadline);
        pthread_mutex_lock(&lock);
        want(receivers, n, false);
    }
    pthread_mutex_unlock(&lock);
    free(news);
    if (found == n)
        return CHANNEL_TIMEOUT;
    *ready = found;
    return CHANNEL_OK;
}
