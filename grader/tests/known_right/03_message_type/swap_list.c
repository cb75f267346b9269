/* The receiver swaps out the whole list in one lock, and then serves itself without. The handles
 * and the channel are one block; every sender is the same pointer. */
#include "channel.h"

#include <pthread.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct message {
    struct message *next;
    alignas(max_align_t) char data[];
};

struct list {
    struct message *head;
    struct message **end; /* where the next one is to be linked */
};

struct sender {
    struct channel *channel;
};

struct receiver {
    struct channel *channel;
    struct message *mine; /* nobody else looks here */
};

struct channel {
    struct sender sender;
    struct receiver receiver;
    size_t size;
    void (*drop)(void *message);
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct list list;
    unsigned long clones;
    int open;
    int asleep;
};

static void list_init(struct list *list)
{
    list->head = NULL;
    list->end = &list->head;
}

enum channel_status channel_create_with_drop(size_t message_size, void (*drop)(void *message),
                                             struct sender **tx, struct receiver **rx)
{
    struct channel *channel;

    if (!message_size)
        return CHANNEL_INVALID;
    if (message_size > SIZE_MAX - sizeof(struct message))
        return CHANNEL_NO_MEMORY;
    channel = malloc(sizeof *channel);
    if (!channel)
        return CHANNEL_NO_MEMORY;
    memset(channel, 0, sizeof *channel);
    channel->sender.channel = channel->receiver.channel = channel;
    channel->size = message_size;
    channel->drop = drop;
    channel->clones = 1;
    channel->open = 1;
    list_init(&channel->list);
    pthread_mutex_init(&channel->lock, NULL);
    pthread_cond_init(&channel->wake, NULL);
    *tx = &channel->sender;
    *rx = &channel->receiver;
    return CHANNEL_OK;
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    return channel_create_with_drop(message_size, 0, tx, rx);
}

struct sender *sender_clone(struct sender *tx)
{
    pthread_mutex_lock(&tx->channel->lock);
    tx->channel->clones++;
    pthread_mutex_unlock(&tx->channel->lock);
    return tx;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct channel *channel = tx->channel;
    struct message *copy = malloc(sizeof *copy + channel->size);
    int open, asleep;

    if (!copy)
        return CHANNEL_NO_MEMORY;
    memcpy(copy->data, message, channel->size);
    copy->next = NULL;

    pthread_mutex_lock(&channel->lock);
    open = channel->open;
    asleep = channel->asleep;
    if (open) {
        *channel->list.end = copy;
        channel->list.end = &copy->next;
        channel->asleep = 0;
    }
    pthread_mutex_unlock(&channel->lock);

    if (!open) {
        free(copy);
        return CHANNEL_CLOSED;
    }
    if (asleep)
        pthread_cond_signal(&channel->wake);
    return CHANNEL_OK;
}

/* Fills rx->mine, and says how many senders there were at that time. */
static unsigned long refill(struct receiver *rx, int may_sleep)
{
    struct channel *channel = rx->channel;
    unsigned long clones;

    pthread_mutex_lock(&channel->lock);
    while (may_sleep && !channel->list.head && channel->clones) {
        channel->asleep = 1;
        pthread_cond_wait(&channel->wake, &channel->lock);
    }
    channel->asleep = 0;
    clones = channel->clones;
    rx->mine = channel->list.head;
    list_init(&channel->list);
    pthread_mutex_unlock(&channel->lock);
    return clones;
}

static enum channel_status receive(struct receiver *rx, void *message, int may_sleep)
{
    struct message *first;

    if (!rx->mine) {
        unsigned long clones = refill(rx, may_sleep);

        if (!rx->mine)
            return clones ? CHANNEL_EMPTY : CHANNEL_CLOSED;
    }
    first = rx->mine;
    rx->mine = first->next;
    memcpy(message, first->data, rx->channel->size);
    free(first);
    return CHANNEL_OK;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    return receive(rx, message, 0);
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    return receive(rx, message, 1);
}

static void destroy(struct channel *channel)
{
    pthread_cond_destroy(&channel->wake);
    pthread_mutex_destroy(&channel->lock);
    free(channel);
}

void sender_drop(struct sender *tx)
{
    struct channel *channel;
    int last, open;

    if (!tx)
        return;
    channel = tx->channel;
    pthread_mutex_lock(&channel->lock);
    last = --channel->clones == 0;
    open = channel->open;
    if (last && open)
        pthread_cond_signal(&channel->wake);
    pthread_mutex_unlock(&channel->lock);
    if (last && !open)
        destroy(channel);
}

static void drop_all(struct message *list, void (*drop)(void *message))
{
    while (list) {
        struct message *next = list->next;

        if (drop)
            drop(list->data);
        free(list);
        list = next;
    }
}

void receiver_drop(struct receiver *rx)
{
    struct channel *channel;
    struct message *mine, *others;
    void (*drop)(void *message);
    int last;

    if (!rx)
        return;
    channel = rx->channel;
    drop = channel->drop;
    mine = rx->mine;
    pthread_mutex_lock(&channel->lock);
    others = channel->list.head;
    list_init(&channel->list);
    channel->open = 0;
    last = channel->clones == 0;
    pthread_mutex_unlock(&channel->lock);
    if (last)
        destroy(channel);
    drop_all(mine, drop);
    drop_all(others, drop);
}
