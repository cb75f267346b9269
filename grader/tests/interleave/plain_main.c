/* plain_main.c - grader/suite/main.c without cmocka, for where there is none: a cross compiler. */
#include "runtime.h"

#include "../../../exercises/todo.h"

#include <stdio.h>
#include <string.h>

extern const struct test *const __start_suite_tests[], *const __stop_suite_tests[];

#define NAME(verdict, text) [VERDICT_##verdict] = text
const char *const verdict_names[VERDICT_COUNT] = {
    NAME(PASSED, "passed"),
    NAME(FAILED, "failed"),
    NAME(DEADLOCK, "deadlock"),
    NAME(RACE, "race"),
    NAME(LEAK, "leak"),
    NAME(USE_AFTER_FREE, "use_after_free"),
    NAME(MISUSE, "misuse"),
    NAME(NO_PROGRESS, "no_progress"),
    NAME(CRASHED, "crashed"),
    NAME(TIMEOUT, "timeout"),
    NAME(ENVIRONMENT, "environment"),
    NAME(EXITED_EARLY, "exited_early"),
    NAME(NOT_IMPLEMENTED, "not_implemented"),
};

_Noreturn void todo_reached(const char *function)
{
    struct outcome outcome = {.verdict = VERDICT_NOT_IMPLEMENTED};

    snprintf(outcome.message, sizeof outcome.message, "not implemented yet: %s", function);
    end_scenario(&outcome);
}

int main(int argc, char **argv)
{
    static struct outcome outcome;

    for (const struct test *const *test = __start_suite_tests; test < __stop_suite_tests; test++)
        if (argc == 2 && strcmp(argv[1], "--list") == 0) {
            puts((*test)->name);
        } else if (argc == 2 && strcmp(argv[1], (*test)->name) == 0) {
            record_prepare(false);
            explore(*test, &outcome);
            record_write(*test, &outcome);
        }
    return 0;
}
