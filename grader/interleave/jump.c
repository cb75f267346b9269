/* jump.c - setjmp and longjmp within a thread: the jump is libc's own, and here is only noted in how many calls a
 * thread is after it. setjmp itself returns twice, which no function in C can: it is left by a jump to the real one. */
#include "jump.h"

#include "fail.h"
#include "memory.h"
#include "../suite/stand_in.h"

#include <setjmp.h>

enum { MAX_JUMPS = 64 }; /* that are remembered; older ones can't be jumped to */

static struct jump {
    const void *where;
    const struct thread *thread;
    unsigned depth;
    unsigned long frame;
} jumps[MAX_JUMPS];
static unsigned jump_count;

void jumps_begin(void)
{
    jump_count = 0;
}

static struct jump *jump_at(const void *where)
{
    for (unsigned i = 0; i < jump_count && i < MAX_JUMPS; i++)
        if (jumps[i].where == where)
            return &jumps[i];
    return NULL;
}

static unsigned long frame_at(unsigned depth)
{
    return depth && depth <= MAX_CALL_DEPTH ? self->frames[depth - 1].number : 0;
}

/* Called by the two below. */
void jump_noted(const void *where, uintptr_t return_address);
void jump_noted(const void *where, uintptr_t return_address)
{
    struct jump *jump = jump_at(where);

    if (!self)
        return;
    memory_access((uintptr_t)where, sizeof(jmp_buf), WRITE, return_address - 1);
    if (!jump)
        jump = &jumps[jump_count++ % MAX_JUMPS];
    *jump = (struct jump){where, self, self->depth, frame_at(self->depth)};
}

#if defined(__x86_64__)
#define SETJMP(name)                                                                               \
    __asm__(".text\n.globl suite_" #name "\n.type suite_" #name ", @function\n"                    \
            "suite_" #name ":\n"                                                                   \
            "    pushq %rdi\n    pushq %rsi\n    subq $8, %rsp\n"                                  \
            "    movq 24(%rsp), %rsi\n    call jump_noted\n"                                       \
            "    addq $8, %rsp\n    popq %rsi\n    popq %rdi\n    jmp " #name "\n");
#elif defined(__aarch64__)
#define SETJMP(name)                                                                               \
    __asm__(".text\n.globl suite_" #name "\n.type suite_" #name ", %function\n"                    \
            "suite_" #name ":\n"                                                                   \
            "    stp x0, x1, [sp, #-32]!\n    str x30, [sp, #16]\n"                                \
            "    mov x1, x30\n    bl jump_noted\n"                                                 \
            "    ldr x30, [sp, #16]\n    ldp x0, x1, [sp], #32\n    b " #name "\n");
#else
#define SETJMP(name)                                                                               \
    int suite_##name(void);                                                                        \
    int suite_##name(void)                                                                         \
    {                                                                                              \
        fail(VERDICT_ENVIRONMENT, CALLER, "setjmp can't be followed on this machine.");            \
    }
#endif

SETJMP(_setjmp)
SETJMP(__sigsetjmp)

static _Noreturn void jump_to(jmp_buf where, int value, const char *call, uintptr_t pc)
{
    const struct jump *jump = jump_at(where);

    if (!self)
        longjmp(where, value);
    memory_access((uintptr_t)where, sizeof(jmp_buf), READ, pc);
    if (!jump || jump->thread != self)
        fail(VERDICT_MISUSE, pc, "%s is called by %s with what its setjmp has not filled in.", call,
             thread_name(self));
    if (self->depth < jump->depth || frame_at(jump->depth) != jump->frame)
        fail(VERDICT_USE_AFTER_FREE, pc, "%s jumps back into a function that has returned.",
             thread_name(self));
    self->depth = jump->depth;
    longjmp(where, value);
}

STAND_IN(_Noreturn void, longjmp, jmp_buf where, int value)
{
    jump_to(where, value, "longjmp", CALLER);
}

STAND_IN(_Noreturn void, _longjmp, jmp_buf where, int value)
{
    jump_to(where, value, "_longjmp", CALLER);
}

STAND_IN(_Noreturn void, siglongjmp, sigjmp_buf where, int value)
{
    jump_to(where, value, "siglongjmp", CALLER);
}
