/* history.c - see history.h. */
#include "history.h"

#include "arena.h"

#include <string.h>

static struct store (*histories)[KEPT];
static uint32_t history_count;

/* Number 0 is none. Those that no store is part of any more are a list of their own. */
static struct sequence *sequences;
static uint32_t sequence_count, free_sequences;

void history_begin(void)
{
    if (!histories) {
        histories = reserve(MAX_HISTORIES * sizeof *histories);
        sequences = reserve(MAX_SEQUENCES * sizeof *sequences);
    }
    history_count = 0;
    sequence_count = free_sequences = 0;
}

struct store *history_new(void)
{
    if (history_count == MAX_HISTORIES)
        return NULL;
    struct store *stores = histories[history_count++];
    for (unsigned i = 0; i < KEPT; i++)
        stores[i].sequences = 0;
    return stores;
}

static void forget_sequences(struct store *store)
{
    while (store->sequences) {
        uint32_t first = store->sequences;
        store->sequences = sequences[first].next;
        sequences[first].next = free_sequences;
        free_sequences = first;
    }
}

void history_clear(struct object *atomic)
{
    for (unsigned i = 0; i < KEPT; i++)
        forget_sequences(&atomic->atomic.stores[i]);
    atomic->atomic.count = 0;
}

struct store *history_push(struct object *atomic, atomic_value value)
{
    struct store *store = &atomic->atomic.stores[atomic->atomic.count++ % KEPT];

    if (atomic->atomic.count == 2 * KEPT) /* only the remainder counts */
        atomic->atomic.count = KEPT;
    store->value = value;
    store->clock = self->clock.at[self->id];
    store->thread = (uint8_t)self->id;
    store->sequential = false;
    forget_sequences(store);
    memset(store->seen, 0, sizeof store->seen);
    return store;
}

/* ------------------------------------------------------------------------- release sequences */

static uint32_t sequence_new(void)
{
    uint32_t number = free_sequences;

    if (number)
        free_sequences = sequences[number].next;
    else if (sequence_count + 1 < MAX_SEQUENCES)
        number = ++sequence_count;
    return number;
}

bool sequence_add(struct store *store, unsigned thread, const struct clock *clock)
{
    for (uint32_t n = store->sequences; n; n = sequences[n].next)
        if (sequences[n].thread == thread) {
            clock_join(&sequences[n].clock, clock);
            return true;
        }
    uint32_t number = sequence_new();
    if (!number)
        return false;
    sequences[number].thread = (uint8_t)thread;
    sequences[number].clock = *clock;
    sequences[number].next = store->sequences;
    store->sequences = number;
    return true;
}

static const struct sequence *numbered(uint32_t number)
{
    return number ? &sequences[number] : NULL;
}

const struct sequence *sequence_first(const struct store *store)
{
    return numbered(store->sequences);
}

const struct sequence *sequence_next(const struct sequence *sequence)
{
    return numbered(sequence->next);
}

/* ------------------------------------------------------------------------- what was read */

bool atomic_was_read(const struct object *atomic, unsigned thread, uint32_t clock)
{
    for (unsigned i = 0; i < kept(atomic); i++) {
        const struct store *store = nth_newest(atomic, i);
        if (store->thread == thread && store->clock >= clock && store->seen[self->id])
            return true;
    }
    return false;
}

bool atomic_is_settled(const struct object *atomic, unsigned thread, uint32_t clock)
{
    for (unsigned i = 0; i < kept(atomic); i++) {
        const struct store *store = nth_newest(atomic, i);
        if (store->seen[self->id] || was_seen(store, &self->clock))
            return true;
        if (store->thread == thread && store->clock >= clock)
            return false;
    }
    return false;
}
