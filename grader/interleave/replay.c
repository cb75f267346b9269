/* replay.c - a schedule is written down, read back, shrunk, and told.
 *
 * x[flags]-G-G.C-... is the choices that are not 0: G choices of 0, then C (1 if left out), all in
 * base 36.
 *
 * mix[flags]-SEED-INDEX is the schedule of that number, of that strategy and seed.
 *
 * Flags: u, unlock is a step; aK., the Kth allocation fails; tT.K., thread T is stopped at its Kth
 * step. */
#include "explore.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { MAX_ATTEMPTS = 400, LONG_SCHEDULE = 20000, ATTEMPTS_IF_LONG = 12 };

struct script *script;

static const char *const names[] = {
    [PLAN_MIX] = "mix", [PLAN_RANDOM] = "random", [PLAN_PCT] = "pct",
    [PLAN_POS] = "pos", [PLAN_DFS] = "dfs",       [PLAN_REPLAY] = "x"};

/* ------------------------------------------------------------------------------------ seeds */

static size_t write_flags(char *text, size_t size, const struct plan *plan)
{
    size_t used = (size_t)snprintf(text, size, "%s%s", names[plan->strategy],
                                   plan->unlock_is_step ? "u" : "");

    if (plan->fail_at)
        used += (size_t)snprintf(text + used, size - used, "a%u.", plan->fail_at);
    if (plan->stop_step)
        used += (size_t)snprintf(text + used, size - used, "t%u.%u.", plan->stop_thread,
                                 plan->stop_step);
    return used;
}

static size_t write_base_36(char *text, unsigned number)
{
    char digits[8];
    size_t n = 0;

    do
        digits[n++] = "0123456789abcdefghijklmnopqrstuvwxyz"[number % 36];
    while (number /= 36);
    for (size_t i = 0; i < n; i++)
        text[i] = digits[n - 1 - i];
    return n;
}

/* False: it does not fit. */
static bool write_choices(char *text, size_t size, const struct script *choices)
{
    unsigned zeros = 0;
    size_t used = 0;

    if (choices->n > MAX_CHOICES)
        return false;
    for (unsigned i = 0; i < choices->n; i++) {
        if (!choices->choices[i]) {
            zeros++;
            continue;
        }
        if (used + 20 > size)
            return false;
        text[used++] = '-';
        used += write_base_36(text + used, zeros);
        if (choices->choices[i] > 1) {
            text[used++] = '.';
            used += write_base_36(text + used, choices->choices[i]);
        }
        zeros = 0;
    }
    if (!used)
        text[used++] = '-';
    text[used] = '\0';
    return true;
}

void seed_write(char *text, size_t size, const struct plan *plan, const struct script *choices)
{
    struct plan replay = *plan;

    replay.strategy = PLAN_REPLAY;
    size_t used = write_flags(text, size, &replay);
    if (write_choices(text + used, size - used, choices))
        return;
    used = write_flags(text, size, plan);
    snprintf(text + used, size - used, "-%llu-%lu", (unsigned long long)plan->seed, plan->index);
}

static bool read_choices(const char *text, struct script *choices)
{
    choices->n = 0;
    while (*text == '-' && text[1]) {
        char *end;
        unsigned long zeros = strtoul(text + 1, &end, 36), choice = 1;
        if (*end == '.')
            choice = strtoul(end + 1, &end, 36);
        if (end == text + 1 || choices->n + zeros + 1 > MAX_CHOICES)
            return false;
        memset(choices->choices + choices->n, 0, zeros);
        choices->n += (unsigned)zeros;
        choices->choices[choices->n++] = (uint8_t)choice;
        text = end;
    }
    return *text == '\0' || strcmp(text, "-") == 0;
}

static const char *read_flags(const char *text, struct plan *plan)
{
    char *end = (char *)(uintptr_t)text;

    for (; *end && *end != '-'; end += *end == '.') {
        if (*end == 'u') {
            plan->unlock_is_step = true;
            end++;
        } else if (*end == 'a') {
            plan->fail_at = (unsigned)strtoul(end + 1, &end, 10);
        } else if (*end == 't') {
            plan->stop_thread = (unsigned)strtoul(end + 1, &end, 10);
            plan->stop_step = *end == '.' ? (unsigned)strtoul(end + 1, &end, 10) : 0;
        } else {
            return NULL;
        }
    }
    return end;
}

bool seed_read(const char *text, struct plan *plan, struct script *choices)
{
    unsigned long long seed;

    for (int i = PLAN_MIX; i <= PLAN_REPLAY; i++) {
        size_t length = strlen(names[i]);
        if (strncmp(text, names[i], length))
            continue;
        plan->strategy = i;
        plan->index = 0;
        text = read_flags(text + length, plan);
        if (!text)
            return false;
        if (i == PLAN_REPLAY)
            return read_choices(text, choices);
        if (sscanf(text, "-%llu-%lu", &seed, &plan->index) != 2)
            return false;
        plan->seed = seed;
        return true;
    }
    return false;
}

/* --------------------------------------------------------------------------------- shrinking */

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
    memcpy(to->choices, from->choices, to->n);
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
    shrink->limit = shared->watchdog || shared->plan.strategy == PLAN_REPLAY ? 0
                    : shared->steps > LONG_SCHEDULE                          ? ATTEMPTS_IF_LONG
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

static void story_job(const struct test *test)
{
    struct plan plan = shared->plan;

    plan.strategy = PLAN_REPLAY;
    script = &shrink->best;
    story_start();
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
    outcome->story = malloc(shared->story_size + 1);
    if (outcome->story)
        memcpy(outcome->story, shared->story, shared->story_size + 1);
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
    shrink_all(test);
    shared->plan = plan;
    seed_write(outcome->seed, sizeof outcome->seed, &plan, &shrink->best);
    memset(&shared->outcome, 0, sizeof shared->outcome);
    memcpy(shared->outcome.seed, outcome->seed, sizeof outcome->seed);
    if (child_run(story_job, test, &ignored))
        take_story(outcome);
    munmap(shrink, sizeof *shrink);
}
