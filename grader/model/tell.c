/* tell.c - what no order of the calls explains, in words; and a scenario that fails, made smaller. */
#include "scenarios.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { DEFAULT_SEED = 1, TRIES = 300, ROWS = 16, WORDS = 80 };

static const char *const thread_names[THREADS] = {"the test", "A", "B", "C", "D", "E"};

struct current *current;

/* -------------------------------------------------------------------------------- in words */

static void describe(const struct contract *contract, const struct call *call, char *made,
                     char *answer)
{
    char arguments[WORDS] = "";

    answer[0] = '\0';
    contract->describe(call, arguments, answer, WORDS);
    snprintf(made, WORDS, "%s(%.40s)", contract->kinds[call->kind].name, arguments);
    if (!call->returned)
        snprintf(answer, WORDS, "has not returned");
}

/* How many calls alike a thread has made from that one on, and nobody else in between; 1: not so many. */
static unsigned repeated(const struct history *history, unsigned first)
{
    const struct call *call = &history->calls[first];
    unsigned n = 1;

    while (first + n < history->n && call[n].kind == call->kind && call[n].thread == call->thread &&
           call[n].object == call->object && call[n].status == call->status &&
           call[n].began == call[n - 1].returned + 1)
        n++;
    return n > ROWS ? n : 1;
}

/* The first of the last rows. */
static unsigned first_told(const struct history *history)
{
    unsigned starts[ROWS], rows = 0;

    for (unsigned i = 0; i < history->n; i += repeated(history, i))
        starts[rows++ % ROWS] = i;
    return rows ? starts[rows < ROWS ? 0 : rows % ROWS] : 0;
}

void tell_calls(const struct contract *contract, const struct history *history, unsigned objects,
                char *text, size_t size)
{
    size_t used = 0;

    text[0] = '\0';
    for (unsigned i = first_told(history), alike; i < history->n; i += alike) {
        const struct call *call = &history->calls[i];
        char made[WORDS], answer[WORDS], row[4 * WORDS], end[12] = "", times[16] = "";
        describe(contract, call, made, answer);
        alike = repeated(history, i);
        if (call->returned)
            snprintf(end, sizeof end, "%u", call[alike - 1].returned);
        if (alike > 1)
            snprintf(times, sizeof times, "%u x ", alike);
        int n = snprintf(row, sizeof row, "%3u-%-4s%-9s%s%s%-34s %s\n", call->began, end,
                         thread_names[call->thread],
                         objects < 2    ? ""
                         : call->object ? "two "
                                        : "one ",
                         times, made, answer);
        if (used + (size_t)n < size)
            memcpy(text + used, row, (size_t)n + 1), used += (size_t)n;
    }
}

static const char *by(const struct call *call)
{
    static char text[2][24];
    static unsigned next;
    char *words = text[next++ % 2];

    snprintf(words, sizeof text[0], call->thread ? "of thread %s" : "of %s",
             thread_names[call->thread]);
    return words;
}

_Noreturn void tell_call(const struct contract *contract, const struct call *call, const char *rule,
                         const char *format, ...)
{
    struct outcome outcome = {.verdict = VERDICT_FAILED};
    char made[WORDS], answer[WORDS];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(outcome.message, sizeof outcome.message, format, arguments);
    va_end(arguments);
    snprintf(outcome.rule, sizeof outcome.rule, "%s", rule);
    if (call) {
        describe(contract, call, made, answer);
        snprintf(outcome.call, sizeof outcome.call, "%s", made);
    }
    end_scenario(&outcome);
}

/* -------------------------------------------------------------- what is not to be explained */

struct question {
    const struct contract *contract;
    struct history *history;
    const struct setup *setups;
    unsigned objects;
};

static bool holds(const struct question *q, unsigned until)
{
    return linearizable(q->contract, q->history, q->setups, q->objects, until);
}

/* The first call to return that can't be explained by what had begun until then; NULL: there is none. */
static struct call *first_unexplained(const struct question *q)
{
    struct call *last = NULL;

    for (unsigned moment = 1;; moment++) {
        struct call *call = NULL;
        for (unsigned i = 0; i < q->history->n; i++)
            if (q->history->calls[i].returned >= moment &&
                (!call || q->history->calls[i].returned < call->returned))
                call = &q->history->calls[i];
        if (!call || !holds(q, call->returned))
            return call ? call : last;
        moment = call->returned;
    }
}

/* The answers that could be explained instead; "" if there is none. */
static void explained_answers(const struct question *q, struct call *call, char *text, size_t size)
{
    struct call was = *call;
    size_t used = 0;

    text[0] = '\0';
    call->value = ANY;
    call->got_no_memory = false;
    for (int status = 0; status < STATUSES; status++) {
        call->status = status;
        if (!q->contract->kinds[call->kind].rules[status] || !holds(q, call->returned))
            continue;
        used += (size_t)snprintf(text + used, size - used, "%s%s%s", used ? " or " : "",
                                 q->contract->status_names[status],
                                 status == was.status ? " with another value" : "");
        used = used < size ? used : size - 1;
    }
    *call = was;
}

/* The call that had returned before this one began, but for which its answer could be explained; NULL. */
static const struct call *too_late_for(const struct question *q, struct call *call)
{
    unsigned after = call->after, last = after + 1;
    const struct call *found = NULL;

    while (!found) {
        const struct call *before = NULL;
        for (unsigned i = 0; i < q->history->n; i++) {
            const struct call *other = &q->history->calls[i];
            if (other->returned && other->returned < last &&
                (!before || other->returned > before->returned))
                before = other;
        }
        if (!before)
            break;
        last = before->returned;
        call->after = last - 1;
        found = holds(q, call->returned) ? before : NULL;
    }
    call->after = after;
    return found;
}

static _Noreturn void tell_sleeper(const struct question *q, const struct call *call)
{
    struct outcome outcome = {.verdict = VERDICT_DEADLOCK};
    const char *sleeps = q->contract->kinds[call->kind].sleeps;
    char made[WORDS], answer[WORDS];

    describe(q->contract, call, made, answer);
    snprintf(outcome.message, sizeof outcome.message,
             "%s %s still sleeps when nothing moves any more, and no order of the other calls "
             "explains that it "
             "has to: nobody has woken it.",
             made, by(call));
    snprintf(outcome.rule, sizeof outcome.rule, "%s", sleeps ? sleeps : "It never sleeps.");
    snprintf(outcome.call, sizeof outcome.call, "%s", made);
    end_scenario(&outcome);
}

/* What began after it has returned can't explain it, and is not told. */
static void forget_later_calls(struct history *history, const struct call *call)
{
    while (history->begun && history->calls[history->begun - 1].began > call->returned)
        history->begun--;
}

static _Noreturn void tell_answer(const struct question *q, struct call *call)
{
    struct outcome outcome = {.verdict = VERDICT_FAILED};
    const struct kind *kind = &q->contract->kinds[call->kind];
    const struct call *before = too_late_for(q, call);
    const char *rule =
        call->status >= 0 && call->status < STATUSES ? kind->rules[call->status] : NULL;
    char made[WORDS], answer[WORDS], other[WORDS], ignored[WORDS];

    describe(q->contract, call, made, answer);
    explained_answers(q, call, outcome.expected, sizeof outcome.expected);
    int used =
        snprintf(outcome.message, sizeof outcome.message,
                 "No order of these calls explains that %s %s says %s", made, by(call), answer);
    if (before) {
        describe(q->contract, before, other, ignored);
        used += snprintf(outcome.message + used, sizeof outcome.message - (size_t)used,
                         ": %s %s had returned before %s", other, by(before),
                         before->returned < call->began ? "it began" : "that time came");
    }
    snprintf(outcome.message + used, sizeof outcome.message - (size_t)used, ".");
    snprintf(outcome.rule, sizeof outcome.rule, "%s", rule ? rule : "It never says that.");
    snprintf(outcome.call, sizeof outcome.call, "%s", made);
    snprintf(outcome.got, sizeof outcome.got, "%s", answer);
    forget_later_calls(q->history, call);
    end_scenario(&outcome);
}

_Noreturn void tell_history(const struct contract *contract, struct history *history,
                            const struct setup *setups, unsigned objects)
{
    struct question q = {contract, history, setups, objects};
    struct call *call = first_unexplained(&q);

    if (call)
        tell_answer(&q, call);
    for (unsigned i = 0; i < history->n; i++) {
        struct call *sleeper = &history->calls[i], was = *sleeper;
        if (was.returned)
            continue;
        *sleeper = history->calls[--history->n]; /* is all well without it? */
        bool well = holds(&q, 0);
        history->calls[history->n++] = *sleeper;
        *sleeper = was;
        if (well)
            tell_sleeper(&q, sleeper);
    }
    for (unsigned i = 0;; i++)
        if (!history->calls[i].returned)
            tell_sleeper(&q, &history->calls[i]);
}

_Noreturn void tell_alone(const struct contract *contract, const struct call *call)
{
    struct outcome outcome = {.verdict = VERDICT_FAILED};
    const char *rule = call->status >= 0 && call->status < STATUSES
                           ? contract->kinds[call->kind].rules[call->status]
                           : NULL;
    char made[WORDS], answer[WORDS];

    describe(contract, call, made, answer);
    snprintf(outcome.message, sizeof outcome.message, "After the calls before it %s can't say %s.",
             made, answer);
    snprintf(outcome.rule, sizeof outcome.rule, "%s", rule ? rule : "It never says that.");
    snprintf(outcome.call, sizeof outcome.call, "%s", made);
    snprintf(outcome.got, sizeof outcome.got, "%s", answer);
    end_scenario(&outcome);
}

/* -------------------------------------------------------------------- one scenario of many */

static const struct generated *generated_of(const struct test *test)
{
    return (const struct generated *)(const void *)test->options.family;
}

static unsigned long number_in(const char *name, unsigned long otherwise)
{
    const char *text = getenv(name);

    return text && *text >= '0' && *text <= '9' ? strtoul(text, NULL, 10) : otherwise;
}

/* SEED=s12.5.x-2-5: scenario 12 without the first and the third call, and what explore() makes of the rest. */
static void take_scenario(const char *name)
{
    const char *text = getenv(name);
    char *rest;

    if (!text || *text != 's')
        return;
    current->is_fixed = true;
    current->number = (unsigned)strtoul(text + 1, &rest, 10);
    current->left_out = strtoull(rest + (*rest == '.'), &rest, 16);
    setenv(name, rest + (*rest == '.'), 1);
}

static void begin(void)
{
    if (!current)
        current =
            mmap(NULL, sizeof *current, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (current == MAP_FAILED)
        abort();
    memset(current, 0, sizeof *current);
    current->seed = number_in("SEED", DEFAULT_SEED);
    take_scenario("SEED");
    take_scenario("REPLAY");
}

static bool draw(const struct generated *generated)
{
    return generated->calls
               ? draw_alone(generated, current->seed, current->number, &current->scenario)
           : generated->times
               ? draw_repeated(generated, current->seed, current->number, &current->scenario)
               : draw_scenario(generated->contract, current->seed, current->number,
                               &current->scenario);
}

bool generated_next(const struct test *test)
{
    const struct generated *generated = generated_of(test);
    unsigned pairs = generated->calls || generated->times ? 0 : pair_count(generated->contract);
    unsigned end = pairs + (unsigned)number_in("SCENARIOS", generated->scenarios);

    if (current->is_fixed)
        return false;
    while (++current->number < end)
        if (draw(generated))
            return true;
    return false;
}

void generated_begin(const struct test *test)
{
    begin();
    const struct generated *generated = generated_of(test);
    if (generated->by_chance && !current->is_fixed)
        current->number = pair_count(generated->contract);
    if (!draw(generated))
        generated_next(test);
}

/* The story of what is told: explore's own stays only until it is called again. */
static void keep_story(struct outcome *outcome)
{
    static char *kept;

    if (!outcome->story || outcome->story == kept)
        return;
    char *copy = strdup(outcome->story);
    free(kept);
    outcome->story = kept = copy;
}

/* The same outcome of a smaller scenario is the one that is told. */
static void tell_table(const struct test *test, struct outcome *outcome)
{
    current->history.n = current->history.begun;
    tell_calls(generated_of(test)->contract, &current->history, current->scenario.objects,
               outcome->calls, sizeof outcome->calls);
}

static bool fails_without(const struct test *test, uint64_t calls, struct outcome *outcome)
{
    struct test often = *test;
    struct outcome smaller;

    keep_story(outcome);
    current->left_out = calls;
    often.options.schedules = TRIES;
    explore(&often, &smaller);
    if (smaller.verdict != outcome->verdict || strcmp(smaller.rule, outcome->rule) != 0)
        return false;
    smaller.schedules = outcome->schedules;
    *outcome = smaller;
    tell_table(test, outcome);
    return true;
}

static uint64_t calls_of_thread(unsigned thread)
{
    uint64_t calls = 0;

    for (unsigned i = 0; i < current->scenario.n; i++)
        if (current->scenario.calls[i].thread == thread)
            calls |= UINT64_C(1) << i;
    return calls;
}

static void make_smaller(const struct test *test, struct outcome *outcome)
{
    uint64_t left_out = current->left_out;

    for (unsigned t = THREADS; t--;) {
        uint64_t without = left_out | calls_of_thread(t);
        if (without != left_out && fails_without(test, without, outcome))
            left_out = without;
    }
    for (unsigned i = current->scenario.n; i--;) {
        uint64_t without = left_out | UINT64_C(1) << i;
        if (without != left_out && fails_without(test, without, outcome))
            left_out = without;
    }
    current->left_out = left_out;
}

void generated_tell(const struct test *test, struct outcome *outcome)
{
    char seed[sizeof outcome->seed];

    if (outcome->verdict == VERDICT_NOT_IMPLEMENTED || outcome->verdict == VERDICT_ENVIRONMENT)
        return;
    tell_table(test, outcome);
    if (!current->is_fixed && !generated_of(test)->calls &&
        strcmp(runtime_name, "interleave") == 0) {
        current->is_fixed = true;
        make_smaller(test, outcome);
    }
    memcpy(seed, outcome->seed, sizeof seed);
    snprintf(outcome->seed, sizeof outcome->seed, "s%u.%llx.%.170s", current->number,
             (unsigned long long)current->left_out, seed);
}
