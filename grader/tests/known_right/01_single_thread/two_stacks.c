/* What is different: two stacks make a queue: sends push on the one, receives pop from the other,
 * which gets all of the first, turned round, when it is empty. */
#include "channel.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct cell {
    struct cell *below;
    char data[];
};

struct channel {
    size_t size;
    struct cell *in, *out;
    size_t users[2]; /* senders, receivers */
};

struct sender {
    struct channel *ch;
};

struct receiver {
    struct channel *ch;
};

static void push(struct cell **stack, struct cell *cell)
{
    cell->below = *stack;
    *stack = cell;
}

static struct cell *pop(struct cell **stack)
{
    struct cell *top = *stack;

    if (top != NULL)
        *stack = top->below;
    return top;
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    if (message_size == 0)
        return CHANNEL_INVALID;
    if (message_size > SIZE_MAX - sizeof(struct cell))
        return CHANNEL_NO_MEMORY;
    struct channel *ch = malloc(sizeof *ch);
    if (ch == NULL)
        goto none;
    struct sender *s = malloc(sizeof *s);
    if (s == NULL)
        goto no_sender;
    struct receiver *r = malloc(sizeof *r);
    if (r == NULL)
        goto no_receiver;
    *ch = (struct channel){message_size, NULL, NULL, {1, 1}};
    s->ch = ch;
    r->ch = ch;
    *tx = s;
    *rx = r;
    return CHANNEL_OK;
no_receiver:
    free(s);
no_sender:
    free(ch);
none:
    return CHANNEL_NO_MEMORY;
}

struct sender *sender_clone(struct sender *tx)
{
    struct sender *s = malloc(sizeof *s);
    if (s == NULL)
        return s;
    s->ch = tx->ch;
    s->ch->users[0]++;
    return s;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct cell *cell = malloc(sizeof *cell + tx->ch->size);
    if (cell == NULL)
        return CHANNEL_NO_MEMORY;
    if (tx->ch->users[1] == 0) {
        free(cell);
        return CHANNEL_CLOSED;
    }
    memcpy(cell->data, message, tx->ch->size);
    push(&tx->ch->in, cell);
    return CHANNEL_OK;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    struct channel *ch = rx->ch;
    struct cell *cell;

    if (ch->out == NULL)
        while ((cell = pop(&ch->in)) != NULL)
            push(&ch->out, cell);
    cell = pop(&ch->out);
    if (cell == NULL)
        return ch->users[0] == 0 ? CHANNEL_CLOSED : CHANNEL_EMPTY;
    memcpy(message, cell->data, ch->size);
    free(cell);
    return CHANNEL_OK;
}

static void leave(struct channel *ch, int side)
{
    struct cell *cell;

    ch->users[side]--;
    if (ch->users[0] + ch->users[1] > 0)
        return;
    while ((cell = pop(&ch->in)) != NULL || (cell = pop(&ch->out)) != NULL)
        free(cell);
    free(ch);
}

void sender_drop(struct sender *tx)
{
    if (tx == NULL)
        return;
    leave(tx->ch, 0);
    free(tx);
}

void receiver_drop(struct receiver *rx)
{
    if (rx == NULL)
        return;
    leave(rx->ch, 1);
    free(rx);
}
