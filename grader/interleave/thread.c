/* thread.c - pthread_create and its like: see thread.h. */
#include "thread.h"

#include "arena.h"
#include "fail.h"
#include "heap.h"
#include "keys.h"
#include "memory.h"
#include "mutex.h"
#include "object.h"
#include "scheduler.h"
#include "story.h"
#include "strategy.h"
#include "../suite/stand_in.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

/* -------------------------------------------------------------------------------- start and end */

/* The slot of a thread all others know the end of. */
static struct thread *used_slot(void)
{
    for (unsigned t = 0; t < MAX_THREADS; t++) {
        struct thread *old = &run.threads[t];
        if (old->state == THREAD_ENDED && (old->joined || old->detached))
            return old;
    }
    return NULL;
}

/* Such a slot, or one that nobody has used in this schedule. */
static struct thread *free_slot(void)
{
    if (run.thread_count < MAX_THREADS) {
        struct thread *fresh = &run.threads[run.thread_count];
        memset(fresh, 0, offsetof(struct thread, clock));
        fresh->id = run.thread_count++;
        clock_clear(&fresh->clock);
        for (unsigned t = 0; t < run.thread_count; t++) {
            vector_extend(&run.threads[t].clock.by_c11, run.thread_count, 0);
            vector_extend(&run.threads[t].past, run.thread_count, 0);
        }
        return fresh;
    }
    struct thread *old = used_slot();
    if (old) {
        unsigned id = old->id;
        memset(old, 0, offsetof(struct thread, clock));
        old->id = id;
    }
    return old;
}

bool thread_start_fails(uintptr_t pc)
{
    if (run.thread_count == MAX_THREADS && !used_slot() && !run.test->options.is_a_program)
        fail_too_many_threads(pc);
    return allocation_fails(true, pc);
}

struct thread *thread_new(void)
{
    struct thread *thread = free_slot();

    if (!thread)
        return NULL;
    uint32_t now = *own_clock(thread);
    if (self)
        clock_copy(&thread->clock, &self->clock);
    *own_clock(thread) = now + 1;
    clock_clear(&thread->acquire_pending);
    thread->past.threads = 0;
    vector_extend(&thread->past, run.thread_count, 0);
    thread->name = "";
    thread->deadline = FOREVER;
    thread->depth = 0;
    thread->own = object_new(OBJECT_THREAD, 0);
    thread->handle = ++run.started;
    return thread;
}

void thread_check_locks(void)
{
    if (self->locks_held)
        mutexes_outlive();
    if (self->locks_held)
        fail(VERDICT_MISUSE, self->call_pc, "%s ends while it holds a lock.", thread_name(self));
}

_Noreturn void thread_leave(void *result)
{
    keys_run_destructors();
    thread_check_locks();
    memory_frames_are_gone(UINTPTR_MAX, self->call_pc);
    story_event("ends", story_object(self->own), 0, "ends");
    self->result = result;
    step(self->own, true, 0);
    release(&self->own->clock);
    step_last();
}

static void thread_entry(void)
{
    strategy_orders(self->own);
    void *result =
        self->body_c11 ? (void *)(intptr_t)self->body_c11(self->arg) : self->body(self->arg);

    thread_leave(result);
}

void thread_prepare(struct thread *thread, void (*entry)(void))
{
    size_t size;
    char *stack = stack_of(thread->id, &size);

    memset(stack + size - STACK_CLEAN, 0xa5, STACK_CLEAN);
    fiber_prepare(&thread->fiber, stack, size, entry);
    thread->fiber.thread_pointer = thread_locals_begin(thread);
    uintptr_t locals = thread_locals(thread->id, &size);
    memory_fresh(locals, size);
    thread->state = THREAD_LIVE;
    run.live++;
}

static void thread_start(struct thread *thread)
{
    thread_prepare(thread, thread_entry);
    made_progress();
}

/* ------------------------------------------------------------------------------ create and join */

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
    thread->signals_blocked = self->signals_blocked;
    thread->created_at = pc;
    thread->own->pc = pc;
    memory_access((uintptr_t)handle, sizeof *handle, WRITE, pc);
    *handle = thread->handle;
    ++*own_clock(self); /* what self does from here on is not known to the new thread */
    thread_start(thread);
    strategy_orders(thread->own);
    story_event("create", story_object(thread->own), pc, "starts {t%u}", thread->id);
    return 0;
}

struct thread *thread_of(unsigned long handle, const char *call, uintptr_t pc)
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
    struct thread *thread = thread_of(handle, call, pc);

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

bool thread_join_unless_stopped(unsigned long handle, const char *call, uintptr_t pc)
{
    struct thread *thread = to_be_joined(handle, call, pc);

    wait_for_end(thread, has_ended_or_stopped, call, pc);
    if (thread->stopped)
        return false;
    thread->joined = true;
    acquire(&thread->own->clock);
    return true;
}

/* ------------------------------------------------------------------------------ pthread's calls */

static bool is_detached(const pthread_attr_t *attributes)
{
    int state = PTHREAD_CREATE_JOINABLE;

    if (attributes)
        pthread_attr_getdetachstate(attributes, &state);
    return state == PTHREAD_CREATE_DETACHED;
}

STAND_IN(int, pthread_create, pthread_t *thread, const pthread_attr_t *attributes,
         void *(*body)(void *), void *arg)
{
    if (thread_start_fails(CALLER))
        return EAGAIN;
    return thread_create(thread, "", body, NULL, arg, is_detached(attributes), CALLER);
}

/* What pthread_create is in a suite: no start of the submission, so never one that fails. */
STAND_IN_AS(suite_own_pthread_create, int, pthread_create, pthread_t *thread,
            const pthread_attr_t *attributes, void *(*body)(void *), void *arg)
{
    return thread_create(thread, "", body, NULL, arg, is_detached(attributes), CALLER);
}

STAND_IN(int, pthread_join, pthread_t thread, void **result)
{
    return thread_join(thread, result, "pthread_join", CALLER);
}

STAND_IN(int, pthread_detach, pthread_t thread)
{
    return thread_detach(thread, "pthread_detach", CALLER);
}

STAND_IN(pthread_t, pthread_self, void)
{
    return self->handle;
}

STAND_IN(int, pthread_equal, pthread_t a, pthread_t b)
{
    return a == b;
}

STAND_IN(_Noreturn void, pthread_exit, void *result)
{
    if (self->id == 0)
        fail(VERDICT_EXITED_EARLY, CALLER,
             "pthread_exit is called in the thread of the test itself.");
    thread_leave(result);
}

STAND_IN(int, sched_yield, void)
{
    yield_step(CALLER);
    return 0;
}

STAND_IN_AS(suite_pthread_yield, int, sched_yield, void)
{
    yield_step(CALLER);
    return 0;
}

/* ---------------------------------------------------------------- what makes no difference here */

STAND_IN(int, pthread_setname_np, pthread_t thread, const char *name)
{
    (void)thread;
    (void)name;
    return 0;
}

STAND_IN(int, pthread_setcancelstate, int state, int *before)
{
    (void)state;
    if (before)
        *before = PTHREAD_CANCEL_ENABLE;
    return 0;
}

STAND_IN(int, pthread_setcanceltype, int type, int *before)
{
    (void)type;
    if (before)
        *before = PTHREAD_CANCEL_DEFERRED;
    return 0;
}

STAND_IN(void, pthread_testcancel, void)
{
}

STAND_IN(int, pthread_setconcurrency, int level)
{
    (void)level;
    return 0;
}

STAND_IN(int, pthread_setschedparam, pthread_t thread, int policy, const struct sched_param *param)
{
    (void)thread;
    (void)policy;
    (void)param;
    return 0;
}

STAND_IN(int, pthread_getschedparam, pthread_t thread, int *policy, struct sched_param *param)
{
    (void)thread;
    memory_access((uintptr_t)policy, sizeof *policy, WRITE, CALLER);
    memory_access((uintptr_t)param, sizeof *param, WRITE, CALLER);
    *policy = SCHED_OTHER;
    *param = (struct sched_param){0};
    return 0;
}

STAND_IN(int, pthread_setschedprio, pthread_t thread, int priority)
{
    (void)thread;
    (void)priority;
    return 0;
}

STAND_IN(int, pthread_setaffinity_np, pthread_t thread, size_t size, const cpu_set_t *processors)
{
    (void)thread;
    (void)size;
    (void)processors;
    return 0;
}

/* Nobody forks. */
STAND_IN(int, pthread_atfork, void (*before)(void), void (*parent)(void), void (*child)(void))
{
    (void)before;
    (void)parent;
    (void)child;
    return 0;
}

STAND_IN(int, sched_getcpu, void)
{
    return 0;
}

STAND_IN(pid_t, gettid, void)
{
    return thread_system_id();
}
