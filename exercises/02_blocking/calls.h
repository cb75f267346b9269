/* calls.h - how the calls of model.h are made, and what channel.h says of each status. */
#pragma once

#include "../01_single_thread/calls.h"

#include "model.h"

/* wakes_receiver: a kind of send that never sleeps. */
#define KINDS_02(wakes_receiver)                                                                   \
    KINDS_01, [RECV] = {                                                                           \
                  .name = "receiver_recv",                                                         \
                  .needs = THE_ONE,                                                                \
                  .often = 6,                                                                      \
                  .is_new = true,                                                                  \
                  .hands_out = true,                                                               \
                  .releases = {wakes_receiver, DROP_SENDER},                                       \
                  .rules = {[CHANNEL_OK] =                                                         \
                                "CHANNEL_OK: *message holds the oldest message, which is no "      \
                                "longer in the channel.",                                          \
                            [CHANNEL_CLOSED] =                                                     \
                                "CHANNEL_CLOSED: nothing is queued, and no sender is left, "       \
                                "now and for good."},                                              \
                  .sleeps =                                                                        \
                      "A send wakes a sleeping receiver, and so does dropping the last sender."}

UNWATCHED static struct answer make_02(const struct call *call, void *handle, void *const ones[])
{
    return call->kind == RECV ? receive_by(receiver_recv, call, handle)
                              : make_01(call, handle, ones);
}

static void describe_02(const struct call *call, char *arguments, char *answer, size_t size)
{
    struct call alike = *call;

    if (call->kind == RECV)
        alike.kind = TRY_RECV; /* answers alike */
    describe_01(&alike, arguments, answer, size);
}

/* What threads share, and how it ends: of 02, and of 07, which promises the same and more. */
static const struct setup blocking_setups[] = {{.size = 4, .capacity = SIZE_MAX},
                                               {.size = 1, .capacity = SIZE_MAX},
                                               {.size = 600, .capacity = SIZE_MAX}};
static const uint8_t blocking_endings[][4] = {{DROP_SENDER, RECV, TRY_RECV, NONE},
                                              {TRY_RECV, SEND, DROP_RECEIVER, SEND},
                                              {DROP_RECEIVER, SEND, NONE},
                                              {NONE}};

/* What their contracts have in common. */
#define CONTRACT_02(allowed)                                                                       \
    .status_names = channel_status_names, .clone = CLONE, .drop_many = DROP_SENDER,                \
    .drop_one = DROP_RECEIVER, .fill = SEND, .take = TRY_RECV, .most_filled = 2,                   \
    .setups = blocking_setups, .setup_count = 3, .new_setups = 1, .endings = blocking_endings,     \
    .ending_count = 4, .state_size = offsetof(struct channels, messages),                          \
    .state_of_a_call = sizeof(uint16_t[OBJECTS]), .begin = begin_channels, .allows = (allowed),    \
    .may_sleep = may_sleep_02, .open = open_01, .make = make_02, .meet = meet,                     \
    .describe = describe_02
