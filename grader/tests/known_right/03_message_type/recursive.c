/* A monitor: a recursive mutex, public functions that call one another with it held, and one
 * condition that is broadcast after every change. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "channel.h"

struct link {
    struct link *newer;
    void *message;
};

struct channel {
    pthread_mutex_t monitor;
    pthread_cond_t changed;
    size_t message_size;
    void (*drop)(void *);
    struct link *oldest, *newest;
    size_t senders;
    int receivers;
};

struct sender {
    struct channel *in;
};

struct receiver {
    struct channel *in;
};

static int init_monitor(struct channel *c)
{
    pthread_mutexattr_t attributes;

    if (pthread_mutexattr_init(&attributes) != 0)
        return 0;
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
    if (pthread_mutex_init(&c->monitor, &attributes) != 0) {
        pthread_mutexattr_destroy(&attributes);
        return 0;
    }
    pthread_mutexattr_destroy(&attributes);
    if (pthread_cond_init(&c->changed, NULL) != 0) {
        pthread_mutex_destroy(&c->monitor);
        return 0;
    }
    return 1;
}

static void enter(struct channel *c)
{
    pthread_mutex_lock(&c->monitor);
}

static void leave(struct channel *c)
{
    pthread_mutex_unlock(&c->monitor);
}

/* Leaves, and frees what nobody is left to use. The monitor must be held once. */
static void leave_for_good(struct channel *c)
{
    int anybody = c->senders > 0 || c->receivers > 0;

    pthread_cond_broadcast(&c->changed);
    leave(c);
    if (anybody)
        return;
    pthread_cond_destroy(&c->changed);
    pthread_mutex_destroy(&c->monitor);
    free(c);
}

enum channel_status channel_create_with_drop(size_t message_size, void (*drop)(void *message),
                                             struct sender **tx, struct receiver **rx)
{
    struct channel *c = NULL;
    struct sender *s = NULL;
    struct receiver *r = NULL;

    if (message_size == 0)
        return CHANNEL_INVALID;
    if (!(c = calloc(1, sizeof *c)) || !(s = malloc(sizeof *s)) || !(r = malloc(sizeof *r)) ||
        !init_monitor(c)) {
        free(r);
        free(s);
        free(c);
        return CHANNEL_NO_MEMORY;
    }
    c->message_size = message_size;
    c->drop = drop;
    c->senders = 1;
    c->receivers = 1;
    s->in = c;
    r->in = c;
    *tx = s;
    *rx = r;
    return CHANNEL_OK;
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
    enter(tx->in);
    s->in = tx->in;
    s->in->senders++;
    leave(tx->in);
    return s;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct channel *c = tx->in;
    enum channel_status status = CHANNEL_CLOSED;
    struct link *link;

    enter(c);
    if (c->receivers > 0) {
        status = CHANNEL_NO_MEMORY;
        link = malloc(sizeof *link);
        if (link != NULL && (link->message = malloc(c->message_size)) != NULL) {
            memcpy(link->message, message, c->message_size);
            link->newer = NULL;
            if (c->oldest == NULL)
                c->oldest = link;
            else
                c->newest->newer = link;
            c->newest = link;
            pthread_cond_broadcast(&c->changed);
            status = CHANNEL_OK;
        } else {
            free(link);
        }
    }
    leave(c);
    return status;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    struct channel *c = rx->in;
    enum channel_status status;
    struct link *link;

    enter(c);
    link = c->oldest;
    if (link != NULL) {
        c->oldest = link->newer;
        memcpy(message, link->message, c->message_size);
        free(link->message);
        free(link);
        status = CHANNEL_OK;
    } else {
        status = c->senders > 0 ? CHANNEL_EMPTY : CHANNEL_CLOSED;
    }
    leave(c);
    return status;
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    struct channel *c = rx->in;
    enum channel_status status;

    enter(c);
    while ((status = receiver_try_recv(rx, message)) == CHANNEL_EMPTY)
        pthread_cond_wait(&c->changed, &c->monitor);
    leave(c);
    return status;
}

void sender_drop(struct sender *tx)
{
    struct channel *c;

    if (tx == NULL)
        return;
    c = tx->in;
    enter(c);
    c->senders--;
    free(tx);
    leave_for_good(c);
}

void receiver_drop(struct receiver *rx)
{
    struct channel *c;
    void (*drop)(void *);
    struct link *left, *link;

    if (rx == NULL)
        return;
    c = rx->in;
    drop = c->drop;
    enter(c);
    left = c->oldest;
    c->oldest = NULL;
    c->receivers--;
    free(rx);
    leave_for_good(c);
    while ((link = left) != NULL) {
        left = link->newer;
        if (drop != NULL)
            drop(link->message);
        free(link->message);
        free(link);
    }
}
