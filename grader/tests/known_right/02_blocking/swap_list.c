/* What is different: the receiver takes the whole list of the senders in one go, and then receives
 * from what it took without the lock. Handles count in one field; the receiver has its own flag. */
#include "channel.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct letter {
    struct letter *next;
    max_align_t content[];
};

struct list {
    struct letter *first;
    struct letter *last;
};

struct channel {
    pthread_mutex_t lock;
    pthread_cond_t news;
    struct list inbox;
    size_t message_size;
    size_t senders;
    bool receiver_gone;
    bool receiver_waits;
};

struct sender {
    struct channel *channel;
};

struct receiver {
    struct channel *channel;
    struct list mine;
};

static void list_free(struct list *list)
{
    while (list->first != NULL) {
        struct letter *letter = list->first;
        list->first = letter->next;
        free(letter);
    }
    list->last = NULL;
}

static void channel_free(struct channel *ch)
{
    list_free(&ch->inbox);
    pthread_mutex_destroy(&ch->lock);
    pthread_cond_destroy(&ch->news);
    free(ch);
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    struct channel *ch;

    if (message_size == 0)
        return CHANNEL_INVALID;
    ch = calloc(1, sizeof *ch);
    if (ch == NULL)
        return CHANNEL_NO_MEMORY;
    pthread_mutex_init(&ch->lock, NULL);
    pthread_cond_init(&ch->news, NULL);
    ch->message_size = message_size;
    ch->senders = 1;
    struct sender *s = calloc(1, sizeof *s);
    struct receiver *r = calloc(1, sizeof *r);
    if (s == NULL || r == NULL) {
        free(s);
        free(r);
        channel_free(ch);
        return CHANNEL_NO_MEMORY;
    }
    s->channel = r->channel = ch;
    *tx = s;
    *rx = r;
    return CHANNEL_OK;
}

struct sender *sender_clone(struct sender *tx)
{
    struct channel *ch = tx->channel;
    struct sender *s;

    pthread_mutex_lock(&ch->lock);
    s = calloc(1, sizeof *s);
    if (s != NULL) {
        s->channel = ch;
        ch->senders++;
    }
    pthread_mutex_unlock(&ch->lock);
    return s;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct channel *ch = tx->channel;
    struct letter *letter = NULL;
    bool wake;

    if (ch->message_size < SIZE_MAX - sizeof *letter)
        letter = malloc(sizeof *letter + ch->message_size);
    if (letter == NULL)
        return CHANNEL_NO_MEMORY;
    letter->next = NULL;
    memcpy(letter->content, message, ch->message_size);

    pthread_mutex_lock(&ch->lock);
    if (ch->receiver_gone) {
        pthread_mutex_unlock(&ch->lock);
        free(letter);
        return CHANNEL_CLOSED;
    }
    if (ch->inbox.last != NULL)
        ch->inbox.last->next = letter;
    else
        ch->inbox.first = letter;
    ch->inbox.last = letter;
    wake = ch->receiver_waits;
    pthread_mutex_unlock(&ch->lock);
    if (wake)
        pthread_cond_signal(&ch->news);
    return CHANNEL_OK;
}

static enum channel_status receive(struct receiver *rx, void *message, bool wait)
{
    struct channel *ch = rx->channel;
    enum channel_status otherwise = CHANNEL_EMPTY;

    if (rx->mine.first == NULL) {
        pthread_mutex_lock(&ch->lock);
        while (wait && ch->inbox.first == NULL && ch->senders > 0) {
            ch->receiver_waits = true;
            pthread_cond_wait(&ch->news, &ch->lock);
            ch->receiver_waits = false;
        }
        rx->mine = ch->inbox;
        ch->inbox = (struct list){NULL, NULL};
        if (ch->senders == 0)
            otherwise = CHANNEL_CLOSED;
        pthread_mutex_unlock(&ch->lock);
    }
    struct letter *letter = rx->mine.first;
    if (letter == NULL)
        return otherwise;
    rx->mine.first = letter->next;
    memcpy(message, letter->content, ch->message_size);
    free(letter);
    return CHANNEL_OK;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    return receive(rx, message, false);
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    return receive(rx, message, true);
}

void sender_drop(struct sender *tx)
{
    if (tx == NULL)
        return;
    struct channel *ch = tx->channel;
    free(tx);
    pthread_mutex_lock(&ch->lock);
    bool last_sender = --ch->senders == 0, last = last_sender && ch->receiver_gone;
    if (last_sender && ch->receiver_waits)
        pthread_cond_signal(&ch->news);
    pthread_mutex_unlock(&ch->lock);
    if (last)
        channel_free(ch);
}

void receiver_drop(struct receiver *rx)
{
    if (rx == NULL)
        return;
    struct channel *ch = rx->channel;
    list_free(&rx->mine);
    free(rx);
    pthread_mutex_lock(&ch->lock);
    struct list unread = ch->inbox; /* free them now, not with the last sender */
    ch->inbox = (struct list){NULL, NULL};
    ch->receiver_gone = true;
    bool last = ch->senders == 0;
    pthread_mutex_unlock(&ch->lock);
    list_free(&unread);
    if (last)
        channel_free(ch);
}
