/* atomic.h - C11 atomics with the freedom the standard gives them.
 *
 * A location remembers its last stores. A load that nothing forces to see the newest one may be
 * given an older one: the strategy draws. What forces it: that the newer store, or somebody's
 * reading it, happens before the load; and for seq_cst loads and after seq_cst fences, the single
 * total order, which here is the order in which the operations were taken. A fence counts for every
 * load that it happens before, those of other threads included. It passes on all that happens before
 * it, and what was read there, as in RC11, in C++20 and on all processors; C11's text lets IRIW with
 * fences be. A release sequence is that of C11 and C23 (5.1.2.4): stores of its head's thread go on
 * with it. In C++20 they do not.
 *
 * Not modelled: a load that reads a store of the future (load buffering), stores that enter the
 * modification order before older ones (2+2W), an exchange that fails on an old value, and accesses
 * of different size to one location. */
#pragma once

#include "history.h"

enum atomic_operation {
    ATOMIC_EXCHANGE,
    ATOMIC_ADD,
    ATOMIC_SUB,
    ATOMIC_AND,
    ATOMIC_OR,
    ATOMIC_XOR,
    ATOMIC_NAND
};

atomic_value atomic_load_value(const volatile void *where, unsigned size, int order, uintptr_t pc);
void atomic_store_value(volatile void *where, unsigned size, atomic_value value, int order,
                        uintptr_t pc);
atomic_value atomic_modify(volatile void *where, unsigned size, enum atomic_operation operation,
                           atomic_value operand, int order, uintptr_t pc);

/* Returns the value found; it was `expected` if the exchange took place, unless weak made it fail
 * (*failed). */
atomic_value atomic_compare_exchange(volatile void *where, unsigned size, atomic_value expected,
                                     atomic_value value, int order, int failure_order, bool weak,
                                     bool *failed, uintptr_t pc);
void atomic_fence(int order, uintptr_t pc);

/* What the system does within a step of its own: it looks at the newest value, and is a full fence. */
atomic_value atomic_newest(const volatile void *where, unsigned size, uintptr_t pc);
void atomic_barrier(void);

/* A new schedule: there were no atomics yet. */
void atomic_begin(void);
