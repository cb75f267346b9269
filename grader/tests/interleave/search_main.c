/* search_main.c - what a search finds: `search TEST SPURIOUS dpor|naive`. Naive is a search of its own,
 * here, without any reduction. Prints the complete schedules, those cut short, and the sum and number
 * of distinct classes of happens-before. */
#include "../../interleave/arena.h"
#include "../../interleave/choices.h"
#include "../../interleave/dpor.h"
#include "../../interleave/fail.h"
#include "../../interleave/object.h"
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

/* ------------------------------------------------------------------------------ naive search */

enum { MOST = 4096 };
static struct {
    unsigned chosen, n;
} way[MOST];
static unsigned length, at;
static bool naive;

static unsigned choose(unsigned n)
{
    if (at == MOST)
        abort();
    if (at == length) {
        way[length].chosen = 0;
        way[length++].n = n;
    }
    return way[at++].chosen;
}

static bool next_way(void)
{
    while (length && ++way[length - 1].chosen == way[length - 1].n)
        length--;
    return length;
}

/* ----------------------------------------------------- each thread's order at each object */

static uint64_t mix(uint64_t x)
{
    x ^= x >> 31;
    x *= UINT64_C(0x7fb5d329728ea185);
    x ^= x >> 27;
    x *= UINT64_C(0x81dadef4bc2dd44d);
    return x ^ x >> 33;
}

static struct seen {
    uintptr_t object;
    uint64_t order, reads; /* of the writes, and of the reads since the last one */
} seen[256];
static unsigned seen_count;
static uint64_t drawn[MAX_THREADS];

static uint64_t accesses[MAX_THREADS];

static void note(const struct object *object, bool writes)
{
    uintptr_t key = object->address ? object->address : (uintptr_t)object->kind;
    unsigned i = 0;
    uint64_t who = self ? mix(self->id * UINT64_C(1000003) + ++accesses[self->id]) : 0;

    if (object->kind == OBJECT_THREAD || !self)
        return;
    while (i < seen_count && seen[i].object != key)
        i++;
    if (i == seen_count)
        seen[seen_count++] = (struct seen){.object = key};
    if (writes) {
        seen[i].order = mix(seen[i].order + seen[i].reads) + who;
        seen[i].reads = 0;
    } else {
        seen[i].reads += who;
    }
}

static uint64_t class(void)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < seen_count; i++)
        sum += mix(mix(seen[i].object) + mix(seen[i].order + seen[i].reads));
    for (unsigned t = 0; t < MAX_THREADS; t++)
        sum += mix(drawn[t] + t);
    return sum;
}

static uint64_t *classes;
static size_t class_count, class_room;

static void keep_class(void)
{
    if (class_count == class_room) {
        class_room = class_room ? 2 * class_room : 1024;
        classes = realloc(classes, class_room * sizeof *classes);
        if (!classes)
            abort();
    }
    classes[class_count++] = class();
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* ---------------------------------------------------------------------- between scheduler and strategy */

unsigned __real_strategy_pick(const struct option options[], unsigned n, unsigned able,
                              bool continues);
unsigned __real_strategy_draw(unsigned n, bool costs);
void __real_strategy_touch(struct object *object, bool writes);
bool __real_strategy_chance(unsigned one_in);

unsigned __wrap_strategy_pick(const struct option options[], unsigned n, unsigned able,
                              bool continues);
unsigned __wrap_strategy_draw(unsigned n, bool costs);
void __wrap_strategy_touch(struct object *object, bool writes);
bool __wrap_strategy_chance(unsigned one_in);

unsigned __wrap_strategy_pick(const struct option options[], unsigned n, unsigned able,
                              bool continues)
{
    if (!naive)
        return __real_strategy_pick(options, n, able, continues);
    return n > 1 && !run.unexplored ? choose(n) : 0;
}

unsigned __wrap_strategy_draw(unsigned n, bool costs)
{
    if (n < 2 || run.unexplored)
        return 0;
    unsigned value = naive ? choose(n) : __real_strategy_draw(n, costs);
    if (self)
        drawn[self->id] = mix(drawn[self->id] * 7 + value + 1);
    return value;
}

bool __wrap_strategy_chance(unsigned one_in)
{
    (void)one_in;
    return __wrap_strategy_draw(2, true);
}

void __wrap_strategy_touch(struct object *object, bool writes)
{
    note(object, writes);
    if (naive)
        object_met(object, writes);
    else
        __real_strategy_touch(object, writes);
}

/* ------------------------------------------------------------------------------------- main */

static const struct test *find(const char *name)
{
    for (const struct test *const *test = __start_suite_tests; test < __stop_suite_tests; test++)
        if (strcmp((*test)->name, name) == 0)
            return *test;
    fprintf(stderr, "no test %s\n", name);
    exit(2);
}

static void search(const struct test *test, struct plan *plan)
{
    unsigned long complete = 0, cut = 0;
    struct outcome outcome;

    dpor_start();
    do {
        taken->n = at = seen_count = 0;
        memset(drawn, 0, sizeof drawn);
        memset(accesses, 0, sizeof accesses);
        if (!schedule_run(test, plan, &outcome)) {
            printf("%s\n", outcome.message);
            exit(1);
        }
        if (schedule_was_abandoned()) {
            cut++;
            continue;
        }
        complete++;
        keep_class();
    } while (naive ? next_way() : dpor_next());
    uint64_t sum = 0;
    size_t distinct = 0;
    qsort(classes, class_count, sizeof *classes, compare);
    for (size_t i = 0; i < class_count; i++)
        if (!i || classes[i] != classes[i - 1]) {
            sum = mix(sum + classes[i]);
            distinct++;
        }
    printf("%lu complete, %lu cut short, %zu classes %016llx%s\n", complete, cut, distinct,
           (unsigned long long)sum, !naive && dpor_left_out() ? ", some left out" : "");
}

static bool tries_a_lock(const struct test *test, struct plan plan)
{
    struct outcome outcome;

    plan.strategy = PLAN_REPLAY;
    schedule_run(test, &plan, &outcome);
    return run.tried_a_lock;
}

int main(int argc, char *argv[])
{
    taken = reserve(sizeof *taken);
    script = reserve(sizeof *script);
    if (argc != 4 || !taken || !script || !schedule_prepare())
        return 2;
    struct plan plan = {.strategy = PLAN_DPOR, .spurious = (unsigned)atoi(argv[2])};
    plan.draws_events = true;
    const struct test *test = find(argv[1]);
    plan.unlock_is_step = tries_a_lock(test, plan);
    naive = strcmp(argv[3], "naive") == 0;
    search(test, &plan);
    return 0;
}
