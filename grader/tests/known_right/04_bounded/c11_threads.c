/* <threads.h>; a list of nodes, those of a bounded channel made at the beginning and used again. */
#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>

#include "channel.h"

struct cell {
    struct cell *next;
    alignas(max_align_t) char bytes[];
};

struct channel {
    mtx_t mutex;
    cnd_t data, room;
    size_t bytes;
    int limited;
    void (*drop)(void *message);
    struct cell *out, *in; /* oldest and newest */
    struct cell *free;
    size_t waiting; /* senders asleep */
    size_t senders;
    int receiver;
};

/* Both handles are the channel. */
static struct channel *hidden(void *handle)
{
    return handle;
}

static void free_cells(struct cell *cell)
{
    while (cell) {
        struct cell *next = cell->next;

        free(cell);
        cell = next;
    }
}

static enum channel_status make(size_t bytes, size_t cells, void (*drop)(void *), void **handle)
{
    struct channel *c = calloc(1, sizeof *c);

    if (!c)
        return CHANNEL_NO_MEMORY;
    for (size_t i = 0; i < cells; i++) {
        struct cell *cell = malloc(sizeof *cell + bytes);

        if (!cell) {
            free_cells(c->free);
            free(c);
            return CHANNEL_NO_MEMORY;
        }
        cell->next = c->free;
        c->free = cell;
    }
    if (mtx_init(&c->mutex, mtx_plain) != thrd_success || cnd_init(&c->data) != thrd_success ||
        cnd_init(&c->room) != thrd_success) {
        free_cells(c->free);
        free(c);
        return CHANNEL_NO_MEMORY;
    }
    c->bytes = bytes;
    c->limited = cells > 0;
    c->drop = drop;
    c->senders = 1;
    c->receiver = 1;
    *handle = c;
    return CHANNEL_OK;
}

enum channel_status channel_create_bounded(size_t message_size, size_t capacity,
                                           void (*drop)(void *message), struct sender **tx,
                                           struct receiver **rx)
{
    enum channel_status status;
    void *handle;

    if (!message_size || !capacity)
        return CHANNEL_INVALID;
    if (message_size > SIZE_MAX / 2 / capacity || message_size > SIZE_MAX / 2)
        return CHANNEL_NO_MEMORY;
    status = make(message_size, capacity, drop, &handle);
    if (status == CHANNEL_OK) {
        *tx = handle;
        *rx = handle;
    }
    return status;
}

enum channel_status channel_create_with_drop(size_t message_size, void (*drop)(void *message),
                                             struct sender **tx, struct receiver **rx)
{
    enum channel_status status;
    void *handle;

    if (!message_size)
        return CHANNEL_INVALID;
    if (message_size > SIZE_MAX / 2)
        return CHANNEL_NO_MEMORY;
    status = make(message_size, 0, drop, &handle);
    if (status == CHANNEL_OK) {
        *tx = handle;
        *rx = handle;
    }
    return status;
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    return channel_create_with_drop(message_size, NULL, tx, rx);
}

struct sender *sender_clone(struct sender *tx)
{
    struct channel *c = hidden(tx);

    mtx_lock(&c->mutex);
    c->senders++;
    mtx_unlock(&c->mutex);
    return tx;
}

/* With the mutex. */
static enum channel_status put(struct channel *c, const void *message)
{
    struct cell *cell = c->free;

    if (!c->receiver)
        return CHANNEL_CLOSED;
    if (!cell && c->limited)
        return CHANNEL_FULL;
    if (!cell)
        cell = malloc(sizeof *cell + c->bytes);
    else
        c->free = cell->next;
    if (!cell)
        return CHANNEL_NO_MEMORY;
    memcpy(cell->bytes, message, c->bytes);
    cell->next = NULL;
    if (c->out)
        c->in->next = cell;
    else
        c->out = cell;
    c->in = cell;
    return CHANNEL_OK;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct channel *c = hidden(tx);
    enum channel_status status;

    mtx_lock(&c->mutex);
    while ((status = put(c, message)) == CHANNEL_FULL) {
        c->waiting++;
        cnd_wait(&c->room, &c->mutex);
        c->waiting--;
    }
    mtx_unlock(&c->mutex);
    if (status == CHANNEL_OK)
        cnd_signal(&c->data);
    return status;
}

enum channel_status sender_try_send(struct sender *tx, const void *message)
{
    struct channel *c = hidden(tx);
    enum channel_status status;

    mtx_lock(&c->mutex);
    status = put(c, message);
    mtx_unlock(&c->mutex);
    if (status == CHANNEL_OK)
        cnd_signal(&c->data);
    return status;
}

/* With the mutex, which is released. */
static enum channel_status take(struct channel *c, void *message)
{
    struct cell *cell = c->out;
    int closed = c->senders == 0, wake = 0;

    if (cell) {
        memcpy(message, cell->bytes, c->bytes);
        c->out = cell->next;
        wake = c->waiting > 0;
        if (c->limited) {
            cell->next = c->free;
            c->free = cell;
            cell = NULL;
        }
        closed = -1;
    }
    mtx_unlock(&c->mutex);
    free(cell);
    if (wake)
        cnd_signal(&c->room);
    return closed == -1 ? CHANNEL_OK : closed ? CHANNEL_CLOSED : CHANNEL_EMPTY;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    struct channel *c = hidden(rx);

    mtx_lock(&c->mutex);
    return take(c, message);
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    struct channel *c = hidden(rx);

    mtx_lock(&c->mutex);
    while (!c->out && c->senders)
        cnd_wait(&c->data, &c->mutex);
    return take(c, message);
}

static void unlock_or_end(struct channel *c)
{
    int end = !c->senders && !c->receiver;

    mtx_unlock(&c->mutex);
    if (end) {
        cnd_destroy(&c->data);
        cnd_destroy(&c->room);
        mtx_destroy(&c->mutex);
        free_cells(c->free);
        free(c);
    }
}

void sender_drop(struct sender *tx)
{
    struct channel *c = hidden(tx);

    if (!tx)
        return;
    mtx_lock(&c->mutex);
    if (--c->senders == 0)
        cnd_signal(&c->data);
    unlock_or_end(c);
}

void receiver_drop(struct receiver *rx)
{
    struct channel *c = hidden(rx);
    void (*drop)(void *message);
    struct cell *left, *cell;

    if (!rx)
        return;
    drop = c->drop;
    mtx_lock(&c->mutex);
    c->receiver = 0;
    left = c->out;
    c->out = NULL;
    cnd_broadcast(&c->room);
    unlock_or_end(c);
    for (cell = left; cell; cell = cell->next)
        if (drop)
            drop(cell->bytes);
    free_cells(left);
}
