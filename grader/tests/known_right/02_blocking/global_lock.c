/* What is different: one static lock and one static condition variable for all channels there are,
 * and broadcasts. Slow, and right. */
#include "channel.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t big_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t something_changed = PTHREAD_COND_INITIALIZER;

struct item {
    struct item *next;
};

/* The channel is one block with both handles in it; it goes when both counts are 0. */
struct sender {
    unsigned long count;
};

struct receiver {
    struct sender sender; /* so a sender leads to its receiver, and a receiver to its senders */
    unsigned long count;
    size_t size;
    struct item *head, *tail;
};

static void lock(void)
{
    pthread_mutex_lock(&big_lock);
}

static void unlock_after_change(void)
{
    pthread_cond_broadcast(&something_changed);
    pthread_mutex_unlock(&big_lock);
}

static struct receiver *other_end(struct sender *tx)
{
    return (struct receiver *)tx;
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    if (message_size == 0)
        return CHANNEL_INVALID;
    if (message_size + sizeof(struct item) < message_size)
        return CHANNEL_NO_MEMORY;
    struct receiver *r = calloc(1, sizeof *r);
    if (!r)
        return CHANNEL_NO_MEMORY;
    r->size = message_size;
    r->count = 1;
    r->sender.count = 1;
    *tx = &r->sender;
    *rx = r;
    return CHANNEL_OK;
}

struct sender *sender_clone(struct sender *tx)
{
    lock();
    tx->count++;
    unlock_after_change();
    return tx;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct receiver *r = other_end(tx);
    enum channel_status status = CHANNEL_OK;
    struct item *item;

    lock();
    if (r->count == 0) {
        status = CHANNEL_CLOSED;
    } else if ((item = malloc(sizeof *item + r->size)) == NULL) {
        status = CHANNEL_NO_MEMORY;
    } else {
        item->next = NULL;
        memcpy(item + 1, message, r->size);
        if (r->head)
            r->tail->next = item;
        else
            r->head = item;
        r->tail = item;
    }
    unlock_after_change();
    return status;
}

static enum channel_status take(struct receiver *rx, void *message)
{
    struct item *item = rx->head;

    if (!item)
        return rx->sender.count ? CHANNEL_EMPTY : CHANNEL_CLOSED;
    memcpy(message, item + 1, rx->size);
    rx->head = item->next;
    free(item);
    return CHANNEL_OK;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    lock();
    enum channel_status status = take(rx, message);
    unlock_after_change();
    return status;
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    enum channel_status status;

    lock();
    while ((status = take(rx, message)) == CHANNEL_EMPTY)
        pthread_cond_wait(&something_changed, &big_lock);
    unlock_after_change();
    return status;
}

/* The lock is held. */
static void free_if_unused(struct receiver *r)
{
    if (r->count || r->sender.count)
        return;
    while (r->head) {
        struct item *item = r->head;
        r->head = item->next;
        free(item);
    }
    free(r);
}

void sender_drop(struct sender *tx)
{
    if (!tx)
        return;
    lock();
    tx->count--;
    free_if_unused(other_end(tx));
    unlock_after_change();
}

void receiver_drop(struct receiver *rx)
{
    if (!rx)
        return;
    lock();
    rx->count = 0;
    free_if_unused(rx);
    unlock_after_change();
}
