/* What is different: one text of bytes that slides to the front, grows, and is given up when it is
 * empty and long; all senders stand in a ring. */
#include "channel.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* One growing text of bytes: messages are appended at its end, taken at `from`, and the text is
 * moved to the front, grown or shrunk, when its end is reached. */
struct channel {
    unsigned char *text;
    size_t from, to, room; /* bytes */
    size_t size;
    size_t handles; /* all of them */
    struct sender *senders; /* a ring of all, in both directions */
    bool deaf;
};

struct sender {
    struct channel *ch;
    struct sender *left, *right;
};

struct receiver {
    struct channel *ch;
};

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    if (message_size == 0)
        return CHANNEL_INVALID;
    struct channel *ch = calloc(1, sizeof *ch);
    if (ch == NULL)
        return CHANNEL_NO_MEMORY;
    struct sender *s = malloc(sizeof *s);
    if (s == NULL) {
        free(ch);
        return CHANNEL_NO_MEMORY;
    }
    struct receiver *r = malloc(sizeof *r);
    if (r == NULL) {
        free(s);
        free(ch);
        return CHANNEL_NO_MEMORY;
    }
    ch->size = message_size;
    ch->handles = 2;
    ch->senders = s;
    s->ch = r->ch = ch;
    s->left = s->right = s;
    *tx = s;
    *rx = r;
    return CHANNEL_OK;
}

struct sender *sender_clone(struct sender *tx)
{
    struct sender *s = malloc(sizeof *s);
    if (s == NULL)
        return NULL;
    s->ch = tx->ch;
    s->left = tx;
    s->right = tx->right;
    s->right->left = s;
    tx->right = s;
    s->ch->handles++;
    return s;
}

static bool make_room(struct channel *ch)
{
    size_t used = ch->to - ch->from;
    if (ch->size > ch->room - ch->to && ch->from > 0 && ch->from >= used && ch->size <= ch->from) {
        memmove(ch->text, ch->text + ch->from, used);
        ch->from = 0;
        ch->to = used;
    }
    if (ch->size <= ch->room - ch->to)
        return true;
    if (ch->size > SIZE_MAX / 4 || used > SIZE_MAX / 4)
        return false;
    size_t room = 2 * used + 2 * ch->size;
    unsigned char *text = malloc(room);
    if (text == NULL)
        return false;
    if (used != 0)
        memcpy(text, ch->text + ch->from, used);
    free(ch->text);
    ch->text = text;
    ch->room = room;
    ch->from = 0;
    ch->to = used;
    return true;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct channel *ch = tx->ch;
    if (ch->deaf)
        return CHANNEL_CLOSED;
    if (!make_room(ch))
        return CHANNEL_NO_MEMORY;
    memcpy(ch->text + ch->to, message, ch->size);
    ch->to += ch->size;
    return CHANNEL_OK;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    struct channel *ch = rx->ch;
    if (ch->from == ch->to)
        return ch->senders == NULL ? CHANNEL_CLOSED : CHANNEL_EMPTY;
    memcpy(message, ch->text + ch->from, ch->size);
    ch->from += ch->size;
    if (ch->from == ch->to) {
        ch->from = ch->to = 0;
        if (ch->room > 65536) {
            free(ch->text);
            ch->text = NULL;
            ch->room = 0;
        }
    }
    return CHANNEL_OK;
}

static void leave(struct channel *ch)
{
    if (--ch->handles != 0)
        return;
    free(ch->text);
    free(ch);
}

void sender_drop(struct sender *tx)
{
    if (tx == NULL)
        return;
    struct channel *ch = tx->ch;
    tx->left->right = tx->right;
    tx->right->left = tx->left;
    if (ch->senders == tx)
        ch->senders = tx->right == tx ? NULL : tx->right;
    free(tx);
    leave(ch);
}

void receiver_drop(struct receiver *rx)
{
    if (rx == NULL)
        return;
    struct channel *ch = rx->ch;
    ch->deaf = true;
    free(rx);
    leave(ch);
}
