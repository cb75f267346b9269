/* main.c - the main of every suite.
 *
 *   suite --list        the tests' names, one a line, in the order of the file
 *   suite NAME...       runs these tests through cmocka, one after the other as long as they pass, and writes
 *                       a completion record of each (record.c); exits with 0 if all passed, 1 after the
 *                       first that did not, 2 if there is one that is not listed
 *
 * What a test runs of the code under test it runs in child processes of its own: this one stays as it began. */
#include "runtime.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* The linker gathers what TEST puts into this section. */
extern const struct test *const __start_suite_tests[], *const __stop_suite_tests[];

_Noreturn void todo_reached(const char *function)
{
    struct outcome outcome = {.verdict = VERDICT_NOT_IMPLEMENTED};

    snprintf(outcome.message, sizeof outcome.message, "not implemented yet: %s", function);
    snprintf(outcome.facts.function, sizeof outcome.facts.function, "%s", function);
    end_scenario(&outcome);
}

/* cmocka catches the signals of a crash. The sanitizers and the runtime report them, and the
 * scenario runs in their processes, so a test gets back the handlers the process began with. */
enum { CRASH_SIGNALS = 4 };
static const int crash_signals[CRASH_SIGNALS] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
static struct sigaction crash_handlers[CRASH_SIGNALS];

static void save_handlers(void)
{
    for (int i = 0; i < CRASH_SIGNALS; i++)
        sigaction(crash_signals[i], NULL, &crash_handlers[i]);
}

static void restore_handlers(void)
{
    for (int i = 0; i < CRASH_SIGNALS; i++)
        sigaction(crash_signals[i], &crash_handlers[i], NULL);
}

static void run_scenario(void **state)
{
    const struct test *test = *state;
    static struct outcome outcome; /* static: cmocka's fail jumps out of here */

    restore_handlers();
    if (test->options.family)
        test->options.family->begin(test);
    explore(test, &outcome);
    if (test->options.family && outcome.verdict != VERDICT_PASSED)
        test->options.family->tell(test, &outcome);
    record_write(test, &outcome);
    if (outcome.verdict != VERDICT_PASSED)
        fail_msg("%s: %s", verdict_name(outcome.verdict), outcome.message);
}

/* What is drawn comes last: a test written by hand tells its mistake more plainly. */
static int by_line(const void *a, const void *b)
{
    const struct test *x = *(const struct test *const *)a, *y = *(const struct test *const *)b;

    if (!x->options.family != !y->options.family)
        return x->options.family ? 1 : -1;
    return (x->line > y->line) - (x->line < y->line);
}

static int list_tests(void)
{
    size_t n = (size_t)(__stop_suite_tests - __start_suite_tests);
    const struct test **tests = malloc(n * sizeof *tests);

    if (!tests)
        return 2;
    memcpy(tests, __start_suite_tests, n * sizeof *tests);
    qsort(tests, n, sizeof *tests, by_line);
    for (size_t i = 0; i < n; i++)
        puts(tests[i]->name);
    free(tests);
    return 0;
}

static const struct test *find_test(const char *name)
{
    for (const struct test *const *test = __start_suite_tests; test < __stop_suite_tests; test++)
        if (strcmp((*test)->name, name) == 0)
            return *test;
    return NULL;
}

static bool passes(const struct test *test)
{
    struct CMUnitTest tests[] = {
        {.name = test->name, .test_func = run_scenario, .initial_state = (void *)(uintptr_t)test}};

    return cmocka_run_group_tests(tests, NULL, NULL) == 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--list") == 0)
        return list_tests();

    bool all_listed = argc > 1;
    for (int i = 1; i < argc; i++)
        all_listed = all_listed && find_test(argv[i]);
    if (!all_listed) {
        fprintf(stderr, "usage: %s --list | NAME... (of those listed)\n", argv[0]);
        return 2;
    }
    record_prepare(argc > 2);
    save_handlers();
    bool good = true;
    for (int i = 1; i < argc && good; i++)
        good = passes(find_test(argv[i]));
    fflush(NULL);
    _exit(good ? 0 : 1); /* no leak report for what cmocka's jump left behind */
}
