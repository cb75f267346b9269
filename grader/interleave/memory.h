/* memory.h - the program's memory as the checks see it.
 *
 * Three ranges are watched: the heap (heap.c), the stacks of the fibers, and the program's global
 * variables. Every 8 bytes of them have a shadow: who accessed them last, what object lives there,
 * whether an undo of the write is noted. A shadow whose generation isn't the running schedule's is
 * empty, so a new schedule costs nothing. */
#pragma once

#include "interleave.h"

/* ------------------------------------------------------------------------------- vector clocks */

static inline void clock_join(struct clock *into, const struct clock *from)
{
    for (unsigned t = 0; t < run.thread_count; t++)
        if (into->at[t] < from->at[t])
            into->at[t] = from->at[t];
}

/* Self learns what the releases of an object tell; and the other way round, after which what self
 * does next is not yet known to who acquired. */
static inline void acquire(const struct clock *from)
{
    clock_join(&self->clock, from);
}

static inline void release(struct clock *into)
{
    clock_join(into, &self->clock);
    self->clock.at[self->id]++;
}

/* ------------------------------------------------------------------------------------ shadow */

/* CALLS: of a function on an object. FREES and DESTROYS are writes to whoever else uses the memory.
 */
enum access_kind {
    READ = 0,
    WRITE = 1,
    ATOMIC = 2,
    ATOMIC_WRITE = ATOMIC | WRITE,
    FREES = 4 | WRITE,
    DESTROYS = 8 | WRITE,
    CALLS = 16 | ATOMIC_WRITE
};

struct access {
    uint32_t clock; /* of the thread, then */
    uint32_t pc;
    uint8_t thread, mask, kind, unused; /* mask: which of the 8 bytes; 0: no access */
};

struct shadow {
    uint32_t generation;
    uint32_t object;     /* index into the objects; 0: none */
    uint32_t more;       /* index of a list of further accesses; 0: none */
    uint32_t block : 31; /* heap: a guess at the block. Globals: the word's undo is noted */
    uint32_t
        plain : 1; /* nothing but races to check: all of it may be used, and its line is split */
    struct access last[2];
};

/* Maps everything. False: the machine won't give the address space. */
bool memory_map(void);

/* A new schedule: nothing has been accessed. */
void memory_begin(void);

/* After a schedule: the program's variables get the values back they had when it was loaded. */
void memory_undo(void);

/* Checks an access by self. Ends the schedule if it is wrong. */
void memory_access(uintptr_t address, size_t size, enum access_kind kind, uintptr_t pc);

/* The object of that kind at an address, created if there is none (*created then says so). The
 * access to it is checked first. */
struct object *object_at(const volatile void *address, enum kind kind, uintptr_t pc, bool *created);

/* An object without an address. */
struct object *object_new(enum kind kind, uintptr_t pc);

/* Objects that live in [start, start + size): calls back for each. For freed blocks. */
void objects_in(uintptr_t start, size_t size, void (*visit)(struct object *object, uintptr_t pc),
                uintptr_t pc);

/* Stack of slot number `thread`, and whether an address is in a guard page of one (-1: no, else the
 * thread). */
void *stack_of(unsigned thread, size_t *size);
int stack_guard_hit(uintptr_t address);

/* The program's thread-local variables are one area of the OS thread: swapped with the fibers. */
void thread_locals_begin(struct thread *thread);
void thread_locals_swap(const struct thread *from, const struct thread *to);

/* ---------------------------------------------------------------------------------- heap.c */

void heap_begin(void);
bool heap_contains(uintptr_t address);
bool memory_is_global(uintptr_t address);
extern uintptr_t heap_start, heap_limit; /* all that can be handed out */

/* Checks that [address, address + size) may be accessed; shadow: that of address. */
void heap_check(struct shadow *shadow, uintptr_t address, size_t size, enum access_kind kind,
                uintptr_t pc);

/* Does all of the word belong to the program, of whose bytes some have just been checked? */
bool heap_has_word(const struct shadow *shadow, uintptr_t address);

/* At the end of a schedule: fails if a block is still there that no global variable leads to. */
void heap_check_leaks(void);

/* Words of global variables that were written in this schedule. */
void memory_each_written_global(void (*visit)(uintptr_t address));

/* A big area of the address space that costs nothing until used; NULL if there is none. */
void *reserve(size_t size);
