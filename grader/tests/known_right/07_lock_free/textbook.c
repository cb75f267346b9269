/* A linked list in the manner of D. Vyukov's non-intrusive MPSC queue: a sender exchanges the
 * newest node for its own, then links the two. A flag says that the receiver sleeps on a
 * semaphore.
 *
 * oldest is a node whose message has been received (or the first, which never had one); the
 * oldest message is in the node behind it. A sender's last access to a node is the store of its
 * next, so whoever has seen next may free the node. */
#include "channel.h"

#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct node {
    _Atomic(struct node *) next; /* sent just after this one */
    unsigned char message[];
};

struct channel {
    size_t message_size;
    _Atomic(struct node *) newest;
    struct node *oldest; /* the receiver's alone */
    atomic_size_t senders;
    atomic_size_t handles; /* all, the receiver too */
    atomic_bool receiver_gone;
    atomic_bool sleeping; /* the receiver sleeps or is about to; who clears it posts wake */
    sem_t wake;
};

struct sender {
    struct channel *ch;
};

struct receiver {
    struct channel *ch;
};

static struct node *new_node(size_t message_size)
{
    struct node *node;

    if (message_size > SIZE_MAX - sizeof *node)
        return NULL;
    node = malloc(sizeof *node + message_size);
    if (node)
        atomic_init(&node->next, NULL);
    return node;
}

static void release(struct channel *ch)
{
    struct node *node, *next;

    if (atomic_fetch_sub_explicit(&ch->handles, 1, memory_order_acq_rel) != 1)
        return;
    for (node = ch->oldest; node; node = next) {
        next = atomic_load_explicit(&node->next, memory_order_relaxed);
        free(node);
    }
    sem_destroy(&ch->wake);
    free(ch);
}

/* The fence orders what the caller has published before the look at sleeping; the receiver's fence
 * does the opposite. So at least one of the two sees the other. */
static void wake_receiver(struct channel *ch)
{
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&ch->sleeping, memory_order_relaxed) &&
        atomic_exchange_explicit(&ch->sleeping, false, memory_order_relaxed))
        sem_post(&ch->wake);
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    struct channel *ch;
    struct sender *sender;
    struct receiver *receiver;
    struct node *node;

    if (message_size == 0)
        return CHANNEL_INVALID;
    ch = malloc(sizeof *ch);
    sender = malloc(sizeof *sender);
    receiver = malloc(sizeof *receiver);
    node = new_node(message_size);
    if (!ch || !sender || !receiver || !node) {
        free(node);
        free(receiver);
        free(sender);
        free(ch);
        return CHANNEL_NO_MEMORY;
    }
    ch->message_size = message_size;
    ch->oldest = node;
    atomic_init(&ch->newest, node);
    atomic_init(&ch->senders, 1);
    atomic_init(&ch->handles, 2);
    atomic_init(&ch->receiver_gone, false);
    atomic_init(&ch->sleeping, false);
    sem_init(&ch->wake, 0, 0);
    sender->ch = ch;
    receiver->ch = ch;
    *tx = sender;
    *rx = receiver;
    return CHANNEL_OK;
}

struct sender *sender_clone(struct sender *tx)
{
    struct sender *clone = malloc(sizeof *clone);

    if (clone) {
        clone->ch = tx->ch;
        atomic_fetch_add_explicit(&tx->ch->senders, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&tx->ch->handles, 1, memory_order_relaxed);
    }
    return clone;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct channel *ch = tx->ch;
    struct node *node, *previous;

    if (atomic_load_explicit(&ch->receiver_gone, memory_order_acquire))
        return CHANNEL_CLOSED;
    node = new_node(ch->message_size);
    if (!node)
        return CHANNEL_NO_MEMORY;
    memcpy(node->message, message, ch->message_size);
    previous = atomic_exchange_explicit(&ch->newest, node, memory_order_acq_rel);
    atomic_store_explicit(&previous->next, node, memory_order_release);
    wake_receiver(ch);
    return CHANNEL_OK;
}

static bool take_oldest(struct channel *ch, void *message)
{
    struct node *empty = ch->oldest;
    struct node *node = atomic_load_explicit(&empty->next, memory_order_acquire);

    if (!node)
        return false;
    memcpy(message, node->message, ch->message_size);
    ch->oldest = node;
    free(empty);
    return true;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    struct channel *ch = rx->ch;
    bool closed;

    if (take_oldest(ch, message))
        return CHANNEL_OK;
    closed = atomic_load_explicit(&ch->senders, memory_order_acquire) == 0;
    if (closed && take_oldest(ch, message)) /* sent since we looked */
        return CHANNEL_OK;
    return closed ? CHANNEL_CLOSED : CHANNEL_EMPTY;
}

static void sleep_while_empty(struct channel *ch)
{
    atomic_store_explicit(&ch->sleeping, true, memory_order_relaxed);
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&ch->oldest->next, memory_order_relaxed) ||
        atomic_load_explicit(&ch->senders, memory_order_relaxed) == 0) {
        if (atomic_exchange_explicit(&ch->sleeping, false, memory_order_relaxed))
            return;
        /* a sender has cleared it, and its post must not be left over */
    }
    while (sem_wait(&ch->wake) != 0 && errno == EINTR)
        continue;
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    enum channel_status status;

    while ((status = receiver_try_recv(rx, message)) == CHANNEL_EMPTY)
        sleep_while_empty(rx->ch);
    return status;
}

void sender_drop(struct sender *tx)
{
    struct channel *ch;

    if (!tx)
        return;
    ch = tx->ch;
    free(tx);
    if (atomic_fetch_sub_explicit(&ch->senders, 1, memory_order_acq_rel) == 1)
        wake_receiver(ch);
    release(ch);
}

void receiver_drop(struct receiver *rx)
{
    struct channel *ch;

    if (!rx)
        return;
    ch = rx->ch;
    free(rx);
    atomic_store_explicit(&ch->receiver_gone, true, memory_order_release);
    release(ch);
}
