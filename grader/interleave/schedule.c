/* schedule.c - see schedule.h. */
#include "schedule.h"

#include "arena.h"
#include "atomic.h"
#include "clock.h"
#include "fail.h"
#include "file.h"
#include "heap.h"
#include "jump.h"
#include "keys.h"
#include "libc.h"
#include "memory.h"
#include "object.h"
#include "scheduler.h"
#include "signal.h"
#include "story.h"
#include "strategy.h"
#include "thread.h"

#include <errno.h>

bool schedule_prepare(void)
{
    run.threads = reserve(MAX_THREADS * sizeof *run.threads);
    return run.threads && arena_map() && memory_map() && object_map();
}

static bool others_are_over(const struct thread *thread)
{
    for (unsigned t = 0; t < run.thread_count; t++)
        if (&run.threads[t] != thread && !is_over(&run.threads[t]) &&
            !(run.was_stopped && run.threads[t].may_be_left))
            return false;
    return true;
}

static void check_threads_joined(void)
{
    for (unsigned t = 1; t < run.thread_count; t++) {
        const struct thread *thread = &run.threads[t];
        if (thread->state != THREAD_ENDED || thread->joined || thread->detached)
            continue;
        story_access("allocated", 0, thread->created_at, "starts {t%u}", t);
        fail(VERDICT_LEAK, thread->created_at,
             "The test is over, and %s was neither joined nor detached.", thread_name(thread));
    }
}

/* The first thread: the scenario, and the end of it. */
static void scenario_entry(void)
{
    run.test->body();
    if (run.unexplored)
        fail(VERDICT_ENVIRONMENT, 0,
             "The scenario calls exploring(false), and never exploring(true).");
    self->depth = 0;
    self->may_stop = false;
    if (!others_are_over(self))
        step_when(others_are_over, NULL, NULL, 0);
    run_exit_handlers();
    keys_run_destructors(); /* what it keeps for itself goes with it, as with any thread */
    thread_check_locks();
    if (!run.was_stopped) {
        check_threads_joined();
        heap_check_leaks();
    }
    story_event("ends", 0, 0, "is over, and all went well");
    leave_schedule();
}

bool schedule_run(const struct test *test, const struct plan *plan, struct outcome *outcome)
{
    run = (struct run){.test = test,
                       .plan = *plan,
                       .threads = run.threads,
                       .activity = run.activity + 1}; /* never the same again: see on_tick */
    *outcome = (struct outcome){.verdict = VERDICT_PASSED};
    self = NULL;
    memory_begin();
    object_begin();
    heap_begin();
    keys_begin();
    jumps_begin();
    scheduler_begin();
    clock_begin();
    signals_begin();
    files_begin();
    atomic_begin();
    strategy_begin(plan);
    struct thread *first = thread_new();
    first->name = "the test";
    first->start = (uintptr_t)test->body;
    thread_prepare(first, scenario_entry);
    errno = 0;
    run_until_end(first, outcome);
    memory_undo();
    return !run.failed;
}
