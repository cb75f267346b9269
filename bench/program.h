/* program.h - what the measuring programs share. */
#pragma once

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static inline double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static inline void report(double seconds, long messages, long bytes)
{
    printf("%.9f %ld %ld\n", seconds, messages, bytes);
}

static inline void fail(const char *why)
{
    fprintf(stderr, "%s\n", why);
    exit(1);
}

/* How much memory of its own this process has, code and files left out. (/proc/self/statm knows only all of it.) */
static inline long resident_bytes(void)
{
    char line[128];
    long kilobytes = -1;
    FILE *rollup = fopen("/proc/self/smaps_rollup", "r");

    while (rollup && kilobytes < 0 && fgets(line, sizeof line, rollup))
        sscanf(line, "Anonymous: %ld", &kilobytes);
    if (kilobytes < 0)
        fail("no /proc/self/smaps_rollup");
    fclose(rollup);
    return kilobytes * 1024;
}

/* When what the allocator holds back, and nobody uses, is with the system again. */
static inline long resident_bytes_at_last(void)
{
#ifdef __GLIBC__
    malloc_trim(0);
#endif
    return resident_bytes();
}
