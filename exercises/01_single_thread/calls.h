/* calls.h - how the calls of model.h are made, and what channel.h says of each status. */
#pragma once

#include <stdatomic.h>
#include <stdlib.h>

#include "suite.h"

#include "model.h"

enum { GUARD = 8, UNTOUCHED = 0xee, NUMBER = 4, PERIOD = 256, LARGE = 1 << 19 };

static size_t message_sizes[OBJECTS];

#define RULES_OF_CREATE                                                                            \
    {                                                                                              \
        [CHANNEL_OK] = "CHANNEL_OK: *tx and *rx are the handles.",                                 \
        [CHANNEL_INVALID] = "CHANNEL_INVALID: message_size is 0. *tx and *rx are untouched.",      \
        [CHANNEL_NO_MEMORY] = "CHANNEL_NO_MEMORY: also for a message_size so large that a size "   \
                              "computed from it would overflow.",                                  \
    }

#define KINDS_01                                                                                   \
    [CLONE] = {.name = "sender_clone",                                                             \
               .does = ADDS,                                                                       \
               .often = 2,                                                                         \
               .rules = {[CHANNEL_OK] = "Makes one more sender of the same channel.",              \
                         [CHANNEL_NO_MEMORY] = "NULL: out of memory. The channel is as before."}}, \
    [DROP_SENDER] = {.name = "sender_drop",                                                        \
                     .does = DROPS,                                                                \
                     .often = 3,                                                                   \
                     .rules = {[CHANNEL_OK] = "Ends a sending handle."}},                          \
    [DROP_RECEIVER] = {.name = "receiver_drop",                                                    \
                       .needs = THE_ONE,                                                           \
                       .does = DROPS,                                                              \
                       .often = 2,                                                                 \
                       .rules = {[CHANNEL_OK] = "Ends the receiving handle."}},                    \
    [CREATE] = {.name = "channel_create",                                                          \
                .needs = NOTHING,                                                                  \
                .often = 1,                                                                        \
                .arguments = ODD_SIZES,                                                            \
                .rules = RULES_OF_CREATE},                                                         \
    [DROP_NULL] = {.name = "sender_drop, receiver_drop",                                           \
                   .needs = NOTHING,                                                               \
                   .often = 1,                                                                     \
                   .rules = {[CHANNEL_OK] = "NULL is a no-op."}},                                  \
    [TRY_RECV] = {                                                                                 \
        .name = "receiver_try_recv",                                                               \
        .needs = THE_ONE,                                                                          \
        .often = 4,                                                                                \
        .hands_out = true,                                                                         \
        .rules = {[CHANNEL_OK] =                                                                   \
                      "CHANNEL_OK: *message holds the oldest message, which is no longer in "      \
                      "the channel.",                                                              \
                  [CHANNEL_EMPTY] =                                                                \
                      "CHANNEL_EMPTY: nothing is queued, and at least one sender is left.",        \
                  [CHANNEL_CLOSED] =                                                               \
                      "CHANNEL_CLOSED: nothing is queued, and no sender is left, now and "         \
                      "for good."}}

#define RULES_OF_SEND                                                                              \
    {                                                                                              \
        [CHANNEL_OK] =                                                                             \
            "CHANNEL_OK: the message is in the channel. It is behind all messages sent before.",   \
        [CHANNEL_CLOSED] = "CHANNEL_CLOSED: the receiver has been dropped, and stays so.",         \
        [CHANNEL_NO_MEMORY] = "CHANNEL_NO_MEMORY: no room could be allocated.",                    \
    }

#define UNBOUNDED_SEND                                                                             \
    [SEND] = {.name = "sender_send", .often = 5, .hands_in = true, .rules = RULES_OF_SEND}

/* A message is its number and then a pattern, as much as there is room for. */
UNWATCHED static unsigned char byte_of(unsigned number, size_t at)
{
    return at < NUMBER ? (unsigned char)(number >> 8 * at) : (unsigned char)(number * 31 + at);
}

UNWATCHED static void write_message(unsigned char *message, size_t size, unsigned number)
{
    size_t written = 0;

    for (; written < size && written < NUMBER + PERIOD; written++)
        message[written] = byte_of(number, written);
    for (size_t more; written < size; written += more) {
        more = size - written < written - NUMBER ? size - written : written - NUMBER;
        memcpy(message + written, message + NUMBER, more);
    }
}

UNWATCHED static unsigned number_of(const unsigned char *message, size_t size)
{
    unsigned number = 0;
    size_t checked = size < NUMBER + PERIOD ? size : NUMBER + PERIOD;

    for (size_t i = 0; i < size && i < NUMBER; i++)
        number |= (unsigned)message[i] << 8 * i;
    for (size_t i = NUMBER; i < checked; i++)
        if (message[i] != byte_of(number, i))
            check_equal(message[i], byte_of(number, i),
                        "A message of any C type arrives as it was sent.");
    check(memcmp(message + checked, message + (size > checked ? NUMBER : checked),
                 size - checked) == 0,
          "A message of any C type arrives as it was sent.");
    return number;
}

/* Where a message of the test lies: here, or elsewhere if it is too large for a stack. */
static unsigned char *room_for(size_t size, unsigned char *here)
{
    return size > LARGE ? allocate(size) : here;
}

/* Calls send(tx, message). */
static struct answer send_by(enum channel_status (*send)(struct sender *, const void *),
                             const struct call *call, void *tx)
{
    size_t size = message_sizes[call->object];
    unsigned char here[size > LARGE ? 1 : size], *message = room_for(size, here);

    write_message(message, size, call->message);
    struct answer answer = {.status = (int)send(tx, message)};
    memset(message, UNTOUCHED, size); /* the caller's buffer may be reused at once */
    if (message != here)
        free(message);
    return answer;
}

/* What recv wrote: size bytes on OK, and otherwise none. From then on the buffer is the caller's
 * alone. */
UNWATCHED static struct answer received(enum channel_status status, unsigned char *message,
                                        size_t size)
{
    size_t untouched = status == CHANNEL_OK ? size : 0;
    struct answer answer = {.status = (int)status};

    for (; untouched < size + GUARD; untouched++)
        if (message[untouched] != UNTOUCHED)
            check_failed(__FILE__, __LINE__,
                         "message_size bytes are copied out on CHANNEL_OK, else none.", "*message",
                         "untouched", "written to");
    if (status == CHANNEL_OK)
        answer.value = (long)number_of(message, size);
    memset(message, UNTOUCHED, size);
    return answer;
}

static struct answer receive_by(enum channel_status (*recv)(struct receiver *, void *),
                                const struct call *call, void *rx)
{
    size_t size = message_sizes[call->object];
    unsigned char here[size + GUARD > LARGE ? 1 : size + GUARD];
    unsigned char *message = room_for(size + GUARD, here);

    memset(message, UNTOUCHED, size + GUARD);
    struct answer answer = received(recv(rx, message), message, size);
    if (message != here)
        free(message);
    return answer;
}

/* What *tx and *rx are before a channel is made. */
static void *nowhere(void)
{
    static int place;

    return &place;
}

/* A new channel of such messages is used once, if it could be made. */
static struct answer try_channel(enum channel_status status, size_t size, struct sender *tx,
                                 struct receiver *rx)
{
    unsigned char message[64] = {0};

    if (status != CHANNEL_OK) {
        check(tx == nowhere() && rx == nowhere(), "Unless CHANNEL_OK, *tx and *rx are untouched.");
        return (struct answer){.status = (int)status};
    }
    status = check_one_of(sender_send(tx, message), "While the receiver is there, a send is OK.",
                          CHANNEL_OK, CHANNEL_NO_MEMORY);
    if (status == CHANNEL_OK && size <= sizeof message)
        check_status(receiver_try_recv(rx, message), CHANNEL_OK, "What was sent is received.");
    sender_drop(tx);
    receiver_drop(rx);
    return (struct answer){.status = (int)status};
}

static struct answer make_01(const struct call *call, void *handle, void *const ones[])
{
    struct sender *clone, *tx;
    struct receiver *rx;
    enum channel_status status;

    (void)ones;
    switch (call->kind) {
    case CLONE:
        clone = sender_clone(handle);
        return (struct answer){.status = clone ? CHANNEL_OK : CHANNEL_NO_MEMORY, .handle = clone};
    case SEND:
        return send_by(sender_send, call, handle);
    case TRY_RECV:
        return receive_by(receiver_try_recv, call, handle);
    case CREATE:
        tx = nowhere();
        rx = nowhere();
        status = channel_create(odd_sizes[call->argument], &tx, &rx);
        return try_channel(status, odd_sizes[call->argument], tx, rx);
    case DROP_NULL:
        sender_drop(NULL);
        receiver_drop(NULL);
        break;
    case DROP_SENDER:
        sender_drop(handle);
        break;
    case DROP_RECEIVER:
        receiver_drop(handle);
        break;
    }
    return (struct answer){.status = CHANNEL_OK};
}

static bool is_made(unsigned object, const struct setup *setup, enum channel_status status)
{
    message_sizes[object] = setup->size;
    check_one_of(status, "A channel is made, or there is no memory for it.", CHANNEL_OK,
                 CHANNEL_NO_MEMORY);
    return status == CHANNEL_OK;
}

static inline bool open_01(unsigned object, const struct setup *setup, void **many, void **one)
{
    struct sender *tx = NULL;
    struct receiver *rx = NULL;
    enum channel_status status = channel_create(setup->size, &tx, &rx);

    *many = tx;
    *one = rx;
    return is_made(object, setup, status);
}

/* What was done before is known to whoever comes here later. */
static void meet(void)
{
    static atomic_uint moment; /* as the table of a failure counts them */

    atomic_fetch_add_explicit(&moment, 1, memory_order_acq_rel);
}

static void describe_01(const struct call *call, char *arguments, char *answer, size_t size)
{
    bool carries = call->kind == SEND;

    if (carries)
        snprintf(arguments, size, "%u", call->message);
    if (call->kind == CREATE)
        snprintf(arguments, size, "%zu", odd_sizes[call->argument]);
    if (call->kind == DROP_SENDER || call->kind == DROP_RECEIVER || call->kind == DROP_NULL)
        return;
    const char *name = call->status >= 0 && call->status <= CHANNEL_INVALID
                           ? channel_status_names[call->status]
                           : "no value of the enum";
    if (call->kind == TRY_RECV && call->status == CHANNEL_OK)
        snprintf(answer, size, "%s, message %ld", name, call->value);
    else
        snprintf(answer, size, "%s", call->kind == CLONE && call->status ? "NULL" : name);
}
