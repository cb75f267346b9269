/* Known right: the receiver sleeps in sigwait, and whoever wakes it sends it a signal, which it has blocked: one for
 * each sleep, so none is left over. */
#define _GNU_SOURCE
#include "channel.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct node {
    struct node *next;
    unsigned char message[];
};

struct channel {
    pthread_mutex_t lock;
    bool asleep; /* it is, or is about to be; then this is it */
    pthread_t sleeper;
    size_t message_size;
    struct node *head;
    struct node *tail;
    size_t senders;
    bool receiver_alive;
};

struct sender {
    struct channel *channel;
};

struct receiver {
    struct channel *channel;
};

/* The lock is held. */
static void wake(struct channel *ch)
{
    if (ch->asleep) {
        ch->asleep = false;
        pthread_kill(ch->sleeper, SIGUSR1);
    }
}

static void sleep_unlocked(struct channel *ch)
{
    sigset_t woken, before;
    int number;

    sigemptyset(&woken);
    sigaddset(&woken, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &woken, &before);
    ch->asleep = true;
    ch->sleeper = pthread_self();
    pthread_mutex_unlock(&ch->lock);
    sigwait(&woken, &number);
    pthread_mutex_lock(&ch->lock);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void destroy(struct channel *ch)
{
    while (ch->head != NULL) {
        struct node *node = ch->head;
        ch->head = node->next;
        free(node);
    }
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
    ch->asleep = false;
    ch->message_size = message_size;
    ch->head = NULL;
    ch->tail = NULL;
    ch->senders = 1;
    ch->receiver_alive = true;
    sender->channel = ch;
    receiver->channel = ch;
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
    pthread_mutex_lock(&tx->channel->lock);
    tx->channel->senders++;
    pthread_mutex_unlock(&tx->channel->lock);
    return clone;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct channel *ch = tx->channel;

    if (ch->message_size > SIZE_MAX - sizeof(struct node))
        return CHANNEL_NO_MEMORY;
    pthread_mutex_lock(&ch->lock);
    if (!ch->receiver_alive) {
        pthread_mutex_unlock(&ch->lock);
        return CHANNEL_CLOSED;
    }
    struct node *node = malloc(sizeof *node + ch->message_size);
    if (node == NULL) {
        pthread_mutex_unlock(&ch->lock);
        return CHANNEL_NO_MEMORY;
    }
    memcpy(node->message, message, ch->message_size);
    node->next = NULL;
    if (ch->tail != NULL)
        ch->tail->next = node;
    else
        ch->head = node;
    ch->tail = node;
    wake(ch);
    pthread_mutex_unlock(&ch->lock);
    return CHANNEL_OK;
}

/* The lock is held, and a message is queued. */
static void take(struct channel *ch, void *message)
{
    struct node *node = ch->head;

    memcpy(message, node->message, ch->message_size);
    ch->head = node->next;
    if (ch->head == NULL)
        ch->tail = NULL;
    free(node);
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    struct channel *ch = rx->channel;
    enum channel_status status = CHANNEL_OK;

    pthread_mutex_lock(&ch->lock);
    if (ch->head != NULL)
        take(ch, message);
    else
        status = ch->senders > 0 ? CHANNEL_EMPTY : CHANNEL_CLOSED;
    pthread_mutex_unlock(&ch->lock);
    return status;
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    struct channel *ch = rx->channel;
    enum channel_status status = CHANNEL_OK;

    pthread_mutex_lock(&ch->lock);
    while (ch->head == NULL && ch->senders > 0)
        sleep_unlocked(ch);
    if (ch->head != NULL)
        take(ch, message);
    else
        status = CHANNEL_CLOSED;
    pthread_mutex_unlock(&ch->lock);
    return status;
}

void sender_drop(struct sender *tx)
{
    if (tx == NULL)
        return;
    struct channel *ch = tx->channel;
    pthread_mutex_lock(&ch->lock);
    ch->senders--;
    if (ch->senders == 0)
        wake(ch);
    bool last = ch->senders == 0 && !ch->receiver_alive;
    pthread_mutex_unlock(&ch->lock);
    free(tx);
    if (last)
        destroy(ch);
}

void receiver_drop(struct receiver *rx)
{
    if (rx == NULL)
        return;
    struct channel *ch = rx->channel;
    pthread_mutex_lock(&ch->lock);
    ch->receiver_alive = false;
    bool last = ch->senders == 0;
    pthread_mutex_unlock(&ch->lock);
    free(rx);
    if (last)
        destroy(ch);
}
