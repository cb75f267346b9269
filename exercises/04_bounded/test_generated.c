/* Suite of 04: calls drawn by chance, and what model.h says to them. */
#include <stddef.h>
#include <stdio.h>

#include "calls.h"

static const struct kind kinds[] = {KINDS_04};

static const struct contract contract = {
    CONTRACT_04,
    .kinds = kinds,
    .kind_count = KINDS_OF_04,
    .pairs_again = 1,
    .new_setups = 3,
    .allows = allows_04,
    .may_sleep = may_sleep_04,
    .make = make_04,
    .describe = describe_04,
};

static const struct generated drawn = {GENERATED, &contract, .scenarios = 1000};

TEST(calls_on_bounded_channels_are_answered_as_in_some_order_of_them,
     .sentences = {"Taking a message wakes a sleeping sender"}, .family = &drawn.family,
     .schedules = 16, .spurious_wakeups = 3)
{
    together(&drawn);
}

static const struct setup long_setups[] = {{.variant = BOUNDED_04, .size = 4, .capacity = 256},
                                           {.variant = CREATE_01, .size = 4, .capacity = SIZE_MAX}};
static const struct generated repeated = {GENERATED, &contract, .scenarios = 16, .times = 256,
                                          SETUPS(long_setups)};

TEST(whoever_sleeps_in_a_bounded_channel_is_woken_by_any_number_of_calls,
     .sentences = {"Taking a message wakes a sleeping sender"}, .family = &repeated.family,
     .schedules = 2)
{
    together(&repeated);
}

static const struct generated failing = {GENERATED, &contract, .scenarios = 60, .by_chance = true};

TEST(calls_on_bounded_channels_are_answered_rightly_when_an_allocation_fails,
     .sentences = {"Sending on it never allocates"}, .family = &failing.family,
     .allocations_fail = true, .schedules = 20)
{
    together(&failing);
}

static const struct generated sequences = {GENERATED,
                                           &contract,
                                           .scenarios = 60,
                                           .calls = 300,
                                           .longest = 69000,
                                           .most_at_once = 132000,
                                           SETUPS(bounded_rings)};

TEST(any_calls_of_one_thread_on_bounded_channels_are_answered_as_the_contract_says,
     .sentences = {"which holds at most capacity messages"}, .family = &sequences.family,
     .schedules = 2)
{
    alone(&sequences);
}

static const struct generated short_sequences = {GENERATED, &contract, .scenarios = 15, .calls = 40,
                                                 SETUPS(bounded_rings)};

TEST(any_calls_of_one_thread_on_bounded_channels_are_answered_rightly_when_an_allocation_fails,
     .sentences = {"Sending on it never allocates"}, .family = &short_sequences.family,
     .allocations_fail = true, .schedules = 2)
{
    alone(&short_sequences);
}
