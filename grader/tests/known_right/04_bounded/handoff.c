/* Direct hand-off: a sender that finds the channel full queues up with its message and a condition of
 * its own; the receiver moves the first one's message into the place it has just freed. */
#include "channel.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* A sleeping sender, on its own stack. */
struct waiting {
    struct waiting *next;
    const void *message;
    bool taken;
    pthread_cond_t ready;
};

struct channel {
    pthread_mutex_t lock;
    pthread_cond_t readable;
    size_t message_size;
    void (*drop)(void *message);
    bool bounded;
    unsigned char *slots;
    size_t capacity, read, write, count;
    struct waiting *first, *last; /* empty unless the channel is full */
    size_t senders;
    bool closed;
};

struct sender {
    struct channel *ch;
};

struct receiver {
    struct channel *ch;
};

static enum channel_status create(size_t message_size, size_t capacity, bool bounded,
                                  void (*drop)(void *message), struct sender **tx,
                                  struct receiver **rx)
{
    struct channel *ch;
    struct sender *s;
    struct receiver *r;

    if (message_size == 0 || capacity == 0)
        return CHANNEL_INVALID;
    if (message_size > SIZE_MAX / capacity)
        return CHANNEL_NO_MEMORY;
    ch = calloc(1, sizeof *ch);
    if (ch == NULL)
        return CHANNEL_NO_MEMORY;
    ch->slots = malloc(message_size * capacity);
    s = malloc(sizeof *s);
    r = malloc(sizeof *r);
    if (ch->slots == NULL || s == NULL || r == NULL) {
        free(ch->slots);
        free(ch);
        free(s);
        free(r);
        return CHANNEL_NO_MEMORY;
    }
    pthread_mutex_init(&ch->lock, NULL);
    pthread_cond_init(&ch->readable, NULL);
    ch->message_size = message_size;
    ch->drop = drop;
    ch->bounded = bounded;
    ch->capacity = capacity;
    ch->senders = 1;
    s->ch = ch;
    r->ch = ch;
    *tx = s;
    *rx = r;
    return CHANNEL_OK;
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    return create(message_size, 8, false, NULL, tx, rx);
}

enum channel_status channel_create_with_drop(size_t message_size, void (*drop)(void *message),
                                             struct sender **tx, struct receiver **rx)
{
    return message_size > SIZE_MAX / 8 ? CHANNEL_NO_MEMORY
                                       : create(message_size, 8, false, drop, tx, rx);
}

enum channel_status channel_create_bounded(size_t message_size, size_t capacity,
                                           void (*drop)(void *message), struct sender **tx,
                                           struct receiver **rx)
{
    return create(message_size, capacity, true, drop, tx, rx);
}

struct sender *sender_clone(struct sender *tx)
{
    struct sender *s = malloc(sizeof *s);

    if (s != NULL) {
        s->ch = tx->ch;
        pthread_mutex_lock(&s->ch->lock);
        s->ch->senders++;
        pthread_mutex_unlock(&s->ch->lock);
    }
    return s;
}

static bool grow(struct channel *ch)
{
    size_t size = ch->message_size, old = ch->capacity;
    unsigned char *slots;

    if (old > SIZE_MAX / 2 / size)
        return false;
    slots = realloc(ch->slots, 2 * old * size);
    if (slots == NULL)
        return false;
    memcpy(slots + old * size, slots, ch->read * size); /* what had gone round the end */
    ch->slots = slots;
    ch->write = ch->read + old;
    ch->capacity = 2 * old;
    return true;
}

/* There is room. */
static void put(struct channel *ch, const void *message)
{
    memcpy(ch->slots + ch->write * ch->message_size, message, ch->message_size);
    ch->write = ch->write + 1 == ch->capacity ? 0 : ch->write + 1;
    ch->count++;
    pthread_cond_signal(&ch->readable);
}

/* OK: sent. FULL: the caller may queue up. */
static enum channel_status try_put(struct channel *ch, const void *message)
{
    if (ch->closed)
        return CHANNEL_CLOSED;
    if (ch->count == ch->capacity) {
        if (ch->bounded)
            return CHANNEL_FULL;
        if (!grow(ch))
            return CHANNEL_NO_MEMORY;
    }
    put(ch, message);
    return CHANNEL_OK;
}

static enum channel_status queue_up(struct channel *ch, const void *message)
{
    struct waiting me = {.message = message};

    pthread_cond_init(&me.ready, NULL);
    if (ch->first == NULL)
        ch->first = &me;
    else
        ch->last->next = &me;
    ch->last = &me;
    while (!me.taken && !ch->closed)
        pthread_cond_wait(&me.ready, &ch->lock);
    pthread_cond_destroy(&me.ready);
    return me.taken ? CHANNEL_OK : CHANNEL_CLOSED;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct channel *ch = tx->ch;
    enum channel_status status;

    pthread_mutex_lock(&ch->lock);
    status = try_put(ch, message);
    if (status == CHANNEL_FULL)
        status = queue_up(ch, message);
    pthread_mutex_unlock(&ch->lock);
    return status;
}

enum channel_status sender_try_send(struct sender *tx, const void *message)
{
    struct channel *ch = tx->ch;
    enum channel_status status;

    pthread_mutex_lock(&ch->lock);
    status = try_put(ch, message);
    pthread_mutex_unlock(&ch->lock);
    return status;
}

static enum channel_status take(struct channel *ch, void *message)
{
    struct waiting *first = ch->first;

    if (ch->count == 0)
        return ch->senders > 0 ? CHANNEL_EMPTY : CHANNEL_CLOSED;
    memcpy(message, ch->slots + ch->read * ch->message_size, ch->message_size);
    ch->read = ch->read + 1 == ch->capacity ? 0 : ch->read + 1;
    ch->count--;
    if (first != NULL) {
        ch->first = first->next;
        put(ch, first->message);
        first->taken = true;
        pthread_cond_signal(&first->ready); /* under the lock: first is gone soon after */
    }
    return CHANNEL_OK;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    enum channel_status status;

    pthread_mutex_lock(&rx->ch->lock);
    status = take(rx->ch, message);
    pthread_mutex_unlock(&rx->ch->lock);
    return status;
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    enum channel_status status;

    pthread_mutex_lock(&rx->ch->lock);
    while (rx->ch->count == 0 && rx->ch->senders > 0)
        pthread_cond_wait(&rx->ch->readable, &rx->ch->lock);
    status = take(rx->ch, message);
    pthread_mutex_unlock(&rx->ch->lock);
    return status;
}

/* Lock held, and released. */
static void done(struct channel *ch)
{
    bool last = ch->closed && ch->senders == 0;

    pthread_mutex_unlock(&ch->lock);
    if (last) {
        pthread_mutex_destroy(&ch->lock);
        pthread_cond_destroy(&ch->readable);
        free(ch->slots);
        free(ch);
    }
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
    done(ch);
}

void receiver_drop(struct receiver *rx)
{
    struct channel *ch;
    unsigned char *slots;
    void (*drop)(void *message);
    size_t i, n, capacity, size;

    if (rx == NULL)
        return;
    ch = rx->ch;
    free(rx);
    pthread_mutex_lock(&ch->lock);
    ch->closed = true;
    for (struct waiting *w = ch->first; w != NULL; w = w->next)
        pthread_cond_signal(&w->ready);
    ch->first = NULL;
    slots = ch->slots;
    ch->slots = NULL;
    drop = ch->drop;
    i = ch->read;
    n = ch->count;
    capacity = ch->capacity;
    size = ch->message_size;
    done(ch);
    for (; drop != NULL && n > 0; n--) {
        drop(slots + i * size);
        i = i + 1 == capacity ? 0 : i + 1;
    }
    free(slots);
}
