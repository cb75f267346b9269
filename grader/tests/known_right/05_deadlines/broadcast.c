/* Known right: as simple as can be. One condition variable for everything, broadcast whenever anything
 * changes; messages in a growing array whose front is cut off now and then. */
#define _GNU_SOURCE
#include "channel.h"
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>

struct chan {
    pthread_mutex_t mu;
    pthread_cond_t changed;
    char *buf;
    size_t start, end, cap; /* in messages: buf[start..end) is queued */
    size_t msize, limit;    /* limit SIZE_MAX: unbounded */
    int nsenders, nreceivers;
    void (*drop)(void *);
};
struct sender {
    struct chan *c;
};
struct receiver {
    struct chan *c;
};

static void destroy(struct chan *c)
{
    pthread_cond_destroy(&c->changed);
    pthread_mutex_destroy(&c->mu);
    free(c->buf);
    free(c);
}

static enum channel_status open_chan(size_t msize, size_t limit, void (*drop)(void *),
                                     struct sender **tx, struct receiver **rx)
{
    struct chan *c;
    struct sender *s;
    struct receiver *r;

    if (msize == 0 || limit == 0)
        return CHANNEL_INVALID;
    if (limit != SIZE_MAX && msize > SIZE_MAX / limit)
        return CHANNEL_NO_MEMORY;
    c = calloc(1, sizeof *c);
    s = calloc(1, sizeof *s);
    r = calloc(1, sizeof *r);
    if (c && limit != SIZE_MAX) {
        c->cap = limit;
        c->buf = malloc(limit * msize);
    }
    if (!c || !s || !r || (limit != SIZE_MAX && !c->buf)) {
        if (c)
            free(c->buf);
        free(c);
        free(s);
        free(r);
        return CHANNEL_NO_MEMORY;
    }
    c->msize = msize;
    c->limit = limit;
    c->drop = drop;
    c->nsenders = c->nreceivers = 1;
    pthread_mutex_init(&c->mu, 0);
    pthread_cond_init(&c->changed, 0);
    s->c = r->c = c;
    *tx = s;
    *rx = r;
    return CHANNEL_OK;
}

enum channel_status channel_create(size_t msize, struct sender **tx, struct receiver **rx)
{
    return open_chan(msize, SIZE_MAX, 0, tx, rx);
}

enum channel_status channel_create_with_drop(size_t msize, void (*drop)(void *), struct sender **tx,
                                             struct receiver **rx)
{
    return open_chan(msize, SIZE_MAX, drop, tx, rx);
}

enum channel_status channel_create_bounded(size_t msize, size_t limit, void (*drop)(void *),
                                           struct sender **tx, struct receiver **rx)
{
    if (limit == SIZE_MAX)
        return msize == 0 ? CHANNEL_INVALID : CHANNEL_NO_MEMORY;
    return open_chan(msize, limit, drop, tx, rx);
}

struct sender *sender_clone(struct sender *tx)
{
    struct sender *s = malloc(sizeof *s);
    if (!s)
        return 0;
    *s = *tx;
    pthread_mutex_lock(&s->c->mu);
    s->c->nsenders++;
    pthread_mutex_unlock(&s->c->mu);
    return s;
}

/* Makes place for one more behind the last. */
static bool make_place(struct chan *c)
{
    size_t n = c->end - c->start;

    if (c->end < c->cap)
        return true;
    if (c->limit == SIZE_MAX && n > c->cap / 2) {
        size_t cap = c->cap * 2;
        char *buf;
        if (cap > SIZE_MAX / c->msize || !(buf = realloc(c->buf, cap * c->msize)))
            return false;
        c->buf = buf;
        c->cap = cap;
        return true;
    }
    if (c->cap == 0) {
        if (c->msize > SIZE_MAX / 8 || !(c->buf = malloc(8 * c->msize)))
            return false;
        c->cap = 8;
        return true;
    }
    memmove(c->buf, c->buf + c->start * c->msize, n * c->msize);
    c->start = 0;
    c->end = n;
    return true;
}

/* 0: woken, else: the deadline is over */
static int wait_change(struct chan *c, const struct timespec *t)
{
    if (!t)
        return pthread_cond_wait(&c->changed, &c->mu);
    return pthread_cond_clockwait(&c->changed, &c->mu, CLOCK_MONOTONIC, t);
}

static enum channel_status do_send(struct chan *c, const void *m, int block,
                                   const struct timespec *t)
{
    enum channel_status st;
    int over = !block;

    pthread_mutex_lock(&c->mu);
    for (;;) {
        if (!c->nreceivers) {
            st = CHANNEL_CLOSED;
            break;
        }
        if (c->end - c->start < c->limit) {
            st = CHANNEL_NO_MEMORY;
            if (make_place(c)) {
                memcpy(c->buf + c->end++ * c->msize, m, c->msize);
                st = CHANNEL_OK;
                pthread_cond_broadcast(&c->changed);
            }
            break;
        }
        if (over) {
            st = block ? CHANNEL_TIMEOUT : CHANNEL_FULL;
            break;
        }
        over = wait_change(c, t);
    }
    pthread_mutex_unlock(&c->mu);
    return st;
}

static enum channel_status do_recv(struct chan *c, void *m, int block, const struct timespec *t)
{
    enum channel_status st;
    int over = !block;

    pthread_mutex_lock(&c->mu);
    for (;;) {
        if (c->start < c->end) {
            memcpy(m, c->buf + c->start++ * c->msize, c->msize);
            pthread_cond_broadcast(&c->changed);
            st = CHANNEL_OK;
            break;
        }
        if (!c->nsenders) {
            st = CHANNEL_CLOSED;
            break;
        }
        if (over) {
            st = block ? CHANNEL_TIMEOUT : CHANNEL_EMPTY;
            break;
        }
        over = wait_change(c, t);
    }
    pthread_mutex_unlock(&c->mu);
    return st;
}

static int invalid(const struct timespec *t)
{
    return t && !(0 <= t->tv_nsec && t->tv_nsec < 1000000000);
}

enum channel_status sender_send(struct sender *tx, const void *m)
{
    return do_send(tx->c, m, 1, 0);
}

enum channel_status sender_try_send(struct sender *tx, const void *m)
{
    return do_send(tx->c, m, 0, 0);
}

enum channel_status sender_send_until(struct sender *tx, const void *m, const struct timespec *t)
{
    return invalid(t) ? CHANNEL_INVALID : do_send(tx->c, m, 1, t);
}

enum channel_status receiver_recv(struct receiver *rx, void *m)
{
    return do_recv(rx->c, m, 1, 0);
}

enum channel_status receiver_try_recv(struct receiver *rx, void *m)
{
    return do_recv(rx->c, m, 0, 0);
}

enum channel_status receiver_recv_until(struct receiver *rx, void *m, const struct timespec *t)
{
    return invalid(t) ? CHANNEL_INVALID : do_recv(rx->c, m, 1, t);
}

void sender_drop(struct sender *tx)
{
    struct chan *c;
    int gone;

    if (!tx)
        return;
    c = tx->c;
    free(tx);
    pthread_mutex_lock(&c->mu);
    c->nsenders--;
    gone = !c->nsenders && !c->nreceivers;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->mu);
    if (gone)
        destroy(c);
}

void receiver_drop(struct receiver *rx)
{
    struct chan *c;
    char *buf;
    size_t start, end, msize;
    void (*drop)(void *);
    int gone;

    if (!rx)
        return;
    c = rx->c;
    free(rx);
    pthread_mutex_lock(&c->mu);
    c->nreceivers--;
    buf = c->buf;
    start = c->start;
    end = c->end;
    msize = c->msize;
    drop = c->drop;
    c->buf = 0;
    c->start = c->end = 0;
    gone = !c->nsenders;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->mu);
    if (gone)
        destroy(c);
    for (; drop && start < end; start++)
        drop(buf + start * msize);
    free(buf);
}
