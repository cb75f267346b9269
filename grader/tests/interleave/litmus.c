/* litmus.c - the memory model, as litmus tests; their names (SB, MP, IRIW, ...) are those of the papers.
 *
 * seen__...    an outcome C11 allows: the scheduler must come across it (so its check must fail)
 * never__...   an outcome C11 forbids: no schedule may show it
 *
 * Not among them, since C11 allows it and the scheduler doesn't produce it (atomic.h): load buffering with both
 * loads reading the other's store. litmus.txt has thousands more, with all outcomes of each. */
#include "suite.h"

#include <semaphore.h>
#include <stdatomic.h>

static atomic_int x, y, z;
static int data;
static int r1, r2, r3, r4;

#define STORE(where, value, order) atomic_store_explicit(&where, value, memory_order_##order)
#define LOAD(where, order) atomic_load_explicit(&where, memory_order_##order)
#define FENCE(order) atomic_thread_fence(memory_order_##order)

/* A thread of a litmus test: its name and what it does. */
#define THREAD(name, ...)                                                                          \
    static void *name(void *unused)                                                                \
    {                                                                                              \
        __VA_ARGS__;                                                                               \
        return unused;                                                                             \
    }

THREAD(nothing, (void)0)

#define OUTCOME "this outcome"

static void run_2(void *(*a)(void *), void *(*b)(void *))
{
    pthread_t one = spawn_named("a", a, NULL), two = spawn_named("b", b, NULL);

    join(one);
    join(two);
}

static void run_4(void *(*a)(void *), void *(*b)(void *), void *(*c)(void *), void *(*d)(void *))
{
    pthread_t one = spawn_named("a", a, NULL), two = spawn_named("b", b, NULL);

    run_2(c, d);
    join(one);
    join(two);
}

/* ------------------------------------------------------------------------ store buffering (SB) */

THREAD(sb_relaxed_1, STORE(x, 1, relaxed); r1 = LOAD(y, relaxed))
THREAD(sb_relaxed_2, STORE(y, 1, relaxed); r2 = LOAD(x, relaxed))
THREAD(sb_release_1, STORE(x, 1, release); r1 = LOAD(y, acquire))
THREAD(sb_release_2, STORE(y, 1, release); r2 = LOAD(x, acquire))
THREAD(sb_sc_1, STORE(x, 1, seq_cst); r1 = LOAD(y, seq_cst))
THREAD(sb_sc_2, STORE(y, 1, seq_cst); r2 = LOAD(x, seq_cst))
THREAD(sb_fence_1, STORE(x, 1, relaxed); FENCE(seq_cst); r1 = LOAD(y, relaxed))
THREAD(sb_fence_2, STORE(y, 1, relaxed); FENCE(seq_cst); r2 = LOAD(x, relaxed))
THREAD(sb_weak_fence_1, STORE(x, 1, relaxed); FENCE(acq_rel); r1 = LOAD(y, relaxed))
THREAD(sb_weak_fence_2, STORE(y, 1, relaxed); FENCE(acq_rel); r2 = LOAD(x, relaxed))
THREAD(sb_rmw_1, atomic_fetch_add(&x, 1); r1 = LOAD(y, seq_cst))
THREAD(sb_rmw_2, atomic_fetch_add(&y, 1); r2 = LOAD(x, seq_cst))

TEST(seen__store_buffering_relaxed)
{
    run_2(sb_relaxed_1, sb_relaxed_2);
    check(!(r1 == 0 && r2 == 0), OUTCOME);
}

TEST(seen__store_buffering_release_acquire)
{
    run_2(sb_release_1, sb_release_2);
    check(!(r1 == 0 && r2 == 0), OUTCOME);
}

TEST(seen__store_buffering_with_fences_that_are_not_seq_cst)
{
    run_2(sb_weak_fence_1, sb_weak_fence_2);
    check(!(r1 == 0 && r2 == 0), OUTCOME);
}

TEST(seen__store_buffering_one_fence_is_not_enough)
{
    run_2(sb_fence_1, sb_relaxed_2);
    check(!(r1 == 0 && r2 == 0), OUTCOME);
}

TEST(never__store_buffering_seq_cst)
{
    run_2(sb_sc_1, sb_sc_2);
    check(!(r1 == 0 && r2 == 0), OUTCOME);
}

TEST(never__store_buffering_fences)
{
    run_2(sb_fence_1, sb_fence_2);
    check(!(r1 == 0 && r2 == 0), OUTCOME);
}

TEST(never__store_buffering_seq_cst_read_modify_write)
{
    run_2(sb_rmw_1, sb_rmw_2);
    check(!(r1 == 0 && r2 == 0), OUTCOME);
}

THREAD(sb_exchange_1, atomic_exchange(&x, 1); r1 = LOAD(y, relaxed))
THREAD(sb_exchange_2, atomic_exchange(&y, 1); r2 = LOAD(x, relaxed))
THREAD(sb_signal_fence_1, STORE(x, 1, relaxed); atomic_signal_fence(memory_order_seq_cst);
       r1 = LOAD(y, relaxed))
THREAD(sb_signal_fence_2, STORE(y, 1, relaxed); atomic_signal_fence(memory_order_seq_cst);
       r2 = LOAD(x, relaxed))
THREAD(sb_half_1, STORE(x, 1, seq_cst); r1 = LOAD(y, acquire))
THREAD(sb_half_2, STORE(y, 1, seq_cst); r2 = LOAD(x, acquire))

TEST(seen__store_buffering_with_loads_that_are_not_seq_cst)
{
    run_2(sb_half_1, sb_half_2);
    check(!(r1 == 0 && r2 == 0), OUTCOME);
}

TEST(seen__store_buffering_a_seq_cst_exchange_is_no_fence)
{
    run_2(sb_exchange_1, sb_exchange_2);
    check(!(r1 == 0 && r2 == 0), OUTCOME);
}

TEST(seen__store_buffering_a_signal_fence_is_no_fence)
{
    run_2(sb_signal_fence_1, sb_signal_fence_2);
    check(!(r1 == 0 && r2 == 0), OUTCOME);
}

THREAD(sb_store, STORE(x, 1, relaxed))
THREAD(sb_fence_3, STORE(y, 1, relaxed); FENCE(seq_cst); STORE(z, 1, release))
THREAD(sb_load_behind_3, r2 = LOAD(z, acquire) ? LOAD(x, relaxed) : 1)
THREAD(sb_load_relaxed_behind_3, r2 = LOAD(z, relaxed) ? LOAD(x, relaxed) : 1)

TEST(never__store_buffering_a_store_joined_before_the_fence)
{
    pthread_t a = spawn_named("a", sb_store, NULL), b = spawn_named("b", sb_fence_2, NULL);

    join(a);
    FENCE(seq_cst);
    r1 = LOAD(y, relaxed);
    join(b);
    check(!(r1 == 0 && r2 == 0), OUTCOME);
}

TEST(never__store_buffering_a_fence_that_happens_before_the_load_of_another_thread)
{
    run_4(sb_fence_1, sb_fence_3, sb_load_behind_3, nothing);
    check(!(r1 == 0 && r2 == 0), OUTCOME);
}

TEST(seen__store_buffering_a_fence_that_does_not_happen_before_the_load)
{
    run_4(sb_fence_1, sb_fence_3, sb_load_relaxed_behind_3, nothing);
    check(!(r1 == 0 && r2 == 0), OUTCOME);
}

THREAD(sb_thrice_1, atomic_fetch_add_explicit(&x, 1, memory_order_relaxed);
       atomic_fetch_add_explicit(&x, 1, memory_order_relaxed);
       atomic_fetch_add_explicit(&x, 1, memory_order_relaxed); r1 = LOAD(y, relaxed))
THREAD(sb_thrice_2, atomic_fetch_add_explicit(&y, 1, memory_order_relaxed);
       atomic_fetch_add_explicit(&y, 1, memory_order_relaxed);
       atomic_fetch_add_explicit(&y, 1, memory_order_relaxed); r2 = LOAD(x, relaxed))
THREAD(sb_thrice_fence_1, atomic_fetch_add_explicit(&x, 1, memory_order_relaxed);
       atomic_fetch_add_explicit(&x, 1, memory_order_relaxed);
       atomic_fetch_add_explicit(&x, 1, memory_order_relaxed); FENCE(seq_cst);
       r1 = LOAD(y, relaxed))
THREAD(sb_thrice_fence_2, atomic_fetch_add_explicit(&y, 1, memory_order_relaxed);
       atomic_fetch_add_explicit(&y, 1, memory_order_relaxed);
       atomic_fetch_add_explicit(&y, 1, memory_order_relaxed); FENCE(seq_cst);
       r2 = LOAD(x, relaxed))

TEST(seen__store_buffering_of_three_increments)
{
    run_2(sb_thrice_1, sb_thrice_2);
    check(!(r1 == 0 && r2 == 0), OUTCOME);
}

TEST(never__store_buffering_of_three_increments_and_fences)
{
    run_2(sb_thrice_fence_1, sb_thrice_fence_2);
    check(!(r1 == 0 && r2 == 0), OUTCOME);
}

/* ------------------------------------------------------- stores that are overtaken (2+2W, S, R) */

THREAD(ww_1, STORE(x, 1, relaxed); STORE(y, 2, relaxed))
THREAD(ww_2, STORE(y, 1, relaxed); STORE(x, 2, relaxed))
THREAD(ww_release_1, STORE(x, 1, release); STORE(y, 2, release))
THREAD(ww_release_2, STORE(y, 1, release); STORE(x, 2, release))
THREAD(ww_sc_1, STORE(x, 1, seq_cst); STORE(y, 2, seq_cst))
THREAD(ww_sc_2, STORE(y, 1, seq_cst); STORE(x, 2, seq_cst))
THREAD(ww_fence_1, STORE(x, 1, relaxed); FENCE(seq_cst); STORE(y, 2, relaxed))
THREAD(ww_fence_2, STORE(y, 1, relaxed); FENCE(seq_cst); STORE(x, 2, relaxed))

TEST(seen__two_stores_each_and_both_first_ones_last)
{
    run_2(ww_1, ww_2);
    check(!(x == 1 && y == 1), OUTCOME);
}

TEST(seen__two_stores_each_release)
{
    run_2(ww_release_1, ww_release_2);
    check(!(x == 1 && y == 1), OUTCOME);
}

TEST(never__two_stores_each_seq_cst)
{
    run_2(ww_sc_1, ww_sc_2);
    check(!(x == 1 && y == 1), OUTCOME);
}

TEST(never__two_stores_each_and_fences)
{
    run_2(ww_fence_1, ww_fence_2);
    check(!(x == 1 && y == 1), OUTCOME);
}

THREAD(s_send, STORE(x, 2, relaxed); STORE(y, 1, release))
THREAD(s_relaxed, r1 = LOAD(y, relaxed); STORE(x, 1, relaxed))
THREAD(s_acquire, r1 = LOAD(y, acquire); STORE(x, 1, relaxed))
THREAD(r_store, STORE(x, 1, relaxed); STORE(y, 1, relaxed))
THREAD(r_load, STORE(y, 2, relaxed); r1 = LOAD(x, relaxed))
THREAD(r_store_fence, STORE(x, 1, relaxed); FENCE(seq_cst); STORE(y, 1, relaxed))
THREAD(r_load_fence, STORE(y, 2, relaxed); FENCE(seq_cst); r1 = LOAD(x, relaxed))

TEST(seen__a_store_behind_a_load_is_overtaken)
{
    run_2(s_send, s_relaxed);
    check(!(r1 == 1 && x == 2), OUTCOME);
}

TEST(never__a_store_behind_an_acquire_is_overtaken)
{
    run_2(s_send, s_acquire);
    check(!(r1 == 1 && x == 2), OUTCOME);
}

TEST(seen__a_load_behind_a_store_that_came_last)
{
    run_2(r_store, r_load);
    check(!(y == 2 && r1 == 0), OUTCOME);
}

TEST(never__a_load_behind_a_store_that_came_last_and_fences)
{
    run_2(r_store_fence, r_load_fence);
    check(!(y == 2 && r1 == 0), OUTCOME);
}

/* ------------------------------------------------------------------------ message passing (MP) */

THREAD(mp_send_relaxed, STORE(x, 1, relaxed); STORE(y, 1, relaxed))
THREAD(mp_send_release, STORE(x, 1, relaxed); STORE(y, 1, release))
THREAD(mp_send_fence, STORE(x, 1, relaxed); FENCE(release); STORE(y, 1, relaxed))
THREAD(mp_recv_relaxed, r1 = LOAD(y, relaxed); r2 = LOAD(x, relaxed))
THREAD(mp_recv_acquire, r1 = LOAD(y, acquire); r2 = LOAD(x, relaxed))
THREAD(mp_recv_fence, r1 = LOAD(y, relaxed); FENCE(acquire); r2 = LOAD(x, relaxed))
THREAD(mp_data_release, data = 1; STORE(y, 1, release))
THREAD(mp_data_relaxed, data = 1; STORE(y, 1, relaxed))
THREAD(mp_read_acquire, if (LOAD(y, acquire)) r1 = data)
THREAD(mp_read_relaxed, if (LOAD(y, relaxed)) r1 = data)

TEST(seen__message_passing_relaxed)
{
    run_2(mp_send_relaxed, mp_recv_relaxed);
    check(!(r1 == 1 && r2 == 0), OUTCOME);
}

TEST(seen__message_passing_without_release)
{
    run_2(mp_send_relaxed, mp_recv_acquire);
    check(!(r1 == 1 && r2 == 0), OUTCOME);
}

TEST(seen__message_passing_without_acquire)
{
    run_2(mp_send_release, mp_recv_relaxed);
    check(!(r1 == 1 && r2 == 0), OUTCOME);
}

TEST(never__message_passing_release_acquire)
{
    run_2(mp_send_release, mp_recv_acquire);
    check(!(r1 == 1 && r2 == 0), OUTCOME);
}

TEST(never__message_passing_fences)
{
    run_2(mp_send_fence, mp_recv_fence);
    check(!(r1 == 1 && r2 == 0), OUTCOME);
}

TEST(never__message_passing_release_and_acquire_fence)
{
    run_2(mp_send_release, mp_recv_fence);
    check(!(r1 == 1 && r2 == 0), OUTCOME);
}

TEST(never__data_race_with_release_acquire)
{
    run_2(mp_data_release, mp_read_acquire);
}

TEST(race__data_without_release)
{
    run_2(mp_data_relaxed, mp_read_acquire);
}

TEST(race__data_without_acquire)
{
    run_2(mp_data_release, mp_read_relaxed);
}

/* ------------------------------------------------- independent reads of independent writes (IRIW)
 */

THREAD(iriw_x, STORE(x, 1, release))
THREAD(iriw_y, STORE(y, 1, release))
THREAD(iriw_x_sc, STORE(x, 1, seq_cst))
THREAD(iriw_y_sc, STORE(y, 1, seq_cst))
THREAD(iriw_xy, r1 = LOAD(x, acquire); r2 = LOAD(y, acquire))
THREAD(iriw_yx, r3 = LOAD(y, acquire); r4 = LOAD(x, acquire))
THREAD(iriw_xy_sc, r1 = LOAD(x, seq_cst); r2 = LOAD(y, seq_cst))
THREAD(iriw_yx_sc, r3 = LOAD(y, seq_cst); r4 = LOAD(x, seq_cst))

TEST(seen__independent_reads_release_acquire)
{
    run_4(iriw_x, iriw_y, iriw_xy, iriw_yx);
    check(!(r1 == 1 && r2 == 0 && r3 == 1 && r4 == 0), OUTCOME);
}

TEST(never__independent_reads_seq_cst, .schedules = 100000)
{
    run_4(iriw_x_sc, iriw_y_sc, iriw_xy_sc, iriw_yx_sc);
    check(!(r1 == 1 && r2 == 0 && r3 == 1 && r4 == 0), OUTCOME);
}

THREAD(iriw_xy_fence, r1 = LOAD(x, relaxed); FENCE(seq_cst); r2 = LOAD(y, relaxed))
THREAD(iriw_yx_fence, r3 = LOAD(y, relaxed); FENCE(seq_cst); r4 = LOAD(x, relaxed))

TEST(never__independent_reads_with_fences, .schedules = 100000)
{
    run_4(iriw_x, iriw_y, iriw_xy_fence, iriw_yx_fence);
    check(!(r1 == 1 && r2 == 0 && r3 == 1 && r4 == 0), OUTCOME);
}

THREAD(iriw_xy_mixed, r1 = LOAD(x, acquire); r2 = LOAD(y, seq_cst))
THREAD(iriw_yx_mixed, r3 = LOAD(y, acquire); r4 = LOAD(x, seq_cst))

/* In C++11 it could not be, and compilers for POWER had to forbid it. */
TEST(seen__independent_reads_seq_cst_behind_acquire)
{
    run_4(iriw_x_sc, iriw_y_sc, iriw_xy_mixed, iriw_yx_mixed);
    check(!(r1 == 1 && r2 == 0 && r3 == 1 && r4 == 0), OUTCOME);
}

/* ----------------------------------------------- causality: write to read (WRC), and by two (ISA2) */

THREAD(wrc_write, STORE(x, 1, relaxed))
THREAD(wrc_pass, r1 = LOAD(x, relaxed); STORE(y, 1, release))
THREAD(wrc_pass_relaxed, r1 = LOAD(x, relaxed); STORE(y, 1, relaxed))
THREAD(wrc_read, r2 = LOAD(y, acquire); r3 = LOAD(x, relaxed))
THREAD(isa2_write, STORE(x, 1, relaxed); STORE(y, 1, release))
THREAD(isa2_pass, r1 = LOAD(y, acquire); STORE(z, 1, release))
THREAD(isa2_read, r2 = LOAD(z, acquire); r3 = LOAD(x, relaxed))
THREAD(isa2_pass_relaxed, r1 = LOAD(y, relaxed); STORE(z, 1, release))
TEST(seen__write_to_read_causality_relaxed)
{
    run_4(wrc_write, wrc_pass_relaxed, wrc_read, nothing);
    check(!(r1 == 1 && r2 == 1 && r3 == 0), OUTCOME);
}

TEST(never__write_to_read_causality_release_acquire)
{
    run_4(wrc_write, wrc_pass, wrc_read, nothing);
    check(!(r1 == 1 && r2 == 1 && r3 == 0), OUTCOME);
}

TEST(never__message_passed_on_release_acquire)
{
    run_4(isa2_write, isa2_pass, isa2_read, nothing);
    check(!(r1 == 1 && r2 == 1 && r3 == 0), OUTCOME);
}

TEST(seen__message_passed_on_by_who_did_not_acquire)
{
    run_4(isa2_write, isa2_pass_relaxed, isa2_read, nothing);
    check(!(r1 == 1 && r2 == 1 && r3 == 0), OUTCOME);
}

/* ------------------------------------------------------------------------------ load buffering */

THREAD(lb_1, r1 = LOAD(x, relaxed); STORE(y, 1, relaxed))
THREAD(lb_2, r2 = LOAD(y, relaxed); STORE(x, 1, relaxed))
THREAD(lb_1_acquire, r1 = LOAD(x, acquire); STORE(y, 1, release))
THREAD(lb_2_acquire, r2 = LOAD(y, acquire); STORE(x, 1, release))

TEST(seen__load_buffering_one_reads_the_other)
{
    run_2(lb_1, lb_2);
    check(!(r1 == 1 && r2 == 0), OUTCOME);
}

TEST(never__load_buffering_acquire_release)
{
    run_2(lb_1_acquire, lb_2_acquire);
    check(!(r1 == 1 && r2 == 1), OUTCOME);
}

/* ----------------------------------------------------------------------------------- coherence */

THREAD(co_write, STORE(x, 1, relaxed); STORE(x, 2, relaxed))
THREAD(co_read, r1 = LOAD(x, relaxed); r2 = LOAD(x, relaxed))
THREAD(co_read_and_tell, r1 = LOAD(x, relaxed); STORE(y, 1, release))
THREAD(co_read_when_told, r3 = LOAD(y, acquire); r2 = LOAD(x, relaxed))
THREAD(co_write_and_read, STORE(x, 1, relaxed); r1 = LOAD(x, relaxed))
THREAD(co_write_1, STORE(x, 1, relaxed))
THREAD(co_write_2, STORE(x, 2, relaxed))
THREAD(co_read_too, r3 = LOAD(x, relaxed); r4 = LOAD(x, relaxed))

TEST(seen__coherence_an_old_value_may_be_read)
{
    run_2(co_write, co_read);
    check(!(r1 == 0 && r2 == 2), OUTCOME);
}

THREAD(co_write_thrice, STORE(x, 1, relaxed); STORE(x, 2, relaxed); STORE(x, 3, relaxed);
       STORE(y, 1, relaxed))
THREAD(co_read_first, r1 = LOAD(y, relaxed); r2 = LOAD(x, relaxed))

TEST(seen__a_value_older_than_three_stores)
{
    run_2(co_write_thrice, co_read_first);
    check(!(r1 == 1 && r2 == 0), OUTCOME);
}

TEST(never__coherence_reads_go_back)
{
    run_2(co_write, co_read);
    check(r2 >= r1, OUTCOME);
}

TEST(never__coherence_reads_go_back_across_threads)
{
    run_4(co_write, co_read_and_tell, co_read_when_told, nothing);
    check(!(r3 == 1 && r2 < r1), OUTCOME);
}

TEST(never__coherence_a_thread_reads_what_was_before_its_own_store)
{
    run_2(co_write_and_read, co_write_2);
    check(r1 != 0, OUTCOME);
}

TEST(never__coherence_two_readers_disagree_on_the_order_of_two_stores)
{
    run_4(co_write_1, co_write_2, co_read, co_read_too);
    check(!(r1 == 1 && r2 == 2 && r3 == 2 && r4 == 1), OUTCOME);
}

/* ------------------------------------------------------------------------- read-modify-writes */

THREAD(rmw_1, r1 = atomic_fetch_add_explicit(&x, 1, memory_order_relaxed))
THREAD(rmw_2, r2 = atomic_fetch_add_explicit(&x, 1, memory_order_relaxed))
THREAD(rmw_store, STORE(x, 10, relaxed))
THREAD(cas_1, int zero = 0;
       r1 = atomic_compare_exchange_strong_explicit(&x, &zero, 1, memory_order_relaxed,
                                                    memory_order_relaxed))
THREAD(cas_2, int zero = 0;
       r2 = atomic_compare_exchange_strong_explicit(&x, &zero, 2, memory_order_relaxed,
                                                    memory_order_relaxed))
THREAD(rmw_read, r3 = LOAD(x, relaxed); r4 = LOAD(x, relaxed))

TEST(never__two_read_modify_writes_read_the_same)
{
    run_2(rmw_1, rmw_2);
    check(r1 != r2 && x == 2, OUTCOME);
}

TEST(seen__a_read_modify_write_before_and_one_after_a_store)
{
    run_4(rmw_1, rmw_2, rmw_store, nothing);
    check(!(r1 == 0 && r2 == 10 && x == 11), OUTCOME);
}

TEST(never__two_exchanges_succeed)
{
    run_2(cas_1, cas_2);
    check(r1 + r2 == 1, OUTCOME);
}

TEST(never__coherence_with_read_modify_writes)
{
    run_4(rmw_1, rmw_2, rmw_read, nothing);
    check(r4 >= r3, OUTCOME);
}

THREAD(before_store, STORE(x, 5, relaxed); STORE(y, 1, relaxed))
THREAD(before_add, r1 = LOAD(y, relaxed);
       r2 = atomic_fetch_add_explicit(&x, 1, memory_order_relaxed))
THREAD(before_add_acquire, r1 = LOAD(y, acquire);
       r2 = atomic_fetch_add_explicit(&x, 1, memory_order_relaxed))
THREAD(before_store_release, STORE(x, 5, relaxed); STORE(y, 1, release))

TEST(seen__a_read_modify_write_is_overtaken)
{
    run_2(before_store, before_add);
    check(!(r1 == 1 && r2 == 0 && x == 5), OUTCOME);
}

TEST(never__a_read_modify_write_is_overtaken_by_what_happens_before_it)
{
    run_2(before_store_release, before_add_acquire);
    check(!(r1 == 1 && r2 == 0), OUTCOME);
}

THREAD(between_store, r3 = LOAD(y, relaxed); STORE(x, 7, relaxed))
THREAD(between_add, r1 = atomic_fetch_add_explicit(&x, 1, memory_order_relaxed);
       STORE(y, 1, relaxed))

TEST(never__a_store_comes_between_a_read_modify_write_and_what_it_reads)
{
    run_4(between_add, between_store, nothing, nothing);
    check(r1 == 0 ? x == 1 || x == 7 : r1 == 7 && x == 8, OUTCOME);
}

THREAD(failing, int five = 5; r1 = LOAD(y, relaxed);
       atomic_compare_exchange_strong_explicit(&x, &five, 6, memory_order_relaxed,
                                               memory_order_relaxed);
       r2 = five)
THREAD(failing_acquire, int five = 5; r1 = LOAD(y, acquire);
       atomic_compare_exchange_strong_explicit(&x, &five, 6, memory_order_relaxed,
                                               memory_order_relaxed);
       r2 = five)

TEST(seen__a_failed_exchange_reads_an_old_value)
{
    run_2(before_store, failing);
    check(!(r1 == 1 && r2 == 0), OUTCOME);
}

TEST(never__a_failed_exchange_reads_what_is_overwritten_before_it)
{
    run_2(before_store_release, failing_acquire);
    check(!(r1 == 1 && r2 == 0), OUTCOME);
}

THREAD(failed_release, data = 1; STORE(x, 1, release))
THREAD(failed_relaxed, int zero = 0;
       if (!atomic_compare_exchange_strong_explicit(&x, &zero, 2, memory_order_acquire,
                                                    memory_order_relaxed)) r1 = data)
THREAD(failed_acquire, int zero = 0;
       if (!atomic_compare_exchange_strong_explicit(&x, &zero, 2, memory_order_acquire,
                                                    memory_order_acquire)) r1 = data)

TEST(race__a_failed_exchange_has_the_order_for_failure)
{
    run_2(failed_release, failed_relaxed);
}

TEST(never__a_failed_exchange_that_acquires_races)
{
    run_2(failed_release, failed_acquire);
}

static struct {
    _Alignas(8) int plain;
    atomic_int x;
} neighbours;

THREAD(beside_write, STORE(neighbours.x, 1, relaxed); STORE(y, 1, relaxed))
THREAD(beside_read, r1 = LOAD(y, relaxed); neighbours.plain = 1; r2 = LOAD(neighbours.x, relaxed))

TEST(seen__an_old_value_beside_a_variable_that_is_written)
{
    run_2(beside_write, beside_read);
    check(!(r1 == 1 && r2 == 0), OUTCOME);
}

/* -------------------------------------------------------------------------- release sequences */

THREAD(rs_head, data = 1; STORE(x, 1, release))
THREAD(rs_modify, int one = 1;
       atomic_compare_exchange_strong_explicit(&x, &one, 2, memory_order_relaxed,
                                               memory_order_relaxed))
THREAD(rs_store, if (LOAD(x, relaxed) == 1) STORE(x, 2, relaxed))
THREAD(rs_head_and_store, data = 1; STORE(x, 1, release); STORE(x, 2, relaxed))
THREAD(rs_read, if (LOAD(x, acquire) == 2) r1 = data)

TEST(never__release_sequence_broken_by_a_read_modify_write)
{
    run_4(rs_head, rs_modify, rs_read, nothing);
}

TEST(never__release_sequence_broken_by_the_same_thread)
{
    run_2(rs_head_and_store, rs_read);
}

THREAD(rs_add, atomic_fetch_add_explicit(&x, 1, memory_order_relaxed))
THREAD(
    rs_read_any, if (LOAD(x, relaxed) >= 1) {
        FENCE(acquire);
        if (LOAD(x, relaxed) & 16)
            r1 = data;
    })
THREAD(rs_head_16, data = 1; STORE(x, 16, release))
THREAD(rs_fence_head, data = 1; FENCE(release);
       atomic_fetch_add_explicit(&x, 16, memory_order_relaxed))
THREAD(rs_read_16, if (LOAD(x, acquire) & 16) r1 = data)

TEST(never__release_sequence_of_several_read_modify_writes)
{
    run_4(rs_head_16, rs_add, rs_add, rs_read_16);
}

TEST(never__release_fence_before_a_read_modify_write)
{
    run_4(rs_fence_head, rs_add, rs_read_16, nothing);
}

TEST(race__an_acquire_fence_before_the_load_is_too_early, .schedules = 100000)
{
    run_4(rs_head_16, rs_add, rs_read_any, nothing);
}

TEST(race__release_sequence_broken_by_another_threads_store)
{
    run_4(rs_head, rs_store, rs_read, nothing);
}

THREAD(rs_add_10, atomic_fetch_add_explicit(&x, 10, memory_order_relaxed))
THREAD(rs_add_and_store,
       if (atomic_fetch_add_explicit(&x, 10, memory_order_relaxed) == 1) STORE(x, 2, relaxed))

TEST(never__release_sequence_goes_on_with_its_heads_thread_behind_a_read_modify_write)
{
    run_4(rs_head_and_store, rs_add_10, rs_read, nothing);
}

TEST(race__release_sequence_does_not_go_on_with_a_store_of_who_modified)
{
    run_4(rs_head, rs_add_and_store, rs_read, nothing);
}

/* ------------------------------------------------------------ parking: the fence nobody misses */

static atomic_int parked, queued;
static int missed;

THREAD(park, STORE(parked, 1, relaxed); FENCE(seq_cst); r1 = LOAD(queued, relaxed))
THREAD(park_without_fence, STORE(parked, 1, release); r1 = LOAD(queued, acquire))
THREAD(unpark, STORE(queued, 1, relaxed); FENCE(seq_cst); r2 = LOAD(parked, relaxed))

TEST(never__wake_missed_with_both_fences)
{
    run_2(park, unpark);
    check(!(r1 == 0 && r2 == 0), OUTCOME);
    (void)missed;
}

TEST(seen__wake_missed_without_a_fence)
{
    run_2(park_without_fence, unpark);
    check(!(r1 == 0 && r2 == 0), OUTCOME);
}

/* ------------------------------------------------------------------------ weak compare-exchange */

TEST(seen__weak_exchange_fails_without_cause)
{
    int zero = 0;
    pthread_t other = spawn(nothing, NULL);

    join(other);
    check(atomic_compare_exchange_weak(&z, &zero, 1), OUTCOME);
}

TEST(never__strong_exchange_fails_without_cause)
{
    int zero = 0;
    pthread_t other = spawn(nothing, NULL);

    join(other);
    check(atomic_compare_exchange_strong(&z, &zero, 1), OUTCOME);
}

/* ------------------------------------------------ locks and semaphores order what they hand over */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER, other = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static sem_t posted, posted_too;

#define LOCKED(which, ...)                                                                         \
    pthread_mutex_lock(&which);                                                                    \
    __VA_ARGS__;                                                                                   \
    pthread_mutex_unlock(&which)

THREAD(lock_send, LOCKED(lock, STORE(x, 1, relaxed)); LOCKED(lock, STORE(y, 1, relaxed)))
THREAD(lock_recv, LOCKED(lock, r1 = LOAD(y, relaxed)); r2 = LOAD(x, relaxed))
THREAD(lock_sb_1, LOCKED(lock, STORE(x, 1, relaxed)); LOCKED(lock, r1 = LOAD(y, relaxed)))
THREAD(lock_sb_2, LOCKED(lock, STORE(y, 1, relaxed)); LOCKED(lock, r2 = LOAD(x, relaxed)))
THREAD(locks_sb_1, LOCKED(lock, STORE(x, 1, relaxed)); LOCKED(lock, r1 = LOAD(y, relaxed)))
THREAD(locks_sb_2, LOCKED(other, STORE(y, 1, relaxed)); LOCKED(other, r2 = LOAD(x, relaxed)))
THREAD(lock_ww_1, LOCKED(lock, STORE(x, 1, relaxed); STORE(y, 2, relaxed)))
THREAD(lock_ww_2, LOCKED(lock, STORE(y, 1, relaxed); STORE(x, 2, relaxed)))
THREAD(lock_try, r1 = pthread_mutex_trylock(&lock); if (r1 == 0) pthread_mutex_unlock(&lock);
       r2 = LOAD(x, relaxed))
THREAD(lock_hold, STORE(x, 1, relaxed); LOCKED(lock, (void)0))

/* The second critical section comes after both of the sender's: all is handed over. */
TEST(never__message_passing_by_a_mutex)
{
    run_2(lock_send, lock_recv);
    check(!(r1 == 1 && r2 == 0), OUTCOME);
}

/* Each load's critical section comes before that of the other's store, and after its own: a cycle. */
TEST(never__store_buffering_under_one_mutex)
{
    run_2(lock_sb_1, lock_sb_2);
    check(!(r1 == 0 && r2 == 0), OUTCOME);
}

/* Two mutexes order nothing between the two threads, and locking is no fence. */
TEST(seen__store_buffering_under_two_mutexes)
{
    run_2(locks_sb_1, locks_sb_2);
    check(!(r1 == 0 && r2 == 0), OUTCOME);
}

/* What one of them stores happens before what the other does: nothing is overtaken. */
TEST(never__two_stores_each_under_a_mutex)
{
    run_2(lock_ww_1, lock_ww_2);
    check(!(x == 1 && y == 1) && !(x == 2 && y == 2), OUTCOME);
}

/* C11 7.26.4.5: only if it succeeds does it synchronise. */
TEST(seen__a_failed_trylock_orders_nothing)
{
    run_2(lock_hold, lock_try);
    check(!(r1 != 0 && r2 == 0), OUTCOME);
}

THREAD(post, STORE(x, 1, relaxed); sem_post(&posted))
THREAD(wait_for_post, while (sem_wait(&posted)) continue; r1 = LOAD(x, relaxed))
THREAD(post_sb_1, STORE(x, 1, relaxed); sem_post(&posted); r1 = LOAD(y, relaxed))
THREAD(post_sb_2, STORE(y, 1, relaxed); sem_post(&posted_too); r2 = LOAD(x, relaxed))

TEST(never__message_passing_by_a_semaphore)
{
    sem_init(&posted, 0, 0);
    run_2(post, wait_for_post);
    sem_destroy(&posted);
    check(r1 == 1, OUTCOME);
}

/* Nobody waits for either: a post hands over to who waits, and is no fence. */
TEST(seen__store_buffering_around_two_semaphores)
{
    sem_init(&posted, 0, 0);
    sem_init(&posted_too, 0, 0);
    run_2(post_sb_1, post_sb_2);
    sem_destroy(&posted);
    sem_destroy(&posted_too);
    check(!(r1 == 0 && r2 == 0), OUTCOME);
}

THREAD(cond_send, STORE(x, 1, relaxed); LOCKED(lock, data = 1; pthread_cond_signal(&changed)))
THREAD(cond_recv, pthread_mutex_lock(&lock); while (!data) pthread_cond_wait(&changed, &lock);
       pthread_mutex_unlock(&lock); r1 = LOAD(x, relaxed))
THREAD(cond_signal_only, STORE(x, 1, relaxed); pthread_cond_signal(&changed); STORE(y, 1, relaxed))
THREAD(cond_wait_once, pthread_mutex_lock(&lock); pthread_cond_wait(&changed, &lock);
       pthread_mutex_unlock(&lock); r1 = LOAD(y, relaxed); r2 = LOAD(x, relaxed))

/* The mutex hands over, that was held when data was set. */
TEST(never__message_passing_by_a_condition_variable)
{
    run_2(cond_send, cond_recv);
    check(r1 == 1, OUTCOME);
}

/* A signal without the mutex orders nothing: the wait may as well have ended without cause. */
TEST(seen__a_signal_alone_orders_nothing)
{
    pthread_t a = spawn_named("a", cond_wait_once, NULL),
              b = spawn_named("b", cond_signal_only, NULL);

    join(b);
    settle();
    pthread_cond_signal(&changed); /* in case that the first came too early */
    join(a);
    check(!(r1 == 1 && r2 == 0), OUTCOME);
}
