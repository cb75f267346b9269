/* What is different: two semaphores and nothing else. One is the lock, the other counts what there is
 * to receive: the messages, and one more once the channel is closed. */
#include "channel.h"

#include <errno.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct message {
    struct message *next;
};

struct channel {
    sem_t mutex;
    sem_t available;
    struct message *first, **end;
    size_t size;
    size_t writers, readers;
};

struct sender {
    struct channel *to;
};

struct receiver {
    struct channel *from;
};

static void down(sem_t *s)
{
    while (sem_wait(s) == -1 && errno == EINTR)
        ; /* a signal is no reason to go on */
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    if (message_size == 0)
        return CHANNEL_INVALID;
    if (message_size >= SIZE_MAX / 2)
        return CHANNEL_NO_MEMORY;

    struct channel *ch = calloc(1, sizeof *ch);
    if (ch == NULL)
        return CHANNEL_NO_MEMORY;
    struct sender *s = malloc(sizeof *s);
    if (s == NULL)
        goto no_sender;
    struct receiver *r = malloc(sizeof *r);
    if (r == NULL)
        goto no_receiver;

    sem_init(&ch->mutex, 0, 1);
    sem_init(&ch->available, 0, 0);
    ch->end = &ch->first;
    ch->size = message_size;
    ch->writers = ch->readers = 1;
    s->to = ch;
    r->from = ch;
    *tx = s;
    *rx = r;
    return CHANNEL_OK;

no_receiver:
    free(s);
no_sender:
    free(ch);
    return CHANNEL_NO_MEMORY;
}

struct sender *sender_clone(struct sender *tx)
{
    struct sender *s = malloc(sizeof *s);
    if (s != NULL) {
        s->to = tx->to;
        down(&s->to->mutex);
        s->to->writers++;
        sem_post(&s->to->mutex);
    }
    return s;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct channel *ch = tx->to;
    struct message *m = malloc(sizeof *m + ch->size);
    enum channel_status status = CHANNEL_CLOSED;

    if (m == NULL)
        return CHANNEL_NO_MEMORY; /* whether closed or not: either is right */
    m->next = NULL;
    memcpy(m + 1, message, ch->size);
    down(&ch->mutex);
    if (ch->readers > 0) {
        *ch->end = m;
        ch->end = &m->next;
        sem_post(&ch->available);
        m = NULL;
        status = CHANNEL_OK;
    }
    sem_post(&ch->mutex);
    free(m);
    return status;
}

/* Called with one unit of available in hand: for a message, or because the channel is closed. */
static enum channel_status take(struct channel *ch, void *message)
{
    down(&ch->mutex);
    struct message *m = ch->first;
    if (m != NULL) {
        ch->first = m->next;
        if (ch->first == NULL)
            ch->end = &ch->first;
    }
    sem_post(&ch->mutex);
    if (m == NULL) {
        sem_post(&ch->available); /* closed for good: the next call needs a unit as well */
        return CHANNEL_CLOSED;
    }
    memcpy(message, m + 1, ch->size);
    free(m);
    return CHANNEL_OK;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    while (sem_trywait(&rx->from->available) == -1)
        if (errno == EAGAIN)
            return CHANNEL_EMPTY;
    return take(rx->from, message);
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    down(&rx->from->available);
    return take(rx->from, message);
}

static void let_go_and_free_if_last(struct channel *ch)
{
    size_t left = ch->writers + ch->readers;

    sem_post(&ch->mutex);
    if (left > 0)
        return;
    while (ch->first != NULL) {
        struct message *m = ch->first;
        ch->first = m->next;
        free(m);
    }
    sem_destroy(&ch->available);
    sem_destroy(&ch->mutex);
    free(ch);
}

void sender_drop(struct sender *tx)
{
    if (tx == NULL)
        return;
    struct channel *ch = tx->to;
    free(tx);
    down(&ch->mutex);
    if (--ch->writers == 0)
        sem_post(&ch->available);
    let_go_and_free_if_last(ch);
}

void receiver_drop(struct receiver *rx)
{
    if (rx == NULL)
        return;
    struct channel *ch = rx->from;
    free(rx);
    down(&ch->mutex);
    ch->readers = 0;
    let_go_and_free_if_last(ch);
}
