/* heap.c - see heap.h: what stands in for malloc and its like. Fresh and freed memory is filled with
 * a pattern. */
#include "heap.h"

#include "fail.h"
#include "memory.h"
#include "object.h"
#include "story.h"
#include "strategy.h"
#include "../suite/stand_in.h"

#include <assert.h>
#include <errno.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
    FREED = 0xdf,
    RED = 0xfd,
    PAGE = 4096,
    SMALL = 128, /* accessed a word at a time, mostly */
};
static uintptr_t trim_next;

void heap_begin(void)
{
    block_begin();
    trim_next = heap_start + TRIM_EVERY;
}

/* -------------------------------------------------------------------- allocating and freeing */

/* Gives the pages of freed blocks back to the system, so that a long schedule does not need all the
 * memory it ever had at once. */
static void trim(void)
{
    uintptr_t from = heap_start;

    trim_next = heap_end + TRIM_EVERY;
    for (uint32_t i = 0; i <= block_count; i++) {
        if (i < block_count && blocks[i].freed)
            continue;
        uintptr_t to = i < block_count ? blocks[i].low : heap_end;
        uintptr_t first = (from + PAGE - 1) & ~(uintptr_t)(PAGE - 1),
                  last = to & ~(uintptr_t)(PAGE - 1);
        if (first < last)
            madvise((void *)first, last - first, MADV_DONTNEED);
        from = i < block_count ? blocks[i].high : heap_end;
    }
}

static void fill(uintptr_t start, size_t size, int pattern)
{
    if (size < BIG) {
        memset((void *)start, pattern, size);
        return;
    }
    uintptr_t first = (start + PAGE - 1) & ~(uintptr_t)(PAGE - 1);
    uintptr_t last = (start + size) & ~(uintptr_t)(PAGE - 1);
    memset((void *)start, 0, first - start);
    madvise((void *)first, last - first, MADV_DONTNEED);
    memset((void *)last, 0, start + size - last);
}

static void *hand_out(size_t alignment, size_t size, uintptr_t pc)
{
    uintptr_t start = (heap_end + RED_ZONE + alignment - 1) & ~(uintptr_t)(alignment - 1);

    if (size > LARGEST || start + size + 2 * RED_ZONE > heap_limit)
        return NULL;
    if (block_count == MAX_BLOCKS)
        fail(VERDICT_NO_PROGRESS, pc, "%s allocates for ever: it is at block %d, in one test.",
             thread_name(self), MAX_BLOCKS);
    run.activity++;
    assert(!block_count || blocks[block_count - 1].high == heap_end);
    struct block *block = &blocks[block_count++];
    uintptr_t high = (start + size + RED_ZONE + 15) & ~(uintptr_t)15;
    *block = (struct block){.low = heap_end, .start = start, .high = high, .size = size};
    block->allocated_pc = (uint32_t)pc;
    block->allocated_by = (uint16_t)self->id;
    heap_end = high;
    bool zeroed = run.plan.zeroed == ALL_BLOCKS || run.plan.zeroed == block_count;
    fill(start, size, zeroed ? 0 : FRESH);
    memset((void *)(start + size), RED, high - start - size);
    if (size <= SMALL)
        memory_handed_out(start, size, block_count - 1);
    if (heap_end > trim_next)
        trim();
    return (void *)start;
}

/* Is this the one that fails? */
static bool fails_now(const char *what, uintptr_t pc)
{
    run.failable++;
    bool fails = run.plan.draws_failures ? !run.allocation_has_failed && strategy_draw(2, true)
                                         : run.failable == run.plan.fail_at;
    if (!fails)
        return false;
    run.allocation_has_failed = true;
    story_event("alloc_fails", 0, pc, "%s", what);
    story_access("stopped", -1, pc, "got no memory");
    return true;
}

bool allocation_fails(bool is_thread, uintptr_t pc)
{
    if (!is_thread) {
        run.allocations++;
        self->allocations++;
    }
    return fails_now(is_thread ? "can't start a thread: this time it fails"
                               : "gets no memory: this allocation fails",
                     pc);
}

bool lacks_memory(void)
{
    return fails_now("gets no memory: this time it fails", CALLER);
}

bool descriptor_fails(uintptr_t pc)
{
    return fails_now("gets no descriptor: this time it fails", pc);
}

static bool memory_is_short(uintptr_t pc)
{
    unsigned most = run.test->options.allocations_at_most;

    if (!run.memory_is_out && (!most || run.allocations <= most))
        return false;
    story_event("alloc_fails", 0, pc, "gets no memory: there is none left");
    return true;
}

static void *allocate_block(size_t alignment, size_t size, uintptr_t pc)
{
    bool fails = allocation_fails(false, pc) || memory_is_short(pc);
    void *block = fails ? NULL : hand_out(alignment, size, pc);

    if (!block) {
        errno = ENOMEM;
        return NULL;
    }
    story_event("malloc", 0, pc, "allocates %zu byte%s", size, size == 1 ? "" : "s");
    blocks[block_count - 1].allocated_at = story_now();
    return block;
}

static void nobody_uses(struct object *object, uintptr_t pc)
{
    const struct thread *holder = object_holder(object), *sleeper = object_sleeper(object);

    if (holder)
        fail(VERDICT_MISUSE, pc, "%s frees memory with %s in it, which is locked by %s.",
             thread_name(self), object_name(object),
             holder == self ? "itself" : thread_name(holder));
    if (sleeper)
        fail(VERDICT_USE_AFTER_FREE, pc, "%s frees memory with %s in it, in which %s still sleeps.",
             thread_name(self), object_name(object), thread_name(sleeper));
}

static void check_freed(const struct block *block, const void *pointer, uintptr_t pc)
{
    story_access("freed", -1, pc, "frees a block");
    if (!block)
        fail(VERDICT_MISUSE, pc, "%s frees something that was never allocated.", thread_name(self));
    const char *what = tell_block(block);
    if (block->freed)
        fail(VERDICT_USE_AFTER_FREE, pc, "%s frees %s that %s freed before: a double free.",
             thread_name(self), what,
             block->freed_by == self->id ? "it has" : thread_name(&run.threads[block->freed_by]));
    if ((uintptr_t)pointer != block->start)
        fail(VERDICT_MISUSE, pc, "%s frees a pointer into the middle of %s, not to its start.",
             thread_name(self), what);
    fail(VERDICT_MISUSE, pc, "%s frees %s, but something was written past its end.",
         thread_name(self), what);
}

static bool red_zone_is_intact(const struct block *block)
{
    const unsigned char *byte = (const unsigned char *)block->start + block->size;

    while ((uintptr_t)byte < block->high)
        if (*byte++ != RED)
            return false;
    return true;
}

static void free_block(void *pointer, uintptr_t pc)
{
    struct block *block = block_search((uintptr_t)pointer);

    run.activity++;
    if (!block || block->freed || (uintptr_t)pointer != block->start || !red_zone_is_intact(block))
        check_freed(block, pointer, pc);
    story_event("free", 0, pc, "frees %zu byte%s", block->size, block->size == 1 ? "" : "s");
    uint32_t freed_at = story_now();
    if (memory_freed(block->start, block->size, pc))
        objects_in(block->start, block->size, nobody_uses, pc);
    block->freed = true;
    block->freed_pc = (uint32_t)pc;
    block->freed_by = (uint16_t)self->id;
    block->freed_at = freed_at;
    if (block->size < BIG)
        memset(pointer, FREED, block->size);
    else
        fill(block->start, block->size, 0);
}

/* ------------------------------------------------------------------------------------- leaks */

/* Marks the block a word of memory points into, and all it leads to. */
static void reach(uintptr_t where)
{
    uintptr_t value;

    memcpy(&value, (void *)where, sizeof value);
    if (!heap_contains(value))
        return;
    struct block *block = block_search(value);
    if (!block || block->freed || block->reached)
        return;
    block->reached = true;
    for (uintptr_t word = (block->start + 7) & ~(uintptr_t)7;
         word + 8 <= block->start + block->size; word += 8)
        reach(word);
}

void heap_check_leaks(void)
{
    const struct block *first = NULL;
    unsigned leaked = 0;
    bool live = false;

    for (uint32_t i = 0; i < block_count && !live; i++)
        live = !blocks[i].freed;
    if (!live)
        return;
    memory_each_written_global(reach);
    for (uint32_t i = 0; i < block_count; i++)
        if (!blocks[i].freed && !blocks[i].reached) {
            first = first ? first : &blocks[i];
            leaked++;
        }
    if (!first)
        return;
    const char *what = tell_block(first);
    if (leaked == 1)
        fail(VERDICT_LEAK, first->allocated_pc, "The test is over, and %s was never freed.", what);
    fail(VERDICT_LEAK, first->allocated_pc,
         "The test is over, and %u blocks were never freed; the first one is %s.", leaked, what);
}

/* -------------------------------------------------------------------- what is stood in for */

static const size_t ALIGNMENT = 16;

STAND_IN(void *, malloc, size_t size)
{
    return allocate_block(ALIGNMENT, size, CALLER);
}

/* The zeros are written by self. As long as there is only one thread, all others know of it. */
static void *allocate_zeroed(size_t alignment, size_t size, uintptr_t pc)
{
    void *block = allocate_block(alignment, size, pc);

    if (block && size < BIG)
        memset(block, 0, size);
    if (block && run.thread_count > 1)
        memory_access((uintptr_t)block, size, WRITE, pc);
    return block;
}

STAND_IN(void *, calloc, size_t n, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(n, size, &bytes))
        bytes = SIZE_MAX;
    return allocate_zeroed(ALIGNMENT, bytes, CALLER);
}

static void *reallocate(void *old, size_t size, uintptr_t pc)
{
    struct block *block = old ? block_search((uintptr_t)old) : NULL;

    if (old && !heap_contains((uintptr_t)old))
        return realloc(old, size); /* libc's own, from getline and its like */
    if (old && (!block || block->freed || block->start != (uintptr_t)old))
        check_freed(block, old, pc);
    void *moved = allocate_block(ALIGNMENT, size, pc);
    if (moved && old) {
        block = block_search((uintptr_t)old);
        memcpy(moved, old, block->size < size ? block->size : size);
        free_block(old, pc);
    }
    return moved;
}

static void free_any(void *block, uintptr_t pc)
{
    uintptr_t address = (uintptr_t)block;

    if (!block)
        return;
    if (address >= heap_start && address < heap_limit) {
        free_block(block, pc);
        return;
    }
    if ((address >= arena && address < heap_start) || memory_is_global(address))
        check_freed(NULL, block, pc);
    free(block); /* made by libc: getline and its like */
}

STAND_IN(void *, realloc, void *old, size_t size)
{
    if (old && size == 0) { /* as glibc does */
        free_any(old, CALLER);
        return NULL;
    }
    return reallocate(old, size, CALLER);
}

STAND_IN(void *, reallocarray, void *old, size_t n, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(n, size, &bytes))
        bytes = SIZE_MAX;
    return reallocate(old, bytes, CALLER);
}

static bool is_power_of_two(size_t n)
{
    return n && !(n & (n - 1));
}

static void *allocate_aligned(size_t alignment, size_t size, uintptr_t pc)
{
    if (!is_power_of_two(alignment) || alignment > LARGEST) {
        errno = EINVAL;
        return NULL;
    }
    return allocate_block(alignment < ALIGNMENT ? ALIGNMENT : alignment, size, pc);
}

STAND_IN(void *, aligned_alloc, size_t alignment, size_t size)
{
    if (!is_power_of_two(alignment) || size % alignment)
        fail(VERDICT_MISUSE, CALLER,
             "aligned_alloc is called by %s with a size of %zu and an alignment of %zu: the "
             "alignment has to be a power of two, and the size a multiple of it.",
             thread_name(self), size, alignment);
    return allocate_aligned(alignment, size, CALLER);
}

STAND_IN(int, posix_memalign, void **block, size_t alignment, size_t size)
{
    int before = errno;

    if (!is_power_of_two(alignment) || alignment % sizeof(void *) || alignment > LARGEST)
        return EINVAL;
    void *fresh = allocate_block(alignment < ALIGNMENT ? ALIGNMENT : alignment, size, CALLER);
    errno = before;
    if (!fresh)
        return ENOMEM;
    memory_access((uintptr_t)block, sizeof *block, WRITE, CALLER);
    *block = fresh;
    return 0;
}

STAND_IN(void *, memalign, size_t alignment, size_t size)
{
    return allocate_aligned(alignment, size, CALLER);
}

STAND_IN(void *, valloc, size_t size)
{
    return allocate_block(PAGE, size, CALLER);
}

static char *duplicate(const char *text, size_t length, uintptr_t pc)
{
    char *copy = allocate_block(ALIGNMENT, length + 1, pc);

    if (copy) {
        memcpy(copy, text, length);
        copy[length] = '\0';
    }
    return copy;
}

/* As asprintf does it: -1, and *to is not to be used, if there is no memory. */
static int print_block(char **to, const char *format, va_list arguments, uintptr_t pc)
{
    va_list again;

    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    char *text = length < 0 ? NULL : allocate_block(ALIGNMENT, (size_t)length + 1, pc);
    if (!text)
        return -1;
    vsnprintf(text, (size_t)length + 1, format, arguments);
    memory_access((uintptr_t)text, (size_t)length + 1, WRITE, pc);
    memory_access((uintptr_t)to, sizeof *to, WRITE, pc);
    *to = text;
    return length;
}

STAND_IN(char *, strdup, const char *text)
{
    size_t length = strlen(text);

    memory_access((uintptr_t)text, length + 1, READ, CALLER);
    return duplicate(text, length, CALLER);
}

STAND_IN(char *, strndup, const char *text, size_t size)
{
    size_t length = strnlen(text, size);

    memory_access((uintptr_t)text, length < size ? length + 1 : length, READ, CALLER);
    return duplicate(text, length, CALLER);
}

STAND_IN(int, vasprintf, char **to, const char *format, va_list arguments)
{
    return print_block(to, format, arguments, CALLER);
}

STAND_IN(int, asprintf, char **to, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    int length = print_block(to, format, arguments, CALLER);
    va_end(arguments);
    return length;
}

static bool is_whole(const struct block *block, const void *start, size_t size)
{
    return block && !block->freed && block->start == (uintptr_t)start &&
           (size + PAGE - 1) / PAGE == (block->size + PAGE - 1) / PAGE;
}

/* Memory without a name, which is a block of whole pages. What has a name was opened by a call that can't
 * be followed. */
STAND_IN(void *, mmap, void *hint, size_t size, int protection, int flags, int file, off_t offset)
{
    if (!(flags & MAP_ANONYMOUS) || flags & MAP_FIXED || !size)
        return mmap(hint, size, protection, flags, file, offset);
    size_t whole = size > LARGEST ? SIZE_MAX : (size + PAGE - 1) / PAGE * PAGE;
    void *block = allocate_zeroed(PAGE, whole, CALLER);
    return block ? block : MAP_FAILED;
}

STAND_IN(int, munmap, void *start, size_t size)
{
    if (!heap_contains((uintptr_t)start))
        return munmap(start, size);
    struct block *block = block_search((uintptr_t)start);
    if (block && !block->freed && !is_whole(block, start, size))
        fail(VERDICT_ENVIRONMENT, CALLER,
             "munmap is called by %s on a part of what mmap gave: the check can't follow that.",
             thread_name(self));
    free_block(start, CALLER);
    return 0;
}

STAND_IN(void, free, void *block)
{
    free_any(block, CALLER);
}

STAND_IN(size_t, malloc_usable_size, void *block)
{
    return block && heap_contains((uintptr_t)block) ? block_search((uintptr_t)block)->size
                                                    : malloc_usable_size(block);
}

/* ------------------------------------------------------------------- for suites (suite.h) */

bool allocation_has_failed(void)
{
    return run.allocation_has_failed;
}

void memory_runs_out(bool on)
{
    run.memory_is_out = on;
}

size_t allocations(void)
{
    return run.allocations;
}

size_t own_allocations(void)
{
    return self->allocations;
}

void *allocate(size_t size)
{
    void *block = hand_out(ALIGNMENT, size, CALLER);

    if (!block)
        fail(VERDICT_ENVIRONMENT, CALLER, "The test needs more memory than the check can give.");
    return block;
}
