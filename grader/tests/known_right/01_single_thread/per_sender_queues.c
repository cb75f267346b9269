/* What is different: every sender has its own queue, which outlives it until it is empty, and the
 * messages are numbered across all of them. */
#include "channel.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct letter {
    struct letter *next;
    unsigned long long number;
    void *content;
};

struct sender {
    struct receiver *channel;
    struct sender *previous, *next;
    struct letter *first, **end;
    bool dropped;
};

/* The receiver is the channel. */
struct receiver {
    size_t message_size;
    unsigned long long sent;
    struct sender list; /* a ring of senders; this one is no sender */
    size_t senders;
    bool dropped;
};

static struct sender *add_sender(struct receiver *channel)
{
    struct sender *s = malloc(sizeof *s);

    if (s == NULL)
        return NULL;
    s->channel = channel;
    s->first = NULL;
    s->end = &s->first;
    s->dropped = false;
    s->previous = &channel->list;
    s->next = channel->list.next;
    s->previous->next = s;
    s->next->previous = s;
    channel->senders++;
    return s;
}

static void remove_sender(struct sender *s)
{
    s->previous->next = s->next;
    s->next->previous = s->previous;
    while (s->first != NULL) {
        struct letter *letter = s->first;
        s->first = letter->next;
        free(letter->content);
        free(letter);
    }
    free(s);
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    struct receiver *channel;
    struct sender *s;

    if (message_size == 0)
        return CHANNEL_INVALID;
    channel = calloc(1, sizeof *channel);
    if (channel == NULL)
        return CHANNEL_NO_MEMORY;
    channel->message_size = message_size;
    channel->list.previous = channel->list.next = &channel->list;
    s = add_sender(channel);
    if (s == NULL) {
        free(channel);
        return CHANNEL_NO_MEMORY;
    }
    *tx = s;
    *rx = channel;
    return CHANNEL_OK;
}

struct sender *sender_clone(struct sender *tx)
{
    return add_sender(tx->channel);
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct receiver *channel = tx->channel;
    struct letter *letter;

    if (channel->dropped)
        return CHANNEL_CLOSED;
    letter = malloc(sizeof *letter);
    if (letter == NULL)
        return CHANNEL_NO_MEMORY;
    letter->content = malloc(channel->message_size);
    if (letter->content == NULL) {
        free(letter);
        return CHANNEL_NO_MEMORY;
    }
    memcpy(letter->content, message, channel->message_size);
    letter->next = NULL;
    letter->number = channel->sent++;
    *tx->end = letter;
    tx->end = &letter->next;
    return CHANNEL_OK;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    struct sender *oldest = NULL;
    struct letter *letter;

    for (struct sender *s = rx->list.next; s != &rx->list; s = s->next)
        if (s->first != NULL && (oldest == NULL || s->first->number < oldest->first->number))
            oldest = s;
    if (oldest == NULL)
        return rx->senders > 0 ? CHANNEL_EMPTY : CHANNEL_CLOSED;
    letter = oldest->first;
    memcpy(message, letter->content, rx->message_size);
    oldest->first = letter->next;
    if (oldest->first == NULL)
        oldest->end = &oldest->first;
    free(letter->content);
    free(letter);
    if (oldest->dropped && oldest->first == NULL)
        remove_sender(oldest);
    return CHANNEL_OK;
}

void sender_drop(struct sender *tx)
{
    struct receiver *channel;

    if (tx == NULL)
        return;
    channel = tx->channel;
    tx->dropped = true;
    channel->senders--;
    if (tx->first == NULL || channel->dropped)
        remove_sender(tx);
    if (channel->dropped && channel->senders == 0)
        free(channel);
}

void receiver_drop(struct receiver *rx)
{
    if (rx == NULL)
        return;
    rx->dropped = true;
    for (struct sender *s = rx->list.next, *next; s != &rx->list; s = next) {
        next = s->next;
        if (s->dropped)
            remove_sender(s);
    }
    if (rx->senders == 0)
        free(rx);
}
