/* Suite of 01: calls drawn by chance, and what model.h says to them. */
#include <stdio.h>

#include "calls.h"

static const struct kind kinds[] = {KINDS_01, UNBOUNDED_SEND};

static const struct setup setups[] = {
    {.size = 1, .capacity = SIZE_MAX},     {.size = 4, .capacity = SIZE_MAX},
    {.size = 3, .capacity = SIZE_MAX},     {.size = 8, .capacity = SIZE_MAX},
    {.size = 24, .capacity = SIZE_MAX},    {.size = 63, .capacity = SIZE_MAX},
    {.size = 2, .capacity = SIZE_MAX},     {.size = 256, .capacity = SIZE_MAX},
    {.size = 10000, .capacity = SIZE_MAX}, {.size = 1000, .capacity = SIZE_MAX},
};

static const uint8_t endings[][4] = {{DROP_SENDER, TRY_RECV, NONE},
                                     {TRY_RECV, SEND, DROP_RECEIVER, SEND},
                                     {DROP_RECEIVER, SEND, NONE},
                                     {NONE}};

static const struct contract contract = {
    .kinds = kinds,
    .kind_count = KINDS_OF_01,
    .status_names = channel_status_names,
    .clone = CLONE,
    .drop_many = DROP_SENDER,
    .drop_one = DROP_RECEIVER,
    .fill = SEND,
    .take = TRY_RECV,
    .endings = endings,
    .ending_count = 4,
    .state_size = sizeof(struct channels),
    .begin = begin_channels,
    .allows = allows_01,
    .may_sleep = may_sleep_01,
    .open = open_01,
    .make = make_01,
    .meet = meet,
    .describe = describe_01,
};

static const struct generated sequences = {GENERATED,     &contract,        .scenarios = 40,
                                           .calls = 300,  .longest = 69000, .apart = 255,
                                           SETUPS(setups)};

/* Also on a stack that a function which calls itself for each message is too much for. */
static void run_sequences(void *unused)
{
    (void)unused;
    alone(&sequences);
}

TEST(any_calls_of_one_thread_are_answered_as_the_contract_says,
     .sentences = {"first in, first out"}, .family = &sequences.family, .schedules = 2)
{
    with_little_stack(run_sequences, NULL);
}

static const struct setup large[] = {{.size = 9 << 20, .capacity = SIZE_MAX}};
static const struct generated large_sequences = {GENERATED, &contract, .scenarios = 2, .calls = 5,
                                                 SETUPS(large)};

TEST(any_calls_with_messages_larger_than_a_stack_are_answered_as_the_contract_says,
     .sentences = {"first in, first out"}, .family = &large_sequences.family, .schedules = 2)
{
    alone(&large_sequences);
}

static const struct generated short_sequences = {GENERATED, &contract, .scenarios = 15, .calls = 40,
                                                 SETUPS(setups)};

TEST(any_calls_of_one_thread_are_answered_rightly_when_an_allocation_fails,
     .sentences = {"sender_send: the message stays the caller's"},
     .family = &short_sequences.family, .allocations_fail = true, .schedules = 2)
{
    alone(&short_sequences);
}
