/* calls.h - how the channels of model.h are made, and what channel.h says of drop. */
#pragma once

#include <stddef.h>

#include "../02_blocking/calls.h"

#include "model.h"

#define DROPPED_ONCE                                                                               \
    "drop runs exactly once for every message that was sent with CHANNEL_OK and can no longer be " \
    "received."

#define RULES_OF_CREATE_WITH_DROP                                                                  \
    {                                                                                              \
        [CHANNEL_OK] = "CHANNEL_OK: *tx and *rx are the two ends of a new, unbounded channel.",    \
        [CHANNEL_INVALID] = "CHANNEL_INVALID: message_size is 0. *tx and *rx are untouched.",      \
        [CHANNEL_NO_MEMORY] = "CHANNEL_NO_MEMORY: *tx and *rx are untouched, and nothing leaks.",  \
    }

#define KINDS_03(wakes_receiver)                                                                   \
    KINDS_02(wakes_receiver), [CREATE_WITH_DROP] = {.name = "channel_create_with_drop",            \
                                                    .needs = NOTHING,                              \
                                                    .often = 1,                                    \
                                                    .arguments = ODD_SIZES,                        \
                                                    .rules = RULES_OF_CREATE_WITH_DROP}

static void check_drop(const void *message, size_t size)
{
    size_t strictest = size & -size; /* alignment of a type of that size */

    check(locks_held() == 0, "drop never runs while the channel holds a lock.");
    check(
        (uintptr_t)message %
                (strictest < _Alignof(max_align_t) ? strictest : _Alignof(max_align_t)) ==
            0,
        "drop: is called with a pointer to a message, valid during the call and aligned, as far as "
        "malloc aligns.");
}

static void drop_of_first(void *message)
{
    check_drop(message, message_sizes[0]);
    message_dropped((long)number_of(message, message_sizes[0]));
}

static void drop_of_second(void *message)
{
    check_drop(message, message_sizes[1]);
    message_dropped((long)number_of(message, message_sizes[1]));
}

static void (*const drops[OBJECTS])(void *message) = {drop_of_first, drop_of_second};

static struct answer try_create_with_drop(size_t size)
{
    struct sender *tx = nowhere();
    struct receiver *rx = nowhere();
    enum channel_status status = channel_create_with_drop(size, NULL, &tx, &rx);

    return try_channel(status, size, tx, rx);
}

UNWATCHED static struct answer make_03(const struct call *call, void *handle, void *const ones[])
{
    return call->kind == CREATE_WITH_DROP ? try_create_with_drop(odd_sizes[call->argument])
                                          : make_02(call, handle, ones);
}

static void describe_03(const struct call *call, char *arguments, char *answer, size_t size)
{
    struct call alike = *call;

    if (call->kind == CREATE_WITH_DROP)
        alike.kind = CREATE;
    describe_02(&alike, arguments, answer, size);
}

static inline bool open_03(unsigned object, const struct setup *setup, void **many, void **one)
{
    struct sender *tx = NULL;
    struct receiver *rx = NULL;

    if (setup->variant == CREATE_01)
        return open_01(object, setup, many, one);
    enum channel_status status = channel_create_with_drop(setup->size, drops[object], &tx, &rx);
    *many = tx;
    *one = rx;
    return is_made(object, setup, status);
}
