/* check.c - what the check macros of suite.h call: compare, and tell a difference in words. */
#include "runtime.h"

#include <stdio.h>
#include <string.h>

const char *const channel_status_names[] = {
    "CHANNEL_OK",      "CHANNEL_CLOSED",    "CHANNEL_EMPTY",   "CHANNEL_FULL",
    "CHANNEL_TIMEOUT", "CHANNEL_NO_MEMORY", "CHANNEL_INVALID", NULL};

static void copy(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", from ? from : "");
}

_Noreturn void check_failed(const char *file, int line, const char *rule, const char *call,
                            const char *expected, const char *got)
{
    struct outcome outcome = {.verdict = VERDICT_FAILED, .line = line};

    copy(outcome.file, sizeof outcome.file, file);
    copy(outcome.rule, sizeof outcome.rule, rule);
    copy(outcome.call, sizeof outcome.call, call);
    copy(outcome.expected, sizeof outcome.expected, expected);
    copy(outcome.got, sizeof outcome.got, got);
    snprintf(outcome.message, sizeof outcome.message, "%s is %s, not %s.", call, got, expected);
    end_scenario(&outcome);
}

/* The name of a value, or its number when the enum has no such value. */
static const char *name_of(int value, const char *const names[], char *buffer, size_t size)
{
    for (int i = 0; names[i]; i++)
        if (i == value)
            return names[i];
    snprintf(buffer, size, "%d (no value of the enum)", value);
    return buffer;
}

int check_status_at(const char *file, int line, const char *rule, const char *call, int got,
                    const char *const names[], const int expected[], size_t n)
{
    char wanted[160] = "";
    char number[40], result[40];

    for (size_t i = 0; i < n; i++)
        if (got == expected[i])
            return got;
    for (size_t i = 0; i < n; i++) {
        size_t used = strlen(wanted);
        snprintf(wanted + used, sizeof wanted - used, "%s%s", i ? " or " : "",
                 name_of(expected[i], names, number, sizeof number));
    }
    check_failed(file, line, rule, call, wanted, name_of(got, names, result, sizeof result));
}

void check_equal_at(const char *file, int line, const char *rule, const char *call,
                    long long actual, long long expected)
{
    char wanted[40], got[40];

    if (actual == expected)
        return;
    snprintf(wanted, sizeof wanted, "%lld", expected);
    snprintf(got, sizeof got, "%lld", actual);
    check_failed(file, line, rule, call, wanted, got);
}

/* Says whether a pointer is NULL, never its address: a story must not depend on addresses. */
static const char *pointer_in_words(const void *pointer, const char *other)
{
    return pointer ? other : "NULL";
}

void check_pointer_at(const char *file, int line, const char *rule, const char *call,
                      const void *actual, const void *expected)
{
    if (actual == expected)
        return;
    check_failed(file, line, rule, call, pointer_in_words(expected, "the same pointer"),
                 pointer_in_words(actual, "another pointer"));
}

void check_bytes_at(const char *file, int line, const char *rule, const char *call,
                    const void *actual, const void *expected, size_t size)
{
    const unsigned char *a = actual, *e = expected;
    char wanted[60], got[60];

    for (size_t i = 0; i < size; i++)
        if (a[i] != e[i]) {
            snprintf(wanted, sizeof wanted, "0x%02x in byte %zu of %zu", e[i], i, size);
            snprintf(got, sizeof got, "0x%02x", a[i]);
            check_failed(file, line, rule, call, wanted, got);
        }
}
