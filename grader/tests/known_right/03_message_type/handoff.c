/* Hand-off: a sender that finds the receiver asleep puts the message where the receiver wants it.
 * What nobody waits for is kept in a list. */
#include "channel.h"

#include <pthread.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct parcel {
    struct parcel *next;
    alignas(max_align_t) unsigned char content[];
};

/* On the receiver's stack while it sleeps. */
struct wish {
    void *where; /* NULL once it is fulfilled */
    pthread_cond_t fulfilled;
};

struct channel {
    pthread_mutex_t lock;
    size_t size;
    void (*drop)(void *message);
    struct parcel *first, *last;
    struct wish *wish; /* only while the list is empty */
    size_t senders;
    bool receiver_left;
};

struct sender {
    struct channel *ch;
};

struct receiver {
    struct channel *ch;
};

enum channel_status channel_create_with_drop(size_t message_size, void (*drop)(void *message),
                                             struct sender **tx, struct receiver **rx)
{
    struct channel *ch;
    struct sender *s;
    struct receiver *r;

    if (message_size == 0)
        return CHANNEL_INVALID;
    ch = calloc(1, sizeof *ch);
    s = malloc(sizeof *s);
    r = malloc(sizeof *r);
    if (ch == NULL || s == NULL || r == NULL) {
        free(ch);
        free(s);
        free(r);
        return CHANNEL_NO_MEMORY;
    }
    pthread_mutex_init(&ch->lock, NULL);
    ch->size = message_size;
    ch->drop = drop;
    ch->senders = 1;
    s->ch = r->ch = ch;
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
    struct sender *s = malloc(sizeof *s);

    if (s == NULL)
        return NULL;
    s->ch = tx->ch;
    pthread_mutex_lock(&s->ch->lock);
    s->ch->senders++;
    pthread_mutex_unlock(&s->ch->lock);
    return s;
}

/* Lock held. */
static enum channel_status store(struct channel *ch, const void *message)
{
    struct parcel *parcel;

    if (ch->size > SIZE_MAX - sizeof *parcel)
        return CHANNEL_NO_MEMORY;
    parcel = malloc(sizeof *parcel + ch->size);
    if (parcel == NULL)
        return CHANNEL_NO_MEMORY;
    parcel->next = NULL;
    memcpy(parcel->content, message, ch->size);
    if (ch->first == NULL)
        ch->first = parcel;
    else
        ch->last->next = parcel;
    ch->last = parcel;
    return CHANNEL_OK;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct channel *ch = tx->ch;
    enum channel_status status = CHANNEL_OK;

    pthread_mutex_lock(&ch->lock);
    if (ch->receiver_left) {
        status = CHANNEL_CLOSED;
    } else if (ch->wish != NULL) {
        memcpy(ch->wish->where, message, ch->size);
        ch->wish->where = NULL;
        pthread_cond_signal(&ch->wish->fulfilled);
        ch->wish = NULL;
    } else {
        status = store(ch, message);
    }
    pthread_mutex_unlock(&ch->lock);
    return status;
}

/* Lock held, and released. */
static enum channel_status take_and_unlock(struct channel *ch, void *message)
{
    struct parcel *parcel = ch->first;
    bool senders_left = ch->senders > 0;

    if (parcel != NULL)
        ch->first = parcel->next;
    pthread_mutex_unlock(&ch->lock);
    if (parcel == NULL)
        return senders_left ? CHANNEL_EMPTY : CHANNEL_CLOSED;
    memcpy(message, parcel->content, ch->size);
    free(parcel);
    return CHANNEL_OK;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    pthread_mutex_lock(&rx->ch->lock);
    return take_and_unlock(rx->ch, message);
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    struct channel *ch = rx->ch;
    struct wish wish = {.where = message};

    pthread_mutex_lock(&ch->lock);
    if (ch->first != NULL || ch->senders == 0)
        return take_and_unlock(ch, message);
    pthread_cond_init(&wish.fulfilled, NULL);
    ch->wish = &wish;
    while (wish.where != NULL && ch->senders > 0)
        pthread_cond_wait(&wish.fulfilled, &ch->lock);
    ch->wish = NULL;
    pthread_mutex_unlock(&ch->lock);
    pthread_cond_destroy(&wish.fulfilled);
    return wish.where == NULL ? CHANNEL_OK : CHANNEL_CLOSED;
}

static void unlock_and_free(struct channel *ch, bool unused)
{
    pthread_mutex_unlock(&ch->lock);
    if (unused) {
        pthread_mutex_destroy(&ch->lock);
        free(ch);
    }
}

void sender_drop(struct sender *tx)
{
    struct channel *ch;

    if (tx == NULL)
        return;
    ch = tx->ch;
    free(tx);
    pthread_mutex_lock(&ch->lock);
    ch->senders--;
    if (ch->senders == 0 && ch->wish != NULL)
        pthread_cond_signal(&ch->wish->fulfilled);
    unlock_and_free(ch, ch->senders == 0 && ch->receiver_left);
}

void receiver_drop(struct receiver *rx)
{
    struct channel *ch;
    struct parcel *parcel;
    void (*drop)(void *message);

    if (rx == NULL)
        return;
    ch = rx->ch;
    drop = ch->drop;
    free(rx);
    pthread_mutex_lock(&ch->lock);
    parcel = ch->first;
    ch->first = NULL;
    ch->receiver_left = true;
    unlock_and_free(ch, ch->senders == 0);
    while (parcel != NULL) {
        struct parcel *next = parcel->next;

        if (drop != NULL)
            drop(parcel->content);
        free(parcel);
        parcel = next;
    }
}
