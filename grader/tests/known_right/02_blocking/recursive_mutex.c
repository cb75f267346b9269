/* What is different: a recursive mutex, because public functions call public functions; the queue is
 * one array, moved down when a message is taken; a send first makes room, and says so by itself. */
#include "channel.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct channel {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    char *array;
    size_t message_size, n, room;
    size_t senders, receivers;
};

struct sender {
    struct channel *channel;
};

struct receiver {
    struct channel *channel;
};

static int init_mutex(pthread_mutex_t *mutex)
{
    pthread_mutexattr_t recursive;
    int error;

    if (pthread_mutexattr_init(&recursive) != 0)
        return -1;
    pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
    error = pthread_mutex_init(mutex, &recursive);
    pthread_mutexattr_destroy(&recursive);
    return error;
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    struct channel *channel;
    struct sender *sender = NULL;
    struct receiver *receiver = NULL;

    if (message_size == 0)
        return CHANNEL_INVALID;
    channel = calloc(1, sizeof *channel);
    if (channel == NULL)
        goto failed;
    sender = calloc(1, sizeof *sender);
    if (sender == NULL)
        goto failed;
    receiver = calloc(1, sizeof *receiver);
    if (receiver == NULL)
        goto failed;
    if (init_mutex(&channel->mutex) != 0)
        goto failed;
    if (pthread_cond_init(&channel->changed, NULL) != 0) {
        pthread_mutex_destroy(&channel->mutex);
        goto failed;
    }
    channel->message_size = message_size;
    channel->senders = 1;
    channel->receivers = 1;
    sender->channel = channel;
    receiver->channel = channel;
    *tx = sender;
    *rx = receiver;
    return CHANNEL_OK;

failed:
    free(receiver);
    free(sender);
    free(channel);
    return CHANNEL_NO_MEMORY;
}

struct sender *sender_clone(struct sender *tx)
{
    struct sender *clone = calloc(1, sizeof *clone);

    if (clone == NULL)
        return NULL;
    pthread_mutex_lock(&tx->channel->mutex);
    clone->channel = tx->channel;
    clone->channel->senders += 1;
    pthread_mutex_unlock(&tx->channel->mutex);
    return clone;
}

static enum channel_status make_room(struct channel *channel)
{
    enum channel_status status = CHANNEL_OK;

    pthread_mutex_lock(&channel->mutex);
    if (channel->n == channel->room) {
        size_t room = channel->room + channel->room / 2 + 1;
        char *array = NULL;

        if (room <= SIZE_MAX / channel->message_size)
            array = realloc(channel->array, room * channel->message_size);
        if (array != NULL) {
            channel->array = array;
            channel->room = room;
        } else {
            status = CHANNEL_NO_MEMORY;
        }
    }
    pthread_mutex_unlock(&channel->mutex);
    return status;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct channel *channel = tx->channel;
    enum channel_status status = CHANNEL_CLOSED;

    pthread_mutex_lock(&channel->mutex);
    if (channel->receivers > 0)
        status = make_room(channel);
    if (status == CHANNEL_OK) {
        memcpy(channel->array + channel->n * channel->message_size, message, channel->message_size);
        channel->n++;
        pthread_cond_broadcast(&channel->changed);
    }
    pthread_mutex_unlock(&channel->mutex);
    return status;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    struct channel *channel = rx->channel;
    enum channel_status status = CHANNEL_EMPTY;

    pthread_mutex_lock(&channel->mutex);
    if (channel->n > 0) {
        memcpy(message, channel->array, channel->message_size);
        channel->n--;
        memmove(channel->array, channel->array + channel->message_size,
                channel->n * channel->message_size);
        status = CHANNEL_OK;
    } else if (channel->senders == 0) {
        status = CHANNEL_CLOSED;
    }
    pthread_mutex_unlock(&channel->mutex);
    return status;
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    struct channel *channel = rx->channel;
    enum channel_status status;

    pthread_mutex_lock(&channel->mutex);
    do {
        status = receiver_try_recv(rx, message);
        if (status == CHANNEL_EMPTY)
            pthread_cond_wait(&channel->changed, &channel->mutex);
    } while (status == CHANNEL_EMPTY);
    pthread_mutex_unlock(&channel->mutex);
    return status;
}

static void drop(struct channel *channel, size_t *handles)
{
    int last;

    pthread_mutex_lock(&channel->mutex);
    *handles -= 1;
    last = channel->senders == 0 && channel->receivers == 0;
    pthread_cond_broadcast(&channel->changed);
    pthread_mutex_unlock(&channel->mutex);
    if (last) {
        pthread_cond_destroy(&channel->changed);
        pthread_mutex_destroy(&channel->mutex);
        free(channel->array);
        free(channel);
    }
}

void sender_drop(struct sender *tx)
{
    if (tx != NULL) {
        drop(tx->channel, &tx->channel->senders);
        free(tx);
    }
}

void receiver_drop(struct receiver *rx)
{
    if (rx != NULL) {
        drop(rx->channel, &rx->channel->receivers);
        free(rx);
    }
}
