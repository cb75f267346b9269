/* Known right: whoever sleeps does so in one of a few static lots, as if under a futex: it notes the lot's number,
 * looks, and sleeps while the number is the same. A channel says in which lot to make noise, and a select
 * sends all of its channels to one. */
#define _GNU_SOURCE
#include "channel.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define EMPTY_LOT                                                                                  \
    {                                                                                              \
        PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0                                     \
    }

static struct lot {
    pthread_mutex_t lock;
    pthread_cond_t noise;
    unsigned long number;
} lots[4] = {EMPTY_LOT, EMPTY_LOT, EMPTY_LOT, EMPTY_LOT};

struct handle {
    pthread_rwlock_t state; /* guards all below; nobody sleeps under it */
    struct lot *readers, *writers;
    size_t size, bound, room, used, start, senders;
    bool receiving;
    void (*drop)(void *message);
    char *bytes;
};

static struct lot *lot_of(const void *p, int shift)
{
    return &lots[(((uintptr_t)p >> 6 ^ (uintptr_t)p >> 9) + shift) % 4];
}

static unsigned long look_up(struct lot *lot)
{
    unsigned long number;

    pthread_mutex_lock(&lot->lock);
    number = lot->number;
    pthread_mutex_unlock(&lot->lock);
    return number;
}

static bool sleep_in(struct lot *lot, unsigned long number, const struct timespec *deadline)
{
    int e = 0;

    pthread_mutex_lock(&lot->lock);
    while (lot->number == number && e != ETIMEDOUT)
        e = deadline == NULL
                ? pthread_cond_wait(&lot->noise, &lot->lock)
                : pthread_cond_clockwait(&lot->noise, &lot->lock, CLOCK_MONOTONIC, deadline);
    pthread_mutex_unlock(&lot->lock);
    return e != ETIMEDOUT;
}

static void make_noise(struct lot *lot)
{
    pthread_mutex_lock(&lot->lock);
    lot->number++;
    pthread_cond_broadcast(&lot->noise);
    pthread_mutex_unlock(&lot->lock);
}

static bool resize(struct handle *h, size_t room)
{
    char *bytes = room <= SIZE_MAX / h->size ? malloc(room * h->size) : NULL;

    if (bytes == NULL)
        return false;
    for (size_t i = 0; i < h->used; i++)
        memcpy(&bytes[i * h->size], &h->bytes[(h->start + i) % h->room * h->size], h->size);
    free(h->bytes);
    h->bytes = bytes;
    h->room = room;
    h->start = 0;
    return true;
}

static enum channel_status open_both(size_t size, size_t bound, void (*drop)(void *),
                                     struct sender **tx, struct receiver **rx)
{
    struct handle *h = calloc(1, sizeof *h);

    if (h == NULL)
        return CHANNEL_NO_MEMORY;
    h->size = size;
    h->bound = bound;
    h->drop = drop;
    h->senders = 1;
    h->receiving = true;
    h->readers = lot_of(h, 0);
    h->writers = lot_of(h, 1);
    if (bound != 0 && !resize(h, bound)) {
        free(h);
        return CHANNEL_NO_MEMORY;
    }
    pthread_rwlock_init(&h->state, NULL);
    *tx = (struct sender *)h;
    *rx = (struct receiver *)h;
    return CHANNEL_OK;
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    return message_size == 0 ? CHANNEL_INVALID : open_both(message_size, 0, NULL, tx, rx);
}

enum channel_status channel_create_with_drop(size_t message_size, void (*drop)(void *message),
                                             struct sender **tx, struct receiver **rx)
{
    return message_size == 0 ? CHANNEL_INVALID : open_both(message_size, 0, drop, tx, rx);
}

enum channel_status channel_create_bounded(size_t message_size, size_t capacity,
                                           void (*drop)(void *message), struct sender **tx,
                                           struct receiver **rx)
{
    if (message_size == 0 || capacity == 0)
        return CHANNEL_INVALID;
    return open_both(message_size, capacity, drop, tx, rx);
}

struct sender *sender_clone(struct sender *tx)
{
    struct handle *h = (struct handle *)tx;

    pthread_rwlock_wrlock(&h->state);
    h->senders++;
    pthread_rwlock_unlock(&h->state);
    return tx;
}

static enum channel_status put(struct handle *h, const void *message)
{
    enum channel_status status = CHANNEL_OK;
    struct lot *lot;

    pthread_rwlock_wrlock(&h->state);
    if (!h->receiving)
        status = CHANNEL_CLOSED;
    else if (h->bound > 0 && h->used == h->bound)
        status = CHANNEL_FULL;
    else if (h->used == h->room && !resize(h, h->room * 2 + 8))
        status = CHANNEL_NO_MEMORY;
    else
        memcpy(&h->bytes[(h->start + h->used++) % h->room * h->size], message, h->size);
    lot = h->readers;
    pthread_rwlock_unlock(&h->state);
    if (status == CHANNEL_OK)
        make_noise(lot);
    return status;
}

static enum channel_status get(struct handle *h, void *message)
{
    enum channel_status status = CHANNEL_OK;
    struct lot *lot;

    pthread_rwlock_wrlock(&h->state);
    if (h->used > 0) {
        memcpy(message, &h->bytes[h->start * h->size], h->size);
        h->start = (h->start + 1) % h->room;
        h->used--;
    } else {
        status = h->senders > 0 ? CHANNEL_EMPTY : CHANNEL_CLOSED;
    }
    lot = h->writers;
    pthread_rwlock_unlock(&h->state);
    if (status == CHANNEL_OK)
        make_noise(lot);
    return status;
}

enum channel_status sender_try_send(struct sender *tx, const void *message)
{
    return put((struct handle *)tx, message);
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    return get((struct handle *)rx, message);
}

static bool sane(const struct timespec *t)
{
    return !t || (t->tv_nsec >= 0 && t->tv_nsec < 1000000000);
}

enum channel_status sender_send_until(struct sender *tx, const void *message,
                                      const struct timespec *deadline)
{
    struct lot *lot = ((struct handle *)tx)->writers;
    bool again = true;

    if (!sane(deadline))
        return CHANNEL_INVALID;
    for (;;) {
        unsigned long number = look_up(lot);
        enum channel_status status = put((struct handle *)tx, message);
        if (status != CHANNEL_FULL)
            return status;
        if (!again)
            return CHANNEL_TIMEOUT;
        again = sleep_in(lot, number, deadline);
    }
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    return sender_send_until(tx, message, NULL);
}

enum channel_status receiver_recv_until(struct receiver *rx, void *message,
                                        const struct timespec *deadline)
{
    struct lot *lot = ((struct handle *)rx)->readers;
    bool again = true;

    if (!sane(deadline))
        return CHANNEL_INVALID;
    for (;;) {
        unsigned long number = look_up(lot);
        enum channel_status status = get((struct handle *)rx, message);
        if (status != CHANNEL_EMPTY)
            return status;
        if (!again)
            return CHANNEL_TIMEOUT;
        again = sleep_in(lot, number, deadline);
    }
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    return receiver_recv_until(rx, message, NULL);
}

static bool ready_now(struct handle *h)
{
    bool ready;

    pthread_rwlock_rdlock(&h->state);
    ready = h->used > 0 || h->senders == 0;
    pthread_rwlock_unlock(&h->state);
    return ready;
}

static void send_to(struct handle *h, struct lot *lot)
{
    pthread_rwlock_wrlock(&h->state);
    h->readers = lot;
    pthread_rwlock_unlock(&h->state);
}

enum channel_status receiver_select(struct receiver *const receivers[], size_t n,
                                    const struct timespec *deadline, size_t *ready)
{
    struct lot *lot;
    size_t i = n;
    bool again = true;

    if (n == 0 || !sane(deadline))
        return CHANNEL_INVALID;
    lot = lot_of(receivers[0], 0);
    for (size_t k = 0; k < n; k++)
        send_to((struct handle *)receivers[k], lot);
    for (;;) {
        unsigned long number = look_up(lot);
        for (i = 0; i < n && !ready_now((struct handle *)receivers[i]); i++)
            ;
        if (i < n || !again)
            break;
        again = sleep_in(lot, number, deadline);
    }
    for (size_t k = 0; k < n; k++)
        send_to((struct handle *)receivers[k], lot_of(receivers[k], 0));
    if (i == n)
        return CHANNEL_TIMEOUT;
    *ready = i;
    return CHANNEL_OK;
}

void sender_drop(struct sender *tx)
{
    struct handle *h = (struct handle *)tx;
    struct lot *lot;
    bool closed, last;

    if (h == NULL)
        return;
    pthread_rwlock_wrlock(&h->state);
    closed = --h->senders == 0;
    last = closed && !h->receiving;
    lot = h->readers;
    pthread_rwlock_unlock(&h->state);
    if (last) {
        pthread_rwlock_destroy(&h->state);
        free(h);
    } else if (closed) {
        make_noise(lot);
    }
}

void receiver_drop(struct receiver *rx)
{
    struct handle *h = (struct handle *)rx;
    struct handle old;
    bool last;

    if (h == NULL)
        return;
    pthread_rwlock_wrlock(&h->state);
    h->receiving = false;
    old.bytes = h->bytes;
    old.start = h->start;
    old.used = h->used;
    old.room = h->room;
    old.size = h->size;
    old.drop = h->drop;
    old.writers = h->writers;
    h->bytes = NULL;
    h->used = h->room = 0;
    last = h->senders == 0;
    pthread_rwlock_unlock(&h->state);
    if (last) {
        pthread_rwlock_destroy(&h->state);
        free(h);
    } else {
        make_noise(old.writers);
    }
    if (old.drop != NULL)
        for (size_t i = 0; i < old.used; i++)
            old.drop(&old.bytes[(old.start + i) % old.room * old.size]);
    free(old.bytes);
}
