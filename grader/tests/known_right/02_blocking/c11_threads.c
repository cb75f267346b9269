/* What is different: <threads.h>: mtx_t and cnd_t, whose results are checked. */
#include "channel.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>

typedef struct Cell Cell;
struct Cell {
    Cell *next;
    char data[];
};

typedef struct {
    mtx_t mtx;
    cnd_t cnd;
    Cell *oldest, *newest;
    size_t size;
    size_t tx_alive;
    bool rx_alive;
} Channel;

struct sender {
    Channel *channel;
};
struct receiver {
    Channel *channel;
};

static void channel_delete(Channel *c)
{
    for (Cell *cell = c->oldest; cell;) {
        Cell *next = cell->next;
        free(cell);
        cell = next;
    }
    cnd_destroy(&c->cnd);
    mtx_destroy(&c->mtx);
    free(c);
}

static Channel *channel_new(size_t size)
{
    Channel *c = calloc(1, sizeof(Channel));
    if (!c)
        return NULL;
    if (mtx_init(&c->mtx, mtx_plain) != thrd_success) {
        free(c);
        return NULL;
    }
    if (cnd_init(&c->cnd) != thrd_success) {
        mtx_destroy(&c->mtx);
        free(c);
        return NULL;
    }
    c->size = size;
    c->tx_alive = 1;
    c->rx_alive = true;
    return c;
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    if (message_size == 0)
        return CHANNEL_INVALID;
    if (message_size > SIZE_MAX - sizeof(Cell))
        return CHANNEL_NO_MEMORY;
    struct sender *s = malloc(sizeof *s);
    struct receiver *r = malloc(sizeof *r);
    Channel *c = channel_new(message_size);
    if (s && r && c) {
        s->channel = r->channel = c;
        *tx = s;
        *rx = r;
        return CHANNEL_OK;
    }
    free(s);
    free(r);
    if (c)
        channel_delete(c);
    return CHANNEL_NO_MEMORY;
}

struct sender *sender_clone(struct sender *tx)
{
    struct sender *s = malloc(sizeof *s);
    if (!s)
        return NULL;
    *s = *tx;
    mtx_lock(&s->channel->mtx);
    ++s->channel->tx_alive;
    mtx_unlock(&s->channel->mtx);
    return s;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    Channel *c = tx->channel;
    Cell *cell = malloc(sizeof(Cell) + c->size);

    if (cell) {
        cell->next = NULL;
        memcpy(cell->data, message, c->size);
    }
    mtx_lock(&c->mtx);
    bool open = c->rx_alive;
    if (open && cell) {
        if (c->oldest)
            c->newest->next = cell;
        else
            c->oldest = cell;
        c->newest = cell;
        cnd_signal(&c->cnd);
    }
    mtx_unlock(&c->mtx);
    if (open)
        return cell ? CHANNEL_OK : CHANNEL_NO_MEMORY;
    free(cell);
    return CHANNEL_CLOSED;
}

/* Unlocks. */
static enum channel_status take_and_unlock(Channel *c, void *message)
{
    Cell *cell = c->oldest;
    enum channel_status s = CHANNEL_OK;

    if (cell)
        c->oldest = cell->next;
    else
        s = c->tx_alive ? CHANNEL_EMPTY : CHANNEL_CLOSED;
    mtx_unlock(&c->mtx);
    if (cell) {
        memcpy(message, cell->data, c->size);
        free(cell);
    }
    return s;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    mtx_lock(&rx->channel->mtx);
    return take_and_unlock(rx->channel, message);
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    Channel *c = rx->channel;

    mtx_lock(&c->mtx);
    for (;;) {
        if (c->oldest || !c->tx_alive)
            return take_and_unlock(c, message);
        cnd_wait(&c->cnd, &c->mtx);
    }
}

void sender_drop(struct sender *tx)
{
    if (!tx)
        return;
    Channel *c = tx->channel;
    free(tx);
    mtx_lock(&c->mtx);
    bool dead = --c->tx_alive == 0 && !c->rx_alive;
    cnd_broadcast(&c->cnd);
    mtx_unlock(&c->mtx);
    if (dead)
        channel_delete(c);
}

void receiver_drop(struct receiver *rx)
{
    if (!rx)
        return;
    Channel *c = rx->channel;
    free(rx);
    mtx_lock(&c->mtx);
    c->rx_alive = false;
    bool dead = c->tx_alive == 0;
    mtx_unlock(&c->mtx);
    if (dead)
        channel_delete(c);
}
