/* thread.c - pthread_create and its like, thread-specific keys, and the thread calls of suite.h. */
#include "memory.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

enum { SETTLE_SECONDS = 10, MAX_DESTRUCTOR_ROUNDS = 4 };

/* ------------------------------------------------------------------------- create and join */

int thread_create(unsigned long *handle, const char *name, void *(*body)(void *),
                  int (*body_c11)(void *), void *arg, bool detached, uintptr_t pc)
{
    struct thread *thread = thread_new();

    if (!thread)
        fail(VERDICT_ENVIRONMENT, pc, "More than %d threads at once: the check can't follow that.",
             MAX_THREADS);
    thread->name = name;
    thread->body = body;
    thread->body_c11 = body_c11;
    thread->start = body ? (uintptr_t)body : (uintptr_t)body_c11;
    thread->arg = arg;
    thread->detached = detached;
    thread->created_at = pc;
    thread->own->pc = pc;
    memory_access((uintptr_t)handle, sizeof *handle, WRITE, pc);
    *handle = thread->handle;
    self->clock.at[self->id]++; /* what self does from here on is not known to the new thread */
    thread_start(thread);
    story_event("create", story_object(thread->own), pc, "starts {t%u}", thread->id);
    return 0;
}

static struct thread *find_thread(unsigned long handle, const char *call, uintptr_t pc)
{
    for (unsigned t = 0; t < run.thread_count; t++)
        if (run.threads[t].handle == handle && run.threads[t].state != THREAD_UNUSED)
            return &run.threads[t];
    fail(VERDICT_MISUSE, pc, "%s is called by %s for a thread that does not exist.", call,
         thread_name(self));
}

static bool has_ended(const struct thread *thread)
{
    return thread->joining->state == THREAD_ENDED;
}

static bool has_ended_or_stopped(const struct thread *thread)
{
    return is_over(thread->joining);
}

static struct thread *to_be_joined(unsigned long handle, const char *call, uintptr_t pc)
{
    struct thread *thread = find_thread(handle, call, pc);

    if (thread->joined || thread->detached)
        fail(VERDICT_MISUSE, pc, "%s is called by %s for %s, which was %s before.", call,
             thread_name(self), thread_name(thread), thread->joined ? "joined" : "detached");
    return thread;
}

static void wait_for_end(struct thread *thread, bool (*ready)(const struct thread *),
                         const char *call, uintptr_t pc)
{
    self->joining = thread;
    step_when(ready, thread->own, call, pc);
    self->joining = NULL;
}

int thread_join(unsigned long handle, void **result, const char *call, uintptr_t pc)
{
    struct thread *thread = to_be_joined(handle, call, pc);

    if (thread == self)
        return EDEADLK;
    wait_for_end(thread, has_ended, call, pc);
    to_be_joined(handle, call, pc); /* somebody else may have been faster */
    thread->joined = true;
    acquire(&thread->own->clock);
    if (result) {
        memory_access((uintptr_t)result, sizeof *result, WRITE, pc);
        *result = thread->result;
    }
    story_event("join", story_object(thread->own), pc, "sees that {t%u} has ended", thread->id);
    return 0;
}

int thread_detach(unsigned long handle, const char *call, uintptr_t pc)
{
    struct thread *thread = to_be_joined(handle, call, pc);

    thread->detached = true;
    story_event("detach", story_object(thread->own), pc, "detaches {t%u}", thread->id);
    return 0;
}

int suite_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *),
                         void *arg);
int suite_own_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                             void *(*body)(void *), void *arg);
int suite_pthread_join(pthread_t thread, void **result);
int suite_pthread_detach(pthread_t thread);
pthread_t suite_pthread_self(void);
int suite_pthread_equal(pthread_t a, pthread_t b);
_Noreturn void suite_pthread_exit(void *result);
int suite_pthread_yield(void);
int suite_sched_yield(void);

static bool is_detached(const pthread_attr_t *attributes)
{
    int state = PTHREAD_CREATE_JOINABLE;

    if (attributes)
        pthread_attr_getdetachstate(attributes, &state);
    return state == PTHREAD_CREATE_DETACHED;
}

int suite_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *),
                         void *arg)
{
    if (allocation_fails(true, CALLER))
        return EAGAIN;
    return thread_create(thread, "", body, NULL, arg, is_detached(attributes), CALLER);
}

/* What pthread_create is in a suite: no start of the submission, so never one that fails. */
int suite_own_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                             void *(*body)(void *), void *arg)
{
    return thread_create(thread, "", body, NULL, arg, is_detached(attributes), CALLER);
}

int suite_pthread_join(pthread_t thread, void **result)
{
    return thread_join(thread, result, "pthread_join", CALLER);
}

int suite_pthread_detach(pthread_t thread)
{
    return thread_detach(thread, "pthread_detach", CALLER);
}

pthread_t suite_pthread_self(void)
{
    return self->handle;
}

int suite_pthread_equal(pthread_t a, pthread_t b)
{
    return a == b;
}

_Noreturn void suite_pthread_exit(void *result)
{
    if (self->id == 0)
        fail(VERDICT_EXITED_EARLY, CALLER,
             "pthread_exit is called in the thread of the test itself.");
    thread_leave(result);
}

int suite_sched_yield(void)
{
    yield_step(CALLER);
    return 0;
}

int suite_pthread_yield(void)
{
    yield_step(CALLER);
    return 0;
}

/* -------------------------------------------------------------------------------------- keys */

static struct {
    void (*destructor)(void *);
    bool used;
} keys[MAX_KEYS];

int key_create(unsigned *key, void (*destructor)(void *))
{
    for (unsigned k = 0; k < MAX_KEYS; k++)
        if (!keys[k].used) {
            keys[k].used = true;
            keys[k].destructor = destructor;
            *key = k;
            for (unsigned t = 0; t < run.thread_count; t++)
                run.threads[t].key_values[k] = NULL;
            return 0;
        }
    return EAGAIN;
}

void keys_begin(void)
{
    memset(keys, 0, sizeof keys);
}

void thread_run_destructors(void)
{
    bool again = true;

    for (unsigned round = 0; again && round < MAX_DESTRUCTOR_ROUNDS; round++) {
        again = false;
        for (unsigned k = 0; k < MAX_KEYS; k++) {
            void *value = (void *)(uintptr_t)self->key_values[k];
            self->key_values[k] = NULL;
            if (!value || !keys[k].used || !keys[k].destructor)
                continue;
            keys[k].destructor(value);
            again = true;
        }
    }
}

int suite_pthread_key_create(pthread_key_t *key, void (*destructor)(void *));
int suite_pthread_key_delete(pthread_key_t key);
void *suite_pthread_getspecific(pthread_key_t key);
int suite_pthread_setspecific(pthread_key_t key, const void *value);

int suite_pthread_key_create(pthread_key_t *key, void (*destructor)(void *))
{
    memory_access((uintptr_t)key, sizeof *key, WRITE, CALLER);
    return key_create(key, destructor);
}

int suite_pthread_key_delete(pthread_key_t key)
{
    if (key >= MAX_KEYS || !keys[key].used)
        return EINVAL;
    keys[key].used = false;
    return 0;
}

void *suite_pthread_getspecific(pthread_key_t key)
{
    return key < MAX_KEYS ? (void *)(uintptr_t)self->key_values[key] : NULL;
}

int suite_pthread_setspecific(pthread_key_t key, const void *value)
{
    if (key >= MAX_KEYS || !keys[key].used)
        return EINVAL;
    self->key_values[key] = value;
    return 0;
}

/* ---------------------------------------------------------------------------------- suite.h */

pthread_t spawn_named(const char *name, void *(*body)(void *), void *arg)
{
    unsigned long handle;

    thread_create(&handle, name, body, NULL, arg, false, CALLER);
    return handle;
}

void *join(pthread_t thread)
{
    void *result = NULL;

    thread_join(thread, &result, "join", CALLER);
    return result;
}

bool join_unless_stopped(pthread_t handle)
{
    struct thread *thread = to_be_joined(handle, "join_unless_stopped", CALLER);

    wait_for_end(thread, has_ended_or_stopped, "join_unless_stopped", CALLER);
    if (thread->stopped)
        return false;
    thread->joined = true;
    acquire(&thread->own->clock);
    return true;
}

void may_stop(bool on)
{
    self->may_stop = on;
}

size_t settle(void)
{
    sleep_through(SETTLE_SECONDS, CALLER);
    return run.live - 1;
}

size_t naps(void)
{
    size_t naps = self->naps;

    self->naps = 0;
    return naps;
}

void hold_others(bool on)
{
    story_event("hold_others", 0, CALLER,
                on ? "lets no other thread go on" : "lets the others go on");
    for (unsigned t = 0; t < run.thread_count; t++)
        run.threads[t].held = on && &run.threads[t] != self;
    made_progress();
}

/* --------------------------------------------------------------- what makes no difference here */

int suite_pthread_setname_np(pthread_t thread, const char *name);
int suite_pthread_setcancelstate(int state, int *before);
int suite_pthread_setcanceltype(int type, int *before);
void suite_pthread_testcancel(void);
int suite_pthread_setconcurrency(int level);

int suite_pthread_setname_np(pthread_t thread, const char *name)
{
    (void)thread;
    (void)name;
    return 0;
}

int suite_pthread_setcancelstate(int state, int *before)
{
    (void)state;
    if (before)
        *before = PTHREAD_CANCEL_ENABLE;
    return 0;
}

int suite_pthread_setcanceltype(int type, int *before)
{
    (void)type;
    if (before)
        *before = PTHREAD_CANCEL_DEFERRED;
    return 0;
}

void suite_pthread_testcancel(void)
{
}

int suite_pthread_setconcurrency(int level)
{
    (void)level;
    return 0;
}
