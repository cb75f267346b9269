/* Known right: event counts. The queue has its lock, and sleeping is apart from it: read the event's number,
 * try, and if that was in vain sleep until the number is another one. An atomic count of handles says who is
 * last. Messages in a circular list of blocks that are used again. */
#include "channel.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Something that happens now and then. */
struct event {
    pthread_mutex_t mutex;
    pthread_cond_t happened;
    unsigned long number;
};

static void event_init(struct event *event)
{
    pthread_condattr_t monotonic;

    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&event->happened, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&event->mutex, NULL);
    event->number = 0;
}

static void event_destroy(struct event *event)
{
    pthread_cond_destroy(&event->happened);
    pthread_mutex_destroy(&event->mutex);
}

static unsigned long event_number(struct event *event)
{
    unsigned long number;

    pthread_mutex_lock(&event->mutex);
    number = event->number;
    pthread_mutex_unlock(&event->mutex);
    return number;
}

static void event_happens(struct event *event)
{
    pthread_mutex_lock(&event->mutex);
    event->number++;
    pthread_cond_broadcast(&event->happened);
    pthread_mutex_unlock(&event->mutex);
}

/* Sleeps while the event's number is the one seen. False when the deadline has passed. */
static bool event_wait(struct event *event, unsigned long seen, const struct timespec *deadline)
{
    bool in_time = true;

    pthread_mutex_lock(&event->mutex);
    while (in_time && event->number == seen) {
        if (deadline != NULL)
            in_time = pthread_cond_timedwait(&event->happened, &event->mutex, deadline) == 0;
        else
            pthread_cond_wait(&event->happened, &event->mutex);
    }
    pthread_mutex_unlock(&event->mutex);
    return in_time;
}

struct cell {
    struct cell *next;
    _Alignas(max_align_t) unsigned char message[];
};

/* Cells in a circle: those with messages begin at read, those without at write. write == read means all are
 * free or all are full: used tells. */
struct channel {
    atomic_size_t handles;
    struct event sent, received;
    void (*drop)(void *message);
    size_t message_size;
    bool bounded;

    pthread_mutex_t lock;
    struct cell *read, *write, *newest; /* newest is just before write */
    size_t used, cells, senders;
    bool has_receiver;
};

struct sender {
    struct channel *channel;
};

struct receiver {
    struct channel *channel;
};

/* Inserts a cell where the next message goes. All cells there are hold messages. */
static bool add_cell(struct channel *ch)
{
    struct cell *cell;

    if (ch->message_size > SIZE_MAX - sizeof *cell)
        return false;
    cell = malloc(sizeof *cell + ch->message_size);
    if (cell == NULL)
        return false;
    if (ch->cells++ == 0) {
        ch->read = ch->newest = cell;
    } else {
        cell->next = ch->newest->next;
        ch->newest->next = cell;
    }
    if (ch->newest == cell)
        cell->next = cell;
    ch->write = cell;
    return true;
}

static void free_cells(struct cell *cell, size_t cells)
{
    while (cells-- > 0) {
        struct cell *next = cell->next;
        free(cell);
        cell = next;
    }
}

static void give_back(struct channel *ch)
{
    if (atomic_fetch_sub(&ch->handles, 1) > 1)
        return;
    event_destroy(&ch->sent);
    event_destroy(&ch->received);
    pthread_mutex_destroy(&ch->lock);
    free_cells(ch->read, ch->cells);
    free(ch);
}

static enum channel_status create(size_t message_size, size_t capacity, void (*drop)(void *message),
                                  struct sender **tx, struct receiver **rx)
{
    struct channel *ch;
    struct sender *sender;
    struct receiver *receiver;

    if (capacity > 0 && message_size > SIZE_MAX / capacity)
        return CHANNEL_NO_MEMORY;
    ch = malloc(sizeof *ch);
    if (ch == NULL)
        return CHANNEL_NO_MEMORY;
    memset(ch, 0, sizeof *ch);
    atomic_init(&ch->handles, 1);
    event_init(&ch->sent);
    event_init(&ch->received);
    pthread_mutex_init(&ch->lock, NULL);
    ch->drop = drop;
    ch->message_size = message_size;
    ch->bounded = capacity > 0;
    ch->senders = 1;
    ch->has_receiver = true;
    sender = malloc(sizeof *sender);
    receiver = malloc(sizeof *receiver);
    while (ch->cells < capacity && add_cell(ch))
        ch->newest = ch->write; /* as if it held a message: the next goes behind it */
    ch->write = ch->read;
    if (sender == NULL || receiver == NULL || ch->cells < capacity) {
        free(sender);
        free(receiver);
        give_back(ch);
        return CHANNEL_NO_MEMORY;
    }
    atomic_store(&ch->handles, 2);
    sender->channel = ch;
    receiver->channel = ch;
    *tx = sender;
    *rx = receiver;
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
    struct sender *clone = malloc(sizeof *clone);
    struct channel *ch = tx->channel;

    if (clone == NULL)
        return NULL;
    clone->channel = ch;
    atomic_fetch_add(&ch->handles, 1);
    pthread_mutex_lock(&ch->lock);
    ch->senders++;
    pthread_mutex_unlock(&ch->lock);
    return clone;
}

enum channel_status sender_try_send(struct sender *tx, const void *message)
{
    struct channel *ch = tx->channel;
    enum channel_status status = CHANNEL_OK;

    pthread_mutex_lock(&ch->lock);
    if (!ch->has_receiver) {
        status = CHANNEL_CLOSED;
    } else if (ch->used == ch->cells && ch->bounded) {
        status = CHANNEL_FULL;
    } else if (ch->used == ch->cells && !add_cell(ch)) {
        status = CHANNEL_NO_MEMORY;
    } else {
        memcpy(ch->write->message, message, ch->message_size);
        ch->newest = ch->write;
        ch->write = ch->write->next;
        ch->used++;
    }
    pthread_mutex_unlock(&ch->lock);
    if (status == CHANNEL_OK)
        event_happens(&ch->sent);
    return status;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    struct channel *ch = rx->channel;
    enum channel_status status = CHANNEL_OK;

    pthread_mutex_lock(&ch->lock);
    if (ch->used > 0) {
        memcpy(message, ch->read->message, ch->message_size);
        ch->read = ch->read->next;
        ch->used--;
    } else {
        status = ch->senders > 0 ? CHANNEL_EMPTY : CHANNEL_CLOSED;
    }
    pthread_mutex_unlock(&ch->lock);
    if (status == CHANNEL_OK && ch->bounded)
        event_happens(&ch->received);
    return status;
}

static bool is_invalid(const struct timespec *deadline)
{
    return deadline != NULL && (deadline->tv_nsec < 0 || deadline->tv_nsec >= 1000000000);
}

enum channel_status sender_send_until(struct sender *tx, const void *message,
                                      const struct timespec *deadline)
{
    struct event *event = &tx->channel->received;

    if (is_invalid(deadline))
        return CHANNEL_INVALID;
    for (bool in_time = true;;) {
        unsigned long seen = event_number(event);
        enum channel_status status = sender_try_send(tx, message);

        if (status != CHANNEL_FULL)
            return status;
        if (!in_time)
            return CHANNEL_TIMEOUT;
        in_time = event_wait(event, seen, deadline);
    }
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    return sender_send_until(tx, message, NULL);
}

enum channel_status receiver_recv_until(struct receiver *rx, void *message,
                                        const struct timespec *deadline)
{
    struct event *event = &rx->channel->sent;

    if (is_invalid(deadline))
        return CHANNEL_INVALID;
    for (bool in_time = true;;) {
        unsigned long seen = event_number(event);
        enum channel_status status = receiver_try_recv(rx, message);

        if (status != CHANNEL_EMPTY)
            return status;
        if (!in_time)
            return CHANNEL_TIMEOUT;
        in_time = event_wait(event, seen, deadline);
    }
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    return receiver_recv_until(rx, message, NULL);
}

void sender_drop(struct sender *tx)
{
    struct channel *ch;
    bool last;

    if (tx == NULL)
        return;
    ch = tx->channel;
    free(tx);
    pthread_mutex_lock(&ch->lock);
    last = --ch->senders == 0;
    pthread_mutex_unlock(&ch->lock);
    if (last)
        event_happens(&ch->sent);
    give_back(ch);
}

void receiver_drop(struct receiver *rx)
{
    struct channel *ch;
    struct cell *cells;
    size_t used, n;

    if (rx == NULL)
        return;
    ch = rx->channel;
    free(rx);
    pthread_mutex_lock(&ch->lock);
    ch->has_receiver = false;
    cells = ch->read;
    n = ch->cells;
    used = ch->used;
    ch->read = ch->write = NULL;
    ch->cells = ch->used = 0;
    pthread_mutex_unlock(&ch->lock);
    event_happens(&ch->received);
    for (struct cell *cell = cells; used > 0 && ch->drop != NULL; cell = cell->next, used--)
        ch->drop(cell->message);
    free_cells(cells, n);
    give_back(ch); /* only now: ch->drop was needed */
}
