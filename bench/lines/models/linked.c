/* linked.c - D. Vyukov's linked queue ("Non-intrusive MPSC node-based queue", 1024cores.net): whoever
 * sends exchanges the newest node for its own, and then links the one before to it. liburcu's
 * wfcqueue works alike. */
#include "../model.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct node {
    _Atomic(struct node *) next;
    alignas(8) unsigned char message[];
};

struct queue {
    size_t size;
    alignas(CACHE_LINE) _Atomic(struct node *) newest;
    alignas(CACHE_LINE) struct node *read; /* what comes next is the oldest */
};

static struct node *new_node(const struct queue *queue)
{
    struct node *node = malloc(sizeof *node + queue->size);

    atomic_init(&node->next, NULL);
    return node;
}

struct queue *queue_new(size_t size, size_t capacity)
{
    struct queue *queue = aligned_alloc(alignof(struct queue), sizeof *queue);

    if (capacity)
        return NULL;
    queue->size = size;
    queue->read = new_node(queue);
    atomic_init(&queue->newest, queue->read);
    return queue;
}

struct part *queue_part(struct queue *queue)
{
    (void)queue;
    return NULL;
}

bool queue_put(struct queue *queue, struct part *part, const void *message)
{
    struct node *node = new_node(queue), *before;

    (void)part;
    memcpy(node->message, message, queue->size);
    before = atomic_exchange_explicit(&queue->newest, node, memory_order_acq_rel);
    atomic_store_explicit(&before->next, node, memory_order_release);
    return true;
}

bool queue_take(struct queue *queue, void *message)
{
    struct node *next = atomic_load_explicit(&queue->read->next, memory_order_acquire);

    if (!next)
        return false;
    memcpy(message, next->message, queue->size);
    free(queue->read);
    queue->read = next;
    return true;
}
