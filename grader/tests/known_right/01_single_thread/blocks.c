/* What is different: messages lie in blocks; an emptied block is kept for the next one. The queue is
 * freed with the receiver, which alone needs it. */
#include "channel.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { PER_BLOCK = 16 };

struct block {
    struct block *next;
    size_t taken, filled;
    unsigned char bytes[];
};

struct channel {
    size_t message_size;
    struct block *first, *last, *spare;
    size_t senders;
    bool open; /* the receiver is there */
};

struct sender {
    struct channel *channel;
};

struct receiver {
    struct channel *channel;
};

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    if (message_size == 0)
        return CHANNEL_INVALID;
    if (message_size > (SIZE_MAX - sizeof(struct block)) / PER_BLOCK)
        return CHANNEL_NO_MEMORY;
    struct channel *ch = calloc(1, sizeof *ch);
    struct sender *s = calloc(1, sizeof *s);
    struct receiver *r = calloc(1, sizeof *r);
    if (ch == NULL || s == NULL || r == NULL) {
        free(ch);
        free(s);
        free(r);
        return CHANNEL_NO_MEMORY;
    }
    ch->message_size = message_size;
    ch->senders = 1;
    ch->open = true;
    s->channel = ch;
    r->channel = ch;
    *tx = s;
    *rx = r;
    return CHANNEL_OK;
}

struct sender *sender_clone(struct sender *tx)
{
    struct sender *s = calloc(1, sizeof *s);

    if (s == NULL)
        return NULL;
    s->channel = tx->channel;
    s->channel->senders++;
    return s;
}

static bool add_block(struct channel *ch)
{
    struct block *block = ch->spare;

    if (block == NULL)
        block = malloc(sizeof *block + PER_BLOCK * ch->message_size);
    if (block == NULL)
        return false;
    ch->spare = NULL;
    block->next = NULL;
    block->taken = block->filled = 0;
    if (ch->first == NULL)
        ch->first = block;
    else
        ch->last->next = block;
    ch->last = block;
    return true;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct channel *ch = tx->channel;

    if (!ch->open)
        return CHANNEL_CLOSED;
    if ((ch->first == NULL || ch->last->filled == PER_BLOCK) && !add_block(ch))
        return CHANNEL_NO_MEMORY;
    memcpy(ch->last->bytes + ch->last->filled * ch->message_size, message, ch->message_size);
    ch->last->filled++;
    return CHANNEL_OK;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    struct channel *ch = rx->channel;
    struct block *block = ch->first;

    if (block == NULL)
        return ch->senders > 0 ? CHANNEL_EMPTY : CHANNEL_CLOSED;
    memcpy(message, block->bytes + block->taken * ch->message_size, ch->message_size);
    block->taken++;
    if (block->taken ==
        block->filled) { /* nothing left in it: a block in the list is never empty */
        ch->first = block->next;
        free(ch->spare);
        ch->spare = block;
    }
    return CHANNEL_OK;
}

void sender_drop(struct sender *tx)
{
    if (tx == NULL)
        return;
    struct channel *ch = tx->channel;
    free(tx);
    if (--ch->senders == 0 && !ch->open)
        free(ch);
}

void receiver_drop(struct receiver *rx)
{
    if (rx == NULL)
        return;
    struct channel *ch = rx->channel;
    free(rx);
    for (struct block *block = ch->first, *next; block != NULL; block = next) {
        next = block->next;
        free(block);
    }
    free(ch->spare);
    ch->open = false;
    if (ch->senders == 0)
        free(ch);
}
