/* arena.h - the address space of a scenario: the stacks of its threads, each with the thread-local variables
 * above it, then its heap. */
#pragma once

#include "run.h"

extern uintptr_t arena, arena_size;      /* the stacks, then the heap */
extern uintptr_t heap_start, heap_limit; /* all that can be handed out */

/* A big area of the address space that costs nothing until used; NULL if there is none. */
void *reserve(size_t size);

/* Maps it. False: the machine won't give the address space. */
bool arena_map(void);

/* Stack of slot number `thread`, and whether an address is in a guard page of one (-1: no, else the
 * thread). */
void *stack_of(unsigned thread, size_t *size);
static inline bool is_on_stack(uintptr_t address)
{
    return address - arena < MAX_THREADS * STACK_SIZE;
}
int stack_guard_hit(uintptr_t address);

/* A thread's own copy of what is round the thread pointer: the program's thread-local variables, libc's,
 * and libc's description of the thread. It lies above the stack; there is none if the program has no such
 * variables. thread_locals_begin makes it as new, and returns its thread pointer. */
void *thread_locals_begin(const struct thread *thread);

/* The program's variables in it; 0 bytes: none. */
uintptr_t thread_locals(unsigned thread, size_t *size);
