/* Known right: nothing is registered. One number for the whole program counts what has become ready anywhere;
 * a select reads it, looks at its channels, and sleeps until it is another number. Too many wake up, but
 * nobody is missed, and no channel ever knows of a select. */
#define _GNU_SOURCE
#include "channel.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct node {
    struct node *next;
    _Alignas(max_align_t) unsigned char bytes[];
};

struct list {
    struct node *head, **tail;
};

struct sender {
    int none;
};

struct receiver {
    int none;
};

struct channel {
    struct sender tx;   /* first: a sender's address is the channel's */
    struct receiver rx; /* a receiver's is this one's */
    pthread_mutex_t lock;
    pthread_cond_t not_empty, not_full;
    struct list queue;
    struct node *spare; /* bounded only: nodes not in use */
    bool bounded;
    size_t size, senders, receivers;
    void (*drop)(void *);
};

static const struct timespec long_ago = {0, 0};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned long number;
} news = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};

static void spread_news(void)
{
    pthread_mutex_lock(&news.lock);
    news.number++;
    pthread_cond_broadcast(&news.changed);
    pthread_mutex_unlock(&news.lock);
}

static struct channel *of_sender(struct sender *tx)
{
    return (struct channel *)tx;
}

static struct channel *of_receiver(struct receiver *rx)
{
    return (struct channel *)((char *)rx - offsetof(struct channel, rx));
}

static void free_nodes(struct node *node, void (*drop)(void *))
{
    while (node) {
        struct node *next = node->next;
        if (drop)
            drop(node->bytes);
        free(node);
        node = next;
    }
}

static struct node *new_node(size_t size)
{
    return size > SIZE_MAX / 2 ? NULL : malloc(sizeof(struct node) + size);
}

static void channel_free(struct channel *ch)
{
    pthread_cond_destroy(&ch->not_full);
    pthread_cond_destroy(&ch->not_empty);
    pthread_mutex_destroy(&ch->lock);
    free_nodes(ch->spare, NULL);
    free(ch);
}

static enum channel_status create(size_t size, size_t capacity, void (*drop)(void *),
                                  struct sender **tx, struct receiver **rx)
{
    struct channel *ch;

    if (capacity > 0 && size > SIZE_MAX / capacity)
        return CHANNEL_NO_MEMORY;
    ch = malloc(sizeof *ch);
    if (!ch)
        return CHANNEL_NO_MEMORY;
    *ch = (struct channel){
        .bounded = capacity > 0, .size = size, .senders = 1, .receivers = 1, .drop = drop};
    ch->queue.tail = &ch->queue.head;
    pthread_mutex_init(&ch->lock, NULL);
    pthread_cond_init(&ch->not_empty, NULL);
    pthread_cond_init(&ch->not_full, NULL);
    for (size_t i = 0; i < capacity; i++) {
        struct node *node = new_node(size);
        if (!node) {
            channel_free(ch);
            return CHANNEL_NO_MEMORY;
        }
        node->next = ch->spare;
        ch->spare = node;
    }
    *tx = &ch->tx;
    *rx = &ch->rx;
    return CHANNEL_OK;
}

enum channel_status channel_create_bounded(size_t size, size_t capacity, void (*drop)(void *),
                                           struct sender **tx, struct receiver **rx)
{
    return size && capacity ? create(size, capacity, drop, tx, rx) : CHANNEL_INVALID;
}

enum channel_status channel_create_with_drop(size_t size, void (*drop)(void *), struct sender **tx,
                                             struct receiver **rx)
{
    return size ? create(size, 0, drop, tx, rx) : CHANNEL_INVALID;
}

enum channel_status channel_create(size_t size, struct sender **tx, struct receiver **rx)
{
    return size ? create(size, 0, NULL, tx, rx) : CHANNEL_INVALID;
}

struct sender *sender_clone(struct sender *tx)
{
    struct channel *ch = of_sender(tx);

    pthread_mutex_lock(&ch->lock);
    ch->senders++;
    pthread_mutex_unlock(&ch->lock);
    return tx;
}

static bool bad(const struct timespec *deadline)
{
    return deadline && (deadline->tv_nsec < 0 || deadline->tv_nsec >= 1000000000L);
}

/* False once time is up. */
static bool sleep_on(pthread_cond_t *cond, struct channel *ch, const struct timespec *deadline)
{
    if (!deadline) {
        pthread_cond_wait(cond, &ch->lock);
        return true;
    }
    if (deadline == &long_ago)
        return false;
    return pthread_cond_clockwait(cond, &ch->lock, CLOCK_MONOTONIC, deadline) == 0;
}

enum channel_status sender_send_until(struct sender *tx, const void *message,
                                      const struct timespec *deadline)
{
    struct channel *ch = of_sender(tx);
    enum channel_status status = CHANNEL_CLOSED;
    struct node *node = NULL;
    bool time_left = true;

    if (bad(deadline))
        return CHANNEL_INVALID;
    pthread_mutex_lock(&ch->lock);
    while (ch->receivers && ch->bounded && !ch->spare && time_left)
        time_left = sleep_on(&ch->not_full, ch, deadline);
    if (!ch->receivers)
        goto out;
    if (ch->bounded) {
        status = CHANNEL_TIMEOUT;
        node = ch->spare;
        if (node)
            ch->spare = node->next;
    } else {
        status = CHANNEL_NO_MEMORY;
        node = new_node(ch->size);
    }
    if (node) {
        memcpy(node->bytes, message, ch->size);
        node->next = NULL;
        *ch->queue.tail = node;
        ch->queue.tail = &node->next;
        status = CHANNEL_OK;
        pthread_cond_signal(&ch->not_empty);
    }
out:
    pthread_mutex_unlock(&ch->lock);
    if (status == CHANNEL_OK)
        spread_news();
    return status;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    return sender_send_until(tx, message, NULL);
}

enum channel_status sender_try_send(struct sender *tx, const void *message)
{
    enum channel_status status = sender_send_until(tx, message, &long_ago);

    return status == CHANNEL_TIMEOUT ? CHANNEL_FULL : status;
}

enum channel_status receiver_recv_until(struct receiver *rx, void *message,
                                        const struct timespec *deadline)
{
    struct channel *ch = of_receiver(rx);
    enum channel_status status;
    struct node *node;
    bool time_left = true;

    if (bad(deadline))
        return CHANNEL_INVALID;
    pthread_mutex_lock(&ch->lock);
    while (!ch->queue.head && ch->senders && time_left)
        time_left = sleep_on(&ch->not_empty, ch, deadline);
    node = ch->queue.head;
    status = node ? CHANNEL_OK : ch->senders ? CHANNEL_TIMEOUT : CHANNEL_CLOSED;
    if (node) {
        ch->queue.head = node->next;
        if (!node->next)
            ch->queue.tail = &ch->queue.head;
        memcpy(message, node->bytes, ch->size);
        if (ch->bounded) {
            node->next = ch->spare;
            ch->spare = node;
            node = NULL;
            pthread_cond_signal(&ch->not_full);
        }
    }
    pthread_mutex_unlock(&ch->lock);
    free(node);
    return status;
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    return receiver_recv_until(rx, message, NULL);
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    enum channel_status status = receiver_recv_until(rx, message, &long_ago);

    return status == CHANNEL_TIMEOUT ? CHANNEL_EMPTY : status;
}

void sender_drop(struct sender *tx)
{
    struct channel *ch = of_sender(tx);
    bool closed, last;

    if (!tx)
        return;
    pthread_mutex_lock(&ch->lock);
    closed = --ch->senders == 0;
    if (closed)
        pthread_cond_signal(&ch->not_empty);
    last = !ch->senders && !ch->receivers;
    pthread_mutex_unlock(&ch->lock);
    if (closed)
        spread_news();
    if (last)
        channel_free(ch);
}

void receiver_drop(struct receiver *rx)
{
    struct channel *ch;
    struct node *left;
    void (*drop)(void *);
    bool last;

    if (!rx)
        return;
    ch = of_receiver(rx);
    pthread_mutex_lock(&ch->lock);
    ch->receivers = 0;
    left = ch->queue.head;
    drop = ch->drop;
    ch->queue.head = NULL;
    pthread_cond_broadcast(&ch->not_full);
    last = !ch->senders;
    pthread_mutex_unlock(&ch->lock);
    if (last)
        channel_free(ch);
    free_nodes(left, drop);
}

static bool is_ready(struct channel *ch)
{
    bool ready;

    pthread_mutex_lock(&ch->lock);
    ready = ch->queue.head || !ch->senders;
    pthread_mutex_unlock(&ch->lock);
    return ready;
}

static unsigned long latest(void)
{
    unsigned long number;

    pthread_mutex_lock(&news.lock);
    number = news.number;
    pthread_mutex_unlock(&news.lock);
    return number;
}

/* False once time is up. */
static bool wait_for_news(unsigned long known, const struct timespec *deadline)
{
    int error = 0;

    pthread_mutex_lock(&news.lock);
    while (news.number == known && !error)
        error = deadline
                    ? pthread_cond_clockwait(&news.changed, &news.lock, CLOCK_MONOTONIC, deadline)
                    : pthread_cond_wait(&news.changed, &news.lock);
    pthread_mutex_unlock(&news.lock);
    return !error;
}

enum channel_status receiver_select(struct receiver *const receivers[], size_t n,
                                    const struct timespec *deadline, size_t *ready)
{
    bool time_left = true;

    if (n == 0 || bad(deadline))
        return CHANNEL_INVALID;
    for (;;) {
        unsigned long known = latest();
        for (size_t i = 0; i < n; i++)
            if (is_ready(of_receiver(receivers[i]))) {
                *ready = i;
                return CHANNEL_OK;
            }
        if (!time_left)
            return CHANNEL_TIMEOUT;
        time_left = wait_for_news(known, deadline);
    }
}
