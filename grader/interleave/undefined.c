/* undefined.c - the entry points that code compiled with -fsanitize=undefined calls: what C does not define, and
 * the processor may do without a word.
 *
 * The build (grader/build.mk) asks for what no right program does. A NULL pointer is told where it is used
 * (memory.c). gcc and clang agree on these names and on what they are given. */
#include "fail.h"

#include <stdint.h>

/* In the order in which a compiler lays them out: where it is, which is known by the address of the call, and of
 * what type. */
struct type {
    uint16_t kind, info; /* of an integer: the logarithm of its bits, and whether it is signed */
    char name[];
};

struct at_type {
    const char *file;
    uint32_t line, column;
    const struct type *type;
};

struct mismatch {
    struct at_type at;
    uint8_t log_alignment, kind;
};

struct shift {
    struct at_type at;
    const struct type *by;
};

static void undefined(const char *what, uintptr_t pc)
{
    if (self)
        fail(VERDICT_MISUSE, pc, "undefined: %s, by %s.", what, thread_name(self));
}

/* A value is given as it is, or, if it needs more than a word, by its address. */
static bool is_zero(uintptr_t value, const struct type *type)
{
    if (type->kind == 0 && 1u << (type->info >> 1) > 64)
        return !((const uint64_t *)value)[0] && !((const uint64_t *)value)[1];
    return !value;
}

#define HANDLER(name, ...)                                                                         \
    void __ubsan_handle_##name(__VA_ARGS__);                                                       \
    void __ubsan_handle_##name(__VA_ARGS__)

#define OVERFLOW_OF(name, what)                                                                    \
    HANDLER(name##_overflow, const struct at_type *at, uintptr_t left, uintptr_t right)            \
    {                                                                                              \
        (void)at;                                                                                  \
        (void)left;                                                                                \
        (void)right;                                                                               \
        undefined("signed overflow, a " what " does not fit", CALLER);                             \
    }

OVERFLOW_OF(add, "sum")
OVERFLOW_OF(sub, "difference")
OVERFLOW_OF(mul, "product")

HANDLER(negate_overflow, const struct at_type *at, uintptr_t value)
{
    (void)at;
    (void)value;
    undefined("signed overflow, the smallest number is negated", CALLER);
}

HANDLER(divrem_overflow, const struct at_type *at, uintptr_t left, uintptr_t right)
{
    (void)left;
    undefined(is_zero(right, at->type) ? "division by zero"
                                       : "signed overflow, the smallest number is divided by -1",
              CALLER);
}

HANDLER(shift_out_of_bounds, const struct shift *at, uintptr_t left, uintptr_t right)
{
    (void)at;
    (void)left;
    (void)right;
    undefined("shift by a negative number, or by as many bits as there are", CALLER);
}

HANDLER(type_mismatch_v1, const struct mismatch *at, uintptr_t pointer)
{
    if (pointer & ((UINT64_C(1) << at->log_alignment) - 1))
        undefined("misaligned, its type can't be at this address", CALLER);
}

HANDLER(out_of_bounds, const void *at, uintptr_t index)
{
    (void)at;
    (void)index;
    undefined("an index beyond the array", CALLER);
}

HANDLER(vla_bound_not_positive, const struct at_type *at, uintptr_t bound)
{
    (void)at;
    (void)bound;
    undefined("an array of no elements, or of a negative number of them", CALLER);
}

HANDLER(load_invalid_value, const struct at_type *at, uintptr_t value)
{
    (void)at;
    (void)value;
    undefined("a bool that is neither true nor false", CALLER);
}

HANDLER(builtin_unreachable, const void *at)
{
    (void)at;
    undefined("a place that was said not to be reached", CALLER);
}

HANDLER(invalid_builtin, const void *at)
{
    (void)at;
    undefined("the zeros of zero can't be counted", CALLER);
}
