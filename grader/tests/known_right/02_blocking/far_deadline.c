/* What is different: the receiver sleeps in pthread_cond_timedwait with a deadline an hour away, and
 * sleeps again when it should pass; the list is circular and known by its last node. */
#include "channel.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct node {
    struct node *next;
    unsigned char message[];
};

struct channel {
    pthread_mutex_t lock;
    pthread_cond_t readable;
    struct node *last; /* its next is the oldest; NULL when there is none */
    size_t message_size;
    size_t senders;
    size_t receivers;
};

struct sender {
    struct channel *channel;
};

struct receiver {
    struct channel *channel;
};

static struct channel *channel_new(size_t message_size)
{
    struct channel *ch = calloc(1, sizeof *ch);

    if (ch == NULL)
        return NULL;
    if (pthread_mutex_init(&ch->lock, NULL) != 0) {
        free(ch);
        return NULL;
    }
    if (pthread_cond_init(&ch->readable, NULL) != 0) {
        pthread_mutex_destroy(&ch->lock);
        free(ch);
        return NULL;
    }
    ch->message_size = message_size;
    return ch;
}

static struct node *take_oldest(struct channel *ch)
{
    struct node *oldest = ch->last != NULL ? ch->last->next : NULL;

    if (oldest == ch->last)
        ch->last = NULL;
    else
        ch->last->next = oldest->next;
    return oldest;
}

static void unlock_and_free_unless_used(struct channel *ch)
{
    int used = ch->senders > 0 || ch->receivers > 0;

    pthread_mutex_unlock(&ch->lock);
    if (used)
        return;
    for (struct node *node; (node = take_oldest(ch)) != NULL;)
        free(node);
    pthread_cond_destroy(&ch->readable);
    pthread_mutex_destroy(&ch->lock);
    free(ch);
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    if (message_size == 0)
        return CHANNEL_INVALID;
    struct channel *ch = channel_new(message_size);
    if (ch == NULL)
        return CHANNEL_NO_MEMORY;
    struct sender *s = malloc(sizeof *s);
    struct receiver *r = malloc(sizeof *r);
    pthread_mutex_lock(&ch->lock);
    if (s == NULL || r == NULL) {
        unlock_and_free_unless_used(ch);
        free(s);
        free(r);
        return CHANNEL_NO_MEMORY;
    }
    ch->senders = ch->receivers = 1;
    pthread_mutex_unlock(&ch->lock);
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

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct channel *ch = tx->channel;
    struct node *node;

    if (ch->message_size > SIZE_MAX - sizeof *node)
        return CHANNEL_NO_MEMORY;
    node = malloc(sizeof *node + ch->message_size);
    if (node == NULL)
        return CHANNEL_NO_MEMORY;
    memcpy(node->message, message, ch->message_size);
    pthread_mutex_lock(&ch->lock);
    if (ch->receivers == 0) {
        pthread_mutex_unlock(&ch->lock);
        free(node);
        return CHANNEL_CLOSED;
    }
    if (ch->last == NULL) {
        node->next = node;
        pthread_cond_signal(&ch->readable); /* only now can the receiver be asleep */
    } else {
        node->next = ch->last->next;
        ch->last->next = node;
    }
    ch->last = node;
    pthread_mutex_unlock(&ch->lock);
    return CHANNEL_OK;
}

static enum channel_status unlock_with(struct channel *ch, void *message)
{
    struct node *node = take_oldest(ch);
    enum channel_status status = ch->senders > 0 ? CHANNEL_EMPTY : CHANNEL_CLOSED;

    pthread_mutex_unlock(&ch->lock);
    if (node == NULL)
        return status;
    memcpy(message, node->message, ch->message_size);
    free(node);
    return CHANNEL_OK;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    pthread_mutex_lock(&rx->channel->lock);
    return unlock_with(rx->channel, message);
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    struct channel *ch = rx->channel;

    pthread_mutex_lock(&ch->lock);
    while (ch->last == NULL && ch->senders > 0) {
        struct timespec deadline;
        clock_gettime(CLOCK_REALTIME, &deadline);
        deadline.tv_sec += 3600;
        while (ch->last == NULL && ch->senders > 0 &&
               pthread_cond_timedwait(&ch->readable, &ch->lock, &deadline) != ETIMEDOUT)
            continue;
    }
    return unlock_with(ch, message);
}

void sender_drop(struct sender *tx)
{
    if (tx == NULL)
        return;
    struct channel *ch = tx->channel;
    free(tx);
    pthread_mutex_lock(&ch->lock);
    ch->senders--;
    pthread_cond_signal(&ch->readable);
    unlock_and_free_unless_used(ch);
}

void receiver_drop(struct receiver *rx)
{
    if (rx == NULL)
        return;
    struct channel *ch = rx->channel;
    free(rx);
    pthread_mutex_lock(&ch->lock);
    ch->receivers--;
    unlock_and_free_unless_used(ch);
}
