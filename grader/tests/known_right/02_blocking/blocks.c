/* What is different: messages lie in blocks of 32; the receiver gives an emptied block back, and the
 * senders use it again. Two mutexes: one for the messages, one for the counts of handles. */
#include "channel.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { PER_BLOCK = 32 };

struct block {
    struct block *next;
    size_t begin, end; /* messages begin to end - 1 are there */
    unsigned char bytes[];
};

struct channel {
    size_t size;

    pthread_mutex_t messages; /* guards the next four */
    pthread_cond_t some;
    struct block *first, *last;
    struct block *spare;
    bool no_sender;

    pthread_mutex_t handles; /* guards the rest; taken alone or before messages */
    size_t senders;
    bool receiver;
};

struct sender {
    struct channel *ch;
};

struct receiver {
    struct channel *ch;
};

static void free_everything(struct channel *ch)
{
    while (ch->first) {
        struct block *b = ch->first;
        ch->first = b->next;
        free(b);
    }
    free(ch->spare);
    pthread_cond_destroy(&ch->some);
    pthread_mutex_destroy(&ch->messages);
    pthread_mutex_destroy(&ch->handles);
    free(ch);
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    if (message_size == 0)
        return CHANNEL_INVALID;
    if (message_size > (SIZE_MAX - sizeof(struct block)) / PER_BLOCK)
        return CHANNEL_NO_MEMORY;
    struct channel *ch = calloc(1, sizeof *ch);
    struct sender *s = malloc(sizeof *s);
    struct receiver *r = malloc(sizeof *r);
    if (!ch || !s || !r) {
        free(ch);
        free(s);
        free(r);
        return CHANNEL_NO_MEMORY;
    }
    ch->size = message_size;
    pthread_mutex_init(&ch->messages, NULL);
    pthread_mutex_init(&ch->handles, NULL);
    pthread_cond_init(&ch->some, NULL);
    ch->senders = 1;
    ch->receiver = true;
    s->ch = ch;
    r->ch = ch;
    *tx = s;
    *rx = r;
    return CHANNEL_OK;
}

struct sender *sender_clone(struct sender *tx)
{
    struct sender *s = malloc(sizeof *s);
    if (s) {
        *s = *tx;
        pthread_mutex_lock(&s->ch->handles);
        s->ch->senders++;
        pthread_mutex_unlock(&s->ch->handles);
    }
    return s;
}

/* A block with room at the end of the list, or NULL. */
static struct block *block_with_room(struct channel *ch)
{
    if (ch->last && ch->last->end < PER_BLOCK)
        return ch->last;
    struct block *b = ch->spare;
    ch->spare = NULL;
    if (!b)
        b = malloc(sizeof *b + PER_BLOCK * ch->size);
    if (!b)
        return NULL;
    b->next = NULL;
    b->begin = b->end = 0;
    if (ch->last)
        ch->last->next = b;
    else
        ch->first = b;
    return ch->last = b;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct channel *ch = tx->ch;
    enum channel_status status = CHANNEL_CLOSED;

    pthread_mutex_lock(&ch->handles);
    if (ch->receiver) {
        pthread_mutex_lock(&ch->messages);
        struct block *b = block_with_room(ch);
        if (b)
            memcpy(b->bytes + b->end++ * ch->size, message, ch->size);
        status = b ? CHANNEL_OK : CHANNEL_NO_MEMORY;
        pthread_mutex_unlock(&ch->messages);
        pthread_cond_signal(&ch->some);
    }
    pthread_mutex_unlock(&ch->handles);
    return status;
}

/* The lock of the messages is held, and there is a first block, with at least one message. */
static void take(struct channel *ch, void *message)
{
    struct block *b = ch->first;

    memcpy(message, b->bytes + b->begin++ * ch->size, ch->size);
    if (b->begin < b->end)
        return;
    ch->first = b->next;
    if (!ch->first)
        ch->last = NULL;
    free(ch->spare);
    ch->spare = b;
}

static enum channel_status receive(struct channel *ch, void *message, bool sleep)
{
    enum channel_status status = CHANNEL_OK;

    pthread_mutex_lock(&ch->messages);
    while (sleep && !ch->first && !ch->no_sender)
        pthread_cond_wait(&ch->some, &ch->messages);
    if (ch->first)
        take(ch, message);
    else
        status = ch->no_sender ? CHANNEL_CLOSED : CHANNEL_EMPTY;
    pthread_mutex_unlock(&ch->messages);
    return status;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    return receive(rx->ch, message, false);
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    return receive(rx->ch, message, true);
}

void sender_drop(struct sender *tx)
{
    if (!tx)
        return;
    struct channel *ch = tx->ch;
    free(tx);
    pthread_mutex_lock(&ch->handles);
    bool last = --ch->senders == 0 && !ch->receiver;
    if (ch->senders == 0) {
        pthread_mutex_lock(&ch->messages);
        ch->no_sender = true;
        pthread_cond_signal(&ch->some);
        pthread_mutex_unlock(&ch->messages);
    }
    pthread_mutex_unlock(&ch->handles);
    if (last)
        free_everything(ch);
}

void receiver_drop(struct receiver *rx)
{
    if (!rx)
        return;
    struct channel *ch = rx->ch;
    free(rx);
    pthread_mutex_lock(&ch->handles);
    ch->receiver = false;
    bool last = ch->senders == 0;
    pthread_mutex_unlock(&ch->handles);
    if (last)
        free_everything(ch);
}
