/* linearize.c - is there an order of the calls that explains their answers?
 *
 * The search is that of Wing and Gong: of the calls not yet in the order, any may be next that began
 * before each other one had returned, if the contract allows its answer. Which calls are in the order, and the
 * state they led to, is remembered where nothing came of it, so that it is not tried again (Lowe). Calls are
 * tried in the order they returned, which mostly is one that explains them.
 *
 *   J. M. Wing, C. Gong: Testing and Verifying Concurrent Objects, 1993
 *   G. Lowe: Testing for Linearizability, 2017 */
#include "scenarios.h"

#include <string.h>

enum { REMEMBERED = 1 << 12, WINDOW = 64 };

/* Calls are numbered in the order they returned. Those before `first` are in the order, `later` says which of those
 * after it are: bit 0 is first itself. */
struct prefix {
    unsigned first;
    uint64_t later;
};

static struct search {
    const struct contract *contract;
    const struct history *history;
    const struct call *calls[MOST_CALLS]; /* in the order they returned */
    unsigned n, required;                 /* the first so many have to be explained */
    unsigned reach[MOST_CALLS];           /* the last one that began before this one returned */
    struct {
        uint32_t search;
        struct prefix prefix;
        uint64_t state;
    } failed[REMEMBERED];
    uint32_t number;
    size_t size; /* of a state */
} search;

static uint64_t digest(const unsigned char *bytes, size_t size)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325), word;

    for (; size >= sizeof word; bytes += sizeof word, size -= sizeof word) {
        memcpy(&word, bytes, sizeof word);
        hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 29;
    }
    while (size--)
        hash = (hash ^ *bytes++) * UINT64_C(0x100000001b3);
    return hash ^ hash >> 32;
}

/* Has this been tried before? If not, it is from now on. */
static bool was_tried(struct prefix prefix, uint64_t state)
{
    uint64_t mixed = (state ^ prefix.later * UINT64_C(0x9e3779b97f4a7c15)) + prefix.first;

    for (unsigned i = 0; i < 8; i++) {
        unsigned at = (unsigned)(mixed + i) % REMEMBERED;
        if (search.failed[at].search != search.number) {
            search.failed[at].search = search.number;
            search.failed[at].prefix = prefix;
            search.failed[at].state = state;
            return false;
        }
        if (search.failed[at].state == state && search.failed[at].prefix.first == prefix.first &&
            search.failed[at].prefix.later == prefix.later)
            return true;
    }
    return false; /* no room to remember it */
}

static bool sleepers_may_sleep(const void *state)
{
    const struct history *history = search.history;

    for (unsigned i = 0; i < history->n; i++)
        if (!history->calls[i].returned && !search.contract->may_sleep(state, &history->calls[i]))
            return false;
    return true;
}

static bool is_explained(struct prefix prefix, const void *state, bool at_rest)
{
    uint64_t next[search.size / sizeof(uint64_t) + 1];

    for (; prefix.later & 1; prefix.first++)
        prefix.later >>= 1;
    if (prefix.first >= search.required)
        return !at_rest || sleepers_may_sleep(state);
    unsigned last = search.reach[prefix.first];
    bool has_rival = last > prefix.first;
    if (has_rival && was_tried(prefix, digest(state, search.size)))
        return false;
    for (unsigned i = prefix.first; i <= last && i < prefix.first + WINDOW; i++) {
        uint64_t bit = UINT64_C(1) << (i - prefix.first);
        if (prefix.later & bit || search.calls[i]->after >= search.calls[prefix.first]->returned)
            continue;
        memcpy(next, state, search.size);
        if (search.contract->allows(next, search.calls[i], search.history) &&
            is_explained((struct prefix){prefix.first, prefix.later | bit}, next, at_rest))
            return true;
    }
    return false;
}

/* The calls that began before `until`, in the order they returned. */
static void sort_calls(const struct history *history, unsigned until)
{
    search.n = search.required = 0;
    for (unsigned i = 0; i < history->n; i++) {
        const struct call *call = &history->calls[i];
        unsigned at = search.n;
        if (!call->returned || call->began > until)
            continue;
        for (; at && search.calls[at - 1]->returned > call->returned; at--)
            search.calls[at] = search.calls[at - 1];
        search.calls[at] = call;
        search.n++;
        search.required += call->returned <= until;
    }
    for (unsigned i = 0; i < search.n; i++) {
        search.reach[i] = i;
        for (unsigned j = i + 1; j < search.n && j < i + WINDOW; j++)
            if (search.calls[j]->after < search.calls[i]->returned)
                search.reach[i] = j;
    }
}

bool linearizable(const struct contract *contract, const struct history *history,
                  const struct setup *setups, unsigned objects, unsigned until)
{
    uint64_t state[MOST_STATE / sizeof(uint64_t)] = {0};

    search.contract = contract;
    search.history = history;
    search.size = state_size(contract, history->n);
    search.number++;
    sort_calls(history, until ? until : UINT32_MAX);
    contract->begin(state, setups, objects);
    return is_explained((struct prefix){0, 0}, state, until == 0);
}
