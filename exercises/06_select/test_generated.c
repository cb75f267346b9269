/* Suite of 06: calls drawn by chance, and what model.h says to them. */
#include <stddef.h>
#include <stdio.h>

#include "calls.h"

static const struct kind kinds[] = {KINDS_06};

static const struct contract contract = {
    CONTRACT_04,     .kinds = kinds,          .kind_count = KINDS_OF_06,
    .new_setups = 2, .allows = allows_06,     .may_sleep = may_sleep_06,
    .make = make_06, .describe = describe_06,
};

static const struct generated drawn = {GENERATED, &contract, .scenarios = 2000};

TEST(calls_on_channels_selected_from_are_answered_as_in_some_order_of_them,
     .sentences = {"Ready means that receiver_recv on it would not sleep"}, .family = &drawn.family,
     .schedules = 12, .spurious_wakeups = 3)
{
    together(&drawn);
}

static const struct setup long_setups[] = {{.variant = BOUNDED_04, .size = 4, .capacity = 256},
                                           {.variant = CREATE_01, .size = 4, .capacity = SIZE_MAX}};
static const struct generated repeated = {GENERATED, &contract, .scenarios = 16, .times = 256,
                                          SETUPS(long_setups)};

TEST(whoever_selects_is_woken_by_any_number_of_calls,
     .sentences = {"Ready means that receiver_recv on it would not sleep"},
     .family = &repeated.family, .schedules = 2)
{
    together(&repeated);
}

static const struct kind kinds_of_many[] = {KINDS_06_OF(SELECTIONS)};
static const struct contract contract_of_many = {
    CONTRACT_04,     .kinds = kinds_of_many,  .kind_count = KINDS_OF_06,
    .new_setups = 2, .allows = allows_06,     .may_sleep = may_sleep_06,
    .make = make_06, .describe = describe_06,
};
static const struct generated many = {GENERATED, &contract_of_many, .scenarios = 200,
                                      .by_chance = true};

TEST(calls_on_channels_selected_from_with_many_others_are_answered_as_in_some_order_of_them,
     .sentences = {"Woken by a message on any of the channels"}, .family = &many.family,
     .schedules = 2)
{
    together(&many);
}

static const struct generated failing = {GENERATED, &contract, .scenarios = 60, .by_chance = true};

TEST(calls_on_channels_selected_from_are_answered_rightly_when_an_allocation_fails,
     .sentences = {"There is not enough memory to wait"}, .family = &failing.family,
     .allocations_fail = true, .schedules = 20)
{
    together(&failing);
}

static const struct generated sequences = {GENERATED,    &contract,      .scenarios = 60,
                                           .calls = 300, .longest = 300, SETUPS(bounded_rings)};

TEST(any_calls_of_one_thread_on_channels_selected_from_are_answered_as_the_contract_says,
     .sentences = {"receivers[*ready] is ready"}, .family = &sequences.family, .schedules = 2)
{
    alone(&sequences);
}

static const struct generated short_sequences = {GENERATED,   &contract,   .scenarios = 15,
                                                 .calls = 40, .few = true, SETUPS(bounded_rings)};

TEST(
    any_calls_of_one_thread_on_channels_selected_from_are_answered_rightly_when_an_allocation_fails,
    .sentences = {"There is not enough memory to wait"}, .family = &short_sequences.family,
    .allocations_fail = true, .schedules = 2)
{
    alone(&short_sequences);
}
