/* main.c - the main of every suite.
 *
 *   suite --list        the tests' names, one a line, in the order of the file
 *   suite NAME          runs that one test through cmocka, writes its completion record (record.c), and
 *                       exits with 0 if it passed, 1 if not, 2 if there is no such test
 *   suite NAME NAME...  runs one after the other as long as they pass, each in a child process as if it
 *                       were alone: exits with 0 if all passed, 1 after the first that did not
 *
 * One test a process: a test that crashes or hangs has a name and costs only itself. */
#include "runtime.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* The linker gathers what TEST puts into this section. */
extern const struct test *const __start_suite_tests[], *const __stop_suite_tests[];

const char *const verdict_names[VERDICT_COUNT] = {
    [VERDICT_PASSED] = "passed",
    [VERDICT_FAILED] = "failed",
    [VERDICT_DEADLOCK] = "deadlock",
    [VERDICT_RACE] = "race",
    [VERDICT_USE_AFTER_FREE] = "use_after_free",
    [VERDICT_LEAK] = "leak",
    [VERDICT_NO_PROGRESS] = "no_progress",
    [VERDICT_MISUSE] = "misuse",
    [VERDICT_CRASHED] = "crashed",
    [VERDICT_TIMEOUT] = "timeout",
    [VERDICT_EXITED_EARLY] = "exited_early",
    [VERDICT_NOT_IMPLEMENTED] = "not_implemented",
    [VERDICT_ENVIRONMENT] = "environment",
};

_Noreturn void todo_reached(const char *function)
{
    struct outcome outcome = {.verdict = VERDICT_NOT_IMPLEMENTED};

    snprintf(outcome.message, sizeof outcome.message, "not implemented yet: %s", function);
    end_scenario(&outcome);
}

/* cmocka catches the signals of a crash. They are the sanitizers' and the runtime's to tell of, in whose
 * processes the scenario runs, so a test gets back the handlers the process began with. */
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
    explore(test, &outcome);
    record_write(test, &outcome);
    if (outcome.verdict != VERDICT_PASSED)
        fail_msg("%s: %s", verdict_names[outcome.verdict], outcome.message);
}

static int by_line(const void *a, const void *b)
{
    const struct test *x = *(const struct test *const *)a, *y = *(const struct test *const *)b;

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

static _Noreturn void run_one(const struct test *test)
{
    struct CMUnitTest tests[] = {
        {.name = test->name, .test_func = run_scenario, .initial_state = (void *)(uintptr_t)test}};

    record_begin();
    save_handlers();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    fflush(NULL);
    _exit(failed ? 1 : 0); /* no leak report for what cmocka's jump left behind */
}

static bool passes_in_a_child(const struct test *test)
{
    int status = 0;
    pid_t child = fork();

    if (child == 0)
        run_one(test);
    while (child != -1 && waitpid(child, &status, 0) == -1 && errno == EINTR) {
    }
    return child != -1 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--list") == 0)
        return list_tests();

    bool all_known = argc > 1;
    for (int i = 1; i < argc; i++)
        all_known = all_known && find_test(argv[i]);
    if (!all_known) {
        fprintf(stderr, "usage: %s --list | NAME... (of those listed)\n", argv[0]);
        return 2;
    }
    record_prepare();
    if (argc == 2)
        run_one(find_test(argv[1]));
    for (int i = 1; i < argc; i++)
        if (!passes_in_a_child(find_test(argv[i])))
            _exit(1);
    _exit(0);
}
