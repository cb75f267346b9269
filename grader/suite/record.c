/* record.c - writes the completion record of a test: one line of JSON.
 *
 * Scenarios run in child processes, and with them the code under test. What makes a record believed is
 * therefore the parent's alone: a child finds neither nonce nor descriptor, and can't look for them in
 * the parent's memory. */
#include "runtime.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

static char nonce[64];
static int descriptor = -1;
static double begun;

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void forget_in_the_child(void)
{
    explicit_bzero(nonce, sizeof nonce);
    close(descriptor);
    descriptor = -1;
    prctl(PR_SET_DUMPABLE, 1); /* debuggers and the leak check may look at it */
}

void record_prepare(void)
{
    const char *number = getenv("SUITE_RECORD");

    descriptor = number ? atoi(number) : fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    if (number && pread(descriptor, nonce, sizeof nonce - 1, 0) > 0 && ftruncate(descriptor, 0) != 0)
        explicit_bzero(nonce, sizeof nonce); /* it can't be taken out of the file: no record is believed */
    if (getenv("SUITE_GUARDED"))
        prctl(PR_SET_DUMPABLE, 0);
}

void record_begin(void)
{
    begun = seconds();
    pthread_atfork(NULL, NULL, forget_in_the_child);
}

/* A JSON string. Bytes that are not ASCII are written as they are, except that what isn't UTF-8 can't
 * come up: every text here is the kit's own or from a source file the grader has checked. */
static void write_string(FILE *out, const char *key, const char *value)
{
    fprintf(out, ",\"%s\":\"", key);
    for (const unsigned char *c = (const unsigned char *)value; *c; c++) {
        if (*c == '"' || *c == '\\')
            fprintf(out, "\\%c", *c);
        else if (*c < 0x20)
            fprintf(out, "\\u%04x", *c);
        else
            fputc(*c, out);
    }
    fputc('"', out);
}

/* A story may be laid out in lines; a record is one. No JSON string holds a bare line end. */
static void write_story(FILE *out, const char *story)
{
    fprintf(out, ",\"story\":");
    for (const char *c = story ? story : "null"; *c; c++)
        fputc(*c == '\n' ? ' ' : *c, out);
    fprintf(out, "}\n");
}

static void write_outcome(FILE *out, const struct test *test, const struct outcome *o)
{
    fprintf(out, "{\"schema\":1");
    write_string(out, "nonce", nonce);
    write_string(out, "test", test->name);
    write_string(out, "runtime", runtime_name);
    write_string(out, "verdict", verdict_names[o->verdict]);
    write_string(out, "message", o->message);
    write_string(out, "rule", o->rule);
    write_string(out, "call", o->call);
    write_string(out, "expected", o->expected);
    write_string(out, "got", o->got);
    write_string(out, "file", o->file);
    fprintf(out, ",\"line\":%d,\"pc\":\"0x%lx\"", o->line, (unsigned long)o->pc);
    write_string(out, "seed", o->seed);
    fprintf(out, ",\"schedules\":%lu,\"exhaustive\":%s,\"preemption_bound\":%u", o->schedules,
            o->exhaustive ? "true" : "false", o->preemption_bound);
    write_string(out, "hint", test->options.hint ? test->options.hint : "");
    fprintf(out, ",\"seconds\":%.3f", seconds() - begun);
    write_story(out, o->story);
}

void record_write(const struct test *test, const struct outcome *outcome)
{
    FILE *out = fdopen(descriptor, "w");

    if (!out)
        return; /* no record: the grader says so */
    write_outcome(out, test, outcome);
    fclose(out);
}
