/* shadow.h - what is remembered of each 8 bytes of memory. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* CALLS: of a function on an object. FREES and DESTROYS are writes to all others that use the
 * memory. */
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
    uint16_t thread;
    uint8_t mask; /* which of the 8 bytes; 0: no access */
    uint8_t kind : 7;
    bool locked : 1; /* the thread held a lock */
};

struct shadow {
    uint32_t generation;
    uint32_t object;     /* index into the objects; 0: none */
    uint32_t more;       /* index of a list of further accesses; 0: none */
    uint32_t block : 30; /* heap: a guess at the block. Globals: the word's undo is noted */
    uint32_t plain : 2;  /* heap, stacks: how little there is to check, see below */
    struct access last[2];
};

/* Of a word of the heap or a stack. PLAIN_ALONE: all of it may be used, and more need not be checked while there is
 * one thread. PLAIN: its line is split, too, so that races are all that is to be checked. */
enum { PLAIN_ALONE = 1, PLAIN = 2 };
