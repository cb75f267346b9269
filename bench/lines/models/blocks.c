/* blocks.c - blocks of 31 messages: a sender counts the newest place up with a compare-and-swap, writes
 * its message there and says so in the place. crossbeam's unbounded channels, and with them
 * std::sync::mpsc, work like this (crossbeam-channel/src/flavors/list.rs). */
#include "../model.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { IN_BLOCK = 31 }; /* of 32 numbers; the last stands for "wait for the next block" */

struct slot {
    atomic_bool written;
    alignas(8) unsigned char message[];
};

struct block {
    _Atomic(struct block *) next;
    alignas(8) unsigned char slots[];
};

struct queue {
    size_t size, stride;
    alignas(CACHE_LINE) atomic_size_t written; /* the number of the next place */
    _Atomic(struct block *) newest;
    alignas(CACHE_LINE) size_t taken;
    struct block *oldest;
};

static struct slot *slot_of(const struct queue *queue, struct block *block, size_t number)
{
    return (struct slot *)(block->slots + number * queue->stride);
}

static struct block *new_block(const struct queue *queue)
{
    return calloc(1, sizeof(struct block) + IN_BLOCK * queue->stride);
}

struct queue *queue_new(size_t size, size_t capacity)
{
    struct queue *queue = aligned_alloc(alignof(struct queue), sizeof *queue);

    if (capacity)
        return NULL;
    queue->size = size;
    queue->stride = sizeof(struct slot) + (size + 7) / 8 * 8;
    queue->taken = 0;
    queue->oldest = new_block(queue);
    atomic_init(&queue->written, 0);
    atomic_init(&queue->newest, queue->oldest);
    return queue;
}

struct part *queue_part(struct queue *queue)
{
    (void)queue;
    return NULL;
}

/* Whoever gets the last place of a block brings the next one. */
static void link_next(struct queue *queue, struct block *block)
{
    struct block *next = new_block(queue);

    atomic_store_explicit(&queue->newest, next, memory_order_release);
    atomic_fetch_add_explicit(&queue->written, 1, memory_order_release);
    atomic_store_explicit(&block->next, next, memory_order_release);
}

bool queue_put(struct queue *queue, struct part *part, const void *message)
{
    size_t number = atomic_load_explicit(&queue->written, memory_order_acquire);
    struct block *block = atomic_load_explicit(&queue->newest, memory_order_acquire);
    unsigned looks = 0;

    (void)part;
    while (number % (IN_BLOCK + 1) == IN_BLOCK ||
           !atomic_compare_exchange_weak_explicit(&queue->written, &number, number + 1,
                                                  memory_order_seq_cst, memory_order_acquire)) {
        block = atomic_load_explicit(&queue->newest, memory_order_acquire);
        back_off(&looks);
        if (number % (IN_BLOCK + 1) == IN_BLOCK) {
            number = atomic_load_explicit(&queue->written, memory_order_acquire);
            block = atomic_load_explicit(&queue->newest, memory_order_acquire);
        }
    }
    number %= IN_BLOCK + 1;
    if (number == IN_BLOCK - 1)
        link_next(queue, block);
    struct slot *slot = slot_of(queue, block, number);
    memcpy(slot->message, message, queue->size);
    atomic_store_explicit(&slot->written, true, memory_order_release);
    return true;
}

bool queue_take(struct queue *queue, void *message)
{
    struct slot *slot;

    if (queue->taken == IN_BLOCK) {
        struct block *next = atomic_load_explicit(&queue->oldest->next, memory_order_acquire);

        if (!next)
            return false;
        free(queue->oldest);
        queue->oldest = next;
        queue->taken = 0;
    }
    slot = slot_of(queue, queue->oldest, queue->taken);
    if (!atomic_load_explicit(&slot->written, memory_order_acquire))
        return false;
    memcpy(message, slot->message, queue->size);
    queue->taken++;
    return true;
}
