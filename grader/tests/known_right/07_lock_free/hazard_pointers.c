/* Michael and Scott's queue; a hazard pointer for each sender, on a list that only grows; the
 * receiver frees what no hazard pointer names. */
#include "channel.h"

#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct node {
    _Atomic(struct node *) next;
    struct node *retired;
    char message[];
};

struct hazard {
    _Atomic(struct node *) node;
    atomic_bool used;
    struct hazard *next;
};

struct channel {
    _Atomic(struct node *) tail;
    struct node *head;
    struct node *retired;
    _Atomic(struct hazard *) hazards;
    size_t size;
    atomic_size_t senders, refs;
    atomic_bool closed, sleeping;
    sem_t wake;
};

struct sender {
    struct channel *ch;
    struct hazard *hp;
};

struct receiver {
    struct channel *ch;
};

static struct hazard *hazard_get(struct channel *ch)
{
    struct hazard *h;

    for (h = atomic_load(&ch->hazards); h; h = h->next) {
        bool no = false;
        if (!atomic_load(&h->used) && atomic_compare_exchange_strong(&h->used, &no, true))
            return h;
    }
    h = malloc(sizeof *h);
    if (!h)
        return NULL;
    atomic_init(&h->node, NULL);
    atomic_init(&h->used, true);
    h->next = atomic_load(&ch->hazards);
    while (!atomic_compare_exchange_weak(&ch->hazards, &h->next, h))
        ;
    return h;
}

static struct node *node_new(size_t size)
{
    struct node *n = malloc(sizeof *n + size);

    if (n)
        atomic_init(&n->next, NULL);
    return n;
}

static void destroy(struct channel *ch)
{
    struct hazard *h, *hn;
    struct node *n, *nn;

    for (n = ch->head; n; n = nn) {
        nn = atomic_load(&n->next);
        free(n);
    }
    for (n = ch->retired; n; n = nn) {
        nn = n->retired;
        free(n);
    }
    for (h = atomic_load(&ch->hazards); h; h = hn) {
        hn = h->next;
        free(h);
    }
    sem_destroy(&ch->wake);
    free(ch);
}

static void unref(struct channel *ch)
{
    if (atomic_fetch_sub(&ch->refs, 1) == 1)
        destroy(ch);
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    struct channel *ch = NULL;
    struct sender *s = NULL;
    struct receiver *r = NULL;
    struct node *dummy = NULL;

    if (message_size == 0)
        return CHANNEL_INVALID;
    if (message_size > SIZE_MAX - sizeof(struct node))
        return CHANNEL_NO_MEMORY;
    if (!(ch = calloc(1, sizeof *ch)) || !(s = malloc(sizeof *s)) || !(r = malloc(sizeof *r)) ||
        !(dummy = node_new(0)) || !(s->hp = hazard_get(ch)))
        goto fail;
    sem_init(&ch->wake, 0, 0);
    atomic_store(&ch->tail, dummy);
    ch->head = dummy;
    ch->size = message_size;
    atomic_store(&ch->senders, 1);
    atomic_store(&ch->refs, 2);
    s->ch = r->ch = ch;
    *tx = s;
    *rx = r;
    return CHANNEL_OK;
fail:
    free(dummy);
    free(r);
    free(s);
    free(ch);
    return CHANNEL_NO_MEMORY;
}

struct sender *sender_clone(struct sender *tx)
{
    struct sender *s = malloc(sizeof *s);

    if (!s)
        return NULL;
    s->ch = tx->ch;
    s->hp = hazard_get(tx->ch);
    if (!s->hp) {
        free(s);
        return NULL;
    }
    atomic_fetch_add(&s->ch->senders, 1);
    atomic_fetch_add(&s->ch->refs, 1);
    return s;
}

static void enqueue(struct sender *tx, struct node *n)
{
    struct channel *ch = tx->ch;

    for (;;) {
        struct node *t = atomic_load(&ch->tail);
        struct node *next;

        atomic_store(&tx->hp->node, t);
        if (t != atomic_load(&ch->tail))
            continue;
        next = atomic_load(&t->next);
        if (next) {
            atomic_compare_exchange_strong(&ch->tail, &t, next);
            continue;
        }
        if (atomic_compare_exchange_strong(&t->next, &next, n)) {
            atomic_compare_exchange_strong(&ch->tail, &t, n);
            break;
        }
    }
    atomic_store(&tx->hp->node, NULL);
}

static void wake(struct channel *ch)
{
    if (atomic_exchange(&ch->sleeping, false))
        sem_post(&ch->wake);
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct channel *ch = tx->ch;
    struct node *n;

    if (atomic_load(&ch->closed))
        return CHANNEL_CLOSED;
    n = node_new(ch->size);
    if (!n)
        return CHANNEL_NO_MEMORY;
    memcpy(n->message, message, ch->size);
    enqueue(tx, n);
    wake(ch);
    return CHANNEL_OK;
}

static bool hazardous(struct channel *ch, struct node *n)
{
    for (struct hazard *h = atomic_load(&ch->hazards); h; h = h->next)
        if (atomic_load(&h->node) == n)
            return true;
    return false;
}

static void retire(struct channel *ch, struct node *n)
{
    struct node **p = &ch->retired;

    n->retired = ch->retired;
    ch->retired = n;
    while (*p) {
        struct node *q = *p;
        if (hazardous(ch, q)) {
            p = &q->retired;
        } else {
            *p = q->retired;
            free(q);
        }
    }
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    struct channel *ch = rx->ch;
    bool last = atomic_load(&ch->senders) == 0;
    struct node *h = ch->head, *next = atomic_load(&h->next);
    struct node *t = h;

    if (!next)
        return last ? CHANNEL_CLOSED : CHANNEL_EMPTY;
    /* The tail must have left the old dummy before that is retired. */
    atomic_compare_exchange_strong(&ch->tail, &t, next);
    memcpy(message, next->message, ch->size);
    ch->head = next;
    retire(ch, h);
    return CHANNEL_OK;
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    struct channel *ch = rx->ch;

    for (;;) {
        enum channel_status st = receiver_try_recv(rx, message);
        if (st != CHANNEL_EMPTY)
            return st;
        atomic_store(&ch->sleeping, true);
        st = receiver_try_recv(rx, message);
        if (st != CHANNEL_EMPTY) {
            if (!atomic_exchange(&ch->sleeping, false))
                while (sem_wait(&ch->wake))
                    ;
            return st;
        }
        while (sem_wait(&ch->wake))
            ;
    }
}

void sender_drop(struct sender *tx)
{
    if (!tx)
        return;
    struct channel *ch = tx->ch;
    atomic_store(&tx->hp->used, false);
    free(tx);
    if (atomic_fetch_sub(&ch->senders, 1) == 1)
        wake(ch);
    unref(ch);
}

void receiver_drop(struct receiver *rx)
{
    if (!rx)
        return;
    atomic_store(&rx->ch->closed, true);
    unref(rx->ch);
    free(rx);
}
