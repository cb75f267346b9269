/* What is different: the handles are counted with C11 atomics, outside the lock; the lock guards the
 * list alone. One count says how many senders there are, another who frees. */
#include "channel.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct node {
    struct node *next;
    char message[];
};

struct channel {
    size_t message_size;
    atomic_size_t senders;
    atomic_size_t references; /* senders and receiver */
    atomic_int receiver_dropped;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    struct node *first; /* under mutex */
    struct node **last;
};

struct sender {
    struct channel *c;
};

struct receiver {
    struct channel *c;
};

static void unref(struct channel *c)
{
    if (atomic_fetch_sub(&c->references, 1) > 1)
        return;
    while (c->first != NULL) {
        struct node *n = c->first;
        c->first = n->next;
        free(n);
    }
    pthread_mutex_destroy(&c->mutex);
    pthread_cond_destroy(&c->wake);
    free(c);
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    struct channel *c;
    struct sender *s;
    struct receiver *r;

    if (message_size == 0)
        return CHANNEL_INVALID;
    c = malloc(sizeof *c);
    s = malloc(sizeof *s);
    r = malloc(sizeof *r);
    if (!c || !s || !r) {
        free(r);
        free(s);
        free(c);
        return CHANNEL_NO_MEMORY;
    }
    c->message_size = message_size;
    atomic_init(&c->senders, 1);
    atomic_init(&c->references, 2);
    atomic_init(&c->receiver_dropped, 0);
    pthread_mutex_init(&c->mutex, NULL);
    pthread_cond_init(&c->wake, NULL);
    c->first = NULL;
    c->last = &c->first;
    s->c = c;
    r->c = c;
    *tx = s;
    *rx = r;
    return CHANNEL_OK;
}

struct sender *sender_clone(struct sender *tx)
{
    struct sender *s = malloc(sizeof *s);

    if (!s)
        return NULL;
    s->c = tx->c;
    atomic_fetch_add(&s->c->senders, 1);
    atomic_fetch_add(&s->c->references, 1);
    return s;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct channel *c = tx->c;
    struct node *n;

    if (atomic_load(&c->receiver_dropped))
        return CHANNEL_CLOSED;
    if (c->message_size > SIZE_MAX - sizeof *n)
        return CHANNEL_NO_MEMORY;
    n = malloc(sizeof *n + c->message_size);
    if (!n)
        return CHANNEL_NO_MEMORY;
    n->next = NULL;
    memcpy(n->message, message, c->message_size);
    pthread_mutex_lock(&c->mutex);
    *c->last = n;
    c->last = &n->next;
    pthread_mutex_unlock(&c->mutex);
    pthread_cond_signal(&c->wake);
    return CHANNEL_OK;
}

/* The mutex is held. */
static enum channel_status take(struct channel *c, void *message)
{
    struct node *n = c->first;

    if (!n)
        return atomic_load(&c->senders) > 0 ? CHANNEL_EMPTY : CHANNEL_CLOSED;
    c->first = n->next;
    if (!c->first)
        c->last = &c->first;
    memcpy(message, n->message, c->message_size);
    free(n);
    return CHANNEL_OK;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    enum channel_status status;

    pthread_mutex_lock(&rx->c->mutex);
    status = take(rx->c, message);
    pthread_mutex_unlock(&rx->c->mutex);
    return status;
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    enum channel_status status;

    pthread_mutex_lock(&rx->c->mutex);
    while ((status = take(rx->c, message)) == CHANNEL_EMPTY)
        pthread_cond_wait(&rx->c->wake, &rx->c->mutex);
    pthread_mutex_unlock(&rx->c->mutex);
    return status;
}

void sender_drop(struct sender *tx)
{
    struct channel *c;

    if (!tx)
        return;
    c = tx->c;
    free(tx);
    if (atomic_fetch_sub(&c->senders, 1) == 1) {
        /* the lock, so that the receiver is either before its look at senders or asleep */
        pthread_mutex_lock(&c->mutex);
        pthread_cond_signal(&c->wake);
        pthread_mutex_unlock(&c->mutex);
    }
    unref(c);
}

void receiver_drop(struct receiver *rx)
{
    struct channel *c;

    if (!rx)
        return;
    c = rx->c;
    free(rx);
    atomic_store(&c->receiver_dropped, 1);
    unref(c);
}
