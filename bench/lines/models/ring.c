/* ring.c - D. Vyukov's bounded queue ("Bounded MPMC queue", 1024cores.net): a place says whose turn it
 * is. crossbeam's bounded channels are made of it. */
#include "../model.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { USUAL = 1024 }; /* places, where no capacity is asked for */

struct place {
    atomic_size_t turn; /* its number: may be written; one more: may be read */
    alignas(8) unsigned char message[];
};

struct queue {
    size_t size, stride, capacity;
    unsigned char *places;
    alignas(CACHE_LINE) atomic_size_t written;
    alignas(CACHE_LINE) atomic_size_t taken;
};

static struct place *place_of(struct queue *queue, size_t number)
{
    return (struct place *)(queue->places + number % queue->capacity * queue->stride);
}

struct queue *queue_new(size_t size, size_t capacity)
{
    struct queue *queue = aligned_alloc(alignof(struct queue), sizeof *queue);

    if (!capacity)
        capacity = USUAL;
    queue->size = size;
    queue->stride = sizeof(struct place) + (size + 7) / 8 * 8;
    queue->capacity = capacity;
    queue->places = aligned_alloc(CACHE_LINE, (capacity * queue->stride + 63) / 64 * 64);
    for (size_t i = 0; i < capacity; i++)
        atomic_init(&place_of(queue, i)->turn, i);
    atomic_init(&queue->written, 0);
    atomic_init(&queue->taken, 0);
    return queue;
}

struct part *queue_part(struct queue *queue)
{
    (void)queue;
    return NULL;
}

/* If it has been taken meanwhile, *number is the next. */
static bool take_number(struct queue *queue, size_t *number)
{
    return atomic_compare_exchange_weak_explicit(&queue->written, number, *number + 1,
                                                 memory_order_relaxed, memory_order_relaxed);
}

bool queue_put(struct queue *queue, struct part *part, const void *message)
{
    size_t number = atomic_load_explicit(&queue->written, memory_order_relaxed);
    unsigned looks = 0;

    (void)part;
    for (;;) {
        struct place *place = place_of(queue, number);
        size_t turn = atomic_load_explicit(&place->turn, memory_order_acquire);

        if (turn < number)
            return false;
        if (turn == number && take_number(queue, &number)) {
            memcpy(place->message, message, queue->size);
            atomic_store_explicit(&place->turn, number + 1, memory_order_release);
            return true;
        }
        back_off(&looks);
        if (turn > number)
            number = atomic_load_explicit(&queue->written, memory_order_relaxed);
    }
}

bool queue_take(struct queue *queue, void *message)
{
    size_t number = atomic_load_explicit(&queue->taken, memory_order_relaxed);
    struct place *place = place_of(queue, number);

    if (atomic_load_explicit(&place->turn, memory_order_acquire) != number + 1)
        return false;
    atomic_store_explicit(&queue->taken, number + 1, memory_order_relaxed);
    memcpy(message, place->message, queue->size);
    atomic_store_explicit(&place->turn, number + queue->capacity, memory_order_release);
    return true;
}
