/* bench_main.c - schedules a second (of processor time), a strategy a line. */
#include "../../interleave/arena.h"
#include "../../interleave/choices.h"
#include "../../interleave/dfs.h"
#include "../../interleave/dpor.h"
#include "../../interleave/fail.h"
#include "../../interleave/schedule.h"

#include "../../../exercises/todo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct test *const __start_suite_tests[];

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

static void measure(const char *name, int strategy)
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
        if (!schedule_run(__start_suite_tests[0], &plan, &outcome)) {
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

int main(void)
{
    taken = reserve(sizeof *taken);
    script = reserve(sizeof *script);
    if (!taken || !script || !schedule_prepare())
        return 3;
    measure("random", PLAN_RANDOM);
    measure("PCT", PLAN_PCT);
    measure("POS", PLAN_POS);
    measure("MIX", PLAN_MIX);
    measure("DFS", PLAN_DFS);
    measure("DPOR", PLAN_DPOR);
    return 0;
}
