/* Suite of 07: calls drawn by chance, and what model.h says to them. */
#include <stddef.h>
#include <stdio.h>

#include "../02_blocking/calls.h"
#include "model.h"

static const struct kind kinds[] = {KINDS_02(SEND), UNBOUNDED_SEND};

static const struct contract contract = {CONTRACT_02(allows_07), .kinds = kinds,
                                         .kind_count = KINDS_OF_02, .pairs_again = 4};
static const struct contract one_stops = {CONTRACT_02(allows_07), .kinds = kinds,
                                          .kind_count = KINDS_OF_02, .pairs_again = 4,
                                          .one_stops = true};

static const struct generated drawn = {GENERATED, &contract, .scenarios = 600};

TEST(calls_on_lock_free_channels_are_answered_as_in_some_order_of_them,
     .sentences = {"sender_send: whatever the other senders are doing"}, .family = &drawn.family,
     .schedules = 20)
{
    together(&drawn);
}

static const struct generated failing = {GENERATED, &contract, .scenarios = 60, .by_chance = true};

TEST(calls_on_lock_free_channels_are_answered_rightly_when_an_allocation_fails,
     .sentences = {"sender_send: the message stays the caller's"}, .family = &failing.family,
     .allocations_fail = true, .schedules = 20)
{
    together(&failing);
}

static const struct generated stopped = {GENERATED, &one_stops, .scenarios = 100,
                                         .by_chance = true};

TEST(calls_on_lock_free_channels_return_whichever_sender_is_stopped_anywhere,
     .sentences = {"A sender stopped anywhere inside sender_send, for ever"},
     .family = &stopped.family, .one_thread_stops = true, .schedules = 20)
{
    together(&stopped);
}

static const struct generated sequences = {GENERATED,    &contract,        .scenarios = 20,
                                           .calls = 100, .longest = 69000, SETUPS(blocking_setups)};

TEST(any_calls_of_one_thread_on_lock_free_channels_are_answered_as_the_contract_says,
     .sentences = {"behind all messages sent before, whatever the other senders are doing"},
     .family = &sequences.family, .schedules = 2)
{
    alone(&sequences);
}
