/* calls.h - how the calls of model.h are made, and what channel.h says of each status. */
#pragma once

#include "../05_deadlines/calls.h"

#include "model.h"

#define KINDS_06 KINDS_06_OF(SELECTIONS_TOGETHER)

/* ... where several threads select from the first of so many selections. */
#define KINDS_06_OF(selections_)                                                                   \
    KINDS_05,                                                                                      \
        [SELECT] = {                                                                               \
            .name = "receiver_select",                                                             \
            .needs = EVERY_ONE,                                                                    \
            .often = 20,                                                                           \
            .arguments = (selections_)*DEADLINES_TOGETHER,                                         \
            .arguments_alone = SELECTIONS * DEADLINES_TOGETHER,                                    \
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
                "of any.",                                                                         \
            .sleeps_until = "Sleeps until one of n receivers is ready, or until deadline at "      \
                            "most, and says which."}

/* Receivers of channels on which nothing happens, as many as there is memory for. */
struct idle {
    unsigned n;
    struct sender *tx[MOST_IDLE];
    struct receiver *rx[MOST_IDLE];
};

static void make_idle(struct idle *idle, unsigned n)
{
    for (idle->n = 0; idle->n < n; idle->n++)
        if (channel_create(1, &idle->tx[idle->n], &idle->rx[idle->n]) != CHANNEL_OK)
            break;
}

static void drop_idle(struct idle *idle)
{
    for (; idle->n; idle->n--) {
        sender_drop(idle->tx[idle->n - 1]);
        receiver_drop(idle->rx[idle->n - 1]);
    }
}

/* The receivers that a call is given; false: there is no memory for all of them. */
static bool choose(const struct call *call, void *const ones[], struct idle *idle,
                   struct receiver *receivers[], size_t *n)
{
    const struct selection *selection = selection_of(call);
    unsigned made = 0;

    make_idle(idle, selection->idle[0] + selection->idle[1] + selection->idle[2]);
    *n = 0;
    for (unsigned i = 0; i < 3; i++) {
        for (unsigned at = 0; at < selection->idle[i]; at++) {
            if (made == idle->n)
                return false;
            receivers[(*n)++] = idle->rx[made++];
        }
        if (i < count_chosen(call))
            receivers[(*n)++] = ones[chosen(call, i)];
    }
    return true;
}

static struct answer select_from(const struct call *call, void *const ones[])
{
    struct receiver *receivers[MOST_IDLE + OBJECTS], *were[MOST_IDLE + OBJECTS];
    size_t n, ready = 77777;
    struct idle idle;
    struct given given;
    struct answer answer = {.status = CHANNEL_NO_MEMORY};

    if (choose(call, ones, &idle, receivers, &n)) {
        memcpy(were, receivers, n * sizeof *were);
        give_deadline(call, deadline_of_selection(call), &given);
        answer.status = (int)receiver_select(receivers, n, given.deadline, &ready);
        answer.value = (long)ready;
        answer.not_before = check_deadline(&given, answer.status);
        check(answer.status == CHANNEL_OK || ready == 77777, "Unless OK, *ready is untouched.");
        check(memcmp(receivers, were, n * sizeof *were) == 0, "The array is only read.");
    }
    drop_idle(&idle);
    return answer;
}

UNWATCHED static struct answer make_06(const struct call *call, void *handle, void *const ones[])
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
    size_t used = 0;
    for (unsigned i = 0; i < 3; i++) {
        if (selection_of(call)->idle[i])
            used += (size_t)snprintf(arguments + used, size - used, "%sidle x %u", used ? ", " : "",
                                     selection_of(call)->idle[i]);
        if (i < count_chosen(call))
            used += (size_t)snprintf(arguments + used, size - used, "%s%s", used ? ", " : "",
                                     call->held != 3   ? "rx"
                                     : chosen(call, i) ? "two"
                                                       : "one");
    }
    snprintf(arguments + used, size - used, "%s%s", used ? ", " : "none, ",
             deadline_of_selection(call)->words);
    if (call->status == CHANNEL_OK)
        snprintf(answer, size, "CHANNEL_OK, ready %ld", call->value);
}
