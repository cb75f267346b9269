/* What is different: who wants the channel takes a number and is served in that order. The sleeping
 * receiver waits for a count of events to change, so no lock of the queue is held while it sleeps. */
#include "channel.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct counter {
    pthread_mutex_t mutex;
    pthread_cond_t next_please;
    unsigned long next_number, now_serving;
    unsigned long events;
    pthread_cond_t event;
};

struct node {
    struct node *next;
    unsigned char bytes[];
};

struct channel {
    struct counter counter;
    size_t size;
    struct node *first, **end;
    size_t senders;
    int receiver_here;
};

struct sender {
    struct channel *channel;
};

struct receiver {
    struct channel *channel;
};

static void take_a_number_and_wait(struct counter *c)
{
    pthread_mutex_lock(&c->mutex);
    unsigned long mine = c->next_number++;
    while (c->now_serving != mine)
        pthread_cond_wait(&c->next_please, &c->mutex);
    pthread_mutex_unlock(&c->mutex);
}

/* happened: whether the receiver has to look again. */
static void leave(struct counter *c, int happened)
{
    pthread_mutex_lock(&c->mutex);
    c->now_serving++;
    pthread_cond_broadcast(&c->next_please);
    if (happened) {
        c->events++;
        pthread_cond_signal(&c->event);
    }
    pthread_mutex_unlock(&c->mutex);
}

static unsigned long events_so_far(struct counter *c)
{
    pthread_mutex_lock(&c->mutex);
    unsigned long events = c->events;
    pthread_mutex_unlock(&c->mutex);
    return events;
}

static void wait_for_more_events_than(struct counter *c, unsigned long seen)
{
    pthread_mutex_lock(&c->mutex);
    while (c->events == seen)
        pthread_cond_wait(&c->event, &c->mutex);
    pthread_mutex_unlock(&c->mutex);
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    if (message_size == 0)
        return CHANNEL_INVALID;
    if (message_size > SIZE_MAX - sizeof(struct node))
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
    pthread_mutex_init(&ch->counter.mutex, NULL);
    pthread_cond_init(&ch->counter.next_please, NULL);
    pthread_cond_init(&ch->counter.event, NULL);
    ch->size = message_size;
    ch->end = &ch->first;
    ch->senders = 1;
    ch->receiver_here = 1;
    s->channel = ch;
    r->channel = ch;
    *tx = s;
    *rx = r;
    return CHANNEL_OK;
}

static void channel_free(struct channel *ch)
{
    while (ch->first) {
        struct node *node = ch->first;
        ch->first = node->next;
        free(node);
    }
    pthread_cond_destroy(&ch->counter.event);
    pthread_cond_destroy(&ch->counter.next_please);
    pthread_mutex_destroy(&ch->counter.mutex);
    free(ch);
}

struct sender *sender_clone(struct sender *tx)
{
    struct sender *s = malloc(sizeof *s);
    if (!s)
        return NULL;
    s->channel = tx->channel;
    take_a_number_and_wait(&s->channel->counter);
    s->channel->senders++;
    leave(&s->channel->counter, 0);
    return s;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct channel *ch = tx->channel;
    struct node *node = malloc(sizeof *node + ch->size);
    if (!node)
        return CHANNEL_NO_MEMORY;
    memcpy(node->bytes, message, ch->size);
    node->next = NULL;
    take_a_number_and_wait(&ch->counter);
    int open = ch->receiver_here;
    if (open) {
        *ch->end = node;
        ch->end = &node->next;
    }
    leave(&ch->counter, open);
    if (!open)
        free(node);
    return open ? CHANNEL_OK : CHANNEL_CLOSED;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    struct channel *ch = rx->channel;
    take_a_number_and_wait(&ch->counter);
    struct node *node = ch->first;
    enum channel_status status = CHANNEL_OK;
    if (node) {
        ch->first = node->next;
        if (!ch->first)
            ch->end = &ch->first;
        memcpy(message, node->bytes, ch->size);
        free(node);
    } else {
        status = ch->senders ? CHANNEL_EMPTY : CHANNEL_CLOSED;
    }
    leave(&ch->counter, 0);
    return status;
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    for (;;) {
        unsigned long seen = events_so_far(&rx->channel->counter); /* before looking */
        enum channel_status status = receiver_try_recv(rx, message);
        if (status != CHANNEL_EMPTY)
            return status;
        wait_for_more_events_than(&rx->channel->counter, seen);
    }
}

void sender_drop(struct sender *tx)
{
    if (!tx)
        return;
    struct channel *ch = tx->channel;
    free(tx);
    take_a_number_and_wait(&ch->counter);
    ch->senders--;
    int last = !ch->senders && !ch->receiver_here;
    leave(&ch->counter, !ch->senders);
    if (last)
        channel_free(ch);
}

void receiver_drop(struct receiver *rx)
{
    if (!rx)
        return;
    struct channel *ch = rx->channel;
    free(rx);
    take_a_number_and_wait(&ch->counter);
    ch->receiver_here = 0;
    int last = !ch->senders;
    leave(&ch->counter, 0);
    if (last)
        channel_free(ch);
}
