/* record.c - writes the completion record of a test: one line of JSON. */
#include "runtime.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
    const char *nonce = getenv("SUITE_NONCE");

    fprintf(out, "{\"schema\":1");
    write_string(out, "nonce", nonce ? nonce : "");
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
    write_story(out, o->story);
}

void record_write(const struct test *test, const struct outcome *outcome)
{
    const char *number = getenv("SUITE_RECORD");
    FILE *out = fdopen(dup(number ? atoi(number) : STDOUT_FILENO), "w");

    if (!out)
        return; /* no record: the grader says so */
    write_outcome(out, test, outcome);
    fclose(out);
}
