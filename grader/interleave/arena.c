/* arena.c - see arena.h. */
#include "arena.h"

#include <link.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

uintptr_t arena, arena_size, heap_start, heap_limit;
static int stack_protection = PROT_READ | PROT_WRITE;

void *reserve(size_t size)
{
    void *area = mmap(NULL, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return area == MAP_FAILED ? NULL : area;
}

/* Does the program want to run code on its stacks, as gcc's nested functions do? */
static int read_program_headers(struct dl_phdr_info *info, size_t size, void *unused)
{
    (void)size;
    (void)unused;
    for (int i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_GNU_STACK && info->dlpi_phdr[i].p_flags & PF_X)
            stack_protection |= PROT_EXEC;
    return 1; /* the program itself comes first; the libraries are not looked at */
}

/* ----------------------------------------------------------------------- thread-local variables */

/* [low, high) is what each thread has a copy of, which needs so much room. */
static struct {
    uintptr_t low, high, thread_pointer;
    uintptr_t variables; /* the program's, and what they begin as */
    size_t size, image_size, room;
    const char *image;
} locals;

extern const uint32_t _thread_db_sizeof_pthread
    __attribute__((weak)); /* glibc's word to debuggers */

enum {
    SIZEOF_PTHREAD = 2304, /* where glibc does not say */
    FARTHEST = 1 << 20,    /* from the thread pointer: what is allocated later lies elsewhere */
    PAGE = 4096,
};

/* Those of the program, which comes first, and of the libraries it was started with. */
static int add_locals(struct dl_phdr_info *info, size_t size, void *unused)
{
    uintptr_t variables = (uintptr_t)info->dlpi_tls_data;

    (void)size;
    (void)unused;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        if (header->p_type != PT_TLS || !variables ||
            variables - locals.thread_pointer + FARTHEST > 2 * FARTHEST)
            continue;
        if (!locals.variables) {
            locals.variables = variables;
            locals.size = header->p_memsz;
            locals.image_size = header->p_filesz;
            locals.image = (const char *)(info->dlpi_addr + header->p_vaddr);
        }
        if (variables < locals.low)
            locals.low = variables;
        if (variables + header->p_memsz > locals.high)
            locals.high = variables + header->p_memsz;
    }
    return locals.size == 0; /* the program has none: nobody needs a copy */
}

/* What describes the thread to libc lies above the thread pointer on x86-64, and below it elsewhere. */
static void find_locals(void)
{
    size_t size = &_thread_db_sizeof_pthread ? _thread_db_sizeof_pthread : SIZEOF_PTHREAD;
    uintptr_t pointer = (uintptr_t)fiber_thread_pointer();

    if (!FIBERS_HAVE_LOCALS)
        return;
    locals.thread_pointer = pointer;
#ifdef __x86_64__
    locals.low = pointer;
    locals.high = pointer + size;
#else
    locals.low = pointer - size;
    locals.high = pointer + 2 * sizeof(void *);
#endif
    dl_iterate_phdr(add_locals, NULL);
    locals.low &= ~(uintptr_t)15;
    if (locals.size)
        locals.room = (locals.low % PAGE + locals.high - locals.low + PAGE - 1) / PAGE * PAGE;
}

/* Where the copy of a thread is. It lies in its page as the first one does, so all in it is aligned. */
static uintptr_t copy_of(unsigned thread)
{
    return arena + (thread + 1) * STACK_SIZE - locals.room + locals.low % PAGE;
}

void *thread_locals_begin(const struct thread *thread)
{
    uintptr_t copy = copy_of(thread->id);
    void **pointer = (void **)(copy + (locals.thread_pointer - locals.low));
    char *variables = (char *)copy + (locals.variables - locals.low);

    if (!locals.size)
        return NULL;
    memcpy((void *)copy, (void *)locals.low, locals.high - locals.low);
    memcpy(variables, locals.image, locals.image_size);
    memset(variables + locals.image_size, 0, locals.size - locals.image_size);
#ifdef __x86_64__
    pointer[0] = pointer[2] = pointer; /* it points at itself, in two places */
#endif
    return pointer;
}

uintptr_t thread_locals(unsigned thread, size_t *size)
{
    *size = locals.size;
    return copy_of(thread) + (locals.variables - locals.low);
}

/* ---------------------------------------------------------------------------------- the arena */

/* A thread's stack lies between its own guard and that of the next one. They are made when it is first used:
 * mostly they are few. */
static void guard_stack(unsigned thread)
{
    static unsigned guarded;

    for (; guarded <= thread + 1 && guarded < MAX_THREADS; guarded++)
        if (mprotect((void *)(arena + guarded * STACK_SIZE), GUARD_SIZE, PROT_NONE))
            _exit(70); /* the kit's own fault */
}

bool arena_map(void)
{
    uintptr_t stacks = MAX_THREADS * STACK_SIZE;

    arena_size = stacks + HEAP_SIZE;
    arena = (uintptr_t)reserve(arena_size);
    heap_start = arena + stacks;
    heap_limit = arena + arena_size;
    dl_iterate_phdr(read_program_headers, NULL);
    find_locals();
    return arena && !mprotect((void *)arena, stacks, stack_protection);
}

void *stack_of(unsigned thread, size_t *size)
{
    guard_stack(thread);
    *size = STACK_SIZE - GUARD_SIZE - locals.room;
    return (void *)(arena + thread * STACK_SIZE + GUARD_SIZE);
}

int stack_guard_hit(uintptr_t address)
{
    uintptr_t offset = address - arena;

    if (offset >= MAX_THREADS * STACK_SIZE || offset % STACK_SIZE >= GUARD_SIZE)
        return -1;
    return (int)(offset / STACK_SIZE);
}
