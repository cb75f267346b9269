/* M. Michael and M. Scott's queue (PODC 1996): the new node is linked with a compare-and-swap
 * first, and whoever finds the tail behind moves it on. A message is there as soon as it is
 * linked, so nothing is ever held back. No node is freed before the channel is: no hazard
 * pointers needed. All atomics are sequentially consistent. */
#include "channel.h"

#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct node {
    _Atomic(struct node *) next;
    void *message; /* in an allocation of its own; NULL once received */
};

struct channel {
    size_t size;
    struct node *first;          /* of all that there ever were */
    _Atomic(struct node *) tail; /* the last node or the last but one */
    struct node *head;           /* the last received */
    atomic_long senders;
    atomic_long references;
    atomic_int gone;
    atomic_int waiting;
    sem_t sem;
};

struct sender {
    struct channel *chan;
};

struct receiver {
    struct channel *chan;
};

static void unref(struct channel *chan)
{
    struct node *n = chan->first;

    if (--chan->references > 0)
        return;
    while (n) {
        struct node *next = n->next;
        free(n->message);
        free(n);
        n = next;
    }
    sem_destroy(&chan->sem);
    free(chan);
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    struct channel *chan = NULL;
    struct sender *s = NULL;
    struct receiver *r = NULL;
    struct node *dummy = NULL;

    if (message_size == 0)
        return CHANNEL_INVALID;
    if ((chan = calloc(1, sizeof *chan)) == NULL || (s = calloc(1, sizeof *s)) == NULL ||
        (r = calloc(1, sizeof *r)) == NULL || (dummy = calloc(1, sizeof *dummy)) == NULL) {
        free(r);
        free(s);
        free(chan);
        return CHANNEL_NO_MEMORY;
    }
    sem_init(&chan->sem, 0, 0);
    chan->size = message_size;
    chan->first = chan->head = dummy;
    atomic_init(&chan->tail, dummy);
    atomic_init(&chan->senders, 1);
    atomic_init(&chan->references, 2);
    s->chan = r->chan = chan;
    *tx = s;
    *rx = r;
    return CHANNEL_OK;
}

struct sender *sender_clone(struct sender *tx)
{
    struct sender *s = calloc(1, sizeof *s);

    if (s) {
        s->chan = tx->chan;
        s->chan->references++;
        s->chan->senders++;
    }
    return s;
}

static void wake(struct channel *chan)
{
    if (chan->waiting && atomic_exchange(&chan->waiting, 0))
        sem_post(&chan->sem);
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct channel *chan = tx->chan;
    struct node *n, *tail;

    if (chan->gone)
        return CHANNEL_CLOSED;
    n = calloc(1, sizeof *n);
    if (n)
        n->message = malloc(chan->size);
    if (!n || !n->message) {
        free(n);
        return CHANNEL_NO_MEMORY;
    }
    memcpy(n->message, message, chan->size);
    for (;;) {
        struct node *next = NULL;

        tail = chan->tail;
        if (atomic_compare_exchange_strong(&tail->next, &next, n))
            break;
        atomic_compare_exchange_strong(&chan->tail, &tail, next);
    }
    atomic_compare_exchange_strong(&chan->tail, &tail, n);
    wake(chan);
    return CHANNEL_OK;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    struct channel *chan = rx->chan;
    long senders = chan->senders;
    struct node *n = chan->head->next;

    if (!n)
        return senders ? CHANNEL_EMPTY : CHANNEL_CLOSED;
    memcpy(message, n->message, chan->size);
    free(n->message);
    n->message = NULL;
    chan->head = n;
    return CHANNEL_OK;
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    struct channel *chan = rx->chan;

    while (1) {
        enum channel_status status = receiver_try_recv(rx, message);

        if (status != CHANNEL_EMPTY)
            return status;
        chan->waiting = 1;
        if ((chan->head->next || chan->senders == 0) && atomic_exchange(&chan->waiting, 0))
            continue;
        while (sem_wait(&chan->sem) < 0 && errno == EINTR)
            ;
    }
}

void sender_drop(struct sender *tx)
{
    if (!tx)
        return;
    if (--tx->chan->senders == 0)
        wake(tx->chan);
    unref(tx->chan);
    free(tx);
}

void receiver_drop(struct receiver *rx)
{
    if (!rx)
        return;
    rx->chan->gone = 1;
    unref(rx->chan);
    free(rx);
}
