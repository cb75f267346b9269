/* model.c - a channel made of a queue: see model.h. */
#include "../../exercises/04_bounded/channel.h"

#include "model.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { LONGEST = 6 }; /* the longest is of 2 to the power of that pauses */

struct receiver {
    struct queue *queue;
    alignas(CACHE_LINE) atomic_int senders; /* nobody writes it while messages are sent */
};

struct sender {
    alignas(CACHE_LINE) struct receiver *to;
    struct part *part;
};

void back_off(unsigned *looks)
{
    for (unsigned i = 0; i < 1u << *looks; i++) {
#if defined __x86_64__ || defined __i386__
        __builtin_ia32_pause();
#else
        atomic_signal_fence(memory_order_seq_cst);
#endif
    }
    if (*looks < LONGEST)
        ++*looks;
}

static struct sender *new_sender(struct receiver *rx)
{
    struct sender *tx = aligned_alloc(alignof(struct sender), sizeof *tx);

    *tx = (struct sender){.to = rx, .part = queue_part(rx->queue)};
    return tx;
}

enum channel_status channel_create_bounded(size_t message_size, size_t capacity,
                                           void (*drop)(void *message), struct sender **tx,
                                           struct receiver **rx)
{
    struct queue *queue = queue_new(message_size, capacity);

    (void)drop;
    if (!queue)
        return CHANNEL_INVALID;
    *rx = aligned_alloc(alignof(struct receiver), sizeof **rx);
    (*rx)->queue = queue;
    atomic_init(&(*rx)->senders, 1);
    *tx = new_sender(*rx);
    return CHANNEL_OK;
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    return channel_create_bounded(message_size, 0, NULL, tx, rx);
}

struct sender *sender_clone(struct sender *tx)
{
    atomic_fetch_add(&tx->to->senders, 1);
    return new_sender(tx->to);
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    unsigned looks = 0;

    while (!queue_put(tx->to->queue, tx->part, message))
        back_off(&looks);
    return CHANNEL_OK;
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    unsigned looks = 0;

    for (;; back_off(&looks)) {
        bool closed = atomic_load(&rx->senders) == 0;

        if (queue_take(rx->queue, message))
            return CHANNEL_OK;
        if (closed)
            return CHANNEL_CLOSED;
    }
}

void sender_drop(struct sender *tx)
{
    atomic_fetch_sub(&tx->to->senders, 1);
}

void receiver_drop(struct receiver *rx)
{
    (void)rx;
}
