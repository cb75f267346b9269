/* Known right: a lock for the state and raw futexes to sleep on, numbers that change with every event. */
#define _GNU_SOURCE
#include "channel.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

typedef _Atomic uint32_t word;

struct channel {
    pthread_mutex_t m;
    word arrivals;   /* changes when something is queued or the last sender goes */
    word departures; /* changes when room is made or the receiver goes */
    size_t msgsize, limit;
    void (*drop)(void *);
    char *buf;
    size_t cap, head, len;
    size_t nsenders;
    bool open;
    int senders_asleep;
    bool receiver_asleep;
    word *doorbell; /* of a select */
};

struct sender { /* never used as such */
    struct channel c;
};

struct receiver {
    struct channel c;
};

/* Both kinds of handle are the channel itself. */
static struct channel *of(const void *handle)
{
    return (struct channel *)handle;
}

/* Until *w is no longer seen, or somebody wakes us, or time is up: false. */
static bool futex_wait(word *w, uint32_t seen, const struct timespec *deadline)
{
    static const struct timespec long_ago = {0, 0};

    if (deadline != NULL && deadline->tv_sec < 0)
        deadline = &long_ago;
    return syscall(SYS_futex, w, FUTEX_WAIT_BITSET_PRIVATE, seen, deadline, NULL,
                   FUTEX_BITSET_MATCH_ANY) == 0 ||
           errno != ETIMEDOUT;
}

static void futex_wake(word *w, int n)
{
    atomic_fetch_add(w, 1);
    syscall(SYS_futex, w, FUTEX_WAKE_PRIVATE, n, NULL, NULL, 0);
}

static bool bad(const struct timespec *t)
{
    return t != NULL && (t->tv_nsec < 0 || t->tv_nsec > 999999999);
}

static bool reserve(struct channel *c, size_t cap)
{
    char *buf;

    if (c->msgsize > SIZE_MAX / cap || (buf = malloc(c->msgsize * cap)) == NULL)
        return false;
    for (size_t i = 0; i < c->len; i++)
        memcpy(buf + i * c->msgsize, c->buf + (c->head + i) % c->cap * c->msgsize, c->msgsize);
    free(c->buf);
    c->buf = buf;
    c->cap = cap;
    c->head = 0;
    return true;
}

static enum channel_status make(size_t size, size_t limit, void (*drop)(void *), struct sender **tx,
                                struct receiver **rx)
{
    struct channel *c = malloc(sizeof *c);

    if (c == NULL)
        return CHANNEL_NO_MEMORY;
    *c = (struct channel){
        .msgsize = size, .limit = limit, .drop = drop, .nsenders = 1, .open = true};
    if (limit > 0 && !reserve(c, limit)) {
        free(c);
        return CHANNEL_NO_MEMORY;
    }
    pthread_mutex_init(&c->m, NULL);
    *tx = (struct sender *)c;
    *rx = (struct receiver *)c;
    return CHANNEL_OK;
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    return message_size == 0 ? CHANNEL_INVALID : make(message_size, 0, NULL, tx, rx);
}

enum channel_status channel_create_with_drop(size_t message_size, void (*drop)(void *message),
                                             struct sender **tx, struct receiver **rx)
{
    return message_size == 0 ? CHANNEL_INVALID : make(message_size, 0, drop, tx, rx);
}

enum channel_status channel_create_bounded(size_t message_size, size_t capacity,
                                           void (*drop)(void *message), struct sender **tx,
                                           struct receiver **rx)
{
    if (message_size == 0 || capacity == 0)
        return CHANNEL_INVALID;
    return make(message_size, capacity, drop, tx, rx);
}

struct sender *sender_clone(struct sender *tx)
{
    struct channel *c = of(tx);

    pthread_mutex_lock(&c->m);
    c->nsenders++;
    pthread_mutex_unlock(&c->m);
    return tx;
}

/* Something can be received: tell whoever waits for that. Locked. */
static void announce(struct channel *c)
{
    if (c->receiver_asleep)
        futex_wake(&c->arrivals, 1);
    if (c->doorbell != NULL)
        futex_wake(c->doorbell, 1);
}

static enum channel_status send_locked(struct channel *c, const void *message)
{
    if (!c->open)
        return CHANNEL_CLOSED;
    if (c->limit > 0 && c->len == c->limit)
        return CHANNEL_FULL;
    if (c->len == c->cap && !reserve(c, c->cap + c->cap / 2 + 2))
        return CHANNEL_NO_MEMORY;
    memcpy(c->buf + (c->head + c->len) % c->cap * c->msgsize, message, c->msgsize);
    c->len++;
    announce(c);
    return CHANNEL_OK;
}

enum channel_status sender_try_send(struct sender *tx, const void *message)
{
    struct channel *c = of(tx);
    enum channel_status s;

    pthread_mutex_lock(&c->m);
    s = send_locked(c, message);
    pthread_mutex_unlock(&c->m);
    return s;
}

enum channel_status sender_send_until(struct sender *tx, const void *message,
                                      const struct timespec *deadline)
{
    struct channel *c = of(tx);
    enum channel_status s;
    bool time_left = true;

    if (bad(deadline))
        return CHANNEL_INVALID;
    pthread_mutex_lock(&c->m);
    while ((s = send_locked(c, message)) == CHANNEL_FULL && time_left) {
        uint32_t seen = c->departures;
        c->senders_asleep++;
        pthread_mutex_unlock(&c->m);
        time_left = futex_wait(&c->departures, seen, deadline);
        pthread_mutex_lock(&c->m);
        c->senders_asleep--;
    }
    pthread_mutex_unlock(&c->m);
    return s == CHANNEL_FULL ? CHANNEL_TIMEOUT : s;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    return sender_send_until(tx, message, NULL);
}

static enum channel_status recv_locked(struct channel *c, void *message)
{
    if (c->len == 0)
        return c->nsenders == 0 ? CHANNEL_CLOSED : CHANNEL_EMPTY;
    memcpy(message, c->buf + c->head * c->msgsize, c->msgsize);
    c->head = (c->head + 1) % c->cap;
    c->len--;
    if (c->senders_asleep > 0)
        futex_wake(&c->departures, INT32_MAX); /* all: one may be about to give up */
    return CHANNEL_OK;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    struct channel *c = of(rx);
    enum channel_status s;

    pthread_mutex_lock(&c->m);
    s = recv_locked(c, message);
    pthread_mutex_unlock(&c->m);
    return s;
}

enum channel_status receiver_recv_until(struct receiver *rx, void *message,
                                        const struct timespec *deadline)
{
    struct channel *c = of(rx);
    enum channel_status s;
    bool time_left = true;

    if (bad(deadline))
        return CHANNEL_INVALID;
    pthread_mutex_lock(&c->m);
    while ((s = recv_locked(c, message)) == CHANNEL_EMPTY && time_left) {
        uint32_t seen = c->arrivals;
        c->receiver_asleep = true;
        pthread_mutex_unlock(&c->m);
        time_left = futex_wait(&c->arrivals, seen, deadline);
        pthread_mutex_lock(&c->m);
        c->receiver_asleep = false;
    }
    pthread_mutex_unlock(&c->m);
    return s == CHANNEL_EMPTY ? CHANNEL_TIMEOUT : s;
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    return receiver_recv_until(rx, message, NULL);
}

/* The lowest of n that is ready, or n. Hangs the bell on those it looks at (or takes it off again). */
static size_t visit(struct receiver *const receivers[], size_t n, word *bell)
{
    size_t found = n;

    for (size_t i = 0; i < n; i++) {
        struct channel *c = of(receivers[i]);
        pthread_mutex_lock(&c->m);
        if (found == n && (c->len > 0 || c->nsenders == 0))
            found = i;
        c->doorbell = bell;
        pthread_mutex_unlock(&c->m);
    }
    return found;
}

enum channel_status receiver_select(struct receiver *const receivers[], size_t n,
                                    const struct timespec *deadline, size_t *ready)
{
    word bell = 0;
    size_t found;

    if (n == 0 || bad(deadline))
        return CHANNEL_INVALID;
    found = visit(receivers, n, &bell);
    while (found == n && bell == 0 && futex_wait(&bell, 0, deadline))
        ;
    size_t last = visit(receivers, n, NULL);
    if (last < found)
        found = last;
    if (found == n)
        return CHANNEL_TIMEOUT;
    *ready = found;
    return CHANNEL_OK;
}

static void leave(struct channel *c)
{
    bool last = c->nsenders == 0 && !c->open;

    pthread_mutex_unlock(&c->m);
    if (last) {
        pthread_mutex_destroy(&c->m);
        free(c->buf);
        free(c);
    }
}

void sender_drop(struct sender *tx)
{
    struct channel *c = of(tx);

    if (c == NULL)
        return;
    pthread_mutex_lock(&c->m);
    if (--c->nsenders == 0)
        announce(c);
    leave(c);
}

void receiver_drop(struct receiver *rx)
{
    struct channel *c = of(rx), old;

    if (c == NULL)
        return;
    pthread_mutex_lock(&c->m);
    c->open = false;
    old.buf = c->buf, old.head = c->head, old.len = c->len, old.cap = c->cap;
    old.msgsize = c->msgsize, old.drop = c->drop;
    c->buf = NULL;
    c->len = c->cap = 0;
    futex_wake(&c->departures, INT32_MAX);
    leave(c);
    for (size_t i = 0; old.drop != NULL && i < old.len; i++)
        old.drop(old.buf + (old.head + i) % old.cap * old.msgsize);
    free(old.buf);
}
