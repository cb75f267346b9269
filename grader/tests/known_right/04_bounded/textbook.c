/* The textbook's bounded buffer: a ring, a mutex and two condition variables. The ring of an
 * unbounded channel grows. */
#include "channel.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct channel {
    size_t message_size;
    void (*drop)(void *message);
    bool bounded;
    pthread_mutex_t lock;
    pthread_cond_t not_empty; /* or no sender is left */
    pthread_cond_t not_full;  /* or the receiver has gone */
    unsigned char *ring;
    size_t capacity, first, count;
    size_t senders;
    bool receiver_alive;
};

struct sender {
    struct channel *channel;
};

struct receiver {
    struct channel *channel;
};

/* capacity: of the ring, 0 for an unbounded channel. */
static enum channel_status create(size_t message_size, size_t capacity, void (*drop)(void *message),
                                  struct sender **tx, struct receiver **rx)
{
    struct channel *ch = calloc(1, sizeof *ch);
    struct sender *sender = malloc(sizeof *sender);
    struct receiver *receiver = malloc(sizeof *receiver);
    unsigned char *ring = NULL;

    if (capacity > 0 && message_size <= SIZE_MAX / capacity)
        ring = malloc(message_size * capacity);
    if (ch == NULL || sender == NULL || receiver == NULL || (capacity > 0 && ring == NULL)) {
        free(ring);
        free(receiver);
        free(sender);
        free(ch);
        return CHANNEL_NO_MEMORY;
    }
    ch->message_size = message_size;
    ch->drop = drop;
    ch->bounded = capacity > 0;
    pthread_mutex_init(&ch->lock, NULL);
    pthread_cond_init(&ch->not_empty, NULL);
    pthread_cond_init(&ch->not_full, NULL);
    ch->ring = ring;
    ch->capacity = capacity;
    ch->senders = 1;
    ch->receiver_alive = true;
    sender->channel = ch;
    receiver->channel = ch;
    *tx = sender;
    *rx = receiver;
    return CHANNEL_OK;
}

enum channel_status channel_create_bounded(size_t message_size, size_t capacity,
                                           void (*drop)(void *message), struct sender **tx,
                                           struct receiver **rx)
{
    if (message_size == 0 || capacity == 0)
        return CHANNEL_INVALID;
    return create(message_size, capacity, drop, tx, rx);
}

enum channel_status channel_create_with_drop(size_t message_size, void (*drop)(void *message),
                                             struct sender **tx, struct receiver **rx)
{
    if (message_size == 0)
        return CHANNEL_INVALID;
    return create(message_size, 0, drop, tx, rx);
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    return channel_create_with_drop(message_size, NULL, tx, rx);
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

static unsigned char *slot(struct channel *ch, size_t index)
{
    return ch->ring + (ch->first + index) % ch->capacity * ch->message_size;
}

static bool grow(struct channel *ch)
{
    size_t capacity = ch->capacity == 0 ? 4 : ch->capacity * 2;
    unsigned char *ring;

    if (ch->message_size > SIZE_MAX / capacity)
        return false;
    ring = malloc(ch->message_size * capacity);
    if (ring == NULL)
        return false;
    for (size_t i = 0; i < ch->count; i++)
        memcpy(ring + i * ch->message_size, slot(ch, i), ch->message_size);
    free(ch->ring);
    ch->ring = ring;
    ch->capacity = capacity;
    ch->first = 0;
    return true;
}

static bool is_full(const struct channel *ch)
{
    return ch->bounded && ch->count == ch->capacity;
}

/* The lock is held. */
static enum channel_status put(struct channel *ch, const void *message)
{
    if (!ch->receiver_alive)
        return CHANNEL_CLOSED;
    if (is_full(ch))
        return CHANNEL_FULL;
    if (ch->count == ch->capacity && !grow(ch))
        return CHANNEL_NO_MEMORY;
    memcpy(slot(ch, ch->count), message, ch->message_size);
    ch->count++;
    pthread_cond_signal(&ch->not_empty);
    return CHANNEL_OK;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct channel *ch = tx->channel;
    enum channel_status status;

    pthread_mutex_lock(&ch->lock);
    while (is_full(ch) && ch->receiver_alive)
        pthread_cond_wait(&ch->not_full, &ch->lock);
    status = put(ch, message);
    pthread_mutex_unlock(&ch->lock);
    return status;
}

enum channel_status sender_try_send(struct sender *tx, const void *message)
{
    struct channel *ch = tx->channel;
    enum channel_status status;

    pthread_mutex_lock(&ch->lock);
    status = put(ch, message);
    pthread_mutex_unlock(&ch->lock);
    return status;
}

/* The lock is held. */
static enum channel_status take(struct channel *ch, void *message)
{
    if (ch->count == 0)
        return ch->senders > 0 ? CHANNEL_EMPTY : CHANNEL_CLOSED;
    memcpy(message, slot(ch, 0), ch->message_size);
    ch->first = (ch->first + 1) % ch->capacity;
    ch->count--;
    pthread_cond_signal(&ch->not_full);
    return CHANNEL_OK;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    struct channel *ch = rx->channel;
    enum channel_status status;

    pthread_mutex_lock(&ch->lock);
    status = take(ch, message);
    pthread_mutex_unlock(&ch->lock);
    return status;
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    struct channel *ch = rx->channel;
    enum channel_status status;

    pthread_mutex_lock(&ch->lock);
    while (ch->count == 0 && ch->senders > 0)
        pthread_cond_wait(&ch->not_empty, &ch->lock);
    status = take(ch, message);
    pthread_mutex_unlock(&ch->lock);
    return status;
}

/* The lock is held, and released. The last one frees the channel. */
static void leave(struct channel *ch)
{
    bool last = ch->senders == 0 && !ch->receiver_alive;

    pthread_mutex_unlock(&ch->lock);
    if (last) {
        pthread_cond_destroy(&ch->not_full);
        pthread_cond_destroy(&ch->not_empty);
        pthread_mutex_destroy(&ch->lock);
        free(ch->ring);
        free(ch);
    }
}

void sender_drop(struct sender *tx)
{
    if (tx == NULL)
        return;

    struct channel *ch = tx->channel;
    pthread_mutex_lock(&ch->lock);
    ch->senders--;
    if (ch->senders == 0)
        pthread_cond_signal(&ch->not_empty);
    leave(ch);
    free(tx);
}

void receiver_drop(struct receiver *rx)
{
    if (rx == NULL)
        return;

    struct channel *ch = rx->channel;
    struct channel left; /* what is to be dropped, once the channel may have gone */
    pthread_mutex_lock(&ch->lock);
    left = (struct channel){.message_size = ch->message_size,
                            .drop = ch->drop,
                            .ring = ch->ring,
                            .capacity = ch->capacity,
                            .first = ch->first,
                            .count = ch->count};
    ch->ring = NULL;
    ch->receiver_alive = false;
    pthread_cond_broadcast(&ch->not_full);
    leave(ch);
    free(rx);
    for (size_t i = 0; left.drop != NULL && i < left.count; i++)
        left.drop(slot(&left, i));
    free(left.ring);
}
