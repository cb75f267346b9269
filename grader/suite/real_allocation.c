/* real_allocation.c - see real_allocation.h. */
#include "real_allocation.h"

#include "runtime.h"
#include "stand_in.h"

#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>

static atomic_size_t asked_for; /* allocations of this run */
/* Threads started in this run, and what lacks_memory was asked for. They fail in turn too, but don't count. */
static atomic_size_t starts;
static atomic_size_t fail_at; /* 0: none */
static size_t at_most;        /* succeed in this run; 0: all may */
static atomic_bool has_failed;
static atomic_bool is_out;                 /* all fail */
static thread_local size_t asked_for_here; /* in all runs */

void allocation_begin_run(size_t most)
{
    at_most = most;
    atomic_store(&asked_for, 0);
    atomic_store(&starts, 0);
    atomic_store(&has_failed, false);
    atomic_store(&is_out, false);
}

void allocation_fail(size_t k)
{
    atomic_store(&fail_at, k);
}

bool allocation_has_failed(void)
{
    return atomic_load(&has_failed);
}

void memory_runs_out(bool on)
{
    atomic_store(&is_out, on);
}

size_t allocations(void)
{
    return atomic_load(&asked_for);
}

size_t own_allocations(void)
{
    return asked_for_here;
}

/* Counts one and says whether it is the one that fails. */
static bool fails(atomic_size_t *counter)
{
    atomic_fetch_add(counter, 1);
    asked_for_here += counter == &asked_for;
    bool is_due = atomic_load(&asked_for) + atomic_load(&starts) == atomic_load(&fail_at) &&
                  !atomic_exchange(&has_failed, true);
    bool is_short = counter == &asked_for && atomic_load(&is_out);
    if (!is_due && !is_short && (!at_most || atomic_load(&asked_for) <= at_most))
        return false;
    errno = ENOMEM;
    return true;
}

bool lacks_memory(void)
{
    return fails(&starts);
}

void *allocate(size_t size)
{
    void *block = malloc(size ? size : 1);

    if (!block)
        end_scenario(&(struct outcome){.verdict = VERDICT_ENVIRONMENT,
                                       .message = "The machine is out of memory."});
    return block;
}

/* ------------------------------------------------------------------------ what is stood in */

STAND_IN(void *, malloc, size_t size)
{
    return fails(&asked_for) ? NULL : malloc(size);
}

STAND_IN(void *, calloc, size_t n, size_t size)
{
    return fails(&asked_for) ? NULL : calloc(n, size);
}

STAND_IN(void *, realloc, void *block, size_t size)
{
    return fails(&asked_for) ? NULL : realloc(block, size);
}

STAND_IN(void *, reallocarray, void *block, size_t n, size_t size)
{
    return fails(&asked_for) ? NULL : reallocarray(block, n, size);
}

STAND_IN(void *, aligned_alloc, size_t alignment, size_t size)
{
    return fails(&asked_for) ? NULL : aligned_alloc(alignment, size);
}

STAND_IN(int, posix_memalign, void **block, size_t alignment, size_t size)
{
    return fails(&asked_for) ? ENOMEM : posix_memalign(block, alignment, size);
}

STAND_IN(void *, memalign, size_t alignment, size_t size)
{
    return fails(&asked_for) ? NULL : memalign(alignment, size);
}

STAND_IN(void *, valloc, size_t size)
{
    return fails(&asked_for) ? NULL : valloc(size);
}

STAND_IN(char *, strdup, const char *text)
{
    return fails(&asked_for) ? NULL : strdup(text);
}

STAND_IN(char *, strndup, const char *text, size_t size)
{
    return fails(&asked_for) ? NULL : strndup(text, size);
}

STAND_IN(void, free, void *block)
{
    free(block);
}

STAND_IN(int, pthread_create, pthread_t *thread, const pthread_attr_t *attributes,
         void *(*body)(void *), void *arg)
{
    return fails(&starts) ? EAGAIN : pthread_create(thread, attributes, body, arg);
}

STAND_IN(int, thrd_create, thrd_t *thread, thrd_start_t body, void *arg)
{
    return fails(&starts) ? thrd_nomem : thrd_create(thread, body, arg);
}
