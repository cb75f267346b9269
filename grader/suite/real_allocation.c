/* real_allocation.c - see real_allocation.h. */
#include "real_allocation.h"

#include "runtime.h"

#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>

static atomic_size_t asked_for; /* allocations of this run */
/* Threads started in this run. They fail in turn too, but don't count. */
static atomic_size_t starts;
static atomic_size_t fail_at; /* 0: none */
static atomic_bool has_failed;

void allocation_begin_run(void)
{
    atomic_store(&asked_for, 0);
    atomic_store(&starts, 0);
    atomic_store(&has_failed, false);
}

void allocation_fail(size_t k)
{
    atomic_store(&fail_at, k);
}

bool allocation_has_failed(void)
{
    return atomic_load(&has_failed);
}

size_t allocations(void)
{
    return atomic_load(&asked_for);
}

/* Counts one and says whether it is the one that fails. */
static bool fails(atomic_size_t *counter)
{
    atomic_fetch_add(counter, 1);
    if (atomic_load(&asked_for) + atomic_load(&starts) != atomic_load(&fail_at))
        return false;
    if (atomic_exchange(&has_failed, true))
        return false;
    errno = ENOMEM;
    return true;
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

void *suite_malloc(size_t size);
void *suite_calloc(size_t n, size_t size);
void *suite_realloc(void *block, size_t size);
void *suite_reallocarray(void *block, size_t n, size_t size);
void *suite_aligned_alloc(size_t alignment, size_t size);
int suite_posix_memalign(void **block, size_t alignment, size_t size);
void *suite_memalign(size_t alignment, size_t size);
void *suite_valloc(size_t size);
char *suite_strdup(const char *text);
char *suite_strndup(const char *text, size_t size);
void suite_free(void *block);
int suite_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *),
                         void *arg);
int suite_thrd_create(thrd_t *thread, thrd_start_t body, void *arg);

void *suite_malloc(size_t size)
{
    return fails(&asked_for) ? NULL : malloc(size);
}

void *suite_calloc(size_t n, size_t size)
{
    return fails(&asked_for) ? NULL : calloc(n, size);
}

void *suite_realloc(void *block, size_t size)
{
    return fails(&asked_for) ? NULL : realloc(block, size);
}

void *suite_reallocarray(void *block, size_t n, size_t size)
{
    return fails(&asked_for) ? NULL : reallocarray(block, n, size);
}

void *suite_aligned_alloc(size_t alignment, size_t size)
{
    return fails(&asked_for) ? NULL : aligned_alloc(alignment, size);
}

int suite_posix_memalign(void **block, size_t alignment, size_t size)
{
    return fails(&asked_for) ? ENOMEM : posix_memalign(block, alignment, size);
}

void *suite_memalign(size_t alignment, size_t size)
{
    return fails(&asked_for) ? NULL : memalign(alignment, size);
}

void *suite_valloc(size_t size)
{
    return fails(&asked_for) ? NULL : valloc(size);
}

char *suite_strdup(const char *text)
{
    return fails(&asked_for) ? NULL : strdup(text);
}

char *suite_strndup(const char *text, size_t size)
{
    return fails(&asked_for) ? NULL : strndup(text, size);
}

void suite_free(void *block)
{
    free(block);
}

int suite_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *),
                         void *arg)
{
    return fails(&starts) ? EAGAIN : pthread_create(thread, attributes, body, arg);
}

int suite_thrd_create(thrd_t *thread, thrd_start_t body, void *arg)
{
    return fails(&starts) ? thrd_nomem : thrd_create(thread, body, arg);
}
