/* Senders are served in the order they came: who finds the channel full draws a ticket and sleeps until
 * it is called. sender_try_send doesn't jump the queue. A ring; waiting is on one condition for all
 * tickets. */
#include "channel.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct channel {
    pthread_mutex_t lock;
    pthread_cond_t readable;
    pthread_cond_t called;
    size_t message_size;
    void (*drop)(void *message);
    bool bounded;
    unsigned char *slots;
    size_t capacity, head, count;
    unsigned long next_ticket; /* to be drawn */
    unsigned long serving;     /* to be served; equal to next_ticket when nobody waits */
    size_t senders;
    bool open;
};

struct sender {
    struct channel *ch;
};

struct receiver {
    struct channel *ch;
};

static struct channel *new_channel(size_t message_size, size_t capacity)
{
    struct channel *ch;

    if (message_size > SIZE_MAX / capacity)
        return NULL;
    ch = calloc(1, sizeof *ch);
    if (ch == NULL)
        return NULL;
    ch->slots = malloc(message_size * capacity);
    if (ch->slots == NULL) {
        free(ch);
        return NULL;
    }
    ch->message_size = message_size;
    ch->capacity = capacity;
    ch->senders = 1;
    ch->open = true;
    pthread_mutex_init(&ch->lock, NULL);
    pthread_cond_init(&ch->readable, NULL);
    pthread_cond_init(&ch->called, NULL);
    return ch;
}

static void free_channel(struct channel *ch)
{
    pthread_mutex_destroy(&ch->lock);
    pthread_cond_destroy(&ch->readable);
    pthread_cond_destroy(&ch->called);
    free(ch->slots);
    free(ch);
}

static enum channel_status hand_out(struct channel *ch, struct sender **tx, struct receiver **rx)
{
    struct sender *s;
    struct receiver *r;

    if (ch == NULL)
        return CHANNEL_NO_MEMORY;
    s = malloc(sizeof *s);
    r = malloc(sizeof *r);
    if (s == NULL || r == NULL) {
        free(s);
        free(r);
        free_channel(ch);
        return CHANNEL_NO_MEMORY;
    }
    s->ch = ch;
    r->ch = ch;
    *tx = s;
    *rx = r;
    return CHANNEL_OK;
}

enum channel_status channel_create_bounded(size_t message_size, size_t capacity,
                                           void (*drop)(void *message), struct sender **tx,
                                           struct receiver **rx)
{
    struct channel *ch;

    if (message_size == 0 || capacity == 0)
        return CHANNEL_INVALID;
    ch = new_channel(message_size, capacity);
    if (ch != NULL) {
        ch->drop = drop;
        ch->bounded = true;
    }
    return hand_out(ch, tx, rx);
}

enum channel_status channel_create_with_drop(size_t message_size, void (*drop)(void *message),
                                             struct sender **tx, struct receiver **rx)
{
    struct channel *ch;

    if (message_size == 0)
        return CHANNEL_INVALID;
    ch = new_channel(message_size, 2);
    if (ch != NULL)
        ch->drop = drop;
    return hand_out(ch, tx, rx);
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    return channel_create_with_drop(message_size, NULL, tx, rx);
}

struct sender *sender_clone(struct sender *tx)
{
    struct sender *s = malloc(sizeof *s);

    if (s == NULL)
        return NULL;
    *s = *tx;
    pthread_mutex_lock(&s->ch->lock);
    s->ch->senders++;
    pthread_mutex_unlock(&s->ch->lock);
    return s;
}

static bool grow(struct channel *ch)
{
    unsigned char *slots;
    size_t before_end = ch->capacity - ch->head;

    if (ch->capacity > SIZE_MAX / 2 / ch->message_size)
        return false;
    slots = malloc(2 * ch->capacity * ch->message_size);
    if (slots == NULL)
        return false;
    memcpy(slots, ch->slots + ch->head * ch->message_size, before_end * ch->message_size);
    memcpy(slots + before_end * ch->message_size, ch->slots, ch->head * ch->message_size);
    free(ch->slots);
    ch->slots = slots;
    ch->head = 0;
    ch->capacity *= 2;
    return true;
}

static enum channel_status put(struct channel *ch, const void *message)
{
    size_t tail;

    if (ch->count == ch->capacity && !grow(ch)) /* unbounded */
        return CHANNEL_NO_MEMORY;
    tail = (ch->head + ch->count) % ch->capacity;
    memcpy(ch->slots + tail * ch->message_size, message, ch->message_size);
    ch->count++;
    pthread_cond_signal(&ch->readable);
    return CHANNEL_OK;
}

static bool must_wait(const struct channel *ch)
{
    return ch->bounded && (ch->count == ch->capacity || ch->serving != ch->next_ticket);
}

/* Draws a ticket and waits until it is called. The lock is held. */
static void wait_for_turn(struct channel *ch)
{
    unsigned long ticket = ch->next_ticket++;

    while (ch->open && (ch->serving != ticket || ch->count == ch->capacity))
        pthread_cond_wait(&ch->called, &ch->lock);
    if (ch->open)
        ch->serving++;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct channel *ch = tx->ch;
    enum channel_status status;

    pthread_mutex_lock(&ch->lock);
    if (ch->open && must_wait(ch))
        wait_for_turn(ch);
    status = ch->open ? put(ch, message) : CHANNEL_CLOSED;
    if (ch->serving != ch->next_ticket && ch->count < ch->capacity)
        pthread_cond_broadcast(&ch->called); /* the next in line */
    pthread_mutex_unlock(&ch->lock);
    return status;
}

enum channel_status sender_try_send(struct sender *tx, const void *message)
{
    struct channel *ch = tx->ch;
    enum channel_status status;

    pthread_mutex_lock(&ch->lock);
    if (!ch->open)
        status = CHANNEL_CLOSED;
    else if (must_wait(ch))
        status = CHANNEL_FULL;
    else
        status = put(ch, message);
    pthread_mutex_unlock(&ch->lock);
    return status;
}

static enum channel_status take(struct channel *ch, void *message)
{
    if (ch->count == 0)
        return ch->senders > 0 ? CHANNEL_EMPTY : CHANNEL_CLOSED;
    memcpy(message, ch->slots + ch->head * ch->message_size, ch->message_size);
    ch->head = (ch->head + 1) % ch->capacity;
    ch->count--;
    if (ch->serving != ch->next_ticket)
        pthread_cond_broadcast(&ch->called);
    return CHANNEL_OK;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    enum channel_status status;

    pthread_mutex_lock(&rx->ch->lock);
    status = take(rx->ch, message);
    pthread_mutex_unlock(&rx->ch->lock);
    return status;
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    enum channel_status status;

    pthread_mutex_lock(&rx->ch->lock);
    while ((status = take(rx->ch, message)) == CHANNEL_EMPTY)
        pthread_cond_wait(&rx->ch->readable, &rx->ch->lock);
    pthread_mutex_unlock(&rx->ch->lock);
    return status;
}

void sender_drop(struct sender *tx)
{
    struct channel *ch;
    bool last;

    if (tx == NULL)
        return;
    ch = tx->ch;
    free(tx);
    pthread_mutex_lock(&ch->lock);
    if (--ch->senders == 0)
        pthread_cond_signal(&ch->readable);
    last = ch->senders == 0 && !ch->open;
    pthread_mutex_unlock(&ch->lock);
    if (last)
        free_channel(ch);
}

void receiver_drop(struct receiver *rx)
{
    struct channel *ch;
    unsigned char *slots;
    void (*drop)(void *message);
    size_t head, count, capacity, size;
    bool last;

    if (rx == NULL)
        return;
    ch = rx->ch;
    free(rx);
    pthread_mutex_lock(&ch->lock);
    drop = ch->drop;
    size = ch->message_size;
    slots = ch->slots;
    head = ch->head;
    count = ch->count;
    capacity = ch->capacity;
    ch->slots = NULL;
    ch->open = false;
    last = ch->senders == 0;
    pthread_cond_broadcast(&ch->called);
    pthread_mutex_unlock(&ch->lock);
    if (last)
        free_channel(ch);
    for (; count > 0; count--) {
        if (drop != NULL)
            drop(slots + head * size);
        head = (head + 1) % capacity;
    }
    free(slots);
}
