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
     .schedules = 16)
{
    together(&drawn);
}

static const struct generated failing = {GENERATED, &contract, .scenarios = 60, .by_chance = true};

TEST(calls_on_bounded_channels_are_answered_rightly_when_an_allocation_fails,
     .sentences = {"Sending on it never allocates"}, .family = &failing.family,
     .allocations_fail = true, .schedules = 20)
{
    together(&failing);
}

static const struct generated sequences = {GENERATED,    &contract,        .scenarios = 60,
                                           .calls = 300, .longest = 66000, SETUPS(bounded_rings)};

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
