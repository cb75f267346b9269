/* Each sender has a list of its own, which only it appends to and only the receiver takes from.
 * What keeps the messages of all senders in order is a number drawn with fetch_add: the receiver
 * looks for the one number that is next. Handles are found through a list that only grows; what
 * a sender leaves behind is freed with the channel. */
#include "channel.h"

#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct letter {
    _Atomic(struct letter *) next;
    size_t number;
    unsigned char text[];
};

struct sender {
    struct receiver *channel;
    struct sender *registered_before;
    struct letter *newest; /* the sender's */
    struct letter *oldest; /* the receiver's: its text has been received */
};

/* The receiver's handle is the channel. */
struct receiver {
    size_t size;
    atomic_size_t tickets;
    size_t expected;
    _Atomic(struct sender *) registered;
    atomic_size_t senders;
    atomic_size_t users;
    atomic_bool gone;
    atomic_bool asleep;
    sem_t bell;
};

static struct letter *new_letter(size_t size)
{
    struct letter *letter = size < SIZE_MAX / 2 ? malloc(sizeof *letter + size) : NULL;

    if (letter)
        atomic_init(&letter->next, NULL);
    return letter;
}

static struct sender *register_sender(struct receiver *channel)
{
    struct sender *tx = malloc(sizeof *tx);
    struct letter *first = new_letter(channel->size);

    if (!tx || !first) {
        free(tx);
        free(first);
        return NULL;
    }
    tx->channel = channel;
    tx->newest = tx->oldest = first;
    tx->registered_before = atomic_load(&channel->registered);
    while (!atomic_compare_exchange_weak(&channel->registered, &tx->registered_before, tx))
        continue;
    return tx;
}

static void leave(struct receiver *channel)
{
    if (atomic_fetch_sub(&channel->users, 1) != 1)
        return;
    for (struct sender *tx = atomic_load(&channel->registered), *before; tx; tx = before) {
        before = tx->registered_before;
        for (struct letter *letter = tx->oldest, *next; letter; letter = next) {
            next = atomic_load(&letter->next);
            free(letter);
        }
        free(tx);
    }
    sem_destroy(&channel->bell);
    free(channel);
}

static void ring(struct receiver *channel)
{
    if (atomic_exchange(&channel->asleep, false))
        sem_post(&channel->bell);
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    struct receiver *channel;
    struct sender *first;

    if (message_size == 0)
        return CHANNEL_INVALID;
    channel = malloc(sizeof *channel);
    if (!channel)
        return CHANNEL_NO_MEMORY;
    channel->size = message_size;
    channel->expected = 0;
    atomic_init(&channel->tickets, 0);
    atomic_init(&channel->registered, NULL);
    atomic_init(&channel->senders, 1);
    atomic_init(&channel->users, 2);
    atomic_init(&channel->gone, false);
    atomic_init(&channel->asleep, false);
    first = register_sender(channel);
    if (!first) {
        free(channel);
        return CHANNEL_NO_MEMORY;
    }
    sem_init(&channel->bell, 0, 0);
    *tx = first;
    *rx = channel;
    return CHANNEL_OK;
}

struct sender *sender_clone(struct sender *tx)
{
    struct sender *clone = register_sender(tx->channel);

    if (clone) {
        atomic_fetch_add(&tx->channel->senders, 1);
        atomic_fetch_add(&tx->channel->users, 1);
    }
    return clone;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct receiver *channel = tx->channel;
    struct letter *letter;

    if (atomic_load(&channel->gone))
        return CHANNEL_CLOSED;
    letter = new_letter(channel->size);
    if (!letter)
        return CHANNEL_NO_MEMORY;
    memcpy(letter->text, message, channel->size);
    letter->number = atomic_fetch_add(&channel->tickets, 1); /* no way back from here */
    atomic_store_explicit(&tx->newest->next, letter, memory_order_release);
    tx->newest = letter;
    ring(channel);
    return CHANNEL_OK;
}

/* The sender whose oldest message is the expected one, or NULL. */
static struct sender *whose_turn(struct receiver *channel)
{
    if (atomic_load(&channel->tickets) == channel->expected)
        return NULL; /* spares an idle receiver the walk */
    for (struct sender *tx = atomic_load(&channel->registered); tx; tx = tx->registered_before) {
        struct letter *letter = atomic_load_explicit(&tx->oldest->next, memory_order_acquire);

        if (letter && letter->number == channel->expected)
            return tx;
    }
    return NULL;
}

enum channel_status receiver_try_recv(struct receiver *channel, void *message)
{
    bool closed = atomic_load(&channel->senders) == 0;
    struct sender *tx = whose_turn(channel);
    struct letter *letter;

    if (!tx)
        return closed ? CHANNEL_CLOSED : CHANNEL_EMPTY;
    letter = atomic_load_explicit(&tx->oldest->next, memory_order_relaxed);
    memcpy(message, letter->text, channel->size);
    free(tx->oldest);
    tx->oldest = letter;
    channel->expected++;
    return CHANNEL_OK;
}

enum channel_status receiver_recv(struct receiver *channel, void *message)
{
    enum channel_status status;

    for (;;) {
        status = receiver_try_recv(channel, message);
        if (status != CHANNEL_EMPTY)
            return status;
        /* Both sides change asleep with exchanges, so one of them is first: either ring finds us
         * asleep, or this exchange acquires what was sent before the ring. */
        atomic_exchange(&channel->asleep, true);
        status = receiver_try_recv(channel, message);
        if (status == CHANNEL_EMPTY || !atomic_exchange(&channel->asleep, false))
            while (sem_wait(&channel->bell) != 0 && errno == EINTR)
                continue;
        if (status != CHANNEL_EMPTY)
            return status;
    }
}

void sender_drop(struct sender *tx)
{
    struct receiver *channel;

    if (tx == NULL)
        return;
    channel = tx->channel; /* tx itself stays: the receiver may be reading its list */
    if (atomic_fetch_sub(&channel->senders, 1) == 1)
        ring(channel);
    leave(channel);
}

void receiver_drop(struct receiver *channel)
{
    if (channel == NULL)
        return;
    atomic_store(&channel->gone, true);
    leave(channel);
}
