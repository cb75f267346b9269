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

static struct answer make_04(const struct call *call, void *handle, void *const ones[])
{
    struct sender *tx = nowhere();
    struct receiver *rx = nowhere();

    if (call->kind == TRY_SEND)
        return send_by(sender_try_send, call, handle);
    if (call->kind != CREATE_BOUNDED)
        return make_03(call, handle, ones);
    const struct setup *setup = &odd_bounds[call->argument];
    enum channel_status status =
        channel_create_bounded(setup->size, setup->capacity, NULL, &tx, &rx);
    return try_channel(status, setup->size, tx, rx);
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
