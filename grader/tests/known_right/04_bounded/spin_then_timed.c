/* Both sides look a few times, then sleep with a deadline far away, round and round. An
 * error-checking mutex; the handles of a channel and the channel are one block. */
#include "channel.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LOOKS = 6, FAR_AWAY = 7200 };

struct channel;

struct sender {
    struct channel *of;
};

struct receiver {
    struct channel *of;
};

struct channel {
    struct sender sender;
    struct receiver receiver;
    pthread_mutex_t lock;
    pthread_cond_t more, less;
    size_t size;
    void (*drop)(void *message);
    bool bounded;
    size_t places;
    uint64_t sent, received; /* so many, so far */
    char *buffer;
    unsigned senders;
    bool closed;
};

static void init_lock(struct channel *ch)
{
    pthread_mutexattr_t attributes;

    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);
    pthread_mutex_init(&ch->lock, &attributes);
    pthread_mutexattr_destroy(&attributes);
    pthread_cond_init(&ch->more, NULL);
    pthread_cond_init(&ch->less, NULL);
}

static enum channel_status create(size_t size, size_t places, bool bounded,
                                  void (*drop)(void *message), struct sender **tx,
                                  struct receiver **rx)
{
    struct channel *ch;

    if (size == 0 || places == 0)
        return CHANNEL_INVALID;
    if (size > SIZE_MAX / places)
        return CHANNEL_NO_MEMORY;
    ch = calloc(1, sizeof *ch);
    if (ch == NULL)
        return CHANNEL_NO_MEMORY;
    ch->buffer = malloc(places * size);
    if (ch->buffer == NULL) {
        free(ch);
        return CHANNEL_NO_MEMORY;
    }
    init_lock(ch);
    ch->size = size;
    ch->drop = drop;
    ch->bounded = bounded;
    ch->places = places;
    ch->senders = 1;
    ch->sender.of = ch->receiver.of = ch;
    *tx = &ch->sender;
    *rx = &ch->receiver;
    return CHANNEL_OK;
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    return create(message_size, 1, false, NULL, tx, rx);
}

enum channel_status channel_create_with_drop(size_t message_size, void (*drop)(void *message),
                                             struct sender **tx, struct receiver **rx)
{
    return create(message_size, 1, false, drop, tx, rx);
}

enum channel_status channel_create_bounded(size_t message_size, size_t capacity,
                                           void (*drop)(void *message), struct sender **tx,
                                           struct receiver **rx)
{
    return create(message_size, capacity, true, drop, tx, rx);
}

struct sender *sender_clone(struct sender *tx)
{
    pthread_mutex_lock(&tx->of->lock);
    tx->of->senders++;
    pthread_mutex_unlock(&tx->of->lock);
    return tx;
}

static char *place(struct channel *ch, uint64_t number)
{
    return ch->buffer + number % ch->places * ch->size;
}

static bool grow(struct channel *ch)
{
    char *buffer;
    size_t places = 2 * ch->places;

    if (ch->places > SIZE_MAX / 2 / ch->size)
        return false;
    buffer = malloc(places * ch->size);
    if (buffer == NULL)
        return false;
    for (uint64_t n = ch->received; n < ch->sent; n++)
        memcpy(buffer + n % places * ch->size, place(ch, n), ch->size);
    free(ch->buffer);
    ch->buffer = buffer;
    ch->places = places;
    return true;
}

static bool is_full(const struct channel *ch)
{
    return ch->sent - ch->received == ch->places;
}

enum channel_status sender_try_send(struct sender *tx, const void *message)
{
    struct channel *ch = tx->of;
    enum channel_status status = CHANNEL_OK;

    pthread_mutex_lock(&ch->lock);
    if (ch->closed)
        status = CHANNEL_CLOSED;
    else if (ch->bounded && is_full(ch))
        status = CHANNEL_FULL;
    else if (is_full(ch) && !grow(ch))
        status = CHANNEL_NO_MEMORY;
    else
        memcpy(place(ch, ch->sent++), message, ch->size);
    pthread_mutex_unlock(&ch->lock);
    if (status == CHANNEL_OK)
        pthread_cond_signal(&ch->more);
    return status;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    struct channel *ch = rx->of;
    enum channel_status status = CHANNEL_OK;

    pthread_mutex_lock(&ch->lock);
    if (ch->sent != ch->received)
        memcpy(message, place(ch, ch->received++), ch->size);
    else
        status = ch->senders == 0 ? CHANNEL_CLOSED : CHANNEL_EMPTY;
    pthread_mutex_unlock(&ch->lock);
    if (status == CHANNEL_OK)
        pthread_cond_signal(&ch->less);
    return status;
}

static bool must_sleep_to_send(const struct channel *ch)
{
    return is_full(ch) && !ch->closed;
}

static bool must_sleep_to_receive(const struct channel *ch)
{
    return ch->sent == ch->received && ch->senders > 0;
}

static void sleep_while(struct channel *ch, bool (*must_sleep)(const struct channel *),
                        pthread_cond_t *cond)
{
    struct timespec deadline;

    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += FAR_AWAY;
    pthread_mutex_lock(&ch->lock);
    while (must_sleep(ch))
        if (pthread_cond_timedwait(cond, &ch->lock, &deadline) == ETIMEDOUT)
            break; /* come again */
    pthread_mutex_unlock(&ch->lock);
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    enum channel_status status;

    for (int look = 0; (status = sender_try_send(tx, message)) == CHANNEL_FULL; look++) {
        if (look < LOOKS)
            sched_yield();
        else
            sleep_while(tx->of, must_sleep_to_send, &tx->of->less);
    }
    return status;
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    enum channel_status status;

    for (int look = 0; (status = receiver_try_recv(rx, message)) == CHANNEL_EMPTY; look++) {
        if (look < LOOKS)
            sched_yield();
        else
            sleep_while(rx->of, must_sleep_to_receive, &rx->of->more);
    }
    return status;
}

static void unlock_and_free(struct channel *ch)
{
    bool last = ch->closed && ch->senders == 0;

    pthread_mutex_unlock(&ch->lock);
    if (!last)
        return;
    pthread_mutex_destroy(&ch->lock);
    pthread_cond_destroy(&ch->more);
    pthread_cond_destroy(&ch->less);
    free(ch->buffer);
    free(ch);
}

void sender_drop(struct sender *tx)
{
    if (tx == NULL)
        return;
    pthread_mutex_lock(&tx->of->lock);
    if (--tx->of->senders == 0)
        pthread_cond_signal(&tx->of->more);
    unlock_and_free(tx->of);
}

void receiver_drop(struct receiver *rx)
{
    struct channel *ch;

    if (rx == NULL)
        return;
    ch = rx->of;
    pthread_mutex_lock(&ch->lock);
    ch->closed = true;
    ch->senders++; /* a stand-in: the channel must last until all is dropped */
    pthread_cond_broadcast(&ch->less);
    while (ch->sent != ch->received) {
        char *message = place(ch, ch->received++);

        pthread_mutex_unlock(&ch->lock);
        if (ch->drop != NULL)
            ch->drop(message);
        pthread_mutex_lock(&ch->lock);
    }
    ch->senders--;
    unlock_and_free(ch);
}
