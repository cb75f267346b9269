/* What is different: each channel has a thread of its own, which frees the nodes of messages that were
 * received. Whoever drops the last handle waits for its end. */
#include "channel.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct node {
    struct node *next;
    unsigned char message[];
};

struct channel {
    pthread_mutex_t lock;
    pthread_cond_t readable, dirty;
    struct node *first, **end; /* queued */
    struct node *used;         /* received, and not yet freed */
    size_t message_size, senders;
    bool receiver_alive, over;
    pthread_t cleaner;
};

struct sender {
    struct channel *channel;
};

struct receiver {
    struct channel *channel;
};

static void free_all(struct node *node)
{
    while (node != NULL) {
        struct node *next = node->next;

        free(node);
        node = next;
    }
}

static void *clean(void *arg)
{
    struct channel *ch = arg;
    bool over = false;

    while (!over) {
        struct node *used;

        pthread_mutex_lock(&ch->lock);
        while (ch->used == NULL && !ch->over)
            pthread_cond_wait(&ch->dirty, &ch->lock);
        used = ch->used;
        ch->used = NULL;
        over = ch->over;
        pthread_mutex_unlock(&ch->lock);
        free_all(used);
    }
    return NULL;
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    if (message_size == 0)
        return CHANNEL_INVALID;

    struct channel *ch = calloc(1, sizeof *ch);
    struct sender *sender = malloc(sizeof *sender);
    struct receiver *receiver = malloc(sizeof *receiver);

    if (ch == NULL || sender == NULL || receiver == NULL)
        goto no_memory;
    ch->end = &ch->first;
    ch->message_size = message_size;
    ch->senders = 1;
    ch->receiver_alive = true;
    pthread_mutex_init(&ch->lock, NULL);
    pthread_cond_init(&ch->readable, NULL);
    pthread_cond_init(&ch->dirty, NULL);
    sender->channel = receiver->channel = ch;
    if (pthread_create(&ch->cleaner, NULL, clean, ch) != 0) {
        pthread_cond_destroy(&ch->dirty);
        pthread_cond_destroy(&ch->readable);
        pthread_mutex_destroy(&ch->lock);
        goto no_memory;
    }
    *tx = sender;
    *rx = receiver;
    return CHANNEL_OK;

no_memory:
    free(receiver);
    free(sender);
    free(ch);
    return CHANNEL_NO_MEMORY;
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

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct channel *ch = tx->channel;
    struct node *node = ch->message_size > (size_t)-1 - sizeof *node
                            ? NULL
                            : malloc(sizeof *node + ch->message_size);
    bool alive;

    pthread_mutex_lock(&ch->lock);
    alive = ch->receiver_alive;
    if (alive && node != NULL) {
        node->next = NULL;
        memcpy(node->message, message, ch->message_size);
        *ch->end = node;
        ch->end = &node->next;
        pthread_cond_signal(&ch->readable);
    }
    pthread_mutex_unlock(&ch->lock);
    if (alive)
        return node != NULL ? CHANNEL_OK : CHANNEL_NO_MEMORY;
    free(node);
    return CHANNEL_CLOSED;
}

/* lock is held, and a message is queued. */
static void take(struct channel *ch, void *message)
{
    struct node *node = ch->first;

    memcpy(message, node->message, ch->message_size);
    ch->first = node->next;
    if (ch->first == NULL)
        ch->end = &ch->first;
    node->next = ch->used;
    ch->used = node;
    pthread_cond_signal(&ch->dirty);
}

static enum channel_status receive(struct channel *ch, void *message, bool may_sleep)
{
    enum channel_status status = CHANNEL_OK;

    pthread_mutex_lock(&ch->lock);
    while (may_sleep && ch->first == NULL && ch->senders > 0)
        pthread_cond_wait(&ch->readable, &ch->lock);
    if (ch->first != NULL)
        take(ch, message);
    else
        status = ch->senders > 0 ? CHANNEL_EMPTY : CHANNEL_CLOSED;
    pthread_mutex_unlock(&ch->lock);
    return status;
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    return receive(rx->channel, message, true);
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    return receive(rx->channel, message, false);
}

/* lock is held, and given back. */
static void end_if_last(struct channel *ch)
{
    bool last = ch->senders == 0 && !ch->receiver_alive;

    if (last) {
        ch->over = true;
        pthread_cond_signal(&ch->dirty);
    }
    pthread_mutex_unlock(&ch->lock);
    if (!last)
        return;
    pthread_join(ch->cleaner, NULL);
    free_all(ch->first);
    pthread_cond_destroy(&ch->dirty);
    pthread_cond_destroy(&ch->readable);
    pthread_mutex_destroy(&ch->lock);
    free(ch);
}

void sender_drop(struct sender *tx)
{
    if (tx == NULL)
        return;

    struct channel *ch = tx->channel;
    free(tx);
    pthread_mutex_lock(&ch->lock);
    if (--ch->senders == 0)
        pthread_cond_signal(&ch->readable);
    end_if_last(ch);
}

void receiver_drop(struct receiver *rx)
{
    if (rx == NULL)
        return;

    struct channel *ch = rx->channel;
    free(rx);
    pthread_mutex_lock(&ch->lock);
    ch->receiver_alive = false;
    end_if_last(ch);
}
