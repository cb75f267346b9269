/* Dijkstra's bounded buffer: one semaphore counts places, one messages, a mutex guards the queue. At
 * the end each semaphore has one token more that whoever finds it hands on. A list; the nodes of a
 * bounded channel are all made at the beginning. */
#include "channel.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct node {
    struct node *next;
    void *message;
};

struct channel {
    size_t message_size;
    void (*drop)(void *message);
    bool bounded;
    sem_t places, messages;
    pthread_mutex_t mutex;
    struct node *first, **end;
    struct node *spare; /* bounded only */
    size_t senders;
    bool receiver_gone;
    struct node *nodes; /* bounded only: all nodes, and all messages */
    unsigned char *storage;
};

struct sender {
    struct channel *ch;
};

struct receiver {
    struct channel *ch;
};

static void down(sem_t *semaphore)
{
    while (sem_wait(semaphore) == -1 && errno == EINTR)
        continue;
}

static bool try_down(sem_t *semaphore)
{
    int result;

    do
        result = sem_trywait(semaphore);
    while (result == -1 && errno == EINTR);
    return result == 0;
}

static bool make_spares(struct channel *ch, size_t capacity)
{
    if (capacity > SIZE_MAX / ch->message_size || capacity > SIZE_MAX / sizeof *ch->nodes)
        return false;
    ch->storage = malloc(capacity * ch->message_size);
    ch->nodes = malloc(capacity * sizeof *ch->nodes);
    if (ch->storage == NULL || ch->nodes == NULL)
        return false;
    for (size_t i = 0; i < capacity; i++) {
        ch->nodes[i].message = ch->storage + i * ch->message_size;
        ch->nodes[i].next = ch->spare;
        ch->spare = &ch->nodes[i];
    }
    return true;
}

static enum channel_status create(size_t message_size, size_t capacity, void (*drop)(void *message),
                                  struct sender **tx, struct receiver **rx)
{
    struct channel *ch = calloc(1, sizeof *ch);
    struct sender *s = malloc(sizeof *s);
    struct receiver *r = malloc(sizeof *r);

    if (ch != NULL)
        ch->message_size = message_size;
    if (ch == NULL || s == NULL || r == NULL || (capacity > 0 && !make_spares(ch, capacity)) ||
        sem_init(&ch->places, 0, (unsigned)capacity) != 0) {
        if (ch != NULL) {
            free(ch->storage);
            free(ch->nodes);
        }
        free(ch);
        free(s);
        free(r);
        return CHANNEL_NO_MEMORY;
    }
    sem_init(&ch->messages, 0, 0);
    pthread_mutex_init(&ch->mutex, NULL);
    ch->drop = drop;
    ch->bounded = capacity > 0;
    ch->end = &ch->first;
    ch->senders = 1;
    s->ch = r->ch = ch;
    *tx = s;
    *rx = r;
    return CHANNEL_OK;
}

enum channel_status channel_create_bounded(size_t message_size, size_t capacity,
                                           void (*drop)(void *message), struct sender **tx,
                                           struct receiver **rx)
{
    if (message_size == 0 || capacity == 0)
        return CHANNEL_INVALID;
    if (capacity > SEM_VALUE_MAX - 1)
        return CHANNEL_NO_MEMORY;
    return create(message_size, capacity, drop, tx, rx);
}

enum channel_status channel_create_with_drop(size_t message_size, void (*drop)(void *message),
                                             struct sender **tx, struct receiver **rx)
{
    return message_size == 0 ? CHANNEL_INVALID : create(message_size, 0, drop, tx, rx);
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    return channel_create_with_drop(message_size, NULL, tx, rx);
}

struct sender *sender_clone(struct sender *tx)
{
    struct sender *s = malloc(sizeof *s);

    if (s == NULL)
        return NULL;
    s->ch = tx->ch;
    pthread_mutex_lock(&s->ch->mutex);
    s->ch->senders++;
    pthread_mutex_unlock(&s->ch->mutex);
    return s;
}

/* A node to fill. The mutex is held; on a bounded channel the caller has a place. */
static struct node *get_node(struct channel *ch)
{
    struct node *node = ch->spare;

    if (ch->bounded) {
        ch->spare = node->next;
        return node;
    }
    node = malloc(sizeof *node);
    if (node != NULL && (node->message = malloc(ch->message_size)) == NULL) {
        free(node);
        node = NULL;
    }
    return node;
}

static void put_node(struct channel *ch, struct node *node)
{
    if (ch->bounded) {
        node->next = ch->spare;
        ch->spare = node;
    } else {
        free(node->message);
        free(node);
    }
}

/* The caller has a place if the channel is bounded. */
static enum channel_status enqueue(struct channel *ch, const void *message)
{
    enum channel_status status = CHANNEL_CLOSED;

    pthread_mutex_lock(&ch->mutex);
    if (!ch->receiver_gone) {
        struct node *node = get_node(ch);

        status = CHANNEL_NO_MEMORY;
        if (node != NULL) {
            memcpy(node->message, message, ch->message_size);
            node->next = NULL;
            *ch->end = node;
            ch->end = &node->next;
            status = CHANNEL_OK;
        }
    }
    pthread_mutex_unlock(&ch->mutex);
    if (status == CHANNEL_OK)
        sem_post(&ch->messages);
    if (status == CHANNEL_CLOSED && ch->bounded)
        sem_post(&ch->places); /* the next one shall hear of it, too */
    return status;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    if (tx->ch->bounded)
        down(&tx->ch->places);
    return enqueue(tx->ch, message);
}

enum channel_status sender_try_send(struct sender *tx, const void *message)
{
    struct channel *ch = tx->ch;
    bool closed;

    if (!ch->bounded || try_down(&ch->places))
        return enqueue(ch, message);
    pthread_mutex_lock(&ch->mutex);
    closed = ch->receiver_gone;
    pthread_mutex_unlock(&ch->mutex);
    return closed ? CHANNEL_CLOSED : CHANNEL_FULL;
}

/* The caller has taken a token of messages. */
static enum channel_status dequeue(struct channel *ch, void *message)
{
    struct node *node;

    pthread_mutex_lock(&ch->mutex);
    node = ch->first;
    if (node != NULL) {
        memcpy(message, node->message, ch->message_size);
        ch->first = node->next;
        if (ch->first == NULL)
            ch->end = &ch->first;
        put_node(ch, node);
    }
    pthread_mutex_unlock(&ch->mutex);
    if (node == NULL) {
        sem_post(&ch->messages); /* the last sender's: it stays */
        return CHANNEL_CLOSED;
    }
    if (ch->bounded)
        sem_post(&ch->places);
    return CHANNEL_OK;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    return try_down(&rx->ch->messages) ? dequeue(rx->ch, message) : CHANNEL_EMPTY;
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    down(&rx->ch->messages);
    return dequeue(rx->ch, message);
}

static void unlock_and_free(struct channel *ch)
{
    bool last = ch->senders == 0 && ch->receiver_gone;

    pthread_mutex_unlock(&ch->mutex);
    if (!last)
        return;
    sem_destroy(&ch->places);
    sem_destroy(&ch->messages);
    pthread_mutex_destroy(&ch->mutex);
    free(ch->nodes);
    free(ch->storage);
    free(ch);
}

void sender_drop(struct sender *tx)
{
    struct channel *ch;

    if (tx == NULL)
        return;
    ch = tx->ch;
    free(tx);
    pthread_mutex_lock(&ch->mutex);
    if (--ch->senders == 0)
        sem_post(&ch->messages);
    unlock_and_free(ch);
}

void receiver_drop(struct receiver *rx)
{
    struct channel *ch;
    struct node *node;

    if (rx == NULL)
        return;
    ch = rx->ch;
    free(rx);
    pthread_mutex_lock(&ch->mutex);
    ch->receiver_gone = true;
    sem_post(&ch->places);
    ch->senders++; /* a message may hold the last sender: keep the channel until all are dropped */
    while ((node = ch->first) != NULL) {
        ch->first = node->next;
        pthread_mutex_unlock(&ch->mutex);
        if (ch->drop != NULL)
            ch->drop(node->message);
        pthread_mutex_lock(&ch->mutex);
        put_node(ch, node);
    }
    ch->senders--;
    unlock_and_free(ch);
}
