/* Known right: messages are pushed on a stack without a lock, and the receiver turns the stack round. Places of
 * a bounded channel are a semaphore. Only the bell of a select has a lock. */
#define _GNU_SOURCE
#include "channel.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct node {
    struct node *below;
    _Alignas(max_align_t) unsigned char message[];
};

static struct node closed; /* on top of a stack whose receiver has gone */

struct channel {
    _Atomic(struct node *) top;
    atomic_size_t senders;
    atomic_size_t handles; /* senders and the receiver */
    atomic_bool receiver_sleeps;
    sem_t wake_receiver;
    sem_t places;
    size_t size, capacity;
    void (*drop)(void *);
    pthread_mutex_t spare_lock;
    struct node *spare;
    pthread_mutex_t bell_lock;
    sem_t *bell;
    struct node *turned; /* the receiver's own: oldest on top */
};

struct sender {
    struct channel *ch;
};

struct receiver {
    struct channel *ch;
};

static struct node *new_node(size_t size)
{
    return size <= SIZE_MAX - sizeof(struct node) ? malloc(sizeof(struct node) + size) : NULL;
}

static void free_stack(struct node *node)
{
    while (node != NULL) {
        struct node *below = node->below;
        free(node);
        node = below;
    }
}

static void release(struct channel *ch)
{
    if (atomic_fetch_sub(&ch->handles, 1) > 1)
        return;
    free_stack(ch->spare);
    sem_destroy(&ch->wake_receiver);
    sem_destroy(&ch->places);
    pthread_mutex_destroy(&ch->spare_lock);
    pthread_mutex_destroy(&ch->bell_lock);
    free(ch);
}

static enum channel_status create(size_t size, size_t capacity, void (*drop)(void *),
                                  struct sender **tx, struct receiver **rx)
{
    struct channel *ch;
    struct sender *s;
    struct receiver *r;
    bool enough = true;

    /* a semaphore counts no further than INT_MAX, and memory for so many nodes there isn't */
    if (capacity > INT32_MAX || size > SIZE_MAX / (capacity | 1))
        return CHANNEL_NO_MEMORY;
    ch = calloc(1, sizeof *ch);
    s = malloc(sizeof *s);
    r = malloc(sizeof *r);
    for (size_t i = 0; ch != NULL && i < capacity && enough; i++) {
        struct node *node = new_node(size);
        enough = node != NULL;
        if (enough) {
            node->below = ch->spare;
            ch->spare = node;
        }
    }
    if (ch == NULL || s == NULL || r == NULL || !enough) {
        if (ch != NULL)
            free_stack(ch->spare);
        free(ch);
        free(s);
        free(r);
        return CHANNEL_NO_MEMORY;
    }
    atomic_init(&ch->senders, 1);
    atomic_init(&ch->handles, 2);
    sem_init(&ch->wake_receiver, 0, 0);
    sem_init(&ch->places, 0, (unsigned)capacity);
    pthread_mutex_init(&ch->spare_lock, NULL);
    pthread_mutex_init(&ch->bell_lock, NULL);
    ch->size = size;
    ch->capacity = capacity;
    ch->drop = drop;
    s->ch = ch;
    r->ch = ch;
    *tx = s;
    *rx = r;
    return CHANNEL_OK;
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    return channel_create_with_drop(message_size, NULL, tx, rx);
}

enum channel_status channel_create_with_drop(size_t message_size, void (*drop)(void *message),
                                             struct sender **tx, struct receiver **rx)
{
    return message_size == 0 ? CHANNEL_INVALID : create(message_size, 0, drop, tx, rx);
}

enum channel_status channel_create_bounded(size_t message_size, size_t capacity,
                                           void (*drop)(void *message), struct sender **tx,
                                           struct receiver **rx)
{
    return message_size == 0 || capacity == 0 ? CHANNEL_INVALID
                                              : create(message_size, capacity, drop, tx, rx);
}

struct sender *sender_clone(struct sender *tx)
{
    struct sender *s = malloc(sizeof *s);

    if (s != NULL) {
        s->ch = tx->ch;
        atomic_fetch_add(&s->ch->senders, 1);
        atomic_fetch_add(&s->ch->handles, 1);
    }
    return s;
}

static bool in_order(const struct timespec *deadline)
{
    return deadline == NULL || (deadline->tv_nsec >= 0 && deadline->tv_nsec <= 999999999);
}

/* False when the deadline has passed. */
static bool down(sem_t *sem, const struct timespec *deadline)
{
    int result;

    do
        result = deadline == NULL ? sem_wait(sem) : sem_clockwait(sem, CLOCK_MONOTONIC, deadline);
    while (result != 0 && errno == EINTR);
    return result == 0;
}

static void ring(struct channel *ch)
{
    if (atomic_exchange(&ch->receiver_sleeps, false))
        sem_post(&ch->wake_receiver);
    pthread_mutex_lock(&ch->bell_lock);
    if (ch->bell != NULL)
        sem_post(ch->bell);
    pthread_mutex_unlock(&ch->bell_lock);
}

static struct node *get_node(struct channel *ch)
{
    struct node *node;

    if (ch->capacity == 0)
        return new_node(ch->size);
    pthread_mutex_lock(&ch->spare_lock);
    node = ch->spare;
    ch->spare = node->below;
    pthread_mutex_unlock(&ch->spare_lock);
    return node;
}

static void put_node(struct channel *ch, struct node *node)
{
    if (ch->capacity == 0) {
        free(node);
        return;
    }
    pthread_mutex_lock(&ch->spare_lock);
    node->below = ch->spare;
    ch->spare = node;
    pthread_mutex_unlock(&ch->spare_lock);
    sem_post(&ch->places);
}

/* Sends, in a place that is ours if the channel is bounded. */
static enum channel_status push(struct channel *ch, const void *message)
{
    struct node *node, *top;

    if (atomic_load(&ch->top) == &closed) {
        if (ch->capacity > 0)
            sem_post(&ch->places); /* so that the next sender that sleeps finds it closed, too */
        return CHANNEL_CLOSED;
    }
    node = get_node(ch);
    if (node == NULL)
        return CHANNEL_NO_MEMORY;
    memcpy(node->message, message, ch->size);
    top = atomic_load(&ch->top);
    do {
        if (top == &closed) {
            put_node(ch, node);
            return CHANNEL_CLOSED;
        }
        node->below = top;
    } while (!atomic_compare_exchange_weak(&ch->top, &top, node));
    ring(ch);
    return CHANNEL_OK;
}

enum channel_status sender_send_until(struct sender *tx, const void *message,
                                      const struct timespec *deadline)
{
    struct channel *ch = tx->ch;

    if (!in_order(deadline))
        return CHANNEL_INVALID;
    if (ch->capacity > 0 && !down(&ch->places, deadline) && sem_trywait(&ch->places) != 0)
        return atomic_load(&ch->top) == &closed ? CHANNEL_CLOSED : CHANNEL_TIMEOUT;
    return push(ch, message);
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    return sender_send_until(tx, message, NULL);
}

enum channel_status sender_try_send(struct sender *tx, const void *message)
{
    struct channel *ch = tx->ch;

    if (ch->capacity > 0 && sem_trywait(&ch->places) != 0)
        return atomic_load(&ch->top) == &closed ? CHANNEL_CLOSED : CHANNEL_FULL;
    return push(ch, message);
}

/* Whether something is in turned, after having looked. */
static bool turn(struct channel *ch)
{
    struct node *node;

    if (ch->turned != NULL)
        return true;
    node = atomic_exchange(&ch->top, NULL);
    while (node != NULL) {
        struct node *below = node->below;
        node->below = ch->turned;
        ch->turned = node;
        node = below;
    }
    return ch->turned != NULL;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    struct channel *ch = rx->ch;
    bool open =
        atomic_load(&ch->senders) > 0; /* before looking: nothing comes after the last one */
    struct node *node;

    if (!turn(ch))
        return open ? CHANNEL_EMPTY : CHANNEL_CLOSED;
    node = ch->turned;
    ch->turned = node->below;
    memcpy(message, node->message, ch->size);
    put_node(ch, node);
    return CHANNEL_OK;
}

enum channel_status receiver_recv_until(struct receiver *rx, void *message,
                                        const struct timespec *deadline)
{
    struct channel *ch = rx->ch;
    enum channel_status status;
    bool in_time = true;

    if (!in_order(deadline))
        return CHANNEL_INVALID;
    for (;;) {
        atomic_store(&ch->receiver_sleeps, true);
        status = receiver_try_recv(rx, message);
        if (status == CHANNEL_EMPTY && in_time) {
            in_time = down(&ch->wake_receiver, deadline);
            if (in_time)
                continue;
        }
        /* who has seen that we sleep posts: take that */
        if (!atomic_exchange(&ch->receiver_sleeps, false))
            down(&ch->wake_receiver, NULL);
        if (status == CHANNEL_EMPTY)
            status = receiver_try_recv(rx, message); /* the last look */
        return status == CHANNEL_EMPTY ? CHANNEL_TIMEOUT : status;
    }
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    return receiver_recv_until(rx, message, NULL);
}

static void hang(struct channel *ch, sem_t *bell)
{
    pthread_mutex_lock(&ch->bell_lock);
    ch->bell = bell;
    pthread_mutex_unlock(&ch->bell_lock);
}

static size_t first_ready(struct receiver *const receivers[], size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (atomic_load(&receivers[i]->ch->senders) == 0 || turn(receivers[i]->ch))
            return i;
    return n;
}

enum channel_status receiver_select(struct receiver *const receivers[], size_t n,
                                    const struct timespec *deadline, size_t *ready)
{
    sem_t bell;
    size_t found;
    bool in_time = true;

    if (n == 0 || !in_order(deadline))
        return CHANNEL_INVALID;
    found = first_ready(receivers, n);
    if (found < n) {
        *ready = found;
        return CHANNEL_OK;
    }
    sem_init(&bell, 0, 0);
    for (size_t i = 0; i < n; i++)
        hang(receivers[i]->ch, &bell);
    while ((found = first_ready(receivers, n)) == n && in_time)
        in_time = down(&bell, deadline);
    for (size_t i = 0; i < n; i++)
        hang(receivers[i]->ch, NULL);
    sem_destroy(&bell);
    if (found == n)
        return CHANNEL_TIMEOUT;
    *ready = found;
    return CHANNEL_OK;
}

void sender_drop(struct sender *tx)
{
    struct channel *ch;

    if (tx == NULL)
        return;
    ch = tx->ch;
    free(tx);
    if (atomic_fetch_sub(&ch->senders, 1) == 1)
        ring(ch);
    release(ch);
}

void receiver_drop(struct receiver *rx)
{
    struct channel *ch;
    struct node *late, *older = NULL;
    void (*drop)(void *);

    if (rx == NULL)
        return;
    ch = rx->ch;
    drop = ch->drop;
    free(rx);
    turn(ch);
    older = ch->turned;
    ch->turned = NULL;
    late = atomic_exchange(&ch->top, &closed);
    if (ch->capacity > 0)
        sem_post(&ch->places); /* there is no node for it: it only wakes */
    release(ch);
    for (struct node *node = older; node != NULL && drop != NULL; node = node->below)
        drop(node->message);
    for (struct node *node = late; node != NULL && drop != NULL; node = node->below)
        drop(node->message);
    free_stack(older);
    free_stack(late);
}
