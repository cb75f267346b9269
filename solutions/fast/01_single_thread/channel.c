/* Two batches of messages: send appends to one; receive reads the other, and swaps the two when it
 * has read its own to the end. So no message moves, and there is no end to go round.
 *
 * Invariants
 *   batch: of its count messages, oldest first, the first taken have been received.
 *   channel: every message in the receiver's batch is older than every message in queue.
 *     receiver_alive: the receiver has not been dropped. handles counts it and all senders; whoever
 *     drops the last one frees the channel.
 *   All senders are one object, which is counted: a clone costs no memory.
 */
#include "channel.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct batch {
    size_t message_size; /* in bytes */
    unsigned char *messages;
    size_t capacity; /* in messages, like the following */
    size_t count;
    size_t taken;
};

struct sender {
    struct channel *channel;
};

struct receiver {
    struct channel *channel;
    struct batch batch;
};

struct channel {
    struct receiver rx;
    struct sender tx;
    struct batch queue;
    size_t handles;
    bool receiver_alive;
};

/* Makes room for capacity messages. False, and nothing has changed, when memory holds no more. */
static bool grow(struct batch *batch, size_t capacity)
{
    unsigned char *messages;

    if (capacity > SIZE_MAX / batch->message_size)
        return false;
    messages = realloc(batch->messages, capacity * batch->message_size);
    if (messages == NULL)
        return false;
    batch->messages = messages;
    batch->capacity = capacity;
    return true;
}

/* Copies a message in, behind the others. False, and nothing has changed, when out of memory. */
static bool append(struct batch *batch, const void *message)
{
    if (batch->count == batch->capacity && !grow(batch, batch->count > 0 ? 2 * batch->count : 4))
        return false;
    memcpy(batch->messages + batch->count * batch->message_size, message, batch->message_size);
    batch->count++;
    return true;
}

/* Copies the oldest message out. False, and message is untouched, when there is none. */
static bool take(struct batch *batch, void *message)
{
    if (batch->taken == batch->count)
        return false;
    memcpy(message, batch->messages + batch->taken * batch->message_size, batch->message_size);
    batch->taken++;
    return true;
}

/* Swaps a batch that has been read to the end for what is queued. */
static void next_batch(struct batch *batch, struct batch *queue)
{
    struct batch read = *batch;

    *batch = *queue;
    *queue = read;
    queue->count = queue->taken = 0;
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    struct channel *ch;

    if (message_size == 0)
        return CHANNEL_INVALID;
    ch = malloc(sizeof *ch);
    if (ch == NULL)
        return CHANNEL_NO_MEMORY;
    *ch = (struct channel){
        .rx = {.channel = ch, .batch.message_size = message_size},
        .tx.channel = ch,
        .queue.message_size = message_size,
        .handles = 2,
        .receiver_alive = true,
    };
    *tx = &ch->tx;
    *rx = &ch->rx;
    return CHANNEL_OK;
}

struct sender *sender_clone(struct sender *tx)
{
    tx->channel->handles++;
    return tx;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct channel *ch = tx->channel;

    if (!ch->receiver_alive)
        return CHANNEL_CLOSED;
    return append(&ch->queue, message) ? CHANNEL_OK : CHANNEL_NO_MEMORY;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    struct channel *ch = rx->channel;

    if (rx->batch.taken == rx->batch.count)
        next_batch(&rx->batch, &ch->queue);
    if (take(&rx->batch, message)) /* first of all: queued messages come before CLOSED */
        return CHANNEL_OK;
    return ch->handles > 1 ? CHANNEL_EMPTY : CHANNEL_CLOSED;
}

/* Gives a handle up. */
static void release(struct channel *ch)
{
    ch->handles--;
    if (ch->handles > 0)
        return;
    free(ch->rx.batch.messages);
    free(ch->queue.messages);
    free(ch);
}

void sender_drop(struct sender *tx)
{
    if (tx != NULL)
        release(tx->channel);
}

void receiver_drop(struct receiver *rx)
{
    if (rx == NULL)
        return;
    rx->channel->receiver_alive = false;
    release(rx->channel);
}
