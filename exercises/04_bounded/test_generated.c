/* Suite of 04: calls drawn by chance, and what model.h says to them. */
#include <stddef.h>
#include <stdio.h>

#include "calls.h"

static const struct kind kinds[] = {KINDS_04};
static const struct setup setups[] = {{.variant = BOUNDED_WITH_DROP_04, .size = 4, .capacity = 1},
                                      {.variant = BOUNDED_WITH_DROP_04, .size = 4, .capacity = 2},
                                      {.variant = BOUNDED_WITH_DROP_04, .size = 12, .capacity = 3},
                                      {.variant = BOUNDED_04, .size = 1, .capacity = 4},
                                      {.variant = CREATE_01, .size = 8, .capacity = SIZE_MAX},
                                      {.variant = WITH_DROP_03, .size = 4, .capacity = SIZE_MAX}};
static const uint8_t endings[][4] = {{DROP_SENDER, RECV, TRY_RECV, NONE},
                                     {TRY_SEND, TRY_RECV, TRY_SEND, DROP_RECEIVER},
                                     {TRY_SEND, DROP_RECEIVER, TRY_SEND, SEND},
                                     {NONE}};

static const struct contract contract = {
    .kinds = kinds,
    .kind_count = KINDS_OF_04,
    .status_names = channel_status_names,
    .clone = CLONE,
    .drop_many = DROP_SENDER,
    .drop_one = DROP_RECEIVER,
    .fill = SEND,
    .take = TRY_RECV,
    .most_filled = 2,
    .pairs_again = 1,
    .setups = setups,
    .setup_count = 6,
    .new_setups = 3,
    .endings = endings,
    .ending_count = 4,
    .state_size = offsetof(struct channels, messages[FEW_PLACES]),
    .begin = begin_channels,
    .allows = allows_04,
    .may_sleep = may_sleep_04,
    .open = open_04,
    .make = make_04,
    .meet = meet,
    .is_dropped = is_dropped_04,
    .dropped_once = DROPPED_ONCE,
    .may_allocate = may_allocate_04,
    .allocates_nothing = ALLOCATES_NOTHING,
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

static const struct setup rings[] = {
#define RING(capacity_, size_)                                                                     \
    {                                                                                              \
        .variant = BOUNDED_WITH_DROP_04, .capacity = capacity_, .size = size_                      \
    }
    RING(1, 4),
    RING(2, 4),
    RING(3, 8),
    RING(4, 5),
    RING(5, 4),
    RING(6, 16),
    RING(7, 4),
    RING(8, 40),
    RING(9, 4),
    RING(10, 8),
    RING(11, 12),
    RING(12, 4),
    RING(13, 4),
    RING(14, 64),
    RING(15, 4),
    RING(16, 4),
    RING(17, 24),
    RING(18, 4),
    RING(19, 4),
    RING(20, 8),
    RING(31, 4),
    RING(32, 4),
    RING(33, 4),
    RING(63, 4),
    RING(64, 4),
    RING(65, 4),
    RING(127, 4),
    RING(128, 4),
    RING(129, 4),
    RING(3, 4096),
    RING(5, 1000),
    RING(255, 4),
    RING(256, 4),
    RING(257, 4),
    {.variant = BOUNDED_04, .capacity = 3, .size = 1},
    {.variant = BOUNDED_04, .capacity = 7, .size = 3},
    {.variant = CREATE_01, .capacity = SIZE_MAX, .size = 8},
    {.variant = WITH_DROP_03, .capacity = SIZE_MAX, .size = 8},
};

static const struct generated sequences = {GENERATED,
                                           &contract,
                                           .scenarios = 60,
                                           .calls = 300,
                                           .longest = 66000,
                                           .setups = rings,
                                           .setup_count = sizeof rings / sizeof *rings};

TEST(any_calls_of_one_thread_on_bounded_channels_are_answered_as_the_contract_says,
     .sentences = {"which holds at most capacity messages"}, .family = &sequences.family,
     .schedules = 2)
{
    alone(&sequences);
}

static const struct generated short_sequences = {
    GENERATED,   &contract,       .scenarios = 15,
    .calls = 40, .setups = rings, .setup_count = sizeof rings / sizeof *rings};

TEST(any_calls_of_one_thread_on_bounded_channels_are_answered_rightly_when_an_allocation_fails,
     .sentences = {"Sending on it never allocates"}, .family = &short_sequences.family,
     .allocations_fail = true, .schedules = 2)
{
    alone(&short_sequences);
}
