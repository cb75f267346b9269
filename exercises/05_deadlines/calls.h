/* calls.h - how the calls of model.h are made, and what channel.h says of each status. */
#pragma once

#include <limits.h>
#include <time.h>

#include "../04_bounded/calls.h"

#include "model.h"

#define KINDS_05                                                                                   \
    KINDS_04,                                                                                      \
        [RECV_UNTIL] =                                                                             \
            {                                                                                      \
                .name = "receiver_recv_until",                                                     \
                .needs = THE_ONE,                                                                  \
                .often = 8,                                                                        \
                .arguments = DEADLINES_TOGETHER,                                                   \
                .arguments_alone = DEADLINES,                                                      \
                .is_new = true,                                                                    \
                .hands_out = true,                                                                 \
                .releases = {TRY_SEND, DROP_SENDER},                                               \
                .rules = {[CHANNEL_OK] =                                                           \
                              "CHANNEL_OK: *message holds the oldest message. A queued "           \
                              "message always comes first.",                                       \
                          [CHANNEL_CLOSED] = "CHANNEL_CLOSED: every sender has been dropped and "  \
                                             "every message has been received, now and for good.", \
                          [CHANNEL_TIMEOUT] = "CHANNEL_TIMEOUT: the deadline has passed, nothing " \
                                              "is queued, and a sender is left.",                  \
                          [CHANNEL_INVALID] = "CHANNEL_INVALID: deadline->tv_nsec is out of "      \
                                              "range. Nothing was received."},                     \
                .sleeps =                                                                          \
                    "Woken as receiver_recv is: by a message, and by the last sender's drop.",     \
                .sleeps_until = "Takes the next message, sleeping until deadline at most while "   \
                                "the channel is empty and at least one sender is left.",           \
    },                                                                                             \
        [SEND_UNTIL] = {                                                                           \
            .name = "sender_send_until",                                                           \
            .often = 7,                                                                            \
            .arguments = DEADLINES_TOGETHER,                                                       \
            .arguments_alone = DEADLINES,                                                          \
            .is_new = true,                                                                        \
            .hands_in = true,                                                                      \
            .releases = {DROP_RECEIVER, TRY_RECV},                                                 \
            .rules = {[CHANNEL_OK] = "CHANNEL_OK: the message is queued. Where there is room it "  \
                                     "is, even after the deadline.",                               \
                      [CHANNEL_CLOSED] = "CHANNEL_CLOSED: the receiver has been dropped, before "  \
                                         "the call or during it. Comes before TIMEOUT.",           \
                      [CHANNEL_TIMEOUT] = "CHANNEL_TIMEOUT: the deadline has passed and the "      \
                                          "channel is full: bounded channels only.",               \
                      [CHANNEL_NO_MEMORY] = "CHANNEL_NO_MEMORY: unbounded channels only.",         \
                      [CHANNEL_INVALID] = "CHANNEL_INVALID: deadline->tv_nsec is out of range. "   \
                                          "The message was not sent."},                            \
            .sleeps = "Woken as sender_send is: by room, and by the receiver's drop. A call that " \
                      "times out takes no wake-up away from a sender that still sleeps.",          \
            .sleeps_until = "Sends a message, sleeping until deadline at most while a bounded "    \
                            "channel is full."}

/* The point in time that a deadline stands for, now; NULL: none. */
static const struct timespec *point_in_time(const struct deadline *deadline, struct timespec *at)
{
    clock_gettime(CLOCK_MONOTONIC, at);
    if (deadline->is_none)
        return NULL;
    if (!deadline->is_from_now)
        at->tv_sec = 0;
    at->tv_sec += deadline->seconds;
    if (!deadline->is_from_now || is_no_time(deadline))
        at->tv_nsec = 0;
    at->tv_nsec += deadline->nanoseconds;
    if (at->tv_nsec > 999999999 && !is_no_time(deadline)) {
        at->tv_sec++;
        at->tv_nsec -= 1000000000;
    }
    return at;
}

/* Who counts in nanoseconds has no time after the year 2500. */
static uint64_t in_nanoseconds(const struct timespec *at)
{
    return at->tv_sec < 0 ? 0
           : at->tv_sec >= INT64_C(0x3fffffff0)
               ? FOREVER
               : (uint64_t)at->tv_sec * UINT64_C(1000000000) + (uint64_t)at->tv_nsec;
}

/* A deadline that a call is given, and what it was before. */
struct given {
    struct timespec at, was;
    const struct timespec *deadline; /* NULL: none */
};

static void give_deadline(const struct call *call, const struct deadline *deadline,
                          struct given *given)
{
    given->deadline = point_in_time(deadline, &given->at);
    given->was = given->at;
    if (given->deadline && !is_no_time(deadline))
        waits_until(call, in_nanoseconds(given->deadline));
}

/* TIMEOUT is never said before the deadline, and the deadline is only read. The result is that
 * time, if it was. */
static uint64_t check_deadline(const struct given *given, int status)
{
    const struct timespec *deadline = given->deadline, *was = &given->was;
    struct timespec now;

    if (!deadline)
        return 0;
    check(deadline->tv_sec == was->tv_sec && deadline->tv_nsec == was->tv_nsec,
          "*deadline is only read.");
    if (status != CHANNEL_TIMEOUT)
        return 0;
    clock_gettime(CLOCK_MONOTONIC, &now);
    check(now.tv_sec > was->tv_sec || (now.tv_sec == was->tv_sec && now.tv_nsec >= was->tv_nsec),
          "CHANNEL_TIMEOUT: never said before the deadline.");
    return in_nanoseconds(was);
}

static struct answer make_until(const struct call *call, void *handle)
{
    struct given given;
    size_t size = message_sizes[call->object];
    unsigned char message[size + GUARD];
    struct answer answer;

    give_deadline(call, deadline_of(call), &given);
    memset(message, UNTOUCHED, size + GUARD);
    if (call->kind == RECV_UNTIL) {
        answer = received(receiver_recv_until(handle, message, given.deadline), message, size);
    } else {
        write_message(message, size, call->message);
        answer = (struct answer){.status = (int)sender_send_until(handle, message, given.deadline)};
    }
    answer.not_before = check_deadline(&given, answer.status);
    return answer;
}

UNWATCHED static struct answer make_05(const struct call *call, void *handle, void *const ones[])
{
    return call->kind == RECV_UNTIL || call->kind == SEND_UNTIL ? make_until(call, handle)
                                                                : make_04(call, handle, ones);
}

static void describe_05(const struct call *call, char *arguments, char *answer, size_t size)
{
    struct call alike = untimed(call);

    if (call->kind != RECV_UNTIL && call->kind != SEND_UNTIL) {
        describe_04(call, arguments, answer, size);
        return;
    }
    describe_04(&alike, arguments, answer, size);
    size_t used = strlen(arguments);
    snprintf(arguments + used, size - used, "%s%s", used ? ", " : "", deadline_of(call)->words);
}
