/* What is different: a sleeping receiver leaves word where it wants its message, and the sender puts
 * it right there; only what nobody waits for is queued. */
#include "channel.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct parcel {
    struct parcel *behind;
    char content[];
};

struct channel {
    pthread_mutex_t lock;
    pthread_cond_t delivered_or_closed;
    size_t message_size;
    struct parcel *front, *back;
    void *doorstep; /* where the sleeping receiver wants its message; NULL when it doesn't sleep */
    size_t senders;
    bool receiver_alive;
};

struct sender {
    struct channel *channel;
};

struct receiver {
    struct channel *channel;
};

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    /* all three in one block: the channel lives as long as any handle */
    struct everything {
        struct channel channel;
        struct receiver receiver;
    } * everything;
    struct sender *sender;

    if (message_size == 0)
        return CHANNEL_INVALID;
    everything = calloc(1, sizeof *everything);
    sender = calloc(1, sizeof *sender);
    if (everything == NULL || sender == NULL) {
        free(everything);
        free(sender);
        return CHANNEL_NO_MEMORY;
    }
    pthread_mutex_init(&everything->channel.lock, NULL);
    pthread_cond_init(&everything->channel.delivered_or_closed, NULL);
    everything->channel.message_size = message_size;
    everything->channel.senders = 1;
    everything->channel.receiver_alive = true;
    everything->receiver.channel = &everything->channel;
    sender->channel = &everything->channel;
    *tx = sender;
    *rx = &everything->receiver;
    return CHANNEL_OK;
}

static void free_channel(struct channel *ch)
{
    struct parcel *parcel = ch->front;

    while (parcel != NULL) {
        struct parcel *gone = parcel;
        parcel = parcel->behind;
        free(gone);
    }
    pthread_cond_destroy(&ch->delivered_or_closed);
    pthread_mutex_destroy(&ch->lock);
    free(ch); /* the first member of everything */
}

struct sender *sender_clone(struct sender *tx)
{
    struct sender *clone = calloc(1, sizeof *clone);

    if (clone != NULL) {
        clone->channel = tx->channel;
        pthread_mutex_lock(&clone->channel->lock);
        clone->channel->senders++;
        pthread_mutex_unlock(&clone->channel->lock);
    }
    return clone;
}

/* The lock is held. */
static enum channel_status enqueue(struct channel *ch, const void *message)
{
    struct parcel *parcel;

    if (ch->message_size > SIZE_MAX - sizeof *parcel)
        return CHANNEL_NO_MEMORY;
    parcel = malloc(sizeof *parcel + ch->message_size);
    if (parcel == NULL)
        return CHANNEL_NO_MEMORY;
    parcel->behind = NULL;
    memcpy(parcel->content, message, ch->message_size);
    if (ch->front == NULL)
        ch->front = parcel;
    else
        ch->back->behind = parcel;
    ch->back = parcel;
    return CHANNEL_OK;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct channel *ch = tx->channel;
    enum channel_status status = CHANNEL_OK;

    pthread_mutex_lock(&ch->lock);
    if (!ch->receiver_alive) {
        status = CHANNEL_CLOSED;
    } else if (ch->doorstep != NULL) {
        memcpy(ch->doorstep, message, ch->message_size);
        ch->doorstep = NULL;
        pthread_cond_signal(&ch->delivered_or_closed);
    } else {
        status = enqueue(ch, message);
    }
    pthread_mutex_unlock(&ch->lock);
    return status;
}

/* The lock is held. */
static enum channel_status dequeue(struct channel *ch, void *message)
{
    struct parcel *parcel = ch->front;

    if (parcel == NULL)
        return ch->senders > 0 ? CHANNEL_EMPTY : CHANNEL_CLOSED;
    ch->front = parcel->behind;
    memcpy(message, parcel->content, ch->message_size);
    free(parcel);
    return CHANNEL_OK;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    pthread_mutex_lock(&rx->channel->lock);
    enum channel_status status = dequeue(rx->channel, message);
    pthread_mutex_unlock(&rx->channel->lock);
    return status;
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    struct channel *ch = rx->channel;
    enum channel_status status;

    pthread_mutex_lock(&ch->lock);
    status = dequeue(ch, message);
    if (status == CHANNEL_EMPTY) {
        ch->doorstep = message;
        while (ch->doorstep != NULL && ch->senders > 0)
            pthread_cond_wait(&ch->delivered_or_closed, &ch->lock);
        status = ch->doorstep == NULL ? CHANNEL_OK : CHANNEL_CLOSED;
        ch->doorstep = NULL;
    }
    pthread_mutex_unlock(&ch->lock);
    return status;
}

void sender_drop(struct sender *tx)
{
    if (tx == NULL)
        return;
    struct channel *ch = tx->channel;
    free(tx);
    pthread_mutex_lock(&ch->lock);
    ch->senders--;
    bool last = ch->senders == 0 && !ch->receiver_alive;
    if (ch->senders == 0 && ch->doorstep != NULL)
        pthread_cond_signal(&ch->delivered_or_closed);
    pthread_mutex_unlock(&ch->lock);
    if (last)
        free_channel(ch);
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
    if (last)
        free_channel(ch);
}
