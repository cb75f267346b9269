/* fiber.c - see fiber.h. One switch in assembly per architecture, ucontext for the others. */
#include "fiber.h"

#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)

void fiber_swap_stacks(void **save, void *load);
__asm__(".text\n"
        ".globl fiber_swap_stacks\n"
        ".type fiber_swap_stacks, @function\n"
        "fiber_swap_stacks:\n"
        "    pushq %rbp\n"
        "    pushq %rbx\n"
        "    pushq %r12\n"
        "    pushq %r13\n"
        "    pushq %r14\n"
        "    pushq %r15\n"
        "    movq %rsp, (%rdi)\n"
        "    movq %rsi, %rsp\n"
        "    popq %r15\n"
        "    popq %r14\n"
        "    popq %r13\n"
        "    popq %r12\n"
        "    popq %rbx\n"
        "    popq %rbp\n"
        "    ret\n"
        ".size fiber_swap_stacks, . - fiber_swap_stacks\n");

/* The frame fiber_swap_stacks pops: six registers, the address it returns to, and above it a return
 * address of 0, which ends a debugger's back trace and leaves the stack aligned as after a call. */
enum { FRAME_WORDS = 8, FRAME_ENTRY = 6 };

enum { SET_FS = 0x1002, HAS_WRFSBASE = 2 }; /* of arch_prctl, and in AT_HWCAP2 */

void *fiber_thread_pointer(void)
{
    void *pointer;

    __asm__("movq %%fs:0, %0" : "=r"(pointer));
    return pointer;
}

static void set_thread_pointer(void *pointer)
{
    static int has_instruction = -1;

    if (has_instruction == -1)
        has_instruction = (getauxval(AT_HWCAP2) & HAS_WRFSBASE) != 0;
    if (has_instruction)
        __asm__ volatile("wrfsbase %0" : : "r"(pointer) : "memory");
    else
        syscall(SYS_arch_prctl, SET_FS, pointer);
}

#elif defined(__aarch64__)

void fiber_swap_stacks(void **save, void *load);
__asm__(".text\n"
        ".globl fiber_swap_stacks\n"
        ".type fiber_swap_stacks, %function\n"
        "fiber_swap_stacks:\n"
        "    sub sp, sp, #160\n"
        "    stp x29, x30, [sp, #0]\n"
        "    stp x19, x20, [sp, #16]\n"
        "    stp x21, x22, [sp, #32]\n"
        "    stp x23, x24, [sp, #48]\n"
        "    stp x25, x26, [sp, #64]\n"
        "    stp x27, x28, [sp, #80]\n"
        "    stp d8, d9, [sp, #96]\n"
        "    stp d10, d11, [sp, #112]\n"
        "    stp d12, d13, [sp, #128]\n"
        "    stp d14, d15, [sp, #144]\n"
        "    mov x2, sp\n"
        "    str x2, [x0]\n"
        "    mov sp, x1\n"
        "    ldp x29, x30, [sp, #0]\n"
        "    ldp x19, x20, [sp, #16]\n"
        "    ldp x21, x22, [sp, #32]\n"
        "    ldp x23, x24, [sp, #48]\n"
        "    ldp x25, x26, [sp, #64]\n"
        "    ldp x27, x28, [sp, #80]\n"
        "    ldp d8, d9, [sp, #96]\n"
        "    ldp d10, d11, [sp, #112]\n"
        "    ldp d12, d13, [sp, #128]\n"
        "    ldp d14, d15, [sp, #144]\n"
        "    add sp, sp, #160\n"
        "    ret\n"
        ".size fiber_swap_stacks, . - fiber_swap_stacks\n");

enum { FRAME_WORDS = 20, FRAME_ENTRY = 1 }; /* as above; the entry is what x30 is loaded with */

void *fiber_thread_pointer(void)
{
    void *pointer;

    __asm__("mrs %0, tpidr_el0" : "=r"(pointer));
    return pointer;
}

static void set_thread_pointer(void *pointer)
{
    __asm__ volatile("msr tpidr_el0, %0" : : "r"(pointer) : "memory");
}

#endif

#if defined(__x86_64__) || defined(__aarch64__)

void fiber_prepare(struct fiber *fiber, void *stack, size_t size, void (*entry)(void))
{
    uintptr_t *top = (uintptr_t *)(((uintptr_t)stack + size) & ~(uintptr_t)15);
    uintptr_t *frame = top - FRAME_WORDS;

    memset(frame, 0, FRAME_WORDS * sizeof *frame);
    frame[FRAME_ENTRY] = (uintptr_t)entry;
    fiber->stack_pointer = frame;
}

void fiber_switch(struct fiber *from, const struct fiber *to)
{
    if (from->thread_pointer != to->thread_pointer)
        set_thread_pointer(to->thread_pointer);
    fiber_swap_stacks(&from->stack_pointer, to->stack_pointer);
}

uintptr_t fiber_stack_pointer(const struct fiber *fiber)
{
    return (uintptr_t)fiber->stack_pointer;
}

#else

uintptr_t fiber_stack_pointer(const struct fiber *fiber)
{
    (void)fiber;
    return 0;
}

void *fiber_thread_pointer(void)
{
    return NULL;
}

void fiber_prepare(struct fiber *fiber, void *stack, size_t size, void (*entry)(void))
{
    getcontext(&fiber->context);
    fiber->context.uc_stack.ss_sp = stack;
    fiber->context.uc_stack.ss_size = size;
    fiber->context.uc_link = NULL;
    makecontext(&fiber->context, entry, 0);
}

void fiber_switch(struct fiber *from, const struct fiber *to)
{
    swapcontext(&from->context, &to->context);
}

#endif
