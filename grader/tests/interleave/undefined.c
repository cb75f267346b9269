/* undefined.c - what C does not define, and programs that come close to it. Built as code under test is. */
#include "suite.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static volatile int zero, one = 1, most = INT_MAX, least = INT_MIN, many = 32;
static volatile long sink;

TEST(misuse__division_by_zero, .hint = "undefined: division by zero")
{
    sink = one / zero;
}

TEST(misuse__remainder_by_zero, .hint = "undefined: division by zero")
{
    sink = one % zero;
}

/* gcc makes one multiplication of it, which divides by nothing. */
static bool is_too_large(size_t n, size_t size)
{
    return n > SIZE_MAX / size;
}

TEST(misuse__a_size_of_zero_in_a_check, .hint = "undefined: division by zero")
{
    sink = is_too_large((size_t)one, (size_t)zero);
}

#ifdef __SIZEOF_INT128__
static volatile __int128 huge = (__int128)1 << 100, none;

TEST(misuse__a_large_division_by_zero, .hint = "undefined: division by zero")
{
    sink = (long)(huge / none);
}

TEST(right__a_large_division)
{
    __int128 divisor = (__int128)1 << 90;

    sink = (long)(huge / divisor);
    check_equal(sink, 1024, "Its lower half is zero.");
}
#endif

TEST(misuse__smallest_by_minus_one, .hint = "signed overflow")
{
    sink = least / -one;
}

TEST(misuse__sum, .hint = "undefined: signed overflow")
{
    sink = most + one;
}

TEST(misuse__difference, .hint = "undefined: signed overflow")
{
    sink = least - one;
}

TEST(misuse__product, .hint = "undefined: signed overflow")
{
    sink = most * 2;
}

TEST(misuse__negation, .hint = "undefined: signed overflow")
{
    sink = -least;
}

TEST(misuse__shift, .hint = "undefined: shift")
{
    sink = one << many;
}

TEST(misuse__shift_by_less_than_nothing, .hint = "undefined: shift")
{
    sink = one >> -one;
}

TEST(misuse__misaligned, .hint = "undefined: misaligned")
{
    char *bytes = calloc(16, 1);
    int *number = (void *)(bytes + one);

    sink = *number;
}

TEST(misuse__index, .hint = "undefined: an index")
{
    int numbers[4] = {0};

    numbers[one + 3] = 1;
    sink = numbers[one];
}

TEST(misuse__an_array_of_less_than_nothing, .hint = "undefined: an array")
{
    char bytes[-one];

    sink = (long)sizeof bytes;
}

TEST(misuse__a_bool_of_fresh_memory, .hint = "undefined: a bool")
{
    bool *flag = malloc(sizeof *flag);

    sink = *flag;
}

TEST(misuse__zeros_of_zero, .hint = "undefined: the zeros")
{
    sink = __builtin_clz((unsigned)zero);
}

TEST(crashed__null, .hint = "NULL pointer")
{
    int *volatile nowhere = NULL;

    sink = *nowhere;
}

/* --------------------------------------------------------------------- what comes close, or is harmless */

TEST(right__unsigned_numbers_wrap)
{
    unsigned u = UINT_MAX;
    uint8_t small = 255;

    small++;
    check_equal(u + (unsigned)one + small, 0, "Unsigned numbers wrap.");
    check_equal((int)(int8_t)(zero + 255), -1, "And so do those that are made smaller.");
    check_equal(1 << (many - 1) != 0, 1, "The highest bit.");
    check_equal((least >> (many - 1)) != 0, 1, "The highest bit.");
}

struct trailing {
    int n;
    int numbers[];
};

struct old_trailing {
    int n;
    int numbers[1];
};

TEST(right__arrays_at_the_end_of_a_block)
{
    struct trailing *a = calloc(1, sizeof *a + 4 * sizeof(int));
    struct old_trailing *b = calloc(1, sizeof *b + 4 * sizeof(int));

    a->numbers[one + 2] = 1;
    b->numbers[one + 2] = 1;
    check_equal(a->numbers[3] + b->numbers[3], 2, "They are as long as the block.");
    free(a);
    free(b);
}

TEST(right__nothing_of_nothing)
{
    char *volatile nothing = NULL;

    check(nothing + zero == NULL, "Nothing is added.");
    memcpy(nothing, nothing, (size_t)zero);
    struct trailing *volatile none = NULL;
    check((uintptr_t)&none->numbers == sizeof(int), "An address is no access.");
}

struct __attribute__((packed)) packed {
    char first;
    int second;
};

TEST(right__a_packed_struct)
{
    struct packed *packed = calloc(1, sizeof *packed);

    packed->second = one;
    check_equal(packed->second, 1, "The compiler knows.");
    free(packed);
}
