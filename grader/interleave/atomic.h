/* atomic.h - C11 atomics with the freedom the standard gives them: the memory model RC11 (Lahav,
 * Vafeiadis, Kang, Hur, Dreyer, PLDI 2017), outcome for outcome.
 *
 * The stores to a location stand in modification order (history.h). Each operation meets one of them: a load
 * reads it, a store comes right after it, a read-modify-write does both, and an exchange that fails on it only
 * reads. That is the newest one if nobody interferes. It may be an older one unless coherence forbids it (a
 * newer store, or somebody's reading it, happens before), a read-modify-write that has read it stands
 * in between, or there would be no single total order of the seq_cst operations (order.h). The strategy draws.
 * A store that does not come last is overtaken by those behind it: others may never see it.
 *
 * An older store is met only where that is no other schedule (comes_after): what could as well have been executed
 * before the newer store is, there.
 *
 * Whether there is a race is decided by the release sequences of C11 and C23 (5.1.2.4): stores of its head's
 * thread go on with it, but not behind a store of another one. In C++20 they do not at all. In RC11 they do
 * always; which outcomes there are, and so which values may be read, is decided by that.
 *
 * Not modelled: a load that reads a store of the future (load buffering, which RC11 forbids), and accesses
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
