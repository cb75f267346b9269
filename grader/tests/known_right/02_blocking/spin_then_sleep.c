/* What is different: before it sleeps the receiver looks some tens of times, without the lock, whether
 * something has changed, and gives the processor away in between. Then it sleeps. */
#include "channel.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { TRIES = 40 };

struct channel {
    pthread_mutex_t lock;
    pthread_cond_t cond;
    atomic_bool worth_a_look; /* something is queued, or no sender is left; written under lock */
    unsigned char *buffer;    /* messages from get to put - 1, never wrapped: moved when it grows */
    size_t message_size, get, put, room;
    size_t senders;
    bool receiver_alive, sleeping;
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
    struct channel *ch = calloc(1, sizeof *ch);
    struct sender *s = malloc(sizeof *s);
    struct receiver *r = malloc(sizeof *r);
    if (ch == NULL || s == NULL || r == NULL) {
        free(ch);
        free(s);
        free(r);
        return CHANNEL_NO_MEMORY;
    }
    pthread_mutex_init(&ch->lock, NULL);
    pthread_cond_init(&ch->cond, NULL);
    atomic_init(&ch->worth_a_look, false);
    ch->message_size = message_size;
    ch->senders = 1;
    ch->receiver_alive = true;
    s->channel = ch;
    r->channel = ch;
    *tx = s;
    *rx = r;
    return CHANNEL_OK;
}

struct sender *sender_clone(struct sender *tx)
{
    struct sender *s = malloc(sizeof *s);
    if (s == NULL)
        return NULL;
    s->channel = tx->channel;
    pthread_mutex_lock(&s->channel->lock);
    s->channel->senders++;
    pthread_mutex_unlock(&s->channel->lock);
    return s;
}

static bool make_room(struct channel *ch)
{
    size_t used = ch->put - ch->get, room = used < ch->room / 2 ? ch->room : ch->room * 2 + 8;
    unsigned char *buffer;

    if (ch->put < ch->room)
        return true;
    if (room < ch->room || room > SIZE_MAX / ch->message_size)
        return false;
    buffer = malloc(room * ch->message_size);
    if (buffer == NULL)
        return false;
    if (used > 0)
        memcpy(buffer, ch->buffer + ch->get * ch->message_size, used * ch->message_size);
    free(ch->buffer);
    ch->buffer = buffer;
    ch->room = room;
    ch->get = 0;
    ch->put = used;
    return true;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct channel *ch = tx->channel;
    enum channel_status status;

    pthread_mutex_lock(&ch->lock);
    if (!ch->receiver_alive) {
        status = CHANNEL_CLOSED;
    } else if (!make_room(ch)) {
        status = CHANNEL_NO_MEMORY;
    } else {
        memcpy(ch->buffer + ch->put++ * ch->message_size, message, ch->message_size);
        atomic_store(&ch->worth_a_look, true);
        if (ch->sleeping)
            pthread_cond_signal(&ch->cond);
        status = CHANNEL_OK;
    }
    pthread_mutex_unlock(&ch->lock);
    return status;
}

/* The lock is held. */
static enum channel_status take(struct channel *ch, void *message)
{
    if (ch->get == ch->put)
        return ch->senders > 0 ? CHANNEL_EMPTY : CHANNEL_CLOSED;
    memcpy(message, ch->buffer + ch->get++ * ch->message_size, ch->message_size);
    if (ch->get == ch->put && ch->senders > 0)
        atomic_store(&ch->worth_a_look, false);
    return CHANNEL_OK;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    pthread_mutex_lock(&rx->channel->lock);
    enum channel_status status = take(rx->channel, message);
    pthread_mutex_unlock(&rx->channel->lock);
    return status;
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    struct channel *ch = rx->channel;
    enum channel_status status;

    for (int i = 0; i < TRIES && !atomic_load(&ch->worth_a_look); i++)
        sched_yield();
    pthread_mutex_lock(&ch->lock);
    while ((status = take(ch, message)) == CHANNEL_EMPTY) {
        ch->sleeping = true;
        pthread_cond_wait(&ch->cond, &ch->lock);
        ch->sleeping = false;
    }
    pthread_mutex_unlock(&ch->lock);
    return status;
}

static void unlock_and_maybe_free(struct channel *ch)
{
    bool last = ch->senders == 0 && !ch->receiver_alive;

    pthread_mutex_unlock(&ch->lock);
    if (!last)
        return;
    pthread_cond_destroy(&ch->cond);
    pthread_mutex_destroy(&ch->lock);
    free(ch->buffer);
    free(ch);
}

void sender_drop(struct sender *tx)
{
    if (tx == NULL)
        return;
    struct channel *ch = tx->channel;
    free(tx);
    pthread_mutex_lock(&ch->lock);
    if (--ch->senders == 0) {
        atomic_store(&ch->worth_a_look, true);
        pthread_cond_signal(&ch->cond);
    }
    unlock_and_maybe_free(ch);
}

void receiver_drop(struct receiver *rx)
{
    if (rx == NULL)
        return;
    struct channel *ch = rx->channel;
    free(rx);
    pthread_mutex_lock(&ch->lock);
    ch->receiver_alive = false;
    unlock_and_maybe_free(ch);
}
