/* untold.c - races through accesses that not every compiler tells the runtime of. Which one tells which
 * stands in test_interleave.py, and for students in docs/how-the-checks-work.md. */
#include "suite.h"

#include <stdlib.h>

struct large {
    long numbers[8];
};

static struct large large, seen;
static struct {
    unsigned twenty : 20, twelve : 12;
} bits;
static long double wide;

/* One thread does this, and another that: each access of the one races with that of the other. */
static void race(void *(*this)(void *), void *(*that)(void *))
{
    pthread_t a = spawn(this, NULL), b = spawn(that, NULL);

    join(a);
    join(b);
}

static void *write_a_number(void *unused)
{
    large.numbers[3] = 1;
    return unused;
}

static __attribute__((noinline)) long third_of(struct large copy)
{
    return copy.numbers[3];
}

static void *pass_it(void *unused)
{
    return third_of(large) ? unused : NULL;
}

TEST(a_struct_that_is_passed)
{
    race(write_a_number, pass_it);
}

static __attribute__((noinline)) struct large copy_of(const struct large *it)
{
    return *it;
}

static void *return_it(void *unused)
{
    large = copy_of(&seen);
    return unused;
}

TEST(a_struct_that_is_returned)
{
    race(write_a_number, return_it);
}

static void *copy_it(void *unused)
{
    __builtin_memcpy(&seen, &large, sizeof seen);
    return unused;
}

TEST(a_builtin_memcpy)
{
    race(write_a_number, copy_it);
}

static void *write_bits(void *unused)
{
    bits.twenty = 1;
    return unused;
}

TEST(a_bit_field_of_20_bits)
{
    race(write_bits, write_bits);
}

static void *write_wide(void *unused)
{
    wide = 1;
    return unused;
}

TEST(a_long_double)
{
    race(write_wide, write_wide);
}

static void *assign_it(void *unused)
{
    seen = large;
    return unused;
}

TEST(a_struct_that_is_assigned)
{
    race(write_a_number, assign_it);
}
