/* Known right: one long function that does everything, says what it does on stderr, names its things as the checks
 * name theirs, and looks at the clock itself before it sleeps. */
#define _GNU_SOURCE
#include "channel.h"
#include <pthread.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>

#define check(e)                                                                                   \
    do {                                                                                           \
        if (!(e))                                                                                  \
            fprintf(stderr, "oops: %s\n", #e);                                                     \
    } while (0)
#define LOG(...) fprintf(stderr, __VA_ARGS__)

typedef enum { SEND, RECV } op_t;
typedef enum { NOW, LATER } when_t;

typedef struct chan_t {
    pthread_mutex_t mtx;
    pthread_cond_t cv_full, cv_empty;
    void **msgs; /* one block a message; NULL: none */
    int is_bounded;
    size_t n_msgs, cap, head, tail;
    size_t sz;
    unsigned long n_tx;
    int rx_here;
    void (*drop)(void *);
    int select_id;
} chan_t;

struct sender {
    chan_t *c;
    size_t count;
};
struct receiver {
    chan_t *c;
};

static void cond(pthread_cond_t *cv)
{
    pthread_condattr_t a;
    check(pthread_condattr_init(&a) == 0);
    check(pthread_condattr_setclock(&a, CLOCK_MONOTONIC) == 0);
    check(pthread_cond_init(cv, &a) == 0);
    pthread_condattr_destroy(&a);
}

static void destroy(chan_t *c)
{
    for (size_t i = 0; i < c->cap; i++)
        free(c->msgs[i]);
    free(c->msgs);
    pthread_cond_destroy(&c->cv_full);
    pthread_cond_destroy(&c->cv_empty);
    pthread_mutex_destroy(&c->mtx);
    free(c);
}

static enum channel_status init(size_t sz, int is_bounded, size_t cap, void (*drop)(void *),
                                struct sender **tx, struct receiver **rx)
{
    chan_t *c;
    struct sender *s;
    struct receiver *r;

    if (sz == 0 || cap == 0)
        return CHANNEL_INVALID;
    if (cap > SIZE_MAX / sizeof(void *) || cap > SIZE_MAX / sz)
        return CHANNEL_NO_MEMORY;
    c = calloc(1, sizeof *c);
    if (!c)
        return CHANNEL_NO_MEMORY;
    s = calloc(1, sizeof *s);
    if (!s) {
        free(c);
        return CHANNEL_NO_MEMORY;
    }
    r = calloc(1, sizeof *r);
    if (!r) {
        free(c);
        free(s);
        return CHANNEL_NO_MEMORY;
    }
    c->msgs = calloc(cap, sizeof(void *));
    if (!c->msgs) {
        free(c);
        free(s);
        free(r);
        return CHANNEL_NO_MEMORY;
    }
    check(pthread_mutex_init(&c->mtx, NULL) == 0);
    cond(&c->cv_empty);
    cond(&c->cv_full);
    c->cap = cap;
    c->sz = sz;
    c->is_bounded = is_bounded;
    c->drop = drop;
    c->n_tx = c->rx_here = 1;
    if (is_bounded)
        for (size_t i = 0; i < cap; i++)
            if (!(c->msgs[i] = malloc(sz))) {
                destroy(c);
                free(s);
                free(r);
                return CHANNEL_NO_MEMORY;
            }
    s->c = r->c = c;
    s->count = 1;
    *tx = s;
    *rx = r;
    return CHANNEL_OK;
}

enum channel_status channel_create(size_t a, struct sender **b, struct receiver **c)
{
    return init(a, 0, 1, NULL, b, c);
}
enum channel_status channel_create_with_drop(size_t a, void (*d)(void *), struct sender **b,
                                             struct receiver **c)
{
    return init(a, 0, 1, d, b, c);
}
enum channel_status channel_create_bounded(size_t a, size_t n, void (*d)(void *), struct sender **b,
                                           struct receiver **c)
{
    return init(a, 1, n, d, b, c);
}

struct sender *sender_clone(struct sender *tx)
{
    pthread_mutex_lock(&tx->c->mtx);
    tx->count++;
    tx->c->n_tx++;
    pthread_mutex_unlock(&tx->c->mtx);
    return tx;
}

static int passed(const struct timespec *d)
{
    struct timespec t;
    if (!d)
        return 0;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec > d->tv_sec || (t.tv_sec == d->tv_sec && t.tv_nsec >= d->tv_nsec);
}

static enum channel_status doit(op_t op, chan_t *c, void *out, const void *in, when_t when,
                                const struct timespec *d)
{
    enum channel_status st = CHANNEL_OK;

    if (d != NULL && (d->tv_nsec < 0 || d->tv_nsec > 999999999L)) {
        LOG("bad deadline\n");
        return CHANNEL_INVALID;
    }
    pthread_mutex_lock(&c->mtx);
again:
    if (op == SEND) {
        if (!c->rx_here) {
            st = CHANNEL_CLOSED;
            goto out;
        }
        if (c->n_msgs == c->cap && c->is_bounded) {
            if (when == NOW) {
                st = d ? CHANNEL_TIMEOUT : CHANNEL_FULL;
                goto out;
            }
            if (passed(d)) {
                st = CHANNEL_TIMEOUT;
                goto out;
            }
            if (d)
                pthread_cond_timedwait(&c->cv_full, &c->mtx, d);
            else
                pthread_cond_wait(&c->cv_full, &c->mtx);
            goto again;
        }
        if (c->n_msgs == c->cap) {
            void **m = c->cap <= SIZE_MAX / 16 ? calloc(c->cap * 2, sizeof *m) : NULL;
            if (!m) {
                st = CHANNEL_NO_MEMORY;
                goto out;
            }
            for (size_t i = 0; i < c->n_msgs; i++)
                m[i] = c->msgs[(c->head + i) % c->cap];
            free(c->msgs);
            c->msgs = m;
            c->head = 0;
            c->tail = c->n_msgs;
            c->cap *= 2;
        }
        if (!c->msgs[c->tail] && !(c->msgs[c->tail] = malloc(c->sz))) {
            st = CHANNEL_NO_MEMORY;
            goto out;
        }
        memcpy(c->msgs[c->tail], in, c->sz);
        c->tail = (c->tail + 1) % c->cap;
        c->n_msgs++;
        pthread_cond_signal(&c->cv_empty);
        LOG("sent, now %zu\n", c->n_msgs);
    } else {
        if (c->n_msgs == 0) {
            if (c->n_tx == 0) {
                st = CHANNEL_CLOSED;
                goto out;
            }
            if (when == NOW) {
                st = CHANNEL_EMPTY;
                goto out;
            }
            if (passed(d)) {
                st = CHANNEL_TIMEOUT;
                goto out;
            }
            if (d)
                pthread_cond_timedwait(&c->cv_empty, &c->mtx, d);
            else
                pthread_cond_wait(&c->cv_empty, &c->mtx);
            goto again;
        }
        memcpy(out, c->msgs[c->head], c->sz);
        if (!c->is_bounded) {
            free(c->msgs[c->head]);
            c->msgs[c->head] = NULL;
        }
        c->head = (c->head + 1) % c->cap;
        c->n_msgs--;
        pthread_cond_signal(&c->cv_full);
        LOG("received, now %zu\n", c->n_msgs);
    }
out:
    pthread_mutex_unlock(&c->mtx);
    return st;
}

enum channel_status sender_send(struct sender *tx, const void *m)
{
    return doit(SEND, tx->c, NULL, m, LATER, NULL);
}
enum channel_status sender_try_send(struct sender *tx, const void *m)
{
    return doit(SEND, tx->c, NULL, m, NOW, NULL);
}
enum channel_status sender_send_until(struct sender *tx, const void *m, const struct timespec *d)
{
    return doit(SEND, tx->c, NULL, m, LATER, d);
}
enum channel_status receiver_recv(struct receiver *rx, void *m)
{
    return doit(RECV, rx->c, m, NULL, LATER, NULL);
}
enum channel_status receiver_try_recv(struct receiver *rx, void *m)
{
    return doit(RECV, rx->c, m, NULL, NOW, NULL);
}
enum channel_status receiver_recv_until(struct receiver *rx, void *m, const struct timespec *d)
{
    return doit(RECV, rx->c, m, NULL, LATER, d);
}

void sender_drop(struct sender *tx)
{
    chan_t *c;
    int last, free_tx;

    if (tx == NULL)
        return;
    c = tx->c;
    pthread_mutex_lock(&c->mtx);
    free_tx = --tx->count == 0;
    if (--c->n_tx == 0) {
        pthread_cond_broadcast(&c->cv_empty);
    }
    last = c->n_tx == 0 && !c->rx_here;
    pthread_mutex_unlock(&c->mtx);
    if (free_tx)
        free(tx);
    if (last)
        destroy(c);
}

void receiver_drop(struct receiver *rx)
{
    chan_t *c;
    void **left, (*drop)(void *);
    size_t n, cap, head, i;

    if (rx == NULL)
        return;
    c = rx->c;
    pthread_mutex_lock(&c->mtx);
    c->rx_here = 0;
    drop = c->drop;
    left = c->msgs, n = c->n_msgs, cap = c->cap, head = c->head;
    c->msgs = NULL;
    c->cap = c->n_msgs = 0;
    pthread_cond_broadcast(&c->cv_full);
    i = c->n_tx;
    pthread_mutex_unlock(&c->mtx);
    if (i == 0)
        destroy(c);
    free(rx);
    for (i = 0; i < n && drop; i++)
        drop(left[(head + i) % cap]);
    for (i = 0; i < cap; i++)
        free(left[i]);
    free(left);
}
