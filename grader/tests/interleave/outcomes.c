/* outcomes.c - runs the litmus test it is given: each order of each operation stands here as it would in a
 * program, so that the compiler's code for it is tried. */
#include "suite.h"

#include "outcomes.h"

#include <stdatomic.h>

static uint64_t plain[PLACES - ATOMIC_PLACES];

#define RELAXED memory_order_relaxed
#define ACQUIRE memory_order_acquire
#define RELEASE memory_order_release
#define BOTH memory_order_acq_rel
#define SEQ_CST memory_order_seq_cst

/* An operation with the order it has: of loads, of stores, of all others. */
#define LOAD_OF(order, ...)                                                                        \
    (order == '.'   ? atomic_load_explicit(__VA_ARGS__, RELAXED)                                   \
     : order == 'a' ? atomic_load_explicit(__VA_ARGS__, ACQUIRE)                                   \
                    : atomic_load_explicit(__VA_ARGS__, SEQ_CST))
#define STORE_OF(order, ...)                                                                       \
    (order == '.'   ? atomic_store_explicit(__VA_ARGS__, RELAXED)                                  \
     : order == 'r' ? atomic_store_explicit(__VA_ARGS__, RELEASE)                                  \
                    : atomic_store_explicit(__VA_ARGS__, SEQ_CST))
#define MODIFY_OF(operation, order, ...)                                                           \
    (order == '.'   ? operation(__VA_ARGS__, RELAXED)                                              \
     : order == 'a' ? operation(__VA_ARGS__, ACQUIRE)                                              \
     : order == 'r' ? operation(__VA_ARGS__, RELEASE)                                              \
     : order == 'b' ? operation(__VA_ARGS__, BOTH)                                                 \
                    : operation(__VA_ARGS__, SEQ_CST))
#define SUCCEEDS_OR_FAILS(operation, i, ...)                                                       \
    (i->order == '.'     ? operation(__VA_ARGS__, RELAXED, RELAXED)                                \
     : i->order == 'r'   ? operation(__VA_ARGS__, RELEASE, RELAXED)                                \
     : i->order == 'a'   ? (i->failure == '.' ? operation(__VA_ARGS__, ACQUIRE, RELAXED)           \
                                              : operation(__VA_ARGS__, ACQUIRE, ACQUIRE))          \
     : i->order == 'b'   ? (i->failure == '.' ? operation(__VA_ARGS__, BOTH, RELAXED)              \
                                              : operation(__VA_ARGS__, BOTH, ACQUIRE))             \
     : i->failure == '.' ? operation(__VA_ARGS__, SEQ_CST, RELAXED)                                \
     : i->failure == 'a' ? operation(__VA_ARGS__, SEQ_CST, ACQUIRE)                                \
                         : operation(__VA_ARGS__, SEQ_CST, SEQ_CST))

/* Does one instruction on an atomic of so many bits. How many values it has read: they are in read. */
#define ATOMIC_OF(bits)                                                                            \
    static _Atomic uint##bits##_t place_##bits[ATOMIC_PLACES];                                     \
    static unsigned do_##bits(const struct instruction *i, uint64_t read[])                        \
    {                                                                                              \
        _Atomic uint##bits##_t *place = &place_##bits[i->place];                                   \
        uint##bits##_t value = (uint##bits##_t)spread(i->value);                                   \
        uint##bits##_t found = (uint##bits##_t)spread(i->wanted);                                  \
        switch (i->op) {                                                                           \
        case 'W':                                                                                  \
            STORE_OF(i->order, place, value);                                                      \
            return 0;                                                                              \
        case 'R':                                                                                  \
            read[0] = LOAD_OF(i->order, place);                                                    \
            return 1;                                                                              \
        case 'X':                                                                                  \
            read[0] = MODIFY_OF(atomic_exchange_explicit, i->order, place, value);                 \
            return 1;                                                                              \
        case 'A':                                                                                  \
            read[0] = MODIFY_OF(atomic_fetch_add_explicit, i->order, place, value);                \
            return 1;                                                                              \
        case 'O':                                                                                  \
            read[0] = MODIFY_OF(atomic_fetch_or_explicit, i->order, place, value);                 \
            return 1;                                                                              \
        case 'C':                                                                                  \
            read[0] = spread(SUCCEEDS_OR_FAILS(atomic_compare_exchange_strong_explicit, i, place,  \
                                               &found, value));                                    \
            read[1] = found;                                                                       \
            return 2;                                                                              \
        default:                                                                                   \
            read[0] = spread(SUCCEEDS_OR_FAILS(atomic_compare_exchange_weak_explicit, i, place,    \
                                               &found, value));                                    \
            read[1] = found;                                                                       \
            return 2;                                                                              \
        }                                                                                          \
    }

ATOMIC_OF(8)
ATOMIC_OF(16)
ATOMIC_OF(32)
ATOMIC_OF(64)

static void fence(char order)
{
    switch (order) {
    case 'a':
        atomic_thread_fence(ACQUIRE);
        break;
    case 'r':
        atomic_thread_fence(RELEASE);
        break;
    case 'b':
        atomic_thread_fence(BOTH);
        break;
    default:
        atomic_thread_fence(SEQ_CST);
    }
}

static unsigned do_plain(const struct instruction *i, uint64_t read[])
{
    if (i->op == 'W') {
        plain[i->place - ATOMIC_PLACES] = spread(i->value);
        return 0;
    }
    read[0] = plain[i->place - ATOMIC_PLACES];
    return 1;
}

static unsigned do_one(const struct instruction *i, uint64_t read[])
{
    if (i->op == 'F') {
        fence(i->order);
        return 0;
    }
    if (i->order == '-')
        return do_plain(i, read);
    return litmus->bits == 8    ? do_8(i, read)
           : litmus->bits == 16 ? do_16(i, read)
           : litmus->bits == 32 ? do_32(i, read)
                                : do_64(i, read);
}

static void *run_thread(void *number)
{
    unsigned thread = (unsigned)(uintptr_t)number, n = 0;
    uint64_t registers[MOST_REGISTERS] = {0};

    for (unsigned at = 0; at < litmus->length[thread]; at++) {
        const struct instruction *i = &litmus->code[thread][at];
        if (i->op != '?')
            n += do_one(i, &registers[n]);
        else if (unspread(registers[n - 1]) != i->value)
            break;
    }
    keep_registers(thread, registers, n);
    return NULL;
}

TEST(outcome)
{
    pthread_t threads[MOST_THREADS];

    for (unsigned t = 0; t < litmus->threads; t++)
        threads[t] = spawn(run_thread, (void *)(uintptr_t)t);
    for (unsigned t = 0; t < litmus->threads; t++)
        join(threads[t]);
    for (unsigned place = 0; place < ATOMIC_PLACES; place++)
        keep_place(place, litmus->bits == 8    ? place_8[place]
                          : litmus->bits == 16 ? place_16[place]
                          : litmus->bits == 32 ? place_32[place]
                                               : place_64[place]);
}
