/* What is different: a ring of a power of two, with free-running read and write positions; both
 * handles are parts of the channel, and a clone is the same pointer with a count. */
#include "channel.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct sender {
    size_t count;
    size_t size;
    size_t mask; /* places - 1 */
    size_t read, written;
    char *places;
    struct receiver *rx; /* NULL once dropped */
};

struct receiver {
    struct sender *channel;
};

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    if (message_size == 0)
        return CHANNEL_INVALID;
    if (message_size > SIZE_MAX / 4)
        return CHANNEL_NO_MEMORY;

    struct sender *channel = malloc(sizeof *channel);
    struct receiver *receiver = malloc(sizeof *receiver);
    char *places = malloc(4 * message_size);
    if (channel == NULL || receiver == NULL || places == NULL) {
        free(channel);
        free(receiver);
        free(places);
        return CHANNEL_NO_MEMORY;
    }
    *channel = (struct sender){1, message_size, 3, 0, 0, places, receiver};
    receiver->channel = channel;
    *tx = channel;
    *rx = receiver;
    return CHANNEL_OK;
}

struct sender *sender_clone(struct sender *tx)
{
    tx->count++;
    return tx;
}

static char *place(struct sender *channel, size_t position)
{
    return channel->places + (position & channel->mask) * channel->size;
}

static int double_the_ring(struct sender *channel)
{
    struct sender bigger = *channel;

    bigger.mask = 2 * channel->mask + 1;
    if (bigger.mask >= SIZE_MAX / channel->size)
        return 0;
    bigger.places = malloc((bigger.mask + 1) * channel->size);
    if (bigger.places == NULL)
        return 0;
    for (size_t i = channel->read; i != channel->written; i++)
        memcpy(place(&bigger, i), place(channel, i), channel->size);
    free(channel->places);
    *channel = bigger;
    return 1;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    if (tx->rx == NULL)
        return CHANNEL_CLOSED;
    if (tx->written - tx->read > tx->mask && !double_the_ring(tx))
        return CHANNEL_NO_MEMORY;
    memcpy(place(tx, tx->written++), message, tx->size);
    return CHANNEL_OK;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    struct sender *channel = rx->channel;

    if (channel->read == channel->written)
        return channel->count == 0 ? CHANNEL_CLOSED : CHANNEL_EMPTY;
    memcpy(message, place(channel, channel->read++), channel->size);
    return CHANNEL_OK;
}

static void free_if_unused(struct sender *channel)
{
    if (channel->count == 0 && channel->rx == NULL) {
        free(channel->places);
        free(channel);
    }
}

void sender_drop(struct sender *tx)
{
    if (tx == NULL)
        return;
    tx->count--;
    free_if_unused(tx);
}

void receiver_drop(struct receiver *rx)
{
    if (rx == NULL)
        return;
    rx->channel->rx = NULL;
    free_if_unused(rx->channel);
    free(rx);
}
