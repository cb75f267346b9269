/* history.h - the stores to each atomic in modification order, and who has seen them. */
#pragma once

#include "run.h"

#include <assert.h>

/* A value of any size an atomic can have: 1, 2, 4, 8 or 16 bytes. */
__extension__ typedef unsigned __int128 atomic_value;

struct store {
    atomic_value value;
    struct store *older, *newer; /* in modification order */
    uint32_t rank;               /* ... as a number, RANKS apart */
    uint32_t clock;              /* of its thread, then */
    uint32_t time;               /* the number of the operation */
    uint16_t thread;
    bool modified;      /* a read-modify-write has read it: nothing may come between the two */
    uint32_t sequences; /* the first release sequence that it is part of; 0: none */
    struct vector seen; /* each thread's clock when it first read this store, or NEVER */
    struct vector past; /* what was executed before it, and it itself */
};

enum { NEVER = INT32_MAX }; /* no clock gets there */

/* Of one atomic, from its initialisation on. */
struct history {
    struct store *oldest, *newest; /* of those kept; NULL: there are none */
    unsigned kept, limit;          /* from that many on it is time to look which may be dropped */
    uint32_t number;               /* no two have the same */
    bool twisted;       /* some operation has been given an older store than the newest */
    struct vector past; /* what was executed before its operations, and they themselves */
};

/* Between the ranks of two neighbours: there is room for the loads of the older one, and for a store. */
enum { RANKS = 4 };

/* A release sequence: an acquire that reads a store of it learns the clock of its head. It goes on
 * with stores of the head's thread and with read-modify-writes of any thread (C11 5.1.2.4p10). By RC11 the
 * former may stand behind stores of others, too: then what is learnt is by RC11 only. A
 * store is part of one for each thread at most: of two heads of one thread the later tells all. */
struct sequence {
    uint32_t next; /* of the same store; 0: it is the last */
    uint16_t thread;
    bool by_rc11; /* only */
    struct clock clock;
};

/* A new schedule: there are no histories. */
void history_begin(void);

/* An empty one; NULL: there are too many. */
struct history *history_new(void);

/* Forgets all stores. */
void history_clear(struct history *history);

/* A new store by self, right after that one in modification order (NULL: it is the first). It is part of
 * no release sequence yet. Stores that nobody can read any more are dropped. NULL: there are too many. */
struct store *history_add(struct history *history, struct store *after, atomic_value value);

/* Makes the store part of a release sequence whose head a thread stored at that clock. False: there
 * are too many. */
bool sequence_add(struct store *store, unsigned thread, const struct clock *clock, bool by_rc11);

/* Makes a store that is in none of that thread yet part of one that an earlier store is part of. Likewise. */
bool sequence_go_on(struct store *store, const struct sequence *sequence);

/* The release sequence of that thread's stores that the store is part of; NULL: of none. */
const struct sequence *sequence_of(const struct store *store, unsigned thread);

/* The release sequences of a store, one after the other. */
const struct sequence *sequence_first(const struct store *store);
const struct sequence *sequence_next(const struct sequence *sequence);

static inline bool happens_before(const struct store *store, const struct clock *clock)
{
    return store->clock <= clock_of(clock, store->thread);
}

/* Was the store read by somebody at a time that is in that clock? */
static inline bool was_seen(const struct store *store, const struct clock *by)
{
    for (unsigned t = 0; by->by_rc11 && t < store->seen.threads; t++)
        if (store->seen.at[t] <= clock_by_rc11(by, t))
            return true;
    return vector_any_within(&store->seen, &by->by_c11);
}

/* The thread has read it, or must from now on read it or a newer one. */
void history_see(struct store *store, const struct thread *thread);

static inline bool has_seen(const struct store *store, const struct thread *thread)
{
    return thread->id < store->seen.threads && store->seen.at[thread->id] != NEVER;
}

/* Must who has that clock see this store, or a newer one, and store behind it? (Coherence.) */
static inline bool binds(const struct store *store, const struct clock *clock)
{
    return happens_before(store, clock) || was_seen(store, clock);
}

/* From now on the thread reads no older store than the newest there is: time has passed, and a store becomes visible
 * to all in a while. It does not learn what the storing thread did before. */
void history_becomes_visible(struct history *history, const struct thread *thread);

/* Has self read a store of that thread, made when its clock was at least that? */
bool atomic_was_read(const struct object *atomic, unsigned thread, uint32_t clock);

/* Does self know, having read it or a newer one, the last store of that thread, made when its clock
 * was at least that? */
bool atomic_is_settled(const struct object *atomic, unsigned thread, uint32_t clock);
