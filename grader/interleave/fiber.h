/* fiber.h - stacks that are switched by hand: the threads of a scenario.
 *
 * All fibers run on the one OS thread of the process. A switch saves what the calling convention
 * says a call preserves, and nothing else; and the thread pointer, where fibers have one each. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__) || defined(__aarch64__)
#define FIBERS_HAVE_LOCALS 1
struct fiber {
    void *stack_pointer;
    void *
        thread_pointer; /* its thread-local variables are found by that; NULL: no fiber has its own */
};
#else
#include <ucontext.h>
#define FIBERS_HAVE_LOCALS 0
struct fiber {
    ucontext_t context;
    void *thread_pointer; /* not changed */
};
#endif

/* Of one that was left: what lies below on its stack is no more. 0: not known. */
uintptr_t fiber_stack_pointer(const struct fiber *fiber);

/* That of the running code. */
void *fiber_thread_pointer(void);

/* Makes fiber start in entry, which must not return, on the stack [stack, stack + size). */
void fiber_prepare(struct fiber *fiber, void *stack, size_t size, void (*entry)(void));

/* Leaves the running fiber, which from becomes, and goes on where to was left. */
void fiber_switch(struct fiber *from, const struct fiber *to);
