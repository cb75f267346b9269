/* Known right: C11 <threads.h>. cnd_timedwait knows TIME_UTC only, so the deadline is carried over to that
 * clock before each sleep, and the monotonic one has the last word: what looks like a time-out is none
 * before it says so. A ring of slots, each in a block of its own. */
#include "channel.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>
#include <time.h>

#define SECOND 1000000000L
#define A_YEAR (365 * 24 * 3600)

struct channel {
    mtx_t mutex;
    cnd_t readable, writable;
    size_t message_size, capacity, head, used;
    bool bounded, open;
    size_t senders;
    void (*drop)(void *);
    void **slots; /* capacity of them; NULL: no block yet */
};

struct sender {
    struct channel *to;
};

struct receiver {
    struct channel *from;
};

static void free_channel(struct channel *ch)
{
    for (size_t i = 0; ch->slots && i < ch->capacity; i++)
        free(ch->slots[i]);
    free(ch->slots);
    cnd_destroy(&ch->writable);
    cnd_destroy(&ch->readable);
    mtx_destroy(&ch->mutex);
    free(ch);
}

static struct channel *new_channel(size_t message_size, size_t capacity)
{
    struct channel *ch = calloc(1, sizeof *ch);

    if (!ch)
        return NULL;
    ch->message_size = message_size;
    ch->bounded = capacity > 0;
    ch->capacity = capacity ? capacity : 2;
    ch->senders = 1;
    ch->open = true;
    mtx_init(&ch->mutex, mtx_plain);
    cnd_init(&ch->readable);
    cnd_init(&ch->writable);
    ch->slots = calloc(ch->capacity, sizeof *ch->slots);
    for (size_t i = 0; ch->slots && i < capacity; i++)
        if (!(ch->slots[i] = malloc(message_size))) {
            free_channel(ch);
            return NULL;
        }
    if (!ch->slots) {
        free_channel(ch);
        return NULL;
    }
    return ch;
}

static enum channel_status open_channel(size_t message_size, size_t capacity, void (*drop)(void *),
                                        struct sender **tx, struct receiver **rx)
{
    struct sender *s = malloc(sizeof *s);
    struct receiver *r = malloc(sizeof *r);
    struct channel *ch = NULL;

    if (s && r && (!capacity || message_size <= SIZE_MAX / capacity))
        ch = new_channel(message_size, capacity);
    if (!ch) {
        free(s);
        free(r);
        return CHANNEL_NO_MEMORY;
    }
    ch->drop = drop;
    s->to = r->from = ch;
    *tx = s;
    *rx = r;
    return CHANNEL_OK;
}

enum channel_status channel_create_with_drop(size_t message_size, void (*drop)(void *message),
                                             struct sender **tx, struct receiver **rx)
{
    return message_size ? open_channel(message_size, 0, drop, tx, rx) : CHANNEL_INVALID;
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    return channel_create_with_drop(message_size, NULL, tx, rx);
}

enum channel_status channel_create_bounded(size_t message_size, size_t capacity,
                                           void (*drop)(void *message), struct sender **tx,
                                           struct receiver **rx)
{
    if (!message_size || !capacity)
        return CHANNEL_INVALID;
    return open_channel(message_size, capacity, drop, tx, rx);
}

struct sender *sender_clone(struct sender *tx)
{
    struct sender *s = malloc(sizeof *s);

    if (s) {
        s->to = tx->to;
        mtx_lock(&s->to->mutex);
        s->to->senders++;
        mtx_unlock(&s->to->mutex);
    }
    return s;
}

static bool in_range(const struct timespec *t)
{
    return !t || (t->tv_nsec >= 0 && t->tv_nsec < SECOND);
}

/* How long until t; negative tv_sec: it has passed. tv_nsec is in range. */
static struct timespec left_until(const struct timespec *t)
{
    struct timespec now, left;

    clock_gettime(CLOCK_MONOTONIC, &now);
    left.tv_sec = t->tv_sec < 0 ? -1 : t->tv_sec - now.tv_sec;
    if (left.tv_sec > A_YEAR)
        left.tv_sec = A_YEAR; /* and then it looks again */
    left.tv_nsec = t->tv_nsec - now.tv_nsec;
    if (left.tv_nsec < 0) {
        left.tv_nsec += SECOND;
        left.tv_sec--;
    }
    return left;
}

/* Sleeps once. False, without sleeping, when t has passed. */
static bool sleep_once(cnd_t *cnd, mtx_t *mutex, const struct timespec *t)
{
    struct timespec left, wake;

    if (!t) {
        cnd_wait(cnd, mutex);
        return true;
    }
    left = left_until(t);
    if (left.tv_sec < 0 || (left.tv_sec == 0 && left.tv_nsec == 0))
        return false;
    timespec_get(&wake, TIME_UTC);
    wake.tv_sec += left.tv_sec;
    wake.tv_nsec += left.tv_nsec;
    if (wake.tv_nsec >= SECOND) {
        wake.tv_nsec -= SECOND;
        wake.tv_sec++;
    }
    cnd_timedwait(cnd, mutex, &wake);
    return true;
}

/* The place of the ith message, with a block in it; NULL when out of memory. */
static void *block_at(struct channel *ch, size_t i)
{
    void **slot = &ch->slots[(ch->head + i) % ch->capacity];

    if (!*slot)
        *slot = malloc(ch->message_size);
    return *slot;
}

static bool more_slots(struct channel *ch)
{
    void **slots = calloc(2 * ch->capacity, sizeof *slots);

    if (!slots)
        return false;
    for (size_t i = 0; i < ch->capacity; i++)
        slots[i] = ch->slots[(ch->head + i) % ch->capacity];
    free(ch->slots);
    ch->slots = slots;
    ch->capacity *= 2;
    ch->head = 0;
    return true;
}

static enum channel_status send(struct channel *ch, const void *message, bool patient,
                                const struct timespec *t)
{
    enum channel_status status = CHANNEL_OK;
    void *block;

    mtx_lock(&ch->mutex);
    while (ch->open && ch->bounded && ch->used == ch->capacity && patient)
        patient = sleep_once(&ch->writable, &ch->mutex, t);
    if (!ch->open)
        status = CHANNEL_CLOSED;
    else if (ch->used == ch->capacity && ch->bounded)
        status = CHANNEL_FULL;
    else if (ch->used == ch->capacity && !more_slots(ch))
        status = CHANNEL_NO_MEMORY;
    else if (!(block = block_at(ch, ch->used)))
        status = CHANNEL_NO_MEMORY;
    else {
        memcpy(block, message, ch->message_size);
        ch->used++;
        cnd_signal(&ch->readable);
    }
    mtx_unlock(&ch->mutex);
    return status;
}

static enum channel_status recv(struct channel *ch, void *message, bool patient,
                                const struct timespec *t)
{
    enum channel_status status = CHANNEL_OK;

    mtx_lock(&ch->mutex);
    while (!ch->used && ch->senders && patient)
        patient = sleep_once(&ch->readable, &ch->mutex, t);
    if (ch->used) {
        memcpy(message, ch->slots[ch->head], ch->message_size);
        ch->head = (ch->head + 1) % ch->capacity;
        ch->used--;
        cnd_signal(&ch->writable);
    } else {
        status = ch->senders ? CHANNEL_EMPTY : CHANNEL_CLOSED;
    }
    mtx_unlock(&ch->mutex);
    return status;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    return send(tx->to, message, true, NULL);
}

enum channel_status sender_try_send(struct sender *tx, const void *message)
{
    return send(tx->to, message, false, NULL);
}

enum channel_status sender_send_until(struct sender *tx, const void *message,
                                      const struct timespec *deadline)
{
    enum channel_status status;

    if (!in_range(deadline))
        return CHANNEL_INVALID;
    status = send(tx->to, message, true, deadline);
    return status == CHANNEL_FULL ? CHANNEL_TIMEOUT : status;
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    return recv(rx->from, message, true, NULL);
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    return recv(rx->from, message, false, NULL);
}

enum channel_status receiver_recv_until(struct receiver *rx, void *message,
                                        const struct timespec *deadline)
{
    enum channel_status status;

    if (!in_range(deadline))
        return CHANNEL_INVALID;
    status = recv(rx->from, message, true, deadline);
    return status == CHANNEL_EMPTY ? CHANNEL_TIMEOUT : status;
}

void sender_drop(struct sender *tx)
{
    struct channel *ch;
    bool last;

    if (!tx)
        return;
    ch = tx->to;
    free(tx);
    mtx_lock(&ch->mutex);
    if (--ch->senders == 0)
        cnd_signal(&ch->readable);
    last = !ch->open && ch->senders == 0;
    mtx_unlock(&ch->mutex);
    if (last)
        free_channel(ch);
}

void receiver_drop(struct receiver *rx)
{
    struct channel *ch;
    void **slots;
    size_t capacity, head, used;
    void (*drop)(void *);
    bool last;

    if (!rx)
        return;
    ch = rx->from;
    free(rx);
    mtx_lock(&ch->mutex);
    ch->open = false;
    slots = ch->slots;
    capacity = ch->capacity;
    head = ch->head;
    used = ch->used;
    drop = ch->drop;
    ch->slots = NULL;
    cnd_broadcast(&ch->writable);
    last = ch->senders == 0;
    mtx_unlock(&ch->mutex);
    if (last)
        free_channel(ch);
    for (size_t i = 0; i < used && drop; i++)
        drop(slots[(head + i) % capacity]);
    for (size_t i = 0; i < capacity; i++)
        free(slots[i]);
    free(slots);
}
