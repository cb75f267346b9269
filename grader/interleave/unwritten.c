/* unwritten.c - see unwritten.h. */
#include "unwritten.h"

#include "child.h"

#include <string.h>

static void run_again(const struct test *test)
{
    struct plan plan = shared->plan;

    child_silence();
    plan.strategy = PLAN_REPLAY;
    child_schedule(test, &plan);
}

/* How the schedule ends if that block, or each, begins as zeros. */
static struct outcome end_of(const struct test *test, const struct plan *plan, unsigned zeroed)
{
    struct outcome end;

    shared->plan = *plan;
    shared->plan.zeroed = zeroed;
    memset(&shared->outcome, 0, sizeof shared->outcome);
    if (!child_run(run_again, test, &end))
        return end;
    return shared->outcome;
}

static bool are_alike(const struct outcome *one, const struct outcome *other)
{
    return one->verdict == other->verdict && one->line == other->line &&
           strcmp(one->message, other->message) == 0;
}

unsigned unwritten_block(const struct test *test, const struct plan *plan)
{
    bool failed_over_zeros = plan->zeroed == ALL_BLOCKS;

    if (shared->slow)
        return 0;
    struct outcome failure = end_of(test, plan, plan->zeroed);
    struct outcome other = end_of(test, plan, failed_over_zeros ? 0 : ALL_BLOCKS);
    if (are_alike(&failure, &other))
        return 0;
    for (unsigned block = 1; block <= MOST_SUSPECTS && !shared->slow; block++) {
        other = end_of(test, plan, block);
        if (are_alike(&failure, &other) == failed_over_zeros)
            return block;
    }
    return 0;
}
