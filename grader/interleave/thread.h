/* thread.h - threads start, end, and are waited for: what <threads.h>, suite.h and the schedule's own
 * beginning share with pthread_create and its like. call: the name in messages. */
#pragma once

#include "run.h"

#include <unistd.h>

/* A new thread, not yet started; NULL if there are too many at once. */
struct thread *thread_new(void);

/* Makes it start in entry. */
void thread_prepare(struct thread *thread, void (*entry)(void));

/* The submission is about to start one. May it fail, as allocations do? Fails the test where there are too many. */
bool thread_start_fails(uintptr_t pc);

int thread_create(unsigned long *handle, const char *name, void *(*body)(void *),
                  int (*body_c11)(void *), void *arg, bool detached, uintptr_t pc);
int thread_join(unsigned long handle, void **result, const char *call, uintptr_t pc);

/* The same, but a thread that was stopped is not waited for. False: it was. */
bool thread_join_unless_stopped(unsigned long handle, const char *call, uintptr_t pc);
int thread_detach(unsigned long handle, const char *call, uintptr_t pc);

/* The thread with that handle, also one that has ended; fails if there never was one. */
struct thread *thread_of(unsigned long handle, const char *call, uintptr_t pc);

/* By what number the system would know self: gettid. */
static inline pid_t thread_system_id(void)
{
    return getpid() + (pid_t)self->id;
}

/* Self's end. */
_Noreturn void thread_leave(void *result);

/* Fails if self ends now, and holds a lock. */
void thread_check_locks(void);
