/* What is different: the two-lock queue with a dummy node. Senders share the lock of the tail, the
 * receiver has the head to itself, a semaphore counts, and the counts of handles are atomic. */
#include "channel.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct node {
    struct node *_Atomic next;
    unsigned char payload[];
};

struct channel {
    size_t message_size;
    struct node *head; /* the dummy: what comes behind it is queued; the receiver's alone */
    sem_t ready;       /* one for each linked message, and one for closed */
    pthread_mutex_t tail_lock;
    struct node *tail;
    atomic_size_t senders;
    atomic_size_t handles;
    atomic_bool closed_by_receiver;
};

struct sender {
    struct channel *ch;
};

struct receiver {
    struct channel *ch;
};

static struct node *node_new(size_t payload)
{
    if (payload > SIZE_MAX - sizeof(struct node))
        return NULL;
    struct node *node = malloc(sizeof *node + payload);
    if (node != NULL)
        atomic_init(&node->next, NULL);
    return node;
}

static void release(struct channel *ch)
{
    if (atomic_fetch_sub_explicit(&ch->handles, 1, memory_order_acq_rel) != 1)
        return;
    for (struct node *node = ch->head, *next; node != NULL; node = next) {
        next = atomic_load(&node->next);
        free(node);
    }
    sem_destroy(&ch->ready);
    pthread_mutex_destroy(&ch->tail_lock);
    free(ch);
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    if (message_size == 0)
        return CHANNEL_INVALID;
    struct channel *ch = malloc(sizeof *ch);
    struct node *dummy = node_new(0);
    struct sender *sender = malloc(sizeof *sender);
    struct receiver *receiver = malloc(sizeof *receiver);
    if (ch == NULL || dummy == NULL || sender == NULL || receiver == NULL) {
        free(ch);
        free(dummy);
        free(sender);
        free(receiver);
        return CHANNEL_NO_MEMORY;
    }
    ch->message_size = message_size;
    ch->head = ch->tail = dummy;
    sem_init(&ch->ready, 0, 0);
    pthread_mutex_init(&ch->tail_lock, NULL);
    atomic_init(&ch->senders, 1);
    atomic_init(&ch->handles, 2);
    atomic_init(&ch->closed_by_receiver, 0);
    sender->ch = ch;
    receiver->ch = ch;
    *tx = sender;
    *rx = receiver;
    return CHANNEL_OK;
}

struct sender *sender_clone(struct sender *tx)
{
    struct sender *clone = malloc(sizeof *clone);
    if (clone == NULL)
        return NULL;
    *clone = *tx;
    atomic_fetch_add_explicit(&clone->ch->senders, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&clone->ch->handles, 1, memory_order_relaxed);
    return clone;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct channel *ch = tx->ch;
    if (atomic_load(&ch->closed_by_receiver))
        return CHANNEL_CLOSED;
    struct node *node = node_new(ch->message_size);
    if (node == NULL)
        return CHANNEL_NO_MEMORY;
    memcpy(node->payload, message, ch->message_size);
    pthread_mutex_lock(&ch->tail_lock);
    atomic_store_explicit(&ch->tail->next, node, memory_order_release);
    ch->tail = node;
    pthread_mutex_unlock(&ch->tail_lock);
    sem_post(&ch->ready);
    return CHANNEL_OK;
}

/* With one unit of ready in hand. */
static enum channel_status take(struct channel *ch, void *message)
{
    struct node *dummy = ch->head;
    struct node *node = atomic_load_explicit(&dummy->next, memory_order_acquire);

    if (node == NULL) { /* the unit of closed; the next call wants it again */
        sem_post(&ch->ready);
        return CHANNEL_CLOSED;
    }
    memcpy(message, node->payload, ch->message_size);
    ch->head = node; /* the new dummy */
    free(dummy);
    return CHANNEL_OK;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    int result;
    do
        result = sem_trywait(&rx->ch->ready);
    while (result != 0 && errno == EINTR);
    return result == 0 ? take(rx->ch, message) : CHANNEL_EMPTY;
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    while (sem_wait(&rx->ch->ready) != 0 && errno == EINTR)
        continue;
    return take(rx->ch, message);
}

void sender_drop(struct sender *tx)
{
    if (tx == NULL)
        return;
    struct channel *ch = tx->ch;
    free(tx);
    if (atomic_fetch_sub_explicit(&ch->senders, 1, memory_order_acq_rel) == 1)
        sem_post(&ch->ready);
    release(ch);
}

void receiver_drop(struct receiver *rx)
{
    if (rx == NULL)
        return;
    struct channel *ch = rx->ch;
    free(rx);
    atomic_store(&ch->closed_by_receiver, 1);
    release(ch);
}
