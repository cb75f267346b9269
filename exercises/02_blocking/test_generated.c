/* Suite of 02: calls drawn by chance, and what model.h says to them. */
#include <stddef.h>
#include <stdio.h>

#include "calls.h"

static const struct kind kinds[] = {KINDS_02(SEND), UNBOUNDED_SEND};
static const struct setup setups[] = {{.size = 4, .capacity = SIZE_MAX},
                                      {.size = 1, .capacity = SIZE_MAX},
                                      {.size = 24, .capacity = SIZE_MAX}};
static const uint8_t endings[][4] = {{DROP_SENDER, RECV, TRY_RECV, NONE},
                                     {TRY_RECV, SEND, DROP_RECEIVER, SEND},
                                     {DROP_RECEIVER, SEND, NONE},
                                     {NONE}};

static const struct contract contract = {
    .kinds = kinds,
    .kind_count = KINDS_OF_02,
    .status_names = channel_status_names,
    .clone = CLONE,
    .drop_many = DROP_SENDER,
    .drop_one = DROP_RECEIVER,
    .fill = SEND,
    .take = TRY_RECV,
    .most_filled = 2,
    .pairs_again = 2,
    .setups = setups,
    .setup_count = 3,
    .new_setups = 1,
    .endings = endings,
    .ending_count = 4,
    .state_size = offsetof(struct channels, messages[FEW_PLACES]),
    .begin = begin_channels,
    .allows = allows_02,
    .may_sleep = may_sleep_02,
    .open = open_01,
    .make = make_02,
    .meet = meet,
    .describe = describe_02,
};

static const struct generated drawn = {GENERATED, &contract, .scenarios = 1000};

TEST(calls_of_several_threads_are_answered_as_in_some_order_of_them,
     .sentences = {"Different handles may be used by different threads"}, .family = &drawn.family,
     .schedules = 16)
{
    together(&drawn);
}

static const struct generated failing = {GENERATED, &contract, .scenarios = 60, .by_chance = true};

TEST(calls_of_several_threads_are_answered_rightly_when_an_allocation_fails,
     .sentences = {"sender_send: the message stays the caller's"}, .family = &failing.family,
     .allocations_fail = true, .schedules = 20)
{
    together(&failing);
}

static const struct generated sequences = {GENERATED,
                                           &contract,
                                           .scenarios = 20,
                                           .calls = 100,
                                           .longest = 66000,
                                           .setups = setups,
                                           .setup_count = sizeof setups / sizeof *setups};

TEST(any_calls_of_one_thread_on_channels_between_threads_are_answered_as_the_contract_says,
     .sentences = {"receiver_recv CHANNEL_OK: holds the oldest message"},
     .family = &sequences.family, .schedules = 2)
{
    alone(&sequences);
}
