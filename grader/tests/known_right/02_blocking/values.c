/* What is different: the queue is a value. Functions take it and return what becomes of it, and nobody but the
 * channel's own calls, which hold the lock, reads or writes the one that the channel has. */
#include "channel.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct node {
    struct node *next;
    unsigned char message[];
};

struct queue {
    struct node *oldest, *newest;
    size_t senders;
    bool has_receiver;
};

struct channel {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t message_size;
    struct queue queue;
};

struct sender {
    struct channel *channel;
};

struct receiver {
    struct channel *channel;
};

#define VALUE static __attribute__((noinline))

VALUE struct queue empty_queue(void)
{
    return (struct queue){.senders = 1, .has_receiver = true};
}

VALUE struct queue with(struct queue q, struct node *newest)
{
    if (q.newest != NULL)
        q.newest->next = newest;
    else
        q.oldest = newest;
    q.newest = newest;
    return q;
}

VALUE struct queue without_oldest(struct queue q)
{
    q.oldest = q.oldest->next;
    if (q.oldest == NULL)
        q.newest = NULL;
    return q;
}

VALUE struct queue with_senders(struct queue q, size_t senders)
{
    q.senders = senders;
    return q;
}

VALUE struct queue without_receiver(struct queue q)
{
    q.has_receiver = false;
    return q;
}

VALUE enum channel_status of_receiving(struct queue q)
{
    if (q.oldest != NULL)
        return CHANNEL_OK;
    return q.senders > 0 ? CHANNEL_EMPTY : CHANNEL_CLOSED;
}

VALUE bool is_unused(struct queue q)
{
    return q.senders == 0 && !q.has_receiver;
}

VALUE void free_messages(struct queue q)
{
    while (q.oldest != NULL) {
        struct node *oldest = q.oldest;
        q = without_oldest(q);
        free(oldest);
    }
}

/* Gives the lock back, and the memory, too, if nobody has a handle any more. */
static void unlock(struct channel *ch)
{
    bool unused = is_unused(ch->queue);

    pthread_mutex_unlock(&ch->lock);
    if (!unused)
        return;
    free_messages(ch->queue);
    pthread_cond_destroy(&ch->changed);
    pthread_mutex_destroy(&ch->lock);
    free(ch);
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    if (message_size == 0)
        return CHANNEL_INVALID;
    struct channel *ch = malloc(sizeof *ch);
    struct sender *sender = malloc(sizeof *sender);
    struct receiver *receiver = malloc(sizeof *receiver);
    if (ch == NULL || sender == NULL || receiver == NULL) {
        free(ch);
        free(sender);
        free(receiver);
        return CHANNEL_NO_MEMORY;
    }
    pthread_mutex_init(&ch->lock, NULL);
    pthread_cond_init(&ch->changed, NULL);
    ch->message_size = message_size;
    ch->queue = empty_queue();
    sender->channel = ch;
    receiver->channel = ch;
    *tx = sender;
    *rx = receiver;
    return CHANNEL_OK;
}

struct sender *sender_clone(struct sender *tx)
{
    struct channel *ch = tx->channel;
    struct sender *clone = malloc(sizeof *clone);

    if (clone == NULL)
        return NULL;
    clone->channel = ch;
    pthread_mutex_lock(&ch->lock);
    ch->queue = with_senders(ch->queue, ch->queue.senders + 1);
    pthread_mutex_unlock(&ch->lock);
    return clone;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct channel *ch = tx->channel;
    size_t size = ch->message_size;
    enum channel_status status = CHANNEL_OK;
    struct node *node = size > SIZE_MAX - sizeof *node ? NULL : malloc(sizeof *node + size);

    if (node != NULL) {
        node->next = NULL;
        memcpy(node->message, message, size);
    }
    pthread_mutex_lock(&ch->lock);
    if (!ch->queue.has_receiver)
        status = CHANNEL_CLOSED;
    else if (node == NULL)
        status = CHANNEL_NO_MEMORY;
    else
        ch->queue = with(ch->queue, node);
    pthread_cond_signal(&ch->changed);
    pthread_mutex_unlock(&ch->lock);
    if (status == CHANNEL_CLOSED)
        free(node);
    return status;
}

static enum channel_status receive(struct channel *ch, void *message, bool may_sleep)
{
    struct node *oldest = NULL;
    enum channel_status status;

    pthread_mutex_lock(&ch->lock);
    while ((status = of_receiving(ch->queue)) == CHANNEL_EMPTY && may_sleep)
        pthread_cond_wait(&ch->changed, &ch->lock);
    if (status == CHANNEL_OK) {
        oldest = ch->queue.oldest;
        memcpy(message, oldest->message, ch->message_size);
        ch->queue = without_oldest(ch->queue);
    }
    pthread_mutex_unlock(&ch->lock);
    free(oldest);
    return status;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    return receive(rx->channel, message, false);
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    return receive(rx->channel, message, true);
}

void sender_drop(struct sender *tx)
{
    if (tx == NULL)
        return;
    struct channel *ch = tx->channel;
    pthread_mutex_lock(&ch->lock);
    ch->queue = with_senders(ch->queue, ch->queue.senders - 1);
    pthread_cond_signal(&ch->changed);
    unlock(ch);
    free(tx);
}

void receiver_drop(struct receiver *rx)
{
    if (rx == NULL)
        return;
    struct channel *ch = rx->channel;
    pthread_mutex_lock(&ch->lock);
    ch->queue = without_receiver(ch->queue);
    unlock(ch);
    free(rx);
}
