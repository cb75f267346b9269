/* What is different: every sender has a queue of its own, which outlives it until it is empty; a
 * number on each message says which is the oldest of all. */
#include "channel.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct entry {
    struct entry *next;
    uint64_t number;
    unsigned char message[];
};

struct sender {
    struct channel *channel;
    struct entry *head, *tail;
    struct sender *next; /* in the channel's list */
    bool dropped;
};

struct channel {
    pthread_mutex_t lock;
    pthread_cond_t cond;
    size_t message_size;
    struct sender *senders; /* those in use, and dropped ones with messages */
    size_t alive;
    uint64_t next_number;
    bool receiver_alive;
};

struct receiver {
    struct channel *channel;
};

static struct sender *add_sender(struct channel *ch)
{
    struct sender *s = calloc(1, sizeof *s);

    if (s == NULL)
        return NULL;
    s->channel = ch;
    s->next = ch->senders;
    ch->senders = s;
    ch->alive++;
    return s;
}

static void channel_free(struct channel *ch)
{
    while (ch->senders != NULL) {
        struct sender *s = ch->senders;
        ch->senders = s->next;
        while (s->head != NULL) {
            struct entry *e = s->head;
            s->head = e->next;
            free(e);
        }
        free(s);
    }
    pthread_cond_destroy(&ch->cond);
    pthread_mutex_destroy(&ch->lock);
    free(ch);
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    if (message_size == 0)
        return CHANNEL_INVALID;
    struct channel *ch = calloc(1, sizeof *ch);
    struct receiver *r = calloc(1, sizeof *r);
    struct sender *s = ch != NULL ? add_sender(ch) : NULL;
    if (r == NULL || s == NULL) {
        free(s);
        free(r);
        free(ch);
        return CHANNEL_NO_MEMORY;
    }
    pthread_mutex_init(&ch->lock, NULL);
    pthread_cond_init(&ch->cond, NULL);
    ch->message_size = message_size;
    ch->receiver_alive = true;
    r->channel = ch;
    *tx = s;
    *rx = r;
    return CHANNEL_OK;
}

struct sender *sender_clone(struct sender *tx)
{
    struct channel *ch = tx->channel;
    pthread_mutex_lock(&ch->lock);
    struct sender *s = add_sender(ch);
    pthread_mutex_unlock(&ch->lock);
    return s;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct channel *ch = tx->channel;
    struct entry *e = NULL;

    if (ch->message_size <= SIZE_MAX - sizeof *e)
        e = malloc(sizeof *e + ch->message_size);
    if (e == NULL)
        return CHANNEL_NO_MEMORY;
    e->next = NULL;
    memcpy(e->message, message, ch->message_size);
    pthread_mutex_lock(&ch->lock);
    if (!ch->receiver_alive) {
        pthread_mutex_unlock(&ch->lock);
        free(e);
        return CHANNEL_CLOSED;
    }
    e->number = ch->next_number++;
    if (tx->tail != NULL)
        tx->tail->next = e;
    else
        tx->head = e;
    tx->tail = e;
    pthread_cond_signal(&ch->cond);
    pthread_mutex_unlock(&ch->lock);
    return CHANNEL_OK;
}

/* Where the sender with the oldest message hangs in the list, or NULL. */
static struct sender **find_oldest(struct channel *ch)
{
    struct sender **oldest = NULL;

    for (struct sender **p = &ch->senders; *p != NULL; p = &(*p)->next)
        if ((*p)->head != NULL && (oldest == NULL || (*p)->head->number < (*oldest)->head->number))
            oldest = p;
    return oldest;
}

static void unlink_if_done(struct sender **where)
{
    struct sender *s = *where;

    if (s->dropped && s->head == NULL) {
        *where = s->next;
        free(s);
    }
}

static enum channel_status receive(struct channel *ch, void *message, bool wait)
{
    struct sender **where;
    enum channel_status status = CHANNEL_OK;

    pthread_mutex_lock(&ch->lock);
    while ((where = find_oldest(ch)) == NULL && wait && ch->alive > 0)
        pthread_cond_wait(&ch->cond, &ch->lock);
    if (where != NULL) {
        struct entry *e = (*where)->head;
        (*where)->head = e->next;
        if (e->next == NULL)
            (*where)->tail = NULL;
        memcpy(message, e->message, ch->message_size);
        free(e);
        unlink_if_done(where);
    } else {
        status = ch->alive > 0 ? CHANNEL_EMPTY : CHANNEL_CLOSED;
    }
    pthread_mutex_unlock(&ch->lock);
    return status;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    return receive(rx->channel, message, false);
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    return receive(rx->channel, message, true);
}

void sender_drop(struct sender *tx)
{
    if (tx == NULL)
        return;
    struct channel *ch = tx->channel;
    pthread_mutex_lock(&ch->lock);
    struct sender **where = &ch->senders;
    while (*where != tx)
        where = &(*where)->next;
    tx->dropped = true;
    unlink_if_done(where);
    ch->alive--;
    if (ch->alive == 0)
        pthread_cond_signal(&ch->cond);
    bool last = ch->alive == 0 && !ch->receiver_alive;
    pthread_mutex_unlock(&ch->lock);
    if (last)
        channel_free(ch);
}

void receiver_drop(struct receiver *rx)
{
    if (rx == NULL)
        return;
    struct channel *ch = rx->channel;
    free(rx);
    pthread_mutex_lock(&ch->lock);
    ch->receiver_alive = false;
    bool last = ch->alive == 0;
    pthread_mutex_unlock(&ch->lock);
    if (last)
        channel_free(ch);
}
