/* per_sender.c - a queue for each sender: it is made of blocks of 32 messages, and the receiver goes
 * round; after so many messages of one it turns to the next. moodycamel's ConcurrentQueue works like this
 * ("A Fast General Purpose Lock-Free Queue for C++", moodycamel.com). */
#include "../model.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { IN_BLOCK = 32, IN_TURN = 256, MOST_PARTS = 64 };

struct block {
    _Atomic(struct block *) next;
    alignas(8) unsigned char messages[];
};

struct part {
    alignas(CACHE_LINE) atomic_size_t written; /* the sender's */
    struct block *newest;
    alignas(CACHE_LINE) size_t taken; /* the receiver's */
    struct block *oldest;
};

struct queue {
    size_t size;
    atomic_size_t count;
    struct part *parts[MOST_PARTS];
    alignas(CACHE_LINE) size_t at, in_turn; /* the receiver's */
};

struct queue *queue_new(size_t size, size_t capacity)
{
    struct queue *queue = aligned_alloc(alignof(struct queue), sizeof *queue);

    if (capacity)
        return NULL;
    queue->size = size;
    queue->at = queue->in_turn = 0;
    atomic_init(&queue->count, 0);
    return queue;
}

static struct block *new_block(const struct queue *queue)
{
    struct block *block = malloc(sizeof *block + IN_BLOCK * queue->size);

    atomic_init(&block->next, NULL);
    return block;
}

/* Called by one thread at a time, while nobody sends. */
struct part *queue_part(struct queue *queue)
{
    struct part *part = aligned_alloc(alignof(struct part), sizeof *part);
    size_t count = atomic_load_explicit(&queue->count, memory_order_relaxed);

    part->taken = 0;
    part->oldest = part->newest = new_block(queue);
    atomic_init(&part->written, 0);
    if (count == MOST_PARTS)
        abort();
    queue->parts[count] = part;
    atomic_store_explicit(&queue->count, count + 1, memory_order_release);
    return part;
}

bool queue_put(struct queue *queue, struct part *part, const void *message)
{
    size_t number = atomic_load_explicit(&part->written, memory_order_relaxed);

    if (number && number % IN_BLOCK == 0) {
        struct block *next = new_block(queue);

        atomic_store_explicit(&part->newest->next, next, memory_order_relaxed);
        part->newest = next;
    }
    memcpy(part->newest->messages + number % IN_BLOCK * queue->size, message, queue->size);
    atomic_store_explicit(&part->written, number + 1, memory_order_release);
    return true;
}

static bool take_from(const struct queue *queue, struct part *part, void *message)
{
    if (part->taken == atomic_load_explicit(&part->written, memory_order_acquire))
        return false;
    if (part->taken && part->taken % IN_BLOCK == 0) {
        struct block *read = part->oldest;

        part->oldest = atomic_load_explicit(&read->next, memory_order_relaxed);
        free(read);
    }
    memcpy(message, part->oldest->messages + part->taken % IN_BLOCK * queue->size, queue->size);
    part->taken++;
    return true;
}

bool queue_take(struct queue *queue, void *message)
{
    size_t count = atomic_load_explicit(&queue->count, memory_order_acquire);

    for (size_t looked = 0; looked <= count; looked++) {
        if (queue->in_turn < IN_TURN && take_from(queue, queue->parts[queue->at], message)) {
            queue->in_turn++;
            return true;
        }
        queue->at = (queue->at + 1) % count;
        queue->in_turn = 0;
    }
    return false;
}
