/* What is different: no mutex. Senders push on a stack with compare-and-swap, the receiver takes the
 * whole stack with one exchange and turns it round; a semaphore lets it sleep. */
#include "channel.h"

#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct node {
    struct node *next;
    char message[];
};

struct channel {
    size_t message_size;
    _Atomic(struct node *) newest;
    atomic_size_t handles;
    atomic_size_t senders;
    atomic_bool receiver_gone;
    sem_t changes; /* posted after each push, and when the last sender goes */
};

struct sender {
    struct channel *channel;
};

struct receiver {
    struct channel *channel;
    struct node *oldest; /* taken from the stack already, in the order sent */
};

static void free_list(struct node *node)
{
    while (node != NULL) {
        struct node *next = node->next;
        free(node);
        node = next;
    }
}

static void unref(struct channel *ch)
{
    if (atomic_fetch_sub(&ch->handles, 1) == 1) {
        free_list(atomic_load(&ch->newest));
        sem_destroy(&ch->changes);
        free(ch);
    }
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    if (message_size == 0)
        return CHANNEL_INVALID;
    struct channel *ch = malloc(sizeof *ch);
    struct sender *s = malloc(sizeof *s);
    struct receiver *r = malloc(sizeof *r);
    if (ch == NULL || s == NULL || r == NULL) {
        free(ch);
        free(s);
        free(r);
        return CHANNEL_NO_MEMORY;
    }
    ch->message_size = message_size;
    atomic_init(&ch->newest, NULL);
    atomic_init(&ch->handles, 2);
    atomic_init(&ch->senders, 1);
    atomic_init(&ch->receiver_gone, 0);
    sem_init(&ch->changes, 0, 0);
    s->channel = ch;
    r->channel = ch;
    r->oldest = NULL;
    *tx = s;
    *rx = r;
    return CHANNEL_OK;
}

struct sender *sender_clone(struct sender *tx)
{
    struct sender *s = malloc(sizeof *s);
    if (s == NULL)
        return NULL;
    s->channel = tx->channel;
    atomic_fetch_add(&s->channel->senders, 1);
    atomic_fetch_add(&s->channel->handles, 1);
    return s;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct channel *ch = tx->channel;
    if (atomic_load(&ch->receiver_gone))
        return CHANNEL_CLOSED;
    if (ch->message_size > SIZE_MAX - sizeof(struct node))
        return CHANNEL_NO_MEMORY;
    struct node *node = malloc(sizeof *node + ch->message_size);
    if (node == NULL)
        return CHANNEL_NO_MEMORY;
    memcpy(node->message, message, ch->message_size);
    node->next = atomic_load_explicit(&ch->newest, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&ch->newest, &node->next, node,
                                                  memory_order_release, memory_order_relaxed))
        continue;
    sem_post(&ch->changes);
    return CHANNEL_OK;
}

static void refill(struct receiver *rx)
{
    struct node *newest =
        atomic_exchange_explicit(&rx->channel->newest, NULL, memory_order_acquire);

    while (newest != NULL) {
        struct node *next = newest->next;
        newest->next = rx->oldest;
        rx->oldest = newest;
        newest = next;
    }
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    struct node *node;

    if (rx->oldest == NULL) {
        /* senders first: what the last one sent is on the stack by the time it is 0 */
        size_t senders = atomic_load(&rx->channel->senders);
        refill(rx);
        if (rx->oldest == NULL)
            return senders > 0 ? CHANNEL_EMPTY : CHANNEL_CLOSED;
    }
    node = rx->oldest;
    rx->oldest = node->next;
    memcpy(message, node->message, rx->channel->message_size);
    free(node);
    return CHANNEL_OK;
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    enum channel_status status;

    while ((status = receiver_try_recv(rx, message)) == CHANNEL_EMPTY)
        while (sem_wait(&rx->channel->changes) == -1 && errno == EINTR)
            continue;
    return status;
}

void sender_drop(struct sender *tx)
{
    if (tx == NULL)
        return;
    struct channel *ch = tx->channel;
    free(tx);
    if (atomic_fetch_sub(&ch->senders, 1) == 1)
        sem_post(&ch->changes);
    unref(ch);
}

void receiver_drop(struct receiver *rx)
{
    if (rx == NULL)
        return;
    struct channel *ch = rx->channel;
    atomic_store(&ch->receiver_gone, 1);
    free_list(rx->oldest);
    free(rx);
    unref(ch);
}
