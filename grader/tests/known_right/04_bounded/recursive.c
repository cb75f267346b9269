/* A monitor: a recursive mutex, blocking calls made of the others with it held, everybody woken after
 * every change, and two rings: one of pointers, one of the bytes they point to. */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "channel.h"

struct channel {
    pthread_mutex_t monitor;
    pthread_cond_t changed;
    size_t message_size;
    size_t capacity; /* 0: unbounded */
    void (*drop)(void *);
    void **messages; /* places of the queued ones, oldest at first */
    size_t places, first, count;
    unsigned char *bytes; /* of a bounded channel: message in place i at i * message_size */
    size_t senders, receivers;
};

struct sender {
    struct channel *in;
};

struct receiver {
    struct channel *in;
};

static int monitor_init(pthread_mutex_t *mutex)
{
    pthread_mutexattr_t attributes;
    int error;

    if (pthread_mutexattr_init(&attributes) != 0)
        return 0;
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
    error = pthread_mutex_init(mutex, &attributes);
    pthread_mutexattr_destroy(&attributes);
    return error == 0;
}

static void destroy(struct channel *c)
{
    pthread_cond_destroy(&c->changed);
    pthread_mutex_destroy(&c->monitor);
    free(c->messages);
    free(c->bytes);
    free(c);
}

static struct channel *construct(size_t message_size, size_t capacity, void (*drop)(void *))
{
    size_t places = capacity > 0 ? capacity : 4;
    struct channel *c;

    if (places > SIZE_MAX / sizeof(void *) || (capacity > 0 && message_size > SIZE_MAX / capacity))
        return NULL;
    c = calloc(1, sizeof *c);
    if (c == NULL)
        return NULL;
    c->messages = malloc(places * sizeof(void *));
    c->bytes = capacity > 0 ? malloc(capacity * message_size) : NULL;
    if (c->messages == NULL || (capacity > 0 && c->bytes == NULL) || !monitor_init(&c->monitor)) {
        free(c->messages);
        free(c->bytes);
        free(c);
        return NULL;
    }
    pthread_cond_init(&c->changed, NULL);
    c->message_size = message_size;
    c->capacity = capacity;
    c->drop = drop;
    c->places = places;
    c->senders = 1;
    c->receivers = 1;
    return c;
}

static enum channel_status create(size_t message_size, size_t capacity, void (*drop)(void *),
                                  struct sender **tx, struct receiver **rx)
{
    struct channel *c = construct(message_size, capacity, drop);
    struct sender *s = malloc(sizeof *s);
    struct receiver *r = malloc(sizeof *r);

    if (c == NULL || s == NULL || r == NULL) {
        if (c != NULL)
            destroy(c);
        free(s);
        free(r);
        return CHANNEL_NO_MEMORY;
    }
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

static void enter(struct channel *c)
{
    pthread_mutex_lock(&c->monitor);
}

static void leave(struct channel *c)
{
    pthread_mutex_unlock(&c->monitor);
}

/* After a change only: two that sleep and woke each other for nothing would never sleep. */
static void tell_all_and_leave(struct channel *c)
{
    pthread_cond_broadcast(&c->changed);
    leave(c);
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

/* Room in messages for one more. Unbounded channels only. */
static int grow(struct channel *c)
{
    void **messages;

    if (c->count < c->places)
        return 1;
    if (c->places > SIZE_MAX / 2 / sizeof *messages)
        return 0;
    messages = malloc(2 * c->places * sizeof *messages);
    if (messages == NULL)
        return 0;
    for (size_t i = 0; i < c->count; i++)
        messages[i] = c->messages[(c->first + i) % c->places];
    free(c->messages);
    c->messages = messages;
    c->places *= 2;
    c->first = 0;
    return 1;
}

enum channel_status sender_try_send(struct sender *tx, const void *message)
{
    struct channel *c = tx->in;
    enum channel_status status = CHANNEL_OK;
    size_t place;
    void *copy = NULL;

    enter(c);
    if (c->receivers == 0) {
        status = CHANNEL_CLOSED;
    } else if (c->capacity > 0 && c->count == c->capacity) {
        status = CHANNEL_FULL;
    } else if (c->capacity == 0 && (!grow(c) || (copy = malloc(c->message_size)) == NULL)) {
        status = CHANNEL_NO_MEMORY;
    } else {
        place = (c->first + c->count) % c->places;
        if (c->capacity > 0)
            copy = c->bytes + place * c->message_size;
        c->messages[place] = memcpy(copy, message, c->message_size);
        c->count++;
        pthread_cond_broadcast(&c->changed);
    }
    leave(c);
    return status;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    enum channel_status status;

    enter(tx->in);
    while ((status = sender_try_send(tx, message)) == CHANNEL_FULL)
        pthread_cond_wait(&tx->in->changed, &tx->in->monitor);
    leave(tx->in);
    return status;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    struct channel *c = rx->in;
    enum channel_status status = CHANNEL_OK;

    enter(c);
    if (c->count > 0) {
        memcpy(message, c->messages[c->first], c->message_size);
        if (c->capacity == 0)
            free(c->messages[c->first]);
        c->first = (c->first + 1) % c->places;
        c->count--;
        pthread_cond_broadcast(&c->changed);
    } else {
        status = c->senders > 0 ? CHANNEL_EMPTY : CHANNEL_CLOSED;
    }
    leave(c);
    return status;
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    enum channel_status status;

    enter(rx->in);
    while ((status = receiver_try_recv(rx, message)) == CHANNEL_EMPTY)
        pthread_cond_wait(&rx->in->changed, &rx->in->monitor);
    leave(rx->in);
    return status;
}

void sender_drop(struct sender *tx)
{
    struct channel *c;
    int last;

    if (tx == NULL)
        return;
    c = tx->in;
    enter(c);
    last = --c->senders == 0 && c->receivers == 0;
    tell_all_and_leave(c);
    free(tx);
    if (last)
        destroy(c);
}

void receiver_drop(struct receiver *rx)
{
    struct channel *c;
    int last;

    if (rx == NULL)
        return;
    c = rx->in;
    enter(c);
    c->receivers--;
    c->senders++; /* until all has been dropped nobody shall free c */
    tell_all_and_leave(c);
    for (; c->count > 0; c->count--) { /* nobody else touches the messages any more */
        void *message = c->messages[c->first];

        if (c->drop != NULL)
            c->drop(message);
        if (c->capacity == 0)
            free(message);
        c->first = (c->first + 1) % c->places;
    }
    enter(c);
    last = --c->senders == 0;
    leave(c);
    free(rx);
    if (last)
        destroy(c);
}
