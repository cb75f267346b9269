/* What is different: <threads.h>, locks that end with their block (the cleanup attribute), one condition variable for all and
 * a ring in one piece. */
#include "channel.h"
#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>

typedef struct deque {
    char *data;
    size_t cap, begin, size;
} deque;
typedef struct shared_state {
    mtx_t m;
    cnd_t cv;
    deque q;
    size_t value_size, limit, senders, use_count;
    bool receiver_alive;
    void (*deleter)(void *);
} shared_state;

struct sender {
    shared_state *state;
};
struct receiver {
    shared_state *state;
};

typedef struct lock_guard {
    mtx_t *m;
} lock_guard;
static lock_guard guard(mtx_t *m)
{
    mtx_lock(m);
    return (lock_guard){m};
}
static void unguard(lock_guard *g)
{
    if (g->m)
        mtx_unlock(g->m);
}
#define WITH(m) __attribute__((cleanup(unguard))) lock_guard g = guard(m)

static bool deque_grow(deque *q, size_t value)
{
    size_t cap = q->cap + q->cap / 2 + 1;
    if (cap > SIZE_MAX / value)
        return false;
    char *data = malloc(cap * value);
    if (!data)
        return false;
    for (size_t i = 0; i < q->size; ++i)
        memcpy(data + i * value, q->data + (q->begin + i) % q->cap * value, value);
    free(q->data);
    *q = (deque){data, cap, 0, q->size};
    return true;
}

static void release(shared_state *s)
{
    size_t left;
    {
        WITH(&s->m);
        left = --s->use_count;
    }
    if (left == 0) {
        free(s->q.data);
        mtx_destroy(&s->m);
        cnd_destroy(&s->cv);
        free(s);
    }
}

static enum channel_status construct(size_t value_size, size_t limit, void (*deleter)(void *),
                                     struct sender **tx, struct receiver **rx)
{
    if (value_size == 0)
        return CHANNEL_INVALID;
    shared_state *s = calloc(1, sizeof *s);
    struct sender *a = calloc(1, sizeof *a);
    struct receiver *b = calloc(1, sizeof *b);
    if (!s || !a || !b)
        goto bad_alloc;
    if (limit != SIZE_MAX) {
        s->q.data = calloc(limit, value_size);
        if (!s->q.data)
            goto bad_alloc;
        s->q.cap = limit;
    }
    if (mtx_init(&s->m, mtx_plain) != thrd_success)
        goto bad_alloc;
    if (cnd_init(&s->cv) != thrd_success) {
        mtx_destroy(&s->m);
        goto bad_alloc;
    }
    s->value_size = value_size;
    s->limit = limit;
    s->deleter = deleter;
    s->senders = 1;
    s->receiver_alive = true;
    s->use_count = 2;
    a->state = b->state = s;
    *tx = a;
    *rx = b;
    return CHANNEL_OK;
bad_alloc:
    if (s)
        free(s->q.data);
    free(s);
    free(a);
    free(b);
    return CHANNEL_NO_MEMORY;
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    return construct(message_size, SIZE_MAX, NULL, tx, rx);
}

enum channel_status channel_create_with_drop(size_t message_size, void (*drop)(void *message),
                                             struct sender **tx, struct receiver **rx)
{
    return construct(message_size, SIZE_MAX, drop, tx, rx);
}

enum channel_status channel_create_bounded(size_t message_size, size_t capacity,
                                           void (*drop)(void *message), struct sender **tx,
                                           struct receiver **rx)
{
    if (capacity == SIZE_MAX && message_size != 0)
        return CHANNEL_NO_MEMORY; /* means unbounded here */
    return capacity == 0 ? CHANNEL_INVALID : construct(message_size, capacity, drop, tx, rx);
}

struct sender *sender_clone(struct sender *tx)
{
    struct sender *copy = malloc(sizeof *copy);
    if (!copy)
        return NULL;
    *copy = *tx;
    WITH(&copy->state->m);
    ++copy->state->senders;
    ++copy->state->use_count;
    return copy;
}

static enum channel_status push(shared_state *s, const void *message, bool wait)
{
    WITH(&s->m);
    while (wait && s->receiver_alive && s->q.size >= s->limit)
        cnd_wait(&s->cv, &s->m);
    if (!s->receiver_alive)
        return CHANNEL_CLOSED;
    if (s->q.size >= s->limit)
        return CHANNEL_FULL;
    if (s->q.size == s->q.cap && !deque_grow(&s->q, s->value_size))
        return CHANNEL_NO_MEMORY;
    memcpy(s->q.data + (s->q.begin + s->q.size) % s->q.cap * s->value_size, message, s->value_size);
    ++s->q.size;
    cnd_broadcast(&s->cv);
    return CHANNEL_OK;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    return push(tx->state, message, true);
}
enum channel_status sender_try_send(struct sender *tx, const void *message)
{
    return push(tx->state, message, false);
}

static enum channel_status pop(shared_state *s, void *message, bool wait)
{
    WITH(&s->m);
    while (wait && s->q.size == 0 && s->senders > 0)
        cnd_wait(&s->cv, &s->m);
    if (s->q.size == 0)
        return s->senders ? CHANNEL_EMPTY : CHANNEL_CLOSED;
    memcpy(message, s->q.data + s->q.begin * s->value_size, s->value_size);
    s->q.begin = (s->q.begin + 1) % s->q.cap;
    --s->q.size;
    cnd_broadcast(&s->cv);
    return CHANNEL_OK;
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    return pop(rx->state, message, true);
}
enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    return pop(rx->state, message, false);
}

void sender_drop(struct sender *tx)
{
    if (!tx)
        return;
    {
        WITH(&tx->state->m);
        if (--tx->state->senders == 0)
            cnd_broadcast(&tx->state->cv);
    }
    release(tx->state);
    free(tx);
}

void receiver_drop(struct receiver *rx)
{
    if (!rx)
        return;
    shared_state *s = rx->state;
    deque left;
    {
        WITH(&s->m);
        s->receiver_alive = false;
        left = s->q;
        s->q = (deque){0};
        cnd_broadcast(&s->cv);
    }
    for (; left.size; --left.size, left.begin = (left.begin + 1) % left.cap)
        if (s->deleter)
            s->deleter(left.data + left.begin * s->value_size);
    free(left.data);
    release(s);
    free(rx);
}
