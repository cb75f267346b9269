/* tsan.c - the entry points that code compiled with -fsanitize=thread calls.
 *
 * gcc (12) and clang (14) agree on most names; gcc's compare-exchange is _strong and _weak, clang's
 * is also _val, and newer clang calls __tsan_memcpy and its like. */
#include "atomic.h"
#include "memory.h"

#include <string.h>

void __tsan_init(void)
{
}

void __tsan_ignore_thread_begin(void)
{
}

void __tsan_ignore_thread_end(void)
{
}

void __tsan_func_entry(void *call)
{
    if (!self)
        return;
    run.entered++;
    if (self->depth++ >= MAX_CALL_DEPTH)
        return;
    self->calls[self->depth - 1] = (uintptr_t)call - 1;
    self->frames[self->depth - 1].base = *(uintptr_t *)__builtin_frame_address(0);
    self->frames[self->depth - 1].number = run.entered;
}

void __tsan_func_exit(void)
{
    if (!self)
        return;
    memory_frames_are_gone((uintptr_t)__builtin_frame_address(0), CALLER);
    if (self->depth && --self->depth == self->body_depth + 1) {
        run.returned = run.steps;
        run.work = 0;
    }
}

/* Of -fsanitize-coverage=trace-pc: an edge of the control flow is passed. */
void __sanitizer_cov_trace_pc(void);
void __sanitizer_cov_trace_pc(void)
{
    if (!--run.edges_left)
        memory_edges(CALLER);
}

/* C++ only, but harmless. */
void __tsan_vptr_update(void **where, void *value)
{
    (void)value;
    memory_access((uintptr_t)where, sizeof *where, WRITE, CALLER);
}

void __tsan_vptr_read(void **where)
{
    memory_access((uintptr_t)where, sizeof *where, READ, CALLER);
}

void __tsan_read_range(void *where, size_t size)
{
    memory_access((uintptr_t)where, size, READ, CALLER);
}

void __tsan_write_range(void *where, size_t size)
{
    memory_access((uintptr_t)where, size, WRITE, CALLER);
}

/* ----------------------------------------------------------------------------- plain accesses */

#define PLAIN(name, size, kind)                                                                    \
    void name(void *where);                                                                        \
    void name(void *where)                                                                         \
    {                                                                                              \
        memory_access((uintptr_t)where, size, kind, CALLER);                                       \
    }

#define PLAIN_OF_SIZE(size)                                                                        \
    PLAIN(__tsan_read##size, size, READ)                                                           \
    PLAIN(__tsan_write##size, size, WRITE)                                                         \
    PLAIN(__tsan_read_write##size, size, WRITE)                                                    \
    PLAIN(__tsan_unaligned_read##size, size, READ)                                                 \
    PLAIN(__tsan_unaligned_write##size, size, WRITE)                                               \
    PLAIN(__tsan_unaligned_read_write##size, size, WRITE)                                          \
    PLAIN(__tsan_volatile_read##size, size, READ)                                                  \
    PLAIN(__tsan_volatile_write##size, size, WRITE)                                                \
    PLAIN(__tsan_unaligned_volatile_read##size, size, READ)                                        \
    PLAIN(__tsan_unaligned_volatile_write##size, size, WRITE)

PLAIN_OF_SIZE(1)
PLAIN_OF_SIZE(2)
PLAIN_OF_SIZE(4)
PLAIN_OF_SIZE(8)
PLAIN_OF_SIZE(16)

/* What clang tells of a struct that is passed by value, and of nothing else: PASSED in grader/build.mk. */
PLAIN(__asan_load1, 1, READ)
PLAIN(__asan_load2, 2, READ)
PLAIN(__asan_load4, 4, READ)
PLAIN(__asan_load8, 8, READ)
PLAIN(__asan_load16, 16, READ)

void __asan_loadN(void *where, size_t size);
void __asan_loadN(void *where, size_t size)
{
    memory_access((uintptr_t)where, size, READ, CALLER);
}

void __asan_handle_no_return(void);
void __asan_handle_no_return(void)
{
}

/* ------------------------------------------------------------------------------------ atomics */

#define MODIFY(bits, name, operation)                                                              \
    uint##bits##_t __tsan_atomic##bits##_##name(volatile uint##bits##_t *where,                    \
                                                uint##bits##_t operand, int order);                \
    uint##bits##_t __tsan_atomic##bits##_##name(volatile uint##bits##_t *where,                    \
                                                uint##bits##_t operand, int order)                 \
    {                                                                                              \
        return (uint##bits##_t)atomic_modify(where, bits / 8, operation, operand, order, CALLER);  \
    }

#define COMPARE_EXCHANGE(bits, name, weak)                                                         \
    int __tsan_atomic##bits##_compare_exchange_##name(                                             \
        volatile uint##bits##_t *where, uint##bits##_t *expected, uint##bits##_t value, int order, \
        int failure_order);                                                                        \
    int __tsan_atomic##bits##_compare_exchange_##name(                                             \
        volatile uint##bits##_t *where, uint##bits##_t *expected, uint##bits##_t value, int order, \
        int failure_order)                                                                         \
    {                                                                                              \
        bool failed;                                                                               \
        uint##bits##_t wanted = *expected;                                                         \
        uint##bits##_t found = (uint##bits##_t)atomic_compare_exchange(                            \
            where, bits / 8, wanted, value, order, failure_order, weak, &failed, CALLER);          \
        if (found == wanted)                                                                       \
            return !failed;                                                                        \
        memory_access((uintptr_t)expected, sizeof *expected, WRITE, CALLER);                       \
        *expected = found;                                                                         \
        return 0;                                                                                  \
    }

#define ATOMICS(bits)                                                                              \
    uint##bits##_t __tsan_atomic##bits##_load(const volatile uint##bits##_t *where, int order);    \
    uint##bits##_t __tsan_atomic##bits##_load(const volatile uint##bits##_t *where, int order)     \
    {                                                                                              \
        return (uint##bits##_t)atomic_load_value(where, bits / 8, order, CALLER);                  \
    }                                                                                              \
    void __tsan_atomic##bits##_store(volatile uint##bits##_t *where, uint##bits##_t value,         \
                                     int order);                                                   \
    void __tsan_atomic##bits##_store(volatile uint##bits##_t *where, uint##bits##_t value,         \
                                     int order)                                                    \
    {                                                                                              \
        atomic_store_value(where, bits / 8, value, order, CALLER);                                 \
    }                                                                                              \
    MODIFY(bits, exchange, ATOMIC_EXCHANGE)                                                        \
    MODIFY(bits, fetch_add, ATOMIC_ADD)                                                            \
    MODIFY(bits, fetch_sub, ATOMIC_SUB)                                                            \
    MODIFY(bits, fetch_and, ATOMIC_AND)                                                            \
    MODIFY(bits, fetch_or, ATOMIC_OR)                                                              \
    MODIFY(bits, fetch_xor, ATOMIC_XOR)                                                            \
    MODIFY(bits, fetch_nand, ATOMIC_NAND)                                                          \
    COMPARE_EXCHANGE(bits, strong, false)                                                          \
    COMPARE_EXCHANGE(bits, weak, true)                                                             \
    uint##bits##_t __tsan_atomic##bits##_compare_exchange_val(                                     \
        volatile uint##bits##_t *where, uint##bits##_t expected, uint##bits##_t value, int order,  \
        int failure_order);                                                                        \
    uint##bits##_t __tsan_atomic##bits##_compare_exchange_val(                                     \
        volatile uint##bits##_t *where, uint##bits##_t expected, uint##bits##_t value, int order,  \
        int failure_order)                                                                         \
    {                                                                                              \
        bool failed;                                                                               \
        return (uint##bits##_t)atomic_compare_exchange(where, bits / 8, expected, value, order,    \
                                                       failure_order, false, &failed, CALLER);     \
    }

typedef atomic_value uint128_t;

ATOMICS(8)
ATOMICS(16)
ATOMICS(32)
ATOMICS(64)
ATOMICS(128)

void __tsan_atomic_thread_fence(int order)
{
    atomic_fence(order, CALLER);
}

void __tsan_atomic_signal_fence(int order)
{
    (void)order; /* only stops the compiler */
}
