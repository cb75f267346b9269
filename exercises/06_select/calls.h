/* calls.h - how the calls of model.h are made, and what channel.h says of each status. */
#pragma once

#include "../05_deadlines/calls.h"

#include "model.h"

#define KINDS_06                                                                                   \
    KINDS_05,                                                                                      \
        [SELECT] = {                                                                               \
            .name = "receiver_select",                                                             \
            .needs = EVERY_ONE,                                                                    \
            .often = 20,                                                                           \
            .arguments = SELECTIONS,                                                               \
            .is_new = true,                                                                        \
            .releases = {TRY_SEND, DROP_SENDER},                                                   \
            .rules = {[CHANNEL_OK] = "CHANNEL_OK: receivers[*ready] is ready. Of those that were " \
                                     "ready when the call began, the lowest counts.",              \
                      [CHANNEL_TIMEOUT] = "CHANNEL_TIMEOUT: the deadline has passed and none is "  \
                                          "ready. Never said before the deadline.",                \
                      [CHANNEL_NO_MEMORY] =                                                        \
                          "CHANNEL_NO_MEMORY: there is not enough memory to wait.",                \
                      [CHANNEL_INVALID] =                                                          \
                          "CHANNEL_INVALID: n is 0, or deadline->tv_nsec is out of "               \
                          "range."},                                                               \
            .sleeps =                                                                              \
                "Woken by a message on any of the channels, and by the drop of the last sender "   \
                "of any."}

static struct answer select_from(const struct call *call, void *const ones[])
{
    struct receiver *receivers[OBJECTS] = {NULL, NULL};
    struct timespec at, was;
    const struct timespec *deadline = deadline_of(deadline_of_selection(call), &at);
    size_t n = count_held(call), ready = 77;

    was = at;
    for (unsigned i = 0; i < n; i++)
        receivers[i] = ones[channel_at(call, i)];
    enum channel_status status = receiver_select(receivers, n, deadline, &ready);
    uint64_t time = check_deadline(deadline, &was, (int)status);
    check(status == CHANNEL_OK || ready == 77, "Unless OK, *ready is untouched.");
    for (unsigned i = 0; i < n; i++)
        check_pointer(receivers[i], ones[channel_at(call, i)], "The array is only read.");
    return (struct answer){.status = (int)status, .value = (long)ready, .not_before = time};
}

static struct answer make_06(const struct call *call, void *handle, void *const ones[])
{
    return call->kind == SELECT ? select_from(call, ones) : make_05(call, handle, ones);
}

static void describe_06(const struct call *call, char *arguments, char *answer, size_t size)
{
    struct call alike = *call;

    if (call->kind != SELECT) {
        describe_05(call, arguments, answer, size);
        return;
    }
    alike.kind = RECV; /* its statuses */
    describe_05(&alike, arguments, answer, size);
    snprintf(arguments, size, "%s, %s",
             count_held(call) < 2         ? "{rx}"
             : call->argument < DEADLINES ? "{one, two}"
                                          : "{two, one}",
             deadline_words[deadline_of_selection(call)]);
    if (call->status == CHANNEL_OK)
        snprintf(answer, size, "CHANNEL_OK, ready %ld", call->value);
}
