/* history.h - the last stores to each atomic, and who has seen them. */
#pragma once

#include "run.h"

#include <assert.h>

/* A value of any size an atomic can have: 1, 2, 4, 8 or 16 bytes. */
__extension__ typedef unsigned __int128 atomic_value;

enum { KEPT = LOOK_BACK + 1 }; /* stores of each atomic */

struct store {
    atomic_value value;
    uint32_t clock; /* of its thread, then */
    uint8_t thread;
    bool sequential;    /* seq_cst */
    uint32_t sequences; /* the first release sequence that it is part of; 0: none */
    uint32_t
        seen[MAX_THREADS]; /* each thread's clock when it first read this store; 0: it has not */
};

/* A release sequence: an acquire that reads a store of it learns the clock of its head. It goes on
 * with stores of the head's thread and with read-modify-writes of any thread (C11 5.1.2.4p10). A
 * store is part of one for each thread at most: of two heads of one thread the later tells all. */
struct sequence {
    struct clock clock;
    uint32_t next; /* of the same store; 0: it is the last */
    uint8_t thread;
};

/* A new schedule: there are no histories. */
void history_begin(void);

/* An empty one, for object->atomic.stores; NULL: there are too many. */
struct store *history_new(void);

/* Forgets all stores. */
void history_clear(struct object *atomic);

/* A new newest store. It is part of no release sequence yet. The newest one of before is kept. */
struct store *history_push(struct object *atomic, atomic_value value);

static inline struct store *nth_newest(const struct object *atomic, unsigned n)
{
    assert(n < atomic->atomic.count);
    return &atomic->atomic.stores[(atomic->atomic.count - 1 - n) % KEPT];
}

static inline unsigned kept(const struct object *atomic)
{
    return atomic->atomic.count < KEPT ? atomic->atomic.count : KEPT;
}

/* Makes the store part of a release sequence whose head a thread stored at that clock. False: there
 * are too many. */
bool sequence_add(struct store *store, unsigned thread, const struct clock *clock);

/* The release sequences of a store, one after the other. */
const struct sequence *sequence_first(const struct store *store);
const struct sequence *sequence_next(const struct sequence *sequence);

/* Was the store read by somebody at a time that is in that clock? */
static inline bool was_seen(const struct store *store, const struct clock *by)
{
    for (unsigned t = 0; t < run.thread_count; t++)
        if (store->seen[t] && store->seen[t] <= by->at[t])
            return true;
    return false;
}

/* Has self read a store of that thread, made when its clock was at least that? */
bool atomic_was_read(const struct object *atomic, unsigned thread, uint32_t clock);

/* Does self know, having read it or a newer one, the last store of that thread, made when its clock
 * was at least that? */
bool atomic_is_settled(const struct object *atomic, unsigned thread, uint32_t clock);
