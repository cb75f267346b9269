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
                .arguments = DEADLINES,                                                            \
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
    },                                                                                             \
        [SEND_UNTIL] = {                                                                           \
            .name = "sender_send_until",                                                           \
            .often = 7,                                                                            \
            .arguments = DEADLINES,                                                                \
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
                      "times out takes no wake-up away from a sender that still sleeps."}

static const char *const deadline_words[DEADLINES] = {
    "passed", "0 s",         "-3 s",       "in 1 ms", "in a year", "{LONG_MAX, 999999999}",
    "NULL",   "bad tv_nsec", "bad tv_nsec"};

/* The deadline that an argument stands for; NULL: none. */
static const struct timespec *deadline_of(unsigned argument, struct timespec *at)
{
    clock_gettime(CLOCK_MONOTONIC, at);
    switch ((enum deadline)argument) {
    case PASSED:
        at->tv_sec -= 2;
        break;
    case ZERO:
        *at = (struct timespec){0, 0};
        break;
    case NEGATIVE:
        at->tv_sec = -3;
        break;
    case SOON:
        at->tv_nsec += 1000000;
        break;
    case FAR:
        at->tv_sec += 365L * 24 * 3600;
        break;
    case FARTHEST:
        *at = (struct timespec){LONG_MAX, 999999999};
        break;
    case NO_TIME:
        at->tv_nsec = 1000000000;
        break;
    case LESS_THAN_NO_TIME:
        at->tv_nsec = -1;
        break;
    case NO_DEADLINE:
    case DEADLINES:
        return NULL;
    }
    if (argument == SOON && at->tv_nsec >= 1000000000) {
        at->tv_sec++;
        at->tv_nsec -= 1000000000;
    }
    return at;
}

/* TIMEOUT is never said before the deadline, and the deadline is only read. The result is that
 * time, if it was. */
static uint64_t check_deadline(const struct timespec *deadline, const struct timespec *was,
                               int status)
{
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
    return was->tv_sec < 0 ? 0
                           : (uint64_t)was->tv_sec * UINT64_C(1000000000) + (uint64_t)was->tv_nsec;
}

static struct answer make_05(const struct call *call, void *handle, void *const ones[])
{
    struct timespec at, was;
    const struct timespec *deadline;
    size_t size = message_sizes[call->object];
    unsigned char message[LARGEST + GUARD];
    struct answer answer;

    if (call->kind != RECV_UNTIL && call->kind != SEND_UNTIL)
        return make_04(call, handle, ones);
    deadline = deadline_of(call->argument, &at);
    was = at;
    memset(message, UNTOUCHED, size + GUARD);
    if (call->kind == RECV_UNTIL) {
        answer = received(receiver_recv_until(handle, message, deadline), message, size);
    } else {
        write_message(message, size, call->message);
        answer = (struct answer){.status = (int)sender_send_until(handle, message, deadline)};
    }
    answer.not_before = check_deadline(deadline, &was, answer.status);
    return answer;
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
    snprintf(arguments + used, size - used, "%s%s", used ? ", " : "",
             deadline_words[call->argument]);
}
