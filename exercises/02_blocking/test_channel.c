/* Suite of 02: the sentences of channel.h about threads, one test each.
 *
 * Where a scenario drops handles before it joins, that is its point: the other thread may still be
 * inside its last call. Where it keeps a sender until after the join, that is its point too: no drop
 * makes up for a wake-up that was lost. */
#include "channel.h"
#include "suite.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct ends {
    struct sender *tx;
    struct receiver *rx;
};

static struct ends open_channel(size_t message_size)
{
    struct ends ends = {NULL, NULL};

    check_status(channel_create(message_size, &ends.tx, &ends.rx), CHANNEL_OK,
                 "channel_create makes a channel when there is memory.");
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

static int recv_int(struct receiver *rx, const char *rule)
{
    int got = -1;

    check_status(receiver_recv(rx, &got), CHANNEL_OK, rule);
    return got;
}

static void expect_int(struct receiver *rx, int expected, const char *rule)
{
    check_equal(recv_int(rx, "receiver_recv takes a message that was sent."), expected, rule);
}

static void expect_closed(struct receiver *rx, const char *rule)
{
    int got = -1;

    check_status(receiver_recv(rx, &got), CHANNEL_CLOSED, rule);
    check_equal(got, -1, "CHANNEL_CLOSED: *message is untouched.");
}

/* ------------------------------------------------------------------ what threads do in tests */

static void *send_1(void *tx)
{
    send_int(tx, 1);
    return NULL;
}

static void *send_1_and_drop(void *tx)
{
    send_int(tx, 1);
    sender_drop(tx);
    return NULL;
}

static void *send_2_and_drop(void *tx)
{
    send_int(tx, 2);
    sender_drop(tx);
    return NULL;
}

static void *send_1_2_and_drop(void *tx)
{
    send_int(tx, 1);
    send_int(tx, 2);
    sender_drop(tx);
    return NULL;
}

static void *send_11_12_and_drop(void *tx)
{
    send_int(tx, 11);
    send_int(tx, 12);
    sender_drop(tx);
    return NULL;
}

static void *drop_sender(void *tx)
{
    sender_drop(tx);
    return NULL;
}

static void *clone_and_drop_both(void *tx)
{
    struct sender *clone = clone_of(tx);

    sender_drop(tx);
    sender_drop(clone);
    return NULL;
}

static void *drop_receiver(void *rx)
{
    receiver_drop(rx);
    return NULL;
}

static void *recv_1(void *rx)
{
    expect_int(rx, 1, "A send wakes a sleeping receiver.");
    return NULL;
}

static void *recv_closed(void *rx)
{
    expect_closed(rx, "Dropping the last sender wakes a sleeping receiver.");
    return NULL;
}

/* ---------------------------------------------------------------- the four behaviours of 01 */

TEST(create_connects_two_threads,
     .sentences = {"Different handles may be used by different threads",
                   "receive a sender and the receiver, connected"})
{
    struct ends ends = open_channel(sizeof(int));
    pthread_t sender = spawn(send_1_and_drop, ends.tx);

    expect_int(ends.rx, 1, "What one thread sends the other receives.");
    expect_closed(ends.rx, "CHANNEL_CLOSED: nothing is queued, and no sender is left.");
    receiver_drop(ends.rx);
    join(sender);
}

/* Two senders of two messages each, 1 2 and 11 12; the receiver gets all four, those of one sender
 * in order. */
static void receive_from_two_senders(struct receiver *rx)
{
    int next[2] = {1, 11};

    for (int i = 0; i < 4; i++) {
        int got = recv_int(rx, "Every message of every sender is received."), from = got > 10;

        check_equal(got, next[from], "What one sender sends arrives once, in the order sent.");
        next[from]++;
    }
}

TEST(multi_sender_messages_of_each_sender_arrive_in_the_order_sent,
     .sentences = {"What one sender sends arrives in the order it was sent"})
{
    struct ends ends = open_channel(sizeof(int));
    struct sender *clone = clone_of(ends.tx);
    pthread_t first = spawn(send_1_2_and_drop, ends.tx);
    pthread_t second = spawn(send_11_12_and_drop, clone);

    receive_from_two_senders(ends.rx);
    expect_closed(ends.rx, "CHANNEL_CLOSED: nothing is queued, and no sender is left.");
    receiver_drop(ends.rx);
    join(first);
    join(second);
}

enum { OFTEN = 40 };

static void *send_often(void *tx)
{
    for (int i = 1; i <= OFTEN; i++)
        send_int(tx, i);
    sender_drop(tx);
    return NULL;
}

TEST(multi_sender_one_sends_often_while_another_is_inside_a_send,
     .sentences = {"Different handles may be used by different threads",
                   "What one sender sends arrives in the order it was sent"},
     .schedules = 2000,
     .hint = "The lock is given up for a moment and taken again. What has to be looked at anew?")
{
    struct ends ends = open_channel(sizeof(int));
    pthread_t other = spawn(send_often, clone_of(ends.tx));
    int next = 1, others = 0;

    send_int(ends.tx, 0);
    sender_drop(ends.tx);
    join(other);
    for (int i = 0; i <= OFTEN; i++) {
        int got = recv_int(ends.rx, "Every message of every sender is received.");

        check_equal(got, got ? next++ : others++,
                    "What one sender sends arrives once, in the order sent.");
    }
    expect_closed(ends.rx, "CHANNEL_CLOSED: nothing is queued, and no sender is left.");
    receiver_drop(ends.rx);
}

TEST(send_after_drop_of_the_receiver_in_another_thread_is_closed,
     .sentences = {"sender_send: The receiver has been dropped, and stays so",
                   "From then on every send says CHANNEL_CLOSED"})
{
    struct ends ends = open_channel(sizeof(int));
    pthread_t dropper = spawn(drop_receiver, ends.rx);
    int message = 1;

    join(dropper);
    check_status(sender_send(ends.tx, &message), CHANNEL_CLOSED,
                 "CHANNEL_CLOSED: the receiver has been dropped.");
    sender_drop(ends.tx);
}

TEST(recv_on_empty_closed_channel_is_closed_at_once_and_for_good,
     .sentences = {"receiver_recv: now and for good",
                   "receiver_recv CHANNEL_CLOSED: *message is untouched"})
{
    struct ends ends = open_channel(sizeof(int));

    sender_drop(ends.tx);
    expect_closed(ends.rx, "CHANNEL_CLOSED: nothing is queued, and no sender is left.");
    expect_closed(ends.rx, "CHANNEL_CLOSED: now and for good.");
    receiver_drop(ends.rx);
}

static void receive_all_to_the_end(int messages)
{
    struct ends ends = open_channel(sizeof(int));

    for (int i = 0; i < messages; i++)
        send_int(ends.tx, i);
    sender_drop(ends.tx);
    for (int i = 0; i < messages; i++)
        expect_int(ends.rx, i, "Messages arrive in the order sent.");
    expect_closed(ends.rx, "CHANNEL_CLOSED: nothing is queued, and no sender is left.");
    receiver_drop(ends.rx);
}

TEST(recv_after_the_last_message_is_closed_at_once_however_many_there_were,
     .sentences = {"receiver_recv: now and for good"}, .once = true,
     .hint = "Where does your queue stand when the last message lay at the end of what you "
             "allocated?")
{
    for (int messages = 1; messages <= 1025; messages += messages < 130 ? 1 : 127)
        receive_all_to_the_end(messages);
    for (int messages = 256; messages <= 1024; messages *= 2)
        receive_all_to_the_end(messages);
}

TEST(recv_does_not_sleep_while_a_message_is_queued,
     .sentences = {"sleeping while nothing is queued and at least one sender is left",
                   "receiver_recv: which is no longer in the channel"})
{
    struct ends ends = open_channel(sizeof(int));

    send_int(ends.tx, 1);
    send_int(ends.tx, 2);
    expect_int(ends.rx, 1, "receiver_recv takes the oldest message out.");
    expect_int(ends.rx, 2, "receiver_recv takes the oldest message out.");
    send_int(ends.tx, 3);
    sender_drop(ends.tx);
    expect_int(ends.rx, 3, "Queued messages come first.");
    expect_closed(ends.rx, "CHANNEL_CLOSED: nothing is queued, and no sender is left.");
    receiver_drop(ends.rx);
}

/* ------------------------------------------------------------------------ sleeping and waking */

TEST(a_send_wakes_a_sleeping_receiver,
     .sentences = {"A send wakes a sleeping receiver, and so does", "receiver_recv sleeps where"},
     .woken_by_others = true, .hint = "Who wakes it, and what has it to look at then?")
{
    struct ends ends = open_channel(sizeof(int));
    pthread_t receiver = spawn(recv_1, ends.rx);

    send_int(ends.tx, 1);
    join(receiver);
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
}

TEST(a_receiver_sleeps_and_does_not_poll, .sentences = {"it neither spins nor polls"},
     .woken_by_others = true, .hint = "What is the processor doing while it waits?")
{
    struct ends ends = open_channel(sizeof(int));
    pthread_t receiver = spawn(recv_1, ends.rx);

    settle();
    send_int(ends.tx, 1);
    join(receiver);
    receiver = spawn(recv_closed, ends.rx);
    settle();
    sender_drop(ends.tx);
    join(receiver);
    receiver_drop(ends.rx);
}

/* A signal that is handled, or a wake-up without cause. */
TEST(woken_several_times_without_a_message_a_receiver_sleeps_on,
     .sentences = {"A signal handled while a call sleeps",
                   "sleeping while nothing is queued and at least one sender is left"},
     .spurious_wakeups = 3,
     .hint = "What do you look at each time it wakes up, not only the first time?")
{
    struct ends ends = open_channel(sizeof(int));
    pthread_t receiver = spawn(recv_1, ends.rx);

    send_int(ends.tx, 1);
    join(receiver);
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
}

static void *recv_1_and_2_in_any_order(void *rx)
{
    int sum = recv_int(rx, "Each send wakes a sleeping receiver.");

    sum += recv_int(rx, "Each send wakes a sleeping receiver.");
    check_equal(sum, 3, "Each message is received once.");
    return NULL;
}

TEST(each_of_two_sends_wakes_the_receiver_if_it_sleeps,
     .sentences = {"A send wakes a sleeping receiver, and so does"})
{
    struct ends ends = open_channel(sizeof(int));
    pthread_t receiver = spawn(recv_1_and_2_in_any_order, ends.rx);
    struct sender *clone = clone_of(ends.tx);
    pthread_t other = spawn(send_1, clone);

    send_int(ends.tx, 2);
    join(receiver);
    join(other);
    sender_drop(clone);
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
}

TEST(two_sends_of_one_sender_are_both_received,
     .sentences = {"receiver_recv: which is no longer in the channel"})
{
    struct ends ends = open_channel(sizeof(int));
    pthread_t receiver = spawn(recv_1_and_2_in_any_order, ends.rx);

    send_int(ends.tx, 1);
    send_int(ends.tx, 2);
    join(receiver);
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
}

TEST(dropping_the_last_sender_wakes_a_sleeping_receiver,
     .sentences = {"A send wakes a sleeping receiver, and so does",
                   "receiver_recv: now and for good"},
     .woken_by_others = true, .hint = "Who has to be told?")
{
    struct ends ends = open_channel(sizeof(int));
    pthread_t dropper = spawn(drop_sender, ends.tx);

    expect_closed(ends.rx, "Dropping the last sender wakes a sleeping receiver.");
    receiver_drop(ends.rx);
    join(dropper);
}

TEST(dropping_the_last_of_two_senders_wakes_a_sleeping_receiver,
     .sentences = {"A send wakes a sleeping receiver, and so does"})
{
    struct ends ends = open_channel(sizeof(int));
    struct sender *clone = clone_of(ends.tx);
    pthread_t first = spawn(drop_sender, ends.tx);
    pthread_t second = spawn(drop_sender, clone);

    expect_closed(ends.rx, "Dropping the last sender wakes a sleeping receiver.");
    receiver_drop(ends.rx);
    join(first);
    join(second);
}

TEST(dropping_a_sender_that_is_not_the_last_does_not_end_the_sleep,
     .sentences = {"sleeping while nothing is queued and at least one sender is left",
                   "A signal handled while a call sleeps"})
{
    struct ends ends = open_channel(sizeof(int));
    struct sender *clone = clone_of(ends.tx);
    pthread_t receiver = spawn(recv_1, ends.rx);

    sender_drop(clone);
    settle();
    send_int(ends.tx, 1);
    join(receiver);
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
}

TEST(a_send_wakes_the_receiver_of_its_own_channel,
     .sentences = {"A send wakes a sleeping receiver, and so does", "Two channels share no state"})
{
    struct ends a = open_channel(sizeof(int)), b = open_channel(sizeof(int));
    pthread_t receiver_of_a = spawn(recv_1, a.rx), receiver_of_b = spawn(recv_1, b.rx);

    send_int(b.tx, 1);
    join(receiver_of_b);
    send_int(a.tx, 1);
    join(receiver_of_a);
    sender_drop(a.tx);
    receiver_drop(a.rx);
    sender_drop(b.tx);
    receiver_drop(b.rx);
}

/* Channels may be told apart by a hash of their addresses: with so many, two have the same. */
TEST(a_send_wakes_the_receiver_of_its_own_channel_among_many,
     .sentences = {"A send wakes a sleeping receiver, and so does", "Two channels share no state"},
     .schedules = 3, .hint = "On what does a receiver sleep, and who else may be asleep there?")
{
    enum { CHANNELS = 66 };
    struct ends channels[CHANNELS];
    pthread_t receivers[CHANNELS];

    for (int i = 0; i < CHANNELS; i++) {
        channels[i] = open_channel(sizeof(int));
        receivers[i] = spawn(recv_1, channels[i].rx);
    }
    settle(); /* all sleep */
    for (int i = CHANNELS; i-- > 0;) {
        send_int(channels[i].tx, 1);
        join(receivers[i]);
        sender_drop(channels[i].tx);
        receiver_drop(channels[i].rx);
    }
}

TEST(making_other_channels_does_not_disturb_the_sleep, .sentences = {"Two channels share no state"},
     .hint = "Where does your receiver find its channel again when it wakes up?")
{
    struct ends ends = open_channel(sizeof(int)), others[20];
    pthread_t receiver = spawn(recv_1, ends.rx);

    settle();
    for (int i = 0; i < 20; i++)
        others[i] = open_channel(sizeof(int));
    send_int(ends.tx, 1);
    join(receiver);
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
    for (int i = 0; i < 20; i++) {
        sender_drop(others[i].tx);
        receiver_drop(others[i].rx);
    }
}

TEST(another_channel_does_not_end_the_sleep,
     .sentences = {"Two channels share no state",
                   "sleeping while nothing is queued and at least one sender is left"})
{
    struct ends ends = open_channel(sizeof(int)), other = open_channel(sizeof(int));
    pthread_t receiver = spawn(recv_1, ends.rx);

    send_int(other.tx, 2);
    expect_int(other.rx, 2, "Two channels share no state.");
    sender_drop(other.tx);
    expect_closed(other.rx, "CHANNEL_CLOSED: nothing is queued, and no sender is left.");
    receiver_drop(other.rx);
    send_int(ends.tx, 1);
    join(receiver);
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
}

/* -------------------------------------------------------------- one receive after another */

/* Each way in which a receive can go while a sender is left. */
enum receiving { TRY_IN_VAIN, TRY, RECV, RECV_ASLEEP };

static void *settle_and_send_1(void *tx)
{
    settle(); /* the receiver sleeps, and does nothing else */
    send_int(tx, 1);
    return NULL;
}

static void *settle_and_drop(void *tx)
{
    settle();
    sender_drop(tx);
    return NULL;
}

static void expect_empty(struct receiver *rx, const char *rule)
{
    int got = -1;

    check_status(receiver_try_recv(rx, &got), CHANNEL_EMPTY, rule);
    check_equal(got, -1, "CHANNEL_EMPTY: *message is untouched.");
}

static void try_int(struct receiver *rx, int expected, const char *rule)
{
    int got = -1;

    check_status(receiver_try_recv(rx, &got), CHANNEL_OK, rule);
    check_equal(got, expected, "The oldest message is received.");
}

/* Nothing is queued before, and nothing is queued afterwards. */
static void receive(struct ends ends, enum receiving how)
{
    pthread_t sender = 0;

    if (how == RECV_ASLEEP)
        sender = spawn(settle_and_send_1, ends.tx);
    else if (how != TRY_IN_VAIN)
        send_int(ends.tx, 1);
    if (how == TRY_IN_VAIN)
        expect_empty(ends.rx, "CHANNEL_EMPTY: nothing is queued, and a sender is left.");
    else if (how == TRY)
        try_int(ends.rx, 1, "receiver_try_recv takes a message that was sent before.");
    else
        expect_int(ends.rx, 1, "receiver_recv takes a message, sleeping until there is one.");
    if (how == RECV_ASLEEP)
        join(sender);
}

TEST(recv_sleeps_after_a_try_recv_that_found_nothing,
     .sentences = {"sleeping while nothing is queued and at least one sender is left"},
     .schedules = 500, .hint = "What does a call that finds nothing leave behind for the next one?")
{
    struct ends ends = open_channel(sizeof(int));

    receive(ends, TRY_IN_VAIN);
    receive(ends, RECV_ASLEEP);
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
}

TEST(recv_sleeps_after_a_try_recv_that_found_a_message,
     .sentences = {"sleeping while nothing is queued and at least one sender is left"},
     .schedules = 500,
     .hint = "What does a send leave behind, besides the message, and who takes that?")
{
    struct ends ends = open_channel(sizeof(int));

    receive(ends, TRY);
    receive(ends, RECV_ASLEEP);
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
}

/* Every pair of them once, one after the other. */
TEST(each_way_to_receive_goes_after_each_other,
     .sentences = {"sleeping while nothing is queued and at least one sender is left",
                   "receiver_try_recv: which is no longer in the channel"},
     .schedules = 300, .hint = "What has the call before left behind?")
{
    static const enum receiving ways[] = {TRY_IN_VAIN, TRY_IN_VAIN, TRY,  TRY_IN_VAIN, RECV,
                                          TRY_IN_VAIN, RECV_ASLEEP, TRY,  TRY,         RECV,
                                          TRY,         RECV_ASLEEP, RECV, RECV,        RECV_ASLEEP,
                                          RECV_ASLEEP, TRY_IN_VAIN};
    struct ends ends = open_channel(sizeof(int));

    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++)
        receive(ends, ways[i]);
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
}

static void expect_closed_by_both(struct receiver *rx)
{
    int got = -1;

    check_status(receiver_try_recv(rx, &got), CHANNEL_CLOSED,
                 "CHANNEL_CLOSED: nothing is queued, and no sender is left.");
    expect_closed(rx, "CHANNEL_CLOSED: nothing is queued, and no sender is left.");
    check_status(receiver_try_recv(rx, &got), CHANNEL_CLOSED, "CHANNEL_CLOSED: now and for good.");
    check_equal(got, -1, "CHANNEL_CLOSED: *message is untouched.");
}

TEST(a_channel_closes_after_each_way_to_receive,
     .sentences = {"receiver_recv: now and for good", "receiver_try_recv: now and for good"},
     .schedules = 300, .hint = "What has the call before left behind?")
{
    for (enum receiving how = TRY_IN_VAIN; how <= RECV_ASLEEP; how++) {
        struct ends ends = open_channel(sizeof(int));

        receive(ends, how);
        sender_drop(ends.tx);
        expect_closed_by_both(ends.rx);
        receiver_drop(ends.rx);
    }
}

TEST(a_receiver_that_sleeps_after_each_way_to_receive_is_woken_by_the_last_drop,
     .sentences = {"A send wakes a sleeping receiver, and so does"}, .schedules = 300,
     .hint = "What has the call before left behind?")
{
    for (enum receiving how = TRY_IN_VAIN; how <= RECV_ASLEEP; how++) {
        struct ends ends = open_channel(sizeof(int));
        pthread_t dropper;

        receive(ends, how);
        dropper = spawn(settle_and_drop, ends.tx);
        expect_closed(ends.rx, "Dropping the last sender wakes a sleeping receiver.");
        join(dropper);
        expect_closed_by_both(ends.rx);
        receiver_drop(ends.rx);
    }
}

static void *recv_3_in_any_order(void *rx)
{
    int sum = 0;

    for (int i = 0; i < 3; i++)
        sum += recv_int(rx, "Each send wakes a sleeping receiver.");
    check_equal(sum, 1 + 2 + 4, "Each message is received once.");
    return NULL;
}

TEST(a_receiver_that_two_senders_have_woken_sleeps_again,
     .sentences = {"sleeping while nothing is queued and at least one sender is left"},
     .schedules = 3000,
     .hint = "Two senders see it asleep. How often is it woken, and for how many messages?")
{
    struct ends ends = open_channel(sizeof(int));
    struct sender *clone = clone_of(ends.tx);
    pthread_t receiver = spawn(recv_3_in_any_order, ends.rx), other = spawn(send_1, clone);

    send_int(ends.tx, 2);
    join(other);
    settle();
    send_int(ends.tx, 4);
    join(receiver);
    sender_drop(clone);
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
}

static void *recv_3_after_trying(void *rx)
{
    int sum = 0;

    for (int i = 0; i < 3; i++) {
        int got = -1;

        if (receiver_try_recv(rx, &got) != CHANNEL_OK)
            got = recv_int(rx, "Each send wakes a sleeping receiver.");
        sum += got;
    }
    check_equal(sum, 1 + 2 + 4, "Each message is received once.");
    return NULL;
}

TEST(a_receiver_that_tried_while_two_senders_sent_sleeps_again,
     .sentences = {"sleeping while nothing is queued and at least one sender is left"},
     .schedules = 2000,
     .hint = "A try may find a message whose wake-up is still to come. Who takes that?")
{
    struct ends ends = open_channel(sizeof(int));
    struct sender *clone = clone_of(ends.tx);
    pthread_t receiver = spawn(recv_3_after_trying, ends.rx), other = spawn(send_1, clone);

    send_int(ends.tx, 2);
    join(other);
    settle();
    send_int(ends.tx, 4);
    join(receiver);
    sender_drop(clone);
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
}

/* ------------------------------------------------------- while others use the channel, or sleep */

/* Uses its sender in all ways, and ends with it; the messages are 11 and 12. */
static void *clone_send_and_drop(void *tx)
{
    struct sender *clone = clone_of(tx);

    send_int(clone, 11);
    sender_drop(clone);
    send_int(tx, 12);
    sender_drop(tx);
    return NULL;
}

TEST(try_recv_takes_a_message_that_was_sent_before_whatever_another_sender_does,
     .sentences = {"at least one sender is left"},
     .hint = "Another thread is inside the channel just now. Is that the same as an empty one?")
{
    struct ends ends = open_channel(sizeof(int));
    pthread_t other;

    send_int(ends.tx, 1);
    send_int(ends.tx, 2);
    other = spawn(clone_send_and_drop, clone_of(ends.tx));
    try_int(ends.rx, 1, "A message that was sent before is received.");
    try_int(ends.rx, 2, "A message that was sent before is received.");
    join(other);
    try_int(ends.rx, 11, "A message that was sent before is received.");
    try_int(ends.rx, 12, "A message that was sent before is received.");
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
}

TEST(try_recv_is_empty_while_another_sender_clones_and_goes,
     .sentences = {"at least one sender is left", "receiver_try_recv: now and for good"})
{
    struct ends ends = open_channel(sizeof(int));
    pthread_t other = spawn(clone_and_drop_both, clone_of(ends.tx));

    expect_empty(ends.rx, "CHANNEL_EMPTY: nothing is queued, and a sender is left.");
    expect_empty(ends.rx, "CHANNEL_EMPTY: nothing is queued, and a sender is left.");
    join(other);
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
}

static void expect_send_closed(struct sender *tx)
{
    int message = 5;

    check_status(sender_send(tx, &message), CHANNEL_CLOSED,
                 "CHANNEL_CLOSED: the receiver has been dropped, and stays so.");
}

static void *clone_send_in_vain_and_drop(void *tx)
{
    struct sender *clone = clone_of(tx);

    expect_send_closed(clone);
    sender_drop(clone);
    expect_send_closed(tx);
    sender_drop(tx);
    return NULL;
}

TEST(send_after_drop_of_the_receiver_is_closed_whatever_another_sender_does,
     .sentences = {"sender_send: The receiver has been dropped, and stays so"})
{
    struct ends ends = open_channel(sizeof(int));
    struct sender *clone = clone_of(ends.tx);
    pthread_t other;

    receiver_drop(ends.rx);
    other = spawn(clone_send_in_vain_and_drop, clone);
    expect_send_closed(ends.tx);
    expect_send_closed(ends.tx);
    join(other);
    sender_drop(ends.tx);
}

static void *send_1_and_2_on_a_channel_of_its_own(void *unused)
{
    struct ends ends = open_channel(sizeof(int));

    send_int(ends.tx, 1);
    try_int(ends.rx, 1, "Two channels share no state.");
    expect_empty(ends.rx, "Two channels share no state.");
    send_int(ends.tx, 2);
    sender_drop(ends.tx);
    expect_int(ends.rx, 2, "Two channels share no state.");
    receiver_drop(ends.rx);
    return unused;
}

TEST(two_threads_with_a_channel_each_do_not_notice_each_other,
     .sentences = {"Two channels share no state"},
     .hint = "Is there anything that both channels use?")
{
    struct ends ends = open_channel(sizeof(int));
    pthread_t other = spawn(send_1_and_2_on_a_channel_of_its_own, NULL);
    int got = -1;

    expect_empty(ends.rx, "Two channels share no state.");
    send_int(ends.tx, 5);
    try_int(ends.rx, 5, "Two channels share no state.");
    sender_drop(ends.tx);
    check_status(receiver_try_recv(ends.rx, &got), CHANNEL_CLOSED, "Two channels share no state.");
    receiver_drop(ends.rx);
    join(other);
}

TEST(only_the_receiver_of_the_channel_that_closes_wakes_up,
     .sentences = {"Two channels share no state", "A send wakes a sleeping receiver, and so does"},
     .schedules = 300, .hint = "Whom does a sender tell when it goes?")
{
    struct ends a = open_channel(sizeof(int)), b = open_channel(sizeof(int));
    pthread_t receiver_of_a = spawn(recv_1, a.rx), receiver_of_b = spawn(recv_closed, b.rx);

    settle();
    sender_drop(b.tx);
    join(receiver_of_b);
    send_int(a.tx, 1);
    join(receiver_of_a);
    sender_drop(a.tx);
    receiver_drop(a.rx);
    receiver_drop(b.rx);
}

TEST(a_send_wakes_the_receiver_of_its_own_channel_whichever_slept_first,
     .sentences = {"A send wakes a sleeping receiver, and so does", "Two channels share no state"},
     .schedules = 300, .hint = "Whom does a send wake when two sleep?")
{
    struct ends a = open_channel(sizeof(int)), b = open_channel(sizeof(int));
    pthread_t receiver_of_a = spawn(recv_1, a.rx), receiver_of_b;

    settle();
    receiver_of_b = spawn(recv_1, b.rx);
    settle();
    send_int(b.tx, 1);
    join(receiver_of_b);
    receiver_of_b = spawn(recv_1, b.rx);
    settle();
    send_int(a.tx, 1);
    join(receiver_of_a);
    send_int(b.tx, 1);
    join(receiver_of_b);
    sender_drop(a.tx);
    sender_drop(b.tx);
    receiver_drop(a.rx);
    receiver_drop(b.rx);
}

/* 32 times, because naps() asks for that. */
TEST(cloning_and_dropping_never_block_while_the_receiver_sleeps,
     .sentences = {"Only receiver_recv blocks"}, .schedules = 200,
     .hint = "Which calls may wait for another thread?")
{
    struct ends ends = open_channel(sizeof(int));
    pthread_t receiver = spawn(recv_1, ends.rx);

    settle();
    naps(); /* those before are no matter */
    for (int i = 0; i < 32; i++)
        sender_drop(clone_of(ends.tx));
    check_equal(naps(), 0, "Only receiver_recv blocks.");
    send_int(ends.tx, 1);
    join(receiver);
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
}

/* Whoever is woken does not always run at once: so many sends come before it does. */
TEST(a_receiver_is_woken_however_often_that_happens_before_it_runs,
     .sentences = {"A send wakes a sleeping receiver, and so does"}, .once = true,
     .hint = "How does the receiver see that something has happened, when 256 things have?")
{
    enum { MOST = 65536 };

    for (int sends = 256; sends <= MOST; sends *= 256) {
        struct ends ends = open_channel(sizeof(int));
        pthread_t receiver = spawn(recv_1, ends.rx);
        settle();
        for (int i = 0; i < sends; i++)
            send_int(ends.tx, 1);
        join(receiver);
        sender_drop(ends.tx);
        receiver_drop(ends.rx);
    }
}

TEST(the_last_of_300_senders_wakes_a_sleeping_receiver,
     .sentences = {"A send wakes a sleeping receiver, and so does",
                   "any number of senders, one receiver"},
     .schedules = 20, .hint = "How many senders can your code tell apart?")
{
    struct ends ends = open_channel(sizeof(int));
    struct sender *senders[300] = {ends.tx};
    pthread_t receiver = spawn(recv_1, ends.rx);

    for (int i = 1; i < 300; i++)
        senders[i] = clone_of(ends.tx);
    for (int i = 0; i < 299; i++)
        sender_drop(senders[i]);
    settle();
    send_int(senders[299], 1);
    join(receiver);
    receiver = spawn(recv_closed, ends.rx);
    settle();
    sender_drop(senders[299]);
    join(receiver);
    receiver_drop(ends.rx);
}

/* ---------------------------------------------------------------------------- closing races */

TEST(queued_messages_come_before_closed, .sentences = {"receiver_recv: Queued messages come first"})
{
    struct ends ends = open_channel(sizeof(int));
    pthread_t sender = spawn(send_1_2_and_drop, ends.tx);

    expect_int(ends.rx, 1, "Queued messages come first.");
    expect_int(ends.rx, 2, "Queued messages come first.");
    expect_closed(ends.rx, "CHANNEL_CLOSED: nothing is queued, and no sender is left.");
    receiver_drop(ends.rx);
    join(sender);
}

TEST(a_channel_is_not_closed_while_one_of_two_senders_is_left,
     .sentences = {"receiver_recv: now and for good"})
{
    struct ends ends = open_channel(sizeof(int));
    struct sender *clone = clone_of(ends.tx);
    pthread_t dropper = spawn(drop_sender, ends.tx);
    pthread_t sender = spawn(send_1_and_drop, clone);

    expect_int(ends.rx, 1, "A message of the sender that is left is received.");
    expect_closed(ends.rx, "CHANNEL_CLOSED: nothing is queued, and no sender is left.");
    receiver_drop(ends.rx);
    join(dropper);
    join(sender);
}

TEST(try_recv_while_another_thread_sends_is_ok_or_empty,
     .sentences = {"at least one sender is left"})
{
    struct ends ends = open_channel(sizeof(int));
    pthread_t sender = spawn(send_1, ends.tx);
    int got = -1;

    if (check_one_of(receiver_try_recv(ends.rx, &got), "A sender is left.", CHANNEL_OK,
                     CHANNEL_EMPTY) == CHANNEL_EMPTY) {
        check_equal(got, -1, "CHANNEL_EMPTY: *message is untouched.");
        join(sender);
        check_status(receiver_try_recv(ends.rx, &got), CHANNEL_OK,
                     "A send that has returned is received.");
    } else {
        join(sender);
    }
    check_equal(got, 1, "A message arrives as it was sent.");
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
}

TEST(try_recv_while_the_last_sender_sends_and_goes_is_not_closed_before_the_message,
     .sentences = {"what was sent before the last sender went is still received",
                   "receiver_try_recv: now and for good"})
{
    struct ends ends = open_channel(sizeof(int));
    pthread_t sender = spawn(send_1_and_drop, ends.tx);
    int got = -1, nothing = -1;

    if (check_one_of(receiver_try_recv(ends.rx, &got), "Queued messages come first.", CHANNEL_OK,
                     CHANNEL_EMPTY) == CHANNEL_EMPTY)
        expect_int(ends.rx, 1, "Queued messages come first.");
    else
        check_equal(got, 1, "A message arrives as it was sent.");
    check_one_of(receiver_try_recv(ends.rx, &nothing), "The only message has been received.",
                 CHANNEL_EMPTY, CHANNEL_CLOSED);
    check_equal(nothing, -1, "Unless CHANNEL_OK, *message is untouched.");
    join(sender);
    check_status(receiver_try_recv(ends.rx, &nothing), CHANNEL_CLOSED,
                 "CHANNEL_CLOSED: nothing is queued, and no sender is left.");
    receiver_drop(ends.rx);
}

/* Two sends to a receiver that may go at any time. */
static void *send_twice_and_drop(void *tx)
{
    int message = 1;
    enum channel_status first = check_one_of(
        sender_send(tx, &message), "A send to a receiver that is being dropped is OK or CLOSED.",
        CHANNEL_OK, CHANNEL_CLOSED);

    if (first == CHANNEL_CLOSED)
        check_status(sender_send(tx, &message), CHANNEL_CLOSED,
                     "CHANNEL_CLOSED: the receiver has been dropped, and stays so.");
    else
        check_one_of(sender_send(tx, &message),
                     "A send to a receiver that is being dropped is OK or CLOSED.", CHANNEL_OK,
                     CHANNEL_CLOSED);
    sender_drop(tx);
    return NULL;
}

TEST(sends_while_the_receiver_is_dropped_are_ok_or_closed,
     .sentences = {"sender_send: The receiver has been dropped, and stays so",
                   "nothing that another thread may still be inside"})
{
    struct ends ends = open_channel(sizeof(int));
    pthread_t sender = spawn(send_twice_and_drop, ends.tx);

    receiver_drop(ends.rx);
    join(sender);
}

TEST(sends_of_two_senders_while_the_receiver_is_dropped_are_ok_or_closed,
     .sentences = {"sender_send: The receiver has been dropped, and stays so",
                   "nothing that another thread may still be inside"})
{
    struct ends ends = open_channel(sizeof(int));
    struct sender *clone = clone_of(ends.tx);
    pthread_t first = spawn(send_twice_and_drop, ends.tx);
    pthread_t second = spawn(send_twice_and_drop, clone);

    receiver_drop(ends.rx);
    join(first);
    join(second);
}

/* --------------------------------------------------------------------------- the last drop */

TEST(the_receiver_may_go_after_the_last_message_without_waiting_for_the_sender,
     .sentences = {"nothing that another thread may still be inside"},
     .hint = "The sender is still inside sender_send. What does it touch after unlocking?")
{
    struct ends ends = open_channel(sizeof(int));
    pthread_t sender = spawn(send_1_and_drop, ends.tx);

    expect_int(ends.rx, 1, "receiver_recv takes the oldest message out.");
    receiver_drop(ends.rx);
    join(sender);
}

TEST(the_last_sender_and_the_receiver_may_go_at_the_same_time,
     .sentences = {"nothing that another thread may still be inside"},
     .hint = "Each may be the other side's last. Who frees the channel?")
{
    struct ends ends = open_channel(sizeof(int));
    pthread_t dropper = spawn(drop_sender, ends.tx);

    receiver_drop(ends.rx);
    join(dropper);
}

TEST(three_handles_may_go_at_the_same_time_with_messages_queued,
     .sentences = {"nothing that another thread may still be inside",
                   "Whoever drops the last handle frees the channel"})
{
    struct ends ends = open_channel(sizeof(int));
    struct sender *clone = clone_of(ends.tx);

    send_int(ends.tx, 1);
    send_int(clone, 2);

    pthread_t first = spawn(drop_sender, ends.tx);
    pthread_t second = spawn(drop_sender, clone);
    receiver_drop(ends.rx);
    join(first);
    join(second);
}

TEST(two_senders_may_go_at_the_same_time_after_the_receiver,
     .sentences = {"nothing that another thread may still be inside"})
{
    struct ends ends = open_channel(sizeof(int));
    pthread_t other = spawn(drop_sender, clone_of(ends.tx));

    receiver_drop(ends.rx);
    sender_drop(ends.tx);
    join(other);
}

/* ---------------------------------------------------------------------------------- clones */

TEST(one_thread_may_clone_while_another_drops,
     .sentences = {"Different handles may be used by different threads",
                   "When it was the channel's last sender"},
     .hint = "What do both of them count with?")
{
    struct ends ends = open_channel(sizeof(int));
    struct sender *second = clone_of(ends.tx);
    pthread_t cloner = spawn(clone_and_drop_both, ends.tx);
    pthread_t dropper = spawn(drop_sender, second);

    expect_closed(ends.rx, "CHANNEL_CLOSED: nothing is queued, and no sender is left.");
    receiver_drop(ends.rx);
    join(cloner);
    join(dropper);
}

TEST(two_threads_may_clone_at_the_same_time,
     .sentences = {"Different handles may be used by different threads",
                   "Makes one more sender of the same channel"})
{
    struct ends ends = open_channel(sizeof(int));
    pthread_t first = spawn(clone_and_drop_both, clone_of(ends.tx));
    pthread_t second = spawn(clone_and_drop_both, clone_of(ends.tx));

    join(first);
    join(second);
    send_int(ends.tx, 1);
    expect_int(ends.rx, 1, "A sender is left.");
    sender_drop(ends.tx);
    expect_closed(ends.rx, "CHANNEL_CLOSED: nothing is queued, and no sender is left.");
    receiver_drop(ends.rx);
}

static void *send_1_through_a_clone(void *tx)
{
    struct sender *clone = clone_of(tx);

    sender_drop(tx);
    send_int(clone, 1);
    sender_drop(clone);
    return NULL;
}

TEST(a_clone_made_while_the_receiver_sleeps_keeps_the_channel_open,
     .sentences = {"sleeping while nothing is queued and at least one sender is left",
                   "Makes one more sender of the same channel"})
{
    struct ends ends = open_channel(sizeof(int));
    pthread_t sender = spawn(send_1_through_a_clone, ends.tx);

    expect_int(ends.rx, 1, "The clone is a sender that is left.");
    expect_closed(ends.rx, "CHANNEL_CLOSED: nothing is queued, and no sender is left.");
    receiver_drop(ends.rx);
    join(sender);
}

static void *clone_for_another_thread(void *tx)
{
    pthread_t other = spawn(send_1_and_drop, clone_of(tx));

    send_int(tx, 2);
    sender_drop(tx);
    join(other);
    return NULL;
}

TEST(a_clone_may_be_handed_to_another_thread,
     .sentences = {"A handle may be handed from thread to thread"})
{
    struct ends ends = open_channel(sizeof(int));
    pthread_t sender = spawn(clone_for_another_thread, ends.tx);

    check_equal(recv_int(ends.rx, "Both messages are received.") +
                    recv_int(ends.rx, "Both messages are received."),
                3, "Each message is received once.");
    expect_closed(ends.rx, "CHANNEL_CLOSED: nothing is queued, and no sender is left.");
    receiver_drop(ends.rx);
    join(sender);
}

TEST(one_thread_may_clone_while_another_drops_the_receiver,
     .sentences = {"Different handles may be used by different threads"})
{
    struct ends ends = open_channel(sizeof(int));
    pthread_t cloner = spawn(clone_and_drop_both, ends.tx);

    receiver_drop(ends.rx);
    join(cloner);
}

/* ------------------------------------------------- handing over, visibility, order, content */

TEST(a_sender_may_be_handed_from_thread_to_thread,
     .sentences = {"A handle may be handed from thread to thread"})
{
    struct ends ends = open_channel(sizeof(int));

    send_int(ends.tx, 1);

    pthread_t sender = spawn(send_2_and_drop, ends.tx);
    expect_int(ends.rx, 1, "Of two sends, one after the other, the first arrives first.");
    expect_int(ends.rx, 2, "Of two sends, one after the other, the first arrives first.");
    receiver_drop(ends.rx);
    join(sender);
}

static void *recv_1_and_drop(void *rx)
{
    expect_int(rx, 1, "A message is received in order.");
    receiver_drop(rx);
    return NULL;
}

TEST(the_receiver_may_be_handed_from_thread_to_thread,
     .sentences = {"A handle may be handed from thread to thread"})
{
    struct ends ends = open_channel(sizeof(int));

    send_int(ends.tx, 0);
    send_int(ends.tx, 1);
    expect_int(ends.rx, 0, "A message is received in order.");

    pthread_t receiver = spawn(recv_1_and_drop, ends.rx);
    sender_drop(ends.tx);
    join(receiver);
}

/* The channel is used by four threads, and in each of them the receiver sleeps. */
TEST(a_receiver_that_was_handed_over_sleeps_and_is_woken_in_each_thread,
     .sentences = {"A handle may be handed from thread to thread",
                   "A send wakes a sleeping receiver, and so does"},
     .schedules = 500, .hint = "Does a send wake the thread asleep now, or the first to sleep?")
{
    struct ends ends = open_channel(sizeof(int));
    pthread_t receiver;

    receive(ends, RECV_ASLEEP);
    for (int i = 0; i < 2; i++) {
        receiver = spawn(recv_1, ends.rx);
        settle();
        send_int(ends.tx, 1);
        join(receiver);
    }
    receive(ends, RECV_ASLEEP);
    receiver = spawn(recv_closed, ends.rx);
    settle();
    sender_drop(ends.tx);
    join(receiver);
    receiver_drop(ends.rx);
}

enum { MANY = 60 }; /* more than the bits of an int */

TEST(sixty_threads_may_send_at_the_same_time,
     .sentences = {"Different handles may be used by different threads"}, .schedules = 5,
     .hint = "How many threads can your code tell apart?")
{
    struct ends ends = open_channel(sizeof(int));
    pthread_t threads[MANY];

    for (int i = 0; i < MANY; i++)
        threads[i] = spawn(send_1_and_drop, clone_of(ends.tx));
    sender_drop(ends.tx);
    for (int i = 0; i < MANY; i++)
        expect_int(ends.rx, 1, "Every message of every sender is received.");
    expect_closed(ends.rx, "CHANNEL_CLOSED: nothing is queued, and no sender is left.");
    receiver_drop(ends.rx);
    for (int i = 0; i < MANY; i++)
        join(threads[i]);
}

static pthread_barrier_t all_are_there;

static void *send_1_with_the_others(void *tx)
{
    pthread_barrier_wait(&all_are_there);
    return send_1_and_drop(tx);
}

TEST(twenty_threads_are_inside_a_send_at_once,
     .sentences = {"Different handles may be used by different threads"}, .schedules = 10,
     .hint = "Of those that wait for each other, how many are served?")
{
    enum { SENDERS = 20 };
    struct ends ends = open_channel(sizeof(int));
    pthread_t threads[SENDERS];

    pthread_barrier_init(&all_are_there, NULL, SENDERS);
    for (int i = 0; i < SENDERS; i++)
        threads[i] = spawn(send_1_with_the_others, clone_of(ends.tx));
    sender_drop(ends.tx);
    for (int i = 0; i < SENDERS; i++)
        expect_int(ends.rx, 1, "Every message of every sender is received.");
    expect_closed(ends.rx, "CHANNEL_CLOSED: nothing is queued, and no sender is left.");
    receiver_drop(ends.rx);
    for (int i = 0; i < SENDERS; i++)
        join(threads[i]);
    pthread_barrier_destroy(&all_are_there);
}

static void *recv_a_sender_and_send_1(void *rx)
{
    struct sender *tx = NULL;

    check_status(receiver_recv(rx, &tx), CHANNEL_OK, "A message is received.");
    send_int(tx, 1);
    sender_drop(tx);
    receiver_drop(rx);
    return NULL;
}

TEST(a_sender_may_be_handed_over_as_a_message_of_another_channel,
     .sentences = {"A handle may be handed from thread to thread"})
{
    struct ends ends = open_channel(sizeof(int)), carrier = open_channel(sizeof(struct sender *));
    pthread_t other = spawn(recv_a_sender_and_send_1, carrier.rx);

    check_status(sender_send(carrier.tx, &ends.tx), CHANNEL_OK,
                 "sender_send copies a message in while the receiver is there.");
    sender_drop(carrier.tx);
    expect_int(ends.rx, 1, "A handle may be handed from thread to thread.");
    expect_closed(ends.rx, "CHANNEL_CLOSED: nothing is queued, and no sender is left.");
    receiver_drop(ends.rx);
    join(other);
}

static void *send_a_letter_and_drop(void *tx)
{
    char *letter = allocate(8);

    strcpy(letter, "hello");
    check_status(sender_send(tx, &letter), CHANNEL_OK,
                 "sender_send copies a message in while the receiver is there.");
    sender_drop(tx);
    return NULL;
}

TEST(what_was_written_before_the_send_is_seen_after_recv,
     .sentences = {"What a thread wrote before sender_send"},
     .hint = "Which lock does the receiver take after the sender has let it go?")
{
    struct ends ends = open_channel(sizeof(char *));
    pthread_t sender = spawn(send_a_letter_and_drop, ends.tx);
    char *letter = NULL;

    check_status(receiver_recv(ends.rx, &letter), CHANNEL_OK, "A message is received.");
    check_bytes(letter, "hello", 6, "What a thread wrote before sender_send, the receiver sees.");
    free(letter);
    receiver_drop(ends.rx);
    join(sender);
}

TEST(what_was_written_before_the_send_is_seen_after_try_recv,
     .sentences = {"What a thread wrote before sender_send"})
{
    struct ends ends = open_channel(sizeof(char *));
    pthread_t sender = spawn(send_a_letter_and_drop, ends.tx);
    char *letter = NULL;

    if (receiver_try_recv(ends.rx, &letter) != CHANNEL_OK)
        check_status(receiver_recv(ends.rx, &letter), CHANNEL_OK, "A message is received.");
    check_bytes(letter, "hello", 6, "What a thread wrote before sender_send, the receiver sees.");
    free(letter);
    receiver_drop(ends.rx);
    join(sender);
}

struct relay {
    struct receiver *from;
    struct sender *to;
};

static void *wait_then_send_2(void *arg)
{
    struct relay *relay = arg;

    expect_int(relay->from, 1, "A message is received.");
    send_int(relay->to, 2);
    sender_drop(relay->to);
    receiver_drop(relay->from);
    return NULL;
}

TEST(of_two_sends_of_which_one_returned_before_the_other_began_the_first_arrives_first,
     .sentences = {"When one send returns before another begins"})
{
    struct ends ends = open_channel(sizeof(int)), go = open_channel(sizeof(int));
    struct relay relay = {go.rx, clone_of(ends.tx)};
    pthread_t second = spawn(wait_then_send_2, &relay);

    send_int(ends.tx, 1);
    send_int(go.tx, 1);
    sender_drop(go.tx);
    sender_drop(ends.tx);
    expect_int(ends.rx, 1, "The send that had returned before arrives first.");
    expect_int(ends.rx, 2, "The send that had returned before arrives first.");
    receiver_drop(ends.rx);
    join(second);
}

static void *recv_1_to_4(void *rx)
{
    for (int i = 1; i <= 4; i++)
        expect_int(rx, i, "Of two sends, one after the other, the first arrives first.");
    return NULL;
}

TEST(sends_of_one_thread_arrive_in_order_whichever_of_two_senders_it_uses,
     .sentences = {"When one send returns before another begins"},
     .hint = "What keeps two messages in order that were sent through different handles?")
{
    struct ends ends = open_channel(sizeof(int));
    struct sender *clone = clone_of(ends.tx);
    pthread_t receiver = spawn(recv_1_to_4, ends.rx);

    send_int(clone, 1);
    send_int(clone, 2);
    sender_drop(clone);
    send_int(ends.tx, 3);
    send_int(ends.tx, 4);
    join(receiver);
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
}

static void *echo_twice(void *arg)
{
    struct relay *relay = arg;

    for (int i = 0; i < 2; i++)
        send_int(relay->to, recv_int(relay->from, "A question is received.") + 10);
    expect_closed(relay->from, "CHANNEL_CLOSED: nothing is queued, and no sender is left.");
    sender_drop(relay->to);
    receiver_drop(relay->from);
    return NULL;
}

TEST(two_channels_carry_questions_and_answers,
     .sentences = {"A send wakes a sleeping receiver, and so does", "Two channels share no state"})
{
    struct ends questions = open_channel(sizeof(int)), answers = open_channel(sizeof(int));
    struct relay relay = {questions.rx, answers.tx};
    pthread_t server = spawn(echo_twice, &relay);

    for (int i = 0; i < 2; i++) {
        send_int(questions.tx, i);
        expect_int(answers.rx, i + 10, "A send wakes a sleeping receiver.");
    }
    sender_drop(questions.tx);
    expect_closed(answers.rx, "Dropping the last sender wakes a sleeping receiver.");
    receiver_drop(answers.rx);
    join(server);
}

enum { SOON = 40 };

/* Answers many questions as they come, and the last one after a long time. */
static void *echo_soon_and_then_late(void *arg)
{
    struct relay *relay = arg;

    for (int i = 0; i <= SOON; i++) {
        int question = recv_int(relay->from, "A question is received.");
        if (i == SOON)
            settle();
        send_int(relay->to, question);
    }
    sender_drop(relay->to);
    receiver_drop(relay->from);
    return NULL;
}

/* A receiver that looks a little longer whenever that has paid has to come to an end, too. */
TEST(a_receiver_sleeps_although_many_messages_have_come_just_before_it_would_have,
     .sentences = {"it neither spins nor polls"}, .schedules = 20,
     .hint = "How long does it look before it sleeps, when looking has paid forty times?")
{
    struct ends questions = open_channel(sizeof(int)), answers = open_channel(sizeof(int));
    struct relay relay = {questions.rx, answers.tx};
    pthread_t server = spawn(echo_soon_and_then_late, &relay);

    for (int i = 0; i <= SOON; i++) {
        send_int(questions.tx, i);
        expect_int(answers.rx, i, "A question is answered.");
    }
    sender_drop(questions.tx);
    receiver_drop(answers.rx);
    join(server);
}

static void *use_a_channel_of_its_own(void *unused)
{
    struct ends ends = open_channel(sizeof(int));

    send_int(ends.tx, 1);
    expect_int(ends.rx, 1, "Two channels share no state.");
    sender_drop(ends.tx);
    expect_closed(ends.rx, "CHANNEL_CLOSED: nothing is queued, and no sender is left.");
    receiver_drop(ends.rx);
    return unused;
}

TEST(two_threads_with_a_channel_each_share_no_state, .sentences = {"Two channels share no state"})
{
    pthread_t other = spawn(use_a_channel_of_its_own, NULL);

    use_a_channel_of_its_own(NULL);
    join(other);
}

static void *pass_many_through_a_channel_of_its_own(void *unused)
{
    struct ends ends = open_channel(sizeof(int));

    for (int i = 0; i < 140; i++)
        if (i < 70)
            send_int(ends.tx, i);
        else
            expect_int(ends.rx, i - 70, "Two channels share no state.");
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
    return unused;
}

TEST(two_threads_with_many_messages_in_a_channel_each_share_no_state,
     .sentences = {"Two channels share no state"}, .schedules = 100,
     .hint =
         "Where does the memory of a message go that was received, and which thread gets it next?")
{
    pthread_t other = spawn(pass_many_through_a_channel_of_its_own, NULL);

    pass_many_through_a_channel_of_its_own(NULL);
    join(other);
}

struct sized {
    struct sender *tx;
    size_t size;
};

static void *send_sized(void *arg)
{
    struct sized *work = arg;
    char *message = allocate(work->size);

    memset(message, 's', work->size);
    check_status(sender_send(work->tx, message), CHANNEL_OK,
                 "sender_send copies a message in while the receiver is there.");
    free(message);
    return NULL;
}

static void expect_sized(struct receiver *rx, size_t size)
{
    char *expected = allocate(size), *got = allocate(size);

    memset(expected, 's', size);
    check_status(receiver_recv(rx, got), CHANNEL_OK, "What was sent can be received.");
    check_bytes(got, expected, size, "A message arrives as it was sent.");
    free(expected);
    free(got);
}

TEST(a_message_of_any_size_arrives_whole_from_another_thread,
     .sentences = {"Copies a message in, behind all messages sent before",
                   "message_size bytes of any content"},
     .schedules = 500, .hint = "When may the receiver take a message? Is all of it there then?")
{
    static const size_t sizes[] = {1, 130, 600, 5000, 70000};

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct ends ends = open_channel(sizes[i]);
        struct sized one = {ends.tx, sizes[i]}, other = {clone_of(ends.tx), sizes[i]};
        pthread_t a = spawn(send_sized, &one), b = spawn(send_sized, &other);

        expect_sized(ends.rx, sizes[i]);
        expect_sized(ends.rx, sizes[i]);
        join(a);
        join(b);
        sender_drop(one.tx);
        sender_drop(other.tx);
        receiver_drop(ends.rx);
    }
}

struct large {
    unsigned char bytes[64];
};

static void *send_large_a_and_drop(void *tx)
{
    struct large message;

    memset(&message, 'a', sizeof message);
    check_status(sender_send(tx, &message), CHANNEL_OK,
                 "sender_send copies a message in while the receiver is there.");
    sender_drop(tx);
    return NULL;
}

static void *send_large_b_and_drop(void *tx)
{
    struct large message;

    memset(&message, 'b', sizeof message);
    check_status(sender_send(tx, &message), CHANNEL_OK,
                 "sender_send copies a message in while the receiver is there.");
    sender_drop(tx);
    return NULL;
}

TEST(a_message_arrives_whole_while_another_is_sent,
     .sentences = {"receiver_recv: receives message_size bytes"})
{
    struct ends ends = open_channel(sizeof(struct large));
    struct sender *clone = clone_of(ends.tx);
    pthread_t first = spawn(send_large_a_and_drop, ends.tx);
    pthread_t second = spawn(send_large_b_and_drop, clone);

    for (int i = 0; i < 2; i++) {
        struct large got, whole;

        check_status(receiver_recv(ends.rx, &got), CHANNEL_OK, "Both messages are received.");
        memset(&whole, got.bytes[0], sizeof whole);
        check_bytes(got.bytes, whole.bytes, sizeof whole, "A message arrives as it was sent.");
    }
    receiver_drop(ends.rx);
    join(first);
    join(second);
}

/* ------------------------------------------------------------------------------ out of memory */

static void *try_to_send_1_and_drop(void *tx)
{
    int message = 1;
    enum channel_status status = sender_send(tx, &message);

    check_one_of(status, "A send is OK or out of memory.", CHANNEL_OK, CHANNEL_NO_MEMORY);
    check(status == CHANNEL_OK || allocation_has_failed(),
          "CHANNEL_NO_MEMORY: an allocation failed.");
    sender_drop(tx);
    return (void *)(uintptr_t)(status == CHANNEL_OK);
}

TEST(a_send_without_memory_leaves_the_channel_as_before,
     .sentences = {"sender_send: the message stays the caller's"}, .allocations_fail = true,
     .hint = "The allocation fails. What is locked, what has changed, and what does the call say?")
{
    struct sender *tx, *clone;
    struct receiver *rx;
    int got, received = 0, sent = 0;

    if (channel_create(sizeof(int), &tx, &rx) != CHANNEL_OK) {
        check(allocation_has_failed(), "channel_create makes a channel when there is memory.");
        return;
    }
    clone = sender_clone(tx);
    check(clone != NULL || allocation_has_failed(), "NULL: only when out of memory.");

    pthread_t first = spawn(try_to_send_1_and_drop, tx);
    if (clone != NULL)
        sent += try_to_send_1_and_drop(clone) != NULL;
    while (receiver_recv(rx, &got) == CHANNEL_OK) {
        check_equal(got, 1, "A message arrives as it was sent.");
        received++;
    }
    receiver_drop(rx);
    sent += join(first) != NULL;
    check_equal(received, sent, "A message is in the channel if its send was OK, and only then.");
}

/* ------------------------------------------------------------------------------------ volume */

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

enum { SENDERS = 4, EACH = 3000 };

struct numbered {
    struct sender *tx;
    int number;
};

static void *send_many_and_drop(void *arg)
{
    struct numbered *me = arg;

    for (int i = 0; i < EACH; i++)
        send_int(me->tx, me->number * EACH + i);
    sender_drop(me->tx);
    return NULL;
}

TEST(multi_sender_thousands_of_messages_arrive_each_once_and_in_order,
     .sentences = {"What one sender sends arrives in the order it was sent"}, .once = true)
{
    struct ends ends = open_channel(sizeof(int));
    struct numbered senders[SENDERS];
    pthread_t threads[SENDERS];
    int next[SENDERS] = {0};

    for (int i = 0; i < SENDERS; i++) {
        senders[i] = (struct numbered){i == 0 ? ends.tx : clone_of(ends.tx), i};
        if (i > 0)
            threads[i] = spawn(send_many_and_drop, &senders[i]);
    }
    threads[0] = spawn(send_many_and_drop, &senders[0]);
    for (int i = 0; i < SENDERS * EACH; i++) {
        int got = recv_int(ends.rx, "Every message is received."), from = got / EACH;

        check(got >= 0 && from < SENDERS, "A message arrives as it was sent.");
        check_equal(got % EACH, next[from], "What one sender sends arrives in the order sent.");
        next[from]++;
    }
    expect_closed(ends.rx, "CHANNEL_CLOSED: nothing is queued, and no sender is left.");
    receiver_drop(ends.rx);
    for (int i = 0; i < SENDERS; i++)
        join(threads[i]);
}
