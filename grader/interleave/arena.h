/* arena.h - the address space of a scenario: the stacks of its threads, then its heap; and the
 * program's thread-local variables. */
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
int stack_guard_hit(uintptr_t address);

/* The program's thread-local variables are one area of the OS thread: swapped with the fibers. */
extern struct locals {
    char *area;
    const char *image;
    size_t size, image_size;
    char *copies;
} locals;
void thread_locals_begin(struct thread *thread);
void thread_locals_swap(const struct thread *from, const struct thread *to);
