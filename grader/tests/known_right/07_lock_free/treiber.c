/* A stack that the receiver takes whole and reverses. The empty stack has three values: NULL,
 * the address of asleep (a receiver sleeps) and that of gone (no receiver any more). No fence is
 * needed: whether somebody sleeps is told by the very word that a sender changes. */
#include "channel.h"

#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct node {
    struct node *next;
    char message[];
} node_t;

static node_t asleep, gone; /* only their addresses are used, and by every channel */

struct channel {
    _Atomic(node_t *) top;
    atomic_uint_fast32_t senders, owners;
    sem_t wake;
    size_t size;
};

struct sender {
    struct channel *ch;
};

struct receiver {
    struct channel *ch;
    node_t *mine; /* oldest first */
};

static void give_up(struct channel *ch)
{
    if (atomic_fetch_sub(&ch->owners, 1) == 1) {
        sem_destroy(&ch->wake);
        free(ch);
    }
}

static void free_list(node_t *list)
{
    while (list) {
        node_t *next = list->next;
        free(list);
        list = next;
    }
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    struct channel *ch;

    if (message_size == 0)
        return CHANNEL_INVALID;
    if (message_size >= SIZE_MAX / 2)
        return CHANNEL_NO_MEMORY;
    if (!(ch = calloc(1, sizeof *ch)))
        return CHANNEL_NO_MEMORY;
    struct sender *s = malloc(sizeof *s);
    struct receiver *r = malloc(sizeof *r);
    if (!s || !r) {
        free(s);
        free(r);
        free(ch);
        return CHANNEL_NO_MEMORY;
    }
    sem_init(&ch->wake, 0, 0);
    ch->size = message_size;
    atomic_init(&ch->top, NULL);
    atomic_init(&ch->senders, 1);
    atomic_init(&ch->owners, 2);
    s->ch = r->ch = ch;
    r->mine = NULL;
    *tx = s;
    *rx = r;
    return CHANNEL_OK;
}

struct sender *sender_clone(struct sender *tx)
{
    struct sender *s = malloc(sizeof *s);

    if (s) {
        s->ch = tx->ch;
        atomic_fetch_add(&s->ch->owners, 1);
        atomic_fetch_add(&s->ch->senders, 1);
    }
    return s;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct channel *ch = tx->ch;
    node_t *n = malloc(sizeof *n + ch->size);
    node_t *top;

    if (!n)
        return CHANNEL_NO_MEMORY;
    memcpy(n->message, message, ch->size);
    top = atomic_load_explicit(&ch->top, memory_order_relaxed);
    do {
        if (top == &gone) {
            free(n);
            return CHANNEL_CLOSED;
        }
        n->next = top == &asleep ? NULL : top;
    } while (!atomic_compare_exchange_weak_explicit(&ch->top, &top, n, memory_order_release,
                                                    memory_order_relaxed));
    if (top == &asleep)
        sem_post(&ch->wake);
    return CHANNEL_OK;
}

static bool next(struct receiver *rx, void *message)
{
    if (!rx->mine) {
        node_t *n = atomic_exchange_explicit(&rx->ch->top, NULL, memory_order_acquire);

        while (n) {
            node_t *older = n->next;
            n->next = rx->mine;
            rx->mine = n;
            n = older;
        }
    }
    if (!rx->mine)
        return false;
    node_t *n = rx->mine;
    rx->mine = n->next;
    memcpy(message, n->message, rx->ch->size);
    free(n);
    return true;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    if (next(rx, message))
        return CHANNEL_OK;
    if (atomic_load(&rx->ch->senders) > 0)
        return CHANNEL_EMPTY;
    return next(rx, message) ? CHANNEL_OK : CHANNEL_CLOSED;
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    struct channel *ch = rx->ch;

    for (;;) {
        enum channel_status s = receiver_try_recv(rx, message);
        node_t *nothing = NULL;

        if (s != CHANNEL_EMPTY)
            return s;
        if (!atomic_compare_exchange_strong(&ch->top, &nothing, &asleep))
            continue;
        /* The last sender counts down, then looks at top; we the other way round. */
        nothing = &asleep;
        if (atomic_load(&ch->senders) == 0 &&
            atomic_compare_exchange_strong(&ch->top, &nothing, NULL))
            continue;
        while (sem_wait(&ch->wake))
            ;
    }
}

void sender_drop(struct sender *tx)
{
    if (!tx)
        return;
    struct channel *ch = tx->ch;
    free(tx);
    if (atomic_fetch_sub(&ch->senders, 1) == 1) {
        node_t *sleeper = &asleep;
        if (atomic_compare_exchange_strong(&ch->top, &sleeper, NULL))
            sem_post(&ch->wake);
    }
    give_up(ch);
}

void receiver_drop(struct receiver *rx)
{
    if (!rx)
        return;
    free_list(rx->mine);
    free_list(atomic_exchange_explicit(&rx->ch->top, &gone, memory_order_acquire));
    give_up(rx->ch);
    free(rx);
}
