/* Segments of slots: a sender takes a slot with fetch_add and fills it; who finds the segment full
 * appends the next one (any sender can, so nobody waits for the one who does). The receiver walks
 * the slots in order. Segments stay until the channel is freed, so nobody's pointer dangles.
 *
 * Parking as in a thread parker: one word that is changed by read-modify-writes only. */
#include "channel.h"

#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS 8

enum park { PARK_EMPTY, PARK_SLEEPING, PARK_NOTIFIED };

struct segment {
    _Atomic(struct segment *) next;
    atomic_size_t taken;
    atomic_bool full[SLOTS];
    unsigned char messages[]; /* SLOTS times message_size */
};

struct channel {
    size_t message_size;
    struct segment *first; /* for the one who frees */
    _Atomic(struct segment *) last;
    atomic_size_t senders;
    atomic_size_t handles;
    atomic_bool gone;
    atomic_int park;
    sem_t wake;
};

struct sender {
    struct channel *channel;
};

struct receiver {
    struct channel *channel;
    struct segment *segment;
    size_t slot;
};

static struct segment *new_segment(size_t message_size)
{
    struct segment *segment = NULL;

    if (message_size <= (SIZE_MAX - sizeof *segment) / SLOTS)
        segment = calloc(1, sizeof *segment + SLOTS * message_size);
    return segment;
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    struct channel *c;
    struct sender *s;
    struct receiver *r;
    struct segment *g;

    if (!message_size)
        return CHANNEL_INVALID;
    c = malloc(sizeof *c);
    s = malloc(sizeof *s);
    r = malloc(sizeof *r);
    g = new_segment(message_size);
    if (!c || !s || !r || !g) {
        free(c);
        free(s);
        free(r);
        free(g);
        return CHANNEL_NO_MEMORY;
    }
    c->message_size = message_size;
    c->first = g;
    atomic_init(&c->last, g);
    atomic_init(&c->senders, 1);
    atomic_init(&c->handles, 2);
    atomic_init(&c->gone, false);
    atomic_init(&c->park, PARK_EMPTY);
    sem_init(&c->wake, 0, 0);
    s->channel = c;
    r->channel = c;
    r->segment = g;
    r->slot = 0;
    *tx = s;
    *rx = r;
    return CHANNEL_OK;
}

struct sender *sender_clone(struct sender *tx)
{
    struct sender *s = malloc(sizeof *s);

    if (!s)
        return NULL;
    s->channel = tx->channel;
    atomic_fetch_add(&s->channel->handles, 1);
    atomic_fetch_add(&s->channel->senders, 1);
    return s;
}

static void let_go(struct channel *c)
{
    if (atomic_fetch_sub(&c->handles, 1) > 1)
        return;
    while (c->first) {
        struct segment *next = atomic_load(&c->first->next);

        free(c->first);
        c->first = next;
    }
    sem_destroy(&c->wake);
    free(c);
}

static void notify(struct channel *c)
{
    if (atomic_exchange(&c->park, PARK_NOTIFIED) == PARK_SLEEPING)
        sem_post(&c->wake);
}

/* The last segment, after appending one behind segment if nobody has yet. NULL: no memory. */
static struct segment *append(struct channel *c, struct segment *segment)
{
    struct segment *next = atomic_load(&segment->next);
    struct segment *expected = segment;

    if (!next) {
        struct segment *fresh = new_segment(c->message_size);

        if (!fresh)
            return NULL;
        if (atomic_compare_exchange_strong(&segment->next, &next, fresh))
            next = fresh;
        else
            free(fresh);
    }
    if (atomic_compare_exchange_strong(&c->last, &expected, next))
        return next;
    return expected;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct channel *c = tx->channel;
    struct segment *segment = atomic_load(&c->last);

    if (atomic_load(&c->gone))
        return CHANNEL_CLOSED;
    for (;;) {
        if (atomic_load_explicit(&segment->taken, memory_order_relaxed) < SLOTS) {
            size_t slot = atomic_fetch_add_explicit(&segment->taken, 1, memory_order_relaxed);

            if (slot < SLOTS) {
                memcpy(segment->messages + slot * c->message_size, message, c->message_size);
                atomic_store_explicit(&segment->full[slot], true, memory_order_release);
                notify(c);
                return CHANNEL_OK;
            }
        }
        segment = append(c, segment);
        if (!segment)
            return CHANNEL_NO_MEMORY;
    }
}

static bool take(struct receiver *rx, void *message)
{
    size_t size = rx->channel->message_size;

    if (rx->slot == SLOTS) {
        struct segment *next = atomic_load(&rx->segment->next);

        if (!next)
            return false;
        rx->segment = next;
        rx->slot = 0;
    }
    if (!atomic_load_explicit(&rx->segment->full[rx->slot], memory_order_acquire))
        return false;
    memcpy(message, rx->segment->messages + rx->slot++ * size, size);
    return true;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    bool closed = atomic_load(&rx->channel->senders) == 0; /* looked at before the messages */

    if (take(rx, message))
        return CHANNEL_OK;
    return closed ? CHANNEL_CLOSED : CHANNEL_EMPTY;
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    struct channel *c = rx->channel;

    for (;;) {
        int empty = PARK_EMPTY;
        enum channel_status status = receiver_try_recv(rx, message);

        if (status != CHANNEL_EMPTY)
            return status;
        if (atomic_compare_exchange_strong(&c->park, &empty, PARK_SLEEPING)) {
            while (sem_wait(&c->wake) == -1 && errno == EINTR)
                ;
        }
        atomic_exchange(&c->park, PARK_EMPTY); /* notified: look again */
    }
}

void sender_drop(struct sender *tx)
{
    if (tx) {
        struct channel *c = tx->channel;

        free(tx);
        if (atomic_fetch_sub(&c->senders, 1) == 1)
            notify(c);
        let_go(c);
    }
}

void receiver_drop(struct receiver *rx)
{
    if (rx) {
        struct channel *c = rx->channel;

        free(rx);
        atomic_store(&c->gone, true);
        let_go(c);
    }
}
