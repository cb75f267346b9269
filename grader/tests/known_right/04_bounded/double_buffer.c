/* Two buffers: senders fill one under the lock, the receiver empties the other without it and swaps.
 * How many messages are in both is an atomic count; the receiver takes the lock only to swap, or when
 * somebody sleeps for a place. */
#include "channel.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct buffer {
    unsigned char *bytes;
    size_t room;
    size_t filled;
};

struct channel {
    size_t message_size;
    size_t limit; /* SIZE_MAX: none */
    void (*drop)(void *message);

    atomic_size_t queued;          /* in both buffers */
    atomic_size_t sleeping_senders; /* written under the lock */

    pthread_mutex_t lock;
    pthread_cond_t readable, writable;
    struct buffer in;
    size_t senders;
    bool receiver_gone;
};

struct sender {
    struct channel *ch;
};

struct receiver {
    struct channel *ch;
    struct buffer out;
    size_t taken; /* of out */
};

/* Makes room for n messages. */
static bool reserve(struct buffer *buffer, size_t n, size_t message_size)
{
    unsigned char *bytes;

    if (n > SIZE_MAX / message_size)
        return false;
    bytes = realloc(buffer->bytes, n * message_size);
    if (bytes == NULL)
        return false;
    buffer->bytes = bytes;
    buffer->room = n;
    return true;
}

static enum channel_status create(size_t message_size, size_t limit, size_t room,
                                  void (*drop)(void *message), struct sender **tx,
                                  struct receiver **rx)
{
    struct channel *ch = calloc(1, sizeof *ch);
    struct sender *s = calloc(1, sizeof *s);
    struct receiver *r = calloc(1, sizeof *r);

    if (ch == NULL || s == NULL || r == NULL || !reserve(&ch->in, room, message_size) ||
        !reserve(&r->out, room, message_size)) {
        if (ch != NULL)
            free(ch->in.bytes);
        if (r != NULL)
            free(r->out.bytes);
        free(ch);
        free(s);
        free(r);
        return CHANNEL_NO_MEMORY;
    }
    ch->message_size = message_size;
    ch->limit = limit;
    ch->drop = drop;
    atomic_init(&ch->queued, 0);
    atomic_init(&ch->sleeping_senders, 0);
    pthread_mutex_init(&ch->lock, NULL);
    pthread_cond_init(&ch->readable, NULL);
    pthread_cond_init(&ch->writable, NULL);
    ch->senders = 1;
    s->ch = r->ch = ch;
    *tx = s;
    *rx = r;
    return CHANNEL_OK;
}

enum channel_status channel_create_bounded(size_t message_size, size_t capacity,
                                           void (*drop)(void *message), struct sender **tx,
                                           struct receiver **rx)
{
    if (message_size == 0 || capacity == 0)
        return CHANNEL_INVALID;
    return create(message_size, capacity, capacity, drop, tx, rx);
}

enum channel_status channel_create_with_drop(size_t message_size, void (*drop)(void *message),
                                             struct sender **tx, struct receiver **rx)
{
    if (message_size == 0)
        return CHANNEL_INVALID;
    return create(message_size, SIZE_MAX, 1, drop, tx, rx);
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
    s->ch = tx->ch;
    pthread_mutex_lock(&s->ch->lock);
    s->ch->senders++;
    pthread_mutex_unlock(&s->ch->lock);
    return s;
}

static bool is_full(struct channel *ch)
{
    return atomic_load(&ch->queued) == ch->limit;
}

static enum channel_status put(struct channel *ch, const void *message)
{
    struct buffer *in = &ch->in;

    if (ch->receiver_gone)
        return CHANNEL_CLOSED;
    if (is_full(ch))
        return CHANNEL_FULL;
    if (in->filled == in->room && !reserve(in, 2 * in->room, ch->message_size))
        return CHANNEL_NO_MEMORY;
    memcpy(in->bytes + in->filled++ * ch->message_size, message, ch->message_size);
    atomic_fetch_add(&ch->queued, 1);
    return CHANNEL_OK;
}

static enum channel_status send(struct channel *ch, const void *message, bool may_sleep)
{
    enum channel_status status;

    pthread_mutex_lock(&ch->lock);
    status = put(ch, message);
    if (status == CHANNEL_FULL && may_sleep) {
        atomic_fetch_add(&ch->sleeping_senders, 1); /* before looking again */
        while ((status = put(ch, message)) == CHANNEL_FULL)
            pthread_cond_wait(&ch->writable, &ch->lock);
        atomic_fetch_sub(&ch->sleeping_senders, 1);
    }
    pthread_mutex_unlock(&ch->lock);
    if (status == CHANNEL_OK)
        pthread_cond_signal(&ch->readable);
    return status;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    return send(tx->ch, message, true);
}

enum channel_status sender_try_send(struct sender *tx, const void *message)
{
    return send(tx->ch, message, false);
}

/* Gets out filled if something is there. */
static enum channel_status swap(struct receiver *rx, bool may_sleep)
{
    struct channel *ch = rx->ch;
    struct buffer empty = rx->out;
    bool senders_left;

    empty.filled = 0;
    pthread_mutex_lock(&ch->lock);
    while (may_sleep && ch->in.filled == 0 && ch->senders > 0)
        pthread_cond_wait(&ch->readable, &ch->lock);
    senders_left = ch->senders > 0;
    rx->out = ch->in;
    rx->taken = 0;
    ch->in = empty;
    pthread_mutex_unlock(&ch->lock);
    if (rx->out.filled > 0)
        return CHANNEL_OK;
    return senders_left ? CHANNEL_EMPTY : CHANNEL_CLOSED;
}

static enum channel_status receive(struct receiver *rx, void *message, bool may_sleep)
{
    struct channel *ch = rx->ch;

    if (rx->taken == rx->out.filled) {
        enum channel_status status = swap(rx, may_sleep);

        if (status != CHANNEL_OK)
            return status;
    }
    memcpy(message, rx->out.bytes + rx->taken++ * ch->message_size, ch->message_size);
    atomic_fetch_sub(&ch->queued, 1);
    if (atomic_load(&ch->sleeping_senders) > 0) {
        pthread_mutex_lock(&ch->lock);
        pthread_cond_signal(&ch->writable);
        pthread_mutex_unlock(&ch->lock);
    }
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

static void unlock_and_free(struct channel *ch, bool last)
{
    pthread_mutex_unlock(&ch->lock);
    if (!last)
        return;
    pthread_mutex_destroy(&ch->lock);
    pthread_cond_destroy(&ch->readable);
    pthread_cond_destroy(&ch->writable);
    free(ch->in.bytes);
    free(ch);
}

void sender_drop(struct sender *tx)
{
    struct channel *ch;

    if (tx == NULL)
        return;
    ch = tx->ch;
    free(tx);
    pthread_mutex_lock(&ch->lock);
    if (--ch->senders == 0)
        pthread_cond_signal(&ch->readable);
    unlock_and_free(ch, ch->senders == 0 && ch->receiver_gone);
}

void receiver_drop(struct receiver *rx)
{
    struct channel *ch;
    struct buffer last;
    void (*drop)(void *message);
    size_t size;

    if (rx == NULL)
        return;
    ch = rx->ch;
    drop = ch->drop;
    size = ch->message_size;
    pthread_mutex_lock(&ch->lock);
    ch->receiver_gone = true;
    last = ch->in;
    ch->in = (struct buffer){NULL, 0, 0};
    pthread_cond_broadcast(&ch->writable);
    unlock_and_free(ch, ch->senders == 0);
    for (size_t i = rx->taken; drop != NULL && i < rx->out.filled; i++)
        drop(rx->out.bytes + i * size);
    for (size_t i = 0; drop != NULL && i < last.filled; i++)
        drop(last.bytes + i * size);
    free(rx->out.bytes);
    free(rx);
    free(last.bytes);
}
