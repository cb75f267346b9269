/* explore.c - which schedules of a scenario are run.
 *
 *   1. the one in which nobody interferes, and the same once more with other bytes in memory that
 *      nobody has written. If it has no choice at all (one thread, or threads that never meet) it is
 *      the only one;
 *   2. a hundredth of the budget with MIX: what can be found easily is found here;
 *   3. DPOR, as long as it looks as if it will end within the budget: then every execution has been
 *      run, and that is all;
 *   4. more with MIX, up to a tenth of it;
 *   5. DFS with a bound, which is raised as long as all schedules under it can be run; beyond the first
 *      bound a share of what is left is spent;
 *   6. the rest with MIX, but no more than MOST_STEPS in all: of a very long scenario fewer schedules.
 *      What a mistake needs to be seen does not grow with what else the scenario does.
 * With .allocations_fail and .one_thread_stops DPOR tries each allocation and each step. If it does not
 * end, half of the budget goes to runs in which each allocation fails in turn, or each thread is stopped
 * at each of its steps. */
#include "child.h"
#include "dfs.h"
#include "dpor.h"
#include "fail.h"
#include "schedule.h"
#include "seed.h"
#include "shrink.h"
#include "strategy.h"

#include "arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <unistd.h>

const char runtime_name[] = "interleave";

/* ------------------------------------------------------------------------------------- plans */

static unsigned long budget_of(const struct test *test)
{
    const char *typed = getenv("SCHEDULES");
    unsigned long most = test->options.schedules;
    unsigned long wanted = typed && *typed ? strtoul(typed, NULL, 10) : DEFAULT_SCHEDULES;

    if (test->options.once)
        return 1;
    return most && most < wanted ? most : wanted;
}

static struct plan plan_base(const struct test *test)
{
    const char *seed = getenv("SEED");
    struct plan plan = {.strategy = PLAN_MIX, .seed = DEFAULT_SEED, .spurious = SPURIOUS_WAKEUPS};

    if (seed && *seed)
        plan.seed = strtoull(seed, NULL, 10);
    if (test->options.spurious_wakeups)
        plan.spurious = test->options.spurious_wakeups;
    plan.unlock_is_step =
        test->options.one_thread_stops; /* or nobody could be stopped with a lock held */
    return plan;
}

/* STRATEGY=; false: all of them, in the order above. */
static bool strategy_wanted(struct plan *plan)
{
    const char *wanted = getenv("STRATEGY");

    for (int i = PLAN_MIX; wanted && i <= PLAN_DPOR; i++)
        if (strcmp(wanted, strategy_names[i]) == 0) {
            plan->strategy = i;
            return true;
        }
    return false;
}

/* ---------------------------------------------------------------------------- in the child */

static unsigned long steps_taken;             /* in all schedules, accesses to memory among them */
static unsigned long most_steps = MOST_STEPS; /* ... after which it has been long enough */
static bool had_choices;                      /* in any schedule */

static void run_one(const struct test *test, struct plan *plan)
{
    child_schedule(test, plan);
    steps_taken += run.steps + (run.touched + run.accesses) / ACCESSES_A_STEP;
    had_choices = had_choices || shared->taken.n;
    if (!schedule_was_abandoned())
        shared->schedules++;
    if (run.tried_a_lock)
        plan->unlock_is_step = true;
}

/* The schedule in which nobody interferes. Unless an allocation fails or a thread is stopped in it, PCT learns
 * its length. */
static void run_default(const struct test *test, struct plan *plan)
{
    int strategy = plan->strategy;

    plan->strategy = PLAN_REPLAY;
    script->n = 0;
    run_one(test, plan);
    plan->strategy = strategy;
    if (!plan->fail_at && !plan->stop_step)
        plan->length = strategy_picks();
}

/* The schedule in which each change comes too late, as far as others can get in before it. */
static void run_adversary(const struct test *test, const struct plan *plan)
{
    struct plan adversary = *plan;

    adversary.strategy = PLAN_ADVERSARY;
    run_one(test, &adversary);
}

/* The same where what is allocated begins as zeros: one schedule more for those who read what nobody
 * has written. It isn't counted, for what is not read makes no difference. */
static void run_over_zeros(const struct test *test, const struct plan *plan)
{
    struct plan zeros = *plan;

    zeros.strategy = PLAN_REPLAY;
    zeros.zeroed = ALL_BLOCKS;
    child_schedule(test, &zeros);
}

static void run_random(const struct test *test, struct plan *plan, unsigned long schedules)
{
    while (schedules--) {
        run_one(test, plan);
        plan->index++;
    }
}

/* If a number of schedules was asked for, that many are run. */
static bool number_was_asked_for(const struct test *test)
{
    const char *wanted = getenv("SCHEDULES");

    return test->options.schedules || (wanted && *wanted);
}

static bool has_been_long_enough(const struct test *test)
{
    return steps_taken >= most_steps && !number_was_asked_for(test);
}

static void run_until_long_enough(const struct test *test, struct plan *plan,
                                  unsigned long schedules)
{
    while (schedules-- && !has_been_long_enough(test))
        run_random(test, plan, 1);
}

/* Does a search look as if it would take too long? `tries` runs were begun, and so much of it is done. */
static bool is_hopeless(double done, unsigned long tries, unsigned long schedules,
                        unsigned long trial_steps)
{
    static unsigned long looked_at;

    if (tries > DFS_OVERRUN * schedules)
        return true;
    if (tries == 1)
        looked_at = steps_taken;
    if (tries % DFS_TRIAL && steps_taken - looked_at < trial_steps)
        return false;
    looked_at = steps_taken;
    return done * (double)schedules < (double)tries / DFS_OVERRUN;
}

/* A plan whose schedules are searched: what else may happen is drawn. */
static struct plan plan_search(const struct test *test, const struct plan *base, int strategy)
{
    struct plan plan = *base;

    plan.strategy = strategy;
    plan.index = 0;
    plan.draws_events = strategy == PLAN_DPOR;
    plan.draws_failures = test->options.allocations_fail;
    plan.draws_stops = test->options.one_thread_stops;
    return plan;
}

/* True: every execution was run, that is, one of each class of those that differ only in the order of
 * steps which don't meet. */
static bool prove(const struct test *test, struct plan *base, unsigned long schedules)
{
    struct plan plan = plan_search(test, base, PLAN_DPOR);
    unsigned long first = shared->schedules, tries = 0;

    dpor_start();
    do {
        run_one(test, &plan);
        plan.index++;
        if (plan.unlock_is_step != base->unlock_is_step) { /* other steps than were looked at */
            base->unlock_is_step = true;
            return prove(test, base, schedules);
        }
        if (dpor_left_out() || tries == schedules || has_been_long_enough(test) ||
            is_hopeless(dpor_done(), ++tries, schedules, PROOF_TRIAL_STEPS))
            return false;
    } while (dpor_next());
    shared->exhausted = shared->schedules - first;
    shared->bound = 0;
    return true;
}

/* True: all schedules under the bound were run. An earlier, smaller bound is forgotten then. */
static bool run_dfs(const struct test *test, const struct plan *base, unsigned long schedules)
{
    struct plan plan = plan_search(test, base, PLAN_DFS);
    unsigned long first = shared->schedules, tries = 0;

    dfs_start(plan.bound);
    do {
        run_one(test, &plan);
        plan.index++;
        if (has_been_long_enough(test) ||
            is_hopeless(dfs_done(), ++tries, schedules, DFS_TRIAL_STEPS))
            return false;
    } while (dfs_next());
    if (dfs_was_cut())
        return false;
    shared->exhausted = shared->schedules - first;
    shared->bound = dfs_was_bounded() || dfs_left_out() ? plan.bound : 0;
    return true;
}

/* Beyond the first bound mistakes are rare: a share of what is left goes to them. */
static void spend_less(const struct test *test, unsigned long *budget)
{
    if (number_was_asked_for(test))
        return;
    if (*budget > shared->schedules)
        *budget = shared->schedules + (*budget - shared->schedules) / BEYOND_SHARE;
    if (most_steps > steps_taken)
        most_steps = steps_taken + (most_steps - steps_taken) / BEYOND_SHARE;
}

/* Until the bound cuts nothing off, or the budget is spent. True: nothing is left to run. */
static bool raise_bound(const struct test *test, struct plan *plan, unsigned long *budget)
{
    plan->bound = FIRST_BOUND;
    while (shared->schedules < *budget && !has_been_long_enough(test) &&
           run_dfs(test, plan, *budget - shared->schedules) && dfs_was_bounded())
        if (plan->bound++ == FIRST_BOUND && !strategy_wanted(plan))
            spend_less(test, budget);
    return shared->exhausted && !shared->bound;
}

static void run_rest(const struct test *test, struct plan *plan, unsigned long budget)
{
    while (shared->schedules < budget && !has_been_long_enough(test))
        run_random(test, plan, 1);
}

static void run_wanted(const struct test *test, struct plan *plan, unsigned long budget)
{
    if (plan->strategy == PLAN_DPOR)
        prove(test, plan, budget);
    else if (plan->strategy == PLAN_DFS)
        raise_bound(test, plan, &budget);
    else
        run_random(test, plan, budget);
}

static void run_all(const struct test *test, struct plan *plan, unsigned long budget)
{
    if (strategy_wanted(plan)) {
        run_wanted(test, plan, budget);
        return;
    }
    run_until_long_enough(test, plan, budget / FIRST_SHARE - plan->index);
    if (!raise_bound(test, plan, &budget))
        run_rest(test, plan, budget);
}

static void run_with_failures(const struct test *test, struct plan plan, unsigned long budget,
                              unsigned allocations, bool has_choices)
{
    unsigned long each = allocations ? budget / allocations : 0;

    if (each > MOST_PER_FAILURE)
        each = MOST_PER_FAILURE;
    for (plan.fail_at = 1;; plan.fail_at++) {
        run_default(test, &plan);
        if (!run.allocation_has_failed)
            break;
        if (has_choices)
            run_random(test, &plan, each);
    }
}

/* Where each thread may be stopped: at how many of its steps. */
struct stops {
    unsigned threads, steps[MAX_THREADS], total;
};

static struct stops stops_of_last_run(void)
{
    struct stops stops = {.threads = run.thread_count};

    for (unsigned t = 0; t < stops.threads; t++)
        stops.total += stops.steps[t] = run.threads[t].stop_steps;
    return stops;
}

static bool next_stop(const struct stops *stops, struct plan *plan)
{
    for (; plan->stop_thread < stops->threads; plan->stop_thread++, plan->stop_step = 0)
        if (plan->stop_step++ < stops->steps[plan->stop_thread])
            return true;
    return false;
}

static void run_with_stops(const struct test *test, struct plan plan, unsigned long budget)
{
    struct plan stopped = plan, overtaken = plan;
    struct stops stops = stops_of_last_run();

    while (next_stop(&stops, &stopped))
        run_default(test, &stopped);
    for (unsigned long i = 0; stops.total && i < budget; i++) {
        unsigned nth = (unsigned)((i / 3) % stops.total), t = 0;
        while (nth >= stops.steps[t])
            nth -= stops.steps[t++];
        plan.stop_thread = t;
        plan.stop_step = nth + 1;
        run_random(test, &plan, 1);
    }
    run_adversary(test, &overtaken);
    stops = stops_of_last_run();
    while (next_stop(&stops, &overtaken))
        run_adversary(test, &overtaken);
}

/* Of a family each scenario gets its schedules: few, and by chance. One of one thread needs one. Over zeros the
 * first is enough. */
static void explore_family(const struct test *test)
{
    struct plan plan = plan_base(test);
    unsigned long budget = budget_of(test);
    bool is_first = true;

    do {
        run_default(test, &plan);
        child_silence();
        bool has_choices = shared->taken.n > 0;
        unsigned failable = run.failable;
        if (is_first)
            run_over_zeros(test, &plan);
        is_first = false;
        if (test->options.one_thread_stops)
            run_with_stops(test, plan, budget);
        if (has_choices)
            run_random(test, &plan, budget);
        if (test->options.allocations_fail)
            run_with_failures(test, plan, budget, failable, has_choices);
    } while (test->options.family->next(test));
    if (!had_choices && !test->options.one_thread_stops) /* each scenario has one execution */
        shared->exhausted = shared->schedules;
}

static void search(const struct test *test, struct plan *plan, unsigned long budget,
                   bool has_choices)
{
    bool twice = test->options.allocations_fail || test->options.one_thread_stops;

    run_default(test, plan);
    unsigned failable = run.failable;
    if (test->options.one_thread_stops)
        run_with_stops(test, *plan, budget / 2);
    if (has_choices)
        run_all(test, plan, twice ? budget / 2 : budget);
    if (test->options.allocations_fail)
        run_with_failures(test, *plan, budget / 2, failable, has_choices);
    if (has_choices && twice && !shared->exhausted && plan->strategy < PLAN_DFS)
        run_rest(test, plan, budget);
}

/* What is found at once is found by chance, and with nobody else interfering. */
static void look(const struct test *test, struct plan *plan, unsigned long budget, bool has_choices)
{
    if (test->options.one_thread_stops)
        run_with_stops(test, *plan, 0);
    if (has_choices)
        run_adversary(test, plan);
    if (has_choices)
        run_until_long_enough(test, plan, budget / FIRST_LOOK);
    if (test->options.allocations_fail)
        run_with_failures(test, *plan, 0, 0, has_choices);
}

static void explore_job(const struct test *test)
{
    if (test->options.family) {
        explore_family(test);
        return;
    }
    struct plan plan = plan_base(test), wanted = plan;
    unsigned long budget = budget_of(test);

    run_default(test, &plan);
    child_silence();
    bool has_choices = shared->taken.n > 0;
    if (run.allocations)
        run_over_zeros(test, &plan);
    bool has_more = test->options.allocations_fail || test->options.one_thread_stops;
    if (!has_choices && !has_more) {
        shared->exhausted = 1;
        return;
    }
    if (budget <= 1 && !has_more)
        return; /* that one run is all */
    if (budget > 1 && !strategy_wanted(&wanted)) {
        look(test, &plan, budget, has_choices);
        if (prove(test, &plan, budget))
            return;
    }
    search(test, &plan, budget, has_choices);
}

static unsigned long length_of(const struct test *test, struct plan plan)
{
    plan.fail_at = plan.stop_step = 0;
    run_default(test, &plan);
    return plan.length;
}

/* A schedule named by strategy, seed and number: it is run, and those before it if the strategy is
 * DFS. */
static void find_job(const struct test *test)
{
    struct plan plan = shared->plan;
    unsigned long index = plan.index;

    if (plan.strategy == PLAN_MIX || plan.strategy == PLAN_PCT)
        plan.length = length_of(test, plan);
    if (plan.strategy != PLAN_DFS && plan.strategy != PLAN_DPOR) {
        child_schedule(test, &plan);
        return;
    }
    bool is_bounded = plan.strategy == PLAN_DFS;
    is_bounded ? dfs_start(plan.bound) : dpor_start();
    plan.index = 0;
    do
        child_schedule(test, &plan);
    while (plan.index++ < index && (is_bounded ? dfs_next() : dpor_next()));
}

/* ------------------------------------------------------------------------------ in the parent */

static bool prepare(struct outcome *outcome)
{
    static bool is_mapped;

    if (shared)
        munmap(shared, sizeof *shared); /* the test before */
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    taken = &shared->taken;
    script = script ? script : reserve(sizeof *script);
    is_mapped = is_mapped || schedule_prepare();
    if (shared != MAP_FAILED && script && is_mapped)
        return true;
    outcome->verdict = VERDICT_ENVIRONMENT;
    snprintf(outcome->message, sizeof outcome->message,
             "The controlled scheduler needs 150 GB of address space (not of memory), and the "
             "machine does not "
             "give it: see ulimit -v and vm.overcommit_memory.");
    return false;
}

void explore(const struct test *test, struct outcome *outcome)
{
    const char *seed = getenv("REPLAY") && *getenv("REPLAY") ? getenv("REPLAY") : getenv("SEED");
    bool ran;

    *outcome = (struct outcome){.verdict = VERDICT_PASSED};
    if (!prepare(outcome))
        return;
    shared->plan = plan_base(test);
    if (seed && seed_read(seed, &shared->plan, script))
        ran = child_run(find_job, test, outcome), shared->schedules = 1;
    else
        ran = child_run(explore_job, test, outcome);
    unsigned long schedules =
        shared->schedules + (shared->failed && !(seed && shared->schedules == 1));
    if (ran && shared->failed)
        tell(test, outcome);
    outcome->exhaustive = outcome->verdict == VERDICT_PASSED && shared->exhausted;
    outcome->schedules = outcome->exhaustive ? shared->exhausted : schedules;
    outcome->preemption_bound = shared->bound;
}
