/* One condition variable for everybody, broadcast after every change; messages are shifted down in an
 * array. Every sender is the same pointer as the receiver: the channel. */
#include "channel.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct channel {
    pthread_mutex_t mutex;
    pthread_cond_t something_changed;
    size_t size;
    size_t limit; /* SIZE_MAX: none */
    void (*drop)(void *);
    char *array;
    size_t room, used;
    size_t senders;
    size_t users; /* handles, and one while messages are dropped */
    int receiver;
};

static struct channel *of_sender(struct sender *tx)
{
    return (struct channel *)tx;
}

static struct channel *of_receiver(struct receiver *rx)
{
    return (struct channel *)rx;
}

static enum channel_status make(size_t size, size_t limit, size_t room, void (*drop)(void *),
                                struct sender **tx, struct receiver **rx)
{
    struct channel *ch;

    if (room > SIZE_MAX / size)
        return CHANNEL_NO_MEMORY;
    ch = calloc(1, sizeof *ch);
    if (ch == NULL)
        return CHANNEL_NO_MEMORY;
    ch->array = malloc(room * size);
    if (ch->array == NULL) {
        free(ch);
        return CHANNEL_NO_MEMORY;
    }
    pthread_mutex_init(&ch->mutex, NULL);
    pthread_cond_init(&ch->something_changed, NULL);
    ch->size = size;
    ch->limit = limit;
    ch->room = room;
    ch->drop = drop;
    ch->senders = 1;
    ch->users = 2;
    ch->receiver = 1;
    *tx = (struct sender *)ch;
    *rx = (struct receiver *)ch;
    return CHANNEL_OK;
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    return channel_create_with_drop(message_size, NULL, tx, rx);
}

enum channel_status channel_create_with_drop(size_t message_size, void (*drop)(void *message),
                                             struct sender **tx, struct receiver **rx)
{
    if (message_size == 0)
        return CHANNEL_INVALID;
    return make(message_size, SIZE_MAX, 3, drop, tx, rx);
}

enum channel_status channel_create_bounded(size_t message_size, size_t capacity,
                                           void (*drop)(void *message), struct sender **tx,
                                           struct receiver **rx)
{
    if (message_size == 0 || capacity == 0)
        return CHANNEL_INVALID;
    return make(message_size, capacity, capacity, drop, tx, rx);
}

struct sender *sender_clone(struct sender *tx)
{
    struct channel *ch = of_sender(tx);

    pthread_mutex_lock(&ch->mutex);
    ch->senders++;
    ch->users++;
    pthread_mutex_unlock(&ch->mutex);
    return tx;
}

static int more_room(struct channel *ch)
{
    char *array;

    if (ch->room > SIZE_MAX / 2 / ch->size)
        return 0;
    array = realloc(ch->array, 2 * ch->room * ch->size);
    if (array == NULL)
        return 0;
    ch->array = array;
    ch->room *= 2;
    return 1;
}

static enum channel_status send(struct channel *ch, const void *message, int may_wait)
{
    enum channel_status status = CHANNEL_OK;

    pthread_mutex_lock(&ch->mutex);
    while (may_wait && ch->receiver && ch->used == ch->limit)
        pthread_cond_wait(&ch->something_changed, &ch->mutex);
    if (!ch->receiver)
        status = CHANNEL_CLOSED;
    else if (ch->used == ch->limit)
        status = CHANNEL_FULL;
    else if (ch->used == ch->room && !more_room(ch))
        status = CHANNEL_NO_MEMORY;
    else
        memcpy(ch->array + ch->used++ * ch->size, message, ch->size);
    pthread_cond_broadcast(&ch->something_changed);
    pthread_mutex_unlock(&ch->mutex);
    return status;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    return send(of_sender(tx), message, 1);
}

enum channel_status sender_try_send(struct sender *tx, const void *message)
{
    return send(of_sender(tx), message, 0);
}

static enum channel_status receive(struct channel *ch, void *message, int may_wait)
{
    enum channel_status status = CHANNEL_OK;

    pthread_mutex_lock(&ch->mutex);
    while (may_wait && ch->used == 0 && ch->senders > 0)
        pthread_cond_wait(&ch->something_changed, &ch->mutex);
    if (ch->used > 0) {
        memcpy(message, ch->array, ch->size);
        memmove(ch->array, ch->array + ch->size, --ch->used * ch->size);
    } else {
        status = ch->senders > 0 ? CHANNEL_EMPTY : CHANNEL_CLOSED;
    }
    pthread_cond_broadcast(&ch->something_changed);
    pthread_mutex_unlock(&ch->mutex);
    return status;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    return receive(of_receiver(rx), message, 0);
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    return receive(of_receiver(rx), message, 1);
}

/* With the mutex, which is released. */
static void one_user_less(struct channel *ch)
{
    size_t users = --ch->users;

    pthread_cond_broadcast(&ch->something_changed);
    pthread_mutex_unlock(&ch->mutex);
    if (users > 0)
        return;
    pthread_mutex_destroy(&ch->mutex);
    pthread_cond_destroy(&ch->something_changed);
    free(ch->array);
    free(ch);
}

void sender_drop(struct sender *tx)
{
    if (tx == NULL)
        return;
    pthread_mutex_lock(&of_sender(tx)->mutex);
    of_sender(tx)->senders--;
    one_user_less(of_sender(tx));
}

void receiver_drop(struct receiver *rx)
{
    struct channel *ch = of_receiver(rx);

    if (rx == NULL)
        return;
    pthread_mutex_lock(&ch->mutex);
    ch->receiver = 0;
    pthread_cond_broadcast(&ch->something_changed);
    pthread_mutex_unlock(&ch->mutex); /* no sender touches the array any more */
    for (size_t i = 0; ch->drop != NULL && i < ch->used; i++)
        ch->drop(ch->array + i * ch->size);
    pthread_mutex_lock(&ch->mutex);
    one_user_less(ch);
}
