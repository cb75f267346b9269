/* Suite of 02: calls drawn by chance, and what model.h says to them. */
#include <stddef.h>
#include <stdio.h>

#include "calls.h"

static const struct kind kinds[] = {KINDS_02(SEND), UNBOUNDED_SEND};

static const struct contract contract = {CONTRACT_02(allows_02), .kinds = kinds,
                                         .kind_count = KINDS_OF_02, .pairs_again = 2};

static const struct generated drawn = {GENERATED, &contract, .scenarios = 1000};

TEST(calls_of_several_threads_are_answered_as_in_some_order_of_them,
     .sentences = {"Different handles may be used by different threads"}, .family = &drawn.family,
     .schedules = 16, .spurious_wakeups = 3)
{
    together(&drawn);
}

static const struct setup long_setups[] = {{.size = 4, .capacity = SIZE_MAX}};
static const struct generated repeated = {GENERATED, &contract, .scenarios = 4, .times = 256,
                                          SETUPS(long_setups)};

TEST(whoever_sleeps_is_woken_by_any_number_of_calls,
     .sentences = {"A send wakes a sleeping receiver"}, .family = &repeated.family, .schedules = 2)
{
    together(&repeated);
}

static const struct generated failing = {GENERATED, &contract, .scenarios = 60, .by_chance = true};

TEST(calls_of_several_threads_are_answered_rightly_when_an_allocation_fails,
     .sentences = {"sender_send: the message stays the caller's"}, .family = &failing.family,
     .allocations_fail = true, .schedules = 20)
{
    together(&failing);
}

static const struct generated sequences = {GENERATED,    &contract,        .scenarios = 20,
                                           .calls = 100, .longest = 69000, SETUPS(blocking_setups)};

TEST(any_calls_of_one_thread_on_channels_between_threads_are_answered_as_the_contract_says,
     .sentences = {"receiver_recv CHANNEL_OK: holds the oldest message"},
     .family = &sequences.family, .schedules = 2)
{
    alone(&sequences);
}
