/* memory.h - the program's memory as the checks see it.
 *
 * Three ranges are watched: the heap (heap.c), the stacks of the fibers, and the program's global
 * variables. Every 8 bytes of them have a shadow: what accessed them last, what object lives there,
 * whether an undo of the write is noted. A shadow whose generation isn't the running schedule's is
 * empty, so a new schedule costs nothing. */
#pragma once

#include "run.h"
#include "shadow.h"

/* Maps the shadows. False: the machine won't give the address space. */
bool memory_map(void);

/* A new schedule: nothing has been accessed. */
void memory_begin(void);

/* After a schedule: the program's variables get the values back they had when it was loaded. */
void memory_undo(void);

/* Checks an access by self, other than a free. Ends the schedule if it is wrong. */
void memory_access(uintptr_t address, size_t size, enum access_kind kind, uintptr_t pc);

/* The control flow of the code under test has passed EDGES_PER_LOOK edges since the last time. Ends the schedule
 * if it is in a loop that does not end. */
void memory_edges(uintptr_t pc);

/* Checks that self may free a block, and ends the schedule if it may not. start: a multiple of 16. True:
 * objects live in it. */
bool memory_freed(uintptr_t start, size_t size, uintptr_t pc);

/* A small block is handed out that has not been there before in this schedule: its words are plain ones. start: a multiple
 * of 16. */
void memory_handed_out(uintptr_t start, size_t size, uint32_t block);

/* These bytes have been made anew, by nobody: no access to them has been made, and no object lives there. */
void memory_fresh(uintptr_t start, size_t size);

/* The frames of self below an address have been left. Ends the schedule if another thread has accessed one, and may
 * do so after that as well: nothing orders the two. */
void memory_frames_are_gone(uintptr_t below, uintptr_t pc);

bool memory_is_global(uintptr_t address);

/* Words of global variables that were written in this schedule. */
void memory_each_written_global(void (*visit)(uintptr_t address));

/* The object of that kind at an address, created if there is none (*created then says so). The
 * access to it is checked first. */
struct object *object_at(const volatile void *address, enum kind kind, uintptr_t pc, bool *created);

/* The one that lives there, if any does. */
struct object *object_there(const volatile void *address, enum kind kind);

/* Objects that live in [start, start + size): calls back for each. For freed blocks. */
void objects_in(uintptr_t start, size_t size, void (*visit)(struct object *object, uintptr_t pc),
                uintptr_t pc);
