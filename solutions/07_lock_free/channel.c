/* Exercise 07: senders push their messages on a stack, and the receiver takes it whole, turns it
 * over and has what was sent, in order.
 *
 * All that threads must agree on is in one word, top: a push and a take are one atomic step each.
 * The stack is R. K. Treiber's (1986). Nobody takes a single node off it, so a top that has changed
 * and changed back (ABA) does no harm: a push only needs its node to point at what is on top then.
 *
 * Invariants
 *   top       is the newest node, whose next was pushed just before; NULL: there is none. sleeping,
 *             gone and closing are nodes without a message, and mean what they are called.
 *   sleeping  is on top alone, while the receiver sleeps or is about to. Whoever replaces it owes
 *             wake one post.
 *   gone      is on top alone, once the receiver has been dropped. Nothing replaces it.
 *   closing   is pushed once, by the last sender, behind all messages.
 *   owner     A node is its sender's until it is pushed, then that of whoever takes the stack.
 *   memory    A thread touches the channel only while a handle that handles counts is its own.
 *             Whoever drops the last handle frees the channel.
 */
#include "channel.h"

#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct node { /* the message_size bytes behind it are its message */
    struct node *next;
};

struct sender {
    struct channel *channel;
};

struct receiver {
    struct channel *channel;
    struct node *batch; /* taken from the stack and turned over, so the oldest is the first */
};

struct channel {
    struct sender tx; /* all senders: a clone is counted, and takes no memory */
    struct receiver rx;
    size_t message_size; /* never changes */
    struct node sleeping;
    struct node gone;
    struct node closing;
    sem_t wake; /* a post each time that sleeping was replaced */
    _Atomic(struct node *) top;
    atomic_size_t senders;
    atomic_size_t handles; /* the senders and the receiver */
};

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    struct channel *ch;

    if (message_size == 0)
        return CHANNEL_INVALID;
    if (message_size > SIZE_MAX - sizeof(struct node))
        return CHANNEL_NO_MEMORY;
    ch = malloc(sizeof *ch);
    if (ch == NULL)
        return CHANNEL_NO_MEMORY;
    ch->tx.channel = ch;
    ch->rx.channel = ch;
    ch->rx.batch = NULL;
    ch->message_size = message_size;
    sem_init(&ch->wake, 0, 0);
    atomic_init(&ch->top, NULL);
    atomic_init(&ch->senders, 1);
    atomic_init(&ch->handles, 2);
    *tx = &ch->tx;
    *rx = &ch->rx;
    return CHANNEL_OK;
}

/* Relaxed: tx keeps both counts above 0, and nothing is published by this. */
struct sender *sender_clone(struct sender *tx)
{
    atomic_fetch_add_explicit(&tx->channel->senders, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&tx->channel->handles, 1, memory_order_relaxed);
    return tx;
}

/* Puts a node on the stack, and wakes the receiver if it sleeps. False when it has gone.
 *
 * Release: whoever acquires top sees the message, and all that was done before it was sent. That
 * holds for the nodes below, too, though this push has not acquired them: a compare-and-swap
 * continues the release sequence of the push that it finds on top. */
static bool push(struct channel *ch, struct node *node)
{
    struct node *top = atomic_load_explicit(&ch->top, memory_order_relaxed);

    do {
        if (top == &ch->gone)
            return false;
        node->next = top == &ch->sleeping ? NULL : top;
    } while (!atomic_compare_exchange_weak_explicit(&ch->top, &top, node, memory_order_release,
                                                    memory_order_relaxed));
    if (top == &ch->sleeping)
        sem_post(&ch->wake);
    return true;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct channel *ch = tx->channel;
    struct node *node = malloc(sizeof *node + ch->message_size);

    if (node == NULL)
        return CHANNEL_NO_MEMORY;
    memcpy(node + 1, message, ch->message_size);
    if (push(ch, node))
        return CHANNEL_OK;
    free(node);
    return CHANNEL_CLOSED;
}

/* Takes the whole stack, leaves instead on it, and returns what was taken, the oldest node first.
 * Acquire: the nodes are read from here on. */
static struct node *take_all(struct channel *ch, struct node *instead)
{
    struct node *newest = atomic_exchange_explicit(&ch->top, instead, memory_order_acquire);
    struct node *oldest = NULL;

    while (newest != NULL) {
        struct node *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    return oldest;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    struct channel *ch = rx->channel;
    struct node *node;

    if (rx->batch == NULL)
        rx->batch = take_all(ch, NULL);
    node = rx->batch;
    if (node == NULL)
        return CHANNEL_EMPTY;
    if (node == &ch->closing) /* the last of all, and it stays in the batch */
        return CHANNEL_CLOSED;
    rx->batch = node->next;
    memcpy(message, node + 1, ch->message_size);
    free(node);
    return CHANNEL_OK;
}

/* Sleeps, unless something is on the stack. No wake-up is lost: a push comes before sleeping, which
 * then is not put there, or it replaces sleeping and posts. Relaxed: take_all acquires the push. */
static void sleep_while_empty(struct channel *ch)
{
    struct node *top = NULL;

    if (atomic_compare_exchange_strong_explicit(&ch->top, &top, &ch->sleeping, memory_order_relaxed,
                                                memory_order_relaxed))
        while (sem_wait(&ch->wake) != 0) /* EINTR: a signal was handled meanwhile */
            continue;
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    enum channel_status status;

    while ((status = receiver_try_recv(rx, message)) == CHANNEL_EMPTY)
        sleep_while_empty(rx->channel);
    return status;
}

/* Gives up a handle. Release: what its owner did with the channel comes before. Acquire: the last
 * one frees the channel after all that. */
static void release(struct channel *ch)
{
    if (atomic_fetch_sub_explicit(&ch->handles, 1, memory_order_acq_rel) > 1)
        return;
    sem_destroy(&ch->wake);
    free(ch);
}

/* Release and acquire: what each sender pushed comes before its count goes down, and so before the
 * last one pushes closing. */
void sender_drop(struct sender *tx)
{
    if (tx == NULL)
        return;
    if (atomic_fetch_sub_explicit(&tx->channel->senders, 1, memory_order_acq_rel) == 1)
        push(tx->channel, &tx->channel->closing);
    release(tx->channel);
}

static void free_all(const struct channel *ch, struct node *node)
{
    while (node != NULL) {
        struct node *next = node->next;
        if (node != &ch->closing)
            free(node);
        node = next;
    }
}

void receiver_drop(struct receiver *rx)
{
    if (rx == NULL)
        return;
    free_all(rx->channel, rx->batch);
    free_all(rx->channel, take_all(rx->channel, &rx->channel->gone));
    release(rx->channel);
}
