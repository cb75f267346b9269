/* Michael and Scott's two-lock queue: senders meet at the tail, the receiver has the head to itself.
 * Counts are atomic; a third lock is for sleeping only. */
#include "channel.h"

#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct node {
    struct node *_Atomic next;
    alignas(max_align_t) unsigned char message[];
};

struct channel {
    size_t message_size;
    void (*drop)(void *message);
    struct node *head; /* the receiver's: a node whose message has gone */

    pthread_mutex_t tail_lock;
    struct node *tail;
    bool closed;

    pthread_mutex_t sleep_lock;
    pthread_cond_t readable;

    atomic_size_t senders;
    atomic_size_t handles; /* both kinds; the last one frees */
};

struct sender {
    struct channel *ch;
};

struct receiver {
    struct channel *ch;
};

static struct node *make_node(size_t message_size, const void *message)
{
    struct node *node;

    if (message_size > SIZE_MAX - sizeof *node)
        return NULL;
    node = malloc(sizeof *node + message_size);
    if (node == NULL)
        return NULL;
    atomic_init(&node->next, NULL);
    if (message != NULL)
        memcpy(node->message, message, message_size);
    return node;
}

enum channel_status channel_create_with_drop(size_t message_size, void (*drop)(void *message),
                                             struct sender **tx, struct receiver **rx)
{
    struct channel *ch;
    struct sender *s;
    struct receiver *r;
    struct node *dummy;

    if (message_size == 0)
        return CHANNEL_INVALID;
    ch = malloc(sizeof *ch);
    s = malloc(sizeof *s);
    r = malloc(sizeof *r);
    dummy = make_node(message_size, NULL);
    if (ch == NULL || s == NULL || r == NULL || dummy == NULL) {
        free(dummy);
        free(r);
        free(s);
        free(ch);
        return CHANNEL_NO_MEMORY;
    }
    ch->message_size = message_size;
    ch->drop = drop;
    ch->head = ch->tail = dummy;
    ch->closed = false;
    pthread_mutex_init(&ch->tail_lock, NULL);
    pthread_mutex_init(&ch->sleep_lock, NULL);
    pthread_cond_init(&ch->readable, NULL);
    atomic_init(&ch->senders, 1);
    atomic_init(&ch->handles, 2);
    s->ch = r->ch = ch;
    *tx = s;
    *rx = r;
    return CHANNEL_OK;
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    return channel_create_with_drop(message_size, NULL, tx, rx);
}

struct sender *sender_clone(struct sender *tx)
{
    struct sender *s = malloc(sizeof *s);

    if (s != NULL) {
        s->ch = tx->ch;
        atomic_fetch_add(&s->ch->senders, 1);
        atomic_fetch_add(&s->ch->handles, 1);
    }
    return s;
}

static void wake_receiver(struct channel *ch)
{
    pthread_mutex_lock(&ch->sleep_lock);
    pthread_cond_signal(&ch->readable);
    pthread_mutex_unlock(&ch->sleep_lock);
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct channel *ch = tx->ch;
    struct node *node = make_node(ch->message_size, message);
    bool closed;

    if (node == NULL)
        return CHANNEL_NO_MEMORY;
    pthread_mutex_lock(&ch->tail_lock);
    closed = ch->closed;
    if (!closed) {
        atomic_store(&ch->tail->next, node); /* from here on the old tail may be freed */
        ch->tail = node;
    }
    pthread_mutex_unlock(&ch->tail_lock);
    if (closed) {
        free(node);
        return CHANNEL_CLOSED;
    }
    wake_receiver(ch);
    return CHANNEL_OK;
}

static bool is_empty(struct channel *ch)
{
    return atomic_load(&ch->head->next) == NULL;
}

static enum channel_status take(struct channel *ch, void *message)
{
    bool senders_left = atomic_load(&ch->senders) > 0; /* before the queue: what they sent is in it */
    struct node *old = ch->head;
    struct node *next = atomic_load(&old->next);

    if (next == NULL)
        return senders_left ? CHANNEL_EMPTY : CHANNEL_CLOSED;
    memcpy(message, next->message, ch->message_size);
    ch->head = next;
    free(old);
    return CHANNEL_OK;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    return take(rx->ch, message);
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    struct channel *ch = rx->ch;

    if (is_empty(ch)) {
        pthread_mutex_lock(&ch->sleep_lock);
        while (is_empty(ch) && atomic_load(&ch->senders) > 0)
            pthread_cond_wait(&ch->readable, &ch->sleep_lock);
        pthread_mutex_unlock(&ch->sleep_lock);
    }
    return take(ch, message);
}

static void let_go(struct channel *ch)
{
    if (atomic_fetch_sub(&ch->handles, 1) != 1)
        return;
    pthread_mutex_destroy(&ch->tail_lock);
    pthread_mutex_destroy(&ch->sleep_lock);
    pthread_cond_destroy(&ch->readable);
    free(ch->head);
    free(ch);
}

void sender_drop(struct sender *tx)
{
    struct channel *ch;

    if (tx == NULL)
        return;
    ch = tx->ch;
    free(tx);
    if (atomic_fetch_sub(&ch->senders, 1) == 1)
        wake_receiver(ch);
    let_go(ch);
}

void receiver_drop(struct receiver *rx)
{
    struct channel *ch;
    struct node *next;

    if (rx == NULL)
        return;
    ch = rx->ch;
    free(rx);
    pthread_mutex_lock(&ch->tail_lock);
    ch->closed = true;
    pthread_mutex_unlock(&ch->tail_lock);
    while ((next = atomic_load(&ch->head->next)) != NULL) {
        free(ch->head);
        ch->head = next;
        if (ch->drop != NULL)
            ch->drop(next->message);
    }
    let_go(ch);
}
