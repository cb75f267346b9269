/* No lock at all: senders push to a stack, the receiver exchanges the whole of it and turns it round;
 * it sleeps on a semaphore that is posted when the stack stops being empty. Closing is one exchange. */
#include "channel.h"

#include <semaphore.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct node {
    struct node *next;
    alignas(max_align_t) unsigned char message[];
};

static struct node closed; /* its address in top: the receiver has gone */

struct channel {
    struct node *_Atomic top; /* newest first */
    atomic_size_t senders;
    atomic_size_t handles;
    sem_t wake; /* perhaps more often than needed */
    size_t message_size;
    void (*drop)(void *message);
};

struct sender {
    struct channel *channel;
};

struct receiver {
    struct channel *channel;
    struct node *oldest; /* oldest first; all older than those in top */
};

enum channel_status channel_create_with_drop(size_t message_size, void (*drop)(void *message),
                                             struct sender **tx, struct receiver **rx)
{
    struct channel *ch;
    struct sender *s;
    struct receiver *r;

    if (message_size == 0)
        return CHANNEL_INVALID;
    ch = malloc(sizeof *ch);
    s = malloc(sizeof *s);
    r = malloc(sizeof *r);
    if (ch == NULL || s == NULL || r == NULL) {
        free(ch);
        free(s);
        free(r);
        return CHANNEL_NO_MEMORY;
    }
    atomic_init(&ch->top, NULL);
    atomic_init(&ch->senders, 1);
    atomic_init(&ch->handles, 2);
    sem_init(&ch->wake, 0, 0);
    ch->message_size = message_size;
    ch->drop = drop;
    s->channel = ch;
    r->channel = ch;
    r->oldest = NULL;
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

    if (s == NULL)
        return NULL;
    s->channel = tx->channel;
    atomic_fetch_add_explicit(&s->channel->senders, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&s->channel->handles, 1, memory_order_relaxed);
    return s;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct channel *ch = tx->channel;
    struct node *node, *top;

    if (ch->message_size > SIZE_MAX - sizeof *node)
        return CHANNEL_NO_MEMORY;
    node = malloc(sizeof *node + ch->message_size);
    if (node == NULL)
        return CHANNEL_NO_MEMORY;
    memcpy(node->message, message, ch->message_size);
    top = atomic_load_explicit(&ch->top, memory_order_relaxed);
    do {
        if (top == &closed) {
            free(node);
            return CHANNEL_CLOSED;
        }
        node->next = top;
    } while (!atomic_compare_exchange_weak_explicit(&ch->top, &top, node, memory_order_release,
                                                    memory_order_relaxed));
    if (top == NULL)
        sem_post(&ch->wake);
    return CHANNEL_OK;
}

static struct node *turn_round(struct node *node)
{
    struct node *turned = NULL;

    while (node != NULL) {
        struct node *next = node->next;

        node->next = turned;
        turned = node;
        node = next;
    }
    return turned;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    struct channel *ch = rx->channel;
    struct node *node;

    if (rx->oldest == NULL) {
        size_t senders = atomic_load_explicit(&ch->senders, memory_order_acquire);

        rx->oldest = turn_round(atomic_exchange_explicit(&ch->top, NULL, memory_order_acquire));
        if (rx->oldest == NULL)
            return senders > 0 ? CHANNEL_EMPTY : CHANNEL_CLOSED;
    }
    node = rx->oldest;
    rx->oldest = node->next;
    memcpy(message, node->message, ch->message_size);
    free(node);
    return CHANNEL_OK;
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    enum channel_status status;

    while ((status = receiver_try_recv(rx, message)) == CHANNEL_EMPTY)
        while (sem_wait(&rx->channel->wake) != 0)
            ; /* a signal was handled */
    return status;
}

static void let_go(struct channel *ch)
{
    if (atomic_fetch_sub_explicit(&ch->handles, 1, memory_order_acq_rel) == 1) {
        sem_destroy(&ch->wake);
        free(ch);
    }
}

void sender_drop(struct sender *tx)
{
    struct channel *ch;

    if (tx == NULL)
        return;
    ch = tx->channel;
    free(tx);
    if (atomic_fetch_sub_explicit(&ch->senders, 1, memory_order_acq_rel) == 1)
        sem_post(&ch->wake);
    let_go(ch);
}

static void drop_list(struct channel *ch, struct node *node)
{
    while (node != NULL) {
        struct node *next = node->next;

        if (ch->drop != NULL)
            ch->drop(node->message);
        free(node);
        node = next;
    }
}

void receiver_drop(struct receiver *rx)
{
    struct channel *ch;
    struct node *newer;

    if (rx == NULL)
        return;
    ch = rx->channel;
    newer = atomic_exchange_explicit(&ch->top, &closed, memory_order_acquire);
    drop_list(ch, rx->oldest);
    drop_list(ch, turn_round(newer));
    free(rx);
    let_go(ch);
}
