/* block.h - the blocks of the heap: a table in the order of their addresses, with a red zone round
 * each.
 *
 * Addresses only grow within a schedule, and start anew with the next one: what is freed stays
 * recognisable for good, and a schedule sees the same addresses each time. */
#pragma once

#include "arena.h"
#include "shadow.h"

enum { FRESH = 0xbe }; /* fills memory that was allocated and not yet written */

/* The bytes [low, high) belong to the block and its red zones, [start, start + size) to the
 * program. */
struct block {
    uintptr_t low, start, high;
    size_t size;
    uint32_t allocated_pc, freed_pc;
    uint32_t allocated_at, freed_at; /* events of the story */
    uint16_t allocated_by, freed_by;
    bool freed, reached;
};

extern struct block *blocks; /* [block_count] */
extern uint32_t block_count;
extern uintptr_t heap_end; /* of what is handed out */

/* A new schedule: nothing has been handed out. */
void block_begin(void);

bool heap_contains(uintptr_t address);

/* The block an address belongs to, or whose red zone it is in; NULL: none. */
struct block *block_search(uintptr_t address);

/* In words for a message, and as places for the story. */
const char *tell_block(const struct block *block);

/* As a place for the story: of this block bytes are read that nobody has written. */
void tell_unwritten(const struct block *block);

/* Checks that [address, address + size) may be accessed; shadow: that of address. */
void heap_check(struct shadow *shadow, uintptr_t address, size_t size, enum access_kind kind,
                uintptr_t pc);

/* Some bytes of the word have just been checked: does all of it belong to the program? */
bool heap_has_word(const struct shadow *shadow, uintptr_t address);
