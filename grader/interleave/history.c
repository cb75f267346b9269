/* history.c - see history.h. */
#include "history.h"

#include "arena.h"

#include <string.h>

enum { MAX_HISTORIES = 1 << 18 };

static struct store (*histories)[KEPT];
static uint32_t history_count;

void history_begin(void)
{
    if (!histories)
        histories = reserve(MAX_HISTORIES * sizeof *histories);
    history_count = 0;
}

struct store *history_new(void)
{
    return history_count < MAX_HISTORIES ? histories[history_count++] : NULL;
}

struct store *history_push(struct object *atomic, atomic_value value)
{
    struct store *store = &atomic->atomic.stores[atomic->atomic.count++ % KEPT];

    if (atomic->atomic.count == 2 * KEPT) /* only the remainder counts */
        atomic->atomic.count = KEPT;
    store->value = value;
    store->clock = self->clock.at[self->id];
    store->thread = (uint8_t)self->id;
    store->sequential = store->releases = false;
    memset(store->seen, 0, sizeof store->seen);
    return store;
}

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
