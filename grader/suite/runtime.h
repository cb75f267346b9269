/* runtime.h - the seam between a suite and the runtime it is linked with.
 *
 * main.c runs tests of a suite and has their completion records written. How a test's scenario is run is
 * the runtime's business: real_threads.c, or grader/interleave. Each gives the functions under
 * "The runtime gives", and the calls of suite.h that concern threads and allocation; what both
 * share (the checks, the record) is in check.c and record.c. */
#pragma once

#include "suite.h"

/* Verdicts of one test that a runtime can tell, as the JSON report spells them; the grader knows more
 * (build_failed, ...). */
#define VERDICTS(X)                                                                                \
    X(PASSED, passed)                                                                              \
    X(FAILED, failed)                 /* a check did not hold */                                   \
    X(DEADLOCK, deadlock)             /* everybody sleeps */                                       \
    X(RACE, race)                     /* two accesses without happens-before, one a write */       \
    X(USE_AFTER_FREE, use_after_free) /* also a block freed twice */                               \
    X(LEAK, leak)                                                                                  \
    X(NO_PROGRESS, no_progress) /* spins or polls; "not lock-free" is told in the message */       \
    X(MISUSE, misuse)           /* of a lock, a thread, a block's bounds, ... */                   \
    X(CRASHED, crashed)                                                                            \
    X(TIMEOUT, timeout)                                                                            \
    X(EXITED_EARLY, exited_early)                                                                  \
    X(NOT_IMPLEMENTED, not_implemented)                                                            \
    X(ENVIRONMENT, environment) /* the machine's or the kit's fault */

#define VERDICT_(name, spelling) VERDICT_##name,
enum verdict { VERDICTS(VERDICT_) };
#undef VERDICT_

static inline const char *verdict_name(enum verdict verdict)
{
#define SPELLING_(name, spelling) [VERDICT_##name] = #spelling,
    static const char *const names[] = {VERDICTS(SPELLING_)};
#undef SPELLING_
    return names[verdict];
}

/* Threads at once, the test's own among them: code that has more is told so. Less: tests of 256 sleepers, for
 * a count that is a byte, on code that has threads beside them. More: address space for the stack and the clocks of
 * each. */
enum { MAX_THREADS = 288 };

struct outcome;

/* A test whose body is one scenario of many. begin: makes the first the current one. next: the next one, or
 * false if there is none; called where scenarios run. tell: one of them has failed, and may be explored again. */
struct family {
    void (*begin)(const struct test *test);
    bool (*next)(const struct test *test);
    void (*tell)(const struct test *test, struct outcome *outcome);
};

/* What is known of a failure besides its message: the grader makes sentences of it. */
struct facts {
    bool all_asleep;         /* every thread: the story says what each waits for */
    bool stopped;            /* nobody gets on, for one thread was stopped for ever: */
    unsigned stopped_thread; /* its number in the story */
    bool wild_pointer;       /* a crash by a pointer that leads nowhere */
    bool too_many_threads;   /* for the scheduler: real threads have to say */
    char function[64];       /* that is not implemented, or "" */
};

/* What became of a test. Strings are copied into it; too long ones are cut. Plain data: a
 * child process hands it to its parent as it is. */
struct outcome {
    enum verdict verdict;
    char message[512];  /* one or two sentences for the student, in words; "" for passed */
    char rule[256];     /* the header's sentence that is broken, or "" */
    char call[256];     /* the call as written in the suite, or "" */
    char expected[160]; /* of a check: what was expected, and what came */
    char got[160];
    char file[256]; /* where in the suite; line 0: nowhere */
    int line;
    struct facts facts;
    uintptr_t pc;     /* an address in the submission's code that "where" can be told from, or 0 */
    char calls[1600]; /* of a scenario that was drawn: what was called, a line each */
    char seed[200];   /* what SEED= must be to see this failure again, or "" */
    unsigned long schedules; /* how many were run */
    bool exhaustive;         /* ... and these stand for all there are, with at most preemption_bound
                        preemptions and injected events; 0: with any number */
    unsigned preemption_bound;
    /* The failing schedule as JSON (see grader/interleave/story.h), or NULL. It stays until the next
     * call of explore. */
    const char *story;
};

/* ---------------------------------------------------------------------- the runtime gives */

extern const char runtime_name[]; /* "interleave" or "real_threads" */

/* Runs the test's scenario, in a child process or several, as often as its options and the environment
 * (SEED, SCHEDULES, STRATEGY, REPLAY) say, and stores what became of it. Always returns, and nothing
 * that it says depends on the tests before. */
void explore(const struct test *test, struct outcome *outcome);

/* Ends the running scenario with that outcome, from whichever thread: verdict, message and the fields
 * of a check are filled in, the rest is the runtime's. Only called within a scenario. */
_Noreturn void end_scenario(const struct outcome *outcome);

/* --------------------------------------------------------------------------- record.c gives */

/* Before anything else: takes the nonce out of the file that is open at the descriptor number in the environment
 * variable SUITE_RECORD (default: 1, and no nonce), and hides both from child processes. With SUITE_GUARDED
 * in the environment these can't trace this process, nor can a grader that is not root look at it.
 * timed: a record says how many seconds its test took, which is not the same in every run. */
void record_prepare(bool timed);

/* Writes the completion record of a test that was just run, a line of JSON, to that descriptor. */
void record_write(const struct test *test, const struct outcome *outcome);
