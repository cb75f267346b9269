/* Suite of 03: calls drawn by chance, and what model.h says to them. */
#include <stddef.h>
#include <stdio.h>

#include "calls.h"

static const struct kind kinds[] = {KINDS_03(SEND), UNBOUNDED_SEND};
static const struct setup setups[] = {{.variant = WITH_DROP_03, .size = 4, .capacity = SIZE_MAX},
                                      {.variant = WITH_DROP_03, .size = 300, .capacity = SIZE_MAX},
                                      {.variant = CREATE_01, .size = 8, .capacity = SIZE_MAX}};
static const uint8_t endings[][4] = {{DROP_SENDER, RECV, TRY_RECV, NONE},
                                     {TRY_RECV, SEND, DROP_RECEIVER, SEND},
                                     {SEND, DROP_RECEIVER, SEND, NONE},
                                     {NONE}};

static const struct contract contract = {
    .kinds = kinds,
    .kind_count = KINDS_OF_03,
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
    .state_size = offsetof(struct channels, messages),
    .state_of_a_call = sizeof(uint16_t[OBJECTS]),
    .begin = begin_channels,
    .allows = allows_03,
    .may_sleep = may_sleep_02,
    .open = open_03,
    .make = make_03,
    .meet = meet,
    .is_dropped = is_dropped_03,
    .dropped_once = DROPPED_ONCE,
    .describe = describe_03,
};

static const struct generated drawn = {GENERATED, &contract, .scenarios = 1000};

TEST(calls_on_channels_that_drop_messages_are_answered_as_in_some_order_of_them,
     .sentences = {"drop runs exactly once for every message"}, .family = &drawn.family,
     .schedules = 16, .spurious_wakeups = 3)
{
    together(&drawn);
}

static const struct generated failing = {GENERATED, &contract, .scenarios = 60, .by_chance = true};

TEST(calls_on_channels_that_drop_messages_are_answered_rightly_when_an_allocation_fails,
     .sentences = {"It never runs for a message that was received"}, .family = &failing.family,
     .allocations_fail = true, .schedules = 20)
{
    together(&failing);
}

/* ... and of one thread: a type is aligned to any power of two up to malloc's. */
static const struct setup sizes[] = {
    {.variant = WITH_DROP_03, .size = 4, .capacity = SIZE_MAX},
    {.variant = WITH_DROP_03, .size = 300, .capacity = SIZE_MAX},
    {.variant = WITH_DROP_03, .size = 16, .capacity = SIZE_MAX},
    {.variant = CREATE_01, .size = 8, .capacity = SIZE_MAX},
    {.variant = WITH_DROP_03, .size = 10000, .capacity = SIZE_MAX},
    {.variant = WITH_DROP_03, .size = 48, .capacity = SIZE_MAX},
    {.variant = WITH_DROP_03, .size = 6, .capacity = SIZE_MAX},
    {.variant = CREATE_01, .size = 1, .capacity = SIZE_MAX},
};

static const struct generated sequences = {GENERATED,    &contract,        .scenarios = 20,
                                           .calls = 300, .longest = 69000, SETUPS(sizes)};

/* Also on a stack that a function which calls itself for each message is too much for. */
static void run_sequences(void *unused)
{
    (void)unused;
    alone(&sequences);
}

TEST(any_calls_of_one_thread_on_channels_that_drop_messages_are_answered_as_the_contract_says,
     .sentences = {"drop runs exactly once for every message"}, .family = &sequences.family,
     .schedules = 2)
{
    with_little_stack(run_sequences, NULL);
}

static const struct setup large[] = {
    {.variant = WITH_DROP_03, .size = 9 << 20, .capacity = SIZE_MAX}};
static const struct generated large_sequences = {GENERATED, &contract, .scenarios = 4, .calls = 8,
                                                 SETUPS(large)};

TEST(any_calls_with_messages_larger_than_a_stack_drop_them_as_the_contract_says,
     .sentences = {"drop runs exactly once for every message"}, .family = &large_sequences.family,
     .schedules = 2)
{
    alone(&large_sequences);
}

static const struct generated short_sequences = {GENERATED, &contract, .scenarios = 15, .calls = 40,
                                                 SETUPS(setups)};

TEST(
    any_calls_of_one_thread_on_channels_that_drop_messages_are_answered_rightly_when_an_allocation_fails,
    .sentences = {"It never runs for a message that was received"},
    .family = &short_sequences.family, .allocations_fail = true, .schedules = 2)
{
    alone(&short_sequences);
}
