/* random.c - see random.h. */
#include "random.h"

uint64_t random_state;

void random_begin(uint64_t state)
{
    random_state = state;
    random_next();
}
