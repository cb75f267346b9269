/* What is different: each side has a lock of its own, and takes the other's as well: its own first. Who finds the
 * other one taken gives its own back and begins again, without sleeping or yielding. */
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

struct channel {
    pthread_mutex_t senders_lock, receivers_lock; /* both must be held when using what follows */
    pthread_cond_t readable;                      /* goes with receivers_lock */
    size_t message_size;
    struct node *first, **end;
    size_t senders;
    bool receiver;
};

struct sender {
    struct channel *channel;
};

struct receiver {
    struct channel *channel;
};

static void lock_both(pthread_mutex_t *mine, pthread_mutex_t *theirs)
{
    pthread_mutex_lock(mine);
    while (pthread_mutex_trylock(theirs) != 0) {
        pthread_mutex_unlock(mine);
        pthread_mutex_lock(mine);
    }
}

static void lock_to_send(struct channel *ch)
{
    lock_both(&ch->senders_lock, &ch->receivers_lock);
}

static void lock_to_receive(struct channel *ch)
{
    lock_both(&ch->receivers_lock, &ch->senders_lock);
}

static void unlock(struct channel *ch)
{
    pthread_mutex_unlock(&ch->senders_lock);
    pthread_mutex_unlock(&ch->receivers_lock);
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    struct channel *ch;
    struct sender *sender;
    struct receiver *receiver;

    if (message_size == 0)
        return CHANNEL_INVALID;
    ch = malloc(sizeof *ch);
    sender = malloc(sizeof *sender);
    receiver = malloc(sizeof *receiver);
    if (ch == NULL || sender == NULL || receiver == NULL) {
        free(ch);
        free(sender);
        free(receiver);
        return CHANNEL_NO_MEMORY;
    }
    pthread_mutex_init(&ch->senders_lock, NULL);
    pthread_mutex_init(&ch->receivers_lock, NULL);
    pthread_cond_init(&ch->readable, NULL);
    ch->message_size = message_size;
    ch->first = NULL;
    ch->end = &ch->first;
    ch->senders = 1;
    ch->receiver = true;
    sender->channel = receiver->channel = ch;
    *tx = sender;
    *rx = receiver;
    return CHANNEL_OK;
}

struct sender *sender_clone(struct sender *tx)
{
    struct sender *clone = malloc(sizeof *clone);

    if (clone == NULL)
        return NULL;
    clone->channel = tx->channel;
    lock_to_send(clone->channel);
    clone->channel->senders++;
    unlock(clone->channel);
    return clone;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct channel *ch = tx->channel;
    struct node *node;
    bool sent;

    if (ch->message_size > SIZE_MAX - sizeof *node)
        return CHANNEL_NO_MEMORY;
    node = malloc(sizeof *node + ch->message_size);
    if (node == NULL)
        return CHANNEL_NO_MEMORY;
    memcpy(node->message, message, ch->message_size);
    node->next = NULL;
    lock_to_send(ch);
    sent = ch->receiver;
    if (sent) {
        *ch->end = node;
        ch->end = &node->next;
        pthread_cond_signal(&ch->readable);
    }
    unlock(ch);
    if (sent)
        return CHANNEL_OK;
    free(node);
    return CHANNEL_CLOSED;
}

static enum channel_status take(struct channel *ch, void *message)
{
    struct node *node = ch->first;

    if (node == NULL)
        return ch->senders > 0 ? CHANNEL_EMPTY : CHANNEL_CLOSED;
    ch->first = node->next;
    if (ch->first == NULL)
        ch->end = &ch->first;
    memcpy(message, node->message, ch->message_size);
    free(node);
    return CHANNEL_OK;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    enum channel_status status;

    lock_to_receive(rx->channel);
    status = take(rx->channel, message);
    unlock(rx->channel);
    return status;
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    struct channel *ch = rx->channel;
    enum channel_status status;

    lock_to_receive(ch);
    while ((status = take(ch, message)) == CHANNEL_EMPTY) {
        pthread_mutex_unlock(&ch->senders_lock);
        pthread_cond_wait(&ch->readable, &ch->receivers_lock);
        pthread_mutex_unlock(&ch->receivers_lock);
        lock_to_receive(ch);
    }
    unlock(ch);
    return status;
}

/* Unlocks, and frees the channel if nobody is left. */
static void leave(struct channel *ch)
{
    bool last = ch->senders == 0 && !ch->receiver;

    unlock(ch);
    if (!last)
        return;
    while (ch->first != NULL) {
        struct node *node = ch->first;

        ch->first = node->next;
        free(node);
    }
    pthread_cond_destroy(&ch->readable);
    pthread_mutex_destroy(&ch->receivers_lock);
    pthread_mutex_destroy(&ch->senders_lock);
    free(ch);
}

void sender_drop(struct sender *tx)
{
    struct channel *ch;

    if (tx == NULL)
        return;
    ch = tx->channel;
    free(tx);
    lock_to_send(ch);
    if (--ch->senders == 0)
        pthread_cond_signal(&ch->readable);
    leave(ch);
}

void receiver_drop(struct receiver *rx)
{
    struct channel *ch;

    if (rx == NULL)
        return;
    ch = rx->channel;
    free(rx);
    lock_to_receive(ch);
    ch->receiver = false;
    leave(ch);
}
