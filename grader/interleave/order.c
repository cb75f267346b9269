/* order.c - see order.h. The names of relations are those of the paper: sb is program order, hb happens before,
 * mo modification order, rb reads before, eco the extended coherence order (rf, mo, rb and what they make).
 *
 *     scb  = sb | sb between places; hb; sb between places | hb of one place | mo | rb
 *     pscb = ([SC] | [F]; hb?); scb; ([SC] | hb?; [F])
 *     pscf = [F]; (hb | hb; eco; hb); [F]
 *
 * where SC are seq_cst accesses and F seq_cst fences. mo, rb and eco of one place are read off the ranks. */
#include "order.h"

#include "arena.h"

#include <assert.h>
#include <string.h>

struct noted {
    struct operation is;
    uint32_t clock, next_clock; /* the thread's own, at the operation and right after it */
    uint32_t previous;          /* the one before of its thread; 0: none */
    uint16_t thread, threads;
    uint32_t *before, *after; /* what it knew of so many threads, and then knew */
};

static struct noted *noted; /* [run.operations] is the one that is done now */
static uint32_t *clocks, clocks_used;
static uint32_t last_of[MAX_THREADS];
static uint32_t last_sequential; /* of all; 0: none was */
static uint32_t passed_over;     /* the oldest that was; 0: none was */

enum { CLOCKS = MAX_ORDERED * 16 };

void order_begin(void)
{
    if (!noted) {
        noted = reserve((MAX_ORDERED + 1) * sizeof *noted);
        clocks = reserve((CLOCKS + 2 * MAX_THREADS) * sizeof *clocks);
    }
    clocks_used = last_sequential = passed_over = 0;
    memset(last_of, 0, sizeof last_of);
}

static bool is_full(void)
{
    return run.operations >= MAX_ORDERED || clocks_used > CLOCKS;
}

static __attribute__((noinline)) void add_by_rc11(uint32_t *copy, const struct clock *clock)
{
    for (unsigned t = 0; t < run.thread_count; t++)
        copy[t] = clock_by_rc11(clock, t);
}

/* Of a clock, no more than there are threads: what else is copied will be overwritten. It is given up again if
 * clocks_used is set back. */
static uint32_t *copy_of(const struct clock *clock)
{
    uint32_t *copy = &clocks[clocks_used];

    numbers_copy(copy, clock->by_c11.at, run.thread_count);
    if (clock->by_rc11)
        add_by_rc11(copy, clock);
    clocks_used += run.thread_count;
    return copy;
}

static inline uint32_t entry(const uint32_t *clock, const struct noted *of, unsigned thread)
{
    return thread < of->threads ? clock[thread] : 0;
}

void order_start(void)
{
    struct noted *now = &noted[run.operations];

    if (is_full())
        return;
    now->thread = (uint16_t)self->id;
    now->threads = (uint16_t)run.thread_count;
    now->clock = *own_clock(self);
    now->before = copy_of(&self->clock);
    now->previous = last_of[self->id];
}

static void fill_in(const struct operation *operation, const struct clock *after)
{
    struct noted *now = &noted[run.operations];

    now->is = *operation;
    now->after = copy_of(after);
    now->next_clock = after->by_c11.at[self->id];
}

void order_done(const struct operation *operation)
{
    if (is_full())
        return;
    fill_in(operation, &self->clock);
    last_of[self->id] = run.operations;
    if (operation->sequential)
        last_sequential = run.operations;
}

void order_passed_over(uint32_t oldest)
{
    if (!passed_over || oldest < passed_over)
        passed_over = oldest;
}

void order_shift(uint32_t history, uint32_t rank, uint32_t by)
{
    for (uint32_t i = 1; i < run.operations && i < MAX_ORDERED; i++)
        if (noted[i].is.history == history && noted[i].is.rank >= rank)
            noted[i].is.rank += by;
}

/* ------------------------------------------------------------------------------ the relations */

static uint32_t from; /* operations before this have nothing to do with it */

static bool is_fence(const struct noted *op)
{
    return !op->is.history;
}

static bool same_place(const struct noted *a, const struct noted *b)
{
    return a->is.history && a->is.history == b->is.history;
}

static bool program_order(const struct noted *a, const struct noted *b)
{
    return a->thread == b->thread && a < b;
}

static bool happens_before(const struct noted *a, const struct noted *b)
{
    return a->thread == b->thread ? a < b : a->clock <= entry(b->after, b, a->thread);
}

/* By what b's thread did before b. */
static bool comes_before(const struct noted *a, const struct noted *b)
{
    return a->thread == b->thread ? a < b : a->clock <= entry(b->before, b, a->thread);
}

/* mo or rb: to a store. */
static bool overwritten(const struct noted *a, const struct noted *b)
{
    return same_place(a, b) && b->is.writes && a->is.rank < b->is.rank;
}

/* Did the thread do something else between an operation and the one before? */
static bool has_gap(const struct noted *now)
{
    const struct noted *previous = &noted[now->previous];

    if (!now->previous || previous->is.has_expected || now->is.has_expected ||
        now->clock != previous->next_clock)
        return true;
    for (unsigned t = 0; t < now->threads; t++)
        if (t != now->thread && now->before[t] > entry(previous->after, previous, t))
            return true;
    return false;
}

/* The clock that knows of something a's thread did after a, at another place. */
static uint32_t elsewhere_after(const struct noted *a)
{
    const struct noted *last = a;

    for (const struct noted *b = a + 1; b <= &noted[run.operations]; b++) {
        if (b->thread != a->thread)
            continue;
        if (has_gap(b))
            break;
        if (!same_place(a, b))
            return b->clock;
        last = b;
    }
    return last->next_clock;
}

/* What the thread of b knew of another one when it was last at another place, before b. */
static uint32_t elsewhere_before(const struct noted *b, unsigned thread)
{
    for (const struct noted *at = b;; at = &noted[at->previous]) {
        if (has_gap(at))
            return entry(at->before, at, thread);
        const struct noted *previous = &noted[at->previous];
        if (!same_place(previous, b))
            return entry(previous->after, previous, thread);
    }
}

/* sb between places; hb; sb between places. */
static bool around(const struct noted *a, const struct noted *b)
{
    return a->thread != b->thread && elsewhere_after(a) <= elsewhere_before(b, a->thread);
}

/* An operation between the two that is hb after a, hb before b, and of that place. */
static bool by_one_at(const struct noted *place, const struct noted *a, const struct noted *b)
{
    for (const struct noted *c = &noted[from]; c <= &noted[run.operations]; c++)
        if (same_place(c, place) && c != a && c != b && happens_before(a, c) &&
            happens_before(c, b))
            return true;
    return false;
}

/* Of each place the lowest rank of what is hb after a fence. */
static struct lowest {
    unsigned n;
    struct {
        uint32_t history, rank;
    } of[ORDERED_WINDOW + 1];
} lowest;

static void find_lowest(const struct noted *fence)
{
    lowest.n = 0;
    for (const struct noted *b = fence + 1; b <= &noted[run.operations]; b++) {
        unsigned i = 0;
        if (is_fence(b) || !happens_before(fence, b))
            continue;
        while (i < lowest.n && lowest.of[i].history != b->is.history)
            i++;
        if (i == lowest.n) {
            lowest.of[lowest.n].history = b->is.history;
            lowest.of[lowest.n++].rank = b->is.rank;
        } else if (b->is.rank < lowest.of[i].rank) {
            lowest.of[i].rank = b->is.rank;
        }
    }
}

static bool is_above_lowest(const struct noted *b)
{
    for (unsigned i = 0; i < lowest.n; i++)
        if (lowest.of[i].history == b->is.history)
            return lowest.of[i].rank < b->is.rank;
    return false;
}

/* From the fence of find_lowest: hb; eco; hb. */
static bool by_a_place(const struct noted *b)
{
    for (const struct noted *c = &noted[from]; c <= &noted[run.operations]; c++)
        if (!is_fence(c) && is_above_lowest(c) && happens_before(c, b))
            return true;
    return false;
}

static bool fence_to_access(const struct noted *a, const struct noted *b)
{
    if (comes_before(a, b) || by_one_at(b, a, b))
        return true;
    return b->is.writes && is_above_lowest(b);
}

static bool access_to_fence(const struct noted *a, const struct noted *b)
{
    if (program_order(a, b) ||
        (a->thread != b->thread && a->next_clock <= entry(b->after, b, a->thread)))
        return true;
    if (by_one_at(a, a, b))
        return true;
    for (const struct noted *c = &noted[from]; c <= &noted[run.operations]; c++)
        if (overwritten(a, c) && c != b && happens_before(c, b))
            return true;
    return false;
}

/* psc, of two seq_cst operations. */
static bool is_ordered(const struct noted *a, const struct noted *b)
{
    if (is_fence(a) && is_fence(b))
        return happens_before(a, b) || by_a_place(b);
    if (is_fence(a))
        return fence_to_access(a, b);
    if (is_fence(b))
        return access_to_fence(a, b);
    return program_order(a, b) || (same_place(a, b) && happens_before(a, b)) || overwritten(a, b) ||
           around(a, b);
}

/* ------------------------------------------------------------------------------ the search */

/* Is there a way in psc that comes back? */
static bool comes_back(const struct noted *start)
{
    static bool reached[ORDERED_WINDOW + 1];
    static const struct noted *to_do[ORDERED_WINDOW + 1];
    unsigned n = 0;

    memset(reached, 0, sizeof reached);
    to_do[n++] = start;
    while (n) {
        const struct noted *a = to_do[--n];
        if (is_fence(a))
            find_lowest(a);
        for (const struct noted *b = &noted[from]; b <= &noted[run.operations]; b++) {
            if (!b->is.sequential || a == b || reached[b - &noted[from]] || !is_ordered(a, b))
                continue;
            if (b == start)
                return true;
            reached[b - &noted[from]] = true;
            to_do[n++] = b;
        }
    }
    return false;
}

/* What comes before the operation that is done now is that, and the last fence of each thread. */
static bool closes_a_cycle(void)
{
    const struct noted *now = &noted[run.operations];
    bool looked_at[MAX_THREADS] = {false};

    if (now->is.sequential && comes_back(now))
        return true;
    for (const struct noted *fence = now - 1; fence >= &noted[from]; fence--) {
        if (!is_fence(fence) || !fence->is.sequential || looked_at[fence->thread] ||
            !happens_before(fence, now))
            continue;
        looked_at[fence->thread] = true;
        if (comes_back(fence))
            return true;
    }
    return false;
}

bool order_allows(const struct operation *operation, const struct clock *after, uint32_t oldest)
{
    uint32_t used = clocks_used;

    if (is_full())
        return false;
    from = passed_over && passed_over < oldest ? passed_over : oldest;
    if (!operation->sequential && last_sequential < from)
        return true; /* nothing that could be ordered */
    if (run.operations - from > ORDERED_WINDOW - 1)
        return false;
    fill_in(operation, after);
    bool allowed = !closes_a_cycle();
    clocks_used = used;
    return allowed;
}
