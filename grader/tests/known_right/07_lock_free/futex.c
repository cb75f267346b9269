/* Known right: a stack that the receiver takes whole and reverses, and a number of events to sleep on, which is a
 * futex: a sender adds one to it behind its message, and the receiver notes it before it looks. */
#define _GNU_SOURCE
#include "channel.h"

#include <linux/futex.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef struct node {
    struct node *next;
    char message[];
} node_t;

static node_t gone; /* only its address is used, and by every channel */

struct channel {
    _Atomic(node_t *) top;
    atomic_uint_fast32_t senders, owners;
    _Atomic uint32_t events;
    atomic_bool asleep;
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
    if (atomic_fetch_sub(&ch->owners, 1) == 1)
        free(ch);
}

/* The receiver notes the number before it looks, so it does not sleep once this has been called. */
static void notify(struct channel *ch)
{
    atomic_fetch_add(&ch->events, 1);
    if (atomic_load(&ch->asleep))
        syscall(SYS_futex, &ch->events, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
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
        n->next = top;
    } while (!atomic_compare_exchange_weak_explicit(&ch->top, &top, n, memory_order_release,
                                                    memory_order_relaxed));
    notify(ch);
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
    enum channel_status status;

    for (;;) {
        uint32_t seen = atomic_load(&ch->events);

        if ((status = receiver_try_recv(rx, message)) != CHANNEL_EMPTY)
            return status;
        atomic_store(&ch->asleep, true);
        syscall(SYS_futex, &ch->events, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
        atomic_store(&ch->asleep, false);
    }
}

void sender_drop(struct sender *tx)
{
    if (!tx)
        return;
    struct channel *ch = tx->ch;
    free(tx);
    if (atomic_fetch_sub(&ch->senders, 1) == 1)
        notify(ch);
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
