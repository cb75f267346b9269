/* What is different: a doubly linked list with one link in a node, previous XOR next; both handles are one
 * union. */
#include "channel.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct xnode {
    uintptr_t link;
} xnode; /* the message follows */
union end {
    struct {
        xnode *front, *back;
        size_t bytes;
        uint64_t rx : 1, tx : 63;
    } c;
    max_align_t whatever;
};
struct sender {
    union end e;
};
struct receiver {
    union end e;
};

#define X(a, b) ((uintptr_t)(a) ^ (uintptr_t)(b))

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    union end *e;
    if (!message_size)
        return CHANNEL_INVALID;
    if (message_size >= SIZE_MAX - 64 || !(e = calloc(1, sizeof *e)))
        return CHANNEL_NO_MEMORY;
    e->c.bytes = message_size;
    e->c.rx = 1;
    e->c.tx = 1;
    *tx = (void *)e;
    *rx = (void *)e;
    return CHANNEL_OK;
}

struct sender *sender_clone(struct sender *tx)
{
    return ++tx->e.c.tx, tx;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    union end *e = &tx->e;
    xnode *n;
    if (!e->c.rx)
        return CHANNEL_CLOSED;
    n = malloc(sizeof *n + e->c.bytes);
    if (!n)
        return CHANNEL_NO_MEMORY;
    memcpy(n + 1, message, e->c.bytes);
    n->link = X(e->c.back, 0);
    if (e->c.back)
        e->c.back->link ^= X(n, 0);
    else
        e->c.front = n;
    e->c.back = n;
    return CHANNEL_OK;
}

static xnode *pop(union end *e)
{
    xnode *n = e->c.front;
    if (n) {
        xnode *next = (xnode *)n->link;
        if (next)
            next->link ^= X(n, 0);
        else
            e->c.back = NULL;
        e->c.front = next;
    }
    return n;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    xnode *n = pop(&rx->e);
    if (!n)
        return rx->e.c.tx ? CHANNEL_EMPTY : CHANNEL_CLOSED;
    memcpy(message, n + 1, rx->e.c.bytes);
    free(n);
    return CHANNEL_OK;
}

static void last(union end *e)
{
    xnode *n;
    if (e->c.rx || e->c.tx)
        return;
    while ((n = pop(e)))
        free(n);
    free(e);
}

void sender_drop(struct sender *tx)
{
    if (tx)
        tx->e.c.tx--, last(&tx->e);
}

void receiver_drop(struct receiver *rx)
{
    if (rx)
        rx->e.c.rx = 0, last(&rx->e);
}
