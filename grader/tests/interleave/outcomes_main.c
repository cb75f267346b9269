/* outcomes_main.c - which outcomes the scheduler shows of litmus tests, held against those that are listed:
 *
 *     outcomes [SCHEDULES [SKIP_WEAK]] < litmus.txt
 *
 * A line of it is `BITS PROGRAM : OUTCOMES`, see litmus.py. Each program is searched by DPOR, with so many
 * schedules at most. What differs is printed, and at the end how many did. */
#include "../../interleave/arena.h"
#include "../../interleave/choices.h"
#include "../../interleave/dpor.h"
#include "../../interleave/fail.h"
#include "../../interleave/schedule.h"
#include "../../interleave/strategy.h"

#include "../../../exercises/todo.h"
#include "outcomes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct test *const __start_suite_tests[];

_Noreturn void todo_reached(const char *function)
{
    (void)function;
    abort();
}

static _Noreturn void refuse(const char *why, const char *line)
{
    fprintf(stderr, "%s: %s\n", why, line);
    exit(2);
}

/* ---------------------------------------------------------------------------------- the program */

static struct litmus program;
const struct litmus *litmus = &program;
static const char place_names[] = "xyzde", digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";

uint64_t spread(unsigned value)
{
    return value * UINT64_C(0x0101010101010101);
}

unsigned unspread(uint64_t value)
{
    return value & 0xff;
}

static uint8_t digit(char c, const char *among)
{
    const char *found = strchr(among, c);

    if (!found || !c)
        refuse("no such place or number", &c);
    return (uint8_t)(found - among);
}

/* Wx1. Rya Fs Xx2b Ax1. Ox1. Cx01s. (expected, wanted) ?1 */
static struct instruction read_instruction(const char *word)
{
    struct instruction i = {.op = word[0]};

    if (i.op == 'F')
        i.order = word[1];
    else if (i.op == '?')
        i.value = digit(word[1], digits);
    else {
        i.place = digit(word[1], place_names);
        word += 2;
        if (i.op == 'C' || i.op == 'c')
            i.wanted = digit(*word++, digits);
        if (i.op != 'R')
            i.value = digit(*word++, digits);
        i.order = *word++;
        i.failure = i.op == 'C' || i.op == 'c' ? *word : '-';
    }
    return i;
}

static unsigned registers_of(const struct instruction *i)
{
    return i->op == 'C' || i->op == 'c' ? 2 : i->op != 'W' && i->op != 'F' && i->op != '?';
}

static void read_program(char *text)
{
    memset(&program, 0, sizeof program);
    program.threads = 1;
    program.bits = (unsigned)strtoul(text, &text, 10);
    for (char *word = strtok(text, " "); word; word = strtok(NULL, " ")) {
        unsigned t = program.threads - 1;
        if (*word == '|')
            program.threads++;
        else
            program.code[t][program.length[t]++] = read_instruction(word);
        if (program.threads > MOST_THREADS || program.length[t] == MOST_STEPS_EACH)
            refuse("too long", word);
    }
}

static bool has(const char *ops)
{
    for (unsigned t = 0; t < program.threads; t++)
        for (unsigned i = 0; i < program.length[t]; i++)
            if (strchr(ops, program.code[t][i].op))
                return true;
    return false;
}

/* ---------------------------------------------------------------------------------- outcomes */

enum { MOST_OUTCOMES = 4096, LONGEST = 48 };
struct outcomes {
    unsigned n;
    char of[MOST_OUTCOMES][LONGEST];
};

static struct outcomes listed, found;
static uint64_t registers[MOST_THREADS][MOST_REGISTERS], places[ATOMIC_PLACES];

static bool is_among(const struct outcomes *outcomes, const char *outcome)
{
    for (unsigned i = 0; i < outcomes->n; i++)
        if (strcmp(outcomes->of[i], outcome) == 0)
            return true;
    return false;
}

static void add(struct outcomes *outcomes, const char *outcome)
{
    if (is_among(outcomes, outcome))
        return;
    if (outcomes->n == MOST_OUTCOMES || strlen(outcome) >= LONGEST)
        refuse("too many outcomes", outcome);
    strcpy(outcomes->of[outcomes->n++], outcome);
}

void keep_registers(unsigned thread, const uint64_t read[], unsigned n)
{
    for (unsigned i = 0; i < MOST_REGISTERS; i++)
        registers[thread][i] = i < n ? read[i] : 0;
}

void keep_place(unsigned place, uint64_t value)
{
    places[place] = value;
}

/* The values read, thread by thread, and what the atomic places hold in the end. */
static void add_found(void)
{
    char outcome[LONGEST];
    unsigned n = 0, of_thread[MOST_THREADS] = {0};

    for (unsigned t = 0; t < program.threads; t++) {
        for (unsigned i = 0; i < program.length[t]; i++)
            of_thread[t] += registers_of(&program.code[t][i]);
        for (unsigned r = 0; r < of_thread[t]; r++)
            outcome[n++] = digits[unspread(registers[t][r]) % 36];
    }
    outcome[n++] = '/';
    for (unsigned place = 0; place < ATOMIC_PLACES; place++)
        outcome[n++] = digits[unspread(places[place]) % 36];
    outcome[n] = '\0';
    add(&found, outcome);
}

/* ---------------------------------------------------------------------------------- the search */

/* True: all executions were run, or one has a race. */
static bool search(unsigned long schedules, bool *races)
{
    struct plan plan = {.strategy = PLAN_DPOR, .draws_events = true};
    struct outcome outcome;

    *races = false;
    found.n = 0;
    dpor_start();
    do {
        taken->n = 0;
        if (!schedule_run(__start_suite_tests[0], &plan, &outcome)) {
            *races = outcome.verdict == VERDICT_RACE;
            if (!*races)
                refuse(outcome.message, "");
            return true;
        }
        if (!schedule_was_abandoned())
            add_found();
        plan.index++;
        if (!schedules--)
            return false;
    } while (dpor_next());
    return !dpor_left_out();
}

/* ------------------------------------------------------------------------------------- main */

static unsigned tests, equal, forbidden, incomplete, cut, wrong_races;
static unsigned long run_in_all;

static void tell_rest(const struct outcomes *of, const struct outcomes *without)
{
    for (unsigned i = 0; i < of->n; i++)
        if (!is_among(without, of->of[i]))
            printf(" %s", of->of[i]);
}

static unsigned beyond(const struct outcomes *of, const struct outcomes *without)
{
    unsigned n = 0;

    for (unsigned i = 0; i < of->n; i++)
        n += !is_among(without, of->of[i]);
    return n;
}

static void compare(const char *line, bool complete, bool races, bool should_race)
{
    unsigned more = beyond(&found, &listed), fewer = beyond(&listed, &found);

    tests++;
    if (races != should_race) {
        wrong_races++;
        printf("%s: %s\n", line, races ? "a race that is none" : "the race is not found");
        return;
    }
    if (races || (!more && !fewer)) {
        equal++;
        return;
    }
    forbidden += more > 0;
    incomplete += fewer > 0;
    cut += fewer > 0 && !complete;
    printf("%s:", line);
    printf(more ? " forbidden" : "");
    tell_rest(&found, &listed);
    printf(fewer ? " not shown" : "");
    tell_rest(&listed, &found);
    printf(complete ? "\n" : " (too many schedules)\n");
}

/* OUTCOMES: those it can have, after a + those for which a weak exchange fails without cause; or `race`. */
static bool read_outcomes(char *text, bool with_weak)
{
    listed.n = 0;
    for (char *word = strtok(text, " \n"); word; word = strtok(NULL, " \n")) {
        if (strcmp(word, "race") == 0)
            return true;
        if (strcmp(word, "+") == 0 && !with_weak)
            break;
        if (*word != '+')
            add(&listed, word);
    }
    return false;
}

static void try_line(char *line, unsigned long schedules, bool with_weak)
{
    char program_text[256], *colon = strchr(line, ':');
    bool races;

    if (!colon || (size_t)(colon - line) >= sizeof program_text)
        refuse("no outcomes", line);
    *colon = '\0';
    strcpy(program_text, line);
    read_program(program_text);
    bool should_race = read_outcomes(colon + 1, with_weak || !has("c"));
    bool complete = search(schedules, &races);
    run_in_all += complete;
    compare(line, complete, races, should_race);
}

int main(int argc, char *argv[])
{
    static char line[1 << 18];
    unsigned long schedules = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000;

    taken = reserve(sizeof *taken);
    script = reserve(sizeof *script);
    if (!taken || !script || !schedule_prepare())
        return 3;
    while (fgets(line, sizeof line, stdin))
        if (*line != '#')
            try_line(line, schedules, argc <= 2);
    printf("%u tests: %u equal, %u show what is forbidden, %u do not show all (%u of them have too "
           "many schedules), "
           "%u are wrong about a race\n",
           tests, equal, forbidden, incomplete, cut, wrong_races);
    return forbidden || wrong_races;
}
