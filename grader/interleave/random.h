/* random.h - random numbers, the same in every run (splitmix64). */
#pragma once

#include <stdint.h>

extern uint64_t random_state;

static inline uint64_t random_next(void)
{
    uint64_t z = random_state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline unsigned random_below(unsigned n)
{
    return (unsigned)(((random_next() >> 32) * n) >> 32);
}

void random_begin(uint64_t state);
