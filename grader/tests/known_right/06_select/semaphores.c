/* Known right: semaphores only. While a select runs, each of its channels points at the select's own
 * semaphore, which is posted once for everything that becomes ready, however often that is. */
#define _GNU_SOURCE
#include "channel.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct message {
    struct message *next;
    _Alignas(max_align_t) unsigned char data[];
} message_t;

typedef struct channel {
    sem_t messages; /* one for each message in the list, and one more when senders is 0 */
    sem_t places;   /* bounded: one for each message in free, and one more when nobody receives */
    pthread_mutex_t lock;
    message_t *oldest, *newest, *free;
    size_t size, senders;
    int receivers;
    bool bounded;
    void (*drop)(void *);
    sem_t *bell; /* of a select, or NULL; used under the lock only */
} channel_t;

struct sender {
    channel_t *channel;
};

struct receiver {
    channel_t *channel;
};

enum patience { ONE_LOOK, A_WHILE, FOR_EVER };

static bool decrement(sem_t *sem, enum patience patience, const struct timespec *deadline)
{
    int result;

    do {
        if (patience == ONE_LOOK)
            result = sem_trywait(sem);
        else if (patience == FOR_EVER)
            result = sem_wait(sem);
        else
            result = sem_clockwait(sem, CLOCK_MONOTONIC, deadline);
    } while (result != 0 && errno == EINTR);
    return result == 0;
}

static void destroy(channel_t *ch)
{
    message_t *next;

    for (message_t *m = ch->free; m; m = next) {
        next = m->next;
        free(m);
    }
    sem_destroy(&ch->messages);
    sem_destroy(&ch->places);
    pthread_mutex_destroy(&ch->lock);
    free(ch);
}

static message_t *new_message(size_t size)
{
    if (size > PTRDIFF_MAX - sizeof(message_t))
        return NULL;
    return malloc(sizeof(message_t) + size);
}

static bool reserve(channel_t *ch, size_t capacity)
{
    for (size_t i = 0; i < capacity; i++) {
        message_t *m = new_message(ch->size);
        if (!m)
            return false;
        m->next = ch->free;
        ch->free = m;
        sem_post(&ch->places);
    }
    return true;
}

static enum channel_status make(size_t size, size_t capacity, void (*drop)(void *),
                                struct sender **tx, struct receiver **rx)
{
    channel_t *ch;
    struct sender *s = NULL;
    struct receiver *r = NULL;

    if (capacity != 0 && SIZE_MAX / capacity < size)
        return CHANNEL_NO_MEMORY;
    if (!(ch = calloc(1, sizeof *ch)))
        return CHANNEL_NO_MEMORY;
    sem_init(&ch->messages, 0, 0);
    sem_init(&ch->places, 0, 0);
    pthread_mutex_init(&ch->lock, NULL);
    ch->size = size;
    ch->bounded = capacity != 0;
    ch->drop = drop;
    ch->senders = 1;
    ch->receivers = 1;
    if (!reserve(ch, capacity) || !(s = malloc(sizeof *s)) || !(r = malloc(sizeof *r))) {
        free(s);
        destroy(ch);
        return CHANNEL_NO_MEMORY;
    }
    s->channel = r->channel = ch;
    *tx = s;
    *rx = r;
    return CHANNEL_OK;
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    if (!message_size)
        return CHANNEL_INVALID;
    return make(message_size, 0, NULL, tx, rx);
}

enum channel_status channel_create_with_drop(size_t message_size, void (*drop)(void *message),
                                             struct sender **tx, struct receiver **rx)
{
    if (!message_size)
        return CHANNEL_INVALID;
    return make(message_size, 0, drop, tx, rx);
}

enum channel_status channel_create_bounded(size_t message_size, size_t capacity,
                                           void (*drop)(void *message), struct sender **tx,
                                           struct receiver **rx)
{
    if (!message_size || !capacity)
        return CHANNEL_INVALID;
    return make(message_size, capacity, drop, tx, rx);
}

struct sender *sender_clone(struct sender *tx)
{
    struct sender *s = malloc(sizeof *s);

    if (s) {
        s->channel = tx->channel;
        pthread_mutex_lock(&s->channel->lock);
        s->channel->senders++;
        pthread_mutex_unlock(&s->channel->lock);
    }
    return s;
}

static bool bad_deadline(const struct timespec *t)
{
    return t && (t->tv_nsec < 0 || t->tv_nsec > 999999999);
}

static enum channel_status send_message(channel_t *ch, const void *message, enum patience patience,
                                        const struct timespec *deadline)
{
    message_t *m = NULL;
    bool closed, place = true;

    if (ch->bounded)
        place = decrement(&ch->places, patience, deadline);
    else if (!(m = new_message(ch->size)))
        return CHANNEL_NO_MEMORY;
    pthread_mutex_lock(&ch->lock);
    closed = ch->receivers == 0;
    if (!closed && place) {
        if (ch->bounded) {
            m = ch->free;
            ch->free = m->next;
        }
        memcpy(m->data, message, ch->size);
        m->next = NULL;
        if (ch->oldest)
            ch->newest->next = m;
        else
            ch->oldest = m;
        ch->newest = m;
        m = NULL;
        sem_post(&ch->messages);
        if (ch->bell)
            sem_post(ch->bell);
    }
    pthread_mutex_unlock(&ch->lock);
    if (closed && ch->bounded && place)
        sem_post(&ch->places); /* the next one shall hear of it, too */
    if (!ch->bounded)
        free(m);
    if (closed)
        return CHANNEL_CLOSED;
    return place ? CHANNEL_OK : patience == ONE_LOOK ? CHANNEL_FULL : CHANNEL_TIMEOUT;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    return send_message(tx->channel, message, FOR_EVER, NULL);
}

enum channel_status sender_try_send(struct sender *tx, const void *message)
{
    return send_message(tx->channel, message, ONE_LOOK, NULL);
}

enum channel_status sender_send_until(struct sender *tx, const void *message,
                                      const struct timespec *deadline)
{
    if (bad_deadline(deadline))
        return CHANNEL_INVALID;
    return send_message(tx->channel, message, deadline ? A_WHILE : FOR_EVER, deadline);
}

static enum channel_status receive(channel_t *ch, void *message, enum patience patience,
                                   const struct timespec *deadline)
{
    message_t *m;

    if (!decrement(&ch->messages, patience, deadline))
        return patience == ONE_LOOK ? CHANNEL_EMPTY : CHANNEL_TIMEOUT;
    pthread_mutex_lock(&ch->lock);
    m = ch->oldest;
    if (!m) { /* so it was the last sender's */
        sem_post(&ch->messages);
        pthread_mutex_unlock(&ch->lock);
        return CHANNEL_CLOSED;
    }
    ch->oldest = m->next;
    memcpy(message, m->data, ch->size);
    if (ch->bounded) {
        m->next = ch->free;
        ch->free = m;
        m = NULL;
        sem_post(&ch->places);
    }
    pthread_mutex_unlock(&ch->lock);
    free(m);
    return CHANNEL_OK;
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    return receive(rx->channel, message, FOR_EVER, NULL);
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    return receive(rx->channel, message, ONE_LOOK, NULL);
}

enum channel_status receiver_recv_until(struct receiver *rx, void *message,
                                        const struct timespec *deadline)
{
    if (bad_deadline(deadline))
        return CHANNEL_INVALID;
    return receive(rx->channel, message, deadline ? A_WHILE : FOR_EVER, deadline);
}

void sender_drop(struct sender *tx)
{
    if (!tx)
        return;
    channel_t *ch = tx->channel;
    bool last;
    free(tx);
    pthread_mutex_lock(&ch->lock);
    if (--ch->senders == 0) {
        sem_post(&ch->messages);
        if (ch->bell)
            sem_post(ch->bell);
    }
    last = ch->senders == 0 && ch->receivers == 0;
    pthread_mutex_unlock(&ch->lock);
    if (last)
        destroy(ch);
}

void receiver_drop(struct receiver *rx)
{
    if (!rx)
        return;
    channel_t *ch = rx->channel;
    message_t *m, *next;
    void (*drop)(void *) = ch->drop;
    bool last;
    free(rx);
    pthread_mutex_lock(&ch->lock);
    ch->receivers = 0;
    m = ch->oldest;
    ch->oldest = NULL;
    sem_post(&ch->places);
    last = ch->senders == 0;
    pthread_mutex_unlock(&ch->lock);
    if (last)
        destroy(ch);
    for (; m; m = next) {
        next = m->next;
        if (drop)
            drop(m->data);
        free(m);
    }
}

/* Hangs the bell up, or takes it away (NULL). */
static bool hang(channel_t *ch, sem_t *bell)
{
    bool ready;

    pthread_mutex_lock(&ch->lock);
    ch->bell = bell;
    ready = ch->oldest || ch->senders == 0;
    pthread_mutex_unlock(&ch->lock);
    return ready;
}

enum channel_status receiver_select(struct receiver *const receivers[], size_t n,
                                    const struct timespec *deadline, size_t *ready)
{
    sem_t bell;
    size_t i, found = n;

    if (n == 0 || bad_deadline(deadline))
        return CHANNEL_INVALID;
    sem_init(&bell, 0, 0);
    for (i = 0; i < n && !hang(receivers[i]->channel, &bell); i++) {
    }
    if (i == n)
        decrement(&bell, deadline ? A_WHILE : FOR_EVER, deadline);
    else
        i++; /* the one that is ready has the bell as well */
    while (i-- > 0)
        if (hang(receivers[i]->channel, NULL))
            found = i;
    sem_destroy(&bell);
    if (found == n)
        return CHANNEL_TIMEOUT;
    *ready = found;
    return CHANNEL_OK;
}
