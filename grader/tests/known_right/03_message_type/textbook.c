/* The textbook's: a linked list, a mutex and a condition variable; a handle is a block of its own. */
#include "channel.h"

#include <pthread.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct node {
    struct node *next;
    alignas(max_align_t) unsigned char bytes[];
};

struct channel {
    size_t message_size;
    void (*drop)(void *message);
    pthread_mutex_t lock;
    pthread_cond_t readable; /* a message is queued, or no sender is left */
    struct node *first;
    struct node *last; /* valid while first is not NULL */
    size_t senders;
    bool receiver_alive;
};

struct sender {
    struct channel *channel;
};

struct receiver {
    struct channel *channel;
};

enum channel_status channel_create_with_drop(size_t message_size, void (*drop)(void *message),
                                             struct sender **tx, struct receiver **rx)
{
    if (message_size == 0)
        return CHANNEL_INVALID;

    struct channel *ch = calloc(1, sizeof *ch);
    struct sender *sender = malloc(sizeof *sender);
    struct receiver *receiver = malloc(sizeof *receiver);
    if (ch == NULL || sender == NULL || receiver == NULL) {
        free(ch);
        free(sender);
        free(receiver);
        return CHANNEL_NO_MEMORY;
    }
    ch->message_size = message_size;
    ch->drop = drop;
    pthread_mutex_init(&ch->lock, NULL);
    pthread_cond_init(&ch->readable, NULL);
    ch->senders = 1;
    ch->receiver_alive = true;
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
    pthread_mutex_lock(&tx->channel->lock);
    tx->channel->senders++;
    pthread_mutex_unlock(&tx->channel->lock);
    return clone;
}

static struct node *new_node(const struct channel *ch, const void *message)
{
    struct node *node;

    if (ch->message_size > SIZE_MAX - sizeof *node)
        return NULL;
    node = malloc(sizeof *node + ch->message_size);
    if (node == NULL)
        return NULL;
    node->next = NULL;
    memcpy(node->bytes, message, ch->message_size);
    return node;
}

static void append(struct channel *ch, struct node *node)
{
    if (ch->first == NULL)
        ch->first = node;
    else
        ch->last->next = node;
    ch->last = node;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct channel *ch = tx->channel;
    struct node *node = new_node(ch, message);

    if (node == NULL)
        return CHANNEL_NO_MEMORY;
    pthread_mutex_lock(&ch->lock);
    if (!ch->receiver_alive) {
        pthread_mutex_unlock(&ch->lock);
        free(node);
        return CHANNEL_CLOSED;
    }
    append(ch, node);
    pthread_cond_signal(&ch->readable);
    pthread_mutex_unlock(&ch->lock);
    return CHANNEL_OK;
}

/* The lock is held, and released. */
static enum channel_status take_and_unlock(struct channel *ch, void *message)
{
    struct node *node = ch->first;
    enum channel_status status = ch->senders > 0 ? CHANNEL_EMPTY : CHANNEL_CLOSED;

    if (node != NULL)
        ch->first = node->next;
    pthread_mutex_unlock(&ch->lock);
    if (node == NULL)
        return status;
    memcpy(message, node->bytes, ch->message_size);
    free(node);
    return CHANNEL_OK;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    pthread_mutex_lock(&rx->channel->lock);
    return take_and_unlock(rx->channel, message);
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    struct channel *ch = rx->channel;

    pthread_mutex_lock(&ch->lock);
    while (ch->first == NULL && ch->senders > 0)
        pthread_cond_wait(&ch->readable, &ch->lock);
    return take_and_unlock(ch, message);
}

/* The lock is held, and released. The last one frees the channel. */
static void leave(struct channel *ch)
{
    bool last = ch->senders == 0 && !ch->receiver_alive;

    pthread_mutex_unlock(&ch->lock);
    if (last) {
        pthread_cond_destroy(&ch->readable);
        pthread_mutex_destroy(&ch->lock);
        free(ch);
    }
}

void sender_drop(struct sender *tx)
{
    if (tx == NULL)
        return;

    struct channel *ch = tx->channel;
    pthread_mutex_lock(&ch->lock);
    ch->senders--;
    if (ch->senders == 0)
        pthread_cond_signal(&ch->readable);
    leave(ch);
    free(tx);
}

void receiver_drop(struct receiver *rx)
{
    if (rx == NULL)
        return;

    struct channel *ch = rx->channel;
    void (*drop)(void *message) = ch->drop;
    struct node *node, *next;
    pthread_mutex_lock(&ch->lock);
    ch->receiver_alive = false;
    node = ch->first;
    ch->first = NULL;
    leave(ch);
    free(rx);
    for (; node != NULL; node = next) {
        next = node->next;
        if (drop != NULL)
            drop(node->bytes);
        free(node);
    }
}
