/* explore.h - what explore.c (which schedules are run), child.c (where), and replay.c (which one is
 * told, and how it is written down) share.
 *
 * Schedules are run in a child process: code that crashes, exits or never comes back costs that
 * child. What the child finds out is written to memory it shares with its parent, as it goes. */
#pragma once

#include "interleave.h"

enum { MAX_CHOICES = 1 << 20, MAX_SEED = sizeof(((struct outcome *)0)->seed) };

struct script {
    unsigned n;
    uint8_t choices[MAX_CHOICES]; /* further ones are 0 */
};

struct shared {
    struct outcome outcome; /* of the schedule that failed */
    bool failed, finished;  /* a verdict was told; the child did all it should */
    bool watchdog;          /* ... by the watchdog, which costs a second each time */
    struct plan plan;       /* of the schedule that runs, and its choices so far */
    struct script taken;
    unsigned long steps; /* of the failed schedule */

    unsigned long schedules;
    unsigned long
        exhausted; /* these were all, with at most bound preemptions; 0: not all were run */
    unsigned bound;

    size_t story_size;
    char story[4 << 20];
};
extern struct shared *shared;

/* The choices of the schedule that is replayed. */
extern struct script *script;

/* child.c: runs job in a child process until it is done or has failed. False: the environment's
 * fault, told in *outcome. */
bool child_run(void (*job)(const struct test *test), const struct test *test,
               struct outcome *outcome);

/* In the child: runs one schedule, and ends the child if it fails. */
void child_schedule(const struct test *test, const struct plan *plan);

/* In the child: no more output, of the code under test or others. */
void child_silence(void);

/* explore.c: how a plan starts out, by the test's options and the environment. */
struct plan plan_base(const struct test *test);

/* replay.c: SEED= for a plan and the choices in script; and back again (false: it is no such thing,
 * e.g. a number). If it returns true and the strategy is not PLAN_REPLAY, the schedule is still to
 * be found by running. */
void seed_write(char *text, size_t size, const struct plan *plan, const struct script *choices);
bool seed_read(const char *text, struct plan *plan, struct script *choices);

/* A schedule failed, and is in shared. Shrinks it, runs it a last time for its story, and completes
 * the outcome. */
void tell(const struct test *test, struct outcome *outcome);
