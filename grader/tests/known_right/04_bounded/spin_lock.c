/* What is different: a ticket lock of atomics, which spins, round the queue; who waits for a message or for room sleeps on
 * a semaphore. Both handles are the channel. */
#include "channel.h"
#include <errno.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct ticket_lock {
    atomic_uint next, serving;
};
static void acquire(struct ticket_lock *l)
{
    unsigned mine = atomic_fetch_add_explicit(&l->next, 1, memory_order_relaxed);
    while (atomic_load_explicit(&l->serving, memory_order_acquire) != mine)
        sched_yield();
}
static void release(struct ticket_lock *l)
{
    unsigned now = atomic_load_explicit(&l->serving, memory_order_relaxed);
    atomic_store_explicit(&l->serving, now + 1, memory_order_release);
}

struct chan {
    struct ticket_lock lock;
    sem_t wake_rx, wake_tx;
    bool rx_asleep;
    unsigned tx_asleep;
    size_t size, cap, head, len, limit;
    unsigned char *ring;
    size_t senders;
    bool rx;
    int handles;
    void (*drop)(void *);
};
struct sender {
    struct chan c;
};
struct receiver {
    struct chan c;
};

static void sleep_sem(sem_t *s)
{
    while (sem_wait(s) && errno == EINTR) {
    }
}

static enum channel_status new_chan(size_t size, size_t limit, void (*drop)(void *),
                                    struct sender **tx, struct receiver **rx)
{
    if (!size)
        return CHANNEL_INVALID;
    struct chan *c = calloc(1, sizeof *c);
    if (!c)
        return CHANNEL_NO_MEMORY;
    if (limit) {
        c->ring = limit <= SIZE_MAX / size ? malloc(limit * size) : NULL;
        if (!c->ring) {
            free(c);
            return CHANNEL_NO_MEMORY;
        }
        c->cap = limit;
    }
    sem_init(&c->wake_rx, 0, 0);
    sem_init(&c->wake_tx, 0, 0);
    c->size = size;
    c->limit = limit;
    c->senders = 1;
    c->rx = true;
    c->handles = 2;
    c->drop = drop;
    *tx = (void *)c;
    *rx = (void *)c;
    return CHANNEL_OK;
}
enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    return new_chan(message_size, 0, NULL, tx, rx);
}
enum channel_status channel_create_with_drop(size_t message_size, void (*drop)(void *message),
                                             struct sender **tx, struct receiver **rx)
{
    return new_chan(message_size, 0, drop, tx, rx);
}
enum channel_status channel_create_bounded(size_t message_size, size_t capacity,
                                           void (*drop)(void *message), struct sender **tx,
                                           struct receiver **rx)
{
    return capacity ? new_chan(message_size, capacity, drop, tx, rx) : CHANNEL_INVALID;
}

struct sender *sender_clone(struct sender *tx)
{
    acquire(&tx->c.lock);
    tx->c.senders++;
    tx->c.handles++;
    release(&tx->c.lock);
    return tx;
}

static bool room(struct chan *c)
{
    if (c->len < c->cap)
        return true;
    size_t cap = c->cap * 2 + 1;
    if (cap > SIZE_MAX / 2 / c->size)
        return false;
    unsigned char *ring = malloc(cap * c->size);
    if (!ring)
        return false;
    for (size_t i = 0; i < c->len; i++)
        memcpy(ring + i * c->size, c->ring + (c->head + i) % c->cap * c->size, c->size);
    free(c->ring);
    c->ring = ring;
    c->cap = cap;
    c->head = 0;
    return true;
}

static enum channel_status put(struct chan *c, const void *message, bool wait)
{
    for (;;) {
        acquire(&c->lock);
        if (!c->rx) {
            release(&c->lock);
            return CHANNEL_CLOSED;
        }
        if (!c->limit || c->len < c->limit)
            break;
        if (!wait) {
            release(&c->lock);
            return CHANNEL_FULL;
        }
        c->tx_asleep++;
        release(&c->lock);
        sleep_sem(&c->wake_tx);
    }
    if (!room(c)) {
        release(&c->lock);
        return CHANNEL_NO_MEMORY;
    }
    memcpy(c->ring + (c->head + c->len) % c->cap * c->size, message, c->size);
    c->len++;
    if (c->rx_asleep) {
        c->rx_asleep = false;
        sem_post(&c->wake_rx);
    }
    release(&c->lock);
    return CHANNEL_OK;
}
enum channel_status sender_send(struct sender *tx, const void *message)
{
    return put(&tx->c, message, true);
}
enum channel_status sender_try_send(struct sender *tx, const void *message)
{
    return put(&tx->c, message, false);
}

static enum channel_status get(struct chan *c, void *message, bool wait)
{
    for (;;) {
        acquire(&c->lock);
        if (c->len)
            break;
        if (!c->senders) {
            release(&c->lock);
            return CHANNEL_CLOSED;
        }
        if (!wait) {
            release(&c->lock);
            return CHANNEL_EMPTY;
        }
        c->rx_asleep = true;
        release(&c->lock);
        sleep_sem(&c->wake_rx);
    }
    memcpy(message, c->ring + c->head * c->size, c->size);
    c->head = (c->head + 1) % c->cap;
    c->len--;
    if (c->tx_asleep) {
        c->tx_asleep--;
        sem_post(&c->wake_tx);
    }
    release(&c->lock);
    return CHANNEL_OK;
}
enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    return get(&rx->c, message, true);
}
enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    return get(&rx->c, message, false);
}

static void leave(struct chan *c) /* with the lock */
{
    bool last = --c->handles == 0;
    release(&c->lock);
    if (last) {
        free(c->ring);
        sem_destroy(&c->wake_rx);
        sem_destroy(&c->wake_tx);
        free(c);
    }
}
void sender_drop(struct sender *tx)
{
    if (!tx)
        return;
    struct chan *c = &tx->c;
    acquire(&c->lock);
    if (--c->senders == 0 && c->rx_asleep) {
        c->rx_asleep = false;
        sem_post(&c->wake_rx);
    }
    leave(c);
}
void receiver_drop(struct receiver *rx)
{
    if (!rx)
        return;
    struct chan *c = &rx->c;
    acquire(&c->lock);
    c->rx = false;
    for (; c->tx_asleep; c->tx_asleep--)
        sem_post(&c->wake_tx);
    release(&c->lock);
    for (; c->len; c->len--) { /* now it is mine alone */
        if (c->drop)
            c->drop(c->ring + c->head * c->size);
        c->head = (c->head + 1) % c->cap;
    }
    acquire(&c->lock);
    leave(c);
}
