/* Looks a few times before it sleeps, and sleeps with a deadline far away, round and round; an
 * error-checking mutex. The queue is a ring of pointers to copies. */
#include "channel.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LOOKS = 8, FAR_AWAY = 3600 };

struct channel {
    pthread_mutex_t lock;
    pthread_cond_t readable;
    size_t message_size;
    void (*drop)(void *message);
    void **ring; /* 2^bits pointers */
    unsigned bits;
    size_t read, written; /* count up for ever */
    size_t senders;
    bool receiver_gone;
};

struct sender {
    struct channel *ch;
};

struct receiver {
    struct channel *ch;
};

static void **place(struct channel *ch, size_t n)
{
    return &ch->ring[n & (((size_t)1 << ch->bits) - 1)];
}

static void init_locks(struct channel *ch)
{
    pthread_mutexattr_t mutex;
    pthread_condattr_t cond;

    pthread_mutexattr_init(&mutex);
    pthread_mutexattr_settype(&mutex, PTHREAD_MUTEX_ERRORCHECK);
    pthread_mutex_init(&ch->lock, &mutex);
    pthread_mutexattr_destroy(&mutex);
    pthread_condattr_init(&cond);
    pthread_condattr_setclock(&cond, CLOCK_MONOTONIC);
    pthread_cond_init(&ch->readable, &cond);
    pthread_condattr_destroy(&cond);
}

enum channel_status channel_create_with_drop(size_t message_size, void (*drop)(void *message),
                                             struct sender **tx, struct receiver **rx)
{
    struct channel *ch;
    struct sender *s;
    struct receiver *r;

    if (message_size == 0)
        return CHANNEL_INVALID;
    ch = calloc(1, sizeof *ch);
    s = malloc(sizeof *s);
    r = malloc(sizeof *r);
    if (ch != NULL) {
        ch->bits = 1;
        ch->ring = malloc(2 * sizeof *ch->ring);
    }
    if (ch == NULL || s == NULL || r == NULL || ch->ring == NULL) {
        if (ch != NULL)
            free(ch->ring);
        free(ch);
        free(s);
        free(r);
        return CHANNEL_NO_MEMORY;
    }
    ch->message_size = message_size;
    ch->drop = drop;
    ch->senders = 1;
    init_locks(ch);
    s->ch = ch;
    r->ch = ch;
    *tx = s;
    *rx = r;
    return CHANNEL_OK;
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    return channel_create_with_drop(message_size, NULL, tx, rx);
}

struct sender *sender_clone(struct sender *tx)
{
    struct sender *s = malloc(sizeof *s);

    if (s == NULL)
        return NULL;
    pthread_mutex_lock(&tx->ch->lock);
    s->ch = tx->ch;
    s->ch->senders++;
    pthread_mutex_unlock(&tx->ch->lock);
    return s;
}

static bool double_ring(struct channel *ch)
{
    size_t places = (size_t)1 << ch->bits;
    void **ring;

    if (places > SIZE_MAX / 2 / sizeof *ring)
        return false;
    ring = malloc(2 * places * sizeof *ring);
    if (ring == NULL)
        return false;
    for (size_t n = ch->read; n != ch->written; n++)
        ring[n & (2 * places - 1)] = *place(ch, n);
    free(ch->ring);
    ch->ring = ring;
    ch->bits++;
    return true;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct channel *ch = tx->ch;
    enum channel_status status = CHANNEL_OK;
    void *copy = malloc(ch->message_size);

    if (copy == NULL)
        return CHANNEL_NO_MEMORY;
    memcpy(copy, message, ch->message_size);
    pthread_mutex_lock(&ch->lock);
    if (ch->receiver_gone)
        status = CHANNEL_CLOSED;
    else if (ch->written - ch->read == (size_t)1 << ch->bits && !double_ring(ch))
        status = CHANNEL_NO_MEMORY;
    else
        *place(ch, ch->written++) = copy;
    pthread_mutex_unlock(&ch->lock);
    if (status == CHANNEL_OK)
        pthread_cond_signal(&ch->readable);
    else
        free(copy);
    return status;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    struct channel *ch = rx->ch;
    void *copy = NULL;
    bool closed;

    pthread_mutex_lock(&ch->lock);
    if (ch->read != ch->written)
        copy = *place(ch, ch->read++);
    closed = ch->senders == 0;
    pthread_mutex_unlock(&ch->lock);
    if (copy == NULL)
        return closed ? CHANNEL_CLOSED : CHANNEL_EMPTY;
    memcpy(message, copy, ch->message_size);
    free(copy);
    return CHANNEL_OK;
}

static void sleep_a_while(struct channel *ch)
{
    struct timespec deadline;

    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += FAR_AWAY;
    pthread_mutex_lock(&ch->lock);
    while (ch->read == ch->written && ch->senders > 0)
        if (pthread_cond_timedwait(&ch->readable, &ch->lock, &deadline) == ETIMEDOUT)
            break;
    pthread_mutex_unlock(&ch->lock);
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    enum channel_status status;

    for (int look = 0; look < LOOKS; look++) {
        status = receiver_try_recv(rx, message);
        if (status != CHANNEL_EMPTY)
            return status;
        sched_yield();
    }
    while ((status = receiver_try_recv(rx, message)) == CHANNEL_EMPTY)
        sleep_a_while(rx->ch);
    return status;
}

static void unlock_and_free_if_unused(struct channel *ch)
{
    bool unused = ch->senders == 0 && ch->receiver_gone;

    pthread_mutex_unlock(&ch->lock);
    if (!unused)
        return;
    pthread_mutex_destroy(&ch->lock);
    pthread_cond_destroy(&ch->readable);
    free(ch->ring);
    free(ch);
}

void sender_drop(struct sender *tx)
{
    if (tx == NULL)
        return;
    pthread_mutex_lock(&tx->ch->lock);
    if (--tx->ch->senders == 0)
        pthread_cond_broadcast(&tx->ch->readable);
    unlock_and_free_if_unused(tx->ch);
    free(tx);
}

void receiver_drop(struct receiver *rx)
{
    struct channel *ch;
    void **ring, (*drop)(void *) = NULL;
    size_t read, written, mask;

    if (rx == NULL)
        return;
    ch = rx->ch;
    drop = ch->drop;
    pthread_mutex_lock(&ch->lock);
    ring = ch->ring;
    read = ch->read;
    written = ch->written;
    mask = ((size_t)1 << ch->bits) - 1;
    ch->ring = NULL;
    ch->receiver_gone = true;
    unlock_and_free_if_unused(ch);
    free(rx);
    for (; read != written; read++) {
        if (drop != NULL)
            drop(ring[read & mask]);
        free(ring[read & mask]);
    }
    free(ring);
}
