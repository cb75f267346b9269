/* Vyukov's queue with a dummy; all accesses relaxed, and fences where something must be ordered. */
#include "channel.h"

#include <semaphore.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define RLX memory_order_relaxed
#define fence(o) atomic_thread_fence(memory_order_##o)

struct node {
    _Atomic(struct node *) next;
    unsigned char payload[];
};

struct channel {
    _Atomic(struct node *) in;
    struct node *out;
    size_t size;
    atomic_uint senders;
    atomic_uint handles;
    atomic_int receiver_gone;
    atomic_int waiting;
    sem_t sem;
};

struct sender {
    struct channel *ch;
};
struct receiver {
    struct channel *ch;
};

static struct node *make_node(size_t bytes)
{
    struct node *n = malloc(sizeof *n + bytes);
    if (n)
        atomic_store_explicit(&n->next, NULL, RLX);
    return n;
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    if (!message_size)
        return CHANNEL_INVALID;
    struct channel *ch = malloc(sizeof *ch);
    struct node *dummy = make_node(0);
    struct sender *s = malloc(sizeof *s);
    struct receiver *r = malloc(sizeof *r);
    if (!ch || !dummy || !s || !r) {
        free(ch), free(dummy), free(s), free(r);
        return CHANNEL_NO_MEMORY;
    }
    atomic_init(&ch->in, dummy);
    ch->out = dummy;
    ch->size = message_size;
    atomic_init(&ch->senders, 1);
    atomic_init(&ch->handles, 2);
    atomic_init(&ch->receiver_gone, 0);
    atomic_init(&ch->waiting, 0);
    sem_init(&ch->sem, 0, 0);
    s->ch = r->ch = ch;
    *tx = s;
    *rx = r;
    return CHANNEL_OK;
}

static void release(struct channel *ch)
{
    fence(release);
    if (atomic_fetch_sub_explicit(&ch->handles, 1, RLX) != 1)
        return;
    fence(acquire);
    for (struct node *n = ch->out, *next; n; n = next) {
        next = atomic_load_explicit(&n->next, RLX);
        free(n);
    }
    sem_destroy(&ch->sem);
    free(ch);
}

struct sender *sender_clone(struct sender *tx)
{
    struct sender *s = malloc(sizeof *s);
    if (s) {
        s->ch = tx->ch;
        atomic_fetch_add_explicit(&s->ch->senders, 1, RLX);
        atomic_fetch_add_explicit(&s->ch->handles, 1, RLX);
    }
    return s;
}

static void ring(struct channel *ch)
{
    fence(seq_cst);
    if (atomic_load_explicit(&ch->waiting, RLX) && atomic_exchange_explicit(&ch->waiting, 0, RLX))
        sem_post(&ch->sem);
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct channel *ch = tx->ch;
    if (atomic_load_explicit(&ch->receiver_gone, RLX))
        return CHANNEL_CLOSED;
    if (ch->size > SIZE_MAX - sizeof(struct node))
        return CHANNEL_NO_MEMORY;
    struct node *n = make_node(ch->size);
    if (!n)
        return CHANNEL_NO_MEMORY;
    memcpy(n->payload, message, ch->size);
    fence(release);
    struct node *before = atomic_exchange_explicit(&ch->in, n, RLX);
    fence(acquire);
    atomic_store_explicit(&before->next, n, RLX);
    ring(ch);
    return CHANNEL_OK;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    struct channel *ch = rx->ch;
    unsigned left = atomic_load_explicit(&ch->senders, RLX);
    fence(acquire);
    struct node *dummy = ch->out;
    struct node *n = atomic_load_explicit(&dummy->next, RLX);
    fence(acquire);
    if (!n)
        return left ? CHANNEL_EMPTY : CHANNEL_CLOSED;
    memcpy(message, n->payload, ch->size);
    ch->out = n;
    free(dummy);
    return CHANNEL_OK;
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    struct channel *ch = rx->ch;
    enum channel_status st;

    for (;;) {
        if ((st = receiver_try_recv(rx, message)) != CHANNEL_EMPTY)
            return st;
        atomic_store_explicit(&ch->waiting, 1, RLX);
        fence(seq_cst);
        if ((st = receiver_try_recv(rx, message)) != CHANNEL_EMPTY)
            break;
        while (sem_wait(&ch->sem) == -1)
            continue;
    }
    if (!atomic_exchange_explicit(&ch->waiting, 0, RLX))
        while (sem_wait(&ch->sem) == -1)
            continue;
    return st;
}

void sender_drop(struct sender *tx)
{
    if (!tx)
        return;
    struct channel *ch = tx->ch;
    free(tx);
    fence(release);
    if (atomic_fetch_sub_explicit(&ch->senders, 1, RLX) == 1)
        ring(ch);
    release(ch);
}

void receiver_drop(struct receiver *rx)
{
    if (!rx)
        return;
    struct channel *ch = rx->ch;
    free(rx);
    atomic_store_explicit(&ch->receiver_gone, 1, RLX);
    release(ch);
}
