/* Known right: a pipe is the bell. A sender writes a byte if there is room, behind its message; the receiver sleeps
 * in poll, and empties the pipe before it looks. */
#define _GNU_SOURCE
#include "channel.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct node {
    struct node *next;
    unsigned char message[];
};

struct channel {
    pthread_mutex_t lock;
    int bell[2];
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

static void ring(struct channel *ch)
{
    (void)!write(ch->bell[1], "", 1); /* a full pipe is as good */
}

static void wait_for_bell(struct channel *ch)
{
    struct pollfd rung = {.fd = ch->bell[0], .events = POLLIN};
    char bytes[64];

    poll(&rung, 1, -1);
    while (read(ch->bell[0], bytes, sizeof bytes) > 0)
        ;
}

static void destroy(struct channel *ch)
{
    while (ch->head != NULL) {
        struct node *node = ch->head;
        ch->head = node->next;
        free(node);
    }
    close(ch->bell[0]);
    close(ch->bell[1]);
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
    if (ch == NULL || sender == NULL || receiver == NULL ||
        pipe2(ch->bell, O_NONBLOCK | O_CLOEXEC) != 0) {
        free(ch);
        free(sender);
        free(receiver);
        return CHANNEL_NO_MEMORY;
    }
    pthread_mutex_init(&ch->lock, NULL);
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
    ring(ch);
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
    while (ch->head == NULL && ch->senders > 0) {
        pthread_mutex_unlock(&ch->lock);
        wait_for_bell(ch);
        pthread_mutex_lock(&ch->lock);
    }
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
        ring(ch);
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
