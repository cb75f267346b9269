/* A growing ring; receiver_drop takes one message after the other, and lets go of the lock for each.
 * All handles of a channel are counted together, the senders besides on their own. Each sender is the
 * same pointer. */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "channel.h"

struct sender {
    int unused;
};

struct receiver {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    size_t size;
    void (*drop)(void *);
    char *ring;
    char *spare; /* one message, for receiver_drop */
    size_t capacity, head, used;
    size_t senders;
    size_t handles; /* senders, and one for the receiver until it has dropped all */
    int closed;
    struct sender sender;
};

/* A sender lies in its channel, which is the receiver. */
static struct receiver *channel_of(struct sender *tx)
{
    return (struct receiver *)(void *)((char *)tx - offsetof(struct receiver, sender));
}

enum channel_status channel_create_with_drop(size_t message_size, void (*drop)(void *message),
                                             struct sender **tx, struct receiver **rx)
{
    struct receiver *ch;

    if (message_size == 0)
        return CHANNEL_INVALID;
    ch = calloc(1, sizeof *ch);
    if (ch == NULL)
        return CHANNEL_NO_MEMORY;
    ch->spare = malloc(message_size);
    if (ch->spare == NULL) {
        free(ch);
        return CHANNEL_NO_MEMORY;
    }
    if (pthread_mutex_init(&ch->mutex, NULL) != 0) {
        free(ch->spare);
        free(ch);
        return CHANNEL_NO_MEMORY;
    }
    if (pthread_cond_init(&ch->changed, NULL) != 0) {
        pthread_mutex_destroy(&ch->mutex);
        free(ch->spare);
        free(ch);
        return CHANNEL_NO_MEMORY;
    }
    ch->size = message_size;
    ch->drop = drop;
    ch->senders = 1;
    ch->handles = 2;
    *tx = &ch->sender;
    *rx = ch;
    return CHANNEL_OK;
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    return channel_create_with_drop(message_size, NULL, tx, rx);
}

struct sender *sender_clone(struct sender *tx)
{
    struct receiver *ch = channel_of(tx);

    pthread_mutex_lock(&ch->mutex);
    ch->senders++;
    ch->handles++;
    pthread_mutex_unlock(&ch->mutex);
    return tx;
}

static int grow(struct receiver *ch)
{
    size_t capacity = ch->capacity == 0 ? 2 : 2 * ch->capacity;
    size_t tail;
    char *ring;

    if (capacity > SIZE_MAX / ch->size)
        return -1;
    ring = realloc(ch->ring, capacity * ch->size);
    if (ring == NULL)
        return -1;
    tail = ch->capacity - ch->head; /* messages from head to the old end move to the new end */
    memmove(ring + (capacity - tail) * ch->size, ring + ch->head * ch->size, tail * ch->size);
    ch->head = capacity - tail;
    if (ch->used == 0 || tail == 0)
        ch->head = 0;
    ch->ring = ring;
    ch->capacity = capacity;
    return 0;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct receiver *ch = channel_of(tx);
    enum channel_status status = CHANNEL_OK;

    pthread_mutex_lock(&ch->mutex);
    if (ch->closed) {
        status = CHANNEL_CLOSED;
    } else if (ch->used == ch->capacity && grow(ch) != 0) {
        status = CHANNEL_NO_MEMORY;
    } else {
        memcpy(ch->ring + (ch->head + ch->used) % ch->capacity * ch->size, message, ch->size);
        ch->used++;
    }
    pthread_cond_signal(&ch->changed);
    pthread_mutex_unlock(&ch->mutex);
    return status;
}

/* With the mutex held. */
static int pop(struct receiver *ch, void *message)
{
    if (ch->used == 0)
        return 0;
    memcpy(message, ch->ring + ch->head * ch->size, ch->size);
    ch->head = (ch->head + 1) % ch->capacity;
    ch->used--;
    return 1;
}

static enum channel_status receive(struct receiver *ch, void *message, int wait)
{
    enum channel_status status;

    pthread_mutex_lock(&ch->mutex);
    while (wait && ch->used == 0 && ch->senders != 0)
        pthread_cond_wait(&ch->changed, &ch->mutex);
    if (pop(ch, message))
        status = CHANNEL_OK;
    else if (ch->senders == 0)
        status = CHANNEL_CLOSED;
    else
        status = CHANNEL_EMPTY;
    pthread_mutex_unlock(&ch->mutex);
    return status;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    return receive(rx, message, 0);
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    return receive(rx, message, 1);
}

/* With the mutex held, which is released. */
static void give_back(struct receiver *ch)
{
    size_t left = --ch->handles;

    pthread_mutex_unlock(&ch->mutex);
    if (left != 0)
        return;
    pthread_mutex_destroy(&ch->mutex);
    pthread_cond_destroy(&ch->changed);
    free(ch->ring);
    free(ch->spare);
    free(ch);
}

void sender_drop(struct sender *tx)
{
    if (tx != NULL) {
        struct receiver *ch = channel_of(tx);

        pthread_mutex_lock(&ch->mutex);
        if (--ch->senders == 0)
            pthread_cond_signal(&ch->changed);
        give_back(ch);
    }
}

void receiver_drop(struct receiver *rx)
{
    if (rx == NULL)
        return;
    pthread_mutex_lock(&rx->mutex);
    rx->closed = 1;
    while (pop(rx, rx->spare)) {
        pthread_mutex_unlock(&rx->mutex);
        if (rx->drop != NULL)
            rx->drop(rx->spare);
        pthread_mutex_lock(&rx->mutex);
    }
    give_back(rx);
}
