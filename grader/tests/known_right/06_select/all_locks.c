/* Known right: select takes the locks of all its channels, in the order of their addresses, so that it sees
 * them all at one moment: either one is ready, or none is and all of them know whom to wake. */
#define _GNU_SOURCE
#include "channel.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct node {
    _Atomic(struct node *) next;
    struct node *spare; /* in the list of spare nodes */
    _Alignas(max_align_t) unsigned char bytes[];
};

struct alarm {
    pthread_mutex_t lock;
    pthread_cond_t rings;
    bool rang;
};

struct channel {
    size_t size;
    bool bounded;
    void (*drop)(void *);
    atomic_size_t handles, senders;

    struct node *head; /* the receiver's: the dummy. Its next is the oldest message */

    pthread_mutex_t tail_lock;
    struct node *tail;
    bool closed; /* the receiver has gone */

    pthread_mutex_t sleep_lock;
    pthread_cond_t news;  /* for the receiver */
    pthread_cond_t place; /* for the senders */
    struct node *spare;   /* bounded: a node is a place */
    bool gone;            /* as closed, for those who sleep */
    struct alarm *alarm;  /* of a select */
};

struct sender {
    struct channel *ch;
};

struct receiver {
    struct channel *ch;
};

static struct node *new_node(size_t size)
{
    struct node *node = size > SIZE_MAX / 2 ? NULL : malloc(sizeof *node + size);

    if (node)
        atomic_init(&node->next, NULL);
    return node;
}

static void free_spares(struct channel *ch)
{
    for (struct node *node; (node = ch->spare);) {
        ch->spare = node->spare;
        free(node);
    }
}

static void let_go(struct channel *ch)
{
    if (atomic_fetch_sub(&ch->handles, 1) != 1)
        return;
    free_spares(ch);
    free(ch->head);
    pthread_cond_destroy(&ch->news);
    pthread_cond_destroy(&ch->place);
    pthread_mutex_destroy(&ch->sleep_lock);
    pthread_mutex_destroy(&ch->tail_lock);
    free(ch);
}

static bool fill(struct channel *ch, size_t capacity)
{
    ch->head = ch->tail = new_node(ch->size);
    while (ch->head && capacity > 0) {
        struct node *node = new_node(ch->size);
        if (!node)
            return false;
        node->spare = ch->spare;
        ch->spare = node;
        capacity--;
    }
    return ch->head != NULL;
}

static enum channel_status create(size_t size, size_t capacity, void (*drop)(void *),
                                  struct sender **tx, struct receiver **rx)
{
    struct channel *ch = NULL;
    struct sender *sender = malloc(sizeof *sender);
    struct receiver *receiver = malloc(sizeof *receiver);

    if (!sender || !receiver || (capacity && size > SIZE_MAX / capacity))
        goto fail;
    ch = calloc(1, sizeof *ch);
    if (!ch)
        goto fail;
    atomic_init(&ch->handles, 1);
    atomic_init(&ch->senders, 1);
    ch->size = size;
    ch->bounded = capacity > 0;
    ch->drop = drop;
    pthread_mutex_init(&ch->tail_lock, NULL);
    pthread_mutex_init(&ch->sleep_lock, NULL);
    pthread_cond_init(&ch->news, NULL);
    pthread_cond_init(&ch->place, NULL);
    if (!fill(ch, capacity))
        goto fail;
    atomic_fetch_add(&ch->handles, 1);
    sender->ch = receiver->ch = ch;
    *tx = sender;
    *rx = receiver;
    return CHANNEL_OK;
fail:
    if (ch)
        let_go(ch);
    free(receiver);
    free(sender);
    return CHANNEL_NO_MEMORY;
}

enum channel_status channel_create(size_t size, struct sender **tx, struct receiver **rx)
{
    return size ? create(size, 0, NULL, tx, rx) : CHANNEL_INVALID;
}

enum channel_status channel_create_with_drop(size_t size, void (*drop)(void *message),
                                             struct sender **tx, struct receiver **rx)
{
    return size ? create(size, 0, drop, tx, rx) : CHANNEL_INVALID;
}

enum channel_status channel_create_bounded(size_t size, size_t capacity,
                                           void (*drop)(void *message), struct sender **tx,
                                           struct receiver **rx)
{
    return size && capacity ? create(size, capacity, drop, tx, rx) : CHANNEL_INVALID;
}

struct sender *sender_clone(struct sender *tx)
{
    struct sender *clone = malloc(sizeof *clone);

    if (!clone)
        return NULL;
    clone->ch = tx->ch;
    atomic_fetch_add(&clone->ch->handles, 1);
    atomic_fetch_add(&clone->ch->senders, 1);
    return clone;
}

static bool no_time(const struct timespec *deadline)
{
    return deadline && (deadline->tv_nsec < 0 || deadline->tv_nsec >= 1000000000);
}

/* One sleep under the sleep_lock. False when time is up. */
static bool nap(struct channel *ch, pthread_cond_t *cond, const struct timespec *deadline)
{
    if (!deadline)
        return pthread_cond_wait(cond, &ch->sleep_lock) == 0;
    return pthread_cond_clockwait(cond, &ch->sleep_lock, CLOCK_MONOTONIC, deadline) == 0;
}

/* A node for a message on a bounded channel. */
static enum channel_status take_place(struct channel *ch, bool sleep,
                                      const struct timespec *deadline, struct node **node)
{
    enum channel_status status = CHANNEL_FULL;

    pthread_mutex_lock(&ch->sleep_lock);
    while (sleep && !ch->spare && !ch->gone)
        sleep = nap(ch, &ch->place, deadline);
    if (ch->gone) {
        status = CHANNEL_CLOSED;
    } else if (ch->spare) {
        *node = ch->spare;
        ch->spare = (*node)->spare;
        status = CHANNEL_OK;
    }
    pthread_mutex_unlock(&ch->sleep_lock);
    return status;
}

static void give_place(struct channel *ch, struct node *node)
{
    pthread_mutex_lock(&ch->sleep_lock);
    node->spare = ch->spare;
    ch->spare = node;
    pthread_cond_signal(&ch->place);
    pthread_mutex_unlock(&ch->sleep_lock);
}

static void tell_receiver(struct channel *ch)
{
    pthread_mutex_lock(&ch->sleep_lock);
    pthread_cond_signal(&ch->news);
    if (ch->alarm) {
        pthread_mutex_lock(&ch->alarm->lock);
        ch->alarm->rang = true;
        pthread_cond_signal(&ch->alarm->rings);
        pthread_mutex_unlock(&ch->alarm->lock);
    }
    pthread_mutex_unlock(&ch->sleep_lock);
}

static enum channel_status send(struct channel *ch, const void *message, bool sleep,
                                const struct timespec *deadline)
{
    struct node *node = NULL;
    bool closed;

    if (ch->bounded) {
        enum channel_status status = take_place(ch, sleep, deadline, &node);
        if (status != CHANNEL_OK)
            return status;
        atomic_store_explicit(&node->next, NULL, memory_order_relaxed);
    } else if (!(node = new_node(ch->size))) {
        return CHANNEL_NO_MEMORY;
    }
    memcpy(node->bytes, message, ch->size);
    pthread_mutex_lock(&ch->tail_lock);
    closed = ch->closed;
    if (!closed) {
        atomic_store_explicit(&ch->tail->next, node, memory_order_release);
        ch->tail = node;
    }
    pthread_mutex_unlock(&ch->tail_lock);
    if (!closed)
        tell_receiver(ch);
    else
        free(node);
    return closed ? CHANNEL_CLOSED : CHANNEL_OK;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    return send(tx->ch, message, true, NULL);
}

enum channel_status sender_try_send(struct sender *tx, const void *message)
{
    return send(tx->ch, message, false, NULL);
}

enum channel_status sender_send_until(struct sender *tx, const void *message,
                                      const struct timespec *deadline)
{
    enum channel_status status;

    if (no_time(deadline))
        return CHANNEL_INVALID;
    status = send(tx->ch, message, true, deadline);
    return status == CHANNEL_FULL ? CHANNEL_TIMEOUT : status;
}

/* The oldest message, or NULL. */
static struct node *oldest(struct channel *ch)
{
    return atomic_load_explicit(&ch->head->next, memory_order_acquire);
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    struct channel *ch = rx->ch;
    bool closed = atomic_load(&ch->senders) == 0; /* before the look: nothing comes after it */
    struct node *node = oldest(ch), *dummy = ch->head;

    if (!node)
        return closed ? CHANNEL_CLOSED : CHANNEL_EMPTY;
    memcpy(message, node->bytes, ch->size);
    ch->head = node;
    if (ch->bounded)
        give_place(ch, dummy);
    else
        free(dummy);
    return CHANNEL_OK;
}

enum channel_status receiver_recv_until(struct receiver *rx, void *message,
                                        const struct timespec *deadline)
{
    struct channel *ch = rx->ch;
    enum channel_status status;
    bool sleep = true;

    if (no_time(deadline))
        return CHANNEL_INVALID;
    pthread_mutex_lock(&ch->sleep_lock);
    while (sleep && !oldest(ch) && atomic_load(&ch->senders) > 0)
        sleep = nap(ch, &ch->news, deadline);
    pthread_mutex_unlock(&ch->sleep_lock);
    status = receiver_try_recv(rx, message);
    return status == CHANNEL_EMPTY ? CHANNEL_TIMEOUT : status;
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    return receiver_recv_until(rx, message, NULL);
}

void sender_drop(struct sender *tx)
{
    if (!tx)
        return;
    if (atomic_fetch_sub(&tx->ch->senders, 1) == 1)
        tell_receiver(tx->ch);
    let_go(tx->ch);
    free(tx);
}

void receiver_drop(struct receiver *rx)
{
    struct channel *ch;
    struct node *node;

    if (!rx)
        return;
    ch = rx->ch;
    free(rx);
    pthread_mutex_lock(&ch->sleep_lock);
    ch->gone = true; /* first: who is told that it is closed is not told afterwards that it is full */
    pthread_cond_broadcast(&ch->place);
    pthread_mutex_unlock(&ch->sleep_lock);
    pthread_mutex_lock(&ch->tail_lock);
    ch->closed = true;
    pthread_mutex_unlock(&ch->tail_lock);
    while ((node = oldest(ch))) {
        if (ch->drop)
            ch->drop(node->bytes);
        free(ch->head);
        ch->head = node;
    }
    let_go(ch);
}

static int by_address(const void *a, const void *b)
{
    uintptr_t x = (uintptr_t) * (struct channel *const *)a;
    uintptr_t y = (uintptr_t) * (struct channel *const *)b;

    return (x > y) - (x < y);
}

/* Looks at all of them at one moment, and sets their alarm if none is ready. */
static size_t look(struct channel *const sorted[], struct receiver *const receivers[], size_t n,
                   struct alarm *alarm)
{
    size_t found = 0;

    for (size_t i = 0; i < n; i++)
        pthread_mutex_lock(&sorted[i]->sleep_lock);
    while (found < n && !oldest(receivers[found]->ch) &&
           atomic_load(&receivers[found]->ch->senders))
        found++;
    for (size_t i = 0; i < n; i++)
        sorted[i]->alarm = found == n ? alarm : NULL;
    for (size_t i = n; i-- > 0;)
        pthread_mutex_unlock(&sorted[i]->sleep_lock);
    return found;
}

static bool sleep_until_alarm(struct alarm *alarm, const struct timespec *deadline)
{
    int error = 0;

    pthread_mutex_lock(&alarm->lock);
    while (!alarm->rang && !error)
        error = deadline
                    ? pthread_cond_clockwait(&alarm->rings, &alarm->lock, CLOCK_MONOTONIC, deadline)
                    : pthread_cond_wait(&alarm->rings, &alarm->lock);
    alarm->rang = false; /* it may have rung for a message that was received before */
    pthread_mutex_unlock(&alarm->lock);
    return !error;
}

enum channel_status receiver_select(struct receiver *const receivers[], size_t n,
                                    const struct timespec *deadline, size_t *ready)
{
    struct alarm alarm = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
    struct channel **sorted;
    size_t found;
    bool in_time = true;

    if (n == 0 || no_time(deadline))
        return CHANNEL_INVALID;
    sorted = malloc(n * sizeof(struct channel *));
    if (!sorted)
        return CHANNEL_NO_MEMORY;
    for (size_t i = 0; i < n; i++)
        sorted[i] = receivers[i]->ch;
    qsort(sorted, n, sizeof(struct channel *), by_address);
    while ((found = look(sorted, receivers, n, &alarm)) == n && in_time)
        in_time = sleep_until_alarm(&alarm, deadline);
    if (found == n)
        found = look(sorted, receivers, n, NULL);
    free(sorted);
    if (found == n)
        return CHANNEL_TIMEOUT;
    *ready = found;
    return CHANNEL_OK;
}
