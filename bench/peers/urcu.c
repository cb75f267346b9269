/* liburcu's wait-free concurrent queue with the functions of a channel. It only queues nodes: each
 * message has an allocation, and the receiver looks a few times before it sleeps on a semaphore. */
#include "../../exercises/02_blocking/channel.h"

#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <urcu/wfcqueue.h>

enum { LOOKS = 32 };

struct item {
    struct cds_wfcq_node node;
    char message[];
};

struct receiver {
    struct __cds_wfcq_head head;
    size_t size;
    sem_t wake;
    atomic_int senders;
    atomic_int handles; /* the senders and the receiver: the last frees this */
    atomic_bool sleeping;
    _Alignas(64) struct cds_wfcq_tail tail;
};

struct sender {
    struct receiver *to;
};

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    *tx = malloc(sizeof **tx);
    *rx = aligned_alloc(64, sizeof **rx);
    __cds_wfcq_init(&(*rx)->head, &(*rx)->tail);
    (*rx)->size = message_size;
    sem_init(&(*rx)->wake, 0, 0);
    atomic_init(&(*rx)->senders, 1);
    atomic_init(&(*rx)->handles, 2);
    atomic_init(&(*rx)->sleeping, false);
    (*tx)->to = *rx;
    return CHANNEL_OK;
}

struct sender *sender_clone(struct sender *tx)
{
    struct sender *clone = malloc(sizeof *clone);

    *clone = *tx;
    atomic_fetch_add(&tx->to->senders, 1);
    atomic_fetch_add(&tx->to->handles, 1);
    return clone;
}

static void wake(struct receiver *rx)
{
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&rx->sleeping, memory_order_relaxed) &&
        atomic_exchange(&rx->sleeping, false))
        sem_post(&rx->wake);
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct receiver *rx = tx->to;
    struct item *item = malloc(sizeof *item + rx->size);

    cds_wfcq_node_init(&item->node);
    memcpy(item->message, message, rx->size);
    cds_wfcq_enqueue(&rx->head, &rx->tail, &item->node);
    wake(rx);
    return CHANNEL_OK;
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    for (int looks = 0;; looks++) {
        bool closed = atomic_load(&rx->senders) == 0;
        struct cds_wfcq_node *node = __cds_wfcq_dequeue_blocking(&rx->head, &rx->tail);

        if (node) {
            struct item *item = caa_container_of(node, struct item, node);

            memcpy(message, item->message, rx->size);
            free(item);
            return CHANNEL_OK;
        }
        if (closed)
            return CHANNEL_CLOSED;
        if (looks < LOOKS) {
            sched_yield();
            continue;
        }
        atomic_store(&rx->sleeping, true);
        if ((!cds_wfcq_empty(&rx->head, &rx->tail) || atomic_load(&rx->senders) == 0) &&
            atomic_exchange(&rx->sleeping, false))
            continue;
        sem_wait(&rx->wake);
    }
}

static void drop_handle(struct receiver *rx)
{
    if (atomic_fetch_sub(&rx->handles, 1) != 1)
        return;
    sem_destroy(&rx->wake);
    free(rx);
}

void sender_drop(struct sender *tx)
{
    if (atomic_fetch_sub(&tx->to->senders, 1) == 1)
        wake(tx->to);
    drop_handle(tx->to);
    free(tx);
}

void receiver_drop(struct receiver *rx)
{
    drop_handle(rx);
}
