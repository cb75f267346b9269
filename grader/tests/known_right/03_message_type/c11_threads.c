/* <threads.h> instead of <pthread.h>, and a growing ring that is never moved: blocks of messages in a
 * chain, the empty one behind kept for the next. */
#include "channel.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>

enum { PER_BLOCK = 4 };

struct block {
    struct block *next;
    size_t filled; /* slots written, the first of them first */
    size_t taken;  /* slots read */
    max_align_t slots[];
};

struct channel {
    mtx_t lock;
    cnd_t readable;
    size_t message_size;
    void (*drop)(void *message);
    struct block *oldest, *newest;
    struct block *kept;
    size_t senders;
    size_t receivers; /* 1 or 0 */
};

struct sender {
    struct channel *channel;
};

struct receiver {
    struct channel *channel;
};

static unsigned char *slot(const struct channel *ch, struct block *block, size_t index)
{
    return (unsigned char *)block->slots + index * ch->message_size;
}

enum channel_status channel_create_with_drop(size_t message_size, void (*drop)(void *message),
                                             struct sender **tx, struct receiver **rx)
{
    struct channel *ch;

    if (message_size == 0)
        return CHANNEL_INVALID;
    if (message_size > (SIZE_MAX - sizeof(struct block)) / PER_BLOCK)
        return CHANNEL_NO_MEMORY;
    struct sender *sender = malloc(sizeof *sender);
    struct receiver *receiver = malloc(sizeof *receiver);
    ch = malloc(sizeof *ch);
    if (!sender || !receiver || !ch)
        goto no_memory;
    if (mtx_init(&ch->lock, mtx_plain) != thrd_success)
        goto no_memory;
    if (cnd_init(&ch->readable) != thrd_success) {
        mtx_destroy(&ch->lock);
        goto no_memory;
    }
    ch->message_size = message_size;
    ch->drop = drop;
    ch->oldest = ch->newest = ch->kept = NULL;
    ch->senders = ch->receivers = 1;
    sender->channel = receiver->channel = ch;
    *tx = sender;
    *rx = receiver;
    return CHANNEL_OK;

no_memory:
    free(ch);
    free(receiver);
    free(sender);
    return CHANNEL_NO_MEMORY;
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    return channel_create_with_drop(message_size, NULL, tx, rx);
}

struct sender *sender_clone(struct sender *tx)
{
    struct sender *clone = malloc(sizeof *clone);

    if (clone) {
        *clone = *tx;
        mtx_lock(&tx->channel->lock);
        tx->channel->senders += 1;
        mtx_unlock(&tx->channel->lock);
    }
    return clone;
}

/* Makes newest a block with a slot to fill. */
static bool make_room(struct channel *ch)
{
    struct block *block = ch->kept;

    if (ch->newest && ch->newest->filled < PER_BLOCK)
        return true;
    ch->kept = NULL;
    if (!block)
        block = malloc(sizeof *block + PER_BLOCK * ch->message_size);
    if (!block)
        return false;
    block->next = NULL;
    block->filled = block->taken = 0;
    if (ch->newest)
        ch->newest->next = block;
    else
        ch->oldest = block;
    ch->newest = block;
    return true;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct channel *ch = tx->channel;
    enum channel_status status = CHANNEL_OK;

    mtx_lock(&ch->lock);
    if (ch->receivers == 0)
        status = CHANNEL_CLOSED;
    else if (!make_room(ch))
        status = CHANNEL_NO_MEMORY;
    else
        memcpy(slot(ch, ch->newest, ch->newest->filled++), message, ch->message_size);
    mtx_unlock(&ch->lock);
    if (status == CHANNEL_OK)
        cnd_signal(&ch->readable);
    return status;
}

static bool is_empty(const struct channel *ch)
{
    return !ch->oldest || ch->oldest->taken == ch->oldest->filled;
}

/* Copies the oldest message out. The lock is held; there is one. */
static void take(struct channel *ch, void *message)
{
    struct block *block = ch->oldest;

    memcpy(message, slot(ch, block, block->taken++), ch->message_size);
    if (block->taken < PER_BLOCK)
        return;
    ch->oldest = block->next;
    if (!ch->oldest)
        ch->newest = NULL;
    free(ch->kept);
    ch->kept = block;
}

static enum channel_status receive(struct channel *ch, void *message, bool wait)
{
    enum channel_status status = CHANNEL_OK;

    mtx_lock(&ch->lock);
    while (wait && is_empty(ch) && ch->senders)
        cnd_wait(&ch->readable, &ch->lock);
    if (!is_empty(ch))
        take(ch, message);
    else
        status = ch->senders ? CHANNEL_EMPTY : CHANNEL_CLOSED;
    mtx_unlock(&ch->lock);
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

/* Lock held. */
static void unlock_and_free_when_done(struct channel *ch)
{
    bool done = ch->senders + ch->receivers == 0;

    mtx_unlock(&ch->lock);
    if (done) {
        mtx_destroy(&ch->lock);
        cnd_destroy(&ch->readable);
        free(ch->kept);
        free(ch);
    }
}

void sender_drop(struct sender *tx)
{
    if (!tx)
        return;
    struct channel *ch = tx->channel;
    free(tx);
    mtx_lock(&ch->lock);
    ch->senders -= 1;
    if (!ch->senders)
        cnd_broadcast(&ch->readable);
    unlock_and_free_when_done(ch);
}

void receiver_drop(struct receiver *rx)
{
    struct block *block, *next;
    size_t message_size;

    if (!rx)
        return;
    struct channel *ch = rx->channel;
    void (*drop)(void *message) = ch->drop;
    free(rx);
    mtx_lock(&ch->lock);
    message_size = ch->message_size;
    block = ch->oldest;
    ch->oldest = ch->newest = NULL;
    ch->receivers = 0;
    unlock_and_free_when_done(ch);
    for (; block; block = next) {
        for (size_t i = block->taken; drop && i < block->filled; i++)
            drop((unsigned char *)block->slots + i * message_size);
        next = block->next;
        free(block);
    }
}
