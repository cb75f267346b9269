/* dfs.c - see dfs.h. */
#include "dfs.h"

#include "fail.h"

#include <assert.h>
#include <string.h>

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
static bool was_cut, was_bounded, left_out;
static struct footprint touched;  /* of the step that runs */
static struct footprint *fill_in; /* ... to be kept here when it is over */
static struct sleeper asleep[MAX_ASLEEP];
static unsigned asleep_count;

void dfs_touch(const struct object *object, bool writes, enum touch how)
{
    if (how == MEETS)
        footprint_add(&touched, object, writes, how);
}

/* The step before is over: a sleeper that would have noticed it wakes. */
static void end_step(void)
{
    unsigned kept = 0;

    if (fill_in)
        *fill_in = touched;
    fill_in = NULL;
    for (unsigned i = 0; i < asleep_count; i++)
        if (!footprints_meet(asleep[i].footprint, &touched))
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
    was_bounded |= node->n < n;
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
    assert(depth < node_count && node->chosen < node->n && node->free <= node->n);
    depth++;
    spent = node->spent + (node->chosen >= node->free ? 1 : 0);
    return node;
}

unsigned dfs_draw(unsigned n, bool costs)
{
    unsigned free = costs ? 1 : n;

    if (free == 1 && spent >= bound) {
        was_bounded = true;
        return 0;
    }
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

unsigned dfs_pick(const struct option options[], unsigned n, unsigned able, bool continues)
{
    unsigned places[2 * MAX_THREADS], count = 0, awake = 0;

    end_step();
    for (unsigned i = 0; i < n; i++)
        if (!is_asleep(options[i].thread)) {
            places[count++] = i;
            awake += i < able;
        }
    if (!count)
        abandon_schedule(); /* whatever comes has been seen in another order */
    bool first_continues = continues && places[0] == 0;
    unsigned free = first_continues ? 1 : continues ? 0 : awake;
    if (!free && spent >= bound) {
        was_bounded = true;
        abandon_schedule(); /* the one that needs no preemption sleeps, and the bound is reached */
    }
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
        asleep_count = 0; /* an event: nobody knows what it is to the others */
    return place;
}

void dfs_start(unsigned preemption_bound)
{
    node_count = 0;
    bound = preemption_bound;
    was_cut = was_bounded = left_out = false;
}

bool dfs_next(void)
{
    while (node_count) {
        struct node *last = &nodes[node_count - 1];
        if (++last->chosen < last->n)
            return true;
        node_count--;
    }
    return false;
}

double dfs_done(void)
{
    double done = 0, share = 1;

    for (unsigned i = 0; i < node_count; i++) {
        share /= nodes[i].n;
        done += share * nodes[i].chosen;
    }
    return done;
}

bool dfs_was_cut(void)
{
    return was_cut;
}

bool dfs_was_bounded(void)
{
    return was_bounded;
}

bool dfs_left_out(void)
{
    return left_out;
}

void dfs_leave_out(void)
{
    left_out = true;
}

void dfs_begin(void)
{
    depth = spent = asleep_count = touched.n = 0;
    fill_in = NULL;
}
