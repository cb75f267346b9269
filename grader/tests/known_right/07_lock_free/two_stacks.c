/* Two stacks, both taken whole: full nodes travel from the senders to the receiver on one, empty
 * nodes back on the other. Nodes come from chunks that are freed with the channel; a sender
 * keeps what it took of the empty nodes in its handle. The receiver sleeps on a count of what
 * was sent: negative means that it waits. */
#include "channel.h"

#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK 4

struct node {
    struct node *next;
};

struct chunk {
    struct chunk *next;
};

struct stack {
    _Atomic(struct node *) top;
};

struct channel {
    size_t message_size, node_size;
    struct stack full, empty;
    _Atomic(struct chunk *) chunks;
    atomic_long pending; /* sent (or said) and not taken; -1: a receiver waits */
    atomic_size_t senders, handles;
    atomic_bool closed;
    sem_t sem;
};

struct sender {
    struct channel *ch;
    struct node *spare;
};

struct receiver {
    struct channel *ch;
    struct node *batch;
};

static void put(struct stack *stack, struct node *first, struct node *last)
{
    last->next = atomic_load_explicit(&stack->top, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&stack->top, &last->next, first,
                                                  memory_order_release, memory_order_relaxed))
        ;
}

static struct node *take_all(struct stack *stack)
{
    return atomic_exchange_explicit(&stack->top, NULL, memory_order_acquire);
}

static void put_down(struct channel *ch)
{
    if (atomic_fetch_sub(&ch->handles, 1) != 1)
        return;
    for (struct chunk *chunk = ch->chunks, *next; chunk; chunk = next) {
        next = chunk->next;
        free(chunk);
    }
    sem_destroy(&ch->sem);
    free(ch);
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    if (message_size == 0)
        return CHANNEL_INVALID;
    if (message_size > SIZE_MAX / CHUNK / 2)
        return CHANNEL_NO_MEMORY;
    struct channel *ch = calloc(1, sizeof *ch);
    struct sender *s = calloc(1, sizeof *s);
    struct receiver *r = calloc(1, sizeof *r);
    if (!ch || !s || !r) {
        free(ch);
        free(s);
        free(r);
        return CHANNEL_NO_MEMORY;
    }
    ch->message_size = message_size;
    ch->node_size =
        sizeof(struct node) + (message_size + sizeof(void *) - 1) / sizeof(void *) * sizeof(void *);
    atomic_init(&ch->senders, 1);
    atomic_init(&ch->handles, 2);
    sem_init(&ch->sem, 0, 0);
    s->ch = r->ch = ch;
    *tx = s;
    *rx = r;
    return CHANNEL_OK;
}

struct sender *sender_clone(struct sender *tx)
{
    struct sender *s = calloc(1, sizeof *s);

    if (s) {
        s->ch = tx->ch;
        atomic_fetch_add(&s->ch->senders, 1);
        atomic_fetch_add(&s->ch->handles, 1);
    }
    return s;
}

static bool more_nodes(struct sender *tx)
{
    struct channel *ch = tx->ch;

    tx->spare = take_all(&ch->empty);
    if (tx->spare)
        return true;
    struct chunk *chunk = malloc(sizeof *chunk + CHUNK * ch->node_size);
    if (!chunk)
        return false;
    for (int i = 0; i < CHUNK; i++) {
        struct node *node = (struct node *)((char *)(chunk + 1) + i * ch->node_size);
        node->next = tx->spare;
        tx->spare = node;
    }
    chunk->next = atomic_load(&ch->chunks);
    while (!atomic_compare_exchange_weak(&ch->chunks, &chunk->next, chunk))
        ;
    return true;
}

/* One more reason to look. Wakes the receiver if it waits for the first. */
static void announce(struct channel *ch)
{
    if (atomic_fetch_add(&ch->pending, 1) == -1)
        sem_post(&ch->sem);
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct channel *ch = tx->ch;

    if (atomic_load(&ch->closed))
        return CHANNEL_CLOSED;
    if (!tx->spare && !more_nodes(tx))
        return CHANNEL_NO_MEMORY;
    struct node *node = tx->spare;
    tx->spare = node->next;
    memcpy(node + 1, message, ch->message_size);
    put(&ch->full, node, node);
    announce(ch);
    return CHANNEL_OK;
}

static bool take(struct receiver *rx, void *message)
{
    struct channel *ch = rx->ch;

    if (!rx->batch) {
        struct node *newest = take_all(&ch->full);
        while (newest) {
            struct node *older = newest->next;
            newest->next = rx->batch;
            rx->batch = newest;
            newest = older;
        }
    }
    struct node *node = rx->batch;
    if (!node)
        return false;
    rx->batch = node->next;
    memcpy(message, node + 1, ch->message_size);
    put(&ch->empty, node, node);
    return true;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    bool last_look = atomic_load(&rx->ch->senders) == 0;

    if (take(rx, message))
        return CHANNEL_OK;
    return last_look ? CHANNEL_CLOSED : CHANNEL_EMPTY;
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    struct channel *ch = rx->ch;

    for (;;) {
        atomic_exchange(&ch->pending, 0); /* all that was announced is seen by the look below */
        enum channel_status status = receiver_try_recv(rx, message);
        long nothing = 0;
        if (status != CHANNEL_EMPTY)
            return status;
        if (atomic_compare_exchange_strong(&ch->pending, &nothing, -1))
            while (sem_wait(&ch->sem) && errno == EINTR)
                ;
    }
}

void sender_drop(struct sender *tx)
{
    if (!tx)
        return;
    struct channel *ch = tx->ch;
    if (tx->spare) {
        struct node *last = tx->spare;
        while (last->next)
            last = last->next;
        put(&ch->empty, tx->spare, last);
    }
    free(tx);
    if (atomic_fetch_sub(&ch->senders, 1) == 1)
        announce(ch);
    put_down(ch);
}

void receiver_drop(struct receiver *rx)
{
    if (!rx)
        return;
    struct channel *ch = rx->ch;
    free(rx);
    atomic_store(&ch->closed, true);
    put_down(ch);
}
