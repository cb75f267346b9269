/* Suite of 06: the sentences of channel.h about selecting, one test each.
 *
 * Time passes when it likes: a deadline far away may be over before anybody else has done a step. So
 * a test says what must be true of a call that says TIMEOUT, and only sometimes that it must not. */
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "deadlines.h"
#include "suite.h"

#include "channel.h"

#define IS_READY "Ready means that receiver_recv would not sleep."
#define TAKES_NONE "receiver_select takes no message."
#define READY_FIRST "A ready one wins over a deadline that has passed."
#define NONE_READY "The deadline has passed and none is ready."
#define UNTOUCHED "Unless CHANNEL_OK, *ready is untouched."
#define LOWEST "Of those that were ready when the call began, the lowest counts."
#define IN_RANGE "*ready is the index of one of the n receivers."
#define NO_DEADLINE "NULL is no deadline."
#define AT_ONCE "A tv_nsec outside 0 ... 999,999,999 is CHANNEL_INVALID at once."
#define WOKEN "receiver_select sleeps until one of the receivers is ready."
#define ARRIVES "A message arrives as it was sent."

enum { NOTHING = 99 }; /* what *ready holds before a call */

/* -------------------------------------------------------------------------------- channels */

enum { MAX_CHANNELS = 3 };

/* Channels of int, side by side. */
struct channels {
    size_t n;
    struct sender *tx[MAX_CHANNELS];
    struct receiver *rx[MAX_CHANNELS];
};

static struct channels open_channels(size_t n)
{
    struct channels channels = {.n = n};

    for (size_t i = 0; i < n; i++)
        check_status(channel_create(sizeof(int), &channels.tx[i], &channels.rx[i]), CHANNEL_OK,
                     "channel_create makes a channel.");
    return channels;
}

static struct channels open_bounded(size_t n, size_t capacity)
{
    struct channels channels = {.n = n};

    for (size_t i = 0; i < n; i++)
        check_status(
            channel_create_bounded(sizeof(int), capacity, NULL, &channels.tx[i], &channels.rx[i]),
            CHANNEL_OK, "channel_create_bounded makes a channel.");
    return channels;
}

/* Drops what is left: NULL is a no-op. */
static void drop_all(struct channels *channels)
{
    for (size_t i = 0; i < channels->n; i++) {
        sender_drop(channels->tx[i]);
        receiver_drop(channels->rx[i]);
    }
}

static void close_channel(struct channels *channels, size_t i)
{
    sender_drop(channels->tx[i]);
    channels->tx[i] = NULL;
}

static struct sender *clone(struct sender *tx)
{
    struct sender *another = sender_clone(tx);

    check(another != NULL, "sender_clone makes one more sender.");
    return another;
}

static void send_int(struct sender *tx, int number)
{
    check_status(sender_send(tx, &number), CHANNEL_OK, "There is room, and a receiver.");
}

/* receiver_try_recv: after receiver_select a message that does not come at once is an error. */
static void expect_int(struct receiver *rx, int number)
{
    int got = -1;

    check_status(receiver_try_recv(rx, &got), CHANNEL_OK, IS_READY);
    check_equal(got, number, ARRIVES);
}

static void expect_status(struct receiver *rx, enum channel_status expected)
{
    int got = -1;

    check_status(receiver_try_recv(rx, &got), expected, "The channels are as before.");
    check_equal(got, -1, "Unless CHANNEL_OK, *message is untouched.");
}

/* Selects without a deadline, and returns the index. */
static size_t select_one(struct receiver *const rx[], size_t n)
{
    size_t ready = NOTHING;

    check_status(receiver_select(rx, n, NULL, &ready), CHANNEL_OK, WOKEN);
    check(ready < n, IN_RANGE);
    return ready;
}

/* ------------------------------------------------------------------------------- deadlines */

/* Deadlines that have passed when the call begins. */
enum { PASSED = 4 };

static struct timespec passed(int which)
{
    const struct timespec long_ago[] = {{0, 0}, {0, 999999999}, {-1, 0}};

    return which < 3 ? long_ago[which] : now();
}

/* What may be said of a call that somebody else could end in time. */
#define in_time(call, deadline) in_time_at(__LINE__, #call, (call), (deadline))

static bool in_time_at(int line, const char *call, enum channel_status status,
                       struct timespec deadline)
{
    check_status_at(__FILE__, line, WOKEN, call, (int)status, channel_status_names,
                    (int[]){CHANNEL_OK, CHANNEL_TIMEOUT}, 2);
    if (status == CHANNEL_TIMEOUT)
        check_not_early_at(__FILE__, line, call, now(), deadline);
    return status == CHANNEL_OK;
}

/* None of the channels is ready. */
static void expect_none_ready(struct receiver *const rx[], size_t n)
{
    struct timespec deadline = passed(0);
    size_t ready = NOTHING;

    check_status(receiver_select(rx, n, &deadline, &ready), CHANNEL_TIMEOUT, NONE_READY);
    check_equal(ready, NOTHING, UNTOUCHED);
}

/* --------------------------------------------------------------------------------- threads */

/* A send to be made by another thread. */
struct send {
    struct sender *tx;
    int number;
};

static void *send_number(void *arg)
{
    struct send *send = arg;

    check_status(sender_send(send->tx, &send->number), CHANNEL_OK, "The receiver is there.");
    return NULL;
}

static void *drop_sender(void *tx)
{
    sender_drop(tx);
    return NULL;
}

/* A select to be made by another thread, and what came of it. */
struct select {
    struct receiver *const *rx;
    size_t n;
    const struct timespec *deadline;
    enum channel_status status;
    size_t ready;
    struct timespec returned; /* when it had */
};

static void *select_until(void *arg)
{
    struct select *select = arg;

    select->ready = NOTHING;
    select->status = receiver_select(select->rx, select->n, select->deadline, &select->ready);
    select->returned = now();
    return NULL;
}

static pthread_t spawn_select(struct select *select, struct channels *channels,
                              const struct timespec *deadline)
{
    *select = (struct select){.rx = channels->rx, .n = channels->n, .deadline = deadline};
    return spawn(select_until, select);
}

/* ------------------------------------------------------------ the four of every exercise */

TEST(create_makes_channels_that_can_be_selected,
     .sentences = {"receivers[*ready] is ready", "of channels of any kind and message size"})
{
    struct sender *tx[3];
    struct receiver *rx[3];

    check_status(channel_create(1, &tx[0], &rx[0]), CHANNEL_OK, "It makes a channel.");
    check_status(channel_create_with_drop(8, NULL, &tx[1], &rx[1]), CHANNEL_OK,
                 "It makes a channel.");
    check_status(channel_create_bounded(300, 1, NULL, &tx[2], &rx[2]), CHANNEL_OK,
                 "It makes a channel.");
    expect_none_ready(rx, 3);
    for (size_t i = 3; i-- > 0;) {
        char message[300] = {0};
        check_status(sender_send(tx[i], message), CHANNEL_OK, "There is room, and a receiver.");
        check_equal(select_one(rx, 3), i, IS_READY);
    }
    for (size_t i = 0; i < 3; i++) {
        sender_drop(tx[i]);
        receiver_drop(rx[i]);
    }
}

/* Receives through select until all channels are closed; sum[i] is what came from the ith. */
static void receive_all(struct channels *channels, int sum[])
{
    struct receiver *rx[MAX_CHANNELS];
    size_t index[MAX_CHANNELS], n = channels->n;
    int got = -1;

    for (size_t i = 0; i < n; i++) {
        rx[i] = channels->rx[i];
        index[i] = i;
    }
    while (n > 0) {
        size_t i = select_one(rx, n);
        if (check_one_of(receiver_try_recv(rx[i], &got), IS_READY, CHANNEL_OK, CHANNEL_CLOSED) ==
            CHANNEL_OK) {
            sum[index[i]] += got;
            continue;
        }
        n--;
        rx[i] = rx[n];
        index[i] = index[n];
    }
}

TEST(multi_sender_messages_all_come_through_select,
     .sentences = {"receivers[*ready] is ready",
                   "One thread that receives from many channels sleeps"})
{
    struct channels channels = open_channels(2);
    struct send a = {channels.tx[0], 1}, b = {clone(channels.tx[0]), 10}, c = {channels.tx[1], 100};
    pthread_t threads[] = {spawn(send_number, &a), spawn(send_number, &b), spawn(send_number, &c)};
    int sum[2] = {0, 0};

    for (int i = 0; i < 3; i++) {
        size_t ready = select_one(channels.rx, 2);
        int got = -1;
        check_status(receiver_try_recv(channels.rx[ready], &got), CHANNEL_OK, IS_READY);
        sum[ready] += got;
    }
    check_equal(sum[0], 11, "Each message that was sent is received once.");
    check_equal(sum[1], 100, "Each message that was sent is received once.");
    for (int i = 0; i < 3; i++)
        join(threads[i]);
    sender_drop(b.tx);
    drop_all(&channels);
}

TEST(send_after_drop_of_one_receiver_is_closed_and_select_goes_on_with_the_others,
     .sentences = {"sender_send: The receiver has been dropped, and stays so",
                   "The channels are as before, whatever the status"})
{
    struct channels channels = open_channels(2);
    int number = 1;

    expect_none_ready(channels.rx, 2);
    receiver_drop(channels.rx[0]);
    channels.rx[0] = NULL;
    check_status(sender_send(channels.tx[0], &number), CHANNEL_CLOSED,
                 "The receiver has been dropped.");
    send_int(channels.tx[1], 2);
    check_equal(select_one(&channels.rx[1], 1), 0, IS_READY);
    expect_int(channels.rx[1], 2);
    drop_all(&channels);
}

TEST(recv_on_empty_closed_does_not_sleep_so_a_closed_channel_is_ready,
     .sentences = {"Ready means that receiver_recv on it would not sleep"})
{
    struct channels channels = open_channels(2);

    close_channel(&channels, 1);
    for (int i = 0; i < 2; i++) {
        check_equal(select_one(channels.rx, 2), 1, "A closed channel is ready, now and for good.");
        expect_status(channels.rx[1], CHANNEL_CLOSED);
    }
    send_int(channels.tx[0], 7);
    check_equal(select_one(channels.rx, 2), 0, LOWEST);
    expect_int(channels.rx[0], 7);
    drop_all(&channels);
}

/* ------------------------------------------------------------------------ sleeping, waking */

TEST(a_message_on_any_of_the_channels_wakes_select,
     .sentences = {"Woken by a message on any of the channels"},
     .hint = "A message arrives after the look and before the sleep. Who notices?")
{
    for (size_t i = 0; i < 2; i++) {
        struct channels channels = open_channels(2);
        struct send send = {channels.tx[i], 7};
        pthread_t thread = spawn(send_number, &send);

        check_equal(select_one(channels.rx, 2), i, WOKEN);
        expect_int(channels.rx[i], 7);
        join(thread);
        drop_all(&channels);
    }
}

TEST(the_drop_of_the_last_sender_of_any_wakes_select,
     .sentences = {"Woken by a message on any of the channels"},
     .hint = "A closed channel is ready. Who makes it so, and whom do they tell?")
{
    for (size_t i = 0; i < 2; i++) {
        struct channels channels = open_channels(2);
        struct sender *another = clone(channels.tx[i]);
        pthread_t threads[] = {spawn(drop_sender, another), spawn(drop_sender, channels.tx[i])};

        channels.tx[i] = NULL;
        check_equal(select_one(channels.rx, 2), i, WOKEN);
        expect_status(channels.rx[i], CHANNEL_CLOSED);
        join(threads[0]);
        join(threads[1]);
        drop_all(&channels);
    }
}

TEST(a_channel_that_closes_with_a_message_queued_is_ready_for_both,
     .sentences = {"Ready means that receiver_recv on it would not sleep"})
{
    struct channels channels = open_channels(2);
    struct send send = {channels.tx[1], 7};
    pthread_t thread = spawn(send_number, &send);

    check_equal(select_one(channels.rx, 2), 1, WOKEN);
    join(thread);
    close_channel(&channels, 1);
    check_equal(select_one(channels.rx, 2), 1, IS_READY);
    expect_int(channels.rx[1], 7);
    check_equal(select_one(channels.rx, 2), 1, IS_READY);
    expect_status(channels.rx[1], CHANNEL_CLOSED);
    drop_all(&channels);
}

TEST(the_drop_of_a_sender_that_is_not_the_last_makes_nothing_ready,
     .sentences = {"Ready means that receiver_recv on it would not sleep"})
{
    struct channels channels = open_channels(2);
    struct select select;
    pthread_t thread = spawn_select(&select, &channels, NULL);

    sender_drop(clone(channels.tx[0]));
    sender_drop(clone(channels.tx[1]));
    send_int(channels.tx[1], 7);
    join(thread);
    check_status(select.status, CHANNEL_OK, WOKEN);
    check_equal(select.ready, 1, IS_READY);
    expect_int(channels.rx[1], 7);
    drop_all(&channels);
}

TEST(select_sleeps_without_polling,
     .sentences = {"receiver_select: Sleeping uses no processor time",
                   "receiver_select blocks as well"},
     .hint = "What does select do while nothing is ready?")
{
    struct channels channels = open_channels(2);
    struct select select;
    pthread_t thread = spawn_select(&select, &channels, NULL);

    settle();
    send_int(channels.tx[1], 7);
    join(thread);
    check_status(select.status, CHANNEL_OK, NO_DEADLINE);
    check_equal(select.ready, 1, IS_READY);
    drop_all(&channels);
}

TEST(select_with_a_deadline_does_not_poll,
     .sentences = {"receiver_select: Sleeping uses no processor time"},
     .hint = "What does select do while nothing is ready?")
{
    struct channels channels = open_channels(2);
    struct timespec deadline = in_ms(FAR);
    struct select select;
    pthread_t thread = spawn_select(&select, &channels, &deadline);

    settle();
    send_int(channels.tx[0], 7);
    join(thread);
    if (in_time(select.status, deadline))
        check_equal(select.ready, 0, IS_READY);
    drop_all(&channels);
}

TEST(a_message_wakes_select_long_before_the_deadline,
     .sentences = {"Woken by a message on any of the channels"}, .woken_by_others = true,
     .hint = "Who has to be told that a message has come?")
{
    struct channels channels = open_channels(2);
    struct timespec deadline = in_ms(FAR);
    struct select select;
    pthread_t thread = spawn_select(&select, &channels, &deadline);

    send_int(channels.tx[1], 7);
    join(thread);
    check_status(select.status, CHANNEL_OK, WOKEN);
    check_equal(select.ready, 1, IS_READY);
    check(is_before(select.returned, deadline), "A message on any of the channels wakes select.");
    drop_all(&channels);
}

/* Whoever is woken does not always run at once: so many messages come before it does. */
TEST(select_is_woken_however_often_that_happens_before_it_runs,
     .sentences = {"Woken by a message on any of the channels"}, .once = true,
     .hint = "How does receiver_select see that something has happened, when 256 things have?")
{
    enum { MOST = 65536 };

    for (int sends = 256; sends <= MOST; sends *= 256) {
        struct channels channels = open_channels(2);
        struct timespec deadline = in_ms(FAR);
        struct select select;
        pthread_t thread = spawn_select(&select, &channels, &deadline);
        settle();
        for (int i = 0; i < sends; i++)
            send_int(channels.tx[i % 2], 7);
        join(thread);
        check_status(select.status, CHANNEL_OK, WOKEN);
        check(is_before(select.returned, deadline),
              "A message on any of the channels wakes select.");
        drop_all(&channels);
    }
}

TEST(the_drop_of_the_last_sender_wakes_select_long_before_the_deadline,
     .sentences = {"Woken by a message on any of the channels"}, .woken_by_others = true,
     .hint = "A closed channel is ready. Who makes it so, and whom do they tell?")
{
    struct channels channels = open_channels(2);
    struct timespec deadline = in_ms(FAR);
    struct select select;
    pthread_t thread = spawn_select(&select, &channels, &deadline);

    close_channel(&channels, 0);
    join(thread);
    check_status(select.status, CHANNEL_OK, WOKEN);
    check_equal(select.ready, 0, IS_READY);
    check(is_before(select.returned, deadline), "The drop of the last sender of any wakes select.");
    drop_all(&channels);
}

TEST(a_wake_up_without_cause_does_not_end_select,
     .sentences = {"Sleeps until one of n receivers is ready"}, .spurious_wakeups = 3)
{
    struct channels channels = open_channels(2);
    struct send send = {channels.tx[1], 7};
    pthread_t thread = spawn(send_number, &send);

    check_equal(select_one(channels.rx, 2), 1, WOKEN);
    expect_int(channels.rx[1], 7);
    join(thread);
    drop_all(&channels);
}

TEST(select_of_one_channel_waits_for_that_one,
     .sentences = {"Sleeps until one of n receivers is ready"})
{
    struct channels channels = open_channels(2);
    struct send send = {channels.tx[0], 7};
    pthread_t thread;

    send_int(channels.tx[1], 1); /* is none of its business */
    thread = spawn(send_number, &send);
    check_equal(select_one(channels.rx, 1), 0, WOKEN);
    expect_int(channels.rx[0], 7);
    join(thread);
    drop_all(&channels);
}

/* ---------------------------------------------------------------------------- which is ready */

TEST(select_takes_no_message, .sentences = {"Takes no message"})
{
    struct channels channels = open_bounded(1, 1);
    struct timespec deadline = passed(0);
    int number = 2;

    send_int(channels.tx[0], 1);
    for (int i = 0; i < 3; i++)
        check_equal(select_one(channels.rx, 1), 0, TAKES_NONE);
    check_status(sender_try_send(channels.tx[0], &number), CHANNEL_FULL, TAKES_NONE);
    check_status(sender_send_until(channels.tx[0], &number, &deadline), CHANNEL_TIMEOUT,
                 TAKES_NONE);
    expect_int(channels.rx[0], 1);
    expect_none_ready(channels.rx, 1);
    drop_all(&channels);
}

TEST(of_those_ready_when_the_call_begins_the_lowest_counts,
     .sentences = {"the lowest counts: *ready is never higher"})
{
    struct channels channels = open_channels(3);

    send_int(channels.tx[2], 12);
    check_equal(select_one(channels.rx, 3), 2, LOWEST);
    close_channel(&channels, 1);
    check_equal(select_one(channels.rx, 3), 1, LOWEST);
    send_int(channels.tx[0], 10);
    check_equal(select_one(channels.rx, 3), 0, LOWEST);
    expect_int(channels.rx[0], 10);
    check_equal(select_one(channels.rx, 3), 1, LOWEST);
    check_equal(select_one(&channels.rx[2], 1), 0, LOWEST);
    drop_all(&channels);
}

TEST(the_index_is_the_place_in_the_array_and_not_the_age_of_the_message,
     .sentences = {"the lowest counts: *ready is never higher", "receivers[*ready] is ready"})
{
    struct channels channels = open_channels(3);
    struct receiver *rx[] = {channels.rx[2], channels.rx[0], channels.rx[1]};

    send_int(channels.tx[0], 10);
    send_int(channels.tx[1], 11);
    check_equal(select_one(rx, 3), 1, LOWEST);
    send_int(channels.tx[2], 12);
    check_equal(select_one(rx, 3), 0, LOWEST);
    drop_all(&channels);
}

TEST(what_becomes_ready_during_the_call_never_makes_the_index_higher,
     .sentences = {"the lowest counts: *ready is never higher"},
     .hint = "Two are ready when select looks a second time. Which one was there before?")
{
    struct channels channels = open_channels(3);
    struct send low = {channels.tx[0], 10}, high = {channels.tx[2], 12};
    pthread_t threads[2];
    size_t ready;

    send_int(channels.tx[1], 11);
    threads[0] = spawn(send_number, &high);
    threads[1] = spawn(send_number, &low);
    ready = select_one(channels.rx, 3);
    check(ready <= 1, LOWEST);
    expect_int(channels.rx[ready], 10 + (int)ready);
    join(threads[0]);
    join(threads[1]);
    check_equal(select_one(channels.rx, 3), ready == 0 ? 1 : 0, LOWEST);
    drop_all(&channels);
}

TEST(of_those_that_become_ready_during_the_call_any_may_be_named,
     .sentences = {"receivers[*ready] is ready"})
{
    struct channels channels = open_channels(2);
    struct send a = {channels.tx[0], 10}, b = {channels.tx[1], 11};
    pthread_t threads[] = {spawn(send_number, &b), spawn(send_number, &a)};
    size_t ready = select_one(channels.rx, 2);

    expect_int(channels.rx[ready], 10 + (int)ready);
    join(threads[0]);
    join(threads[1]);
    check_equal(select_one(channels.rx, 2), 1 - ready, IS_READY);
    expect_int(channels.rx[1 - ready], 11 - (int)ready);
    expect_none_ready(channels.rx, 2);
    drop_all(&channels);
}

TEST(a_message_and_a_close_may_come_together,
     .sentences = {"Woken by a message on any of the channels",
                   "Ready means that receiver_recv on it would not sleep"})
{
    struct channels channels = open_channels(2);
    struct send send = {channels.tx[0], 10};
    pthread_t threads[] = {spawn(drop_sender, channels.tx[1]), spawn(send_number, &send)};
    size_t ready = select_one(channels.rx, 2);

    channels.tx[1] = NULL;
    if (ready == 0)
        expect_int(channels.rx[0], 10);
    else
        expect_status(channels.rx[1], CHANNEL_CLOSED);
    join(threads[0]);
    join(threads[1]);
    check_equal(select_one(channels.rx, 2), 1 - ready, IS_READY);
    drop_all(&channels);
}

TEST(messages_left_behind_by_a_receive_are_ready,
     .sentences = {"Ready means that receiver_recv on it would not sleep"})
{
    struct channels channels = open_channels(2);

    for (int i = 0; i < 3; i++)
        send_int(channels.tx[1], i);
    for (int i = 0; i < 3; i++) {
        check_equal(select_one(channels.rx, 2), 1, IS_READY);
        expect_int(channels.rx[1], i);
    }
    expect_none_ready(channels.rx, 2);
    drop_all(&channels);
}

TEST(a_message_that_was_there_before_is_never_missed,
     .sentences = {"Ready means that receiver_recv on it would not sleep",
                   "Sleeps until one of n receivers is ready"},
     .hint = "Nobody will send again. How does select learn of what is there already?")
{
    struct channels channels = open_channels(2);
    struct select select;
    pthread_t thread;

    expect_none_ready(channels.rx, 2);
    send_int(channels.tx[1], 7);
    thread = spawn_select(&select, &channels, NULL);
    join(thread);
    check_status(select.status, CHANNEL_OK, WOKEN);
    check_equal(select.ready, 1, LOWEST);
    drop_all(&channels);
}

/* ------------------------------------------------------------------------------- deadlines */

TEST(select_says_timeout_and_not_before_the_deadline,
     .sentences = {"The deadline has passed and none is ready",
                   "receiver_select: Never said before the deadline", "*ready is untouched"},
     .spurious_wakeups = 3, .hint = "By which clock does it wake up: that of the deadline?")
{
    struct channels channels = open_channels(2);
    struct timespec deadline = in_ms(SOON), much_later = in_ms(600 * 1000);
    size_t ready = NOTHING;

    check_timeout(receiver_select(channels.rx, 2, &deadline, &ready), deadline, NONE_READY);
    check_not_late("receiver_select", much_later,
                   "A deadline is a point in time, not a length of time.");
    check_equal(ready, NOTHING, UNTOUCHED);
    drop_all(&channels);
}

TEST(select_a_passed_deadline_says_timeout_when_none_is_ready,
     .sentences = {"The deadline has passed and none is ready"})
{
    struct channels channels = open_channels(2);
    size_t ready = NOTHING;

    for (int i = 0; i < PASSED; i++) {
        struct timespec deadline = passed(i);
        check_status(receiver_select(channels.rx, 2, &deadline, &ready), CHANNEL_TIMEOUT,
                     NONE_READY);
    }
    check_equal(ready, NOTHING, UNTOUCHED);
    expect_status(channels.rx[0], CHANNEL_EMPTY);
    expect_status(channels.rx[1], CHANNEL_EMPTY);
    drop_all(&channels);
}

TEST(a_ready_one_wins_over_a_passed_deadline,
     .sentences = {"A ready one wins over a deadline that has passed"})
{
    struct channels channels = open_channels(2);
    size_t ready = NOTHING;

    send_int(channels.tx[1], 7);
    for (int i = 0; i < PASSED; i++) {
        struct timespec deadline = passed(i);
        check_status(receiver_select(channels.rx, 2, &deadline, &ready), CHANNEL_OK, READY_FIRST);
        check_equal(ready, 1, LOWEST);
        check_status(receiver_select(&channels.rx[1], 1, &deadline, &ready), CHANNEL_OK,
                     READY_FIRST);
        check_equal(ready, 0, LOWEST);
    }
    close_channel(&channels, 0);
    for (int i = 0; i < PASSED; i++) {
        struct timespec deadline = passed(i);
        check_status(receiver_select(channels.rx, 1, &deadline, &ready), CHANNEL_OK, READY_FIRST);
    }
    drop_all(&channels);
}

static void select_what_is_sent_before(struct timespec deadline)
{
    struct channels channels = open_channels(2);
    struct timespec sent;
    struct select select;
    pthread_t thread = spawn_select(&select, &channels, &deadline);

    send_int(channels.tx[1], 7);
    sent = now();
    let_a_moment_pass();
    join(thread);
    if (is_before(sent, deadline))
        check_status(select.status, CHANNEL_OK, READY_FIRST);
    if (in_time(select.status, deadline))
        check_equal(select.ready, 1, IS_READY);
    else
        check_equal(select.ready, NOTHING, UNTOUCHED);
    expect_int(channels.rx[1], 7);
    drop_all(&channels);
}

TEST(a_message_sent_before_the_deadline_is_not_timed_out,
     .sentences = {"A ready one wins over a deadline that has passed"}, .spurious_wakeups = 2,
     .hint = "The wait says that time is up. Is that all there is to know?")
{
    select_what_is_sent_before(in_ms(SOON));
}

TEST(a_message_makes_ready_although_the_deadline_passes_before_the_sleep,
     .sentences = {"A ready one wins over a deadline that has passed"}, .spurious_wakeups = 2,
     .hint = "It is too late to sleep. Is one ready by now?")
{
    select_what_is_sent_before(in_a_moment());
}

/* Of the second a hundred seconds from now, and of the next one. */
static void select_until_nanosecond(long nanosecond)
{
    struct channels channels = open_channels(2);
    struct send send = {channels.tx[1], 7};

    let_a_moment_pass(); /* let now end in some nanosecond, too */
    for (int seconds = 100; seconds >= 1; seconds /= 100) {
        struct timespec deadline = now();
        pthread_t thread = spawn(send_number, &send);
        size_t ready = NOTHING;

        deadline.tv_sec += seconds;
        deadline.tv_nsec = nanosecond;
        if (in_time(receiver_select(channels.rx, 2, &deadline, &ready), deadline))
            check_equal(ready, 1, IS_READY);
        join(thread);
        expect_int(channels.rx[1], 7);
    }
    drop_all(&channels);
}

#define DEADLINE_HINT "Two times are subtracted: what if the smaller one has more nanoseconds?"

TEST(a_deadline_may_end_with_a_second,
     .sentences = {"a point in time of CLOCK_MONOTONIC, or NULL for none",
                   "receiver_select: Never said before the deadline"},
     .hint = DEADLINE_HINT)
{
    select_until_nanosecond(0);
}

TEST(a_deadline_may_end_a_nanosecond_before_a_second,
     .sentences = {"a point in time of CLOCK_MONOTONIC, or NULL for none",
                   "receiver_select: Never said before the deadline"},
     .hint = DEADLINE_HINT)
{
    select_until_nanosecond(999999999);
}

TEST(a_deadline_may_end_a_nanosecond_after_a_second,
     .sentences = {"a point in time of CLOCK_MONOTONIC, or NULL for none",
                   "receiver_select: Never said before the deadline"},
     .hint = DEADLINE_HINT)
{
    select_until_nanosecond(1);
}

/* Somebody selects until deadline; after ten seconds, or so, a message comes. */
static void select_before(struct timespec deadline)
{
    struct channels channels = open_channels(2);
    struct select select;
    pthread_t thread = spawn_select(&select, &channels, &deadline);

    settle();
    send_int(channels.tx[1], 7);
    join(thread);
    if (check_one_of(select.status, WOKEN, CHANNEL_OK, CHANNEL_TIMEOUT) == CHANNEL_TIMEOUT)
        check_not_early(select.status, select.returned, deadline);
    else
        check_equal(select.ready, 1, IS_READY);
    expect_int(channels.rx[1], 7);
    drop_all(&channels);
}

TEST(select_is_not_early_when_what_is_left_takes_more_than_32_bits,
     .sentences = {"receiver_select: Never said before the deadline"}, .woken_by_others = true,
     .hint = "In what unit is the time left counted, and in how many bits?")
{
    select_before((struct timespec){.tv_sec = now().tv_sec + 1900000000});
    for (long unit = 1; unit <= 1000000000; unit *= 1000) {
        for (int bits = 31; bits <= 32; bits++) {
            struct timespec deadline = now();
            long whole = 1000000000 / unit;

            deadline.tv_sec += (1L << bits) / whole;
            deadline.tv_nsec += (1L << bits) % whole * unit;
            deadline.tv_sec += 1 + deadline.tv_nsec / 1000000000;
            deadline.tv_nsec %= 1000000000;
            select_before(deadline);
        }
    }
}

TEST(select_is_not_early_when_the_deadline_takes_more_than_64_bits,
     .sentences = {"receiver_select: Never said before the deadline"},
     .hint = "How many years of nanoseconds do 64 bits hold?")
{
    for (long whole = 1000; whole <= 1000000000; whole *= 1000) {
        select_before((struct timespec){.tv_sec = LONG_MAX / whole + 1});
        if (whole > 1000)
            select_before(
                (struct timespec){.tv_sec = (time_t)(ULONG_MAX / (unsigned long)whole) + 1});
    }
}

TEST(select_waits_for_the_last_deadline_there_is,
     .sentences = {"receiver_select: Never said before the deadline"},
     .hint = "What becomes of the largest number there is when something is added to it?")
{
    select_before((struct timespec){LONG_MAX, 999999999});
    select_before((struct timespec){LONG_MAX, 0});
    select_before((struct timespec){LONG_MAX - 1, 999999999});
}

/* Nothing is ready, and then something is. */
static void expect_long_past(struct timespec deadline)
{
    struct channels channels = open_channels(2);
    struct timespec much_later = in_ms(600 * 1000);
    size_t ready = NOTHING;

    check_status(receiver_select(channels.rx, 2, &deadline, &ready), CHANNEL_TIMEOUT, NONE_READY);
    check_equal(ready, NOTHING, UNTOUCHED);
    check_not_late("receiver_select", much_later, "Nobody sleeps for a deadline that has passed.");
    send_int(channels.tx[1], 7);
    check_status(receiver_select(channels.rx, 2, &deadline, &ready), CHANNEL_OK, READY_FIRST);
    check_equal(ready, 1, LOWEST);
    drop_all(&channels);
}

TEST(a_deadline_of_0_is_long_past,
     .sentences = {"The deadline has passed and none is ready",
                   "a point in time of CLOCK_MONOTONIC, or NULL for none"},
     .hint = "Is 0 a point in time, or is it no deadline?")
{
    for (int i = 0; i < 2; i++)
        expect_long_past((struct timespec){.tv_sec = 0, .tv_nsec = i});
}

TEST(a_negative_tv_sec_is_long_past, .sentences = {"A negative tv_sec is long past"},
     .hint = "What becomes of a number below 0 when something is taken away from it?")
{
    const time_t seconds[] = {-1, -4294967296, LONG_MIN / 1000000000 - 1, LONG_MIN + 1, LONG_MIN};

    for (int i = 0; i < 5; i++)
        for (long nanoseconds = 0; nanoseconds < 1000000000; nanoseconds += 999999999)
            expect_long_past((struct timespec){seconds[i], nanoseconds});
}

/* In all, settle lets thirty seconds pass: twice before the deadline, once until after it. */
TEST(select_sleeps_until_the_deadline_at_most_whatever_wakes_it,
     .sentences = {"Sleeps until one of n receivers is ready",
                   "a point in time of CLOCK_MONOTONIC, or NULL for none"},
     .spurious_wakeups = 3, .schedules = 2000,
     .hint = "Is the time left until the deadline computed again after each wake-up?")
{
    static const char rule[] = "It sleeps until the deadline at most, whatever wakes it meanwhile.";
    struct channels channels = open_channels(2), other = open_channels(1);
    struct timespec deadline = in_ms(25 * 1000);
    struct select select;
    pthread_t thread = spawn_select(&select, &channels, &deadline);
    size_t still_asleep;

    for (int i = 0; i < 2; i++) {
        settle();
        sender_drop(clone(channels.tx[i])); /* nothing to wake for, */
        send_int(other.tx[0], 7);           /* nor is this */
    }
    still_asleep = settle();
    check_equal(still_asleep, 0, rule);
    send_int(channels.tx[1], 7);
    join(thread);
    if (check_one_of(select.status, rule, CHANNEL_OK, CHANNEL_TIMEOUT) == CHANNEL_TIMEOUT)
        check_not_early(select.status, select.returned, deadline);
    drop_all(&channels);
    drop_all(&other);
}

TEST(select_says_invalid_to_no_receivers_and_to_a_time_that_is_none,
     .sentences = {"n is 0, or deadline->tv_nsec is out of range"})
{
    const long nsec[] = {-1, 1000000000, LONG_MAX, LONG_MIN};
    struct channels channels = open_channels(2);
    size_t ready = NOTHING;

    for (int queued = 0; queued < 2; queued++) {
        check_status(receiver_select(channels.rx, 0, NULL, &ready), CHANNEL_INVALID,
                     "n is 0: CHANNEL_INVALID.");
        for (int i = 0; i < 4; i++) {
            struct timespec deadline = {.tv_sec = i % 2 ? now().tv_sec + 9 : 0, .tv_nsec = nsec[i]};
            check_status(receiver_select(channels.rx, 2, &deadline, &ready), CHANNEL_INVALID,
                         AT_ONCE);
        }
        check_equal(ready, NOTHING, UNTOUCHED);
        if (queued == 0)
            send_int(channels.tx[1], 7);
    }
    expect_int(channels.rx[1], 7);
    drop_all(&channels);
}

TEST(a_deadline_that_has_passed_is_a_question_asked_without_sleeping,
     .sentences = {"one is a question asked without sleeping"}, .once = true,
     .hint = "Time is up when the call begins. What is there to sleep for?")
{
    struct channels channels = open_channels(2);

    for (int i = 0; i < PASSED; i++) {
        struct timespec deadline = passed(i);
        size_t ready;

        naps();                               /* those before are no matter */
        for (int call = 0; call < 32; call++) /* because naps() asks for that */
            check_status(receiver_select(channels.rx, 2, &deadline, &ready), CHANNEL_TIMEOUT,
                         NONE_READY);
        check_equal(naps(), 0, "A ready one wins over a passed deadline, and nobody sleeps.");
    }
    drop_all(&channels);
}

/* What a call is given, and another thread reads as well. */
struct given {
    struct receiver *rx[3];
    struct timespec deadline;
    size_t n;
};

static void *read_too(void *arg)
{
    const struct given *given = arg;

    for (size_t i = 0; i < given->n; i++)
        check(given->rx[i] != NULL, "The array is only read.");
    check_equal(given->deadline.tv_sec, 0, "*deadline is only read.");
    check_equal(given->deadline.tv_nsec, 0, "*deadline is only read.");
    return NULL;
}

/* How many, and in which order: for a select that sorts them. */
static const struct order {
    size_t n, places[3];
} orders[] = {{1, {0}}, {2, {0, 1}}, {2, {1, 0}}, {3, {0, 1, 2}}, {3, {1, 2, 0}}, {3, {2, 1, 0}}};

TEST(receivers_and_deadline_may_be_read_by_others_during_the_call,
     .sentences = {"The array is only read", "*deadline is only read"},
     .hint = "Is what the caller gave written to, if only for a moment?")
{
    struct channels channels = open_channels(3);

    for (size_t o = 0; o < sizeof orders / sizeof *orders; o++) {
        struct given given = {.n = orders[o].n};
        size_t ready = NOTHING;

        for (size_t i = 0; i < given.n; i++)
            given.rx[i] = channels.rx[orders[o].places[i]];
        pthread_t reader = spawn(read_too, &given);
        check_status(receiver_select(given.rx, given.n, &given.deadline, &ready), CHANNEL_TIMEOUT,
                     NONE_READY);
        join(reader);
    }
    drop_all(&channels);
}

TEST(receivers_and_deadline_are_only_read_and_only_during_the_call,
     .sentences = {"The array is only read", "*deadline is only read"})
{
    struct channels channels = open_channels(2);
    struct receiver **rx = allocate(2 * sizeof(struct receiver *));
    struct timespec *deadline = allocate(sizeof *deadline);
    size_t ready = NOTHING;

    memset(deadline, 0, sizeof *deadline);
    for (int first = 0; first < 2; first++) { /* in either order: it may be sorted */
        rx[0] = channels.rx[first];
        rx[1] = channels.rx[!first];
        check_status(receiver_select(rx, 2, deadline, &ready), CHANNEL_TIMEOUT, NONE_READY);
        check(deadline->tv_sec == 0 && deadline->tv_nsec == 0, "*deadline is only read.");
        check(rx[0] == channels.rx[first] && rx[1] == channels.rx[!first],
              "The array is only read.");
    }
    free(deadline);
    free(rx);
    send_int(channels.tx[0], 7);
    check_equal(select_one(channels.rx, 2), 0, IS_READY);
    drop_all(&channels);
}

/* ------------------------------------------------------------------- once it has returned */

TEST(once_select_has_returned_no_channel_knows_of_it,
     .sentences = {"no channel knows of the call any more"},
     .hint = "What do the other channels still point at when select returns?")
{
    struct channels channels = open_channels(2);
    struct send a = {channels.tx[0], 10}, b = {channels.tx[1], 11};
    struct select select;
    pthread_t selecting = spawn_select(&select, &channels, NULL), threads[2];

    threads[0] = spawn(send_number, &a);
    threads[1] = spawn(send_number, &b);
    join(selecting); /* its stack has gone, and both sends may still be on their way */
    check_status(select.status, CHANNEL_OK, WOKEN);
    join(threads[0]);
    join(threads[1]);
    expect_int(channels.rx[0], 10);
    expect_int(channels.rx[1], 11);
    drop_all(&channels);
}

TEST(once_select_has_timed_out_no_channel_knows_of_it,
     .sentences = {"no channel knows of the call any more"},
     .hint = "What do the channels still point at when time is up?")
{
    struct channels channels = open_channels(2);
    struct timespec deadline = in_ms(SOON);
    struct send send = {channels.tx[0], 10};
    struct select select;
    pthread_t selecting = spawn_select(&select, &channels, &deadline);
    pthread_t sending = spawn(send_number, &send);

    join(selecting);
    join(sending);
    in_time(select.status, deadline);
    send_int(channels.tx[1], 11);
    close_channel(&channels, 1);
    expect_int(channels.rx[0], 10);
    expect_int(channels.rx[1], 11);
    drop_all(&channels);
}

TEST(once_select_has_found_one_at_once_no_channel_knows_of_it,
     .sentences = {"no channel knows of the call any more"},
     .hint = "What do the channels still point at that select looked at first?")
{
    struct channels channels = open_channels(3);
    struct select select;

    send_int(channels.tx[1], 11);
    join(spawn_select(&select, &channels, NULL));
    check_equal(select.ready, 1, LOWEST);
    send_int(channels.tx[0], 10);
    send_int(channels.tx[1], 12);
    close_channel(&channels, 2);
    expect_int(channels.rx[0], 10);
    expect_int(channels.rx[1], 11);
    expect_int(channels.rx[1], 12);
    drop_all(&channels);
}

TEST(a_receiver_may_be_dropped_after_select, .sentences = {"no channel knows of the call any more"},
     .hint = "Who else may still hold on to a channel?")
{
    struct channels channels = open_channels(2);
    struct send send = {channels.tx[0], 7};
    pthread_t thread = spawn(send_number, &send);

    check_equal(select_one(channels.rx, 2), 0, WOKEN);
    receiver_drop(channels.rx[1]);
    sender_drop(channels.tx[1]);
    join(thread);
    sender_drop(channels.tx[0]);
    check_equal(select_one(channels.rx, 1), 0, IS_READY);
    expect_int(channels.rx[0], 7);
    receiver_drop(channels.rx[0]);
}

TEST(receiver_recv_sleeps_and_wakes_as_ever_after_select,
     .sentences = {"The channels are as before, whatever the status"})
{
    struct channels channels = open_channels(2);
    struct send a = {channels.tx[0], 10}, b = {channels.tx[1], 11};
    pthread_t threads[] = {spawn(send_number, &a), spawn(send_number, &b)};
    size_t ready = select_one(channels.rx, 2);
    int got = -1;

    check_status(receiver_recv(channels.rx[1 - ready], &got), CHANNEL_OK,
                 "A send wakes a sleeping receiver.");
    check_equal(got, 11 - (int)ready, ARRIVES);
    check_equal(select_one(channels.rx, 2), ready, IS_READY);
    expect_int(channels.rx[ready], 10 + (int)ready);
    join(threads[0]);
    join(threads[1]);
    drop_all(&channels);
}

TEST(select_sleeps_and_wakes_as_ever_after_a_time_out,
     .sentences = {"The channels are as before, whatever the status", "*ready is untouched"})
{
    struct channels channels = open_channels(2);
    struct send send = {channels.tx[0], 7};
    pthread_t thread;

    expect_none_ready(channels.rx, 2);
    thread = spawn(send_number, &send);
    check_equal(select_one(channels.rx, 2), 0, WOKEN);
    expect_int(channels.rx[0], 7);
    join(thread);
    expect_none_ready(channels.rx, 2);
    drop_all(&channels);
}

TEST(a_receiver_may_be_selected_by_one_thread_after_another,
     .sentences = {"they belong to the calling thread until it returns"})
{
    struct channels channels = open_channels(3);
    struct timespec deadline = in_ms(SOON);
    struct receiver *others[] = {channels.rx[1], channels.rx[2]};
    struct send send = {channels.tx[1], 7};
    struct select select = {.rx = channels.rx, .n = 2, .deadline = &deadline};
    pthread_t selecting = spawn(select_until, &select), sending = spawn(send_number, &send);

    join(selecting);
    if (in_time(select.status, deadline))
        check_equal(select.ready, 1, IS_READY);
    check_equal(select_one(others, 2), 0, WOKEN);
    expect_int(channels.rx[1], 7);
    join(sending);
    drop_all(&channels);
}

TEST(select_says_invalid_while_two_senders_sleep,
     .sentences = {"n is 0, or deadline->tv_nsec is out of range"})
{
    struct timespec none = {.tv_nsec = -1};
    size_t ready = NOTHING;
    int last[2];

    exploring(false);
    struct channels channels = open_bounded(1, 1);
    struct sender *other = clone(channels.tx[0]);
    struct send b = {channels.tx[0], 2}, c = {other, 3};
    send_int(channels.tx[0], 1);
    pthread_t threads[] = {spawn(send_number, &b), spawn(send_number, &c)};
    settle();
    exploring(true);
    check_status(receiver_select(channels.rx, 0, NULL, &ready), CHANNEL_INVALID, AT_ONCE);
    check_status(receiver_select(channels.rx, 1, &none, &ready), CHANNEL_INVALID, AT_ONCE);
    check_equal(ready, NOTHING, UNTOUCHED);
    expect_int(channels.rx[0], 1);
    for (int i = 0; i < 2; i++)
        check_status(receiver_recv(channels.rx[0], &last[i]), CHANNEL_OK, ARRIVES);
    check_equal(last[0] + last[1], 5, ARRIVES);
    join(threads[0]);
    join(threads[1]);
    sender_drop(other);
    drop_all(&channels);
}

TEST(a_channel_that_closes_as_select_returns_does_not_know_of_it,
     .sentences = {"no channel knows of the call any more"}, .spurious_wakeups = 2,
     .hint = "Which waiter does the last sender's drop ring, and is it sure to be there?")
{
    struct channels channels = open_channels(2);
    struct send send = {channels.tx[1], 7};
    struct select select;
    pthread_t selecting = spawn_select(&select, &channels, NULL);
    pthread_t threads[] = {spawn(drop_sender, channels.tx[0]), spawn(send_number, &send)};

    channels.tx[0] = NULL;
    join(selecting); /* its stack has gone, and the drop may still be on its way */
    check_status(select.status, CHANNEL_OK, WOKEN);
    join(threads[0]);
    join(threads[1]);
    expect_status(channels.rx[0], CHANNEL_CLOSED);
    expect_int(channels.rx[1], 7);
    drop_all(&channels);
}

TEST(a_channel_that_closes_as_select_times_out_does_not_know_of_it,
     .sentences = {"no channel knows of the call any more"}, .spurious_wakeups = 2,
     .hint = "Which waiter does the last sender's drop ring, and is it sure to be there?")
{
    struct channels channels = open_channels(2);
    struct timespec deadline = in_ms(SOON);
    struct select select;
    pthread_t selecting = spawn_select(&select, &channels, &deadline);
    pthread_t dropping = spawn(drop_sender, channels.tx[1]);

    channels.tx[1] = NULL;
    join(selecting);
    in_time(select.status, deadline);
    join(dropping);
    expect_status(channels.rx[0], CHANNEL_EMPTY);
    expect_status(channels.rx[1], CHANNEL_CLOSED);
    drop_all(&channels);
}

/* ---------------------------------------------------------------- one call after another */

/* Has the call that another thread makes returned? Asked while that thread is there. */
static atomic_bool has_returned;

static void *select_and_say_so(void *select)
{
    select_until(select);
    atomic_store(&has_returned, true);
    return NULL;
}

static bool still_sleeps(void)
{
    settle();
    return !atomic_load(&has_returned);
}

/* Nothing is ready: select sleeps until a message comes, which is taken. */
static void expect_to_sleep(struct channels *channels)
{
    struct select select = {.rx = channels->rx, .n = channels->n};
    pthread_t thread;

    atomic_store(&has_returned, false);
    thread = spawn(select_and_say_so, &select);
    check(still_sleeps(), "receiver_select sleeps while none is ready.");
    send_int(channels->tx[0], 8);
    join(thread);
    check_status(select.status, CHANNEL_OK, WOKEN);
    check_equal(select.ready, 0, IS_READY);
    expect_int(channels->rx[0], 8);
}

TEST(select_that_timed_out_as_a_message_came_sleeps_when_there_is_none,
     .sentences = {"The channels are as before, whatever the status"},
     .hint = "A wake-up is on its way to somebody who has given up. Who gets it?")
{
    struct channels channels = open_channels(2);
    struct timespec deadline = in_ms(SOON);
    struct send send = {channels.tx[1], 7};
    pthread_t thread = spawn(send_number, &send);
    size_t ready = NOTHING;

    if (in_time(receiver_select(channels.rx, 2, &deadline, &ready), deadline))
        check_equal(ready, 1, IS_READY);
    join(thread);
    expect_int(channels.rx[1], 7);
    expect_to_sleep(&channels);
    drop_all(&channels);
}

TEST(select_sleeps_when_the_messages_that_woke_it_are_taken,
     .sentences = {"Sleeps until one of n receivers is ready"},
     .hint = "Two messages woke it, and it returned once. What becomes of the second wake-up?")
{
    struct channels channels = open_channels(2);
    struct send a = {channels.tx[0], 7}, b = {channels.tx[1], 7};
    pthread_t threads[] = {spawn(send_number, &a), spawn(send_number, &b)};

    select_one(channels.rx, 2);
    join(threads[0]);
    join(threads[1]);
    expect_int(channels.rx[0], 7);
    expect_int(channels.rx[1], 7);
    expect_to_sleep(&channels);
    drop_all(&channels);
}

/* Every way to wait or to ask, after every other, on one pair of receivers. */
enum way { RECV, TRY_RECV, RECV_FAR, RECV_PASSED, SELECT, SELECT_FAR, SELECT_PASSED, WAYS };
enum found { A_MESSAGE, NO_MESSAGE, CLOSED, FINDS };

struct asking {
    struct receiver *const *rx; /* two, of which the second one is asked, or both are */
    enum way way;
    enum channel_status status;
    int got;
    size_t ready;
};

static void *ask(void *arg)
{
    struct asking *call = arg;
    struct timespec far = in_ms(FAR), past = passed(0);
    const struct timespec *deadlines[WAYS] = {
        [RECV_FAR] = &far, [RECV_PASSED] = &past, [SELECT_FAR] = &far, [SELECT_PASSED] = &past};

    call->got = -1;
    call->ready = NOTHING;
    if (call->way == TRY_RECV)
        call->status = receiver_try_recv(call->rx[1], &call->got);
    else if (call->way < SELECT)
        call->status = receiver_recv_until(call->rx[1], &call->got, deadlines[call->way]);
    else
        call->status = receiver_select(call->rx, 2, deadlines[call->way], &call->ready);
    atomic_store(&has_returned, true);
    return NULL;
}

static bool waits(enum way way)
{
    return way != TRY_RECV && way != RECV_PASSED && way != SELECT_PASSED;
}

static enum channel_status answer_of(enum way way, enum found what)
{
    if (what == NO_MESSAGE && !waits(way))
        return way == TRY_RECV ? CHANNEL_EMPTY : CHANNEL_TIMEOUT;
    return what == CLOSED && way < SELECT ? CHANNEL_CLOSED : CHANNEL_OK;
}

/* Finds a message on the second channel, none, or it closed; a call that waits gets a message. */
static void ask_and_check(struct channels *channels, enum way way, enum found what)
{
    struct asking call = {.rx = channels->rx, .way = way};
    pthread_t thread;

    if (what == A_MESSAGE)
        send_int(channels->tx[1], 7);
    if (what == CLOSED)
        close_channel(channels, 1);
    atomic_store(&has_returned, false);
    thread = spawn(ask, &call);
    if (what == NO_MESSAGE && waits(way)) {
        check(still_sleeps(), "It sleeps while there is nothing, whatever was before.");
        send_int(channels->tx[1], 7);
    }
    join(thread);
    check_status(call.status, answer_of(way, what), "A call says the same whatever was before.");
    if (way < SELECT)
        check_equal(call.got, call.status == CHANNEL_OK ? 7 : -1, ARRIVES);
    else
        check_equal(call.ready, call.status == CHANNEL_OK ? 1 : NOTHING, IS_READY);
    if (way >= SELECT && call.status == CHANNEL_OK && what != CLOSED)
        expect_int(channels->rx[1], 7);
}

static void any_after(enum way first)
{
    for (int way = 0; way < WAYS; way++)
        for (int before = A_MESSAGE; before <= NO_MESSAGE; before++)
            for (int what = 0; what < FINDS; what++) {
                struct channels channels = what % 2 == 0 ? open_channels(2) : open_bounded(2, 1);

                ask_and_check(&channels, first, (enum found)before);
                ask_and_check(&channels, (enum way)way, (enum found)what);
                drop_all(&channels);
            }
}

#define HINT_AFTER "What does the first call leave behind that the second one finds?"

TEST(after_select_any_call_does_as_ever,
     .sentences = {"The channels are as before, whatever the status"}, .once = true,
     .hint = HINT_AFTER)
{
    for (int way = SELECT; way < WAYS; way++)
        any_after((enum way)way);
}

TEST(after_any_receive_select_does_as_ever,
     .sentences = {"Sleeps until one of n receivers is ready"}, .once = true, .hint = HINT_AFTER)
{
    for (int way = RECV; way < SELECT; way++)
        any_after((enum way)way);
}

/* Neither finds anything, and both sleep: in every execution. */
static void sleep_twice(enum way first, enum way second)
{
    struct channels channels = open_channels(2);

    ask_and_check(&channels, first, NO_MESSAGE);
    ask_and_check(&channels, second, NO_MESSAGE);
    drop_all(&channels);
}

TEST(after_a_select_that_slept_any_call_sleeps_as_ever,
     .sentences = {"The channels are as before, whatever the status"}, .hint = HINT_AFTER)
{
    sleep_twice(SELECT, RECV);
    sleep_twice(SELECT, SELECT);
}

TEST(after_a_receive_that_slept_select_sleeps_as_ever,
     .sentences = {"Sleeps until one of n receivers is ready"}, .hint = HINT_AFTER)
{
    sleep_twice(RECV, SELECT);
}

/* --------------------------------------------------------------------- while others are busy */

#define WHOEVER "What had returned before the call began is seen, whoever else is inside."
#define HINT_INSIDE "Somebody else has the lock just now. Does that say anything about the channel?"

TEST(select_a_passed_deadline_sees_a_message_whoever_else_sends,
     .sentences = {"A ready one wins over a deadline that has passed"}, .schedules = 5000,
     .hint = HINT_INSIDE)
{
    struct channels channels = open_channels(2);
    struct timespec deadline = passed(0);
    struct send a = {channels.tx[0], 2}, b = {clone(channels.tx[1]), 2};
    pthread_t threads[2];
    size_t ready = NOTHING;

    send_int(channels.tx[1], 1);
    threads[0] = spawn(send_number, &b);
    threads[1] = spawn(send_number, &a);
    check_status(receiver_select(channels.rx, 2, &deadline, &ready), CHANNEL_OK, WHOEVER);
    check(ready < 2, IN_RANGE);
    expect_int(channels.rx[ready], ready == 1 ? 1 : 2);
    join(threads[0]);
    join(threads[1]);
    sender_drop(b.tx);
    drop_all(&channels);
}

static void *clone_and_drop(void *tx)
{
    sender_drop(clone(tx));
    sender_drop(tx);
    return NULL;
}

TEST(select_a_passed_deadline_says_timeout_whoever_else_is_inside,
     .sentences = {"The deadline has passed and none is ready"}, .schedules = 5000,
     .hint = HINT_INSIDE)
{
    struct channels channels = open_channels(2), other = open_channels(1);
    struct send send = {other.tx[0], 7};
    pthread_t threads[] = {spawn(clone_and_drop, clone(channels.tx[1])), spawn(send_number, &send)};

    expect_none_ready(channels.rx, 2);
    join(threads[0]);
    join(threads[1]);
    drop_all(&channels);
    drop_all(&other);
}

TEST(a_closed_channel_is_ready_for_a_passed_deadline_whoever_else_sends,
     .sentences = {"Ready means that receiver_recv on it would not sleep",
                   "A ready one wins over a deadline that has passed"},
     .schedules = 5000, .hint = HINT_INSIDE)
{
    struct channels channels = open_channels(3);
    struct timespec deadline = passed(0);
    struct send send = {channels.tx[2], 7};
    pthread_t thread;
    size_t ready = NOTHING;

    close_channel(&channels, 1);
    thread = spawn(send_number, &send);
    check_status(receiver_select(channels.rx, 3, &deadline, &ready), CHANNEL_OK, WHOEVER);
    check_equal(ready, 1, LOWEST);
    join(thread);
    drop_all(&channels);
}

/* Makes a channel ready that nobody selects: with a message, or by closing it. */
static void make_ready(struct channels *channels, size_t i, bool close)
{
    if (close)
        close_channel(channels, i);
    else
        send_int(channels->tx[i], 1);
}

TEST(a_channel_that_is_not_among_them_does_not_end_select,
     .sentences = {"Two channels share no state"}, .woken_by_others = true, .schedules = 5000,
     .hint = "A wake-up was for somebody else. What is there to be looked at again?")
{
    for (int close = 0; close < 2; close++) {
        struct channels channels = open_channels(3);
        struct receiver *two[] = {channels.rx[0], channels.rx[2]};
        struct timespec deadline = in_ms(FAR);
        struct select select = {.rx = two, .n = 2, .deadline = &deadline};
        pthread_t thread = spawn(select_until, &select);

        make_ready(&channels, 1, close);
        send_int(channels.tx[2], 7);
        join(thread);
        check_status(select.status, CHANNEL_OK,
                     "CHANNEL_TIMEOUT is never said before the deadline.");
        check_equal(select.ready, 1, IS_READY);
        drop_all(&channels);
    }
}

TEST(a_channel_that_is_not_among_them_any_more_does_not_end_select,
     .sentences = {"no channel knows of the call any more", "Two channels share no state"},
     .woken_by_others = true, .schedules = 5000,
     .hint = "What do the channels of the last call still point at?")
{
    struct channels channels = open_channels(3);
    struct timespec deadline = in_ms(FAR);
    struct select select = {.rx = &channels.rx[1], .n = 2, .deadline = &deadline};
    pthread_t thread;

    send_int(channels.tx[1], 1);
    check_equal(select_one(channels.rx, 3), 1, IS_READY);
    expect_int(channels.rx[1], 1);
    thread = spawn(select_until, &select);
    send_int(channels.tx[0], 7); /* was selected before, and is not now */
    send_int(channels.tx[2], 7);
    join(thread);
    check_status(select.status, CHANNEL_OK, "CHANNEL_TIMEOUT is never said before the deadline.");
    check_equal(select.ready, 1, IS_READY);
    drop_all(&channels);
}

/* ------------------------------------------------------------------ several threads select */

/* Sends to two channels, each selected by another thread. */
static void *send_to_both(void *arg)
{
    struct sender **tx = arg;

    send_int(tx[0], 7);
    send_int(tx[1], 7);
    return NULL;
}

TEST(two_threads_may_select_from_channels_with_senders_in_common,
     .sentences = {"Any thread may use their senders meanwhile"},
     .hint = "Which locks does each of them hold when it asks for the next?")
{
    struct channels left = open_channels(2), right = open_channels(2);
    struct sender *there[] = {left.tx[0], right.tx[0]}, *back[] = {right.tx[1], left.tx[1]};
    struct select select;
    pthread_t threads[] = {spawn_select(&select, &left, NULL), spawn(send_to_both, there),
                           spawn(send_to_both, back)};
    size_t ready = select_one(right.rx, 2);

    expect_int(right.rx[ready], 7);
    join(threads[0]);
    check_status(select.status, CHANNEL_OK, WOKEN);
    expect_int(left.rx[select.ready], 7);
    join(threads[1]);
    join(threads[2]);
    check_equal(select_one(right.rx, 2), 1 - ready, IS_READY);
    check_equal(select_one(left.rx, 2), 1 - select.ready, IS_READY);
    drop_all(&left);
    drop_all(&right);
}

TEST(each_of_two_threads_that_select_wakes_for_its_own_channels,
     .sentences = {"they belong to the calling thread until it returns",
                   "Woken by a message on any of the channels"})
{
    struct channels left = open_channels(2), right = open_channels(1);
    struct select selects[2];
    pthread_t threads[] = {spawn_select(&selects[0], &left, NULL),
                           spawn_select(&selects[1], &right, NULL)};

    send_int(right.tx[0], 1);
    join(threads[1]);
    check_status(selects[1].status, CHANNEL_OK, WOKEN);
    send_int(left.tx[1], 2);
    join(threads[0]);
    check_status(selects[0].status, CHANNEL_OK, WOKEN);
    check_equal(selects[0].ready, 1, IS_READY);
    drop_all(&left);
    drop_all(&right);
}

/* Answers a request through the channel that came with it. */
static void *answer(void *arg)
{
    struct channels *channels = arg;
    int got = -1;

    check_equal(select_one(channels->rx, 1), 0, WOKEN);
    check_status(receiver_try_recv(channels->rx[0], &got), CHANNEL_OK, IS_READY);
    send_int(channels->tx[1], got + 1);
    return NULL;
}

TEST(two_threads_that_select_may_answer_each_other,
     .sentences = {"Any thread may use their senders meanwhile",
                   "Woken by a message on any of the channels"})
{
    struct channels channels = open_channels(2);
    pthread_t thread = spawn(answer, &channels);

    send_int(channels.tx[0], 7);
    check_equal(select_one(&channels.rx[1], 1), 0, WOKEN);
    expect_int(channels.rx[1], 8);
    join(thread);
    drop_all(&channels);
}

/* ------------------------------------------------------------------ with all that came before */

TEST(a_sleeping_sender_goes_on_after_a_receive_and_select_sees_its_message,
     .sentences = {"Taking a message wakes a sleeping sender",
                   "Ready means that receiver_recv on it would not sleep"})
{
    struct channels channels = open_bounded(2, 1);
    struct send send = {channels.tx[1], 2};
    pthread_t thread;

    send_int(channels.tx[1], 1);
    thread = spawn(send_number, &send);
    for (int i = 1; i <= 2; i++) {
        check_equal(select_one(channels.rx, 2), 1, WOKEN);
        expect_int(channels.rx[1], i);
    }
    join(thread);
    drop_all(&channels);
}

static void *send_now(void *arg)
{
    send_int(arg, 7);
    return NULL;
}

static void *try_to_send(void *tx)
{
    int number = 7;

    check_status(sender_try_send(tx, &number), CHANNEL_OK, "There is room.");
    return NULL;
}

static void *send_until(void *tx)
{
    struct timespec deadline = passed(0);
    int number = 7;

    check_status(sender_send_until(tx, &number, &deadline), CHANNEL_OK,
                 "Where there is room a message is sent, even after the deadline.");
    return NULL;
}

TEST(every_way_of_sending_wakes_select, .sentences = {"Woken by a message on any of the channels"},
     .hint = "How many functions make a channel ready?")
{
    void *(*const ways[])(void *) = {send_now, try_to_send, send_until};

    for (size_t i = 0; i < 3; i++) {
        struct channels channels = open_bounded(2, 1);
        pthread_t thread = spawn(ways[i], channels.tx[1]);

        check_equal(select_one(channels.rx, 2), 1, WOKEN);
        expect_int(channels.rx[1], 7);
        join(thread);
        drop_all(&channels);
    }
}

static void count_drop(void *message)
{
    ++**(int **)message;
}

TEST(drop_runs_for_what_was_not_received_although_it_was_selected,
     .sentences = {"drop runs exactly once for every message", "Takes no message"})
{
    int drops[2] = {0, 0}, *messages[2] = {&drops[0], &drops[1]}, *got = NULL;
    struct sender *tx = NULL;
    struct receiver *rx = NULL;

    check_status(channel_create_with_drop(sizeof(int *), count_drop, &tx, &rx), CHANNEL_OK,
                 "channel_create_with_drop makes a channel.");
    for (int i = 0; i < 2; i++)
        check_status(sender_send(tx, &messages[i]), CHANNEL_OK, "The receiver is there.");
    check_equal(select_one(&rx, 1), 0, IS_READY);
    check_status(receiver_try_recv(rx, &got), CHANNEL_OK, IS_READY);
    check_equal(select_one(&rx, 1), 0, IS_READY);
    receiver_drop(rx);
    sender_drop(tx);
    check(got == &drops[0] && drops[0] == 0, "drop never runs for a message that was received.");
    check_equal(drops[1], 1, "drop runs exactly once for a message that was not received.");
}

static void drop_reply_channel(void *message)
{
    sender_drop(*(struct sender **)message);
}

static void *drop_receiver(void *rx)
{
    receiver_drop(rx);
    return NULL;
}

TEST(dropping_a_message_that_holds_the_last_sender_wakes_select,
     .sentences = {"Woken by a message on any of the channels",
                   "A message may carry a struct sender *"})
{
    struct channels replies = open_channels(2);
    struct sender *tx = NULL;
    struct receiver *rx = NULL;
    pthread_t thread;

    check_status(channel_create_with_drop(sizeof(struct sender *), drop_reply_channel, &tx, &rx),
                 CHANNEL_OK, "channel_create_with_drop makes a channel.");
    check_status(sender_send(tx, &replies.tx[1]), CHANNEL_OK, "The receiver is there.");
    replies.tx[1] = NULL; /* handed over */
    thread = spawn(drop_receiver, rx);
    check_equal(select_one(replies.rx, 2), 1, WOKEN);
    expect_status(replies.rx[1], CHANNEL_CLOSED);
    join(thread);
    sender_drop(tx);
    drop_all(&replies);
}

static void *write_and_send(void *arg)
{
    struct send *send = arg;
    int *number = allocate(sizeof *number);

    *number = send->number;
    check_status(sender_send(send->tx, &number), CHANNEL_OK, "The receiver is there.");
    return NULL;
}

TEST(who_selects_and_receives_sees_what_was_written_before_the_send,
     .sentences = {"What a thread wrote before sender_send"})
{
    struct send send = {.number = 7};
    struct receiver *rx = NULL;
    int *got = NULL;
    pthread_t thread;

    check_status(channel_create(sizeof(int *), &send.tx, &rx), CHANNEL_OK, "It makes a channel.");
    thread = spawn(write_and_send, &send);
    select_one(&rx, 1);
    check_status(receiver_try_recv(rx, &got), CHANNEL_OK, IS_READY);
    check_equal(*got, 7, "What a thread wrote before its send, the receiver sees.");
    free(got);
    join(thread);
    sender_drop(send.tx);
    receiver_drop(rx);
}

/* --------------------------------------------------------------------------------- memory */

TEST(select_may_run_out_of_memory_and_then_nothing_has_changed,
     .sentences = {"There is not enough memory to wait", "*ready is untouched"},
     .allocations_fail = true)
{
    struct sender *tx[2] = {NULL, NULL};
    struct receiver *rx[2] = {NULL, NULL};
    struct timespec deadline = in_ms(SOON);
    size_t ready = NOTHING;
    bool both = true;

    for (int i = 0; i < 2; i++)
        both &= channel_create_bounded(sizeof(int), 1, NULL, &tx[i], &rx[i]) == CHANNEL_OK;
    if (both) {
        if (check_one_of(receiver_select(rx, 2, &deadline, &ready), NONE_READY, CHANNEL_TIMEOUT,
                         CHANNEL_NO_MEMORY) == CHANNEL_NO_MEMORY)
            check(allocation_has_failed(), "CHANNEL_NO_MEMORY means that an allocation failed.");
        check_equal(ready, NOTHING, UNTOUCHED);
        send_int(tx[1], 7);
        if (check_one_of(receiver_select(rx, 2, NULL, &ready), READY_FIRST, CHANNEL_OK,
                         CHANNEL_NO_MEMORY) == CHANNEL_NO_MEMORY)
            check(allocation_has_failed(), "CHANNEL_NO_MEMORY means that an allocation failed.");
        check(ready == 1 || ready == NOTHING, UNTOUCHED);
        expect_int(rx[1], 7);
    }
    for (int i = 0; i < 2; i++) {
        sender_drop(tx[i]);
        receiver_drop(rx[i]);
    }
}

/* --------------------------------------------------------------------------------- volume */

enum { CROWD = 257 }; /* more than a byte counts, or a word has bits */

static void open_crowd(struct sender *tx[], struct receiver *rx[], size_t n)
{
    for (size_t i = 0; i < n; i++)
        check_status(channel_create(sizeof(int), &tx[i], &rx[i]), CHANNEL_OK,
                     "channel_create makes a channel.");
}

static void drop_crowd(struct sender *tx[], struct receiver *rx[], size_t n)
{
    for (size_t i = 0; i < n; i++) {
        sender_drop(tx[i]);
        receiver_drop(rx[i]);
    }
}

TEST(of_any_number_of_receivers_the_one_that_is_ready_is_found,
     .sentences = {"receivers[*ready] is ready", "Sleeps until one of n receivers is ready"},
     .once = true, .hint = "In how many bits is it kept which of them are ready?")
{
    size_t crowd = CROWD < locks_kept_apart() ? CROWD : locks_kept_apart();
    struct sender *tx[CROWD];
    struct receiver *rx[CROWD];

    open_crowd(tx, rx, crowd);
    for (size_t n = 1; n <= crowd; n++) {
        send_int(tx[n - 1], (int)n);
        check_equal(select_one(rx, n), n - 1, IS_READY);
        expect_int(rx[n - 1], (int)n);
    }
    sender_drop(tx[crowd - 1]);
    tx[crowd - 1] = NULL;
    check_equal(select_one(rx, crowd), crowd - 1, "A closed channel is ready.");
    drop_crowd(tx, rx, crowd);
}

TEST(thousands_of_receivers_are_selected_from,
     .sentences = {"receivers[*ready] is ready", "of channels of any kind and message size"},
     .once = true, .hint = "How many receivers is there room for, and who says so?")
{
    enum { THOUSANDS = 5000 };
    size_t most = THOUSANDS < locks_kept_apart() ? THOUSANDS : locks_kept_apart(), n = 0;
    struct sender **tx = allocate(most * sizeof *tx);
    struct receiver **rx = allocate(most * sizeof *rx);

    while (n < most && channel_create(sizeof(int), &tx[n], &rx[n]) == CHANNEL_OK)
        n++; /* each may need descriptors, and those are few */
    check(n > 0, "channel_create makes a channel.");
    send_int(tx[n - 1], 7);
    check_equal(select_one(rx, n), n - 1, IS_READY);
    expect_int(rx[n - 1], 7);
    drop_crowd(tx, rx, n);
    free(tx);
    free(rx);
}

TEST(a_select_of_any_number_of_receivers_that_times_out_leaves_nothing_behind,
     .sentences = {"The channels are as before, whatever the status"}, .once = true,
     .hint = "What did select take or hang in, and who gives it back when nothing was ready?")
{
    enum { SOME = 40 };
    struct sender *tx[SOME];
    struct receiver *rx[SOME];

    open_crowd(tx, rx, SOME);
    for (size_t n = 1; n <= SOME; n++) {
        struct timespec soon = in_ms(SOON), passed = {0, 0};
        size_t ready = 77;

        check_status(receiver_select(rx, n, &soon, &ready), CHANNEL_TIMEOUT, NONE_READY);
        check_status(receiver_select(rx, n, &passed, &ready), CHANNEL_TIMEOUT, NONE_READY);
        check_equal(ready, 77, "Unless CHANNEL_OK, *ready is untouched.");
    }
    for (size_t n = 1; n <= SOME; n++) {
        send_int(tx[n - 1], (int)n);
        check_equal(select_one(rx, n), n - 1, IS_READY);
        expect_int(rx[n - 1], (int)n);
    }
    drop_crowd(tx, rx, SOME);
}

/* Does select wait with threads of its own? The checks don't follow any number of them. */
static bool selects_with_threads(struct sender *tx, struct receiver *const rx[])
{
    struct select select = {.rx = rx, .n = 2};
    pthread_t thread = spawn(select_until, &select);
    size_t others = settle();

    send_int(tx, 7);
    join(thread);
    check_status(select.status, CHANNEL_OK, WOKEN);
    expect_int(rx[0], 7);
    return others > 1;
}

TEST(of_any_number_of_receivers_the_one_that_wakes_select_is_named,
     .sentences = {"receivers[*ready] is ready", "Woken by a message on any of the channels"},
     .once = true, .hint = "In how many bits is it kept which of them woke it?")
{
    size_t crowd = CROWD < locks_kept_apart() ? CROWD : locks_kept_apart();
    struct sender *tx[CROWD];
    struct receiver *rx[CROWD];

    open_crowd(tx, rx, crowd);
    for (size_t n = selects_with_threads(tx[0], rx) ? 33 : crowd; n > 1; n -= n / 2) {
        struct send send = {tx[n - 1], (int)n};
        pthread_t sender = spawn(send_number, &send);

        check_equal(select_one(rx, n), n - 1, IS_READY);
        join(sender);
        expect_int(rx[n - 1], (int)n);
    }
    drop_crowd(tx, rx, crowd);
}

enum { FEW = 50 };

/* A select that has threads of its own sleeps on few channels: the checks don't follow any number of them. */
static size_t most_to_sleep_on(void)
{
    struct channels channels = open_channels(1);
    struct select select;
    pthread_t thread = spawn_select(&select, &channels, NULL);
    size_t threads = settle();

    send_int(channels.tx[0], 7);
    join(thread);
    drop_all(&channels);
    if (threads > 1)
        return FEW;
    return CROWD < locks_kept_apart() ? CROWD : locks_kept_apart();
}

TEST(select_sleeps_without_polling_however_many_receivers_there_are,
     .sentences = {"receiver_select: Sleeping uses no processor time"}, .once = true,
     .hint = "What does select do with the receivers that there is no room for?")
{
    size_t crowd = most_to_sleep_on();
    struct sender *tx[CROWD];
    struct receiver *rx[CROWD];

    open_crowd(tx, rx, crowd);
    for (size_t n = crowd; n > 1; n -= n / 2) {
        struct select select = {.rx = rx, .n = n};
        pthread_t thread = spawn(select_until, &select);

        settle();
        send_int(tx[n - 1], 7);
        join(thread);
        check_status(select.status, CHANNEL_OK, WOKEN);
        check_equal(select.ready, n - 1, IS_READY);
        expect_int(rx[n - 1], 7);
    }
    drop_crowd(tx, rx, crowd);
}

TEST(select_of_many_channels_is_woken_by_any,
     .sentences = {"Woken by a message on any of the channels"}, .once = true,
     .hint = "In how many bits is it kept which of them are ready?")
{
    size_t crowd = most_to_sleep_on();
    struct sender *tx[CROWD];
    struct receiver *rx[CROWD];

    open_crowd(tx, rx, crowd);
    for (size_t i = 0; i < crowd; i += 7 + i % 3) {
        struct send send = {tx[i], (int)i};
        pthread_t thread = spawn(send_number, &send);

        check_equal(select_one(rx, crowd), i, WOKEN);
        expect_int(rx[i], (int)i);
        join(thread);
    }
    drop_crowd(tx, rx, crowd);
}

TEST(the_drop_of_the_last_of_257_senders_makes_it_ready,
     .sentences = {"Ready means that receiver_recv on it would not sleep"}, .once = true,
     .hint = "How far does the count of the senders go?")
{
    struct channels channels = open_channels(2);
    struct sender *all[CROWD];

    for (int i = 0; i < CROWD; i++)
        all[i] = i > 0 ? clone(all[i / 2]) : channels.tx[1];
    channels.tx[1] = NULL;
    for (int i = 0; i < CROWD; i++) {
        expect_none_ready(channels.rx, 2);
        sender_drop(all[i]);
    }
    check_equal(select_one(channels.rx, 2), 1, "A closed channel is ready.");
    drop_all(&channels);
}

enum { MANY = 300 };

static void *send_many_and_drop(void *tx)
{
    for (int i = 1; i <= MANY; i++)
        send_int(tx, i);
    sender_drop(tx);
    return NULL;
}

TEST(hundreds_of_messages_from_all_sides_come_through_select,
     .sentences = {"One thread that receives from many channels sleeps"}, .once = true)
{
    struct channels channels = open_bounded(3, 2);
    struct sender *second = clone(channels.tx[0]);
    pthread_t threads[4];
    int sum[3] = {0, 0, 0};

    for (size_t i = 0; i < 3; i++) {
        threads[i] = spawn(send_many_and_drop, channels.tx[i]);
        channels.tx[i] = NULL;
    }
    threads[3] = spawn(send_many_and_drop, second);
    receive_all(&channels, sum);
    check_equal(sum[0], MANY * (MANY + 1), "Each message that was sent is received once.");
    check_equal(sum[1], MANY * (MANY + 1) / 2, "Each message that was sent is received once.");
    check_equal(sum[2], MANY * (MANY + 1) / 2, "Each message that was sent is received once.");
    for (int i = 0; i < 4; i++)
        join(threads[i]);
    drop_all(&channels);
}
