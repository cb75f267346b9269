/* One object is the channel and all of its senders: sender_clone counts and returns the same
 * pointer. Exchange-then-link like textbook, but the semaphore counts: each send posts once,
 * each message that is received takes a post back if one is left. A post means "look again",
 * never more. */
#include "channel.h"

#include <semaphore.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct item item;

struct item {
    _Atomic(item *) next;
    char bytes[];
};

struct sender {
    _Atomic(item *) last;
    item *first; /* its message is the receiver's already */
    sem_t posts;
    size_t size;
    atomic_size_t clones;
    atomic_int closed_by_receiver;
    atomic_int owners; /* the clones together are one, the receiver is one */
    struct receiver {
        char unused;
    } receiver;
};

#define SENDER_OF(rx) ((struct sender *)((char *)(rx)-offsetof(struct sender, receiver)))

static item *make_item(size_t size)
{
    if (size > SIZE_MAX - sizeof(item))
        return NULL;
    item *it = malloc(sizeof(item) + size);
    if (it)
        atomic_init(&it->next, NULL);
    return it;
}

static void disown(struct sender *s)
{
    if (atomic_fetch_sub(&s->owners, 1) != 1)
        return;
    for (item *it = s->first, *next; it; it = next) {
        next = atomic_load(&it->next);
        free(it);
    }
    sem_destroy(&s->posts);
    free(s);
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    if (message_size == 0)
        return CHANNEL_INVALID;
    struct sender *s = malloc(sizeof *s);
    item *dummy = make_item(message_size);
    if (!s || !dummy) {
        free(s);
        free(dummy);
        return CHANNEL_NO_MEMORY;
    }
    s->first = dummy;
    s->size = message_size;
    atomic_init(&s->last, dummy);
    atomic_init(&s->clones, 1);
    atomic_init(&s->closed_by_receiver, 0);
    atomic_init(&s->owners, 2);
    sem_init(&s->posts, 0, 0);
    *tx = s;
    *rx = &s->receiver;
    return CHANNEL_OK;
}

struct sender *sender_clone(struct sender *tx)
{
    atomic_fetch_add(&tx->clones, 1);
    return tx;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    if (atomic_load(&tx->closed_by_receiver))
        return CHANNEL_CLOSED;
    item *it = make_item(tx->size);
    if (!it)
        return CHANNEL_NO_MEMORY;
    memcpy(it->bytes, message, tx->size);
    item *before = atomic_exchange(&tx->last, it);
    atomic_store(&before->next, it);
    sem_post(&tx->posts); /* fails when there are 2^31 - 1 already: then nobody sleeps */
    return CHANNEL_OK;
}

static int take(struct sender *s, void *message)
{
    item *old = s->first, *it = atomic_load(&old->next);

    if (!it)
        return 0;
    memcpy(message, it->bytes, s->size);
    s->first = it;
    free(old);
    return 1;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    struct sender *s = SENDER_OF(rx);

    if (take(s, message)) {
        sem_trywait(&s->posts); /* none may be left yet: its sender posts later */
        return CHANNEL_OK;
    }
    if (atomic_load(&s->clones) > 0)
        return CHANNEL_EMPTY;
    return take(s, message) ? CHANNEL_OK : CHANNEL_CLOSED;
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    for (;;) {
        enum channel_status status = receiver_try_recv(rx, message);
        if (status != CHANNEL_EMPTY)
            return status;
        sem_wait(&SENDER_OF(rx)->posts); /* whatever ended it, look again */
    }
}

void sender_drop(struct sender *tx)
{
    if (!tx || atomic_fetch_sub(&tx->clones, 1) != 1)
        return;
    sem_post(&tx->posts);
    disown(tx);
}

void receiver_drop(struct receiver *rx)
{
    if (!rx)
        return;
    atomic_store(&SENDER_OF(rx)->closed_by_receiver, 1);
    disown(SENDER_OF(rx));
}
