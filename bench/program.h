/* program.h - what the measuring programs share. */
#pragma once

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

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

/* How much memory of this process is really there. */
static inline long resident_bytes(void)
{
    long pages = 0;
    FILE *statm = fopen("/proc/self/statm", "r");

    if (!statm || fscanf(statm, "%*s %ld", &pages) != 1)
        fail("no /proc/self/statm");
    fclose(statm);
    return pages * sysconf(_SC_PAGESIZE);
}

/* When what the allocator holds back, and nobody uses, is with the system again. */
static inline long resident_bytes_at_last(void)
{
#ifdef __GLIBC__
    malloc_trim(0);
#endif
    return resident_bytes();
}
