/* arena.c - see arena.h. */
#include "arena.h"

#include <link.h>
#include <string.h>
#include <sys/mman.h>

uintptr_t arena, arena_size, heap_start, heap_limit;
struct locals locals;
static int stack_protection = PROT_READ | PROT_WRITE;

void *reserve(size_t size)
{
    void *area = mmap(NULL, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return area == MAP_FAILED ? NULL : area;
}

/* The program's thread-local variables, and whether it wants to run code on its stacks, as gcc's
 * nested functions do. */
static int read_program_headers(struct dl_phdr_info *info, size_t size, void *unused)
{
    (void)size;
    (void)unused;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        if (info->dlpi_phdr[i].p_type == PT_GNU_STACK && info->dlpi_phdr[i].p_flags & PF_X)
            stack_protection |= PROT_EXEC;
        if (info->dlpi_phdr[i].p_type == PT_TLS && info->dlpi_tls_data) {
            locals.area = info->dlpi_tls_data;
            locals.image = (const char *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
            locals.size = info->dlpi_phdr[i].p_memsz;
            locals.image_size = info->dlpi_phdr[i].p_filesz;
        }
    }
    return 1; /* the program itself comes first; the libraries are not looked at */
}

static bool protect_stacks(void)
{
    if (mprotect((void *)arena, MAX_THREADS * STACK_SIZE, stack_protection))
        return false;
    for (unsigned t = 0; t < MAX_THREADS; t++)
        if (mprotect((void *)(arena + t * STACK_SIZE), GUARD_SIZE, PROT_NONE))
            return false;
    return true;
}

bool arena_map(void)
{
    uintptr_t stacks = MAX_THREADS * STACK_SIZE;

    arena_size = stacks + HEAP_SIZE;
    arena = (uintptr_t)reserve(arena_size);
    heap_start = arena + stacks;
    heap_limit = arena + arena_size;
    dl_iterate_phdr(read_program_headers, NULL);
    locals.copies = locals.size ? reserve(locals.size * MAX_THREADS) : NULL;
    return arena && (!locals.size || locals.copies) && protect_stacks();
}

void *stack_of(unsigned thread, size_t *size)
{
    *size = STACK_SIZE - GUARD_SIZE;
    return (void *)(arena + thread * STACK_SIZE + GUARD_SIZE);
}

int stack_guard_hit(uintptr_t address)
{
    uintptr_t offset = address - arena;

    if (offset >= MAX_THREADS * STACK_SIZE || offset % STACK_SIZE >= GUARD_SIZE)
        return -1;
    return (int)(offset / STACK_SIZE);
}

/* ----------------------------------------------------------------------- thread-local variables */

static void load_image(char *to)
{
    memcpy(to, locals.image, locals.image_size);
    memset(to + locals.image_size, 0, locals.size - locals.image_size);
}

void thread_locals_begin(struct thread *thread)
{
    if (!locals.size)
        return;
    if (thread->id == 0) {
        load_image(locals.area); /* it runs first */
    } else {
        load_image(locals.copies + thread->id * locals.size);
    }
}

void thread_locals_swap(const struct thread *from, const struct thread *to)
{
    if (!locals.size)
        return;
    memcpy(locals.copies + from->id * locals.size, locals.area, locals.size);
    memcpy(locals.area, locals.copies + to->id * locals.size, locals.size);
}
