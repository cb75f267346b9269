/* Nodes are used again: indices into chunks, and free list and stack heads of 32-bit index + 32-bit
 * tag in one 64-bit word, so a compare-exchange does not mistake a node that came back. */
#include "channel.h"

#include <semaphore.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CHUNKS 26 /* chunk k holds 8 << k nodes */
#define NIL UINT32_MAX

struct chan {
    _Atomic(unsigned char *) chunk[CHUNKS];
    atomic_uint_least64_t queued; /* a stack of what was sent */
    atomic_uint_least64_t unused; /* a stack of nodes to be used */
    size_t node_size, message_size;
    atomic_int senders, refs, receiver_gone;
    atomic_int parked;
    sem_t sem;
    uint32_t oldest; /* the receiver's own list */
};

struct sender {
    struct chan *ch;
};
struct receiver {
    struct chan *ch;
};

/* A node: its successor's index (atomic), padding to 8, the message. */
static unsigned char *node(struct chan *ch, uint32_t i)
{
    unsigned k = 0;
    while (i >= (8u << k)) {
        i -= 8u << k;
        k++;
    }
    return atomic_load(&ch->chunk[k]) + (size_t)i * ch->node_size;
}

static _Atomic uint32_t *next_of(struct chan *ch, uint32_t i)
{
    return (_Atomic uint32_t *)(void *)node(ch, i);
}

static void push(struct chan *ch, atomic_uint_least64_t *stack, uint32_t i)
{
    uint64_t old = atomic_load(stack), new;
    do {
        atomic_store(next_of(ch, i), (uint32_t)old);
        new = ((old >> 32) + 1) << 32 | i;
    } while (!atomic_compare_exchange_weak(stack, &old, new));
}

static uint32_t pop(struct chan *ch, atomic_uint_least64_t *stack)
{
    uint64_t old = atomic_load(stack), new;
    do {
        if ((uint32_t)old == NIL)
            return NIL;
        new = ((old >> 32) + 1) << 32 | atomic_load(next_of(ch, (uint32_t)old));
    } while (!atomic_compare_exchange_weak(stack, &old, new));
    return (uint32_t)old;
}

/* One more chunk of nodes; several senders may be here at once. */
static uint32_t grow(struct chan *ch)
{
    uint32_t base = 0;
    for (unsigned k = 0; k < CHUNKS; base += 8u << k, k++) {
        if (atomic_load(&ch->chunk[k]))
            continue;
        unsigned char *mine = calloc(8u << k, ch->node_size), *none = NULL;
        if (!mine)
            return NIL;
        if (!atomic_compare_exchange_strong(&ch->chunk[k], &none, mine)) {
            free(mine);
            uint32_t i = pop(ch, &ch->unused);
            if (i != NIL)
                return i;
            continue;
        }
        for (uint32_t i = 1; i < 8u << k; i++)
            push(ch, &ch->unused, base + i);
        return base;
    }
    return NIL;
}

static void unref(struct chan *ch)
{
    if (atomic_fetch_sub(&ch->refs, 1) != 1)
        return;
    for (int k = 0; k < CHUNKS; k++)
        free(atomic_load(&ch->chunk[k]));
    sem_destroy(&ch->sem);
    free(ch);
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    if (message_size == 0)
        return CHANNEL_INVALID;
    if (message_size > SIZE_MAX - 16)
        return CHANNEL_NO_MEMORY;
    struct chan *ch = calloc(1, sizeof *ch);
    struct sender *s = malloc(sizeof *s);
    struct receiver *r = malloc(sizeof *r);
    if (!ch || !s || !r) {
        free(ch);
        free(s);
        free(r);
        return CHANNEL_NO_MEMORY;
    }
    ch->message_size = message_size;
    ch->node_size = (8 + message_size + 7) / 8 * 8;
    atomic_init(&ch->queued, NIL);
    atomic_init(&ch->unused, NIL);
    ch->oldest = NIL;
    atomic_init(&ch->senders, 1);
    atomic_init(&ch->refs, 2);
    sem_init(&ch->sem, 0, 0);
    s->ch = ch;
    r->ch = ch;
    *tx = s;
    *rx = r;
    return CHANNEL_OK;
}

struct sender *sender_clone(struct sender *tx)
{
    struct sender *s = malloc(sizeof *s);
    if (s) {
        *s = *tx;
        atomic_fetch_add(&s->ch->senders, 1);
        atomic_fetch_add(&s->ch->refs, 1);
    }
    return s;
}

static void wake(struct chan *ch)
{
    int yes = 1;
    if (atomic_compare_exchange_strong(&ch->parked, &yes, 0))
        sem_post(&ch->sem);
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct chan *ch = tx->ch;
    if (atomic_load(&ch->receiver_gone))
        return CHANNEL_CLOSED;
    uint32_t i = pop(ch, &ch->unused);
    if (i == NIL)
        i = grow(ch);
    if (i == NIL)
        return CHANNEL_NO_MEMORY;
    memcpy(node(ch, i) + 8, message, ch->message_size);
    push(ch, &ch->queued, i);
    wake(ch);
    return CHANNEL_OK;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    struct chan *ch = rx->ch;
    int senders = atomic_load(&ch->senders);
    if (ch->oldest == NIL) {
        uint64_t old = atomic_load(&ch->queued);
        while (!atomic_compare_exchange_weak(&ch->queued, &old, ((old >> 32) + 1) << 32 | NIL))
            ;
        for (uint32_t i = (uint32_t)old; i != NIL;) {
            uint32_t next = atomic_load(next_of(ch, i));
            atomic_store(next_of(ch, i), ch->oldest);
            ch->oldest = i;
            i = next;
        }
    }
    if (ch->oldest == NIL)
        return senders ? CHANNEL_EMPTY : CHANNEL_CLOSED;
    uint32_t i = ch->oldest;
    ch->oldest = atomic_load(next_of(ch, i));
    memcpy(message, node(ch, i) + 8, ch->message_size);
    push(ch, &ch->unused, i);
    return CHANNEL_OK;
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    struct chan *ch = rx->ch;
    enum channel_status st;
    while ((st = receiver_try_recv(rx, message)) == CHANNEL_EMPTY) {
        atomic_store(&ch->parked, 1);
        if ((st = receiver_try_recv(rx, message)) != CHANNEL_EMPTY) {
            int yes = 1;
            if (!atomic_compare_exchange_strong(&ch->parked, &yes, 0))
                while (sem_wait(&ch->sem) != 0)
                    ;
            return st;
        }
        while (sem_wait(&ch->sem) != 0)
            ;
    }
    return st;
}

void sender_drop(struct sender *tx)
{
    if (tx == NULL)
        return;
    if (atomic_fetch_sub(&tx->ch->senders, 1) == 1)
        wake(tx->ch);
    unref(tx->ch);
    free(tx);
}

void receiver_drop(struct receiver *rx)
{
    if (rx == NULL)
        return;
    atomic_store(&rx->ch->receiver_gone, 1);
    unref(rx->ch);
    free(rx);
}
