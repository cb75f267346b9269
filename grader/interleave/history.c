/* history.c - see history.h. */
#include "history.h"

#include "arena.h"

#include <stddef.h>
#include <string.h>

static struct history *histories;
static uint32_t history_count, last_number;

/* Those that no history has any more are a list of their own, by their `older`. */
static struct store *stores, *free_stores;
static uint32_t store_count;

/* Number 0 is none. Those that no store is part of any more are a list of their own. */
static struct sequence *sequences;
static uint32_t sequence_count, free_sequences;

void history_begin(void)
{
    if (!histories) {
        histories = reserve(MAX_HISTORIES * sizeof *histories);
        stores = reserve(MAX_STORES * sizeof *stores);
        sequences = reserve(MAX_SEQUENCES * sizeof *sequences);
    }
    history_count = last_number = store_count = 0;
    free_stores = NULL;
    sequence_count = free_sequences = 0;
}

struct history *history_new(void)
{
    if (history_count == MAX_HISTORIES)
        return NULL;
    struct history *history = &histories[history_count++];
    memset(history, 0, offsetof(struct history, past.at));
    history_clear(history);
    return history;
}

/* ------------------------------------------------------------------------------------ stores */

static void forget_sequences(struct store *store)
{
    while (store->sequences) {
        uint32_t first = store->sequences;
        store->sequences = sequences[first].next;
        sequences[first].next = free_sequences;
        free_sequences = first;
    }
}

static void drop_oldest(struct history *history)
{
    struct store *store = history->oldest;

    history->oldest = store->newer;
    if (store->newer)
        store->newer->older = NULL;
    else
        history->newest = NULL;
    history->kept--;
    forget_sequences(store);
    store->older = free_stores;
    free_stores = store;
}

void history_clear(struct history *history)
{
    while (history->oldest)
        drop_oldest(history);
    history->twisted = false;
    history->limit = KEPT_AT_FIRST;
    history->number = ++last_number;
}

/* The newest store so that all who run have to see it or a newer one. */
static struct store *settled(const struct history *history)
{
    struct store *oldest = history->newest;

    for (unsigned t = 0; t < run.thread_count; t++) {
        struct store *store = history->newest;
        if (is_over(&run.threads[t]))
            continue;
        while (store->older && !binds(store, &run.threads[t].clock))
            store = store->older;
        if (store->rank < oldest->rank)
            oldest = store;
        if (oldest == history->oldest)
            break;
    }
    return oldest;
}

/* Makes room. The store `after` is still needed. */
static void drop_settled(struct history *history, const struct store *after)
{
    const struct store *from = settled(history);

    while (history->oldest != from)
        drop_oldest(history);
    while (history->kept >= MAX_KEPT && history->oldest != after)
        drop_oldest(history);
    history->limit = 2 * history->kept < MAX_KEPT ? 2 * history->kept : MAX_KEPT;
    if (history->limit < KEPT_AT_FIRST)
        history->limit = KEPT_AT_FIRST;
}

static struct store *store_new(void)
{
    struct store *store = free_stores;

    if (store)
        free_stores = store->older;
    else if (store_count < MAX_STORES)
        store = &stores[store_count++];
    return store;
}

static void link_after(struct history *history, struct store *store, struct store *after)
{
    store->older = after;
    store->newer = after ? after->newer : NULL;
    store->rank = after ? after->rank + RANKS : 0;
    if (after)
        after->newer = store;
    else
        history->oldest = store;
    for (struct store *newer = store->newer; newer; newer = newer->newer)
        newer->rank += RANKS;
    if (store->newer)
        store->newer->older = store;
    else
        history->newest = store;
    history->kept++;
}

struct store *history_add(struct history *history, struct store *after, atomic_value value)
{
    if (history->kept && history->kept >= history->limit)
        drop_settled(history, after);
    struct store *store = store_new();
    if (!store)
        return NULL;
    store->value = value;
    store->clock = *own_clock(self);
    store->thread = (uint16_t)self->id;
    store->time = run.operations;
    store->modified = false;
    store->sequences = 0;
    store->seen.threads = 0;
    vector_copy(&store->past, &self->past);
    link_after(history, store, after);
    return store;
}

void history_see(struct store *store, const struct thread *thread)
{
    vector_extend(&store->seen, thread->id + 1, NEVER);
    if (store->seen.at[thread->id] == NEVER)
        store->seen.at[thread->id] = vector_of(&thread->clock.by_c11, thread->id);
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

static bool add_new(struct store *store, unsigned thread, const struct clock *clock, bool by_rc11)
{
    uint32_t number = sequence_new();

    if (!number)
        return false;
    sequences[number].thread = (uint16_t)thread;
    sequences[number].by_rc11 = by_rc11;
    clock_copy(&sequences[number].clock, clock);
    sequences[number].next = store->sequences;
    store->sequences = number;
    return true;
}

bool sequence_add(struct store *store, unsigned thread, const struct clock *clock, bool by_rc11)
{
    for (uint32_t n = store->sequences; n; n = sequences[n].next)
        if (sequences[n].thread == thread && sequences[n].by_rc11 == by_rc11) {
            clock_join(&sequences[n].clock, clock);
            return true;
        }
    return add_new(store, thread, clock, by_rc11);
}

bool sequence_go_on(struct store *store, const struct sequence *sequence)
{
    return add_new(store, sequence->thread, &sequence->clock, sequence->by_rc11);
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

const struct sequence *sequence_of(const struct store *store, unsigned thread)
{
    for (uint32_t n = store->sequences; n; n = sequences[n].next)
        if (sequences[n].thread == thread)
            return &sequences[n];
    return NULL;
}

/* ------------------------------------------------------------------------- what was read */

void history_becomes_visible(struct history *history, const struct thread *thread)
{
    if (history->newest)
        history_see(history->newest, thread);
}

bool atomic_was_read(const struct object *atomic, unsigned thread, uint32_t clock)
{
    const struct store *store = atomic->atomic.history->newest;

    for (; store; store = store->older)
        if (store->thread == thread && store->clock >= clock && has_seen(store, self))
            return true;
    return false;
}

bool atomic_is_settled(const struct object *atomic, unsigned thread, uint32_t clock)
{
    const struct store *store = atomic->atomic.history->newest;

    for (; store; store = store->older) {
        if (has_seen(store, self) || was_seen(store, &self->clock))
            return true;
        if (store->thread == thread && store->clock >= clock)
            return false;
    }
    return false;
}
