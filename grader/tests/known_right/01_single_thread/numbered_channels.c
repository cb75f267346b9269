/* What is different: all channels are in one static table and a handle knows a number; a place in the
 * table is used again. The table grows, so nothing keeps a pointer into it. */
#include "channel.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct entry {
    bool used, receiver;
    size_t senders;
    size_t message_size;
    unsigned char *bytes; /* of the messages from first to end - 1 */
    size_t first, end, room;
};

static struct entry *table;
static size_t entries;
static size_t channels; /* used entries: the table is freed with the last one */

struct sender {
    size_t number;
};

struct receiver {
    size_t number;
};

static bool find_place(size_t *number)
{
    struct entry *larger;

    for (*number = 0; *number < entries; ++*number)
        if (!table[*number].used)
            return true;
    larger = realloc(table, (entries + 1) * sizeof *larger);
    if (larger == NULL)
        return false;
    table = larger;
    table[entries++] = (struct entry){0};
    return true;
}

static void free_table_if_unused(void)
{
    if (channels > 0)
        return;
    free(table);
    table = NULL;
    entries = 0;
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    size_t number;

    if (message_size == 0)
        return CHANNEL_INVALID;
    struct sender *s = malloc(sizeof *s);
    struct receiver *r = malloc(sizeof *r);
    if (s == NULL || r == NULL || !find_place(&number)) {
        free(s);
        free(r);
        return CHANNEL_NO_MEMORY;
    }
    table[number] =
        (struct entry){.used = true, .receiver = true, .senders = 1, .message_size = message_size};
    channels++;
    s->number = r->number = number;
    *tx = s;
    *rx = r;
    return CHANNEL_OK;
}

struct sender *sender_clone(struct sender *tx)
{
    struct sender *s = malloc(sizeof *s);

    if (s == NULL)
        return NULL;
    s->number = tx->number;
    table[s->number].senders++;
    return s;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct entry *e = &table[tx->number];
    size_t queued = e->end - e->first;

    if (!e->receiver)
        return CHANNEL_CLOSED;
    if (e->end == e->room && e->first > 0 && e->first >= queued) {
        memcpy(e->bytes, e->bytes + e->first * e->message_size, queued * e->message_size);
        e->first = 0;
        e->end = queued;
    } else if (e->end == e->room) {
        size_t room = e->room == 0 ? 1 : e->room * 2;
        unsigned char *bytes = NULL;
        if (room <= SIZE_MAX / e->message_size)
            bytes = realloc(e->bytes, room * e->message_size);
        if (bytes == NULL)
            return CHANNEL_NO_MEMORY;
        e->bytes = bytes;
        e->room = room;
    }
    memcpy(e->bytes + e->end++ * e->message_size, message, e->message_size);
    return CHANNEL_OK;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    struct entry *e = &table[rx->number];

    if (e->first < e->end) {
        memcpy(message, e->bytes + e->first++ * e->message_size, e->message_size);
        return CHANNEL_OK;
    }
    return e->senders > 0 ? CHANNEL_EMPTY : CHANNEL_CLOSED;
}

static void leave(size_t number)
{
    struct entry *e = &table[number];

    if (e->senders > 0 || e->receiver)
        return;
    free(e->bytes);
    e->bytes = NULL;
    e->used = false;
    channels--;
    free_table_if_unused();
}

void sender_drop(struct sender *tx)
{
    if (tx == NULL)
        return;
    table[tx->number].senders--;
    leave(tx->number);
    free(tx);
}

void receiver_drop(struct receiver *rx)
{
    if (rx == NULL)
        return;
    table[rx->number].receiver = false;
    leave(rx->number);
    free(rx);
}
