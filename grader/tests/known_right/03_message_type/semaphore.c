/* A semaphore counts the messages, and one more when the last sender has gone; a mutex guards the
 * list. Nobody waits for a condition. */
#include "channel.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

typedef struct item {
    struct item *next;
    void *bytes;
} item;

typedef struct channel {
    size_t size;
    void (*drop)(void *);
    sem_t tokens; /* one for each message whose send has returned, and one for good at the end */
    pthread_mutex_t mutex;
    item *head, *tail;
    size_t senders;
    bool receiver_gone;
} channel;

struct sender {
    channel *ch;
};

struct receiver {
    channel *ch;
};

enum channel_status channel_create_with_drop(size_t message_size, void (*drop)(void *message),
                                             struct sender **tx, struct receiver **rx)
{
    if (message_size == 0)
        return CHANNEL_INVALID;
    channel *ch = calloc(1, sizeof *ch);
    struct sender *s = calloc(1, sizeof *s);
    struct receiver *r = calloc(1, sizeof *r);
    if (!ch || !s || !r || sem_init(&ch->tokens, 0, 0) != 0) {
        free(ch), free(s), free(r);
        return CHANNEL_NO_MEMORY;
    }
    pthread_mutex_init(&ch->mutex, NULL);
    ch->size = message_size;
    ch->drop = drop;
    ch->senders = 1;
    s->ch = ch;
    r->ch = ch;
    *tx = s;
    *rx = r;
    return CHANNEL_OK;
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    return channel_create_with_drop(message_size, NULL, tx, rx);
}

struct sender *sender_clone(struct sender *tx)
{
    struct sender *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->ch = tx->ch;
    pthread_mutex_lock(&s->ch->mutex);
    ++s->ch->senders;
    pthread_mutex_unlock(&s->ch->mutex);
    return s;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    channel *ch = tx->ch;
    item *i = malloc(sizeof *i);
    void *bytes = malloc(ch->size);
    if (!i || !bytes) {
        free(i), free(bytes);
        return CHANNEL_NO_MEMORY;
    }
    i->next = NULL;
    i->bytes = memcpy(bytes, message, ch->size);
    pthread_mutex_lock(&ch->mutex);
    if (ch->receiver_gone) {
        pthread_mutex_unlock(&ch->mutex);
        free(i), free(bytes);
        return CHANNEL_CLOSED;
    }
    if (ch->head)
        ch->tail->next = i;
    else
        ch->head = i;
    ch->tail = i;
    pthread_mutex_unlock(&ch->mutex);
    sem_post(&ch->tokens);
    return CHANNEL_OK;
}

/* A token has been taken. A message for it, or CLOSED. */
static enum channel_status redeem(channel *ch, void *message)
{
    pthread_mutex_lock(&ch->mutex);
    item *i = ch->head;
    if (i)
        ch->head = i->next;
    pthread_mutex_unlock(&ch->mutex);
    if (!i) {
        sem_post(&ch->tokens); /* it was the last sender's: closed, now and for good */
        return CHANNEL_CLOSED;
    }
    memcpy(message, i->bytes, ch->size);
    free(i->bytes);
    free(i);
    return CHANNEL_OK;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    while (sem_trywait(&rx->ch->tokens) != 0)
        if (errno == EAGAIN)
            return CHANNEL_EMPTY;
    return redeem(rx->ch, message);
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    while (sem_wait(&rx->ch->tokens) != 0)
        ; /* EINTR */
    return redeem(rx->ch, message);
}

static void unlock_and_maybe_free(channel *ch)
{
    bool last = ch->senders == 0 && ch->receiver_gone;
    pthread_mutex_unlock(&ch->mutex);
    if (last) {
        sem_destroy(&ch->tokens);
        pthread_mutex_destroy(&ch->mutex);
        free(ch);
    }
}

void sender_drop(struct sender *tx)
{
    if (!tx)
        return;
    channel *ch = tx->ch;
    free(tx);
    pthread_mutex_lock(&ch->mutex);
    if (--ch->senders == 0)
        sem_post(&ch->tokens);
    unlock_and_maybe_free(ch);
}

void receiver_drop(struct receiver *rx)
{
    if (!rx)
        return;
    channel *ch = rx->ch;
    void (*drop)(void *) = ch->drop;
    free(rx);
    pthread_mutex_lock(&ch->mutex);
    ch->receiver_gone = true;
    item *i = ch->head;
    ch->head = NULL;
    unlock_and_maybe_free(ch);
    while (i) {
        item *next = i->next;
        if (drop)
            drop(i->bytes);
        free(i->bytes);
        free(i);
        i = next;
    }
}
