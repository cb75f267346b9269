/* strategy.c - see strategy.h.
 *
 * random, PCT, POS, adversary, DFS, DPOR: see their headers.
 *
 * MIX: POS, random and PCT in turn: each finds what the others miss.
 *
 * replay: the choices that were noted. */
#include "strategy.h"

#include "adversary.h"
#include "choices.h"
#include "dfs.h"
#include "dpor.h"
#include "object.h"
#include "pct.h"
#include "pos.h"
#include "priority.h"
#include "random.h"

#include <assert.h>

static int strategy; /* of this schedule: MIX has become one of its three */
static unsigned long picks;

void strategy_begin(const struct plan *plan)
{
    static const int mix[] = {PLAN_POS, PLAN_RANDOM, PLAN_PCT};

    strategy = plan->strategy == PLAN_MIX ? mix[plan->index % 3] : (int)plan->strategy;
    picks = 0;
    random_begin(plan->seed * UINT64_C(0x2545f4914f6cdd1d) + plan->index);
    priority_begin();
    if (strategy == PLAN_PCT)
        pct_begin(plan->length);
    if (strategy == PLAN_DFS)
        dfs_begin();
    if (strategy == PLAN_DPOR)
        dpor_begin();
}

unsigned long strategy_picks(void)
{
    return picks;
}

static unsigned pick_one(const struct option options[], unsigned n, unsigned able)
{
    if (strategy == PLAN_ADVERSARY)
        return adversary_pick(options, able);
    if (n > able && random_below(EVENT_ONE_IN) == 0)
        return able + random_below(n - able);
    if (able == 1)
        return 0;
    return strategy == PLAN_PCT   ? pct_pick(options, able)
           : strategy == PLAN_POS ? pos_pick(options, able)
                                  : random_below(able);
}

unsigned strategy_pick(const struct option options[], unsigned n, unsigned able, bool continues)
{
    assert(able >= 1 && able <= n);
    if (run.unexplored)
        return 0;
    picks += able > 1;
    if (strategy == PLAN_DFS || strategy == PLAN_DPOR) {
        unsigned choice =
            strategy == PLAN_DFS ? dfs_pick(options, n, able, continues) : dpor_pick(options, n);
        assert(choice < n);
        return n > 1 ? note_choice(choice) : choice;
    }
    if (n == 1)
        return 0;
    if (strategy == PLAN_REPLAY) {
        unsigned choice = noted_choice();
        return note_choice(choice < n ? choice : 0);
    }
    unsigned choice = pick_one(options, n, able);
    assert(choice < n);
    return note_choice(choice);
}

unsigned strategy_draw(unsigned n, bool costs)
{
    if (n < 2 || run.unexplored)
        return 0;
    if (strategy == PLAN_DFS || strategy == PLAN_DPOR) {
        unsigned choice = strategy == PLAN_DFS ? dfs_draw(n, costs) : dpor_draw(n);
        assert(choice < n);
        return note_choice(choice);
    }
    if (strategy == PLAN_REPLAY) {
        unsigned choice = noted_choice();
        return note_choice(choice < n ? choice : 0);
    }
    return note_choice(strategy == PLAN_ADVERSARY ? 0 : random_below(n));
}

bool strategy_chance(unsigned one_in)
{
    if (strategy >= PLAN_ADVERSARY || run.unexplored)
        return strategy_draw(2, true);
    return note_choice(random_below(one_in) == 0);
}

static void touch(struct object *object, bool writes, enum touch how)
{
    object_met(object, writes);
    if (strategy == PLAN_ADVERSARY)
        adversary_touch(object, writes);
    if (strategy == PLAN_DFS)
        dfs_touch(object, writes, how);
    if (strategy == PLAN_DPOR)
        dpor_touch(object, writes, how);
}

void strategy_touch(struct object *object, bool writes)
{
    touch(object, writes, MEETS);
}

void strategy_orders(struct object *object)
{
    touch(object, true, GIVES_BACK);
}

void strategy_waited(void)
{
    if (strategy == PLAN_DPOR)
        dpor_waited();
}

void strategy_leaves_out(void)
{
    if (run.unexplored)
        return;
    if (strategy == PLAN_DFS)
        dfs_leave_out();
    if (strategy == PLAN_DPOR)
        dpor_leave_out();
}
