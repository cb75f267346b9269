/* What is different: one array that realloc makes larger, moved down whenever a message is taken. */
#include "channel.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct channel {
    unsigned char *array;
    size_t size, used, room;
    size_t handles; /* all of them */
    size_t senders;
};

struct sender {
    struct channel *c;
};

struct receiver {
    struct channel *c;
};

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    struct channel *c = NULL;
    struct sender *s = NULL;
    struct receiver *r = NULL;

    if (message_size == 0)
        return CHANNEL_INVALID;
    if (!(c = calloc(1, sizeof *c)) || !(s = malloc(sizeof *s)) || !(r = malloc(sizeof *r))) {
        free(s);
        free(c);
        return CHANNEL_NO_MEMORY;
    }
    c->size = message_size;
    c->handles = 2;
    c->senders = 1;
    s->c = r->c = c;
    *tx = s;
    *rx = r;
    return CHANNEL_OK;
}

struct sender *sender_clone(struct sender *tx)
{
    struct sender *s = malloc(sizeof *s);

    if (s) {
        s->c = tx->c;
        s->c->handles++;
        s->c->senders++;
    }
    return s;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct channel *c = tx->c;

    if (c->handles == c->senders)
        return CHANNEL_CLOSED;
    if (c->used == c->room) {
        size_t room = c->room + c->room / 2 + 1;
        void *array;

        if (room > SIZE_MAX / c->size)
            return CHANNEL_NO_MEMORY;
        array = realloc(c->array, room * c->size);
        if (!array)
            return CHANNEL_NO_MEMORY;
        c->array = array;
        c->room = room;
    }
    memcpy(&c->array[c->used++ * c->size], message, c->size);
    return CHANNEL_OK;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    struct channel *c = rx->c;

    if (c->used == 0)
        return c->senders ? CHANNEL_EMPTY : CHANNEL_CLOSED;
    memcpy(message, c->array, c->size);
    c->used--;
    memmove(c->array, c->array + c->size, c->used * c->size);
    return CHANNEL_OK;
}

static void release(struct channel *c)
{
    if (--c->handles > 0)
        return;
    free(c->array);
    free(c);
}

void sender_drop(struct sender *tx)
{
    if (!tx)
        return;
    tx->c->senders--;
    release(tx->c);
    free(tx);
}

void receiver_drop(struct receiver *rx)
{
    if (!rx)
        return;
    release(rx->c);
    free(rx);
}
