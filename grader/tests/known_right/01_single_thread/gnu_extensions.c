/* What is different: GNU extensions: nested functions whose address is taken (they run on the stack), the cleanup
 * attribute, statement expressions. */
#define _GNU_SOURCE
#include "channel.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define max(a, b)                                                                                  \
    ({                                                                                             \
        __typeof__(a) _a = (a);                                                                    \
        __typeof__(b) _b = (b);                                                                    \
        _a > _b ? _a : _b;                                                                         \
    })
#define _autofree_ __attribute__((cleanup(freep)))
static inline void freep(void *p)
{
    free(*(void **)p);
}
#define steal(p)                                                                                   \
    ({                                                                                             \
        __auto_type _p = (p);                                                                      \
        (p) = NULL;                                                                                \
        _p;                                                                                        \
    })

struct item {
    struct item *next;
    char data[];
};
struct chan {
    struct item *head, **tail;
    size_t size;
    unsigned long senders;
    int rx;
};
struct sender {
    struct chan *c;
};
struct receiver {
    struct chan *c;
};

static void each(struct item *i, void (*f)(struct item *))
{
    while (i) {
        struct item *next = i->next;
        f(i);
        i = next;
    }
}

static void done(struct chan *c)
{
    size_t freed = 0;
    void one(struct item * i)
    {
        freed++;
        free(i);
    }
    if (c->senders || c->rx)
        return;
    each(c->head, one);
    free(c);
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    if (!message_size)
        return CHANNEL_INVALID;
    _autofree_ struct chan *c = calloc(1, sizeof *c);
    _autofree_ struct sender *s = calloc(1, sizeof *s);
    _autofree_ struct receiver *r = calloc(1, sizeof *r);
    if (!c || !s || !r)
        return CHANNEL_NO_MEMORY;
    c->tail = &c->head;
    c->size = message_size;
    c->senders = 1;
    c->rx = 1;
    s->c = c;
    r->c = c;
    *tx = steal(s);
    *rx = steal(r);
    (void)steal(c);
    return CHANNEL_OK;
}

struct sender *sender_clone(struct sender *tx)
{
    struct sender *s = malloc(sizeof *s);
    return s ? ({
        *s = *tx;
        s->c->senders++;
        s;
    })
             : NULL;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct chan *c = tx->c;
    if (!c->rx)
        return CHANNEL_CLOSED;
    size_t n;
    if (__builtin_add_overflow(max(c->size, (size_t)1), sizeof(struct item), &n))
        return CHANNEL_NO_MEMORY;
    struct item *i = malloc(n);
    if (!i)
        return CHANNEL_NO_MEMORY;
    i->next = NULL;
    mempcpy(i->data, message, c->size);
    *c->tail = i;
    c->tail = &i->next;
    return CHANNEL_OK;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    struct chan *c = rx->c;
    _autofree_ struct item *i = c->head;
    if (!i)
        return c->senders ? CHANNEL_EMPTY : CHANNEL_CLOSED;
    if (!(c->head = i->next))
        c->tail = &c->head;
    __builtin_memcpy(message, i->data, c->size);
    return CHANNEL_OK;
}

void sender_drop(struct sender *tx)
{
    if (!tx)
        return;
    _autofree_ struct sender *gone = tx;
    gone->c->senders--;
    done(gone->c);
}

void receiver_drop(struct receiver *rx)
{
    if (!rx)
        return;
    _autofree_ struct receiver *gone = rx;
    gone->c->rx = 0;
    done(gone->c);
}
