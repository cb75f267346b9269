/* What is different: a circular list known by its last node, one spare node that is used again, and no
 * struct channel: the receiver is the channel, and is freed with its last handle. */
#include "channel.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct node {
    struct node *next;
    max_align_t message[];
};

struct receiver {
    struct node *last;  /* its next is the oldest; NULL when nothing is queued */
    struct node *spare; /* or NULL */
    size_t message_size;
    size_t senders;
    int dropped;
};

struct sender {
    struct receiver *receiver;
};

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    struct receiver *r;
    struct sender *s;

    if (message_size == 0)
        return CHANNEL_INVALID;
    r = calloc(1, sizeof *r);
    s = calloc(1, sizeof *s);
    if (r == NULL || s == NULL) {
        free(r);
        free(s);
        return CHANNEL_NO_MEMORY;
    }
    r->message_size = message_size;
    r->senders = 1;
    s->receiver = r;
    *tx = s;
    *rx = r;
    return CHANNEL_OK;
}

struct sender *sender_clone(struct sender *tx)
{
    struct sender *s = calloc(1, sizeof *s);

    if (s != NULL) {
        *s = *tx;
        s->receiver->senders++;
    }
    return s;
}

static struct node *new_node(struct receiver *r)
{
    struct node *node = r->spare;

    if (node != NULL) {
        r->spare = NULL;
        return node;
    }
    if (r->message_size > SIZE_MAX - sizeof *node)
        return NULL;
    return malloc(sizeof *node + r->message_size);
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct receiver *r = tx->receiver;
    struct node *node;

    if (r->dropped)
        return CHANNEL_CLOSED;
    node = new_node(r);
    if (node == NULL)
        return CHANNEL_NO_MEMORY;
    memcpy(node->message, message, r->message_size);
    if (r->last == NULL) {
        node->next = node;
    } else {
        node->next = r->last->next;
        r->last->next = node;
    }
    r->last = node;
    return CHANNEL_OK;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    struct node *oldest;

    if (rx->last == NULL)
        return rx->senders == 0 ? CHANNEL_CLOSED : CHANNEL_EMPTY;
    oldest = rx->last->next;
    if (oldest == rx->last)
        rx->last = NULL;
    else
        rx->last->next = oldest->next;
    memcpy(message, oldest->message, rx->message_size);
    free(rx->spare);
    rx->spare = oldest;
    return CHANNEL_OK;
}

static void free_if_unused(struct receiver *r)
{
    if (r->senders > 0 || !r->dropped)
        return;
    if (r->last != NULL) {
        struct node *node = r->last->next;
        r->last->next = NULL; /* now the list has an end */
        while (node != NULL) {
            struct node *next = node->next;
            free(node);
            node = next;
        }
    }
    free(r->spare);
    free(r);
}

void sender_drop(struct sender *tx)
{
    if (tx == NULL)
        return;
    tx->receiver->senders--;
    free_if_unused(tx->receiver);
    free(tx);
}

void receiver_drop(struct receiver *rx)
{
    if (rx == NULL)
        return;
    rx->dropped = 1;
    free_if_unused(rx);
}
