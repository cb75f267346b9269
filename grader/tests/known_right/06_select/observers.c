/* Known right: a channel has a list of observers, whoever they are. A select allocates one for each of its
 * receivers (and may run out of memory); the first that is told posts the semaphore that the select
 * sleeps on, the others find that it has been. */
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

struct waiter {
    struct waiter *next;
    sem_t served;
    const void *message; /* of a sender */
    void *buffer;        /* of the receiver */
    bool is_served;      /* answer is there; the waiter is in no queue any more */
    enum channel_status answer;
};

struct message {
    struct message *next;
    _Alignas(max_align_t) unsigned char bytes[];
};

struct selection {
    sem_t told;
    atomic_flag is_told;
};

struct observer {
    struct observer *next, **link; /* link: what points at this one */
    struct selection *selection;
};

struct channel {
    struct observer *observers;
    pthread_mutex_t lock;
    size_t size, senders;
    bool receiver, bounded;
    void (*drop)(void *);
    struct message *queue, **queue_end; /* not empty: the receiver does not wait */
    struct message *unused;             /* bounded, not empty: no sender waits */
    struct waiter *receiving;           /* at most one */
    struct waiter *sending;             /* the one that came first, first */
};

struct sender {
    struct channel *channel;
};

struct receiver {
    struct channel *channel;
};

static void serve(struct waiter *waiter, enum channel_status answer)
{
    waiter->is_served = true;
    waiter->answer = answer;
    sem_post(&waiter->served);
}

/* Something can be received now. The lock is held. */
static void tell_observers(struct channel *ch)
{
    for (struct observer *o = ch->observers; o; o = o->next)
        if (!atomic_flag_test_and_set(&o->selection->is_told))
            sem_post(&o->selection->told);
}

static struct waiter *first_sender(struct channel *ch)
{
    struct waiter *waiter = ch->sending;

    if (waiter)
        ch->sending = waiter->next;
    return waiter;
}

static void enqueue(struct channel *ch, struct message *m, const void *bytes)
{
    memcpy(m->bytes, bytes, ch->size);
    m->next = NULL;
    *ch->queue_end = m;
    ch->queue_end = &m->next;
    tell_observers(ch);
}

static void join_queue(struct waiter **queue, struct waiter *waiter)
{
    while (*queue)
        queue = &(*queue)->next;
    waiter->next = NULL;
    *queue = waiter;
}

static void leave_queue(struct waiter **queue, struct waiter *waiter)
{
    while (*queue != waiter)
        queue = &(*queue)->next;
    *queue = waiter->next;
}

/* Waits in the queue to be served. Takes the lock over, and gives it back. */
static enum channel_status wait_in(struct waiter **queue, struct waiter *waiter, struct channel *ch,
                                   const struct timespec *deadline)
{
    int result;

    sem_init(&waiter->served, 0, 0);
    join_queue(queue, waiter);
    pthread_mutex_unlock(&ch->lock);
    do
        result = deadline ? sem_clockwait(&waiter->served, CLOCK_MONOTONIC, deadline)
                          : sem_wait(&waiter->served);
    while (result != 0 && errno == EINTR);
    pthread_mutex_lock(&ch->lock); /* so that who served is through with the waiter */
    if (!waiter->is_served) {
        leave_queue(queue, waiter);
        waiter->answer = CHANNEL_TIMEOUT;
    }
    pthread_mutex_unlock(&ch->lock);
    sem_destroy(&waiter->served);
    return waiter->answer;
}

static struct message *new_message(size_t size)
{
    return size > SIZE_MAX - sizeof(struct message) ? NULL : malloc(sizeof(struct message) + size);
}

static void free_messages(struct message *m)
{
    for (struct message *next; m; m = next) {
        next = m->next;
        free(m);
    }
}

static void free_channel(struct channel *ch)
{
    free_messages(ch->unused);
    pthread_mutex_destroy(&ch->lock);
    free(ch);
}

static bool stock(struct channel *ch, size_t capacity)
{
    while (capacity-- > 0) {
        struct message *m = new_message(ch->size);
        if (!m)
            return false;
        m->next = ch->unused;
        ch->unused = m;
    }
    return true;
}

static enum channel_status create(size_t size, size_t capacity, void (*drop)(void *),
                                  struct sender **tx, struct receiver **rx)
{
    struct channel *ch = calloc(1, sizeof *ch);
    struct sender *sender = malloc(sizeof *sender);
    struct receiver *receiver = malloc(sizeof *receiver);

    if (!ch)
        goto no_memory;
    pthread_mutex_init(&ch->lock, NULL);
    ch->size = size;
    ch->senders = 1;
    ch->receiver = true;
    ch->bounded = capacity > 0;
    ch->drop = drop;
    ch->queue_end = &ch->queue;
    if (!sender || !receiver || (capacity && size > SIZE_MAX / capacity) || !stock(ch, capacity))
        goto no_memory;
    sender->channel = receiver->channel = ch;
    *tx = sender;
    *rx = receiver;
    return CHANNEL_OK;

no_memory:
    if (ch)
        free_channel(ch);
    free(sender);
    free(receiver);
    return CHANNEL_NO_MEMORY;
}

enum channel_status channel_create_bounded(size_t message_size, size_t capacity,
                                           void (*drop)(void *message), struct sender **tx,
                                           struct receiver **rx)
{
    if (message_size == 0 || capacity == 0)
        return CHANNEL_INVALID;
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
    struct sender *clone = malloc(sizeof *clone);

    if (!clone)
        return NULL;
    *clone = *tx;
    pthread_mutex_lock(&tx->channel->lock);
    tx->channel->senders++;
    pthread_mutex_unlock(&tx->channel->lock);
    return clone;
}

static bool is_time(const struct timespec *deadline)
{
    return !deadline || (deadline->tv_nsec >= 0 && deadline->tv_nsec < 1000000000);
}

/* What a send says without waiting. The lock is held. */
static enum channel_status send_now(struct channel *ch, const void *message)
{
    struct message *m;

    if (!ch->receiver)
        return CHANNEL_CLOSED;
    if (ch->receiving) {
        struct waiter *waiter = ch->receiving;
        ch->receiving = NULL;
        memcpy(waiter->buffer, message, ch->size);
        serve(waiter, CHANNEL_OK);
        return CHANNEL_OK;
    }
    if (ch->bounded) {
        m = ch->unused;
        if (!m)
            return CHANNEL_FULL;
        ch->unused = m->next;
    } else {
        m = new_message(ch->size);
        if (!m)
            return CHANNEL_NO_MEMORY;
    }
    enqueue(ch, m, message);
    return CHANNEL_OK;
}

enum channel_status sender_try_send(struct sender *tx, const void *message)
{
    enum channel_status status;

    pthread_mutex_lock(&tx->channel->lock);
    status = send_now(tx->channel, message);
    pthread_mutex_unlock(&tx->channel->lock);
    return status;
}

enum channel_status sender_send_until(struct sender *tx, const void *message,
                                      const struct timespec *deadline)
{
    struct channel *ch = tx->channel;
    struct waiter waiter = {.message = message};
    enum channel_status status;

    if (!is_time(deadline))
        return CHANNEL_INVALID;
    pthread_mutex_lock(&ch->lock);
    status = send_now(ch, message);
    if (status == CHANNEL_FULL)
        return wait_in(&ch->sending, &waiter, ch, deadline);
    pthread_mutex_unlock(&ch->lock);
    return status;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    return sender_send_until(tx, message, NULL);
}

/* What a receive says without waiting. The lock is held. */
static enum channel_status receive_now(struct channel *ch, void *message)
{
    struct message *m = ch->queue;
    struct waiter *waiter;

    if (!m)
        return ch->senders ? CHANNEL_EMPTY : CHANNEL_CLOSED;
    ch->queue = m->next;
    if (!ch->queue)
        ch->queue_end = &ch->queue;
    memcpy(message, m->bytes, ch->size);
    if (!ch->bounded) {
        free(m);
    } else if ((waiter = first_sender(ch))) {
        enqueue(ch, m, waiter->message);
        serve(waiter, CHANNEL_OK);
    } else {
        m->next = ch->unused;
        ch->unused = m;
    }
    return CHANNEL_OK;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    enum channel_status status;

    pthread_mutex_lock(&rx->channel->lock);
    status = receive_now(rx->channel, message);
    pthread_mutex_unlock(&rx->channel->lock);
    return status;
}

enum channel_status receiver_recv_until(struct receiver *rx, void *message,
                                        const struct timespec *deadline)
{
    struct channel *ch = rx->channel;
    struct waiter waiter = {.buffer = message};
    enum channel_status status;

    if (!is_time(deadline))
        return CHANNEL_INVALID;
    pthread_mutex_lock(&ch->lock);
    status = receive_now(ch, message);
    if (status == CHANNEL_EMPTY)
        return wait_in(&ch->receiving, &waiter, ch, deadline);
    pthread_mutex_unlock(&ch->lock);
    return status;
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    return receiver_recv_until(rx, message, NULL);
}

void sender_drop(struct sender *tx)
{
    struct channel *ch;
    bool last;

    if (!tx)
        return;
    ch = tx->channel;
    free(tx);
    pthread_mutex_lock(&ch->lock);
    ch->senders--;
    if (ch->senders == 0)
        tell_observers(ch);
    if (ch->senders == 0 && ch->receiving) {
        serve(ch->receiving, CHANNEL_CLOSED);
        ch->receiving = NULL;
    }
    last = ch->senders == 0 && !ch->receiver;
    pthread_mutex_unlock(&ch->lock);
    if (last)
        free_channel(ch);
}

void receiver_drop(struct receiver *rx)
{
    struct channel *ch;
    struct message *left;
    struct waiter *waiter;
    void (*drop)(void *);
    bool last;

    if (!rx)
        return;
    ch = rx->channel;
    free(rx);
    pthread_mutex_lock(&ch->lock);
    ch->receiver = false;
    while ((waiter = first_sender(ch)))
        serve(waiter, CHANNEL_CLOSED);
    left = ch->queue;
    drop = ch->drop;
    last = ch->senders == 0;
    pthread_mutex_unlock(&ch->lock);
    if (last)
        free_channel(ch);
    for (struct message *m = left; m && drop; m = m->next)
        drop(m->bytes);
    free_messages(left);
}

static void begin_to_observe(struct channel *ch, struct observer *o, struct selection *selection)
{
    pthread_mutex_lock(&ch->lock);
    o->selection = selection;
    o->next = ch->observers;
    o->link = &ch->observers;
    if (o->next)
        o->next->link = &o->next;
    ch->observers = o;
    if (ch->queue || ch->senders == 0)
        tell_observers(ch);
    pthread_mutex_unlock(&ch->lock);
}

/* Whether the channel is ready, at last. */
static bool end_to_observe(struct channel *ch, struct observer *o)
{
    bool ready;

    pthread_mutex_lock(&ch->lock);
    *o->link = o->next;
    if (o->next)
        o->next->link = o->link;
    ready = ch->queue || ch->senders == 0;
    pthread_mutex_unlock(&ch->lock);
    return ready;
}

enum channel_status receiver_select(struct receiver *const receivers[], size_t n,
                                    const struct timespec *deadline, size_t *ready)
{
    struct selection selection = {.is_told = ATOMIC_FLAG_INIT};
    struct observer *observers;
    size_t found = n;
    int result;

    if (n == 0 || !is_time(deadline))
        return CHANNEL_INVALID;
    observers = calloc(n, sizeof *observers);
    if (!observers)
        return CHANNEL_NO_MEMORY;
    sem_init(&selection.told, 0, 0);
    for (size_t i = 0; i < n; i++)
        begin_to_observe(receivers[i]->channel, &observers[i], &selection);
    do
        result = deadline ? sem_clockwait(&selection.told, CLOCK_MONOTONIC, deadline)
                          : sem_wait(&selection.told);
    while (result != 0 && errno == EINTR);
    for (size_t i = n; i-- > 0;)
        if (end_to_observe(receivers[i]->channel, &observers[i]))
            found = i;
    sem_destroy(&selection.told);
    free(observers);
    if (found == n)
        return CHANNEL_TIMEOUT;
    *ready = found;
    return CHANNEL_OK;
}
