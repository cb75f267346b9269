/* What is different: one lock and one condition variable for all channels; both handles are the channel's number in a
 * table that moves when it grows, so that nothing keeps a pointer into it over a wait. */
#include "channel.h"
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t giant = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t news = PTHREAD_COND_INITIALIZER;

struct slot {
    bool used, rx;
    long tx;
    size_t size, cap, first, count;
    bool bounded;
    void (*drop)(void *);
    char *ring;
};
static struct slot *table;
static size_t slots, live;

#define ID(h) ((size_t)(uintptr_t)(h)-1)
#define AT(h) (&table[ID(h)])

static void lock(void)
{
    pthread_mutex_lock(&giant);
}
static void unlock(void)
{
    pthread_mutex_unlock(&giant);
}

static size_t claim(void)
{
    for (size_t i = 0; i < slots; i++)
        if (!table[i].used)
            return i;
    struct slot *t = realloc(table, (slots + 3) * sizeof *t);
    if (!t)
        return SIZE_MAX;
    table = t;
    memset(&table[slots], 0, 3 * sizeof *t);
    slots += 3;
    return slots - 3;
}

static void release(struct slot *s)
{
    free(s->ring);
    memset(s, 0, sizeof *s);
    if (--live == 0) {
        free(table);
        table = NULL;
        slots = 0;
    }
}

static enum channel_status create(size_t size, size_t cap, void (*drop)(void *), struct sender **tx,
                                  struct receiver **rx)
{
    if (!size)
        return CHANNEL_INVALID;
    if (cap && size > SIZE_MAX / cap)
        return CHANNEL_NO_MEMORY;
    char *ring = NULL;
    if (cap && !(ring = malloc(size * cap)))
        return CHANNEL_NO_MEMORY;
    lock();
    size_t i = claim();
    if (i == SIZE_MAX) {
        unlock();
        free(ring);
        return CHANNEL_NO_MEMORY;
    }
    live++;
    table[i] = (struct slot){.used = true,
                             .rx = true,
                             .tx = 1,
                             .size = size,
                             .cap = cap,
                             .bounded = cap != 0,
                             .drop = drop,
                             .ring = ring};
    unlock();
    *tx = (struct sender *)(uintptr_t)(i + 1);
    *rx = (struct receiver *)(uintptr_t)(i + 1);
    return CHANNEL_OK;
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    return create(message_size, 0, NULL, tx, rx);
}

enum channel_status channel_create_with_drop(size_t message_size, void (*drop)(void *message),
                                             struct sender **tx, struct receiver **rx)
{
    return create(message_size, 0, drop, tx, rx);
}

enum channel_status channel_create_bounded(size_t message_size, size_t capacity,
                                           void (*drop)(void *message), struct sender **tx,
                                           struct receiver **rx)
{
    return capacity ? create(message_size, capacity, drop, tx, rx) : CHANNEL_INVALID;
}

struct sender *sender_clone(struct sender *tx)
{
    lock();
    AT(tx)->tx++;
    unlock();
    return tx;
}

static bool grow(struct slot *s)
{
    size_t cap = s->cap ? s->cap * 2 : 4;
    if (cap > SIZE_MAX / s->size)
        return false;
    char *ring = malloc(cap * s->size);
    if (!ring)
        return false;
    for (size_t i = 0; i < s->count; i++)
        memcpy(ring + i * s->size, s->ring + (s->first + i) % s->cap * s->size, s->size);
    free(s->ring);
    s->ring = ring;
    s->first = 0;
    s->cap = cap;
    return true;
}

static enum channel_status send_locked(struct sender *tx, const void *message, bool wait)
{
    while (wait && AT(tx)->rx && AT(tx)->bounded && AT(tx)->count == AT(tx)->cap)
        pthread_cond_wait(&news, &giant);
    struct slot *s = AT(tx);
    if (!s->rx)
        return CHANNEL_CLOSED;
    if (s->count == s->cap) {
        if (s->bounded)
            return CHANNEL_FULL;
        if (!grow(s))
            return CHANNEL_NO_MEMORY;
    }
    memcpy(s->ring + (s->first + s->count) % s->cap * s->size, message, s->size);
    s->count++;
    pthread_cond_broadcast(&news);
    return CHANNEL_OK;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    lock();
    enum channel_status status = send_locked(tx, message, true);
    unlock();
    return status;
}

enum channel_status sender_try_send(struct sender *tx, const void *message)
{
    lock();
    enum channel_status status = send_locked(tx, message, false);
    unlock();
    return status;
}

static enum channel_status recv_locked(struct receiver *rx, void *message, bool wait)
{
    while (wait && AT(rx)->count == 0 && AT(rx)->tx > 0)
        pthread_cond_wait(&news, &giant);
    struct slot *s = AT(rx);
    if (s->count == 0)
        return s->tx ? CHANNEL_EMPTY : CHANNEL_CLOSED;
    memcpy(message, s->ring + s->first * s->size, s->size);
    s->first = (s->first + 1) % s->cap;
    s->count--;
    pthread_cond_broadcast(&news);
    return CHANNEL_OK;
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    lock();
    enum channel_status status = recv_locked(rx, message, true);
    unlock();
    return status;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    lock();
    enum channel_status status = recv_locked(rx, message, false);
    unlock();
    return status;
}

void sender_drop(struct sender *tx)
{
    if (!tx)
        return;
    lock();
    struct slot *s = AT(tx);
    s->tx--;
    pthread_cond_broadcast(&news);
    if (!s->tx && !s->rx)
        release(s);
    unlock();
}

void receiver_drop(struct receiver *rx)
{
    if (!rx)
        return;
    lock();
    struct slot *s = AT(rx);
    struct slot old = *s;
    s->rx = false;
    s->ring = NULL;
    s->count = 0;
    pthread_cond_broadcast(&news);
    if (!s->tx)
        release(s);
    unlock();
    for (size_t i = 0; old.drop && i < old.count; i++) {
        old.drop(old.ring + (old.first + i) % old.cap * old.size);
    }
    free(old.ring);
}
