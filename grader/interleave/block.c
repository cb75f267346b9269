/* block.c - see block.h. */
#include "block.h"

#include "fail.h"
#include "story.h"

#include <stdio.h>

struct block *blocks;
uint32_t block_count;
uintptr_t heap_end;

void block_begin(void)
{
    if (!blocks)
        blocks = reserve((size_t)MAX_BLOCKS * sizeof *blocks);
    block_count = 0;
    heap_end = heap_start;
}

bool heap_contains(uintptr_t address)
{
    return address >= heap_start && address < heap_end;
}

static inline bool within(const struct block *block, uintptr_t address)
{
    return address >= block->low && address < block->high;
}

struct block *block_search(uintptr_t address)
{
    uint32_t from = 0, to = block_count;

    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (within(&blocks[middle], address))
            return &blocks[middle];
        if (address < blocks[middle].low)
            to = middle;
        else
            from = middle + 1;
    }
    return NULL;
}

const char *tell_block(const struct block *block)
{
    static char text[80];

    const char *plural = block->size == 1 ? "" : "s";

    if (block->freed)
        story_earlier("freed", block->freed_by, block->freed_pc, block->freed_at,
                      "frees the block of %zu byte%s", block->size, plural);
    story_earlier("allocated", block->allocated_by, block->allocated_pc, block->allocated_at,
                  "allocates %s%zu byte%s", block->freed ? "these " : "", block->size, plural);
    snprintf(text, sizeof text, "a block of %zu byte%s", block->size, block->size == 1 ? "" : "s");
    return text;
}

void tell_unwritten(const struct block *block)
{
    story_earlier("unwritten", block->allocated_by, block->allocated_pc, block->allocated_at,
                  "allocates %zu byte%s", block->size, block->size == 1 ? "" : "s");
}

static _Noreturn void bad_access(const struct block *block, uintptr_t address, size_t size,
                                 enum access_kind kind, uintptr_t pc)
{
    const char *verb = kind & WRITE ? "writes" : "reads";

    story_access(kind & WRITE ? "write" : "read", -1, pc, "%s %zu byte%s", verb, size,
                 size == 1 ? "" : "s");
    if (!block)
        fail(VERDICT_MISUSE, pc, "%s %s memory that was never allocated.", thread_name(self), verb);

    const char *what = tell_block(block);
    const char *freer = block->freed ? thread_name(&run.threads[block->freed_by]) : "";
    if (block->freed)
        fail(VERDICT_USE_AFTER_FREE, pc, "%s %s memory after %s freed it (%s).", thread_name(self),
             verb, block->freed_by == self->id ? "it has" : freer, what);
    if (address < block->start)
        fail(VERDICT_MISUSE, pc, "%s %s %zu byte%s before the start of %s.", thread_name(self),
             verb, block->start - address, block->start - address == 1 ? "" : "s", what);
    fail(VERDICT_MISUSE, pc, "%s %s past the end of %s: %zu byte%s, from byte %zu on.",
         thread_name(self), verb, what, size, size == 1 ? "" : "s", address - block->start);
}

void heap_check(struct shadow *shadow, uintptr_t address, size_t size, enum access_kind kind,
                uintptr_t pc)
{
    struct block *block = &blocks[shadow->block];

    if (shadow->block >= block_count || !within(block, address)) {
        block = block_search(address);
        if (!block)
            bad_access(NULL, address, size, kind, pc);
        shadow->block = (uint32_t)(block - blocks) % MAX_BLOCKS;
    }
    if (block->freed || address < block->start || size > block->size ||
        address - block->start > block->size - size)
        bad_access(block, address, size, kind, pc);
}

bool heap_has_word(const struct shadow *shadow, uintptr_t address)
{
    const struct block *block = &blocks[shadow->block];

    return !block->freed && (address | 7) < block->start + block->size;
}
