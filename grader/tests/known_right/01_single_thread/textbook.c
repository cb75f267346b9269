/* What is different: nothing. A linked list with head and tail, a count of senders and a flag. */
#include "channel.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct node {
    struct node *next;
    unsigned char message[];
};

struct channel {
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

static void destroy(struct channel *ch)
{
    while (ch->head != NULL) {
        struct node *node = ch->head;
        ch->head = node->next;
        free(node);
    }
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
    clone->channel->senders++;
    return clone;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct channel *ch = tx->channel;

    if (!ch->receiver_alive)
        return CHANNEL_CLOSED;
    if (ch->message_size > SIZE_MAX - sizeof(struct node))
        return CHANNEL_NO_MEMORY;
    struct node *node = malloc(sizeof *node + ch->message_size);
    if (node == NULL)
        return CHANNEL_NO_MEMORY;
    memcpy(node->message, message, ch->message_size);
    node->next = NULL;
    if (ch->tail != NULL)
        ch->tail->next = node;
    else
        ch->head = node;
    ch->tail = node;
    return CHANNEL_OK;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    struct channel *ch = rx->channel;
    struct node *node = ch->head;

    if (node == NULL)
        return ch->senders > 0 ? CHANNEL_EMPTY : CHANNEL_CLOSED;
    memcpy(message, node->message, ch->message_size);
    ch->head = node->next;
    if (ch->head == NULL)
        ch->tail = NULL;
    free(node);
    return CHANNEL_OK;
}

void sender_drop(struct sender *tx)
{
    if (tx == NULL)
        return;
    struct channel *ch = tx->channel;
    free(tx);
    ch->senders--;
    if (ch->senders == 0 && !ch->receiver_alive)
        destroy(ch);
}

void receiver_drop(struct receiver *rx)
{
    if (rx == NULL)
        return;
    struct channel *ch = rx->channel;
    free(rx);
    ch->receiver_alive = false;
    if (ch->senders == 0)
        destroy(ch);
}
