/* strategy.c - see strategy.h.
 *
 * random: any of those who can go on, alike.
 *
 * PCT: threads have priorities, the highest goes on; at d - 1 steps it falls to the lowest. d is 3.
 * (Burckhardt et al., A Randomized Scheduler with Probabilistic Guarantees of Finding Bugs, 2010)
 *
 * POS: each pending step has a random priority, drawn anew when a step about the same object was
 * taken. (Yuan, Yang, Gu, Partial Order Aware Concurrency Sampling, 2018)
 *
 * MIX: POS, random and PCT in turn: each finds what the others miss.
 *
 * DFS: all schedules with at most so many preemptions and injected events, depth first. A sleep set
 * leaves out schedules that only swap neighbouring steps which don't care (Godefroid, 1996). Only
 * the thread that could have gone on without a preemption is put to sleep: putting its step first
 * never costs more preemptions, so what is left out under the bound is also found under it.
 *
 * replay: the choices that were noted. */
#include "strategy.h"

#include <string.h>

enum {
    EVENT_ONE_IN = 8, /* steps at which a random strategy injects an event, if there is one to */
    PCT_DEPTH = 3,
    MAX_NODES = 8192, /* choices of one schedule that DFS treats systematically */
    MAX_ASLEEP = 6,
    MAX_TOUCHED = 11,
};

static struct plan plan;
static int strategy; /* of this schedule: MIX has become one of its three */

/* ----------------------------------------------------------------------------------- random */

static uint64_t random_state;

static uint64_t random_next(void)
{
    uint64_t z = random_state += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static unsigned random_below(unsigned n)
{
    return (unsigned)(((random_next() >> 32) * n) >> 32);
}

/* -------------------------------------------------------------------------------- PCT and POS */

static uint32_t priorities[MAX_THREADS]; /* 0: still to be drawn */
static unsigned long steps, changes[PCT_DEPTH - 1];
static uint32_t lowest;

static uint32_t priority_of(const struct thread *thread)
{
    uint32_t *priority = &priorities[thread->id];

    if (!*priority)
        *priority = (uint32_t)(random_next() >> 33) + PCT_DEPTH + 1;
    return *priority;
}

static unsigned highest(const struct option options[], unsigned able)
{
    unsigned best = 0;

    for (unsigned i = 1; i < able; i++)
        if (priority_of(options[i].thread) > priority_of(options[best].thread))
            best = i;
    return best;
}

static unsigned pick_pct(const struct option options[], unsigned able)
{
    unsigned best = highest(options, able);

    steps++;
    for (unsigned i = 0; i < PCT_DEPTH - 1; i++)
        if (steps == changes[i]) {
            priorities[options[best].thread->id] = lowest--;
            best = highest(options, able);
        }
    return best;
}

static unsigned pick_pos(const struct option options[], unsigned able)
{
    unsigned best = highest(options, able);
    const struct thread *taken = options[best].thread;

    for (unsigned i = 0; i < able; i++)
        if (i != best && options[i].thread->object == taken->object && taken->object)
            priorities[options[i].thread->id] = 0;
    priorities[taken->id] = 0;
    return best;
}

/* How long a schedule will be is not known beforehand; three scales serve short and long ones. */
static void begin_pct(void)
{
    static const unsigned scales[] = {24, 80, 400};
    unsigned scale = scales[random_below(3)];

    steps = 0;
    lowest = PCT_DEPTH;
    for (unsigned i = 0; i < PCT_DEPTH - 1; i++)
        changes[i] = 1 + random_below(scale);
}

/* -------------------------------------------------------------------------------------- DFS */

/* What a step did: two steps whose footprints don't meet can be swapped. */
struct footprint {
    unsigned n; /* more than MAX_TOUCHED: too much to tell, meets everything */
    struct {
        uintptr_t object;
        bool writes;
    } touched[MAX_TOUCHED];
};

struct sleeper {
    const struct thread *thread;
    const struct footprint *footprint;
};

struct node {
    unsigned chosen, n; /* options 0 ... n - 1; n is already cut to what the bound allows */
    unsigned free;      /* the first ones that cost nothing */
    unsigned spent;     /* of the bound, before */
    bool sleeps;        /* option 0 goes to sleep once it has been explored */
    bool is_pick;
    const struct thread *first;
    struct footprint first_footprint; /* of the step option 0 took */
    struct sleeper asleep[MAX_ASLEEP];
    unsigned asleep_count;
};

static struct node nodes[MAX_NODES];
static unsigned node_count, depth; /* on the stack, and passed in this schedule */
static unsigned bound, spent;
static bool was_cut;
static struct footprint touched;  /* of the step that runs */
static struct footprint *fill_in; /* ... to be kept here when it is over */
static struct sleeper asleep[MAX_ASLEEP];
static unsigned asleep_count;

void strategy_touch(const struct object *object, bool writes)
{
    if (strategy != PLAN_DFS)
        return;
    uintptr_t key = object->address ? object->address : (uintptr_t)object;
    for (unsigned i = 0; i < touched.n && i < MAX_TOUCHED; i++)
        if (touched.touched[i].object == key) {
            touched.touched[i].writes |= writes;
            return;
        }
    if (touched.n < MAX_TOUCHED) {
        touched.touched[touched.n].object = key;
        touched.touched[touched.n].writes = writes;
    }
    touched.n++;
}

static bool meet(const struct footprint *a, const struct footprint *b)
{
    if (a->n > MAX_TOUCHED || b->n > MAX_TOUCHED)
        return true;
    for (unsigned i = 0; i < a->n; i++)
        for (unsigned j = 0; j < b->n; j++)
            if (a->touched[i].object == b->touched[j].object &&
                (a->touched[i].writes || b->touched[j].writes))
                return true;
    return false;
}

/* The step before is over: who sleeps and would have noticed it wakes. */
static void end_step(void)
{
    unsigned kept = 0;

    if (fill_in)
        *fill_in = touched;
    fill_in = NULL;
    for (unsigned i = 0; i < asleep_count; i++)
        if (!meet(asleep[i].footprint, &touched))
            asleep[kept++] = asleep[i];
    asleep_count = kept;
    touched.n = 0;
}

static bool is_asleep(const struct thread *thread)
{
    for (unsigned i = 0; i < asleep_count; i++)
        if (asleep[i].thread == thread)
            return true;
    return false;
}

static void fall_asleep(const struct thread *thread, const struct footprint *footprint)
{
    if (asleep_count < MAX_ASLEEP)
        asleep[asleep_count++] = (struct sleeper){thread, footprint};
}

static struct node *new_node(unsigned n, unsigned free)
{
    struct node *node = &nodes[node_count++];

    node->chosen = 0;
    node->free = free;
    node->n = spent < bound ? n : free;
    node->spent = spent;
    node->sleeps = node->is_pick = false;
    node->asleep_count = asleep_count;
    memcpy(node->asleep, asleep, asleep_count * sizeof *asleep);
    return node;
}

/* The node at which this schedule now is: one of the stack, or a new one. NULL: too deep. */
static struct node *visit(unsigned n, unsigned free)
{
    struct node *node;

    if (depth < node_count) {
        node = &nodes[depth];
        asleep_count = node->asleep_count;
        memcpy(asleep, node->asleep, asleep_count * sizeof *asleep);
    } else if (node_count < MAX_NODES) {
        node = new_node(n, free);
    } else {
        was_cut = true;
        return NULL;
    }
    depth++;
    spent = node->spent + (node->chosen >= node->free ? 1 : 0);
    return node;
}

static unsigned draw_dfs(unsigned n, bool costs)
{
    unsigned free = costs ? 1 : n;

    if (free == 1 && spent >= bound)
        return 0;
    struct node *node = visit(n, free);
    return node ? node->chosen : 0;
}

static unsigned take(const struct node *node, const struct option options[],
                     const unsigned places[])
{
    const struct thread *taken = options[places[node->chosen]].thread;
    unsigned kept = 0;

    if (node->chosen && node->sleeps)
        fall_asleep(node->first, &node->first_footprint);
    for (unsigned i = 0; i < asleep_count; i++)
        if (asleep[i].thread != taken)
            asleep[kept++] = asleep[i];
    asleep_count = kept;
    return places[node->chosen];
}

static unsigned pick_dfs(const struct option options[], unsigned n, unsigned able, bool continues)
{
    unsigned places[2 * MAX_THREADS], count = 0, awake = 0;

    end_step();
    for (unsigned i = 0; i < n; i++)
        if (!is_asleep(options[i].thread)) {
            places[count++] = i;
            awake += i < able;
        }
    if (!awake)
        abandon_schedule(); /* whatever comes has been seen in another order */
    bool first_continues = continues && places[0] == 0;
    unsigned free = first_continues ? 1 : continues ? 0 : awake;
    if (continues && !first_continues && spent >= bound)
        abandon_schedule(); /* who could go on without a preemption sleeps, and the bound is reached
                             */
    if (count == 1) {
        spent += !free;
        return places[0];
    }
    struct node *node = visit(count, free);
    if (!node)
        return places[0];
    if (node->chosen == 0) {
        node->is_pick = true;
        node->sleeps = first_continues;
        node->first = options[places[0]].thread;
        fill_in = first_continues ? &node->first_footprint : NULL;
    }
    unsigned place = take(node, options, places);
    if (place >= able)
        asleep_count = 0; /* an event: who knows what it is to the others */
    return place;
}

void strategy_dfs_start(unsigned preemption_bound)
{
    node_count = 0;
    bound = preemption_bound;
    was_cut = false;
}

bool strategy_dfs_next(void)
{
    while (node_count) {
        struct node *last = &nodes[node_count - 1];
        if (++last->chosen < last->n)
            return true;
        node_count--;
    }
    return false;
}

double strategy_dfs_done(void)
{
    double done = 0, share = 1;

    for (unsigned i = 0; i < node_count; i++) {
        share /= nodes[i].n;
        done += share * nodes[i].chosen;
    }
    return done;
}

bool strategy_dfs_was_cut(void)
{
    return was_cut;
}

static void begin_dfs(void)
{
    depth = spent = asleep_count = touched.n = 0;
    fill_in = NULL;
}

/* --------------------------------------------------------------------------------- the seam */

void strategy_begin(const struct plan *wanted)
{
    static const int mix[] = {PLAN_POS, PLAN_RANDOM, PLAN_PCT};

    plan = *wanted;
    strategy = plan.strategy == PLAN_MIX ? mix[plan.index % 3] : (int)plan.strategy;
    random_state = plan.seed * UINT64_C(0x2545f4914f6cdd1d) + plan.index;
    random_next();
    memset(priorities, 0, sizeof priorities);
    if (strategy == PLAN_PCT)
        begin_pct();
    if (strategy == PLAN_DFS)
        begin_dfs();
}

static unsigned pick_random(const struct option options[], unsigned n, unsigned able)
{
    if (n > able && random_below(EVENT_ONE_IN) == 0)
        return able + random_below(n - able);
    if (able == 1)
        return 0;
    return strategy == PLAN_PCT   ? pick_pct(options, able)
           : strategy == PLAN_POS ? pick_pos(options, able)
                                  : random_below(able);
}

unsigned strategy_pick(const struct option options[], unsigned n, unsigned able, bool continues)
{
    if (strategy == PLAN_DFS) {
        unsigned choice = pick_dfs(options, n, able, continues);
        return n > 1 ? note_choice(choice) : choice;
    }
    if (n == 1)
        return 0;
    if (strategy == PLAN_REPLAY) {
        unsigned choice = noted_choice();
        return note_choice(choice < n ? choice : 0);
    }
    return note_choice(pick_random(options, n, able));
}

unsigned strategy_draw(unsigned n, bool costs)
{
    if (n < 2)
        return 0;
    if (strategy == PLAN_DFS)
        return note_choice(draw_dfs(n, costs));
    if (strategy == PLAN_REPLAY) {
        unsigned choice = noted_choice();
        return note_choice(choice < n ? choice : 0);
    }
    return note_choice(random_below(n));
}

bool strategy_chance(unsigned one_in)
{
    if (strategy == PLAN_DFS || strategy == PLAN_REPLAY)
        return strategy_draw(2, true);
    return note_choice(random_below(one_in) == 0);
}
