/* Blocks of slots, in the manner of crossbeam's list channel but lock-free: one word holds the
 * last block and how many of its slots are taken (blocks are aligned so that the low bits of
 * their address are free for the count). A sender takes a slot, or puts a block of its own in
 * place of a full one, with one compare-and-swap of that word; only the sender who replaced a
 * block links it. So nobody touches a block that isn't its own, and the receiver may free what
 * it has read.
 *
 * Each slot has a state: a receiver that waits for a slot says so there, and the sender that
 * fills it finds out with the exchange that fills it. An idle receiver looks a few times before
 * it sleeps. */
#include "channel.h"

#include <errno.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 15, BLOCK_ALIGNMENT = 64, TRIES = 3 };
enum slot_state { SLOT_EMPTY, SLOT_AWAITED, SLOT_FULL };

#define TAKEN ((uintptr_t)BLOCK_ALIGNMENT - 1) /* the bits of the word that count */

struct block {
    _Atomic(struct block *) next;
    atomic_int state[SLOTS];
    unsigned char messages[];
};

struct shared {
    _Atomic uintptr_t last;
    atomic_uint senders;
    atomic_uint handles;
    atomic_bool receiver_dropped;
    size_t message_size;
    size_t block_size;
    atomic_int parked; /* the receiver waits; looked at by who adds a block or is the last sender */
    sem_t unpark;
    struct block *first; /* what a receiver that has gone leaves behind */
};

struct sender {
    struct shared *shared;
};

struct receiver {
    struct shared *shared;
    struct block *block;
    unsigned slot;
};

static struct block *block_new(const struct shared *shared)
{
    struct block *block = aligned_alloc(BLOCK_ALIGNMENT, shared->block_size);

    if (block) {
        atomic_init(&block->next, NULL);
        for (int i = 0; i < SLOTS; i++)
            atomic_init(&block->state[i], SLOT_EMPTY);
    }
    return block;
}

static struct shared *shared_new(size_t message_size)
{
    struct shared *shared;

    if (message_size > SIZE_MAX / 2 / SLOTS)
        return NULL;
    shared = malloc(sizeof *shared);
    if (!shared)
        return NULL;
    shared->message_size = message_size;
    shared->first = NULL;
    shared->block_size = sizeof(struct block) + SLOTS * message_size;
    shared->block_size += BLOCK_ALIGNMENT - 1;
    shared->block_size -= shared->block_size % BLOCK_ALIGNMENT;
    atomic_init(&shared->senders, 1);
    atomic_init(&shared->handles, 2);
    atomic_init(&shared->receiver_dropped, false);
    atomic_init(&shared->parked, 0);
    sem_init(&shared->unpark, 0, 0);
    return shared;
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    struct shared *shared;
    struct block *block;

    if (message_size == 0)
        return CHANNEL_INVALID;
    shared = shared_new(message_size);
    if (!shared)
        return CHANNEL_NO_MEMORY;
    struct sender *s = malloc(sizeof *s);
    struct receiver *r = malloc(sizeof *r);
    block = block_new(shared);
    if (!s || !r || !block) {
        free(block);
        free(r);
        free(s);
        free(shared);
        return CHANNEL_NO_MEMORY;
    }
    atomic_init(&shared->last, (uintptr_t)block);
    *s = (struct sender){shared};
    *r = (struct receiver){shared, block, 0};
    *tx = s;
    *rx = r;
    return CHANNEL_OK;
}

struct sender *sender_clone(struct sender *tx)
{
    struct sender *clone = malloc(sizeof *clone);

    if (clone) {
        *clone = *tx;
        atomic_fetch_add_explicit(&tx->shared->senders, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&tx->shared->handles, 1, memory_order_relaxed);
    }
    return clone;
}

static void unpark(struct shared *shared)
{
    if (atomic_load(&shared->parked) && atomic_exchange(&shared->parked, 0))
        sem_post(&shared->unpark);
}

static void fill(struct shared *shared, struct block *block, unsigned slot, const void *message)
{
    memcpy(block->messages + slot * shared->message_size, message, shared->message_size);
    if (atomic_exchange_explicit(&block->state[slot], SLOT_FULL, memory_order_acq_rel) ==
        SLOT_AWAITED)
        sem_post(&shared->unpark);
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct shared *shared = tx->shared;
    uintptr_t last = atomic_load_explicit(&shared->last, memory_order_acquire);
    struct block *fresh = NULL;

    if (atomic_load_explicit(&shared->receiver_dropped, memory_order_relaxed))
        return CHANNEL_CLOSED;
    for (;;) {
        struct block *block = (struct block *)(last & ~TAKEN);

        if ((last & TAKEN) < SLOTS) {
            if (atomic_compare_exchange_weak_explicit(&shared->last, &last, last + 1,
                                                      memory_order_acq_rel, memory_order_acquire)) {
                free(fresh);
                fill(shared, block, last & TAKEN, message);
                return CHANNEL_OK;
            }
            continue;
        }
        if (!fresh && !(fresh = block_new(shared)))
            return CHANNEL_NO_MEMORY;
        if (atomic_compare_exchange_strong_explicit(&shared->last, &last, (uintptr_t)fresh + 1,
                                                    memory_order_acq_rel, memory_order_acquire)) {
            fill(shared, fresh, 0, message);
            atomic_store_explicit(&block->next, fresh, memory_order_seq_cst);
            unpark(shared);
            return CHANNEL_OK;
        }
    }
}

/* The slot to be read next, or NULL while its block does not exist yet. */
static atomic_int *next_slot(struct receiver *rx)
{
    if (rx->slot == SLOTS) {
        struct block *next = atomic_load(&rx->block->next);

        if (!next)
            return NULL;
        free(rx->block);
        rx->block = next;
        rx->slot = 0;
    }
    return &rx->block->state[rx->slot];
}

static bool take(struct receiver *rx, void *message)
{
    size_t size = rx->shared->message_size;
    atomic_int *state = next_slot(rx);

    if (!state || atomic_load_explicit(state, memory_order_acquire) != SLOT_FULL)
        return false;
    memcpy(message, rx->block->messages + rx->slot * size, size);
    rx->slot++;
    return true;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    if (take(rx, message))
        return CHANNEL_OK;
    if (atomic_load(&rx->shared->senders) != 0)
        return CHANNEL_EMPTY;
    return take(rx, message) ? CHANNEL_OK : CHANNEL_CLOSED;
}

/* Sleeps until something may have changed. A post means no more than "look again": one that
 * comes late costs a look. */
static void park(struct receiver *rx)
{
    struct shared *shared = rx->shared;
    atomic_int *state = next_slot(rx);
    int found = SLOT_EMPTY;
    bool changed;

    atomic_store(&shared->parked, 1);
    if (state)
        changed =
            !atomic_compare_exchange_strong(state, &found, SLOT_AWAITED) && found == SLOT_FULL;
    else
        changed = atomic_load(&rx->block->next) != NULL;
    if (!changed && atomic_load(&shared->senders) != 0)
        while (sem_wait(&shared->unpark) != 0 && errno == EINTR)
            ;
    atomic_store(&shared->parked, 0);
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    enum channel_status status;
    int tries = 0;

    while ((status = receiver_try_recv(rx, message)) == CHANNEL_EMPTY) {
        if (tries++ < TRIES)
            sched_yield();
        else
            park(rx);
    }
    return status;
}

static void release(struct shared *shared)
{
    if (atomic_fetch_sub_explicit(&shared->handles, 1, memory_order_acq_rel) != 1)
        return;
    for (struct block *block = shared->first, *next; block; block = next) {
        next = atomic_load(&block->next);
        free(block);
    }
    sem_destroy(&shared->unpark);
    free(shared);
}

void sender_drop(struct sender *tx)
{
    if (tx) {
        struct shared *shared = tx->shared;

        free(tx);
        if (atomic_fetch_sub(&shared->senders, 1) == 1)
            unpark(shared);
        release(shared);
    }
}

void receiver_drop(struct receiver *rx)
{
    if (rx) {
        struct shared *shared = rx->shared;

        atomic_store(&shared->receiver_dropped, true);
        shared->first = rx->block;
        free(rx);
        release(shared);
    }
}
