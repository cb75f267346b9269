/* record.c - writes the completion record of a test: one line of JSON.
 *
 * Scenarios run in child processes, and with them the code under test. What makes a record believed is
 * therefore the parent's alone: a child finds neither nonce nor descriptor, and can't look for them in
 * the parent's memory. */
#include "json.h"
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
static FILE *out;
static char buffer[BUFSIZ]; /* of out: each record goes through it, and none stays */
static bool is_timed;
static double begun; /* the test that runs */

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

void record_prepare(bool timed)
{
    const char *number = getenv("SUITE_RECORD");

    descriptor = number ? atoi(number) : fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    if (number && pread(descriptor, nonce, sizeof nonce - 1, 0) > 0 &&
        ftruncate(descriptor, 0) != 0)
        explicit_bzero(nonce, sizeof nonce); /* it stays in the file: no record is believed */
    if (getenv("SUITE_GUARDED"))
        prctl(PR_SET_DUMPABLE, 0);
    pthread_atfork(NULL, NULL, forget_in_the_child);
    out = fdopen(descriptor, "w");
    if (out)
        setvbuf(out, buffer, _IOFBF, sizeof buffer);
    is_timed = timed;
    begun = seconds();
}

static void write_string(const char *key, const char *value)
{
    fprintf(out, ",\"%s\":", key);
    json_string(out, value);
}

static void write_facts(const struct facts *facts)
{
    fprintf(out,
            ",\"facts\":{\"all_asleep\":%s,\"stopped\":", facts->all_asleep ? "true" : "false");
    if (facts->stopped)
        fprintf(out, "%u", facts->stopped_thread);
    else
        fprintf(out, "null");
    fprintf(out, ",\"wild_pointer\":%s", facts->wild_pointer ? "true" : "false");
    fprintf(out, ",\"too_many_threads\":%s", facts->too_many_threads ? "true" : "false");
    write_string("function", facts->function);
    fprintf(out, "}");
}

static void write_outcome(const struct test *test, const struct outcome *o)
{
    fprintf(out, "{\"schema\":1");
    write_string("nonce", nonce);
    write_string("test", test->name);
    write_string("runtime", runtime_name);
    write_string("verdict", verdict_name(o->verdict));
    write_string("message", o->message);
    write_string("rule", o->rule);
    write_string("call", o->call);
    write_string("expected", o->expected);
    write_string("got", o->got);
    write_string("calls", o->calls);
    write_string("file", o->file);
    fprintf(out, ",\"line\":%d,\"pc\":\"0x%lx\"", o->line, (unsigned long)o->pc);
    write_facts(&o->facts);
    write_string("seed", o->seed);
    fprintf(out, ",\"schedules\":%lu,\"exhaustive\":%s,\"preemption_bound\":%u", o->schedules,
            o->exhaustive ? "true" : "false", o->preemption_bound);
    write_string("hint", test->options.hint ? test->options.hint : "");
    if (is_timed)
        fprintf(out, ",\"seconds\":%.3f", seconds() - begun);
    fprintf(out, ",\"story\":%s}\n", o->story ? o->story : "null");
}

void record_write(const struct test *test, const struct outcome *outcome)
{
    if (!out)
        return; /* no record: the grader says so */
    write_outcome(test, outcome);
    fflush(out);
    explicit_bzero(buffer, sizeof buffer);
    begun = seconds();
}
