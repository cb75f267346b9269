/* What is different: a ring that doubles; the handles are fields of the channel, so a clone is the
 * same pointer with a count and can't fail. Static initialisers, broadcast after unlocking in send. */
#include "channel.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct sender {
    char nothing;
};

struct receiver {
    char nothing;
};

struct channel {
    struct sender sender; /* first: a sender's address is the channel's */
    struct receiver receiver;
    pthread_mutex_t m;
    pthread_cond_t c;
    size_t size, cap, head, used; /* of the ring, in messages but for size */
    char *ring;
    size_t tx_count, rx_count;
};

static struct channel *of_sender(struct sender *tx)
{
    return (struct channel *)tx;
}

static struct channel *of_receiver(struct receiver *rx)
{
    return (struct channel *)((char *)rx - offsetof(struct channel, receiver));
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    if (!message_size)
        return CHANNEL_INVALID;
    if (message_size > SIZE_MAX / 2)
        return CHANNEL_NO_MEMORY;
    struct channel *ch = malloc(sizeof *ch);
    char *ring = malloc(2 * message_size);
    if (!ch || !ring) {
        free(ch);
        free(ring);
        return CHANNEL_NO_MEMORY;
    }
    *ch = (struct channel){.m = PTHREAD_MUTEX_INITIALIZER,
                           .c = PTHREAD_COND_INITIALIZER,
                           .cap = 2,
                           .size = message_size,
                           .ring = ring,
                           .tx_count = 1,
                           .rx_count = 1};
    *tx = &ch->sender;
    *rx = &ch->receiver;
    return CHANNEL_OK;
}

struct sender *sender_clone(struct sender *tx)
{
    struct channel *ch = of_sender(tx);
    pthread_mutex_lock(&ch->m);
    ch->tx_count++;
    pthread_mutex_unlock(&ch->m);
    return tx;
}

static int grow(struct channel *ch)
{
    if (ch->cap > SIZE_MAX / 2 / ch->size)
        return 0;
    char *bigger = malloc(2 * ch->cap * ch->size);
    if (!bigger)
        return 0;
    size_t tail_part = ch->cap - ch->head;
    memcpy(bigger, ch->ring + ch->head * ch->size, tail_part * ch->size);
    memcpy(bigger + tail_part * ch->size, ch->ring, ch->head * ch->size);
    free(ch->ring);
    ch->ring = bigger;
    ch->head = 0;
    ch->cap *= 2;
    return 1;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct channel *ch = of_sender(tx);
    enum channel_status result;

    pthread_mutex_lock(&ch->m);
    if (!ch->rx_count) {
        result = CHANNEL_CLOSED;
    } else if (ch->used == ch->cap && !grow(ch)) {
        result = CHANNEL_NO_MEMORY;
    } else {
        memcpy(ch->ring + (ch->head + ch->used) % ch->cap * ch->size, message, ch->size);
        ch->used++;
        result = CHANNEL_OK;
    }
    pthread_mutex_unlock(&ch->m);
    pthread_cond_broadcast(&ch->c);
    return result;
}

static enum channel_status receive(struct channel *ch, void *message, int sleep)
{
    enum channel_status result = CHANNEL_OK;

    pthread_mutex_lock(&ch->m);
    while (sleep && !ch->used && ch->tx_count)
        pthread_cond_wait(&ch->c, &ch->m);
    if (ch->used) {
        memcpy(message, ch->ring + ch->head * ch->size, ch->size);
        ch->head = (ch->head + 1) % ch->cap;
        ch->used--;
    } else {
        result = ch->tx_count ? CHANNEL_EMPTY : CHANNEL_CLOSED;
    }
    pthread_mutex_unlock(&ch->m);
    return result;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    return receive(of_receiver(rx), message, 0);
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    return receive(of_receiver(rx), message, 1);
}

static void leave(struct channel *ch, size_t *count)
{
    pthread_mutex_lock(&ch->m);
    --*count;
    size_t left = ch->tx_count + ch->rx_count;
    pthread_cond_broadcast(&ch->c);
    pthread_mutex_unlock(&ch->m);
    if (left)
        return;
    pthread_cond_destroy(&ch->c);
    pthread_mutex_destroy(&ch->m);
    free(ch->ring);
    free(ch);
}

void sender_drop(struct sender *tx)
{
    if (tx)
        leave(of_sender(tx), &of_sender(tx)->tx_count);
}

void receiver_drop(struct receiver *rx)
{
    if (rx)
        leave(of_receiver(rx), &of_receiver(rx)->rx_count);
}
