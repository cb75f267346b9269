/* Suite of 05: the sentences of channel.h about deadlines, one test each.
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

#define MESSAGE_FIRST "A queued message comes before CHANNEL_TIMEOUT."
#define ROOM_FIRST "Where there is room a message is sent, even after the deadline."
#define NOT_SENT "A send that timed out was not sent."
#define UNTOUCHED "Unless CHANNEL_OK, *message is untouched."
#define AS_BEFORE "Unless CHANNEL_OK, the channel is as before."
#define AT_ONCE "A tv_nsec outside 0 ... 999,999,999 is CHANNEL_INVALID at once."
#define NO_DEADLINE "NULL is no deadline."
#define CLOSED_FIRST "CHANNEL_CLOSED comes before CHANNEL_TIMEOUT."
#define ARRIVES "A message arrives as it was sent."

/* -------------------------------------------------------------------------------- channels */

struct ends {
    struct sender *tx;
    struct receiver *rx;
};

static struct ends open_channel(void)
{
    struct ends ends = {NULL, NULL};

    check_status(channel_create(sizeof(int), &ends.tx, &ends.rx), CHANNEL_OK,
                 "channel_create makes a channel.");
    return ends;
}

static struct ends open_bounded(size_t capacity)
{
    struct ends ends = {NULL, NULL};

    check_status(channel_create_bounded(sizeof(int), capacity, NULL, &ends.tx, &ends.rx),
                 CHANNEL_OK, "channel_create_bounded makes a channel.");
    return ends;
}

static void send_int(struct sender *tx, int number)
{
    check_status(sender_send(tx, &number), CHANNEL_OK, "There is room, and a receiver.");
}

/* A bounded channel of capacity 1 that is full of 1. */
static struct ends open_full(void)
{
    struct ends ends = open_bounded(1);

    send_int(ends.tx, 1);
    return ends;
}

static struct sender *clone(struct sender *tx)
{
    struct sender *another = sender_clone(tx);

    check(another != NULL, "sender_clone makes one more sender.");
    return another;
}

static void expect_int(struct receiver *rx, int number)
{
    int got = -1;

    check_status(receiver_recv(rx, &got), CHANNEL_OK, "A message that was sent is received.");
    check_equal(got, number, ARRIVES);
}

static void expect_empty(struct receiver *rx)
{
    int got = -1;

    check_status(receiver_try_recv(rx, &got), CHANNEL_EMPTY, "Nothing is queued.");
}

static void drop_both(struct ends ends)
{
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
}

/* ------------------------------------------------------------------------------- deadlines */

/* Deadlines that have passed when the call begins. */
enum { PASSED = 5 };

static struct timespec passed(int which)
{
    const struct timespec long_ago[] = {{0, 0}, {0, 999999999}, {-1, 0}, {-1000000, 999999999}};

    return which < 4 ? long_ago[which] : now();
}

/* Times that are none: tv_nsec is out of range, before and after now. */
enum { INVALID = 6 };

static struct timespec invalid(int which)
{
    const long nsec[] = {-1, 1000000000, LONG_MAX, LONG_MIN, 1999999999, 1000000000};
    struct timespec time = {.tv_sec = 0, .tv_nsec = nsec[which]};

    if (which % 2 == 1)
        time.tv_sec = in_ms(FAR).tv_sec;
    return time;
}

/* --------------------------------------------------------------------------------- threads */

/* A call to be made by another thread, and what came of it. */
struct call {
    struct sender *tx;
    struct receiver *rx;
    const struct timespec *deadline;
    int number;
    enum channel_status status;
    struct timespec returned; /* when it had */
};

static void *recv_until(void *arg)
{
    struct call *call = arg;

    call->status = receiver_recv_until(call->rx, &call->number, call->deadline);
    call->returned = now();
    return NULL;
}

static void *send_until(void *arg)
{
    struct call *call = arg;

    call->status = sender_send_until(call->tx, &call->number, call->deadline);
    call->returned = now();
    return NULL;
}

static void *send_now(void *arg)
{
    struct call *call = arg;

    call->status = sender_send(call->tx, &call->number);
    call->returned = now();
    return NULL;
}

static void *recv_now(void *arg)
{
    struct call *call = arg;

    call->status = receiver_recv(call->rx, &call->number);
    call->returned = now();
    return NULL;
}

/* Has the call that another thread makes returned? Asked while that thread is there. */
static atomic_bool has_returned;

static void *recv_and_say_so(void *call)
{
    recv_now(call);
    atomic_store(&has_returned, true);
    return NULL;
}

static void *send_and_say_so(void *call)
{
    send_now(call);
    atomic_store(&has_returned, true);
    return NULL;
}

static bool still_sleeps(void)
{
    settle();
    return !atomic_load(&has_returned);
}

static void *drop_sender(void *tx)
{
    sender_drop(tx);
    return NULL;
}

static void *drop_receiver(void *rx)
{
    receiver_drop(rx);
    return NULL;
}

/* What may be said of a call that somebody else could end in time. */
#define in_time(call, expected, deadline)                                                          \
    in_time_at(__LINE__, #call, (call), (expected), (deadline))

static bool in_time_at(int line, const char *call, enum channel_status status,
                       enum channel_status expected, struct timespec deadline)
{
    check_status_at(__FILE__, line, "The call waits for it, until the deadline.", call, (int)status,
                    channel_status_names, (int[]){(int)expected, CHANNEL_TIMEOUT}, 2);
    if (status == CHANNEL_TIMEOUT)
        check_not_early_at(__FILE__, line, call, now(), deadline);
    return status == expected;
}

/* ------------------------------------------------------------ the four of every exercise */

TEST(create_makes_channels_that_know_deadlines,
     .sentences = {"gives up at a point in time", "These two block as well"})
{
    struct ends ends[3];
    int got = -1;

    ends[0] = open_channel();
    ends[1] = open_bounded(1);
    check_status(channel_create_with_drop(sizeof(int), NULL, &ends[2].tx, &ends[2].rx), CHANNEL_OK,
                 "channel_create_with_drop makes a channel.");
    for (int i = 0; i < 3; i++) {
        struct timespec deadline = in_ms(FAR);
        check_status(sender_send_until(ends[i].tx, &i, &deadline), CHANNEL_OK, ROOM_FIRST);
        check_status(receiver_recv_until(ends[i].rx, &got, &deadline), CHANNEL_OK, MESSAGE_FIRST);
        check_equal(got, i, ARRIVES);
        drop_both(ends[i]);
    }
}

TEST(multi_sender_messages_sent_until_a_deadline_arrive_exactly_once,
     .sentences = {"sender_send_until: The message is queued",
                   "receiver_recv_until CHANNEL_OK: holds the oldest message"})
{
    struct ends ends = open_bounded(1);
    struct timespec deadline = in_ms(FAR);
    struct call a = {.tx = ends.tx, .number = 0, .deadline = &deadline};
    struct call b = {.tx = clone(ends.tx), .number = 1, .deadline = NULL};
    pthread_t threads[] = {spawn(send_until, &a), spawn(send_until, &b)};
    int received[2] = {0, 0}, got = -1;

    check_status(receiver_recv(ends.rx, &got), CHANNEL_OK, "A sent message is received.");
    received[got]++;
    join(threads[0]);
    join(threads[1]);
    sender_drop(a.tx);
    sender_drop(b.tx);
    while (receiver_recv_until(ends.rx, &got, NULL) == CHANNEL_OK)
        received[got]++;
    check_equal(received[0], in_time(a.status, CHANNEL_OK, deadline), NOT_SENT);
    check_status(b.status, CHANNEL_OK, NO_DEADLINE);
    check_equal(received[1], 1, "A message that was sent arrives exactly once.");
    receiver_drop(ends.rx);
}

TEST(send_after_drop_is_closed_whatever_the_deadline,
     .sentences = {"before the call or during it", "sender_send_until: Comes before TIMEOUT"})
{
    struct ends ends[] = {open_channel(), open_full()};

    for (int i = 0; i < 2; i++) {
        struct timespec deadline = in_ms(FAR);
        receiver_drop(ends[i].rx);
        check_status(sender_send_until(ends[i].tx, &i, NULL), CHANNEL_CLOSED, "Nobody receives.");
        check_status(sender_send_until(ends[i].tx, &i, &deadline), CHANNEL_CLOSED,
                     "The receiver has been dropped.");
        for (int j = 0; j < PASSED; j++) {
            deadline = passed(j);
            check_status(sender_send_until(ends[i].tx, &i, &deadline), CHANNEL_CLOSED,
                         CLOSED_FIRST);
        }
        sender_drop(ends[i].tx);
    }
}

TEST(recv_on_empty_closed_is_closed_whatever_the_deadline,
     .sentences = {"every message has been received, now and for good",
                   "receiver_recv_until: Comes before TIMEOUT"})
{
    struct ends ends = open_channel();
    struct timespec deadline = in_ms(FAR);
    int got = -1;

    send_int(ends.tx, 7);
    sender_drop(ends.tx);
    check_status(receiver_recv_until(ends.rx, &got, &deadline), CHANNEL_OK,
                 "Queued messages come before CHANNEL_CLOSED.");
    check_equal(got, 7, ARRIVES);
    check_status(receiver_recv_until(ends.rx, &got, &deadline), CHANNEL_CLOSED, "Nobody sends.");
    check_status(receiver_recv_until(ends.rx, &got, NULL), CHANNEL_CLOSED, "Nobody sends.");
    for (int i = 0; i < PASSED; i++) {
        deadline = passed(i);
        check_status(receiver_recv_until(ends.rx, &got, &deadline), CHANNEL_CLOSED, CLOSED_FIRST);
    }
    check_equal(got, 7, UNTOUCHED);
    receiver_drop(ends.rx);
}

/* ----------------------------------------------------------------------- receiving in time */

TEST(recv_until_says_timeout_and_not_before_the_deadline,
     .sentences = {"nothing is queued, and a sender is left",
                   "receiver_recv_until: Never said before the deadline",
                   "*message is untouched and the channel is as before",
                   "gives up at a point in time"},
     .spurious_wakeups = 3,
     .hint = "Which clock does a condition variable use unless told otherwise?")
{
    struct ends ends = open_channel();
    struct timespec deadline = in_ms(SOON);
    int got = -1;

    check_timeout(receiver_recv_until(ends.rx, &got, &deadline), deadline,
                  "Nothing is queued, and a sender is left.");
    check_equal(got, -1, UNTOUCHED);
    drop_both(ends);
}

TEST(recv_until_takes_a_point_in_time_and_not_a_length, .sentences = {"not a length of time"},
     .spurious_wakeups = 0, .hint = "Does the deadline still need the time of now added to it?")
{
    struct ends ends = open_channel();
    struct timespec deadline = in_ms(SOON), much_later = in_ms(600 * 1000);
    int got = -1;

    check_status(receiver_recv_until(ends.rx, &got, &deadline), CHANNEL_TIMEOUT,
                 "Nothing is queued, and a sender is left.");
    check_not_late("receiver_recv_until", much_later,
                   "A deadline is a point in time, not a length of time.");
    drop_both(ends);
}

TEST(a_queued_message_comes_before_a_passed_deadline,
     .sentences = {"A queued message always comes first",
                   "one is a question asked without sleeping"})
{
    struct ends ends[] = {open_channel(), open_bounded(PASSED)};
    int got = -1;

    for (int i = 0; i < 2; i++) {
        for (int j = 0; j < PASSED; j++)
            send_int(ends[i].tx, j);
        for (int j = 0; j < PASSED; j++) {
            struct timespec deadline = passed(j);
            check_status(receiver_recv_until(ends[i].rx, &got, &deadline), CHANNEL_OK,
                         MESSAGE_FIRST);
            check_equal(got, j, "*message holds the oldest message.");
        }
        drop_both(ends[i]);
    }
}

TEST(recv_until_a_passed_deadline_says_timeout_when_nothing_is_queued,
     .sentences = {"nothing is queued, and a sender is left"})
{
    struct ends ends = open_channel();
    int got = -1;

    for (int i = 0; i < PASSED; i++) {
        struct timespec deadline = passed(i);
        check_status(receiver_recv_until(ends.rx, &got, &deadline), CHANNEL_TIMEOUT,
                     "The deadline has passed, nothing is queued, and a sender is left.");
    }
    check_equal(got, -1, UNTOUCHED);
    send_int(ends.tx, 1);
    expect_int(ends.rx, 1);
    expect_empty(ends.rx);
    drop_both(ends);
}

TEST(a_message_wakes_recv_until, .sentences = {"Woken as receiver_recv is"}, .spurious_wakeups = 2)
{
    struct ends ends = open_channel();
    struct timespec deadline = in_ms(FAR);
    struct call sender = {.tx = ends.tx, .number = 7};
    pthread_t thread = spawn(send_now, &sender);
    int got = -1;

    if (!in_time(receiver_recv_until(ends.rx, &got, &deadline), CHANNEL_OK, deadline)) {
        check_equal(got, -1, UNTOUCHED);
        check_status(receiver_recv_until(ends.rx, &got, NULL), CHANNEL_OK, AS_BEFORE);
    }
    check_equal(got, 7, ARRIVES);
    join(thread);
    drop_both(ends);
}

TEST(the_last_senders_drop_wakes_recv_until,
     .sentences = {"Woken as receiver_recv is",
                   "every message has been received, now and for good"},
     .hint = "Whom does the last sender's drop wake?")
{
    struct ends ends = open_channel();
    struct timespec deadline = in_ms(FAR);
    struct sender *another = clone(ends.tx);
    pthread_t threads[] = {spawn(drop_sender, another), spawn(drop_sender, ends.tx)};
    int got = -1;

    if (!in_time(receiver_recv_until(ends.rx, &got, &deadline), CHANNEL_CLOSED, deadline))
        check_status(receiver_recv_until(ends.rx, &got, NULL), CHANNEL_CLOSED, NO_DEADLINE);
    check_equal(got, -1, UNTOUCHED);
    join(threads[0]);
    join(threads[1]);
    receiver_drop(ends.rx);
}

TEST(a_message_wakes_recv_until_long_before_the_deadline,
     .sentences = {"Woken as receiver_recv is"}, .woken_by_others = true,
     .hint = "Who has to be told that a message has come, those with a deadline included?")
{
    struct ends ends = open_channel();
    struct timespec deadline = in_ms(FAR);
    struct call receiver = {.rx = ends.rx, .number = -1, .deadline = &deadline};
    pthread_t thread = spawn(recv_until, &receiver);

    send_int(ends.tx, 7);
    join(thread);
    check_status(receiver.status, CHANNEL_OK, "A message wakes receiver_recv_until.");
    check_equal(receiver.number, 7, ARRIVES);
    check(is_before(receiver.returned, deadline), "A message wakes receiver_recv_until.");
    drop_both(ends);
}

/* Whoever is woken does not always run at once: so many messages come before it does. */
TEST(recv_until_is_woken_however_often_that_happens_before_it_runs,
     .sentences = {"Woken as receiver_recv is"}, .once = true,
     .hint = "How does the receiver see that something has happened, when 256 things have?")
{
    enum { MOST = 65536 };

    for (int sends = 256; sends <= MOST; sends *= 256) {
        struct ends ends = open_channel();
        struct timespec deadline = in_ms(FAR);
        struct call receiver = {.rx = ends.rx, .number = -1, .deadline = &deadline};
        pthread_t thread = spawn(recv_until, &receiver);
        settle();
        for (int i = 0; i < sends; i++)
            send_int(ends.tx, 7);
        join(thread);
        check_status(receiver.status, CHANNEL_OK, "A message wakes receiver_recv_until.");
        check(is_before(receiver.returned, deadline), "A message wakes receiver_recv_until.");
        drop_both(ends);
    }
}

TEST(the_last_senders_drop_wakes_recv_until_long_before_the_deadline,
     .sentences = {"Woken as receiver_recv is"}, .woken_by_others = true,
     .hint = "Whom does the last sender's drop wake?")
{
    struct ends ends = open_channel();
    struct timespec deadline = in_ms(FAR);
    struct call receiver = {.rx = ends.rx, .deadline = &deadline};
    pthread_t thread = spawn(recv_until, &receiver);

    sender_drop(ends.tx);
    join(thread);
    check_status(receiver.status, CHANNEL_CLOSED,
                 "The last sender's drop wakes receiver_recv_until.");
    check(is_before(receiver.returned, deadline),
          "The last sender's drop wakes receiver_recv_until.");
    receiver_drop(ends.rx);
}

TEST(recv_until_null_sleeps_as_long_as_it_takes,
     .sentences = {"the call sleeps as long as it takes", "These two block as well"},
     .hint = "What does a receiver do until there is something to do?")
{
    struct ends ends = open_channel();
    struct call receiver = {.rx = ends.rx};
    pthread_t thread = spawn(recv_until, &receiver);

    settle();
    send_int(ends.tx, 7);
    join(thread);
    check_status(receiver.status, CHANNEL_OK, NO_DEADLINE);
    check_equal(receiver.number, 7, ARRIVES);
    drop_both(ends);
}

TEST(a_receiver_with_a_deadline_does_not_poll,
     .sentences = {"Sleeping still uses no processor time"},
     .hint = "What does a receiver do until there is something to do?")
{
    struct ends ends = open_channel();
    struct timespec deadline = in_ms(FAR);
    struct call receiver = {.rx = ends.rx, .number = 7, .deadline = &deadline};
    pthread_t thread = spawn(recv_until, &receiver);

    settle();
    send_int(ends.tx, 7);
    join(thread);
    in_time(receiver.status, CHANNEL_OK, deadline);
    check_equal(receiver.number, 7, ARRIVES);
    drop_both(ends);
}

static void receive_what_is_sent_before(struct timespec deadline)
{
    struct ends ends = open_channel();
    struct call receiver = {.rx = ends.rx, .number = -1, .deadline = &deadline};
    pthread_t thread = spawn(recv_until, &receiver);
    struct timespec sent;

    send_int(ends.tx, 7);
    sent = now();
    let_a_moment_pass();
    join(thread);
    if (is_before(sent, deadline))
        check_status(receiver.status, CHANNEL_OK, MESSAGE_FIRST);
    if (!in_time(receiver.status, CHANNEL_OK, deadline))
        check_status(receiver_try_recv(ends.rx, &receiver.number), CHANNEL_OK,
                     "A call that timed out received nothing.");
    check_equal(receiver.number, 7, ARRIVES);
    expect_empty(ends.rx);
    drop_both(ends);
}

TEST(a_message_sent_before_the_deadline_is_not_timed_out,
     .sentences = {"A queued message always comes first"}, .spurious_wakeups = 2,
     .hint = "The wait says that time is up. Is that all there is to know?")
{
    receive_what_is_sent_before(in_ms(SOON));
}

TEST(a_message_is_received_although_the_deadline_passes_before_the_sleep,
     .sentences = {"A queued message always comes first"}, .spurious_wakeups = 2,
     .hint = "It is too late to sleep. Is anything there by now?")
{
    receive_what_is_sent_before(in_a_moment());
}

TEST(a_drop_before_the_deadline_is_not_timed_out,
     .sentences = {"receiver_recv_until: Comes before TIMEOUT"})
{
    struct ends ends = open_channel();
    struct timespec deadline = in_ms(SOON), dropped;
    struct call receiver = {.rx = ends.rx, .number = -1, .deadline = &deadline};
    pthread_t thread = spawn(recv_until, &receiver);

    sender_drop(ends.tx);
    dropped = now();
    join(thread);
    if (is_before(dropped, deadline))
        check_status(receiver.status, CHANNEL_CLOSED, CLOSED_FIRST);
    in_time(receiver.status, CHANNEL_CLOSED, deadline);
    receiver_drop(ends.rx);
}

static void *send_and_drop(void *tx)
{
    send_int(tx, 7);
    sender_drop(tx);
    return NULL;
}

TEST(a_message_sent_before_the_last_drop_comes_before_closed,
     .sentences = {"A queued message always comes first"},
     .hint = "Two things are looked at. What can happen between them?")
{
    struct ends ends = open_channel();
    struct timespec deadline = passed(0);
    pthread_t thread = spawn(send_and_drop, ends.tx);
    int got = -1;

    if (!in_time(receiver_recv_until(ends.rx, &got, &deadline), CHANNEL_OK, deadline))
        check_status(receiver_recv_until(ends.rx, &got, NULL), CHANNEL_OK, MESSAGE_FIRST);
    check_equal(got, 7, ARRIVES);
    check_status(receiver_recv_until(ends.rx, &got, NULL), CHANNEL_CLOSED, "Nobody sends.");
    join(thread);
    receiver_drop(ends.rx);
}

TEST(recv_until_takes_the_oldest_message_first,
     .sentences = {"receiver_recv_until CHANNEL_OK: holds the oldest message"})
{
    struct ends ends = open_channel();
    struct timespec deadline = in_ms(FAR);
    int got = -1;

    for (int i = 0; i < 9; i++)
        send_int(ends.tx, i);
    for (int i = 0; i < 9; i += 3) {
        check_status(receiver_recv_until(ends.rx, &got, &deadline), CHANNEL_OK, MESSAGE_FIRST);
        check_equal(got, i, "*message holds the oldest message.");
        expect_int(ends.rx, i + 1);
        check_status(receiver_try_recv(ends.rx, &got), CHANNEL_OK, "A message is queued.");
        check_equal(got, i + 2, "*message holds the oldest message.");
    }
    drop_both(ends);
}

TEST(recv_until_makes_room_for_a_sleeping_sender,
     .sentences = {"Taking a message wakes a sleeping sender"})
{
    struct ends ends = open_full();
    struct call sender = {.tx = ends.tx, .number = 2};
    pthread_t thread = spawn(send_now, &sender);
    struct timespec deadline = in_ms(FAR);
    int got = -1;

    check_status(receiver_recv_until(ends.rx, &got, &deadline), CHANNEL_OK, MESSAGE_FIRST);
    check_equal(got, 1, ARRIVES);
    join(thread);
    check_status(sender.status, CHANNEL_OK, "Taking a message wakes a sleeping sender.");
    expect_int(ends.rx, 2);
    drop_both(ends);
}

/* ------------------------------------------------------------------------- sending in time */

TEST(send_until_says_timeout_and_not_before_the_deadline,
     .sentences = {"The deadline has passed and the channel is full",
                   "sender_send_until: Never said before the deadline",
                   "sender_send_until CHANNEL_TIMEOUT: The message was not sent",
                   "gives up at a point in time"},
     .spurious_wakeups = 3,
     .hint = "Which clock does a condition variable use unless told otherwise?")
{
    struct ends ends = open_full();
    struct timespec deadline = in_ms(SOON);
    int two = 2;

    check_timeout(sender_send_until(ends.tx, &two, &deadline), deadline, "The channel is full.");
    expect_int(ends.rx, 1);
    check_status(receiver_try_recv(ends.rx, &two), CHANNEL_EMPTY, NOT_SENT);
    drop_both(ends);
}

TEST(send_until_takes_a_point_in_time_and_not_a_length, .sentences = {"not a length of time"},
     .spurious_wakeups = 0, .hint = "Does the deadline still need the time of now added to it?")
{
    struct ends ends = open_full();
    struct timespec deadline = in_ms(SOON), much_later = in_ms(600 * 1000);
    int two = 2;

    check_status(sender_send_until(ends.tx, &two, &deadline), CHANNEL_TIMEOUT,
                 "The channel is full.");
    check_not_late("sender_send_until", much_later,
                   "A deadline is a point in time, not a length of time.");
    drop_both(ends);
}

TEST(room_comes_before_a_passed_deadline,
     .sentences = {"Where there is room it is", "one is a question asked without sleeping"})
{
    struct ends ends = open_bounded(PASSED);

    for (int i = 0; i < PASSED; i++) {
        struct timespec deadline = passed(i);
        check_status(sender_send_until(ends.tx, &i, &deadline), CHANNEL_OK, ROOM_FIRST);
    }
    for (int i = 0; i < PASSED; i++)
        expect_int(ends.rx, i);
    drop_both(ends);
}

TEST(an_unbounded_channel_has_room_whatever_the_deadline,
     .sentences = {"The deadline has passed and the channel is full", "Where there is room it is"})
{
    struct ends ends = open_channel();

    for (int i = 0; i < 100; i++) {
        struct timespec deadline = passed(i % PASSED);
        check_status(sender_send_until(ends.tx, &i, &deadline), CHANNEL_OK, ROOM_FIRST);
    }
    for (int i = 0; i < 100; i++)
        expect_int(ends.rx, i);
    drop_both(ends);
}

TEST(an_unbounded_channel_has_room_whatever_the_deadline_however_many_are_queued,
     .sentences = {"Where there is room it is"}, .once = true,
     .hint = "What counts the places that are free, where there is no end of them?")
{
    struct ends ends = open_channel();

    for (int i = 0; i < 70000; i++) {
        struct timespec deadline = passed(0);
        check_status(sender_send_until(ends.tx, &i, &deadline), CHANNEL_OK, ROOM_FIRST);
    }
    drop_both(ends);
}

TEST(send_until_a_passed_deadline_says_timeout_when_full,
     .sentences = {"The deadline has passed and the channel is full",
                   "sender_send_until CHANNEL_TIMEOUT: The message was not sent"})
{
    struct ends ends = open_full();
    int two = 2;

    for (int i = 0; i < PASSED; i++) {
        struct timespec deadline = passed(i);
        check_status(sender_send_until(ends.tx, &two, &deadline), CHANNEL_TIMEOUT,
                     "The deadline has passed and the channel is full.");
    }
    expect_int(ends.rx, 1);
    check_status(receiver_try_recv(ends.rx, &two), CHANNEL_EMPTY, NOT_SENT);
    drop_both(ends);
}

TEST(room_wakes_send_until, .sentences = {"Woken as sender_send is"}, .spurious_wakeups = 2)
{
    struct ends ends = open_full();
    struct timespec deadline = in_ms(FAR);
    struct call sender = {.tx = ends.tx, .number = 2, .deadline = &deadline};
    pthread_t thread = spawn(send_until, &sender);

    expect_int(ends.rx, 1);
    join(thread);
    if (in_time(sender.status, CHANNEL_OK, deadline))
        expect_int(ends.rx, 2);
    check_status(receiver_try_recv(ends.rx, &sender.number), CHANNEL_EMPTY, NOT_SENT);
    drop_both(ends);
}

TEST(dropping_the_receiver_wakes_send_until,
     .sentences = {"Woken as sender_send is", "before the call or during it",
                   "sender_send_until: Comes before TIMEOUT"},
     .hint = "Who sleeps, and how many of them?")
{
    struct ends ends = open_full();
    struct timespec deadline = in_ms(FAR);
    struct call a = {.tx = ends.tx, .deadline = &deadline};
    struct call b = {.tx = clone(ends.tx), .deadline = NULL};
    pthread_t threads[] = {spawn(send_until, &a), spawn(send_until, &b)};

    receiver_drop(ends.rx);
    join(threads[0]);
    join(threads[1]);
    in_time(a.status, CHANNEL_CLOSED, deadline);
    check_status(b.status, CHANNEL_CLOSED, "receiver_drop wakes all senders.");
    sender_drop(a.tx);
    sender_drop(b.tx);
}

TEST(room_wakes_send_until_long_before_the_deadline, .sentences = {"Woken as sender_send is"},
     .woken_by_others = true,
     .hint = "Who has to be told that there is room, those with a deadline included?")
{
    struct ends ends = open_full();
    struct timespec deadline = in_ms(FAR);
    struct call sender = {.tx = ends.tx, .number = 2, .deadline = &deadline};
    pthread_t thread = spawn(send_until, &sender);

    expect_int(ends.rx, 1);
    join(thread);
    check_status(sender.status, CHANNEL_OK, "Room wakes sender_send_until.");
    check(is_before(sender.returned, deadline), "Room wakes sender_send_until.");
    expect_int(ends.rx, 2);
    drop_both(ends);
}

/* ... and others get the place so often before it does. */
TEST(send_until_is_woken_however_often_that_happens_before_it_runs,
     .sentences = {"Woken as sender_send is"}, .once = true,
     .hint = "How does the sender see that something has happened, when 256 things have?")
{
    enum { MOST = 65536 };

    for (int times = 256; times <= MOST; times *= 256) {
        struct ends ends = open_full();
        struct timespec deadline = in_ms(FAR);
        struct call sender = {.tx = clone(ends.tx), .number = 2, .deadline = &deadline};
        enum channel_status status = CHANNEL_OK;
        pthread_t thread = spawn(send_until, &sender);
        int message;

        settle();
        for (int i = 1; i < times && status == CHANNEL_OK; i++) {
            check_status(receiver_recv(ends.rx, &message), CHANNEL_OK, "A message is received.");
            status = sender_try_send(ends.tx, &message); /* FULL: it was its turn */
        }
        check_status(receiver_recv(ends.rx, &message), CHANNEL_OK, "A message is received.");
        join(thread);
        check_status(sender.status, CHANNEL_OK, "Room wakes sender_send_until.");
        check(is_before(sender.returned, deadline), "Room wakes sender_send_until.");
        sender_drop(sender.tx);
        drop_both(ends);
    }
}

TEST(dropping_the_receiver_wakes_all_send_until_long_before_the_deadline,
     .sentences = {"Woken as sender_send is", "before the call or during it"},
     .woken_by_others = true, .hint = "Who sleeps, and how many of them?")
{
    struct ends ends = open_full();
    struct timespec deadline = in_ms(FAR);
    struct call a = {.tx = ends.tx, .deadline = &deadline};
    struct call b = {.tx = clone(ends.tx), .deadline = &deadline};
    pthread_t threads[] = {spawn(send_until, &a), spawn(send_until, &b)};

    receiver_drop(ends.rx);
    join(threads[0]);
    join(threads[1]);
    check_status(a.status, CHANNEL_CLOSED, "receiver_drop wakes all senders.");
    check_status(b.status, CHANNEL_CLOSED, "receiver_drop wakes all senders.");
    check(is_before(a.returned, deadline) && is_before(b.returned, deadline),
          "receiver_drop wakes all senders.");
    sender_drop(a.tx);
    sender_drop(b.tx);
}

TEST(receiver_drop_ends_send_until_while_two_senders_sleep,
     .sentences = {"before the call or during it", "sender_send_until: Comes before TIMEOUT"},
     .woken_by_others = true, .hint = "Who sleeps, and how many of them?")
{
    struct timespec far = in_ms(FAR);

    exploring(false);
    struct ends ends = open_full();
    struct call a = {.tx = clone(ends.tx)}, b = {.tx = clone(ends.tx)};
    struct call c = {.tx = ends.tx, .deadline = &far};
    pthread_t threads[] = {spawn(send_until, &a), spawn(send_until, &b)};
    settle();
    exploring(true);
    pthread_t dropping = spawn(drop_receiver, ends.rx);
    send_until(&c);
    check_status(c.status, CHANNEL_CLOSED, "The receiver is dropped before the call or during it.");
    join(dropping);
    join(threads[0]);
    join(threads[1]);
    check_status(a.status, CHANNEL_CLOSED, "receiver_drop wakes all senders.");
    check_status(b.status, CHANNEL_CLOSED, "receiver_drop wakes all senders.");
    sender_drop(a.tx);
    sender_drop(b.tx);
    sender_drop(c.tx);
}

TEST(send_until_null_sleeps_as_long_as_it_takes,
     .sentences = {"the call sleeps as long as it takes", "These two block as well"},
     .hint = "What does a sender do until there is something to do?")
{
    struct ends ends = open_full();
    struct call sender = {.tx = ends.tx, .number = 2};
    pthread_t thread = spawn(send_until, &sender);

    settle();
    expect_int(ends.rx, 1);
    join(thread);
    check_status(sender.status, CHANNEL_OK, NO_DEADLINE);
    expect_int(ends.rx, 2);
    drop_both(ends);
}

TEST(a_sender_with_a_deadline_does_not_poll, .sentences = {"Sleeping still uses no processor time"},
     .hint = "What does a sender do until there is something to do?")
{
    struct ends ends = open_full();
    struct timespec deadline = in_ms(FAR);
    struct call sender = {.tx = ends.tx, .number = 2, .deadline = &deadline};
    pthread_t thread = spawn(send_until, &sender);

    settle();
    expect_int(ends.rx, 1);
    join(thread);
    if (in_time(sender.status, CHANNEL_OK, deadline))
        expect_int(ends.rx, 2);
    drop_both(ends);
}

static void use_room_made_before(struct timespec deadline)
{
    struct ends ends = open_full();
    struct timespec received;
    struct call sender = {.tx = ends.tx, .number = 2, .deadline = &deadline};
    pthread_t thread = spawn(send_until, &sender);

    expect_int(ends.rx, 1);
    received = now();
    let_a_moment_pass();
    join(thread);
    if (is_before(received, deadline))
        check_status(sender.status, CHANNEL_OK, ROOM_FIRST);
    if (in_time(sender.status, CHANNEL_OK, deadline))
        expect_int(ends.rx, 2);
    check_status(receiver_try_recv(ends.rx, &sender.number), CHANNEL_EMPTY, NOT_SENT);
    drop_both(ends);
}

TEST(room_made_before_the_deadline_is_not_timed_out, .sentences = {"Where there is room it is"},
     .spurious_wakeups = 2, .hint = "The wait says that time is up. Is that all there is to know?")
{
    use_room_made_before(in_ms(SOON));
}

TEST(room_is_used_although_the_deadline_passes_before_the_sleep,
     .sentences = {"Where there is room it is"}, .spurious_wakeups = 2,
     .hint = "It is too late to sleep. Is there room by now?")
{
    use_room_made_before(in_a_moment());
}

TEST(who_times_out_takes_no_wake_up_away_from_a_sleeping_sender,
     .sentences = {"takes no wake-up away"}, .spurious_wakeups = 0,
     .hint = "Two senders sleep, and the one that was woken gives up. Who knows of the room?")
{
    struct ends ends = open_full();
    struct timespec deadline = in_ms(SOON);
    struct call hasty = {.tx = ends.tx, .number = 2, .deadline = &deadline};
    struct call patient = {.tx = clone(ends.tx), .number = 2};
    pthread_t threads[] = {spawn(send_until, &hasty), spawn(send_now, &patient)};

    expect_int(ends.rx, 1);
    expect_int(ends.rx, 2); /* of the patient one, unless the hasty one was in time */
    join(threads[0]);
    if (in_time(hasty.status, CHANNEL_OK, deadline))
        expect_int(ends.rx, 2);
    join(threads[1]);
    check_status(patient.status, CHANNEL_OK, "A sleeping sender is woken by room.");
    expect_empty(ends.rx);
    sender_drop(patient.tx);
    drop_both(ends);
}

static void *do_nothing(void *unused)
{
    return unused;
}

TEST(who_was_woken_in_vain_before_it_times_out_takes_no_wake_up_away,
     .sentences = {"takes no wake-up away"}, .spurious_wakeups = 0, .schedules = 2000,
     .hint = "It has been woken before, and somebody was quicker. What if that is not so now?")
{
    struct ends ends = open_full();
    struct timespec deadline = in_many_moments();
    struct call hasty = {.tx = clone(ends.tx), .number = 2, .deadline = &deadline};
    struct call patient = {.tx = clone(ends.tx), .number = 2};
    pthread_t first, second;
    int one = 1;

    exploring(false);
    first = spawn(send_until, &hasty);
    exploring(true);
    expect_int(ends.rx, 1);
    if (sender_try_send(ends.tx, &one) == CHANNEL_OK) {
        second = spawn(send_now, &patient);
        join(spawn(do_nothing, NULL)); /* meanwhile both may sleep, the hasty one again */
        expect_int(ends.rx, 1);
    } else {
        second = spawn(send_now, &patient);
    }
    while (is_before(now(), deadline))
        continue;
    expect_int(ends.rx, 2);
    join(first);
    if (in_time(hasty.status, CHANNEL_OK, deadline))
        expect_int(ends.rx, 2);
    join(second);
    check_status(patient.status, CHANNEL_OK, "A sleeping sender is woken by room.");
    expect_empty(ends.rx);
    sender_drop(hasty.tx);
    sender_drop(patient.tx);
    drop_both(ends);
}

/* The one that asks neither gets what they sleep for nor keeps it from them. */
TEST(send_until_asks_in_vain_while_two_senders_sleep,
     .sentences = {"The deadline has passed and the channel is full",
                   "sender_send_until: Never said before the deadline",
                   "sender_send_until CHANNEL_TIMEOUT: The message was not sent",
                   "Sends a message, sleeping until deadline at most",
                   "sender_send_until: deadline->tv_nsec is out of range",
                   "sender_send_until CHANNEL_INVALID: The message was not sent",
                   "what they own stays the caller's", "drop does not run for the message",
                   "takes no wake-up away"},
     .hint = "Two sleep already. What does a third one leave behind that gives up?")
{
    struct ends ends = open_full();
    struct call calls[] = {{.tx = clone(ends.tx), .number = 2},
                           {.tx = clone(ends.tx), .number = 2}};
    pthread_t threads[] = {spawn(send_now, &calls[0]), spawn(send_now, &calls[1])};
    struct timespec soon, none = {0, 1000000000};
    int third = 3;

    settle();
    soon = in_ms(SOON);
    check_status(sender_send_until(ends.tx, &third, &none), CHANNEL_INVALID, AT_ONCE);
    check_timeout(sender_send_until(ends.tx, &third, &soon), soon,
                  "The deadline has passed and the channel is full.");
    check_equal(third, 3, "Unless OK, the message stays the caller's.");
    expect_int(ends.rx, 1);
    expect_int(ends.rx, 2);
    expect_int(ends.rx, 2);
    for (int i = 0; i < 2; i++) {
        join(threads[i]);
        check_status(calls[i].status, CHANNEL_OK, "A sleeping sender is woken by room.");
        sender_drop(calls[i].tx);
    }
    expect_empty(ends.rx);
    drop_both(ends);
}

TEST(of_two_senders_that_may_time_out_each_place_wakes_one,
     .sentences = {"Woken as sender_send is"})
{
    struct ends ends = open_full();
    struct timespec soon = in_ms(SOON), far = in_ms(FAR);
    struct call a = {.tx = ends.tx, .number = 2, .deadline = &soon};
    struct call b = {.tx = clone(ends.tx), .number = 2, .deadline = &far};
    pthread_t threads[] = {spawn(send_until, &a), spawn(send_until, &b)};
    int sent = 0;

    expect_int(ends.rx, 1);
    join(threads[0]);
    sent += in_time(a.status, CHANNEL_OK, soon);
    if (sent == 1)
        expect_int(ends.rx, 2);
    join(threads[1]);
    if (in_time(b.status, CHANNEL_OK, far))
        expect_int(ends.rx, 2);
    check_status(receiver_try_recv(ends.rx, &b.number), CHANNEL_EMPTY, NOT_SENT);
    sender_drop(b.tx);
    drop_both(ends);
}

TEST(send_until_wakes_a_sleeping_receiver,
     .sentences = {"A send wakes a sleeping receiver, and so does"})
{
    struct ends ends[] = {open_channel(), open_bounded(1)};

    for (int i = 0; i < 2; i++) {
        struct call receiver = {.rx = ends[i].rx, .number = -1};
        pthread_t thread = spawn(recv_now, &receiver);
        struct timespec deadline = in_ms(FAR);

        check_status(sender_send_until(ends[i].tx, &i, &deadline), CHANNEL_OK, ROOM_FIRST);
        join(thread);
        check_status(receiver.status, CHANNEL_OK, "A send wakes a sleeping receiver.");
        check_equal(receiver.number, i, ARRIVES);
        drop_both(ends[i]);
    }
}

/* -------------------------------------------------------------------- what is a deadline */

TEST(recv_until_says_invalid_at_once_to_a_time_that_is_none,
     .sentences = {"receiver_recv_until: deadline->tv_nsec is out of range", "Nothing was received",
                   "is no time at all"})
{
    struct ends ends = open_channel();
    int got = -1;

    for (int queued = 0; queued < 2; queued++) {
        for (int i = 0; i < INVALID; i++) {
            struct timespec deadline = invalid(i);
            check_status(receiver_recv_until(ends.rx, &got, &deadline), CHANNEL_INVALID, AT_ONCE);
        }
        check_equal(got, -1, UNTOUCHED);
        if (queued == 0)
            send_int(ends.tx, 1);
    }
    check_status(receiver_try_recv(ends.rx, &got), CHANNEL_OK, AS_BEFORE);
    drop_both(ends);
}

TEST(send_until_says_invalid_at_once_to_a_time_that_is_none,
     .sentences = {"sender_send_until: deadline->tv_nsec is out of range",
                   "sender_send_until CHANNEL_INVALID: The message was not sent",
                   "is no time at all"})
{
    struct ends ends[] = {open_full(), open_bounded(2), open_channel()};

    for (int i = 0; i < 3; i++) {
        int got = -1, two = 2;

        for (int j = 0; j < INVALID; j++) {
            struct timespec deadline = invalid(j);
            check_status(sender_send_until(ends[i].tx, &two, &deadline), CHANNEL_INVALID, AT_ONCE);
        }
        if (i == 0)
            expect_int(ends[i].rx, 1);
        check_status(receiver_try_recv(ends[i].rx, &got), CHANNEL_EMPTY,
                     "After CHANNEL_INVALID the message was not sent.");
        drop_both(ends[i]);
    }
}

enum { AWKWARD = 8 };

/* Deadlines in 100 s or so, or in the next second, that end in a nanosecond where arithmetic may carry. */
static struct timespec awkward(int which)
{
    struct timespec time = now();

    time.tv_sec += which / 4 ? 1 : 100;
    if (which % 4 != 3)
        time.tv_nsec = which % 4 == 0 ? 0 : which % 4 == 1 ? 999999999 : 1;
    return time;
}

TEST(a_deadline_may_end_in_any_nanosecond,
     .sentences = {"is no time at all", "receiver_recv_until: Never said before the deadline"},
     .hint = "Two times are subtracted: what if the smaller one has more nanoseconds?")
{
    struct ends ends = open_channel();
    struct timespec soon = in_ms(SOON); /* let now end in some nanosecond, too */
    int got = -1;

    check_status(receiver_recv_until(ends.rx, &got, &soon), CHANNEL_TIMEOUT, "Nothing is queued.");
    for (int i = 0; i < AWKWARD; i++) {
        struct timespec deadline = awkward(i);
        struct call sender = {.tx = ends.tx, .number = i};
        pthread_t thread = spawn(send_now, &sender);

        if (!in_time(receiver_recv_until(ends.rx, &got, &deadline), CHANNEL_OK, deadline))
            check_status(receiver_recv(ends.rx, &got), CHANNEL_OK, AS_BEFORE);
        check_equal(got, i, ARRIVES);
        join(thread);
    }
    drop_both(ends);
}

TEST(send_until_knows_any_nanosecond,
     .sentences = {"is no time at all", "sender_send_until: Never said before the deadline"},
     .hint = "Two times are subtracted: what if the smaller one has more nanoseconds?")
{
    struct ends ends = open_full();
    struct timespec soon = in_ms(SOON); /* let now end in some nanosecond, too */
    int got = -1;

    check_status(sender_send_until(ends.tx, &got, &soon), CHANNEL_TIMEOUT, "The channel is full.");
    for (int i = 0; i < AWKWARD; i++) {
        struct timespec deadline = awkward(i);
        struct call sender = {.tx = ends.tx, .number = 1, .deadline = &deadline};
        pthread_t thread = spawn(send_until, &sender);

        expect_int(ends.rx, 1);
        join(thread);
        if (!in_time(sender.status, CHANNEL_OK, deadline))
            send_int(ends.tx, 1);
    }
    check_status(receiver_try_recv(ends.rx, &got), CHANNEL_OK, "The last message is queued.");
    drop_both(ends);
}

/* ------------------------------------------------------ deadlines that are hard to reckon with */

/* Does to a deadline what a test is about. */
typedef void (*try_deadline)(struct timespec deadline);

/* Somebody receives until deadline; after ten seconds, or so, a message comes. */
static void receive_until(struct timespec deadline)
{
    struct ends ends = open_channel();
    struct call receiver = {.rx = ends.rx, .number = -1, .deadline = &deadline};
    pthread_t thread = spawn(recv_until, &receiver);

    settle();
    send_int(ends.tx, 7);
    join(thread);
    if (check_one_of(receiver.status, "The call waits for a message, until the deadline.",
                     CHANNEL_OK, CHANNEL_TIMEOUT) == CHANNEL_TIMEOUT) {
        check_not_early(receiver.status, receiver.returned, deadline);
        expect_int(ends.rx, 7);
    } else {
        check_equal(receiver.number, 7, ARRIVES);
    }
    drop_both(ends);
}

/* Somebody sends until deadline; after ten seconds, or so, there is room. */
static void send_before(struct timespec deadline)
{
    struct ends ends = open_full();
    struct call sender = {.tx = ends.tx, .number = 2, .deadline = &deadline};
    pthread_t thread = spawn(send_until, &sender);

    settle();
    expect_int(ends.rx, 1);
    join(thread);
    if (check_one_of(sender.status, "The call waits for room, until the deadline.", CHANNEL_OK,
                     CHANNEL_TIMEOUT) == CHANNEL_TIMEOUT)
        check_not_early(sender.status, sender.returned, deadline);
    else
        expect_int(ends.rx, 2);
    expect_empty(ends.rx);
    drop_both(ends);
}

/* What is left until the deadline takes 32 or 33 bits: of nanoseconds, of microseconds, and so on. And a
 * deadline in 60 years. */
static void try_32_bits(try_deadline try)
{
    try((struct timespec){.tv_sec = now().tv_sec + 1900000000});
    for (long unit = 1; unit <= 1000000000; unit *= 1000) {
        for (int bits = 31; bits <= 32; bits++) {
            struct timespec deadline = now();
            long whole = 1000000000 / unit;

            deadline.tv_sec += (1L << bits) / whole;
            deadline.tv_nsec += (1L << bits) % whole * unit;
            deadline.tv_sec += 1 + deadline.tv_nsec / 1000000000;
            deadline.tv_nsec %= 1000000000;
            try(deadline);
        }
    }
}

/* A deadline that takes 64 bits, or one more, of nanoseconds, of microseconds or of milliseconds. */
static void try_64_bits(try_deadline try)
{
    for (long whole = 1000; whole <= 1000000000; whole *= 1000) {
        try((struct timespec){.tv_sec = LONG_MAX / whole + 1});
        if (whole > 1000)
            try((struct timespec){.tv_sec = (time_t)(ULONG_MAX / (unsigned long)whole) + 1});
    }
}

static void try_the_last(try_deadline try)
{
    try((struct timespec){LONG_MAX, 999999999});
    try((struct timespec){LONG_MAX, 0});
    try((struct timespec){LONG_MAX - 1, 999999999});
}

#define HINT_32 "In what unit is the time counted that is left, and in how many bits?"
#define HINT_64 "How many years of nanoseconds do 64 bits hold?"
#define HINT_LAST "What becomes of the largest number there is when something is added to it?"
#define HINT_0 "Is 0 a point in time, or is it no deadline?"
#define HINT_NEGATIVE "What becomes of a number below 0 when something is taken away from it?"

TEST(recv_until_is_not_early_when_what_is_left_takes_more_than_32_bits,
     .sentences = {"receiver_recv_until: Never said before the deadline"}, .once = true,
     .hint = HINT_32)
{
    try_32_bits(receive_until);
}

TEST(send_until_is_not_early_when_what_is_left_takes_more_than_32_bits,
     .sentences = {"sender_send_until: Never said before the deadline"}, .once = true,
     .hint = HINT_32)
{
    try_32_bits(send_before);
}

TEST(recv_until_is_not_early_when_the_deadline_takes_more_than_64_bits,
     .sentences = {"receiver_recv_until: Never said before the deadline"}, .once = true,
     .hint = HINT_64)
{
    try_64_bits(receive_until);
}

TEST(send_until_is_not_early_when_the_deadline_takes_more_than_64_bits,
     .sentences = {"sender_send_until: Never said before the deadline"}, .once = true,
     .hint = HINT_64)
{
    try_64_bits(send_before);
}

TEST(recv_until_waits_for_the_last_deadline_there_is,
     .sentences = {"receiver_recv_until: Never said before the deadline",
                   "Takes the next message, sleeping until deadline at most"},
     .once = true, .hint = HINT_LAST)
{
    try_the_last(receive_until);
}

TEST(send_until_waits_for_the_last_deadline_there_is,
     .sentences = {"sender_send_until: Never said before the deadline",
                   "Sends a message, sleeping until deadline at most"},
     .once = true, .hint = HINT_LAST)
{
    try_the_last(send_before);
}

/* An empty channel and a full one, and a deadline that has passed. */
static void expect_long_past(struct timespec deadline)
{
    struct ends empty = open_channel(), full = open_full();
    struct timespec much_later = in_ms(600 * 1000);
    int number = 2;

    check_status(receiver_recv_until(empty.rx, &number, &deadline), CHANNEL_TIMEOUT,
                 "The deadline has passed, nothing is queued, and a sender is left.");
    check_status(sender_send_until(full.tx, &number, &deadline), CHANNEL_TIMEOUT,
                 "The deadline has passed and the channel is full.");
    send_int(empty.tx, 3);
    check_status(receiver_recv_until(empty.rx, &number, &deadline), CHANNEL_OK, MESSAGE_FIRST);
    expect_int(full.rx, 1);
    check_status(sender_send_until(full.tx, &number, &deadline), CHANNEL_OK, ROOM_FIRST);
    check(is_before(now(), much_later), "Nobody sleeps for a deadline that has passed.");
    drop_both(empty);
    drop_both(full);
}

TEST(a_deadline_of_0_is_long_past,
     .sentences = {"nothing is queued, and a sender is left",
                   "The deadline has passed and the channel is full"},
     .hint = HINT_0)
{
    for (int i = 0; i < 2; i++)
        expect_long_past((struct timespec){.tv_sec = 0, .tv_nsec = i});
}

TEST(a_negative_tv_sec_is_long_past, .sentences = {"A negative tv_sec is long past"},
     .hint = HINT_NEGATIVE)
{
    const time_t seconds[] = {-1, -4294967296, LONG_MIN / 1000000000 - 1, LONG_MIN + 1, LONG_MIN};

    for (int i = 0; i < 5; i++)
        for (long nanoseconds = 0; nanoseconds < 1000000000; nanoseconds += 999999999)
            expect_long_past((struct timespec){seconds[i], nanoseconds});
}

/* 32 times, because naps() asks for that. */
static void ask_32_times(struct ends ends, struct timespec deadline, enum channel_status expected)
{
    int number = 2;

    naps(); /* those before are no matter */
    for (int i = 0; i < 32; i++) {
        check_status(receiver_recv_until(ends.rx, &number, &deadline), expected, AS_BEFORE);
        send_int(ends.tx, 1);
        check_status(sender_send_until(ends.tx, &number, &deadline), expected, AS_BEFORE);
        expect_int(ends.rx, 1);
    }
    check_equal(naps(), 0, "A deadline that has passed, or is none, is a question: nobody sleeps.");
}

TEST(a_deadline_that_has_passed_is_a_question_asked_without_sleeping,
     .sentences = {"one is a question asked without sleeping"}, .once = true,
     .hint = "Time is up when the call begins. What is there to sleep for?")
{
    struct ends ends = open_bounded(1);

    for (int i = 0; i < PASSED; i++)
        ask_32_times(ends, passed(i), CHANNEL_TIMEOUT);
    ask_32_times(ends, invalid(0), CHANNEL_INVALID);
    drop_both(ends);
}

TEST(a_deadline_is_only_read_and_only_during_the_call, .sentences = {"*deadline is only read"})
{
    struct ends full = open_full(), empty = open_channel();
    struct timespec *deadline = allocate(sizeof *deadline);
    int got = 2;

    for (int i = 0; i <= PASSED; i++) {
        const struct timespec copy = i < PASSED ? passed(i) : in_ms(SOON);
        *deadline = copy;
        check_status(sender_send_until(full.tx, &got, deadline), CHANNEL_TIMEOUT,
                     "The channel is full.");
        check_status(receiver_recv_until(empty.rx, &got, deadline), CHANNEL_TIMEOUT,
                     "Nothing is queued, and a sender is left.");
        check(deadline->tv_sec == copy.tv_sec && deadline->tv_nsec == copy.tv_nsec,
              "*deadline is only read.");
    }
    free(deadline);
    expect_int(full.rx, 1);
    send_int(empty.tx, 3);
    expect_int(empty.rx, 3);
    drop_both(full);
    drop_both(empty);
}

/* --------------------------------------------------------------------- after a time-out */

TEST(a_receiver_that_timed_out_can_sleep_again,
     .sentences = {"*message is untouched and the channel is as before",
                   "Takes the next message, sleeping until deadline at most"})
{
    struct ends ends = open_channel();
    struct timespec deadline = passed(0);
    struct call sender = {.tx = ends.tx, .number = 7};
    pthread_t thread;
    int got = -1;

    for (int i = 0; i < 2; i++)
        check_status(receiver_recv_until(ends.rx, &got, &deadline), CHANNEL_TIMEOUT,
                     "Nothing is queued, and a sender is left.");
    thread = spawn(send_now, &sender);
    expect_int(ends.rx, 7);
    join(thread);
    drop_both(ends);
}

TEST(a_sender_that_timed_out_can_sleep_again,
     .sentences = {"drop does not run for the message",
                   "Sends a message, sleeping until deadline at most"})
{
    struct ends ends = open_full();
    struct timespec deadline = passed(0);
    struct call sender = {.tx = ends.tx, .number = 2};
    pthread_t thread;

    for (int i = 0; i < 2; i++)
        check_status(sender_send_until(ends.tx, &i, &deadline), CHANNEL_TIMEOUT,
                     "The channel is full.");
    thread = spawn(send_now, &sender);
    expect_int(ends.rx, 1);
    expect_int(ends.rx, 2);
    join(thread);
    check_status(sender.status, CHANNEL_OK, AS_BEFORE);
    drop_both(ends);
}

TEST(who_timed_out_as_a_message_came_sleeps_when_there_is_none,
     .sentences = {"*message is untouched and the channel is as before",
                   "Takes the next message, sleeping until deadline at most"},
     .hint = "A wake-up is on its way to somebody who has given up. Who gets it?")
{
    struct ends ends = open_channel();
    struct timespec deadline = in_ms(SOON);
    struct call sender = {.tx = ends.tx, .number = 7}, receiver = {.rx = ends.rx, .number = -1};
    pthread_t thread = spawn(send_now, &sender);
    int got = -1;

    if (!in_time(receiver_recv_until(ends.rx, &got, &deadline), CHANNEL_OK, deadline))
        expect_int(ends.rx, 7);
    join(thread);
    atomic_store(&has_returned, false);
    thread = spawn(recv_and_say_so, &receiver);
    check(still_sleeps(), "receiver_recv sleeps while the channel is empty.");
    send_int(ends.tx, 8);
    join(thread);
    check_status(receiver.status, CHANNEL_OK, "A send wakes a sleeping receiver.");
    check_equal(receiver.number, 8, ARRIVES);
    drop_both(ends);
}

TEST(who_timed_out_as_room_came_sleeps_when_there_is_none,
     .sentences = {"drop does not run for the message",
                   "Sends a message, sleeping until deadline at most"},
     .hint = "A wake-up is on its way to somebody who has given up. Who gets it?")
{
    struct ends ends = open_full();
    struct timespec deadline = in_ms(SOON);
    struct call receiver = {.rx = ends.rx, .number = -1}, sender = {.tx = ends.tx, .number = 3};
    pthread_t thread = spawn(recv_now, &receiver);
    int two = 2;

    if (!in_time(sender_send_until(ends.tx, &two, &deadline), CHANNEL_OK, deadline))
        send_int(ends.tx, two);
    join(thread);
    check_equal(receiver.number, 1, ARRIVES);
    atomic_store(&has_returned, false);
    thread = spawn(send_and_say_so, &sender);
    check(still_sleeps(), "sender_send sleeps while the channel is full.");
    expect_int(ends.rx, 2);
    join(thread);
    expect_int(ends.rx, 3);
    expect_empty(ends.rx);
    drop_both(ends);
}

TEST(who_timed_out_as_the_receiver_took_another_message_is_not_owed_room,
     .sentences = {"drop does not run for the message"}, .spurious_wakeups = 0,
     .hint = "Room was made for somebody who has given up. Is it counted twice?")
{
    struct ends ends = open_full();
    struct timespec deadline = in_ms(SOON);
    struct call sender = {.tx = clone(ends.tx), .number = 2, .deadline = &deadline};
    pthread_t thread = spawn(send_until, &sender);
    int next = 9;

    expect_int(ends.rx, 1);
    join(thread);
    if (!in_time(sender.status, CHANNEL_OK, deadline))
        send_int(ends.tx, 2);
    check_status(sender_try_send(ends.tx, &next), CHANNEL_FULL, "One message fills it.");
    expect_int(ends.rx, 2);
    expect_empty(ends.rx);
    sender_drop(sender.tx);
    drop_both(ends);
}

TEST(who_timed_out_is_woken_by_a_sender_that_was_cloned_meanwhile,
     .sentences = {"Woken as receiver_recv is"},
     .hint = "What does a clone take over from a sender, besides the channel?")
{
    struct ends ends = open_channel();
    struct timespec deadline = in_ms(SOON);
    struct call hasty = {.rx = ends.rx, .deadline = &deadline}, patient = {.rx = ends.rx};
    pthread_t thread = spawn(recv_until, &hasty);
    struct sender *another = clone(ends.tx);

    join(thread);
    check_status(hasty.status, CHANNEL_TIMEOUT, "Nothing is queued, and a sender is left.");
    thread = spawn(recv_now, &patient);
    send_int(another, 7);
    join(thread);
    check_status(patient.status, CHANNEL_OK, "A send wakes a sleeping receiver.");
    check_equal(patient.number, 7, ARRIVES);
    sender_drop(another);
    drop_both(ends);
}

/* In all, settle lets thirty seconds pass: twice before the deadline, once until after it. */
enum { IN_25_SECONDS = 25 * 1000 };
#define AT_MOST "It sleeps until the deadline at most, whatever wakes it meanwhile."
#define HINT_ANEW "Is the time left until the deadline computed again after each wake-up?"

TEST(recv_until_sleeps_until_the_deadline_at_most_whatever_wakes_it,
     .sentences = {"Takes the next message, sleeping until deadline at most"},
     .spurious_wakeups = 3, .schedules = 2000, .hint = HINT_ANEW)
{
    struct ends ends = open_channel();
    struct timespec deadline = in_ms(IN_25_SECONDS);
    struct call receiver = {.rx = ends.rx, .number = 7, .deadline = &deadline};
    pthread_t thread = spawn(recv_until, &receiver);
    size_t still_asleep;

    for (int i = 0; i < 2; i++) {
        settle();
        sender_drop(clone(ends.tx)); /* nothing to wake for */
    }
    still_asleep = settle();
    check_equal(still_asleep, 0, AT_MOST);
    send_int(ends.tx, 7);
    join(thread);
    if (check_one_of(receiver.status, AT_MOST, CHANNEL_OK, CHANNEL_TIMEOUT) == CHANNEL_TIMEOUT)
        check_not_early(receiver.status, receiver.returned, deadline);
    drop_both(ends);
}

TEST(send_until_sleeps_until_the_deadline_at_most_although_others_take_the_room,
     .sentences = {"Sends a message, sleeping until deadline at most"}, .spurious_wakeups = 3,
     .schedules = 2000, .hint = HINT_ANEW)
{
    struct ends ends = open_full();
    struct timespec deadline = in_ms(IN_25_SECONDS);
    struct call sender = {.tx = clone(ends.tx), .number = 1, .deadline = &deadline};
    pthread_t thread = spawn(send_until, &sender);
    int one = 1;
    size_t still_asleep;

    for (int i = 0; i < 2; i++) {
        settle();
        expect_int(ends.rx, 1);
        check_one_of(sender_try_send(ends.tx, &one), "The sleeper has it, or whoever is quicker.",
                     CHANNEL_OK, CHANNEL_FULL);
    }
    still_asleep = settle();
    check_equal(still_asleep, 0, AT_MOST);
    expect_int(ends.rx, 1);
    join(thread);
    if (check_one_of(sender.status, AT_MOST, CHANNEL_OK, CHANNEL_TIMEOUT) == CHANNEL_TIMEOUT)
        check_not_early(sender.status, sender.returned, deadline);
    sender_drop(sender.tx);
    drop_both(ends);
}

TEST(a_channel_whose_calls_timed_out_is_freed_by_the_last_drop,
     .sentences = {"Whoever drops the last handle frees the channel", "Memory: Nothing leaks"})
{
    struct ends ends = open_full();
    struct timespec deadline = in_ms(SOON);
    struct call sender = {.tx = clone(ends.tx), .number = 2, .deadline = &deadline};
    pthread_t threads[] = {spawn(send_until, &sender), spawn(drop_sender, ends.tx)};

    join(threads[1]);
    join(threads[0]);
    check_status(sender.status, CHANNEL_TIMEOUT, "The channel is full.");
    threads[0] = spawn(drop_receiver, ends.rx);
    threads[1] = spawn(drop_sender, sender.tx);
    join(threads[0]);
    join(threads[1]);
}

/* ---------------------------------------------------------------- one call after another */

/* Every way to receive, after every other, on one handle: which waits, and what it says when it finds nothing. */
enum receive { RECV, TRY_RECV, RECV_FAR, RECV_PASSED, RECV_NO_TIME, RECEIVES };
enum found { A_MESSAGE, NOTHING, CLOSED, FINDS };

static const enum channel_status when_empty[RECEIVES] = {
    [TRY_RECV] = CHANNEL_EMPTY, [RECV_PASSED] = CHANNEL_TIMEOUT, [RECV_NO_TIME] = CHANNEL_INVALID};

static bool receive_waits(enum receive how)
{
    return how == RECV || how == RECV_FAR;
}

struct receiving {
    struct receiver *rx;
    enum receive how;
    enum channel_status status;
    int got;
};

static void *receive(void *arg)
{
    struct receiving *call = arg;
    struct timespec far = in_ms(FAR), past = passed(0), none = invalid(0);
    const struct timespec *deadlines[] = {
        [RECV_FAR] = &far, [RECV_PASSED] = &past, [RECV_NO_TIME] = &none};

    call->got = -1;
    call->status = call->how == RECV ? receiver_recv(call->rx, &call->got)
                   : call->how == TRY_RECV
                       ? receiver_try_recv(call->rx, &call->got)
                       : receiver_recv_until(call->rx, &call->got, deadlines[call->how]);
    atomic_store(&has_returned, true);
    return NULL;
}

static enum channel_status receives(enum receive how, enum found what)
{
    if (how == RECV_NO_TIME)
        return CHANNEL_INVALID;
    if (what == CLOSED)
        return CHANNEL_CLOSED;
    return what == A_MESSAGE || receive_waits(how) ? CHANNEL_OK : when_empty[how];
}

/* Finds a message, nothing, or a closed channel; a call that waits gets a message then. */
static void receive_and_check(struct ends *ends, enum receive how, enum found what)
{
    struct receiving call = {.rx = ends->rx, .how = how};
    bool waits = what == NOTHING && receive_waits(how);
    pthread_t thread;

    if (what == A_MESSAGE)
        send_int(ends->tx, 7);
    if (what == CLOSED)
        sender_drop(ends->tx), ends->tx = NULL;
    atomic_store(&has_returned, false);
    thread = spawn(receive, &call);
    if (waits) {
        check(still_sleeps(), "A receive sleeps while the channel is empty, whatever was before.");
        send_int(ends->tx, 7);
    }
    join(thread);
    check_status(call.status, receives(how, what), "A receive says the same whatever was before.");
    check_equal(call.got, call.status == CHANNEL_OK ? 7 : -1, UNTOUCHED);
    if (how == RECV_NO_TIME && what == A_MESSAGE)
        expect_int(ends->rx, 7);
}

/* Two channels, and for each way to receive a test: after it comes every other. */
static void receive_then_any(enum receive first)
{
    for (int bounded = 0; bounded < 2; bounded++)
        for (int how = 0; how < RECEIVES; how++)
            for (int before = A_MESSAGE; before <= NOTHING; before++)
                for (int what = 0; what < FINDS; what++) {
                    struct ends ends = bounded ? open_bounded(1) : open_channel();

                    receive_and_check(&ends, first, (enum found)before);
                    receive_and_check(&ends, (enum receive)how, (enum found)what);
                    drop_both(ends);
                }
}

#define HINT_AFTER "What does the first call leave behind that the second one finds?"

TEST(after_receiver_recv_any_receive_does_as_ever,
     .sentences = {"Takes the next message, sleeping until deadline at most",
                   "sleeping while nothing is queued and at least one sender is left"},
     .once = true, .hint = HINT_AFTER)
{
    receive_then_any(RECV);
}

TEST(after_receiver_try_recv_any_receive_does_as_ever,
     .sentences = {"Takes the next message, sleeping until deadline at most"}, .once = true,
     .hint = HINT_AFTER)
{
    receive_then_any(TRY_RECV);
}

TEST(after_receiver_recv_until_any_receive_does_as_ever,
     .sentences = {"*message is untouched and the channel is as before"}, .once = true,
     .hint = HINT_AFTER)
{
    receive_then_any(RECV_FAR);
    receive_then_any(RECV_PASSED);
    receive_then_any(RECV_NO_TIME);
}

enum send { SEND, TRY_SEND, SEND_FAR, SEND_PASSED, SEND_NO_TIME, SENDS };
enum finds { ROOM, NO_ROOM, NO_RECEIVER, SEND_FINDS };

static const enum channel_status when_full[SENDS] = {
    [TRY_SEND] = CHANNEL_FULL, [SEND_PASSED] = CHANNEL_TIMEOUT, [SEND_NO_TIME] = CHANNEL_INVALID};

static bool send_waits(enum send how)
{
    return how == SEND || how == SEND_FAR;
}

struct sending {
    struct sender *tx;
    enum send how;
    enum channel_status status;
};

static void *send_somehow(void *arg)
{
    struct sending *call = arg;
    struct timespec far = in_ms(FAR), past = passed(0), none = invalid(0);
    const struct timespec *deadlines[] = {
        [SEND_FAR] = &far, [SEND_PASSED] = &past, [SEND_NO_TIME] = &none};
    int number = 8;

    call->status = call->how == SEND ? sender_send(call->tx, &number)
                   : call->how == TRY_SEND
                       ? sender_try_send(call->tx, &number)
                       : sender_send_until(call->tx, &number, deadlines[call->how]);
    atomic_store(&has_returned, true);
    return NULL;
}

static enum channel_status sends(enum send how, enum finds what)
{
    if (how == SEND_NO_TIME)
        return CHANNEL_INVALID;
    if (what == NO_RECEIVER)
        return CHANNEL_CLOSED;
    return what == ROOM || send_waits(how) ? CHANNEL_OK : when_full[how];
}

/* Finds room, none, or no receiver; a call that waits gets room then. Leaves the channel empty. */
static void send_and_check(struct ends *ends, enum send how, enum finds what)
{
    struct sending call = {.tx = ends->tx, .how = how};
    pthread_t thread;

    if (what == NO_ROOM)
        send_int(ends->tx, 7);
    if (what == NO_RECEIVER)
        receiver_drop(ends->rx), ends->rx = NULL;
    atomic_store(&has_returned, false);
    thread = spawn(send_somehow, &call);
    if (what == NO_ROOM && send_waits(how))
        check(still_sleeps(), "A send sleeps while the channel is full, whatever was before.");
    if (what == NO_ROOM && !send_waits(how))
        join(thread);
    if (what == NO_ROOM)
        expect_int(ends->rx, 7);
    if (what != NO_ROOM || send_waits(how))
        join(thread);
    check_status(call.status, sends(how, what), "A send says the same whatever was before.");
    if (call.status == CHANNEL_OK)
        expect_int(ends->rx, 8);
    if (ends->rx != NULL)
        expect_empty(ends->rx);
}

static void send_then_any(enum send first)
{
    for (int how = 0; how < SENDS; how++)
        for (int before = ROOM; before <= NO_ROOM; before++)
            for (int what = 0; what < SEND_FINDS; what++) {
                struct ends ends = open_bounded(1);

                send_and_check(&ends, first, (enum finds)before);
                send_and_check(&ends, (enum send)how, (enum finds)what);
                drop_both(ends);
            }
}

TEST(after_sender_send_any_send_does_as_ever,
     .sentences = {"Sends a message, sleeping until deadline at most"}, .once = true,
     .hint = HINT_AFTER)
{
    send_then_any(SEND);
}

TEST(after_sender_try_send_any_send_does_as_ever,
     .sentences = {"Sends a message, sleeping until deadline at most"}, .once = true,
     .hint = HINT_AFTER)
{
    send_then_any(TRY_SEND);
}

TEST(after_sender_send_until_any_send_does_as_ever,
     .sentences = {"drop does not run for the message"}, .once = true, .hint = HINT_AFTER)
{
    send_then_any(SEND_FAR);
    send_then_any(SEND_PASSED);
    send_then_any(SEND_NO_TIME);
}

/* --------------------------------------------------------------------- while others are busy */

#define WHOEVER "What had returned before the call began is seen, whoever else is inside."
#define HINT_INSIDE "Somebody else has the lock just now. Does that say anything about the channel?"

TEST(recv_until_a_passed_deadline_sees_a_message_whoever_else_sends,
     .sentences = {"A queued message always comes first"}, .hint = HINT_INSIDE)
{
    struct ends ends[] = {open_channel(), open_bounded(2)};
    struct timespec deadline = passed(0);

    for (int i = 0; i < 2; i++) {
        struct call other = {.tx = clone(ends[i].tx), .number = 2};
        pthread_t thread;
        int got = -1;

        send_int(ends[i].tx, 1);
        thread = spawn(send_now, &other);
        check_status(receiver_recv_until(ends[i].rx, &got, &deadline), CHANNEL_OK, WHOEVER);
        check_equal(got, 1, "*message holds the oldest message.");
        join(thread);
        sender_drop(other.tx);
        drop_both(ends[i]);
    }
}

static void *clone_and_drop(void *tx)
{
    sender_drop(clone(tx));
    sender_drop(tx);
    return NULL;
}

TEST(recv_until_a_passed_deadline_says_timeout_whoever_else_is_inside,
     .sentences = {"nothing is queued, and a sender is left"}, .hint = HINT_INSIDE)
{
    struct ends ends = open_channel();
    struct timespec deadline = passed(0);
    pthread_t thread = spawn(clone_and_drop, clone(ends.tx));
    int got = -1;

    check_status(receiver_recv_until(ends.rx, &got, &deadline), CHANNEL_TIMEOUT,
                 "Nothing is queued, and a sender is left.");
    join(thread);
    drop_both(ends);
}

/* Sends to a channel with room for all. */
static void *send_until_passed(void *arg)
{
    struct call *call = arg;
    struct timespec deadline = passed(0);

    call->status = sender_send_until(call->tx, &call->number, &deadline);
    return NULL;
}

/* Two senders send at once, for a deadline that has passed: each is told the same. */
static void two_send_until_passed(struct ends ends, enum channel_status expected)
{
    struct call a = {.tx = ends.tx, .number = 8}, b = {.tx = clone(ends.tx), .number = 8};
    pthread_t thread = spawn(send_until_passed, &a);

    send_until_passed(&b);
    join(thread);
    check_status(a.status, expected, WHOEVER);
    check_status(b.status, expected, WHOEVER);
    sender_drop(b.tx);
}

TEST(send_until_a_passed_deadline_finds_room_whoever_else_sends,
     .sentences = {"Where there is room it is"}, .hint = HINT_INSIDE)
{
    struct ends ends = open_bounded(3);

    send_int(ends.tx, 7);
    two_send_until_passed(ends, CHANNEL_OK);
    expect_int(ends.rx, 7);
    expect_int(ends.rx, 8);
    expect_int(ends.rx, 8);
    drop_both(ends);
}

TEST(send_until_a_passed_deadline_says_timeout_whoever_else_sends,
     .sentences = {"The deadline has passed and the channel is full"}, .hint = HINT_INSIDE)
{
    struct ends ends = open_full();

    two_send_until_passed(ends, CHANNEL_TIMEOUT);
    expect_int(ends.rx, 1);
    expect_empty(ends.rx);
    drop_both(ends);
}

TEST(send_until_says_closed_whoever_else_sends, .sentences = {"before the call or during it"},
     .hint = "Two reasons not to send: which does each of them look at first?")
{
    for (int queued = 0; queued < 2; queued++) {
        struct ends ends = queued ? open_full() : open_bounded(1);

        receiver_drop(ends.rx);
        two_send_until_passed(ends, CHANNEL_CLOSED);
        sender_drop(ends.tx);
    }
}

TEST(a_sender_whose_room_was_taken_is_woken_by_the_next,
     .sentences = {"Woken as sender_send is", "Taking a message wakes a sleeping sender"},
     .woken_by_others = true,
     .hint = "A thread woken for nothing sleeps again. How does the channel know?")
{
    struct ends ends = open_full();
    struct timespec deadline = in_ms(FAR);
    struct call sender = {.tx = clone(ends.tx), .number = 2, .deadline = &deadline};
    pthread_t thread = spawn(send_until, &sender);
    int one = 1;

    expect_int(ends.rx, 1);
    if (check_one_of(sender_try_send(ends.tx, &one), "The sleeper has it, or whoever is quicker.",
                     CHANNEL_OK, CHANNEL_FULL) == CHANNEL_OK)
        expect_int(ends.rx, 1);
    join(thread);
    check_status(sender.status, CHANNEL_OK, "Room wakes sender_send_until.");
    expect_int(ends.rx, 2);
    sender_drop(sender.tx);
    drop_both(ends);
}

TEST(one_message_received_is_room_for_one_whatever_the_capacity,
     .sentences = {"The deadline has passed and the channel is full", "Where there is room it is"},
     .once = true, .hint = "When does a place that is free again count as room?")
{
    for (int capacity = 1; capacity <= 9; capacity++) {
        struct ends ends = open_bounded((size_t)capacity);
        struct timespec past = passed(0), far = in_ms(FAR);
        int next = 0;

        for (; next < capacity; next++)
            send_int(ends.tx, next);
        for (int i = 0; i < 2 * capacity; i++) {
            struct call sender = {
                .tx = ends.tx, .number = next++, .deadline = i % 2 ? &past : &far};
            pthread_t thread;

            if (i % 2)
                expect_int(ends.rx, i);
            thread = spawn(send_until, &sender);
            settle();
            if (i % 2 == 0)
                expect_int(ends.rx, i);
            join(thread);
            check_status(sender.status, CHANNEL_OK, ROOM_FIRST);
        }
        drop_both(ends);
    }
}

/* Sends to, and receives from, a channel nobody else knows. */
static void *use_another_channel(void *arg)
{
    struct ends ends = open_bounded(1);

    (void)arg;
    send_int(ends.tx, 5);
    expect_int(ends.rx, 5);
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
    return NULL;
}

TEST(a_channel_that_is_none_of_its_business_ends_no_call,
     .sentences = {"Two channels share no state"}, .woken_by_others = true, .schedules = 5000,
     .hint = "What do two channels share?")
{
    struct ends empty = open_channel(), full = open_full();
    struct timespec deadline = in_ms(FAR);
    struct call receiver = {.rx = empty.rx, .number = -1, .deadline = &deadline};
    struct call sender = {.tx = full.tx, .number = 2, .deadline = &deadline};
    pthread_t threads[] = {spawn(recv_until, &receiver), spawn(send_until, &sender)};

    use_another_channel(NULL);
    send_int(empty.tx, 7);
    expect_int(full.rx, 1);
    join(threads[0]);
    join(threads[1]);
    check_status(receiver.status, CHANNEL_OK, "A message wakes receiver_recv_until.");
    check_equal(receiver.number, 7, ARRIVES);
    check_status(sender.status, CHANNEL_OK, "Room wakes sender_send_until.");
    expect_int(full.rx, 2);
    drop_both(empty);
    drop_both(full);
}

TEST(a_passed_deadline_asks_of_its_own_channel_whoever_uses_another,
     .sentences = {"Two channels share no state"}, .hint = HINT_INSIDE)
{
    struct ends ends = open_bounded(1);
    struct timespec deadline = passed(0);
    pthread_t thread = spawn(use_another_channel, NULL);
    int got = -1;

    check_status(receiver_recv_until(ends.rx, &got, &deadline), CHANNEL_TIMEOUT, "It is empty.");
    check_status(sender_send_until(ends.tx, &got, &deadline), CHANNEL_OK, ROOM_FIRST);
    check_status(sender_send_until(ends.tx, &got, &deadline), CHANNEL_TIMEOUT, "It is full.");
    check_status(receiver_recv_until(ends.rx, &got, &deadline), CHANNEL_OK, MESSAGE_FIRST);
    join(thread);
    drop_both(ends);
}

/* ------------------------------------------------------------------------ what is sent */

static void count_drop(void *message)
{
    ++**(int **)message;
}

TEST(drop_does_not_run_for_a_message_that_timed_out,
     .sentences = {"drop does not run for the message", "what they own stays the caller's"})
{
    struct sender *tx = NULL;
    struct receiver *rx = NULL;
    int drops[2] = {0, 0}, *messages[2] = {&drops[0], &drops[1]};
    struct timespec deadline = in_ms(SOON);

    check_status(channel_create_bounded(sizeof(int *), 1, count_drop, &tx, &rx), CHANNEL_OK,
                 "channel_create_bounded makes a channel.");
    check_status(sender_send_until(tx, &messages[0], &deadline), CHANNEL_OK, ROOM_FIRST);
    check_status(sender_send_until(tx, &messages[1], &deadline), CHANNEL_TIMEOUT,
                 "The channel is full.");
    deadline.tv_nsec = -1;
    check_status(sender_send_until(tx, &messages[1], &deadline), CHANNEL_INVALID, AT_ONCE);
    receiver_drop(rx);
    check_equal(drops[0], 1, "drop runs exactly once for every message that was sent.");
    check_status(sender_send_until(tx, &messages[1], NULL), CHANNEL_CLOSED, "Nobody receives.");
    check_equal(drops[1], 0, "Unless CHANNEL_OK, drop does not run for the message.");
    sender_drop(tx);
}

TEST(send_until_that_meets_receiver_drop_leaves_one_owner,
     .sentences = {"drop runs exactly once for every message", "what they own stays the caller's"})
{
    struct sender *tx = NULL;
    struct receiver *rx = NULL;
    int drops[2] = {0, 0}, *messages[2] = {&drops[0], &drops[1]};
    pthread_t thread;
    enum channel_status status;

    check_status(channel_create_bounded(sizeof(int *), 1, count_drop, &tx, &rx), CHANNEL_OK,
                 "channel_create_bounded makes a channel.");
    check_status(sender_send(tx, &messages[0]), CHANNEL_OK, "There is room.");
    thread = spawn(drop_receiver, rx);
    status = check_one_of(sender_send_until(tx, &messages[1], NULL),
                          "A send that meets receiver_drop is OK or CLOSED.", CHANNEL_OK,
                          CHANNEL_CLOSED);
    join(thread);
    check_equal(drops[0], 1, "drop runs exactly once for a message that was sent.");
    check_equal(drops[1], status == CHANNEL_OK, "drop runs for a message that was sent only.");
    sender_drop(tx);
}

static void *write_and_send_until(void *arg)
{
    struct call *call = arg;
    int *number = allocate(sizeof *number);

    *number = call->number;
    call->status = sender_send_until(call->tx, &number, NULL);
    return NULL;
}

TEST(the_receiver_sees_what_was_written_before_send_until,
     .sentences = {"What a thread wrote before sender_send"})
{
    struct call sender = {.number = 7};
    struct receiver *rx = NULL;
    int *got = NULL;
    pthread_t thread;

    check_status(channel_create(sizeof(int *), &sender.tx, &rx), CHANNEL_OK,
                 "channel_create makes a channel.");
    thread = spawn(write_and_send_until, &sender);
    check_status(receiver_recv_until(rx, &got, NULL), CHANNEL_OK, NO_DEADLINE);
    check_equal(*got, 7, "What a thread wrote before its send, the receiver sees.");
    free(got);
    join(thread);
    sender_drop(sender.tx);
    receiver_drop(rx);
}

TEST(a_message_of_any_size_can_wait_for_a_deadline,
     .sentences = {"sender_send_until: copied in",
                   "receiver_recv_until: receives message_size bytes"})
{
    static const size_t sizes[] = {1, 3, 8, 64, 4096};

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        unsigned char *sent = allocate(sizes[i] + 1), *got = allocate(sizes[i] + 1);
        struct timespec deadline = in_ms(FAR);
        struct ends ends;

        check_status(channel_create_bounded(sizes[i], 1, NULL, &ends.tx, &ends.rx), CHANNEL_OK,
                     "channel_create_bounded makes a channel.");
        memset(sent, (int)i + 1, sizes[i] + 1);
        memset(got, 0, sizes[i] + 1);
        check_status(sender_send_until(ends.tx, sent, &deadline), CHANNEL_OK, ROOM_FIRST);
        check_status(receiver_recv_until(ends.rx, got, &deadline), CHANNEL_OK, MESSAGE_FIRST);
        check_bytes(got, sent, sizes[i], ARRIVES);
        check_equal(got[sizes[i]], 0, "*message receives message_size bytes.");
        drop_both(ends);
        free(sent);
        free(got);
    }
}

/* --------------------------------------------------------------------------------- memory */

TEST(on_an_unbounded_channel_send_until_may_run_out_of_memory,
     .sentences = {"sender_send_until: Unbounded channels only",
                   "sender_send_until CHANNEL_NO_MEMORY: The message was not sent",
                   "sender_try_send: Unbounded channels only"},
     .allocations_fail = true)
{
    static const char rule[] = "There is room unless there is no memory.";
    struct ends ends = {NULL, NULL};
    struct timespec deadline = passed(0), none = {0, -1};
    int sent = 0, received = 0;

    if (check_one_of(channel_create(sizeof(int), &ends.tx, &ends.rx), "A channel, or no memory.",
                     CHANNEL_OK, CHANNEL_NO_MEMORY) == CHANNEL_NO_MEMORY) {
        check(allocation_has_failed(), "CHANNEL_NO_MEMORY means that an allocation failed.");
        return;
    }
    for (int i = 0; i < 40; i++) { /* either call after either one, and after one that failed */
        if (i % 7 == 0)
            check_status(sender_send_until(ends.tx, &sent, &none), CHANNEL_INVALID, AT_ONCE);
        int status = i % 2 ? check_one_of(sender_try_send(ends.tx, &sent), rule, CHANNEL_OK,
                                          CHANNEL_NO_MEMORY)
                           : check_one_of(sender_send_until(ends.tx, &sent, &deadline), rule,
                                          CHANNEL_OK, CHANNEL_NO_MEMORY);
        check(status == CHANNEL_OK || allocation_has_failed(),
              "CHANNEL_NO_MEMORY means that an allocation failed.");
        sent += status == CHANNEL_OK;
        if (i % 4 == 3)
            expect_int(ends.rx, received++);
    }
    while (received < sent)
        expect_int(ends.rx, received++);
    check_status(receiver_try_recv(ends.rx, &sent), CHANNEL_EMPTY,
                 "After CHANNEL_NO_MEMORY the message was not sent.");
    drop_both(ends);
}

/* That many messages are sent, then one with a deadline. */
static void send_until_after(int messages,
                             enum channel_status (*send)(struct sender *, const void *))
{
    struct ends ends = {NULL, NULL};
    struct timespec deadline = passed(0);
    int sent = 0;

    if (check_one_of(channel_create(sizeof(int), &ends.tx, &ends.rx), "A channel, or no memory.",
                     CHANNEL_OK, CHANNEL_NO_MEMORY) == CHANNEL_NO_MEMORY)
        return;
    for (int i = 0; i < messages; i++)
        sent += send(ends.tx, &sent) == CHANNEL_OK;
    enum channel_status status =
        check_one_of(sender_send_until(ends.tx, &sent, &deadline),
                     "There is room unless there is no memory.", CHANNEL_OK, CHANNEL_NO_MEMORY);
    check(status == CHANNEL_OK || allocation_has_failed(),
          "CHANNEL_NO_MEMORY means that an allocation failed.");
    sent += status == CHANNEL_OK;
    for (int received = 0; received < sent; received++)
        expect_int(ends.rx, received);
    check_status(receiver_try_recv(ends.rx, &sent), CHANNEL_EMPTY,
                 "After CHANNEL_NO_MEMORY the message was not sent.");
    drop_both(ends);
}

TEST(send_until_may_run_out_of_memory_after_any_number_of_sends,
     .sentences = {"sender_send_until: Unbounded channels only",
                   "sender_send_until CHANNEL_NO_MEMORY: The message was not sent"},
     .allocations_fail = true)
{
    for (int messages = 0; messages <= 16; messages++) {
        send_until_after(messages, sender_send);
        send_until_after(messages, sender_try_send);
    }
}

TEST(on_a_bounded_channel_send_until_never_allocates,
     .sentences = {"Sending on it never allocates", "sender_send_until: Unbounded channels only"})
{
    struct ends ends = open_bounded(2);
    struct timespec deadline = in_ms(SOON);
    size_t before = allocations();

    for (int i = 0; i < 3; i++)
        check_status(sender_send_until(ends.tx, &i, &deadline),
                     i < 2 ? CHANNEL_OK : CHANNEL_TIMEOUT,
                     "A bounded channel has room for capacity messages.");
    check_equal(allocations(), before, "Sending on a bounded channel never allocates.");
    drop_both(ends);
}

TEST(receiving_until_a_deadline_needs_no_memory,
     .sentences = {"*message is untouched and the channel is as before"}, .allocations_fail = true)
{
    struct ends ends = {NULL, NULL};
    struct timespec soon = in_ms(SOON);
    int got = -1;

    if (check_one_of(channel_create_bounded(sizeof(int), 1, NULL, &ends.tx, &ends.rx),
                     "A channel, or no memory.", CHANNEL_OK,
                     CHANNEL_NO_MEMORY) == CHANNEL_NO_MEMORY) {
        check(allocation_has_failed(), "CHANNEL_NO_MEMORY means that an allocation failed.");
        check(ends.tx == NULL && ends.rx == NULL, "On failure *tx and *rx are untouched.");
        return;
    }
    check_status(receiver_recv_until(ends.rx, &got, &soon), CHANNEL_TIMEOUT, "Nothing is queued.");
    check_status(sender_send_until(ends.tx, &got, &soon), CHANNEL_OK, ROOM_FIRST);
    check_status(sender_send_until(ends.tx, &got, &soon), CHANNEL_TIMEOUT, "The channel is full.");
    check_status(receiver_recv_until(ends.rx, &got, &soon), CHANNEL_OK, MESSAGE_FIRST);
    drop_both(ends);
}

/* --------------------------------------------------------------------------------- volume */

enum { MANY = 2000 };

/* Sends MANY numbers, from call->number on, whatever time-outs come between. */
static void *send_many(void *arg)
{
    struct call *call = arg;

    for (int i = 0; i < MANY; i++) {
        struct timespec deadline = in_ms(SOON);
        int number = call->number + i;
        while (!in_time(sender_send_until(call->tx, &number, &deadline), CHANNEL_OK, deadline))
            deadline = in_ms(SOON);
    }
    sender_drop(call->tx);
    return NULL;
}

TEST(thousands_of_messages_arrive_in_order_whatever_times_out,
     .sentences = {"What one sender sends arrives in the order it was sent",
                   "more than 65,536 handles or queued messages work"},
     .once = true)
{
    struct ends ends = open_bounded(3);
    struct call a = {.tx = clone(ends.tx), .number = 0}, b = {.tx = ends.tx, .number = MANY};
    pthread_t threads[] = {spawn(send_many, &a), spawn(send_many, &b)};
    struct timespec deadline = in_ms(SOON);
    int next[2] = {0, MANY}, got = -1;
    enum channel_status status;

    while ((status = receiver_recv_until(ends.rx, &got, &deadline)) != CHANNEL_CLOSED) {
        if (in_time(status, CHANNEL_OK, deadline))
            check_equal(got, next[got >= MANY]++, "Messages of one sender arrive in order, once.");
        deadline = in_ms(SOON);
    }
    check_equal(next[0], MANY, "Every message that was sent arrives.");
    check_equal(next[1], 2 * MANY, "Every message that was sent arrives.");
    join(threads[0]);
    join(threads[1]);
    receiver_drop(ends.rx);
}

enum { CROWD = 257 }; /* more than a byte counts */

TEST(recv_until_is_closed_when_the_last_of_257_senders_has_gone_and_not_before,
     .sentences = {"every message has been received, now and for good"}, .once = true,
     .hint = "How far does the count of the senders go?")
{
    struct ends ends = open_bounded(1);
    struct timespec deadline = passed(0);
    struct sender *all[CROWD];
    int got = -1;

    for (int i = 0; i < CROWD; i++)
        all[i] = i > 0 ? clone(all[i / 2]) : ends.tx;
    for (int i = 0; i < CROWD; i++) {
        check_status(receiver_recv_until(ends.rx, &got, &deadline), CHANNEL_TIMEOUT,
                     "Nothing is queued, and a sender is left.");
        check_status(sender_send_until(all[i], &i, &deadline), CHANNEL_OK, ROOM_FIRST);
        sender_drop(all[i]);
        expect_int(ends.rx, i);
    }
    check_status(receiver_recv_until(ends.rx, &got, &deadline), CHANNEL_CLOSED, CLOSED_FIRST);
    receiver_drop(ends.rx);
}

enum { SLEEPERS = 60 }; /* more than the bits of an int */

static void *send_until_and_drop(void *arg)
{
    struct call *call = arg;

    send_until(call);
    sender_drop(call->tx);
    return NULL;
}

TEST(sixty_senders_sleep_with_a_deadline_and_each_place_wakes_one,
     .sentences = {"Woken as sender_send is"}, .once = true, .woken_by_others = true,
     .hint = "How many sleep, and how many are told?")
{
    struct ends ends = open_full();
    struct timespec deadline = in_ms(FAR);
    struct call calls[SLEEPERS];
    pthread_t threads[SLEEPERS];
    int sum = 0, got = -1;

    for (int i = 0; i < SLEEPERS; i++) {
        calls[i] = (struct call){.tx = clone(ends.tx), .number = i, .deadline = &deadline};
        threads[i] = spawn(send_until_and_drop, &calls[i]);
    }
    settle();
    sender_drop(ends.tx);
    expect_int(ends.rx, 1);
    while (receiver_recv_until(ends.rx, &got, &deadline) == CHANNEL_OK)
        sum += got;
    for (int i = 0; i < SLEEPERS; i++) {
        join(threads[i]);
        check_status(calls[i].status, CHANNEL_OK, "Room wakes sender_send_until.");
    }
    check_equal(sum, SLEEPERS * (SLEEPERS - 1) / 2, "Every message that was sent arrives once.");
    receiver_drop(ends.rx);
}
