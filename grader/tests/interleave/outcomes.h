/* outcomes.h - a litmus test, as outcomes_main.c reads it from litmus.txt and outcomes.c runs it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { MOST_THREADS = 4, MOST_STEPS_EACH = 12, MOST_REGISTERS = 12, ATOMIC_PLACES = 3, PLACES = 5 };

/* op: W store, R load, F fence, X exchange, A fetch_add, O fetch_or, C compare_exchange_strong,
 * c compare_exchange_weak, ? go on only if the last value read was that. place: x y z are atomic, and d e are
 * not. Orders: . relaxed, a acquire, r release, b acq_rel, s seq_cst, - plain. */
struct instruction {
    char op, order, failure;
    uint8_t place, value, wanted;
};

struct litmus {
    unsigned bits; /* of each place */
    unsigned threads, length[MOST_THREADS];
    struct instruction code[MOST_THREADS][MOST_STEPS_EACH];
};

extern const struct litmus *litmus;

/* A small number as it is stored, and as it is told: with bits in each byte. */
uint64_t spread(unsigned value);
unsigned unspread(uint64_t value);

/* What a thread has read. */
void keep_registers(unsigned thread, const uint64_t registers[], unsigned n);

/* What the atomic places hold in the end. */
void keep_place(unsigned place, uint64_t value);
