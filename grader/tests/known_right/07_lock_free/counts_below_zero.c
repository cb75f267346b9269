/* A count of messages that goes below zero while the receiver sleeps, and a Treiber stack; plain
 * _Atomic operators, sequentially consistent. The last sender's drop counts as one message. */
#include "channel.h"
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct msg {
    struct msg *next;
};

struct ch {
    _Atomic(struct msg *) newest;
    _Atomic long available;
    _Atomic long senders;
    _Atomic int refs_rx_and_senders;
    _Atomic int receiver_here;
    sem_t s;
    size_t n;
    struct msg *oldest;
    int end;
};
/* Both handles are the channel itself, counted. */
struct sender {
    struct ch c;
};
struct receiver {
    struct ch c;
};
#define CH(h) (&(h)->c)

static void destroy_unless_used(struct ch *c)
{
    if (--c->refs_rx_and_senders)
        return;
    struct msg *lists[2] = {c->newest, c->oldest};
    for (int i = 0; i < 2; i++)
        while (lists[i]) {
            struct msg *m = lists[i];
            lists[i] = m->next;
            free(m);
        }
    sem_destroy(&c->s);
    free(c);
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    if (message_size == 0)
        return CHANNEL_INVALID;
    if (message_size + sizeof(struct msg) < message_size)
        return CHANNEL_NO_MEMORY;
    struct ch *c = calloc(1, sizeof *c);
    if (!c)
        return CHANNEL_NO_MEMORY;
    if (sem_init(&c->s, 0, 0)) {
        free(c);
        return CHANNEL_NO_MEMORY;
    }
    c->n = message_size;
    c->senders = 1;
    c->refs_rx_and_senders = 2;
    c->receiver_here = 1;
    *tx = (struct sender *)c;
    *rx = (struct receiver *)c;
    return CHANNEL_OK;
}

struct sender *sender_clone(struct sender *tx)
{
    CH(tx)->senders++;
    CH(tx)->refs_rx_and_senders++;
    return tx;
}

static void announce(struct ch *c)
{
    if (c->available++ < 0)
        sem_post(&c->s);
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct ch *c = CH(tx);
    if (!c->receiver_here)
        return CHANNEL_CLOSED;
    struct msg *m = malloc(sizeof *m + c->n);
    if (!m)
        return CHANNEL_NO_MEMORY;
    memcpy(m + 1, message, c->n);
    m->next = c->newest;
    while (!atomic_compare_exchange_weak(&c->newest, &m->next, m)) {
    }
    announce(c);
    return CHANNEL_OK;
}

/* One was counted: it is in one of the lists, or it is the end. */
static enum channel_status take(struct ch *c, void *message)
{
    struct msg *m;
    if (!c->oldest) {
        struct msg *l = atomic_exchange(&c->newest, NULL);
        while (l) {
            m = l;
            l = l->next;
            m->next = c->oldest;
            c->oldest = m;
        }
    }
    m = c->oldest;
    if (!m) {
        c->end = 1;
        return CHANNEL_CLOSED;
    }
    c->oldest = m->next;
    memcpy(message, m + 1, c->n);
    free(m);
    return CHANNEL_OK;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    struct ch *c = CH(rx);
    if (c->end)
        return CHANNEL_CLOSED;
    if (c->available <= 0)
        return CHANNEL_EMPTY;
    c->available--;
    return take(c, message);
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    struct ch *c = CH(rx);
    if (c->end)
        return CHANNEL_CLOSED;
    if (c->available-- <= 0)
        while (sem_wait(&c->s) != 0) {
        }
    return take(c, message);
}

void sender_drop(struct sender *tx)
{
    if (!tx)
        return;
    if (--CH(tx)->senders == 0)
        announce(CH(tx));
    destroy_unless_used(CH(tx));
}

void receiver_drop(struct receiver *rx)
{
    if (!rx)
        return;
    CH(rx)->receiver_here = 0;
    destroy_unless_used(CH(rx));
}
