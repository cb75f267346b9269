/* Counts and flags are atomic, the mutex is for the list alone. A send does not ask under the lock
 * whether the receiver is there: it looks again afterwards, and takes its own message back when the
 * receiver has gone without it. So a send that meets receiver_drop may drop its own message. */
#include "channel.h"

#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct node {
    struct node *next;
    alignas(max_align_t) unsigned char message[];
};

struct channel {
    size_t message_size;
    void (*drop)(void *message);
    atomic_size_t senders;
    atomic_size_t references;
    atomic_bool receiver_gone;
    pthread_mutex_t lock;
    pthread_cond_t readable;
    struct node *head;
    struct node *tail;
};

struct sender {
    struct channel *channel;
};

struct receiver {
    struct channel *channel;
};

static void unreference(struct channel *ch)
{
    if (atomic_fetch_sub_explicit(&ch->references, 1, memory_order_acq_rel) > 1)
        return;
    pthread_mutex_destroy(&ch->lock);
    pthread_cond_destroy(&ch->readable);
    free(ch);
}

enum channel_status channel_create_with_drop(size_t message_size, void (*drop)(void *message),
                                             struct sender **tx, struct receiver **rx)
{
    if (message_size == 0)
        return CHANNEL_INVALID;
    struct channel *ch = calloc(1, sizeof *ch);
    struct sender *sender = calloc(1, sizeof *sender);
    struct receiver *receiver = calloc(1, sizeof *receiver);
    if (ch == NULL || sender == NULL || receiver == NULL) {
        free(ch);
        free(sender);
        free(receiver);
        return CHANNEL_NO_MEMORY;
    }
    ch->message_size = message_size;
    ch->drop = drop;
    atomic_init(&ch->senders, 1);
    atomic_init(&ch->references, 2);
    atomic_init(&ch->receiver_gone, false);
    pthread_mutex_init(&ch->lock, NULL);
    pthread_cond_init(&ch->readable, NULL);
    sender->channel = ch;
    receiver->channel = ch;
    *tx = sender;
    *rx = receiver;
    return CHANNEL_OK;
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    return channel_create_with_drop(message_size, NULL, tx, rx);
}

struct sender *sender_clone(struct sender *tx)
{
    struct sender *clone = malloc(sizeof *clone);

    if (clone == NULL)
        return NULL;
    clone->channel = tx->channel;
    atomic_fetch_add_explicit(&tx->channel->senders, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&tx->channel->references, 1, memory_order_relaxed);
    return clone;
}

/* Takes node out of the list again if it is still there. */
static int take_back(struct channel *ch, struct node *node)
{
    struct node *previous = NULL, *n;

    pthread_mutex_lock(&ch->lock);
    for (n = ch->head; n != NULL && n != node; n = n->next)
        previous = n;
    if (n != NULL && previous == NULL)
        ch->head = n->next;
    else if (n != NULL)
        previous->next = n->next;
    if (n != NULL && ch->tail == n)
        ch->tail = previous;
    pthread_mutex_unlock(&ch->lock);
    return n != NULL;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct channel *ch = tx->channel;
    struct node *node;

    if (atomic_load(&ch->receiver_gone))
        return CHANNEL_CLOSED;
    if (ch->message_size > SIZE_MAX - sizeof *node)
        return CHANNEL_NO_MEMORY;
    node = malloc(sizeof *node + ch->message_size);
    if (node == NULL)
        return CHANNEL_NO_MEMORY;
    node->next = NULL;
    memcpy(node->message, message, ch->message_size);
    pthread_mutex_lock(&ch->lock);
    if (ch->head == NULL)
        ch->head = node;
    else
        ch->tail->next = node;
    ch->tail = node;
    pthread_mutex_unlock(&ch->lock);
    pthread_cond_signal(&ch->readable);
    if (atomic_load(&ch->receiver_gone) && take_back(ch, node)) {
        if (ch->drop != NULL)
            ch->drop(node->message);
        free(node);
    }
    return CHANNEL_OK;
}

static struct node *pop(struct channel *ch)
{
    struct node *node = ch->head;

    if (node != NULL)
        ch->head = node->next;
    return node;
}

static enum channel_status deliver(struct channel *ch, struct node *node, void *message)
{
    memcpy(message, node->message, ch->message_size);
    free(node);
    return CHANNEL_OK;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    struct channel *ch = rx->channel;
    size_t senders = atomic_load(&ch->senders); /* first: all they have sent is in the list */

    pthread_mutex_lock(&ch->lock);
    struct node *node = pop(ch);
    pthread_mutex_unlock(&ch->lock);
    if (node != NULL)
        return deliver(ch, node, message);
    return senders > 0 ? CHANNEL_EMPTY : CHANNEL_CLOSED;
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    struct channel *ch = rx->channel;
    struct node *node;

    pthread_mutex_lock(&ch->lock);
    while ((node = pop(ch)) == NULL && atomic_load(&ch->senders) > 0)
        pthread_cond_wait(&ch->readable, &ch->lock);
    if (node == NULL) /* the last sender may have sent between the two looks */
        node = pop(ch);
    pthread_mutex_unlock(&ch->lock);
    return node != NULL ? deliver(ch, node, message) : CHANNEL_CLOSED;
}

void sender_drop(struct sender *tx)
{
    if (tx == NULL)
        return;
    struct channel *ch = tx->channel;
    free(tx);
    if (atomic_fetch_sub(&ch->senders, 1) == 1) {
        pthread_mutex_lock(&ch->lock); /* not between the receiver's look and its sleep */
        pthread_cond_signal(&ch->readable);
        pthread_mutex_unlock(&ch->lock);
    }
    unreference(ch);
}

void receiver_drop(struct receiver *rx)
{
    struct node *node;

    if (rx == NULL)
        return;
    struct channel *ch = rx->channel;
    free(rx);
    atomic_store(&ch->receiver_gone, true);
    for (;;) {
        pthread_mutex_lock(&ch->lock);
        node = pop(ch);
        pthread_mutex_unlock(&ch->lock);
        if (node == NULL)
            break;
        if (ch->drop != NULL)
            ch->drop(node->message);
        free(node);
    }
    unreference(ch);
}
