/* Known right: every thread has one place to sleep, its own thread-local parker. A channel has a queue of
 * parked senders and one parked receiver. */
#define _GNU_SOURCE
#include "channel.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct parker {
    pthread_mutex_t lock;
    pthread_cond_t unparked;
    bool token;
};

static _Thread_local struct parker my_parker = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER,
                                                false};

/* On the stack of a sender that sleeps. */
struct parked {
    struct parked *next;
    struct parker *parker;
};

struct channel {
    pthread_mutex_t lock;
    size_t size, bound, cap, first, count, senders;
    bool receiver;
    char *slots;
    void (*drop)(void *);
    struct parked *queue;
    struct parker *parked_receiver;
};

struct sender {
    struct channel *channel;
};

struct receiver {
    struct channel *channel;
};

static void unpark(struct parker *parker)
{
    pthread_mutex_lock(&parker->lock);
    parker->token = true;
    pthread_cond_signal(&parker->unparked);
    pthread_mutex_unlock(&parker->lock);
}

/* Takes the token, or says false when there was none until deadline. */
static bool park(const struct timespec *deadline)
{
    int error = 0;
    bool got;

    pthread_mutex_lock(&my_parker.lock);
    while (!my_parker.token && error != ETIMEDOUT) {
        if (deadline == NULL)
            error = pthread_cond_wait(&my_parker.unparked, &my_parker.lock);
        else
            error = pthread_cond_clockwait(&my_parker.unparked, &my_parker.lock, CLOCK_MONOTONIC,
                                           deadline);
    }
    got = my_parker.token;
    my_parker.token = false;
    pthread_mutex_unlock(&my_parker.lock);
    return got;
}

static bool grow(struct channel *ch, size_t cap)
{
    char *slots;

    if (ch->size > SIZE_MAX / cap)
        return false;
    slots = malloc(cap * ch->size);
    if (slots == NULL)
        return false;
    for (size_t i = 0; i < ch->count; i++)
        memcpy(slots + i * ch->size, ch->slots + (ch->first + i) % ch->cap * ch->size, ch->size);
    free(ch->slots);
    ch->slots = slots;
    ch->first = 0;
    ch->cap = cap;
    return true;
}

static enum channel_status create(size_t size, size_t bound, void (*drop)(void *),
                                  struct sender **tx, struct receiver **rx)
{
    struct all {
        struct channel ch;
        struct receiver rx;
    } *all = calloc(1, sizeof *all);
    struct sender *s = malloc(sizeof *s);

    if (all != NULL) {
        all->ch.size = size;
        all->ch.bound = bound;
        all->ch.drop = drop;
        all->ch.senders = 1;
        all->ch.receiver = true;
        all->rx.channel = &all->ch;
    }
    if (all == NULL || s == NULL || (bound > 0 && !grow(&all->ch, bound))) {
        free(all);
        free(s);
        return CHANNEL_NO_MEMORY;
    }
    pthread_mutex_init(&all->ch.lock, NULL);
    s->channel = &all->ch;
    *tx = s;
    *rx = &all->rx;
    return CHANNEL_OK;
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    return message_size == 0 ? CHANNEL_INVALID : create(message_size, 0, NULL, tx, rx);
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
    if (message_size == 0 || capacity == 0)
        return CHANNEL_INVALID;
    return create(message_size, capacity, drop, tx, rx);
}

struct sender *sender_clone(struct sender *tx)
{
    struct sender *s = malloc(sizeof *s);

    if (s == NULL)
        return NULL;
    s->channel = tx->channel;
    pthread_mutex_lock(&s->channel->lock);
    s->channel->senders++;
    pthread_mutex_unlock(&s->channel->lock);
    return s;
}

static bool is_time(const struct timespec *t)
{
    return t == NULL || (t->tv_nsec >= 0 && t->tv_nsec < 1000 * 1000 * 1000);
}

static bool ready(const struct channel *ch)
{
    return ch->count > 0 || ch->senders == 0;
}

static bool is_full(const struct channel *ch)
{
    return ch->bound > 0 && ch->count == ch->bound;
}

/* Wakes the first parked sender, if there is room for one. */
static void unpark_sender(struct channel *ch)
{
    struct parked *first = ch->queue;

    if (first != NULL && (!is_full(ch) || !ch->receiver)) {
        ch->queue = first->next;
        unpark(first->parker);
    }
}

static void unpark_receiver(struct channel *ch)
{
    if (ch->parked_receiver != NULL)
        unpark(ch->parked_receiver);
    ch->parked_receiver = NULL;
}

/* Parks among the senders of ch. False when time was up before anybody took us out of the queue. */
static bool park_sender(struct channel *ch, const struct timespec *deadline)
{
    struct parked me = {NULL, &my_parker};
    struct parked **end = &ch->queue;
    bool woken;

    while (*end != NULL)
        end = &(*end)->next;
    *end = &me;
    pthread_mutex_unlock(&ch->lock);
    woken = park(deadline);
    pthread_mutex_lock(&ch->lock);
    if (woken)
        return true;
    for (end = &ch->queue; *end != NULL; end = &(*end)->next) {
        if (*end == &me) {
            *end = me.next;
            return false;
        }
    }
    park(NULL); /* somebody did meanwhile, so the token is here */
    return true;
}

static enum channel_status send(struct channel *ch, const void *message, bool sleeps,
                                const struct timespec *deadline, enum channel_status no_room)
{
    enum channel_status status = CHANNEL_OK;
    bool in_time = true;

    pthread_mutex_lock(&ch->lock);
    while (sleeps && in_time && ch->receiver && is_full(ch))
        in_time = park_sender(ch, deadline);
    if (!ch->receiver)
        status = CHANNEL_CLOSED;
    else if (is_full(ch))
        status = no_room;
    else if (ch->count == ch->cap && !grow(ch, ch->cap * 2 + 4))
        status = CHANNEL_NO_MEMORY;
    if (status == CHANNEL_OK) {
        memcpy(ch->slots + (ch->first + ch->count) % ch->cap * ch->size, message, ch->size);
        ch->count++;
        unpark_receiver(ch);
    }
    unpark_sender(ch); /* there may be room for one more */
    pthread_mutex_unlock(&ch->lock);
    return status;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    return send(tx->channel, message, true, NULL, CHANNEL_FULL);
}

enum channel_status sender_try_send(struct sender *tx, const void *message)
{
    return send(tx->channel, message, false, NULL, CHANNEL_FULL);
}

enum channel_status sender_send_until(struct sender *tx, const void *message,
                                      const struct timespec *deadline)
{
    if (!is_time(deadline))
        return CHANNEL_INVALID;
    return send(tx->channel, message, true, deadline, CHANNEL_TIMEOUT);
}

/* Waits until one of n channels is ready: its index, or n. */
static size_t wait_for(struct receiver *const rx[], size_t n, const struct timespec *deadline)
{
    bool in_time = true;

    for (;;) {
        size_t found = n, told = 0;

        for (size_t i = 0; i < n && found == n; i++) {
            struct channel *ch = rx[i]->channel;
            pthread_mutex_lock(&ch->lock);
            if (ready(ch))
                found = i;
            else
                ch->parked_receiver = &my_parker;
            pthread_mutex_unlock(&ch->lock);
            told = i + 1;
        }
        if (found == n && in_time)
            in_time = park(deadline);
        for (size_t i = 0; i < told; i++) {
            struct channel *ch = rx[i]->channel;
            pthread_mutex_lock(&ch->lock);
            ch->parked_receiver = NULL;
            if (i < found && ready(ch))
                found = i;
            pthread_mutex_unlock(&ch->lock);
        }
        /* a token that came late must not be taken for that of another call */
        pthread_mutex_lock(&my_parker.lock);
        my_parker.token = false;
        pthread_mutex_unlock(&my_parker.lock);
        if (found < n || !in_time)
            return found;
    }
}

static enum channel_status take(struct channel *ch, void *message, enum channel_status none)
{
    enum channel_status status = CHANNEL_OK;

    pthread_mutex_lock(&ch->lock);
    if (ch->count > 0) {
        memcpy(message, ch->slots + ch->first * ch->size, ch->size);
        ch->first = (ch->first + 1) % ch->cap;
        ch->count--;
        unpark_sender(ch);
    } else {
        status = ch->senders == 0 ? CHANNEL_CLOSED : none;
    }
    pthread_mutex_unlock(&ch->lock);
    return status;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    return take(rx->channel, message, CHANNEL_EMPTY);
}

enum channel_status receiver_recv_until(struct receiver *rx, void *message,
                                        const struct timespec *deadline)
{
    if (!is_time(deadline))
        return CHANNEL_INVALID;
    if (wait_for(&rx, 1, deadline) == 1)
        return CHANNEL_TIMEOUT;
    return take(rx->channel, message, CHANNEL_TIMEOUT);
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    return receiver_recv_until(rx, message, NULL);
}

static void leave(struct channel *ch)
{
    bool last = !ch->receiver && ch->senders == 0;

    pthread_mutex_unlock(&ch->lock);
    if (last) {
        pthread_mutex_destroy(&ch->lock);
        free(ch->slots);
        free(ch); /* with the receiver */
    }
}

void sender_drop(struct sender *tx)
{
    struct channel *ch = tx != NULL ? tx->channel : NULL;

    if (ch == NULL)
        return;
    free(tx);
    pthread_mutex_lock(&ch->lock);
    if (--ch->senders == 0)
        unpark_receiver(ch);
    leave(ch);
}

void receiver_drop(struct receiver *rx)
{
    struct channel *ch, old;

    if (rx == NULL)
        return;
    ch = rx->channel;
    pthread_mutex_lock(&ch->lock);
    old.slots = ch->slots;
    old.first = ch->first;
    old.count = ch->count;
    old.cap = ch->cap;
    old.size = ch->size;
    old.drop = ch->drop;
    ch->slots = NULL;
    ch->count = ch->cap = 0;
    ch->receiver = false;
    while (ch->queue != NULL)
        unpark_sender(ch);
    leave(ch);
    for (size_t i = 0; i < old.count && old.drop != NULL; i++)
        old.drop(old.slots + (old.first + i) % old.cap * old.size);
    free(old.slots);
}
