/* Suite of 01: the sentences of channel.h, one test each. */
#include "channel.h"
#include "suite.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

struct ends {
    struct sender *tx;
    struct receiver *rx;
};

static const size_t sizes[] = {1, 3, 6, 8, 13, 64, 1001, 4096, 70001};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

static struct ends open_channel(size_t message_size)
{
    struct ends ends = {NULL, NULL};

    check_status(channel_create(message_size, &ends.tx, &ends.rx), CHANNEL_OK,
                 "channel_create makes a channel when there is memory.");
    check(ends.tx != NULL && ends.rx != NULL, "On CHANNEL_OK *tx and *rx are the handles.");
    return ends;
}

static struct sender *clone_of(struct sender *tx)
{
    struct sender *clone = sender_clone(tx);

    check(clone != NULL, "sender_clone makes one more sender when there is memory.");
    return clone;
}

static void send_int(struct sender *tx, int message)
{
    check_status(sender_send(tx, &message), CHANNEL_OK,
                 "sender_send copies a message in while the receiver is there.");
}

static void expect_int(struct receiver *rx, int expected, const char *rule)
{
    int got = -1;

    check_status(receiver_try_recv(rx, &got), CHANNEL_OK, "What was sent can be received.");
    check_equal(got, expected, rule);
}

/* Neither a message nor another status; and what message points to is left alone. */
static void expect_no_message(struct receiver *rx, enum channel_status status, const char *rule)
{
    int got = -1;

    check_status(receiver_try_recv(rx, &got), status, rule);
    check_equal(got, -1, "Unless CHANNEL_OK, *message is untouched.");
}

/* Bytes of all values, 0 among them, that differ from those of the next seeds. */
static void fill(unsigned char *message, size_t size, unsigned seed)
{
    for (size_t i = 0; i < size; i++)
        message[i] = (unsigned char)(seed * 37 + (seed >> 8) + i * 11);
}

static void send_pattern(struct sender *tx, size_t size, unsigned seed)
{
    unsigned char *message = allocate(size);

    fill(message, size, seed);
    check_status(sender_send(tx, message), CHANNEL_OK,
                 "sender_send copies a message in while the receiver is there.");
    free(message);
}

static void expect_pattern(struct receiver *rx, size_t size, unsigned seed, const char *rule)
{
    unsigned char *expected = allocate(size), *got = allocate(size);

    fill(expected, size, seed);
    check_status(receiver_try_recv(rx, got), CHANNEL_OK, "What was sent can be received.");
    check_bytes(got, expected, size, rule);
    free(expected);
    free(got);
}

/* ---------------------------------------------------------------------------------- create */

TEST(create_connects_a_sender_and_a_receiver,
     .sentences = {"receive a sender and the receiver, connected",
                   "channel_create CHANNEL_OK: are the handles"})
{
    struct ends ends = open_channel(sizeof(int));

    send_int(ends.tx, 7);
    expect_int(ends.rx, 7, "The two handles are connected: what one sends the other receives.");
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
}

TEST(create_says_invalid_for_messages_of_size_0,
     .sentences = {"channel_create: message_size is 0",
                   "channel_create CHANNEL_INVALID: are untouched", "an argument makes no sense"},
     .hint = "Which argument makes no sense?")
{
    char here, there;
    struct sender *tx = (struct sender *)&here;
    struct receiver *rx = (struct receiver *)&there;

    check_status(channel_create(0, &tx, &rx), CHANNEL_INVALID,
                 "CHANNEL_INVALID: message_size is 0.");
    check((char *)tx == &here, "CHANNEL_INVALID: *tx is untouched.");
    check((char *)rx == &there, "CHANNEL_INVALID: *rx is untouched.");
}

TEST(create_without_memory_leaves_tx_and_rx_untouched,
     .sentences = {"channel_create: and nothing leaks",
                   "an allocation failed; nothing has changed"},
     .allocations_fail = true,
     .hint = "What have you got already when the second allocation fails?")
{
    char here, there;
    struct sender *tx = (struct sender *)&here;
    struct receiver *rx = (struct receiver *)&there;
    enum channel_status status = channel_create(sizeof(int), &tx, &rx);

    if (!allocation_has_failed())
        check_status(status, CHANNEL_OK, "channel_create makes a channel when there is memory.");
    check_one_of(status, "channel_create succeeds or says CHANNEL_NO_MEMORY.", CHANNEL_OK,
                 CHANNEL_NO_MEMORY);
    if (status == CHANNEL_OK) {
        check((char *)tx != &here && (char *)rx != &there,
              "On CHANNEL_OK *tx and *rx are the handles.");
        sender_drop(tx);
        receiver_drop(rx);
    } else {
        check((char *)tx == &here, "CHANNEL_NO_MEMORY: *tx is untouched.");
        check((char *)rx == &there, "CHANNEL_NO_MEMORY: *rx is untouched.");
    }
}

/* -------------------------------------------------------------------------------- messages */

TEST(a_message_of_any_size_arrives_as_it_was_sent,
     .sentences = {"message_size bytes of any content"})
{
    for (unsigned i = 0; i < SIZES; i++) {
        struct ends ends = open_channel(sizes[i]);

        for (unsigned seed = 0; seed < 10; seed++)
            send_pattern(ends.tx, sizes[i], seed);
        for (unsigned seed = 0; seed < 10; seed++)
            expect_pattern(ends.rx, sizes[i], seed, "A message arrives as it was sent.");
        sender_drop(ends.tx);
        receiver_drop(ends.rx);
    }
}

TEST(receiving_writes_message_size_bytes_and_no_more,
     .sentences = {"receiver_try_recv: receives message_size bytes"})
{
    for (unsigned i = 0; i < SIZES; i++) {
        struct ends ends = open_channel(sizes[i]);
        unsigned char *got = allocate(sizes[i] + 16), *around = allocate(16);

        memset(around, 0xA5, 16);
        memset(got, 0xA5, sizes[i] + 16);
        send_pattern(ends.tx, sizes[i], 1);
        check_status(receiver_try_recv(ends.rx, got + 8), CHANNEL_OK,
                     "What was sent can be received.");
        check_bytes(got, around, 8, "Receiving writes message_size bytes, none before.");
        check_bytes(got + 8 + sizes[i], around, 8,
                    "Receiving writes message_size bytes, none behind.");
        free(got);
        free(around);
        sender_drop(ends.tx);
        receiver_drop(ends.rx);
    }
}

TEST(sending_copies_the_message_in,
     .sentences = {"the caller's buffer may be reused at once",
                   "sender_send: read before the call returns"},
     .hint = "Whose memory is the message in after sender_send?")
{
    struct ends ends = open_channel(sizeof(int));
    int *message = allocate(sizeof *message);

    *message = 1;
    check_status(sender_send(ends.tx, message), CHANNEL_OK,
                 "sender_send copies a message in while the receiver is there.");
    *message = 2;
    check_status(sender_send(ends.tx, message), CHANNEL_OK,
                 "sender_send copies a message in while the receiver is there.");
    free(message);
    expect_int(ends.rx, 1, "Sending copies the message in: the buffer may be reused at once.");
    expect_int(ends.rx, 2, "Sending copies the message in: the buffer may be freed at once.");
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
}

TEST(a_message_of_any_c_type_arrives_as_it_was_sent,
     .sentences = {"a message of any C type arrives as it was sent"})
{
    struct everything {
        char letter;
        long double number;
        const char *text;
        void (*function)(void *);
    } sent = {'x', 0.1L, "text", free}, got;
    struct ends ends = open_channel(sizeof sent);

    check_status(sender_send(ends.tx, &sent), CHANNEL_OK,
                 "sender_send copies a message in while the receiver is there.");
    check_status(receiver_try_recv(ends.rx, &got), CHANNEL_OK, "What was sent can be received.");
    check(got.letter == sent.letter && got.number == sent.number, "Numbers arrive unchanged.");
    check(got.text == sent.text && got.function == sent.function, "Pointers arrive unchanged.");
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
}

TEST(messages_of_one_sender_arrive_in_the_order_sent,
     .sentences = {"What one sender sends arrives in the order it was sent", "first in, first out",
                   "Takes the oldest message out"})
{
    struct ends ends = open_channel(sizeof(int));

    for (int i = 0; i < 100; i++)
        send_int(ends.tx, i);
    for (int i = 0; i < 100; i++)
        expect_int(ends.rx, i, "What one sender sends arrives in the order it was sent.");
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
}

TEST(each_message_is_received_once,
     .sentences = {"receiver_try_recv: which is no longer in the channel"})
{
    struct ends ends = open_channel(sizeof(int));

    send_int(ends.tx, 5);
    expect_int(ends.rx, 5, "What was sent can be received.");
    expect_no_message(ends.rx, CHANNEL_EMPTY, "A message received is no longer in the channel.");
    send_int(ends.tx, 6);
    expect_int(ends.rx, 6, "A channel that has been empty carries messages again.");
    expect_no_message(ends.rx, CHANNEL_EMPTY, "A message received is no longer in the channel.");
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
}

/* After one message, then after 2, 3, ...: queues of blocks are emptied at the end of a block, too. */
TEST(a_channel_that_was_emptied_carries_messages_again,
     .sentences = {"sender_send CHANNEL_OK: The message is in the channel",
                   "at least one sender is left"},
     .hint = "What is left of your queue when the last message has been taken?")
{
    struct ends ends = open_channel(sizeof(int));

    for (int round = 1; round <= 320; round++) {
        int messages = round <= 300 ? 1 : round - 299;

        for (int i = 0; i < messages; i++)
            send_int(ends.tx, i);
        for (int i = 0; i < messages; i++)
            expect_int(ends.rx, i, "A channel that has been empty carries messages again.");
        expect_no_message(ends.rx, CHANNEL_EMPTY,
                          "A message received is no longer in the channel.");
    }
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
}

static void send_up_to(struct ends ends, int *sent, int end)
{
    while (*sent < end)
        send_int(ends.tx, (*sent)++);
}

static void expect_up_to(struct ends ends, int *received, int end)
{
    while (*received < end)
        expect_int(ends.rx, (*received)++, "A queue that has been long carries messages again.");
}

/* A queue may give memory back when little is left in it, or nothing. */
TEST(a_queue_that_was_long_and_is_drained_carries_messages_again,
     .sentences = {"more than 65,536 handles or queued messages work",
                   "sender_send CHANNEL_OK: The message is in the channel"},
     .once = true,
     .hint = "What do you give back when the queue gets short, and who still counts on it?")
{
    static const int peaks[] = {20, 70, 300, 1100, 20, 4200};
    struct ends ends = open_channel(sizeof(int));
    int sent = 0, received = 0;

    for (size_t i = 0; i < 12; i++) {
        int peak = peaks[i % 6], left = i < 6 ? 1 + peak / 16 : 0;

        send_up_to(ends, &sent, received + peak);
        expect_up_to(ends, &received, sent - left);
        if (left == 0)
            expect_no_message(ends.rx, CHANNEL_EMPTY,
                              "A message received is no longer in the channel.");
        send_up_to(ends, &sent, sent + 3);
    }
    expect_up_to(ends, &received, sent);
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
}

/* So that a ring grows, and is made smaller, wherever its oldest message lies and however many turn round its end. */
TEST(a_queue_that_grows_and_shrinks_by_chance_keeps_its_messages_in_order,
     .sentences = {"more than 65,536 handles or queued messages work",
                   "sender_send CHANNEL_OK: The message is in the channel"},
     .once = true,
     .hint = "When a ring is made smaller: where are the messages that lie round its end?")
{
    struct ends ends = open_channel(sizeof(int));
    unsigned chance = 1;
    int sent = 0, received = 0;

    for (int turn = 0; turn < 600; turn++) {
        chance = chance * 1664525 + 1013904223;
        int length = (int)((chance >> 12) % (2U << chance / 65536 % 10));

        send_up_to(ends, &sent, received + length);
        expect_up_to(ends, &received, sent - length);
    }
    expect_up_to(ends, &received, sent);
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
}

/* A queue that is drained may give memory back, and that it can do without. */
TEST(a_long_queue_is_received_and_dropped_when_there_is_no_memory_left,
     .sentences = {"receiver_try_recv CHANNEL_OK: *message holds the oldest message",
                   "Whoever drops the last handle frees the channel"},
     .once = true, .hint = "Is there an allocation on the way to what was sent? It may fail.")
{
    enum { MANY = 4200 };

    for (int left = 0; left <= 1000; left += 1000) {
        struct ends ends = open_channel(sizeof(int));
        int sent = 0, received = 0;

        send_up_to(ends, &sent, MANY);
        memory_runs_out(true);
        expect_up_to(ends, &received, MANY - left);
        if (left == 0)
            expect_no_message(ends.rx, CHANNEL_EMPTY, "CHANNEL_EMPTY: nothing is queued.");
        sender_drop(ends.tx);
        if (left == 0)
            expect_no_message(ends.rx, CHANNEL_CLOSED, "CHANNEL_CLOSED: no sender is left.");
        receiver_drop(ends.rx);
        memory_runs_out(false);
    }
}

/* The channel may keep room for many of them, and there may not be that much memory. */
TEST(a_message_that_is_larger_than_a_stack_arrives_as_it_was_sent,
     .sentences = {"message_size bytes of any content"}, .once = true,
     .hint = "What became of message_size since channel_create?")
{
    enum { SIZE = 9 << 20 };
    struct sender *tx;
    struct receiver *rx;
    unsigned char *message = allocate(SIZE);

    memset(message, 7, SIZE);
    if (channel_create(SIZE, &tx, &rx) != CHANNEL_OK) {
        free(message);
        return;
    }
    if (sender_send(tx, message) == CHANNEL_OK) {
        message[0] = message[SIZE - 1] = 0;
        check_status(receiver_try_recv(rx, message), CHANNEL_OK, "What was sent can be received.");
        check_equal(message[0], 7, "A message arrives as it was sent.");
        check_equal(message[SIZE - 1], 7, "A message arrives as it was sent.");
    }
    free(message);
    sender_drop(tx);
    receiver_drop(rx);
}

TEST(a_queue_of_many_bytes_that_is_drained_carries_messages_again,
     .sentences = {"Never blocks: the channel has no capacity",
                   "sender_send CHANNEL_OK: The message is in the channel"},
     .once = true,
     .hint = "What do you give back when the queue is empty, and who still counts on it?")
{
    enum { SIZE = 1000 };
    static const unsigned peaks[] = {3, 20, 70, 300, 20, 70};
    struct ends ends = open_channel(SIZE);
    unsigned sent = 0, received = 0;

    for (size_t i = 0; i < sizeof peaks / sizeof *peaks; i++) {
        while (sent - received < peaks[i])
            send_pattern(ends.tx, SIZE, sent++);
        while (received < sent)
            expect_pattern(ends.rx, SIZE, received++,
                           "Messages arrive in the order they were sent.");
    }
    expect_no_message(ends.rx, CHANNEL_EMPTY, "A message received is no longer in the channel.");
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
}

/* A queue that grows and shrinks, so that a ring is also full, and grows, with its first message
 * anywhere. */
static void pass_messages(size_t size, unsigned rounds)
{
    struct ends ends = open_channel(size);
    unsigned sent = 0, received = 0;

    for (unsigned round = 1; round <= rounds; round++) {
        for (unsigned i = 0; i < 2 * round + 1; i++)
            send_pattern(ends.tx, size, sent++);
        for (unsigned i = 0; i < 2 * round - round % 3; i++)
            expect_pattern(ends.rx, size, received++,
                           "Messages arrive in the order they were sent.");
    }
    while (received < sent)
        expect_pattern(ends.rx, size, received++, "Messages arrive in the order they were sent.");
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
}

TEST(thousands_of_messages_arrive_in_order, .sentences = {"Takes the oldest message out"},
     .once = true, .hint = "Where is the oldest message after the queue has grown?")
{
    pass_messages(1, 40);
    pass_messages(3, 40);
    pass_messages(8, 60);
    pass_messages(64, 30);
    pass_messages(4096, 10);
}

/* The oldest message anywhere in the room there is, when that room no longer suffices. */
TEST(a_queue_grows_wherever_its_oldest_message_lies,
     .sentences = {"Copies a message in, behind all messages sent before"}, .once = true,
     .hint = "Where is the oldest message after the queue has grown?")
{
    for (int before = 0; before <= 40; before++) {
        struct ends ends = open_channel(sizeof(int));

        for (int i = 0; i < before; i++) {
            send_int(ends.tx, i);
            expect_int(ends.rx, i, "Messages arrive in the order they were sent.");
        }
        for (int i = 0; i < 140; i++)
            send_int(ends.tx, i);
        for (int i = 0; i < 140; i++)
            expect_int(ends.rx, i, "Messages arrive in the order they were sent.");
        expect_no_message(ends.rx, CHANNEL_EMPTY,
                          "A message received is no longer in the channel.");
        sender_drop(ends.tx);
        receiver_drop(ends.rx);
    }
}

TEST(a_message_of_each_size_from_1_to_130_arrives_as_it_was_sent,
     .sentences = {"message_size bytes of any content"}, .once = true,
     .hint = "From which sizes on does your code compute another size?")
{
    for (size_t size = 1; size <= 130; size++) {
        struct ends ends = open_channel(size);

        for (unsigned seed = 0; seed < 5; seed++)
            send_pattern(ends.tx, size, seed);
        for (unsigned seed = 0; seed < 5; seed++)
            expect_pattern(ends.rx, size, seed, "A message arrives as it was sent.");
        sender_drop(ends.tx);
        receiver_drop(ends.rx);
    }
}

/* --------------------------------------------------------------------------------- senders */

TEST(multi_sender_messages_arrive_in_the_order_of_the_sends,
     .sentences = {"When one send returns before another begins"})
{
    struct ends ends = open_channel(sizeof(int));
    struct sender *second = clone_of(ends.tx), *third = clone_of(second);

    for (int i = 0; i < 30; i += 3) {
        send_int(third, i);
        send_int(ends.tx, i + 1);
        send_int(second, i + 2);
    }
    for (int i = 0; i < 30; i++)
        expect_int(ends.rx, i,
                   "Of two sends, one after the other, the first arrives first, "
                   "whoever the senders are.");
    sender_drop(ends.tx);
    sender_drop(second);
    sender_drop(third);
    receiver_drop(ends.rx);
}

TEST(multi_sender_messages_of_300_senders_arrive_in_the_order_of_the_sends,
     .sentences = {"When one send returns before another begins",
                   "any number of senders, one receiver"},
     .once = true, .hint = "How many senders can your code tell apart?")
{
    struct ends ends = open_channel(sizeof(int));
    struct sender *senders[300] = {ends.tx};

    for (int i = 1; i < 300; i++)
        senders[i] = clone_of(senders[i / 2]);
    for (int i = 0; i < 600; i++)
        send_int(senders[i * 7 % 300], i);
    for (int i = 0; i < 600; i++)
        expect_int(ends.rx, i,
                   "Of two sends, one after the other, the first arrives first, "
                   "whoever the senders are.");
    for (int i = 0; i < 300; i++) {
        expect_no_message(ends.rx, CHANNEL_EMPTY, "CHANNEL_EMPTY: a sender is left.");
        sender_drop(senders[i]);
    }
    expect_no_message(ends.rx, CHANNEL_CLOSED, "CHANNEL_CLOSED: no sender is left.");
    receiver_drop(ends.rx);
}

TEST(multi_sender_a_clone_goes_on_when_the_original_is_dropped,
     .sentences = {"Makes one more sender of the same channel", "Ends a sending handle"})
{
    struct ends ends = open_channel(sizeof(int));
    struct sender *clone = clone_of(ends.tx);

    send_int(ends.tx, 1);
    sender_drop(ends.tx);
    send_int(clone, 2);
    expect_int(ends.rx, 1, "What was sent before its sender went is still received.");
    expect_int(ends.rx, 2, "A clone is a sender of its own.");
    expect_no_message(ends.rx, CHANNEL_EMPTY, "CHANNEL_EMPTY: at least one sender is left.");
    sender_drop(clone);
    receiver_drop(ends.rx);
}

TEST(multi_sender_the_original_goes_on_when_a_clone_is_dropped, .sentences = {"tx stays valid"})
{
    struct ends ends = open_channel(sizeof(int));

    for (int i = 0; i < 3; i++) {
        sender_drop(clone_of(ends.tx));
        expect_no_message(ends.rx, CHANNEL_EMPTY, "CHANNEL_EMPTY: at least one sender is left.");
    }
    send_int(ends.tx, 1);
    expect_int(ends.rx, 1, "sender_clone(tx) leaves tx valid.");
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
}

TEST(clone_without_memory_is_null_and_the_channel_as_before,
     .sentences = {"Out of memory; the channel is as before"}, .allocations_fail = true,
     .hint = "In which order do you count and allocate?")
{
    struct sender *tx, *clone;
    struct receiver *rx;

    if (channel_create(sizeof(int), &tx, &rx) != CHANNEL_OK) {
        check(allocation_has_failed(), "channel_create makes a channel when there is memory.");
        return;
    }
    clone = sender_clone(tx);
    check(clone != NULL || allocation_has_failed(), "NULL: only when out of memory.");
    expect_no_message(rx, CHANNEL_EMPTY, "The channel is as before.");
    if (clone != NULL)
        sender_drop(clone);
    expect_no_message(rx, CHANNEL_EMPTY, "tx stays valid.");
    sender_drop(tx);
    expect_no_message(rx, CHANNEL_CLOSED, "A clone that was not made is no sender.");
    receiver_drop(rx);
}

/* ------------------------------------------------------------------------------------ send */

TEST(send_after_drop_of_the_receiver_is_closed,
     .sentences = {"From then on every send says CHANNEL_CLOSED",
                   "sender_send: The receiver has been dropped, and stays so"},
     .hint = "How does a sender learn of the drop?")
{
    struct ends ends = open_channel(sizeof(int));
    struct sender *clone = clone_of(ends.tx);
    int message = 3;

    receiver_drop(ends.rx);
    check_status(sender_send(ends.tx, &message), CHANNEL_CLOSED,
                 "CHANNEL_CLOSED: the receiver has been dropped.");
    check_status(sender_send(clone, &message), CHANNEL_CLOSED,
                 "CHANNEL_CLOSED: the receiver has been dropped.");
    check_status(sender_send(ends.tx, &message), CHANNEL_CLOSED,
                 "CHANNEL_CLOSED: ... and stays so.");
    check_equal(message, 3, "Unless CHANNEL_OK, the message stays the caller's.");
    sender_drop(ends.tx);
    check_status(sender_send(clone, &message), CHANNEL_CLOSED, "CHANNEL_CLOSED: ... and stays so.");
    sender_drop(clone);
}

TEST(send_after_drop_of_the_receiver_is_closed_although_messages_are_queued,
     .sentences = {"Ends the receiving handle"})
{
    struct ends ends = open_channel(64);
    unsigned char message[64] = "late";

    for (unsigned i = 0; i < 5; i++)
        send_pattern(ends.tx, 64, i);
    expect_pattern(ends.rx, 64, 0, "A message arrives as it was sent.");
    receiver_drop(ends.rx);
    for (int i = 0; i < 50; i++)
        check_status(sender_send(ends.tx, message), CHANNEL_CLOSED,
                     "CHANNEL_CLOSED: the receiver has been dropped.");
    sender_drop(ends.tx);
}

TEST(send_after_drop_of_a_clone_to_a_dropped_receiver_is_closed,
     .sentences = {"sender_send: The receiver has been dropped, and stays so"})
{
    struct ends ends = open_channel(sizeof(int));
    int message = 3;

    receiver_drop(ends.rx);
    sender_drop(clone_of(ends.tx));
    check_status(sender_send(ends.tx, &message), CHANNEL_CLOSED,
                 "CHANNEL_CLOSED: the receiver has been dropped.");
    sender_drop(ends.tx);
}

TEST(send_without_memory_leaves_the_channel_as_before,
     .sentences = {"sender_send: the message stays the caller's",
                   "sender_send: No room could be allocated", "A later send may succeed"},
     .allocations_fail = true, .hint = "What have you changed already when the allocation fails?")
{
    struct sender *tx;
    struct receiver *rx;
    int received = 0;

    if (channel_create(sizeof(int), &tx, &rx) != CHANNEL_OK) {
        check(allocation_has_failed(), "channel_create makes a channel when there is memory.");
        return;
    }
    for (int sent = 0; sent < 100; sent++) {
        bool excused = !allocation_has_failed();
        enum channel_status status = sender_send(tx, &sent);

        if (status == CHANNEL_NO_MEMORY) {
            check(excused && allocation_has_failed(), "CHANNEL_NO_MEMORY: an allocation failed.");
            status = sender_send(tx, &sent); /* only one allocation fails in a run */
        }
        check_status(status, CHANNEL_OK, "sender_send copies a message in when there is memory.");
        if (sent % 4 == 3)
            expect_int(rx, received++, "Unless CHANNEL_OK the channel is as before.");
    }
    sender_drop(tx);
    while (received < 100)
        expect_int(rx, received++, "Unless CHANNEL_OK the channel is as before.");
    expect_no_message(rx, CHANNEL_CLOSED, "A message is in the channel only if its send was OK.");
    receiver_drop(rx);
}

/* --------------------------------------------------------------------------------- receive */

TEST(recv_on_empty_with_a_sender_left_is_empty,
     .sentences = {"at least one sender is left",
                   "receiver_try_recv CHANNEL_EMPTY: *message is untouched"})
{
    struct ends ends = open_channel(sizeof(int));

    expect_no_message(ends.rx, CHANNEL_EMPTY,
                      "CHANNEL_EMPTY: nothing is queued, and at least one "
                      "sender is left.");
    expect_no_message(ends.rx, CHANNEL_EMPTY,
                      "CHANNEL_EMPTY: nothing is queued, and at least one "
                      "sender is left.");
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
}

TEST(recv_on_empty_closed_channel_is_closed_for_good,
     .sentences = {"receiver_try_recv: now and for good",
                   "receiver_try_recv CHANNEL_CLOSED: *message is untouched"})
{
    struct ends ends = open_channel(sizeof(int));

    sender_drop(ends.tx);
    for (int i = 0; i < 3; i++)
        expect_no_message(ends.rx, CHANNEL_CLOSED,
                          "CHANNEL_CLOSED: nothing is queued, and no "
                          "sender is left, now and for good.");
    receiver_drop(ends.rx);
}

/* So many are sent and received; the last sender goes before they are received, or after. */
static void take_all_to_the_end(int messages, bool closed_before)
{
    struct ends ends = open_channel(sizeof(int));

    for (int i = 0; i < messages; i++)
        send_int(ends.tx, i);
    if (closed_before)
        sender_drop(ends.tx);
    for (int i = 0; i < messages; i++)
        expect_int(ends.rx, i, "Messages arrive in the order sent.");
    if (!closed_before) {
        expect_no_message(ends.rx, CHANNEL_EMPTY,
                          "CHANNEL_EMPTY: nothing is queued, and a sender is left.");
        sender_drop(ends.tx);
    }
    for (int i = 0; i < 2; i++)
        expect_no_message(ends.rx, CHANNEL_CLOSED,
                          "CHANNEL_CLOSED: nothing is queued, and no sender is left, now and for "
                          "good.");
    receiver_drop(ends.rx);
}

TEST(a_channel_is_empty_or_closed_after_its_last_message_however_many_there_were,
     .sentences = {"receiver_try_recv: now and for good"}, .once = true,
     .hint = "Where does your queue stand when the last message lay at the end of what you "
             "allocated?")
{
    for (int messages = 1; messages <= 1025; messages += messages < 130 ? 1 : 127)
        for (int before = 0; before < 2; before++)
            take_all_to_the_end(messages, before);
    for (int messages = 256; messages <= 1024; messages *= 2)
        take_all_to_the_end(messages, true);
}

TEST(queued_messages_come_before_closed,
     .sentences = {"what was sent before the last sender went is still received"},
     .hint = "Which of the two do you look at first?")
{
    struct ends ends = open_channel(sizeof(int));

    for (int i = 0; i < 3; i++)
        send_int(ends.tx, i);
    sender_drop(ends.tx);
    for (int i = 0; i < 3; i++)
        expect_int(ends.rx, i, "What was sent before the last sender went is still received.");
    expect_no_message(ends.rx, CHANNEL_CLOSED,
                      "CHANNEL_CLOSED: nothing is queued, and no sender "
                      "is left.");
    receiver_drop(ends.rx);
}

/* In every state of a channel; 32 times, because naps() asks for that. */
TEST(neither_sending_nor_receiving_ever_blocks,
     .sentences = {"the channel has no capacity", "receiver_try_recv: Never blocks"},
     .hint = "What does it do when nothing is there?")
{
    struct ends ends = open_channel(sizeof(int));
    int message = 5;

    naps(); /* those before are no matter */
    for (int i = 0; i < 32; i++)
        expect_no_message(ends.rx, CHANNEL_EMPTY, "CHANNEL_EMPTY: a sender is left.");
    check_equal(naps(), 0, "receiver_try_recv never blocks: nothing is queued.");
    for (int i = 0; i < 32; i++)
        send_int(ends.tx, i);
    check_equal(naps(), 0, "sender_send never blocks: the channel has no capacity.");
    for (int i = 0; i < 32; i++)
        expect_int(ends.rx, i, "Messages arrive in the order they were sent.");
    check_equal(naps(), 0, "receiver_try_recv never blocks: a message is queued.");
    sender_drop(ends.tx);
    for (int i = 0; i < 32; i++)
        expect_no_message(ends.rx, CHANNEL_CLOSED, "CHANNEL_CLOSED: no sender is left.");
    check_equal(naps(), 0, "receiver_try_recv never blocks: no sender is left.");
    receiver_drop(ends.rx);
    ends = open_channel(sizeof(int));
    receiver_drop(ends.rx);
    for (int i = 0; i < 32; i++)
        check_status(sender_send(ends.tx, &message), CHANNEL_CLOSED,
                     "CHANNEL_CLOSED: the receiver has been dropped.");
    check_equal(naps(), 0, "sender_send never blocks: the receiver has been dropped.");
    sender_drop(ends.tx);
}

TEST(recv_is_closed_only_when_the_last_sender_is_dropped,
     .sentences = {"When it was the channel's last sender", "Ends a sending handle"})
{
    for (int last = 0; last < 3; last++) {
        struct ends ends = open_channel(sizeof(int));
        struct sender *senders[] = {ends.tx, clone_of(ends.tx), clone_of(ends.tx)};

        sender_drop(senders[(last + 1) % 3]);
        expect_no_message(ends.rx, CHANNEL_EMPTY, "CHANNEL_EMPTY: at least one sender is left.");
        sender_drop(senders[(last + 2) % 3]);
        expect_no_message(ends.rx, CHANNEL_EMPTY, "CHANNEL_EMPTY: at least one sender is left.");
        sender_drop(senders[last]);
        expect_no_message(ends.rx, CHANNEL_CLOSED, "CHANNEL_CLOSED: no sender is left.");
        receiver_drop(ends.rx);
    }
}

/* ------------------------------------------------------------------------------------ drop */

TEST(dropping_null_is_a_no_op,
     .sentences = {"sender_drop: NULL is a no-op", "receiver_drop: NULL is a no-op"})
{
    struct ends ends = open_channel(sizeof(int));

    sender_drop(NULL);
    receiver_drop(NULL);
    send_int(ends.tx, 1);
    expect_int(ends.rx, 1, "Dropping NULL is a no-op.");
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
}

/* The order-th of the 24 orders in which three senders (0 to 2) and the receiver (3) can go. */
static void drop_in_order(struct ends ends, int order)
{
    struct sender *senders[3] = {ends.tx, clone_of(ends.tx), clone_of(ends.tx)};
    int left[4] = {0, 1, 2, 3};

    for (int n = 4; n > 0; n--) {
        int which = order % n, handle = left[which];

        order /= n;
        memmove(&left[which], &left[which + 1], (size_t)(n - which - 1) * sizeof(int));
        if (handle == 3)
            receiver_drop(ends.rx);
        else
            sender_drop(senders[handle]);
    }
}

TEST(an_empty_channel_is_freed_in_whatever_order_handles_go,
     .sentences = {"Whoever drops the last handle frees the channel"},
     .hint = "Who is the last, and how does it know?")
{
    for (int order = 0; order < 24; order++)
        drop_in_order(open_channel(sizeof(int)), order);
}

/* Ten messages are sent, some of them received, and all handles dropped. */
static void drop_with_messages(size_t size, int order)
{
    struct ends ends = open_channel(size);
    unsigned received = (unsigned)order % 3;

    for (unsigned i = 0; i < 9; i++)
        send_pattern(ends.tx, size, i);
    for (unsigned i = 0; i < received; i++)
        expect_pattern(ends.rx, size, i, "A message arrives as it was sent.");
    send_pattern(ends.tx, size, 9);
    drop_in_order(ends, order);
}

TEST(a_channel_is_freed_with_the_messages_still_in_it, .sentences = {"Memory: Nothing leaks"})
{
    for (int order = 0; order < 24; order++)
        drop_with_messages(64, order);
}

TEST(a_channel_is_freed_with_large_messages_still_in_it, .sentences = {"Memory: Nothing leaks"})
{
    static const size_t sizes[] = {300, 4096, 9000, 70000};

    for (int i = 0; i < 4; i++)
        drop_with_messages(sizes[i], 7 * i); /* in one order each */
}

static void two_channels(size_t size, size_t other)
{
    struct ends a = open_channel(size), b = open_channel(other);
    unsigned char *buffer = allocate(size);

    send_pattern(a.tx, size, 1);
    send_pattern(b.tx, other, 1);
    send_pattern(a.tx, size, 2);
    send_pattern(b.tx, other, 2);
    expect_pattern(b.rx, other, 1, "Two channels share no state.");
    expect_pattern(a.rx, size, 1, "Two channels share no state.");
    sender_drop(a.tx);
    send_pattern(b.tx, other, 3);
    expect_pattern(a.rx, size, 2, "Two channels share no state.");
    check_status(receiver_try_recv(a.rx, buffer), CHANNEL_CLOSED,
                 "CHANNEL_CLOSED: nothing is queued, and no sender is left.");
    receiver_drop(a.rx);
    send_pattern(b.tx, other, 4);
    for (unsigned i = 2; i <= 4; i++)
        expect_pattern(b.rx, other, i, "Two channels share no state.");
    receiver_drop(b.rx);
    sender_drop(b.tx);
    free(buffer);
}

TEST(two_channels_share_no_state, .sentences = {"Two channels share no state"})
{
    two_channels(sizeof(int), sizeof(int));
    two_channels(4, 64);
    two_channels(64, 4);
}

/* So many that memory for messages is given back, or kept for the next ones. */
static void pass_patterns(struct ends ends, size_t size)
{
    enum { MESSAGES = 70 };

    for (unsigned i = 0; i < MESSAGES; i++)
        send_pattern(ends.tx, size, i);
    for (unsigned i = 0; i < MESSAGES; i++)
        expect_pattern(ends.rx, size, i, "Two channels share no state.");
}

TEST(what_one_channel_no_longer_needs_is_not_used_by_one_with_larger_messages,
     .sentences = {"Two channels share no state"},
     .hint = "Where does the memory of a message go that was received, and who gets it next?")
{
    static const size_t of[] = {8, 1, 300, 4, 64};
    enum { CHANNELS = sizeof of / sizeof of[0] };
    struct ends channels[CHANNELS];

    for (int i = 0; i < CHANNELS; i++)
        channels[i] = open_channel(of[i]);
    for (int i = 0; i < 2 * CHANNELS; i++)
        pass_patterns(channels[i % CHANNELS], of[i % CHANNELS]);
    for (int i = 0; i < CHANNELS; i++) {
        sender_drop(channels[i].tx);
        receiver_drop(channels[i].rx);
        if (i + 1 < CHANNELS)
            pass_patterns(channels[i + 1], of[i + 1]);
    }
}

TEST(three_hundred_channels_share_no_state, .sentences = {"Two channels share no state"},
     .once = true, .hint = "How many channels can your code tell apart?")
{
    struct ends channels[300];

    for (int i = 0; i < 300; i++)
        channels[i] = open_channel(sizeof(int));
    for (int i = 0; i < 300; i++)
        send_int(channels[i].tx, i);
    for (int i = 299; i >= 0; i--)
        expect_int(channels[i].rx, i, "Two channels share no state.");
    for (int i = 0; i < 300; i++) {
        expect_no_message(channels[i].rx, CHANNEL_EMPTY, "Two channels share no state.");
        sender_drop(channels[i].tx);
        receiver_drop(channels[i].rx);
    }
}

/* --------------------------------------------------------------------------------- limits */

/* Slow is not wrong: a queue that moves all its messages up for each one taken is left at that. */
static bool has_been_enough(void)
{
    enum { SECONDS = 4 };
    struct rusage used;

    getrusage(RUSAGE_SELF, &used);
    return used.ru_utime.tv_sec + used.ru_stime.tv_sec >= SECONDS;
}

#define MANY_QUEUED "More than 65,536 queued messages work."

TEST(more_than_65536_messages_can_be_queued,
     .sentences = {"more than 65,536 handles or queued messages work",
                   "Makes an unbounded channel"},
     .once = true, .hint = "How far does the type of your count reach, and that of a place?")
{
    /* And more than twice that: unbounded is not a large capacity. */
    enum { OF_ONE = 131072 + 100, OF_ANOTHER = 100, QUEUED = OF_ONE + OF_ANOTHER, DIFFERENT = 251 };
    struct ends ends = open_channel(1);
    struct sender *another = clone_of(ends.tx);
    unsigned char byte = 0;

    for (int i = 0; i < QUEUED; i++, byte = (unsigned char)(i % DIFFERENT))
        check_status(sender_send(i < OF_ONE ? ends.tx : another, &byte), CHANNEL_OK, MANY_QUEUED);
    sender_drop(another);
    sender_drop(ends.tx);
    for (int i = 0; i < QUEUED && (i % 256 || !has_been_enough()); i++) {
        check_status(receiver_try_recv(ends.rx, &byte), CHANNEL_OK, MANY_QUEUED);
        check_equal(byte, i % DIFFERENT, MANY_QUEUED);
    }
    receiver_drop(ends.rx);
}

static void leave_many(void *arg)
{
    enum { QUEUED = 65536 + 100 };
    struct ends ends = open_channel(1);
    unsigned char byte = 7;

    (void)arg;
    for (int i = 0; i < QUEUED; i++)
        check_status(sender_send(ends.tx, &byte), CHANNEL_OK, MANY_QUEUED);
    check_status(receiver_try_recv(ends.rx, &byte), CHANNEL_OK, MANY_QUEUED);
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
}

TEST(more_than_65536_queued_messages_take_no_more_stack_than_one,
     .sentences = {"more than 65,536 handles or queued messages work",
                   "Whoever drops the last handle frees the channel"},
     .once = true, .hint = "How far does the type of your count reach, and that of a place?")
{
    with_little_stack(leave_many, NULL);
}

/* Few are queued at a time, so that a ring goes round very often. Another sender sends every 16th: the one
 * sends more than 65,536 by itself, and messages of both are queued when a number wraps round. */
TEST(more_than_65536_messages_can_pass_through_a_short_queue,
     .sentences = {"more than 65,536 handles or queued messages work"}, .once = true,
     .hint = "How far does the type reach that counts what was sent and what was received?")
{
    struct ends ends = open_channel(sizeof(int));
    struct sender *second = clone_of(ends.tx);
    int sent = 0;

    for (int received = 0; received < 70000; received++) {
        for (; sent < received + 3; sent++)
            send_int(sent % 16 == 15 ? second : ends.tx, sent);
        expect_int(ends.rx, received, "Messages arrive in the order they were sent.");
    }
    sender_drop(second);
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
}

TEST(more_than_65536_senders_can_be_there,
     .sentences = {"more than 65,536 handles or queued messages work"}, .once = true,
     .hint = "How far does the type of your count reach?")
{
    struct ends ends = open_channel(sizeof(int));
    int more = 65536 + 100;
    struct sender **clones = allocate((size_t)more * sizeof(struct sender *));

    for (int i = 0; i < more; i++)
        clones[i] = clone_of(ends.tx);
    send_int(clones[more - 1], 1);
    expect_int(ends.rx, 1, "More than 65,536 handles work.");
    for (int left = more; left > 0; left--) {
        if (left % 4096 == 0 || left < 10 || left > more - 200)
            expect_no_message(ends.rx, CHANNEL_EMPTY, "CHANNEL_EMPTY: a sender is left.");
        sender_drop(clones[left - 1]);
    }
    expect_no_message(ends.rx, CHANNEL_EMPTY, "CHANNEL_EMPTY: a sender is left.");
    sender_drop(ends.tx);
    expect_no_message(ends.rx, CHANNEL_CLOSED, "CHANNEL_CLOSED: no sender is left.");
    receiver_drop(ends.rx);
    free(clones);
}

/* Such a message can't exist, so nothing may be read from or written to it. */
static void expect_no_memory_for(size_t message_size)
{
    struct sender *tx;
    struct receiver *rx;
    char message = 'm';

    if (check_one_of(channel_create(message_size, &tx, &rx),
                     "A message_size so large that a size would overflow gives CHANNEL_NO_MEMORY.",
                     CHANNEL_OK, CHANNEL_NO_MEMORY) == CHANNEL_NO_MEMORY)
        return;
    check_status(sender_send(tx, &message), CHANNEL_NO_MEMORY,
                 "CHANNEL_NO_MEMORY: no room could be allocated. What became of message_size since "
                 "channel_create?");
    sender_drop(tx);
    receiver_drop(rx);
}

TEST(create_or_send_says_no_memory_when_a_size_plus_something_overflows,
     .sentences = {"a size computed from it would overflow"},
     .hint = "What is message_size + sizeof(struct node) when message_size is SIZE_MAX?")
{
    for (size_t less = 0; less <= 128; less++)
        expect_no_memory_for(SIZE_MAX - less);
}

TEST(create_or_send_says_no_memory_when_a_size_times_something_overflows,
     .sentences = {"a size computed from it would overflow"},
     .hint = "What is 16 * message_size when message_size is SIZE_MAX / 16 + 1?")
{
    for (size_t slots = 2; slots <= 1024; slots++) {
        expect_no_memory_for(SIZE_MAX / slots);
        expect_no_memory_for(SIZE_MAX / slots + 1);
    }
}
