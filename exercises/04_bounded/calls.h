/* calls.h - how the calls of model.h are made, and what channel.h says of each status. */
#pragma once

#include "../03_message_type/calls.h"

#include "model.h"

#define ALLOCATES_NOTHING                                                                          \
    "A bounded channel takes all memory for its messages when it is created. Sending on it never " \
    "allocates."

#define BOUNDED_SEND                                                                               \
    [SEND] = {.name = "sender_send",                                                               \
              .often = 5,                                                                          \
              .hands_in = true,                                                                    \
              .releases = {DROP_RECEIVER, TRY_RECV},                                               \
              .rules = RULES_OF_SEND,                                                              \
              .sleeps =                                                                            \
                  "Taking a message wakes a sleeping sender; receiver_drop wakes all of them."}

#define KINDS_04                                                                                   \
    KINDS_03(TRY_SEND), BOUNDED_SEND,                                                              \
        [CREATE_BOUNDED] = {.name = "channel_create_bounded",                                      \
                            .needs = NOTHING,                                                      \
                            .often = 1,                                                            \
                            .arguments = ODD_BOUNDS,                                               \
                            .rules = {[CHANNEL_OK] =                                               \
                                          "CHANNEL_OK: a new channel with that capacity.",         \
                                      [CHANNEL_INVALID] = "CHANNEL_INVALID: message_size is 0 or " \
                                                          "capacity is 0.",                        \
                                      [CHANNEL_NO_MEMORY] =                                        \
                                          "CHANNEL_NO_MEMORY: also when message_size "             \
                                          "* capacity overflows."}},                               \
        [TRY_SEND] = {                                                                             \
            .name = "sender_try_send",                                                             \
            .often = 5,                                                                            \
            .is_new = true,                                                                        \
            .hands_in = true,                                                                      \
            .rules = {                                                                             \
                [CHANNEL_OK] = "CHANNEL_OK: the message is sent.",                                 \
                [CHANNEL_FULL] = "CHANNEL_FULL: capacity messages are queued. Bounded channels "   \
                                 "only, and not when CHANNEL_CLOSED applies.",                     \
                [CHANNEL_CLOSED] = "CHANNEL_CLOSED: the receiver has been dropped, full or not.",  \
                [CHANNEL_NO_MEMORY] = "CHANNEL_NO_MEMORY: unbounded channels only."}}

static struct answer try_create_bounded(const struct setup *setup)
{
    struct sender *tx = nowhere();
    struct receiver *rx = nowhere();
    enum channel_status status =
        channel_create_bounded(setup->size, setup->capacity, NULL, &tx, &rx);

    return try_channel(status, setup->size, tx, rx);
}

UNWATCHED static struct answer make_04(const struct call *call, void *handle, void *const ones[])
{
    if (call->kind == TRY_SEND)
        return send_by(sender_try_send, call, handle);
    if (call->kind == CREATE_BOUNDED)
        return try_create_bounded(&odd_bounds[call->argument]);
    return make_03(call, handle, ones);
}

static inline bool open_04(unsigned object, const struct setup *setup, void **many, void **one)
{
    struct sender *tx = NULL;
    struct receiver *rx = NULL;

    if (setup->variant < VARIANTS_OF_03)
        return open_03(object, setup, many, one);
    enum channel_status status =
        channel_create_bounded(setup->size, setup->capacity,
                               setup->variant == BOUNDED_04 ? NULL : drops[object], &tx, &rx);
    *many = tx;
    *one = rx;
    return is_made(object, setup, status);
}

static void describe_04(const struct call *call, char *arguments, char *answer, size_t size)
{
    struct call alike = *call;

    if (call->kind == TRY_SEND)
        alike.kind = SEND;
    if (call->kind == CREATE_BOUNDED) {
        alike.kind = CREATE; /* answers alike */
        alike.argument = 0;
    }
    describe_03(&alike, arguments, answer, size);
    if (call->kind == CREATE_BOUNDED)
        snprintf(arguments, size, "%zu, %zu", odd_bounds[call->argument].size,
                 odd_bounds[call->argument].capacity);
}

/* What threads share, and how it ends: of 04 and of what builds on it. */
static const struct setup bounded_setups[] = {
    {.variant = BOUNDED_WITH_DROP_04, .size = 4, .capacity = 1},
    {.variant = BOUNDED_WITH_DROP_04, .size = 520, .capacity = 2},
    {.variant = BOUNDED_WITH_DROP_04, .size = 12, .capacity = 3},
    {.variant = BOUNDED_04, .size = 1, .capacity = 4},
    {.variant = CREATE_01, .size = 8, .capacity = SIZE_MAX},
    {.variant = WITH_DROP_03, .size = 4, .capacity = SIZE_MAX}};
static const uint8_t bounded_endings[][4] = {{DROP_SENDER, RECV, TRY_RECV, NONE},
                                             {TRY_SEND, TRY_RECV, TRY_SEND, DROP_RECEIVER},
                                             {TRY_SEND, DROP_RECEIVER, TRY_SEND, SEND},
                                             {NONE}};

/* What calls of one thread turn in, from each offset. */
static const struct setup bounded_rings[] = {
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
    {.variant = CREATE_01, .capacity = SIZE_MAX, .size = 8},
    {.variant = WITH_DROP_03, .capacity = SIZE_MAX, .size = 8},
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
    RING(3, 10000),
    RING(5, 1000),
    RING(255, 4),
    RING(256, 4),
    RING(257, 4),
    {.variant = BOUNDED_04, .capacity = 3, .size = 1},
    {.variant = BOUNDED_04, .capacity = 7, .size = 3},
};

/* What their contracts have in common. */
#define CONTRACT_04                                                                                \
    .status_names = channel_status_names, .clone = CLONE, .drop_many = DROP_SENDER,                \
    .drop_one = DROP_RECEIVER, .fill = SEND, .take = TRY_RECV, .most_filled = 2,                   \
    .setups = bounded_setups, .setup_count = 6, .endings = bounded_endings, .ending_count = 4,     \
    .state_size = offsetof(struct channels, messages),                                             \
    .state_of_a_call = sizeof(uint16_t[OBJECTS]), .begin = begin_channels, .open = open_04,        \
    .meet = meet, .is_dropped = is_dropped_04, .dropped_once = DROPPED_ONCE,                       \
    .may_allocate = may_allocate_04, .allocates_nothing = ALLOCATES_NOTHING
