/* bench_main.c - schedules a second (of processor time), a strategy a line; and what the strategies find: of
 * 10,000 schedules of each bug of bugs.c how many fail, and the number of the first of DFS that does. */
#include "../../interleave/arena.h"
#include "../../interleave/choices.h"
#include "../../interleave/dfs.h"
#include "../../interleave/dpor.h"
#include "../../interleave/fail.h"
#include "../../interleave/schedule.h"
#include "../../interleave/strategy.h"

#include "../../../exercises/todo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct test *const __start_suite_tests[], *const __stop_suite_tests[];

_Noreturn void todo_reached(const char *function)
{
    (void)function;
    abort();
}

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now); /* so that a busy machine makes no difference */
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void measure(const struct test *test, const char *name, int strategy)
{
    enum { SCHEDULES = 100000 };
    struct plan plan = {.strategy = strategy, .seed = 1, .spurious = 1, .bound = 2};
    struct outcome outcome;
    unsigned long run_in_all = 0, left_out = 0, steps = 0;
    double start = seconds();

    dfs_start(2);
    dpor_start();
    do {
        taken->n = 0;
        if (!schedule_run(test, &plan, &outcome)) {
            printf("%s: %s\n", name, outcome.message);
            exit(1);
        }
        plan.index++;
        run_in_all++;
        steps += run.steps;
        left_out += schedule_was_abandoned();
    } while (run_in_all < SCHEDULES && (strategy != PLAN_DFS || dfs_next()) &&
             (strategy != PLAN_DPOR || dpor_next()));
    double took = seconds() - start;
    printf("%-7s %7.0f schedules/s   %5.1f us each   %4.1f steps each   %lu run, %lu of them cut "
           "short\n",
           name, (double)run_in_all / took, 1e6 * took / (double)run_in_all,
           (double)steps / (double)run_in_all, run_in_all, left_out);
}

/* ------------------------------------------------------------------------- what is found */

/* In picks: PCT knows it when it is asked for by name, too. */
static unsigned long length_of(const struct test *test)
{
    struct plan plan = {.strategy = PLAN_REPLAY, .spurious = 1};
    struct outcome outcome;

    taken->n = script->n = 0;
    schedule_run(test, &plan, &outcome);
    return strategy_picks();
}

static unsigned count_failures(const struct test *test, int strategy)
{
    enum { SCHEDULES = 10000 };
    struct plan plan = {.strategy = strategy, .seed = 1, .spurious = 1, .length = length_of(test)};
    struct outcome outcome;
    unsigned failures = 0;

    for (; plan.index < SCHEDULES; plan.index++) {
        taken->n = 0;
        failures += !schedule_run(test, &plan, &outcome);
    }
    return failures;
}

/* The number of DFS's first schedule that fails, the bound being raised; 0: none within the budget. */
static unsigned long first_failure(const struct test *test)
{
    struct plan plan = {.strategy = PLAN_DFS,
                        .seed = 1,
                        .spurious = 1,
                        .bound = FIRST_BOUND,
                        .draws_events = false};
    struct outcome outcome;
    unsigned long runs = 0;

    for (;; plan.bound++) {
        dfs_start(plan.bound);
        do {
            taken->n = 0;
            runs++;
            if (!schedule_run(test, &plan, &outcome))
                return runs;
            if (runs == DEFAULT_SCHEDULES)
                return 0;
        } while (dfs_next());
        if (!dfs_was_bounded())
            return 0;
    }
}

static void tell_what_is_found(const struct test *test)
{
    static const int strategies[] = {PLAN_RANDOM, PLAN_PCT, PLAN_POS, PLAN_MIX};
    const char *name = strstr(test->name, "__");

    if (!name)
        return;
    printf("%-26s", name + 2);
    for (size_t i = 0; i < sizeof strategies / sizeof *strategies; i++)
        printf(" %6u", count_failures(test, strategies[i]));
    printf(" %6lu\n", first_failure(test));
}

static const struct test *find(const char *name)
{
    for (const struct test *const *test = __start_suite_tests; test < __stop_suite_tests; test++)
        if (strcmp((*test)->name, name) == 0)
            return *test;
    abort();
}

int main(void)
{
    const struct test *channel = find("two_senders_of_three_and_a_receiver");

    taken = reserve(sizeof *taken);
    script = reserve(sizeof *script);
    if (!taken || !script || !schedule_prepare())
        return 3;
    measure(channel, "random", PLAN_RANDOM);
    measure(channel, "PCT", PLAN_PCT);
    measure(channel, "POS", PLAN_POS);
    measure(channel, "MIX", PLAN_MIX);
    measure(channel, "DFS", PLAN_DFS);
    measure(channel, "DPOR", PLAN_DPOR);
    printf("\nfailures of 10,000         random    PCT    POS    MIX  first of DFS\n");
    for (const struct test *const *test = __start_suite_tests; test < __stop_suite_tests; test++)
        tell_what_is_found(*test);
    return 0;
}
