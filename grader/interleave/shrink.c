/* shrink.c - see shrink.h. */
#include "shrink.h"

#include "child.h"
#include "schedule.h"
#include "seed.h"
#include "story.h"
#include "unwritten.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

/* The state of a shrink, shared with the child that tries: it may die of a try. */
static struct shrink {
    enum verdict verdict; /* a smaller schedule has to fail in the same way */
    int line;
    char rule[256];
    unsigned attempts, limit;
    unsigned chunk, from;  /* which of the choices that are not 0 are left out now */
    bool trying, improved; /* improved: since the last pass began */
    struct script best, candidate;
} * shrink;

static void trim(struct script *choices)
{
    while (choices->n && !choices->choices[choices->n - 1])
        choices->n--;
}

static void copy_script(struct script *to, const struct script *from)
{
    to->n = from->n < MAX_CHOICES ? from->n : MAX_CHOICES;
    memcpy(to->choices, from->choices, to->n * sizeof *to->choices);
}

static unsigned interventions(const struct script *choices)
{
    unsigned n = 0;

    for (unsigned i = 0; i < choices->n; i++)
        n += choices->choices[i] != 0;
    return n;
}

/* candidate = best without the choices from ... from + chunk - 1 of those that are not 0. */
static void make_candidate(void)
{
    unsigned nth = 0;

    copy_script(&shrink->candidate, &shrink->best);
    for (unsigned i = 0; i < shrink->best.n; i++)
        if (shrink->best.choices[i]) {
            if (nth >= shrink->from && nth < shrink->from + shrink->chunk)
                shrink->candidate.choices[i] = 0;
            nth++;
        }
    trim(&shrink->candidate);
}

/* Moves on to what is to be tried next; false: nothing is left to try. */
static bool next_candidate(void)
{
    unsigned n = interventions(&shrink->best);

    if (shrink->from >= n) {
        shrink->from = 0;
        shrink->chunk = shrink->chunk > 1 ? shrink->chunk / 2 : shrink->improved;
        shrink->improved = false;
    }
    if (!n || !shrink->chunk || shrink->attempts == shrink->limit)
        return false;
    shrink->attempts++;
    make_candidate();
    return true;
}

static bool fails_alike(const struct outcome *outcome)
{
    return outcome->verdict == shrink->verdict && outcome->line == shrink->line &&
           strcmp(outcome->rule, shrink->rule) == 0;
}

static void judge_attempt(bool failed, const struct outcome *outcome)
{
    shrink->trying = false;
    if (failed && fails_alike(outcome) &&
        interventions(&shared->taken) < interventions(&shrink->best)) {
        shrink->improved = true;
        copy_script(&shrink->best, &shared->taken);
        trim(&shrink->best);
    } else {
        shrink->from += shrink->chunk;
    }
}

static void shrink_job(const struct test *test)
{
    struct plan plan = shared->plan;
    struct outcome outcome;

    child_silence();
    plan.strategy = PLAN_REPLAY;
    while (next_candidate()) {
        script = &shrink->candidate;
        shrink->trying = true;
        shared->taken.n = 0;
        bool failed = !schedule_run(test, &plan, &outcome);
        judge_attempt(failed, &outcome);
    }
}

static bool shrink_prepare(const struct outcome *outcome)
{
    shrink = mmap(NULL, sizeof *shrink, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shrink == MAP_FAILED)
        return false;
    shrink->verdict = outcome->verdict;
    shrink->line = outcome->line;
    memcpy(shrink->rule, outcome->rule, sizeof shrink->rule);
    copy_script(&shrink->best, &shared->taken);
    trim(&shrink->best);
    shrink->limit = shared->slow || shared->plan.strategy == PLAN_REPLAY ? 0
                    : shared->steps > LONG_SCHEDULE                      ? ATTEMPTS_IF_LONG
                                                                         : MAX_ATTEMPTS;
    shrink->chunk = (interventions(&shrink->best) + 1) / 2;
    return true;
}

/* Leaves in shrink->best what is left of the schedule. */
static void shrink_all(const struct test *test)
{
    struct outcome ignored;

    do {
        if (!child_run(shrink_job, test, &ignored))
            return;
        if (shrink->trying)
            judge_attempt(shared->failed, &shared->outcome);
    } while (!shared->finished);
}

/* ----------------------------------------------------------------------------------- telling */

/* Its buffer is here from the beginning: the code under test may leave none to be had. */
static FILE *story_stream(void)
{
    static char buffer[BUFSIZ];
    FILE *stream = fmemopen(shared->story, sizeof shared->story, "w");

    if (stream)
        setvbuf(stream, buffer, _IOFBF, sizeof buffer);
    return stream;
}

static void story_job(const struct test *test)
{
    struct plan plan = shared->plan;

    plan.strategy = PLAN_REPLAY;
    script = &shrink->best;
    story_start(story_stream());
    child_schedule(test, &plan);
}

/* Whatever the last run says is told, if it failed in the same way: by then names and places are
 * known. */
static void take_story(struct outcome *outcome)
{
    char seed[MAX_SEED];

    if (!shared->failed || !fails_alike(&shared->outcome))
        return;
    memcpy(seed, outcome->seed, sizeof seed);
    *outcome = shared->outcome;
    memcpy(outcome->seed, seed, sizeof seed);
    outcome->story = *shared->story ? shared->story : NULL;
}

void tell(const struct test *test, struct outcome *outcome)
{
    struct outcome ignored;
    struct plan plan = shared->plan;

    *outcome = shared->outcome;
    outcome->story = NULL;
    if (outcome->verdict == VERDICT_NOT_IMPLEMENTED || outcome->verdict == VERDICT_ENVIRONMENT)
        return;
    if (!shrink_prepare(outcome))
        return;
    if (shrink->limit)
        shrink_all(test);
    script = &shrink->best;
    plan.suspect = unwritten_block(test, &plan);
    shared->plan = plan;
    seed_write(outcome->seed, sizeof outcome->seed, &plan, &shrink->best);
    memset(&shared->outcome, 0, sizeof shared->outcome);
    memcpy(shared->outcome.seed, outcome->seed, sizeof outcome->seed);
    if (child_run(story_job, test, &ignored))
        take_story(outcome);
    munmap(shrink, sizeof *shrink);
}
