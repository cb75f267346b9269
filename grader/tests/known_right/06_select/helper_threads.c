/* Known right: a select has a helper for each of its channels, a thread that sleeps as a receiver would and
 * reports what it sees. One condition variable a channel, always broadcast, and a recursive lock. */
#define _XOPEN_SOURCE 700
#include "channel.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct message {
    struct message *next;
    _Alignas(max_align_t) char bytes[];
};

struct channel {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t message_size;
    size_t capacity; /* SIZE_MAX: unbounded */
    size_t queued;
    int senders, receivers;
    struct message *head, **tail, *pool;
    bool pooled;
    bool helper_may_go;
    void (*drop)(void *message);
};

struct sender {
    struct channel *to;
};

struct receiver {
    struct channel *from;
};

static void lock(struct channel *c)
{
    pthread_mutex_lock(&c->lock);
}

static void unlock(struct channel *c)
{
    pthread_mutex_unlock(&c->lock);
}

static void changed(struct channel *c)
{
    lock(c);
    pthread_cond_broadcast(&c->changed);
    unlock(c);
}

static void init_cond(pthread_cond_t *cond)
{
    pthread_condattr_t attr;

    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attr);
    pthread_condattr_destroy(&attr);
}

/* 0, or ETIMEDOUT */
static int wait_for_change(pthread_cond_t *cond, pthread_mutex_t *mutex,
                           const struct timespec *until)
{
    return until ? pthread_cond_timedwait(cond, mutex, until) : pthread_cond_wait(cond, mutex);
}

static struct message *message_new(struct channel *c)
{
    if (c->message_size > SIZE_MAX - sizeof(struct message))
        return NULL;
    return malloc(sizeof(struct message) + c->message_size);
}

static void messages_free(struct message *m)
{
    if (m == NULL)
        return;
    for (struct message *next; m != NULL; m = next) {
        next = m->next;
        free(m);
    }
}

static void channel_delete(struct channel *c)
{
    messages_free(c->pool);
    messages_free(c->head);
    pthread_cond_destroy(&c->changed);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

static struct channel *channel_make(size_t message_size, size_t capacity, bool pooled)
{
    struct channel *c = calloc(1, sizeof *c);
    pthread_mutexattr_t attr;

    if (c == NULL)
        return NULL;
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&c->lock, &attr);
    pthread_mutexattr_destroy(&attr);
    init_cond(&c->changed);
    c->message_size = message_size;
    c->capacity = capacity;
    c->pooled = pooled;
    c->senders = c->receivers = 1;
    c->tail = &c->head;
    for (size_t i = 0; pooled && i < capacity; i++) {
        struct message *m = message_new(c);
        if (m == NULL) {
            channel_delete(c);
            return NULL;
        }
        m->next = c->pool;
        c->pool = m;
    }
    return c;
}

static enum channel_status open_channel(size_t message_size, size_t capacity, bool pooled,
                                        void (*drop)(void *), struct sender **tx,
                                        struct receiver **rx)
{
    struct channel *c = NULL;
    struct sender *s = NULL;
    struct receiver *r = NULL;

    if (message_size == 0 || capacity == 0)
        return CHANNEL_INVALID;
    if (pooled && capacity > SIZE_MAX / message_size)
        return CHANNEL_NO_MEMORY;
    if (!(s = malloc(sizeof *s)) || !(r = malloc(sizeof *r)) ||
        !(c = channel_make(message_size, capacity, pooled))) {
        free(s);
        free(r);
        return CHANNEL_NO_MEMORY;
    }
    c->drop = drop;
    *tx = s;
    *rx = r;
    (*tx)->to = (*rx)->from = c;
    return CHANNEL_OK;
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    return open_channel(message_size, SIZE_MAX, false, NULL, tx, rx);
}

enum channel_status channel_create_with_drop(size_t message_size, void (*drop)(void *message),
                                             struct sender **tx, struct receiver **rx)
{
    return open_channel(message_size, SIZE_MAX, false, drop, tx, rx);
}

enum channel_status channel_create_bounded(size_t message_size, size_t capacity,
                                           void (*drop)(void *message), struct sender **tx,
                                           struct receiver **rx)
{
    return open_channel(message_size, capacity, true, drop, tx, rx);
}

struct sender *sender_clone(struct sender *tx)
{
    struct sender *clone = malloc(sizeof *clone);

    if (clone == NULL)
        return NULL;
    lock(tx->to);
    tx->to->senders += 1;
    unlock(tx->to);
    clone->to = tx->to;
    return clone;
}

static enum channel_status try_send_locked(struct channel *c, const void *bytes)
{
    struct message *m;

    if (c->receivers == 0)
        return CHANNEL_CLOSED;
    if (c->queued == c->capacity)
        return CHANNEL_FULL;
    if (c->pooled) {
        m = c->pool;
        c->pool = m->next;
    } else if ((m = message_new(c)) == NULL) {
        return CHANNEL_NO_MEMORY;
    }
    memcpy(m->bytes, bytes, c->message_size);
    m->next = NULL;
    *c->tail = m;
    c->tail = &m->next;
    c->queued++;
    changed(c);
    return CHANNEL_OK;
}

static enum channel_status try_recv_locked(struct channel *c, void *bytes)
{
    struct message *m = c->head;

    if (m == NULL)
        return c->senders ? CHANNEL_EMPTY : CHANNEL_CLOSED;
    memcpy(bytes, m->bytes, c->message_size);
    c->head = m->next;
    if (c->head == NULL)
        c->tail = &c->head;
    c->queued--;
    if (c->pooled) {
        m->next = c->pool;
        c->pool = m;
    } else {
        free(m);
    }
    changed(c);
    return CHANNEL_OK;
}

enum channel_status sender_try_send(struct sender *tx, const void *message)
{
    lock(tx->to);
    enum channel_status status = try_send_locked(tx->to, message);
    unlock(tx->to);
    return status;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    lock(rx->from);
    enum channel_status status = try_recv_locked(rx->from, message);
    unlock(rx->from);
    return status;
}

enum channel_status sender_send_until(struct sender *tx, const void *message,
                                      const struct timespec *deadline)
{
    int waited = 0;

    if (deadline && (deadline->tv_nsec < 0 || deadline->tv_nsec >= 1000000000))
        return CHANNEL_INVALID;
    for (lock(tx->to);; waited = wait_for_change(&tx->to->changed, &tx->to->lock, deadline)) {
        enum channel_status status = try_send_locked(tx->to, message);
        if (status == CHANNEL_FULL && waited == ETIMEDOUT)
            status = CHANNEL_TIMEOUT;
        if (status != CHANNEL_FULL) {
            unlock(tx->to);
            return status;
        }
    }
}

enum channel_status receiver_recv_until(struct receiver *rx, void *message,
                                        const struct timespec *deadline)
{
    int waited = 0;

    if (deadline && (deadline->tv_nsec < 0 || deadline->tv_nsec >= 1000000000))
        return CHANNEL_INVALID;
    for (lock(rx->from);; waited = wait_for_change(&rx->from->changed, &rx->from->lock, deadline)) {
        enum channel_status status = try_recv_locked(rx->from, message);
        if (status == CHANNEL_EMPTY && waited == ETIMEDOUT)
            status = CHANNEL_TIMEOUT;
        if (status != CHANNEL_EMPTY) {
            unlock(rx->from);
            return status;
        }
    }
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    return sender_send_until(tx, message, NULL);
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    return receiver_recv_until(rx, message, NULL);
}

/* Where the helpers of a select report. */
struct report {
    pthread_mutex_t lock;
    pthread_cond_t filed;
    size_t index; /* SIZE_MAX: none yet */
};

struct helper {
    pthread_t thread;
    struct channel *channel;
    struct report *report;
    size_t index;
};

static void *help(void *arg)
{
    struct helper *h = arg;
    struct channel *c = h->channel;
    bool ready;

    lock(c);
    while (c->head == NULL && c->senders > 0 && !c->helper_may_go)
        pthread_cond_wait(&c->changed, &c->lock);
    ready = c->head != NULL || c->senders == 0;
    unlock(c);
    if (ready) {
        pthread_mutex_lock(&h->report->lock);
        if (h->index < h->report->index)
            h->report->index = h->index;
        pthread_cond_signal(&h->report->filed);
        pthread_mutex_unlock(&h->report->lock);
    }
    return NULL;
}

static void send_home(struct helper *h)
{
    lock(h->channel);
    h->channel->helper_may_go = true;
    changed(h->channel);
    unlock(h->channel);
    pthread_join(h->thread, NULL);
    h->channel->helper_may_go = false;
}

static bool peek(struct channel *c)
{
    lock(c);
    bool ready = c->head != NULL || c->senders == 0;
    unlock(c);
    return ready;
}

enum channel_status receiver_select(struct receiver *const receivers[], size_t n,
                                    const struct timespec *deadline, size_t *ready)
{
    struct report report = {.index = SIZE_MAX};
    struct helper *helpers;
    size_t started;

    if (n == 0 || (deadline && (deadline->tv_nsec < 0 || deadline->tv_nsec >= 1000000000)))
        return CHANNEL_INVALID;
    for (size_t i = 0; i < n; i++) {
        if (peek(receivers[i]->from)) {
            *ready = i;
            return CHANNEL_OK;
        }
    }
    helpers = calloc(n, sizeof *helpers);
    if (helpers == NULL)
        return CHANNEL_NO_MEMORY;
    pthread_mutex_init(&report.lock, NULL);
    init_cond(&report.filed);
    for (started = 0; started < n; started++) {
        struct helper *h = &helpers[started];
        *h = (struct helper){
            .channel = receivers[started]->from, .report = &report, .index = started};
        if (pthread_create(&h->thread, NULL, help, h) != 0)
            break;
    }
    if (started == n) {
        pthread_mutex_lock(&report.lock);
        while (report.index == SIZE_MAX &&
               wait_for_change(&report.filed, &report.lock, deadline) != ETIMEDOUT)
            ;
        pthread_mutex_unlock(&report.lock);
    }
    for (size_t i = 0; i < started; i++)
        send_home(&helpers[i]);
    free(helpers);
    pthread_cond_destroy(&report.filed);
    pthread_mutex_destroy(&report.lock);
    if (report.index == SIZE_MAX)
        return started == n ? CHANNEL_TIMEOUT : CHANNEL_NO_MEMORY;
    *ready = report.index;
    return CHANNEL_OK;
}

void sender_drop(struct sender *tx)
{
    if (tx == NULL)
        return;

    struct channel *c = tx->to;
    free(tx);
    lock(c);
    c->senders -= 1;
    changed(c);
    bool last = c->senders + c->receivers == 0;
    unlock(c);
    if (last)
        channel_delete(c);
}

void receiver_drop(struct receiver *rx)
{
    if (rx == NULL)
        return;

    struct channel *c = rx->from;
    void (*drop)(void *) = c->drop;
    free(rx);
    lock(c);
    struct message *left = c->head;
    c->head = NULL;
    c->receivers = 0;
    changed(c);
    bool last = c->senders == 0;
    unlock(c);
    if (last)
        channel_delete(c);
    for (struct message *m = left; m != NULL && drop != NULL; m = m->next)
        drop(m->bytes);
    messages_free(left);
}
