/* child.h - the process that runs schedules.
 *
 * Code that crashes, exits or never comes back costs that process. What it finds out is written to
 * memory it shares with its parent, as it goes. */
#pragma once

#include "choices.h"
#include "run.h"

enum { MAX_SEED = sizeof(((struct outcome *)0)->seed) };

struct shared {
    struct outcome outcome; /* of the schedule that failed */
    bool failed, finished;  /* a verdict was told; the child did all it should */
    bool slow;              /* ... of a loop without a call, which takes its time again each time */
    struct plan plan;       /* of the schedule that runs, and its choices so far */
    struct script taken;
    unsigned long steps; /* of the failed schedule */

    unsigned long schedules;
    unsigned long
        exhausted; /* so many were all with at most bound preemptions (0: all there are); 0: not all
                      were run */
    unsigned bound;

    char story[MAX_STORY]; /* as JSON, if it was told */
};
extern struct shared *shared;

/* Runs job in a child process until it is done or has failed. False: the environment's fault, told
 * in *outcome. */
bool child_run(void (*job)(const struct test *test), const struct test *test,
               struct outcome *outcome);

/* In the child: runs one schedule, and ends the child if it fails. */
void child_schedule(const struct test *test, const struct plan *plan);

/* In the child: no more output, of the code under test or others. */
void child_silence(void);
