/* Suite of 07: the sentences of channel.h about senders that share no lock, one test each. The
 * scenarios are small, because what goes wrong here does so between two or three steps. */
#include "channel.h"
#include "suite.h"

#include <stdlib.h>
#include <string.h>

struct ends {
    struct sender *tx;
    struct receiver *rx;
};

/* What a thread that sends is given: its own handle, and the numbers first, first + 1, ... */
struct work {
    struct sender *tx;
    int first;
    int count;
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

static int recv_int(struct receiver *rx)
{
    int got = -1;

    check_status(receiver_recv(rx, &got), CHANNEL_OK,
                 "receiver_recv takes the oldest message out, sleeping until there is one.");
    return got;
}

/* A channel through which so many messages have gone, one by one: the room that there was at first may end right
 * there. */
static struct ends open_and_pass(int messages)
{
    struct ends ends = open_channel(sizeof(int));

    for (int i = 0; i < messages; i++) {
        send_int(ends.tx, i);
        check_equal(recv_int(ends.rx), i,
                    "What one sender sends arrives in the order it was sent.");
    }
    return ends;
}

static void expect_closed(struct receiver *rx)
{
    int got = -1;

    check_status(receiver_recv(rx, &got), CHANNEL_CLOSED,
                 "Nothing is queued, and no sender is left: closed.");
    check_status(receiver_try_recv(rx, &got), CHANNEL_CLOSED,
                 "CHANNEL_CLOSED is said now and for good.");
    check_equal(got, -1, "Unless CHANNEL_OK, *message is untouched.");
}

static void *send_all(void *arg)
{
    struct work *work = arg;

    for (int i = 0; i < work->count; i++)
        send_int(work->tx, work->first + i);
    return NULL;
}

static void *send_all_and_drop(void *arg)
{
    struct work *work = arg;

    send_all(work);
    sender_drop(work->tx);
    return NULL;
}

static void *drop_sender(void *tx)
{
    sender_drop(tx);
    return NULL;
}

/* Takes one number and checks that it is the next of its sender, which sends multiples of 1000 and
 * their successors; next[k] is what is expected of the sender of k * 1000. */
static void expect_next_of(int next[], int senders, int got)
{
    check(got >= 0 && got / 1000 < senders, "A message arrives as it was sent.");
    check_equal(got, next[got / 1000],
                "What one sender sends arrives in the order it was sent, once.");
    next[got / 1000]++;
}

static void expect_next_of_two(int next[], struct receiver *rx, int times)
{
    for (int i = 0; i < times; i++)
        expect_next_of(next, 2, recv_int(rx));
}

/* --------------------------------------------------------------------------------- create */

static void *use_a_channel_of_its_own(void *arg)
{
    struct ends ends = open_channel(sizeof(int));
    int number = *(int *)arg;

    send_int(ends.tx, number);
    check_equal(recv_int(ends.rx), number, "Two channels share no state.");
    send_int(ends.tx, number + 1);
    sender_drop(ends.tx);
    check_equal(recv_int(ends.rx), number + 1, "Two channels share no state.");
    expect_closed(ends.rx);
    receiver_drop(ends.rx);
    return NULL;
}

TEST(create_in_two_threads_at_once_makes_channels_that_share_no_state,
     .sentences = {"Two channels share no state"},
     .hint = "Is there a variable that both channels use?")
{
    int mine = 1, theirs = 11;
    pthread_t other = spawn(use_a_channel_of_its_own, &theirs);

    use_a_channel_of_its_own(&mine);
    join(other);
}

TEST(create_makes_a_channel_that_another_thread_may_use_at_once,
     .sentences = {"channel_create CHANNEL_OK: are the handles",
                   "Different handles may be used by different threads"})
{
    struct ends ends = open_channel(sizeof(int));
    struct work work = {ends.tx, 7, 1};
    pthread_t sender = spawn(send_all_and_drop, &work);

    check_equal(recv_int(ends.rx), 7, "A message arrives as it was sent.");
    expect_closed(ends.rx);
    receiver_drop(ends.rx);
    join(sender);
}

/* The buffer is written to and given back while the receiver looks for the message. */
static void *send_from_a_block_of_its_own(void *tx)
{
    int *message = allocate(sizeof *message);

    *message = 7;
    check_status(sender_send(tx, message), CHANNEL_OK,
                 "sender_send copies a message in while the receiver is there.");
    *message = 1000;
    free(message);
    sender_drop(tx);
    return NULL;
}

TEST(a_message_is_read_before_the_send_returns,
     .sentences = {"sender_send: read before the call returns"},
     .hint = "Whose memory does the receiver copy the message from?")
{
    struct ends ends = open_channel(sizeof(int));
    pthread_t sender = spawn(send_from_a_block_of_its_own, ends.tx);

    check_equal(recv_int(ends.rx), 7, "message_size bytes, read before the call returns.");
    expect_closed(ends.rx);
    receiver_drop(ends.rx);
    join(sender);
}

/* --------------------------------------------------------------------------- multi-sender */

TEST(multi_sender_messages_all_arrive_each_senders_in_order,
     .sentences = {"What one sender sends arrives in the order it was sent",
                   "sender_send CHANNEL_OK: The message is in the channel"},
     .hint = "Two senders find the same place at the end of the queue. Who gets it, and what does "
             "the other do?")
{
    struct ends ends = open_channel(sizeof(int));
    struct work work[2] = {{ends.tx, 0, 2}, {clone_of(ends.tx), 1000, 2}};
    int next[2] = {0, 1000};
    pthread_t a = spawn(send_all, &work[0]);
    pthread_t b = spawn(send_all, &work[1]);

    join(a);
    join(b);
    expect_next_of_two(next, ends.rx, 4);
    sender_drop(work[0].tx);
    sender_drop(work[1].tx);
    expect_closed(ends.rx);
    receiver_drop(ends.rx);
}

TEST(multi_sender_messages_arrive_at_a_receiver_that_is_looking_meanwhile,
     .sentences = {"What one sender sends arrives in the order it was sent",
                   "sender_send CHANNEL_OK: The message is in the channel"},
     .hint =
         "Two senders find the same place at the end of the queue, and the receiver is about to "
         "look there.")
{
    struct ends ends = open_channel(sizeof(int));
    struct work work[2] = {{ends.tx, 0, 1}, {clone_of(ends.tx), 1000, 1}};
    int next[2] = {0, 1000};
    pthread_t a = spawn(send_all, &work[0]);
    pthread_t b = spawn(send_all, &work[1]);
    int got, received = 0;

    if (receiver_try_recv(ends.rx, &got) == CHANNEL_OK) {
        expect_next_of(next, 2, got);
        received++;
    }
    join(a);
    join(b);
    expect_next_of_two(next, ends.rx, 2 - received);
    sender_drop(work[0].tx);
    sender_drop(work[1].tx);
    receiver_drop(ends.rx);
}

TEST(multi_sender_three_at_once_lose_nothing,
     .sentences = {"sender_send: whatever the other senders are doing"})
{
    struct ends ends = open_channel(sizeof(int));
    struct work work[3] = {
        {ends.tx, 0, 1}, {clone_of(ends.tx), 1000, 1}, {clone_of(ends.tx), 2000, 1}};
    int next[3] = {0, 1000, 2000};
    pthread_t a = spawn(send_all, &work[0]);
    pthread_t b = spawn(send_all, &work[1]);
    int got;

    send_all(&work[2]);
    join(a);
    join(b);
    for (int i = 0; i < 3; i++) {
        check_status(receiver_try_recv(ends.rx, &got), CHANNEL_OK,
                     "Once its send has returned, a message can be received.");
        expect_next_of(next, 3, got);
    }
    check_status(receiver_try_recv(ends.rx, &got), CHANNEL_EMPTY,
                 "Nothing is queued, and a sender is left: empty.");
    for (int i = 0; i < 3; i++)
        sender_drop(work[i].tx);
    receiver_drop(ends.rx);
}

TEST(multi_sender_of_two_sends_the_one_that_returned_before_the_other_began_arrives_first,
     .sentences = {"When one send returns before another begins",
                   "sender_send: whatever the other senders are doing"},
     .hint =
         "One thread sends through one handle, then through another. What keeps the two messages "
         "in order, whatever a third sender does meanwhile?")
{
    struct ends ends = open_channel(sizeof(int));
    struct sender *second = clone_of(ends.tx);
    struct work work = {clone_of(ends.tx), 1000, 1};
    int next[2] = {0, 1000};
    pthread_t other = spawn(send_all, &work);

    send_int(ends.tx, 0);
    send_int(second, 1);
    for (int i = 0; i < 3; i++) {
        int got = recv_int(ends.rx), *due = &next[got >= 1000];

        check_equal(got, *due,
                    "When one send returns before another begins, its message arrives "
                    "first.");
        ++*due;
    }
    join(other);
    sender_drop(work.tx);
    sender_drop(second);
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
}

static void *receive_in_order(void *arg)
{
    struct receiver *rx = arg;

    check_equal(recv_int(rx), 1, "The first of two sends arrives first.");
    check_equal(recv_int(rx), 2, "The first of two sends arrives first.");
    return NULL;
}

TEST(multi_sender_order_holds_for_a_receiver_that_is_looking_meanwhile,
     .sentences = {"When one send returns before another begins"})
{
    struct ends ends = open_channel(sizeof(int));
    struct sender *second = clone_of(ends.tx);
    pthread_t receiver = spawn(receive_in_order, ends.rx);

    send_int(second, 1);
    send_int(ends.tx, 2);
    join(receiver);
    sender_drop(ends.tx);
    sender_drop(second);
    receiver_drop(ends.rx);
}

static void *clone_and_send(void *arg)
{
    struct work *work = arg;
    struct sender *clone = clone_of(work->tx);

    sender_drop(work->tx);
    send_int(clone, work->first);
    sender_drop(clone);
    return NULL;
}

static void *clone_of_it(void *tx)
{
    return clone_of(tx);
}

TEST(multi_sender_clones_made_at_once_are_both_counted,
     .sentences = {"Makes one more sender of the same channel",
                   "sleeping while nothing is queued and at least one sender is left"},
     .hint = "Two threads count at once. Can a count be lost?")
{
    struct ends ends = open_channel(sizeof(int));
    struct sender *second = clone_of(ends.tx), *clones[2];
    pthread_t a = spawn(clone_of_it, ends.tx);
    int got;

    clones[1] = clone_of(second);
    clones[0] = join(a);
    sender_drop(ends.tx);
    sender_drop(second);
    for (int i = 0; i < 2; i++) {
        check_status(receiver_try_recv(ends.rx, &got), CHANNEL_EMPTY,
                     "Nothing is queued, and a sender is left: empty.");
        sender_drop(clones[i]);
    }
    expect_closed(ends.rx);
    receiver_drop(ends.rx);
}

TEST(multi_sender_a_clone_keeps_the_channel_open_while_others_are_dropped,
     .sentences = {"Makes one more sender of the same channel",
                   "sleeping while nothing is queued and at least one sender is left"},
     .hint = "One thread counts up while another counts down. Can a count be lost?")
{
    struct ends ends = open_channel(sizeof(int));
    struct work work = {ends.tx, 0, 1};
    pthread_t other = spawn(drop_sender, clone_of(ends.tx));
    pthread_t cloner = spawn(clone_and_send, &work);

    check_equal(recv_int(ends.rx), 0, "A message arrives as it was sent.");
    join(other);
    join(cloner);
    expect_closed(ends.rx);
    receiver_drop(ends.rx);
}

static void *send_through_a_clone(void *arg)
{
    struct work *work = arg;
    struct sender *clone = clone_of(work->tx);

    send_int(clone, work->first);
    return clone;
}

TEST(multi_sender_clones_made_at_once_after_a_drop_share_nothing,
     .sentences = {"Makes one more sender of the same channel",
                   "Different handles may be used by different threads"},
     .hint = "A sender has gone, and two new ones come at once. Who gets what it left?")
{
    struct ends ends = open_channel(sizeof(int));
    struct work work[2] = {{clone_of(ends.tx), 0, 1}, {clone_of(ends.tx), 1000, 1}};
    int next[2] = {0, 1000};
    struct sender *mine;
    pthread_t other;

    sender_drop(ends.tx);
    other = spawn(send_through_a_clone, &work[0]);
    mine = send_through_a_clone(&work[1]);
    expect_next_of_two(next, ends.rx, 2);
    sender_drop(join(other));
    sender_drop(mine);
    sender_drop(work[0].tx);
    sender_drop(work[1].tx);
    expect_closed(ends.rx);
    receiver_drop(ends.rx);
}

TEST(multi_sender_order_lasts_through_growth,
     .sentences = {"What one sender sends arrives in the order it was sent",
                   "sender_send: whatever the other senders are doing"},
     .hint = "What happens to a sender that finds the last place taken just now?")
{
    struct ends ends = open_channel(sizeof(int));
    struct work work[2] = {{ends.tx, 0, 40}, {clone_of(ends.tx), 1000, 40}};
    int next[2] = {0, 1000};
    pthread_t a = spawn(send_all_and_drop, &work[0]);
    pthread_t b = spawn(send_all_and_drop, &work[1]);

    for (int i = 0; i < 80; i++)
        expect_next_of(next, 2, recv_int(ends.rx));
    expect_closed(ends.rx);
    join(a);
    join(b);
    receiver_drop(ends.rx);
}

/* A channel that is explored from the message of that number on, which the first of two senders sends: the room
 * that there was at first may end right there. */
static struct ends open_behind(int messages, struct work work[2])
{
    struct ends ends;

    exploring(false);
    ends = open_channel(sizeof(int));
    work[0].tx = ends.tx;
    work[1].tx = clone_of(ends.tx);
    for (; work[0].first < messages; work[0].first++)
        send_int(ends.tx, work[0].first);
    exploring(true);
    return ends;
}

static void meet_behind(int messages)
{
    struct work work[2] = {{NULL, 0, 2}, {NULL, 1000, 1}};
    struct ends ends = open_behind(messages, work);
    int next[2] = {0, 1000};
    pthread_t a;

    a = spawn(send_all, &work[0]);
    send_all(&work[1]);
    expect_next_of_two(next, ends.rx, messages + 1);
    join(a);
    expect_next_of_two(next, ends.rx, 2);
    sender_drop(work[0].tx);
    sender_drop(work[1].tx);
    receiver_drop(ends.rx);
}

TEST(multi_sender_order_lasts_where_two_meet_behind_7_messages,
     .sentences = {"What one sender sends arrives in the order it was sent",
                   "sender_send: whatever the other senders are doing"},
     .schedules = 4000,
     .hint = "What happens to a sender that finds the last place taken just now?")
{
    meet_behind(7);
}

TEST(multi_sender_order_lasts_where_two_meet_behind_15_messages,
     .sentences = {"What one sender sends arrives in the order it was sent",
                   "sender_send: whatever the other senders are doing"},
     .schedules = 4000,
     .hint = "What happens to a sender that finds the last place taken just now?")
{
    meet_behind(15);
}

TEST(multi_sender_order_lasts_where_two_meet_behind_31_messages,
     .sentences = {"What one sender sends arrives in the order it was sent",
                   "sender_send: whatever the other senders are doing"},
     .schedules = 4000,
     .hint = "What happens to a sender that finds the last place taken just now?")
{
    meet_behind(31);
}

TEST(multi_sender_order_lasts_where_two_meet_behind_63_messages,
     .sentences = {"What one sender sends arrives in the order it was sent",
                   "sender_send: whatever the other senders are doing"},
     .schedules = 4000,
     .hint = "What happens to a sender that finds the last place taken just now?")
{
    meet_behind(63);
}

TEST(multi_sender_thousands_of_messages_arrive,
     .sentences = {"more than 65,536 handles or queued messages work"}, .once = true)
{
    struct ends ends = open_channel(sizeof(int));
    struct work work[3] = {
        {ends.tx, 0, 900}, {clone_of(ends.tx), 1000, 900}, {clone_of(ends.tx), 2000, 900}};
    int next[3] = {0, 1000, 2000};
    pthread_t threads[3];

    for (int i = 0; i < 3; i++)
        threads[i] = spawn(send_all_and_drop, &work[i]);
    for (int i = 0; i < 3 * 900; i++)
        expect_next_of(next, 3, recv_int(ends.rx));
    expect_closed(ends.rx);
    for (int i = 0; i < 3; i++)
        join(threads[i]);
    receiver_drop(ends.rx);
}

/* ------------------------------------------------------------------------ send after drop */

static void *send_until_closed(void *arg)
{
    struct work *work = arg;
    enum channel_status before = CHANNEL_OK;

    for (int i = 0; i < work->count; i++) {
        int message = work->first + i;
        enum channel_status status = check_one_of(
            sender_send(work->tx, &message), "A send that meets receiver_drop says OK or CLOSED.",
            CHANNEL_OK, CHANNEL_CLOSED);

        check(before == CHANNEL_OK || status == CHANNEL_CLOSED,
              "Once the receiver is dropped, sends say CHANNEL_CLOSED, and it stays so.");
        before = status;
    }
    return NULL;
}

TEST(
    send_after_drop_of_the_receiver_says_closed_while_other_sends_are_under_way,
    .sentences = {"sender_send: and stays so", "From then on every send says CHANNEL_CLOSED"},
    .hint =
        "What does a sender do that saw the receiver, and publishes its message after it has gone?")
{
    struct ends ends = open_channel(sizeof(int));
    struct work work[2] = {{clone_of(ends.tx), 0, 2}, {clone_of(ends.tx), 1000, 1}};
    pthread_t a = spawn(send_until_closed, &work[0]);
    pthread_t b = spawn(send_until_closed, &work[1]);
    int message = 3;

    receiver_drop(ends.rx);
    check_status(sender_send(ends.tx, &message), CHANNEL_CLOSED,
                 "Once the receiver has been dropped, every send says CHANNEL_CLOSED.");
    sender_drop(ends.tx);
    join(a);
    join(b);
    check_status(sender_send(work[0].tx, &message), CHANNEL_CLOSED, "CHANNEL_CLOSED stays so.");
    sender_drop(work[0].tx);
    sender_drop(work[1].tx);
}

static void *send_until_closed_and_drop(void *arg)
{
    struct work *work = arg;

    send_until_closed(work);
    sender_drop(work->tx);
    return NULL;
}

TEST(send_after_drop_the_last_handle_frees_the_channel_and_what_is_queued,
     .sentences = {"Whoever drops the last handle frees the channel", "Memory: Nothing leaks"},
     .hint = "A message is published after the receiver has freed the queue. Whose is it?")
{
    struct ends ends = open_channel(sizeof(int));
    struct work work[2] = {{ends.tx, 0, 1}, {clone_of(ends.tx), 1000, 1}};
    pthread_t a = spawn(send_until_closed_and_drop, &work[0]);
    pthread_t b = spawn(send_until_closed_and_drop, &work[1]);

    receiver_drop(ends.rx);
    join(a);
    join(b);
}

static void drop_behind(int messages)
{
    struct work work[2] = {{NULL, 0, 2}, {NULL, 1000, 1}};
    struct ends ends = open_behind(messages, work);
    pthread_t sender = spawn(send_until_closed_and_drop, &work[0]);

    receiver_drop(ends.rx);
    send_until_closed_and_drop(&work[1]);
    join(sender);
}

TEST(send_after_drop_what_is_queued_behind_7_messages_is_freed,
     .sentences = {"Whoever drops the last handle frees the channel", "Memory: Nothing leaks"},
     .schedules = 4000,
     .hint =
         "A message is published after the receiver has freed the queue. Whose is it, and whose "
         "is the room that was made for it?")
{
    drop_behind(7);
}

TEST(send_after_drop_what_is_queued_behind_15_messages_is_freed,
     .sentences = {"Whoever drops the last handle frees the channel", "Memory: Nothing leaks"},
     .schedules = 4000,
     .hint =
         "A message is published after the receiver has freed the queue. Whose is it, and whose "
         "is the room that was made for it?")
{
    drop_behind(15);
}

TEST(send_after_drop_what_is_queued_behind_31_messages_is_freed,
     .sentences = {"Whoever drops the last handle frees the channel", "Memory: Nothing leaks"},
     .schedules = 4000,
     .hint =
         "A message is published after the receiver has freed the queue. Whose is it, and whose "
         "is the room that was made for it?")
{
    drop_behind(31);
}

TEST(send_after_drop_what_is_queued_behind_63_messages_is_freed,
     .sentences = {"Whoever drops the last handle frees the channel", "Memory: Nothing leaks"},
     .schedules = 4000,
     .hint =
         "A message is published after the receiver has freed the queue. Whose is it, and whose "
         "is the room that was made for it?")
{
    drop_behind(63);
}

TEST(send_after_drop_the_last_handle_may_go_in_any_thread,
     .sentences = {"nothing that another thread may still be inside"},
     .hint =
         "Each of three threads drops one handle. How does a thread know that it is the last, and "
         "that the others are out?")
{
    struct ends ends = open_channel(sizeof(int));
    struct sender *second = clone_of(ends.tx);
    pthread_t a, b;

    send_int(ends.tx, 1);
    send_int(second, 2);
    a = spawn(drop_sender, ends.tx);
    b = spawn(drop_sender, second);
    receiver_drop(ends.rx);
    join(a);
    join(b);
}

/* ------------------------------------------------------------------- recv on empty, closed */

TEST(recv_on_empty_closed_comes_after_every_message_of_two_senders,
     .sentences = {"receiver_recv: Queued messages come first"},
     .hint = "A sender is counted down while its message can't be seen yet. What did you look at "
             "first, the count or the queue?")
{
    struct ends ends = open_channel(sizeof(int));
    struct work work[2] = {{ends.tx, 0, 1}, {clone_of(ends.tx), 1000, 1}};
    int next[2] = {0, 1000};
    pthread_t a = spawn(send_all_and_drop, &work[0]);
    pthread_t b = spawn(send_all_and_drop, &work[1]);

    join(a);
    join(b);
    expect_next_of_two(next, ends.rx, 2);
    expect_closed(ends.rx);
    receiver_drop(ends.rx);
}

TEST(recv_on_empty_closed_comes_after_a_message_while_another_sender_is_dropped,
     .sentences = {"receiver_recv: Queued messages come first"},
     .hint = "A sender is counted down while its message can't be seen yet. What did you look at "
             "first, the count or the queue?")
{
    struct ends ends = open_channel(sizeof(int));
    struct sender *second = clone_of(ends.tx);
    struct work work = {ends.tx, 0, 1};
    pthread_t sender = spawn(send_all_and_drop, &work);

    sender_drop(second);
    check_equal(recv_int(ends.rx), 0, "A message arrives as it was sent.");
    expect_closed(ends.rx);
    join(sender);
    receiver_drop(ends.rx);
}

static void close_behind(int messages)
{
    struct work work = {.first = messages, .count = 1};
    pthread_t sender;
    struct ends ends;

    exploring(false);
    ends = open_and_pass(messages);
    work.tx = ends.tx;
    exploring(true);
    sender = spawn(send_all_and_drop, &work);
    check_equal(recv_int(ends.rx), messages, "A message arrives as it was sent.");
    expect_closed(ends.rx);
    join(sender);
    receiver_drop(ends.rx);
}

TEST(recv_on_empty_closed_comes_behind_7_messages_and_one_more,
     .sentences = {"receiver_recv: Queued messages come first"}, .schedules = 8000,
     .hint =
         "The receiver has emptied all the room there is, and the last sender has made more. What "
         "did you look at first, the count or the room?")
{
    close_behind(7);
}

TEST(recv_on_empty_closed_comes_behind_15_messages_and_one_more,
     .sentences = {"receiver_recv: Queued messages come first"}, .schedules = 8000,
     .hint =
         "The receiver has emptied all the room there is, and the last sender has made more. What "
         "did you look at first, the count or the room?")
{
    close_behind(15);
}

TEST(recv_on_empty_closed_comes_behind_31_messages_and_one_more,
     .sentences = {"receiver_recv: Queued messages come first"}, .schedules = 8000,
     .hint =
         "The receiver has emptied all the room there is, and the last sender has made more. What "
         "did you look at first, the count or the room?")
{
    close_behind(31);
}

TEST(recv_on_empty_closed_comes_behind_63_messages_and_one_more,
     .sentences = {"receiver_recv: Queued messages come first"}, .schedules = 8000,
     .hint =
         "The receiver has emptied all the room there is, and the last sender has made more. What "
         "did you look at first, the count or the room?")
{
    close_behind(63);
}

TEST(recv_on_empty_closed_is_never_said_by_try_recv_while_a_message_is_under_way,
     .sentences = {"Neither says CHANNEL_CLOSED", "receiver_try_recv: now and for good"},
     .hint = "The last sender goes between your look at the queue and your look at the senders.")
{
    struct ends ends = open_channel(sizeof(int));
    struct work work = {ends.tx, 5, 1};
    pthread_t sender = spawn(send_all_and_drop, &work);
    int received = 0;

    for (int looks = 0; looks < 2; looks++) {
        int got, status;

        if (received == 0)
            status = check_one_of(
                receiver_try_recv(ends.rx, &got),
                "What was sent before the last sender went is received before CHANNEL_CLOSED.",
                CHANNEL_OK, CHANNEL_EMPTY);
        else
            status =
                check_one_of(receiver_try_recv(ends.rx, &got), "receiver_try_recv never blocks.",
                             CHANNEL_OK, CHANNEL_EMPTY, CHANNEL_CLOSED);
        received += status == CHANNEL_OK;
    }
    if (received == 0)
        check_equal(recv_int(ends.rx), 5, "A message arrives as it was sent.");
    expect_closed(ends.rx);
    join(sender);
    receiver_drop(ends.rx);
}

TEST(recv_on_empty_closed_dropping_the_last_of_two_senders_wakes_a_sleeping_receiver,
     .sentences = {"A send wakes a sleeping receiver, and so does"},
     .hint = "Two senders go at once. Which of them tells the receiver?")
{
    struct ends ends = open_channel(sizeof(int));
    pthread_t a = spawn(drop_sender, clone_of(ends.tx));
    pthread_t b = spawn(drop_sender, ends.tx);

    expect_closed(ends.rx);
    join(a);
    join(b);
    receiver_drop(ends.rx);
}

/* ------------------------------------------------------------------------------- lock-free */

/* Sends the numbers of its work, and may be stopped for ever anywhere inside. */
static void *send_all_stoppable(void *arg)
{
    struct work *work = arg;

    for (int i = 0; i < work->count; i++) {
        int message = work->first + i;
        enum channel_status status;

        may_stop(true);
        status = sender_send(work->tx, &message);
        may_stop(false);
        check_status(status, CHANNEL_OK, "sender_send succeeds while the receiver is there.");
    }
    return NULL;
}

TEST(a_sender_stopped_anywhere_keeps_no_other_sender_from_finishing,
     .sentences = {"keeps no other sender from finishing", "sender_send takes no lock",
                   "The channel of 02 with one more promise"},
     .one_thread_stops = true,
     .hint = "Which step of sender_send must another thread have made before yours can go on?")
{
    struct ends ends = open_channel(sizeof(int));
    struct work stops = {ends.tx, 0, 1}, finishes = {clone_of(ends.tx), 1000, 2};
    pthread_t stopped = spawn(send_all_stoppable, &stops);
    pthread_t other = spawn(send_all, &finishes);

    join(other);
    if (!join_unless_stopped(stopped))
        return;
    sender_drop(stops.tx);
    sender_drop(finishes.tx);
    receiver_drop(ends.rx);
}

TEST(a_sender_stopped_anywhere_keeps_two_others_from_nothing,
     .sentences = {"keeps no other sender from finishing",
                   "of several senders at work, one always finishes"},
     .one_thread_stops = true)
{
    struct ends ends = open_channel(sizeof(int));
    struct work stops = {ends.tx, 0, 1};
    struct work finish[2] = {{clone_of(ends.tx), 1000, 1}, {clone_of(ends.tx), 2000, 1}};
    pthread_t stopped = spawn(send_all_stoppable, &stops);
    pthread_t a = spawn(send_all, &finish[0]);
    pthread_t b = spawn(send_all, &finish[1]);

    join(a);
    join(b);
    if (!join_unless_stopped(stopped))
        return;
    sender_drop(stops.tx);
    sender_drop(finish[0].tx);
    sender_drop(finish[1].tx);
    receiver_drop(ends.rx);
}

TEST(a_sender_stopped_after_it_was_often_overtaken_keeps_no_other_from_finishing,
     .sentences = {"keeps no other sender from finishing", "sender_send takes no lock"},
     .one_thread_stops = true, .schedules = 4000,
     .hint = "What does sender_send do when others were quicker, again and again? Must another "
             "thread have made a step of it before yours can go on?")
{
    struct ends ends = open_channel(sizeof(int));
    struct work stops = {ends.tx, 0, 1}, finishes = {clone_of(ends.tx), 1000, 1};
    struct work overtakes = {clone_of(ends.tx), 2000, 60};
    pthread_t stopped = spawn(send_all_stoppable, &stops);
    pthread_t other = spawn(send_all, &finishes);
    pthread_t quick = spawn(send_all, &overtakes);

    join(other);
    join(quick);
    if (!join_unless_stopped(stopped))
        return;
    sender_drop(stops.tx);
    sender_drop(finishes.tx);
    sender_drop(overtakes.tx);
    receiver_drop(ends.rx);
}

static void *recv_two_of_two(void *rx)
{
    int next[2] = {0, 1000};

    may_be_left(true); /* what is sent behind the stopped one is held back */
    expect_next_of_two(next, rx, 2);
    may_be_left(false);
    return NULL;
}

TEST(a_sender_stopped_while_it_wakes_the_receiver_keeps_no_other_from_finishing,
     .sentences = {"A sender stopped anywhere inside sender_send, for ever",
                   "waits for no other thread's step"},
     .one_thread_stops = true,
     .hint = "Two senders find the receiver asleep. What does the second one do while the first is "
             "waking it?")
{
    struct work stops = {.first = 0, .count = 1}, finishes = {.first = 1000, .count = 1};
    pthread_t receiver, stopped, other;
    struct ends ends;

    exploring(false);
    ends = open_channel(sizeof(int));
    stops.tx = ends.tx;
    finishes.tx = clone_of(ends.tx);
    receiver = spawn(recv_two_of_two, ends.rx);
    exploring(true);
    stopped = spawn(send_all_stoppable, &stops);
    other = spawn(send_all, &finishes);
    join(other);
    if (!join_unless_stopped(stopped))
        return;
    join(receiver);
    sender_drop(stops.tx);
    sender_drop(finishes.tx);
    receiver_drop(ends.rx);
}

TEST(a_receiver_sleeps_while_what_comes_next_is_held_back_by_a_stopped_sender,
     .sentences = {"receiver_recv still sleeps"}, .one_thread_stops = true,
     .hint = "The queue is not empty, and yet there is nothing to take: until when? And what does "
             "receiver_recv do meanwhile?")
{
    struct ends ends = open_channel(sizeof(int));
    struct work stops = {ends.tx, 0, 1}, finishes = {clone_of(ends.tx), 1000, 1};
    pthread_t stopped = spawn(send_all_stoppable, &stops), receiver;

    send_all(&finishes);
    receiver = spawn(recv_two_of_two, ends.rx);
    if (!join_unless_stopped(stopped)) {
        settle();
        return;
    }
    join(receiver);
    sender_drop(stops.tx);
    sender_drop(finishes.tx);
    receiver_drop(ends.rx);
}

TEST(
    a_sender_stopped_anywhere_keeps_no_other_sender_from_making_room,
    .sentences = {"keeps no other sender from finishing"}, .one_thread_stops = true,
    .hint = "A sender that makes room for all is stopped before it is done. What do the others do?")
{
    struct ends ends = open_channel(sizeof(int));
    struct work stops = {ends.tx, 0, 36}, finishes = {clone_of(ends.tx), 1000, 36};
    pthread_t stopped = spawn(send_all_stoppable, &stops);
    pthread_t other = spawn(send_all, &finishes);

    join(other);
    if (!join_unless_stopped(stopped))
        return;
    sender_drop(stops.tx);
    sender_drop(finishes.tx);
    receiver_drop(ends.rx);
}

static void stop_one_behind(int messages)
{
    struct work work[2] = {{NULL, 0, 1}, {NULL, 1000, 2}};
    struct ends ends = open_behind(messages, work);
    pthread_t stopped = spawn(send_all_stoppable, &work[0]);

    send_all(&work[1]);
    if (!join_unless_stopped(stopped))
        return;
    sender_drop(work[0].tx);
    sender_drop(work[1].tx);
    receiver_drop(ends.rx);
}

TEST(
    a_sender_stopped_behind_7_messages_keeps_no_other_from_making_room,
    .sentences = {"keeps no other sender from finishing"}, .one_thread_stops = true,
    .schedules = 4000,
    .hint = "A sender that makes room for all is stopped before it is done. What do the others do?")
{
    stop_one_behind(7);
}

TEST(
    a_sender_stopped_behind_15_messages_keeps_no_other_from_making_room,
    .sentences = {"keeps no other sender from finishing"}, .one_thread_stops = true,
    .schedules = 4000,
    .hint = "A sender that makes room for all is stopped before it is done. What do the others do?")
{
    stop_one_behind(15);
}

TEST(
    a_sender_stopped_behind_31_messages_keeps_no_other_from_making_room,
    .sentences = {"keeps no other sender from finishing"}, .one_thread_stops = true,
    .schedules = 4000,
    .hint = "A sender that makes room for all is stopped before it is done. What do the others do?")
{
    stop_one_behind(31);
}

TEST(
    a_sender_stopped_behind_63_messages_keeps_no_other_from_making_room,
    .sentences = {"keeps no other sender from finishing"}, .one_thread_stops = true,
    .schedules = 4000,
    .hint = "A sender that makes room for all is stopped before it is done. What do the others do?")
{
    stop_one_behind(63);
}

TEST(a_message_behind_a_stopped_send_may_be_held_back_but_is_never_answered_by_closed,
     .sentences = {"Neither says CHANNEL_CLOSED"}, .one_thread_stops = true,
     .hint = "The stopped sender still has its handle. What else could make you say CLOSED?")
{
    struct ends ends = open_channel(sizeof(int));
    struct work stops = {ends.tx, 0, 1}, finishes = {clone_of(ends.tx), 1000, 1};
    int next[2] = {0, 1000};
    pthread_t stopped = spawn(send_all_stoppable, &stops);
    pthread_t other = spawn(send_all, &finishes);
    bool ended = false;
    int got, received = 0;

    for (int looks = 0; looks < 4; looks++) {
        if (looks == 2) {
            join(other);
            ended = join_unless_stopped(stopped);
        }
        if (check_one_of(receiver_try_recv(ends.rx, &got),
                         "A message that is held back is answered by EMPTY, never by CLOSED.",
                         CHANNEL_OK, CHANNEL_EMPTY) == CHANNEL_OK) {
            expect_next_of(next, 2, got);
            received++;
        }
    }
    if (!ended)
        return;
    check_equal(received, 2, "Once its send has returned, a message can be received.");
    sender_drop(stops.tx);
    sender_drop(finishes.tx);
    expect_closed(ends.rx);
    receiver_drop(ends.rx);
}

/* ---------------------------------------------------- whoever is stopped, a sender goes on */

static void *try_recv(void *rx)
{
    int got;

    may_stop(true);
    receiver_try_recv(rx, &got);
    may_stop(false);
    return NULL;
}

static void *recv(void *rx)
{
    int got;

    may_stop(true);
    receiver_recv(rx, &got);
    may_stop(false);
    return NULL;
}

static void *drop_the_receiver(void *rx)
{
    may_stop(true);
    receiver_drop(rx);
    may_stop(false);
    return NULL;
}

static void *clone_and_drop(void *tx)
{
    may_stop(true);
    sender_drop(sender_clone(tx));
    may_stop(false);
    return NULL;
}

/* Sends twice, while another thread makes a call in which it may be stopped for ever. False: it was. */
static bool send_beside(void *(*call)(void *), const char *name, void *handle, struct sender *tx)
{
    pthread_t other = spawn_named(name, call, handle);

    for (int message = 0; message < 2; message++)
        check_one_of(sender_send(tx, &message), "sender_send waits for no other thread's step.",
                     CHANNEL_OK, CHANNEL_CLOSED);
    return join_unless_stopped(other);
}

TEST(a_thread_stopped_inside_receiver_try_recv_keeps_no_sender_from_finishing,
     .sentences = {"waits for no other thread's step", "sender_send takes no lock"},
     .one_thread_stops = true,
     .hint = "What does the other thread hold while it is in its call, and does a sender need it?")
{
    struct ends ends = open_channel(sizeof(int));

    send_int(ends.tx, 7);
    if (!send_beside(try_recv, "try_recv", ends.rx, ends.tx))
        return;
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
}

TEST(a_thread_stopped_inside_receiver_recv_keeps_no_sender_from_finishing,
     .sentences = {"waits for no other thread's step", "sender_send takes no lock"},
     .one_thread_stops = true,
     .hint = "What does the other thread hold while it is in its call, and does a sender need it?")
{
    struct ends ends = open_channel(sizeof(int));

    if (!send_beside(recv, "recv", ends.rx, ends.tx))
        return;
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
}

TEST(a_thread_stopped_inside_receiver_drop_keeps_no_sender_from_finishing,
     .sentences = {"waits for no other thread's step", "sender_send takes no lock"},
     .one_thread_stops = true,
     .hint = "What does the other thread hold while it is in its call, and does a sender need it?")
{
    struct ends ends = open_channel(sizeof(int));

    send_int(ends.tx, 7);
    if (send_beside(drop_the_receiver, "drop_receiver", ends.rx, ends.tx))
        sender_drop(ends.tx);
}

TEST(a_thread_stopped_inside_sender_clone_or_drop_keeps_no_sender_from_finishing,
     .sentences = {"waits for no other thread's step", "sender_send takes no lock"},
     .one_thread_stops = true,
     .hint = "What does the other thread hold while it is in its call, and does a sender need it?")
{
    struct ends ends = open_channel(sizeof(int));
    struct sender *second = clone_of(ends.tx);

    if (!send_beside(clone_and_drop, "clone_and_drop", second, ends.tx))
        return;
    sender_drop(second);
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
}

/* ---------------------------------------------------------------------------- sleep, wake */

TEST(
    a_send_wakes_a_sleeping_receiver_each_time,
    .sentences = {"A send wakes a sleeping receiver, and so does"},
    .hint =
        "The receiver has looked and found nothing, but does not sleep yet. Now the message comes. "
        "Who sees whom?")
{
    struct ends ends = open_channel(sizeof(int));
    struct work work = {ends.tx, 0, 2};
    pthread_t sender = spawn(send_all, &work);

    for (int i = 0; i < 2; i++)
        check_equal(recv_int(ends.rx), i,
                    "What one sender sends arrives in the order it was sent.");
    join(sender);
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
}

static void find_it_asleep_behind(int messages)
{
    struct ends ends;
    struct work work = {.count = 1};
    pthread_t receiver, sender;

    exploring(false);
    ends = open_and_pass(messages);
    work.tx = clone_of(ends.tx);
    receiver = spawn(recv_two_of_two, ends.rx);
    exploring(true);
    sender = spawn(send_all, &work);
    send_int(ends.tx, 1000);
    join(sender);
    join(receiver);
    sender_drop(work.tx);
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
}

TEST(a_send_wakes_a_receiver_that_two_senders_find_asleep,
     .sentences = {"A send wakes a sleeping receiver, and so does"},
     .hint =
         "Two senders see the receiver asleep, or one sees it and the other does not. How often is "
         "it woken, and does it look again each time?")
{
    find_it_asleep_behind(0);
}

TEST(a_send_wakes_a_receiver_that_two_senders_find_asleep_behind_7_messages,
     .sentences = {"A send wakes a sleeping receiver, and so does"}, .schedules = 4000,
     .hint =
         "The receiver has emptied all the room there is, and sleeps. Does the sender that makes "
         "new room wake it too?")
{
    find_it_asleep_behind(7);
}

TEST(a_send_wakes_a_receiver_that_two_senders_find_asleep_behind_15_messages,
     .sentences = {"A send wakes a sleeping receiver, and so does"}, .schedules = 4000,
     .hint =
         "The receiver has emptied all the room there is, and sleeps. Does the sender that makes "
         "new room wake it too?")
{
    find_it_asleep_behind(15);
}

TEST(a_send_wakes_a_receiver_that_two_senders_find_asleep_behind_31_messages,
     .sentences = {"A send wakes a sleeping receiver, and so does"}, .schedules = 4000,
     .hint =
         "The receiver has emptied all the room there is, and sleeps. Does the sender that makes "
         "new room wake it too?")
{
    find_it_asleep_behind(31);
}

TEST(a_send_wakes_a_receiver_that_two_senders_find_asleep_behind_63_messages,
     .sentences = {"A send wakes a sleeping receiver, and so does"}, .schedules = 4000,
     .hint =
         "The receiver has emptied all the room there is, and sleeps. Does the sender that makes "
         "new room wake it too?")
{
    find_it_asleep_behind(63);
}

TEST(a_send_wakes_a_receiver_that_has_tried_in_vain_before,
     .sentences = {"A send wakes a sleeping receiver, and so does"},
     .hint = "A try found nothing, or something that was only just coming. What has it left behind "
             "for the next receive to stumble over?")
{
    struct ends ends = open_channel(sizeof(int));
    struct work work = {ends.tx, 0, 2};
    pthread_t sender = spawn(send_all, &work);
    int got = -1, received = 0;

    if (receiver_try_recv(ends.rx, &got) == CHANNEL_OK)
        check_equal(got, received++, "What one sender sends arrives in the order it was sent.");
    while (received < 2)
        check_equal(recv_int(ends.rx), received++,
                    "A message arrives once, after those before it.");
    join(sender);
    check_status(receiver_try_recv(ends.rx, &got), CHANNEL_EMPTY,
                 "Nothing is queued, and a sender is left: empty.");
    sender_drop(ends.tx);
    expect_closed(ends.rx);
    receiver_drop(ends.rx);
}

struct relay {
    struct receiver *rx;
    struct sender *tx;
};

static void *answer_until_closed(void *arg)
{
    struct relay *relay = arg;
    int message;

    while (receiver_recv(relay->rx, &message) == CHANNEL_OK)
        send_int(relay->tx, message + 1);
    sender_drop(relay->tx);
    receiver_drop(relay->rx);
    return NULL;
}

static void *answer_once(void *arg)
{
    struct relay *relay = arg;

    send_int(relay->tx, recv_int(relay->rx) + 1);
    return NULL;
}

TEST(a_send_wakes_the_other_side_in_a_dialogue,
     .sentences = {"A send wakes a sleeping receiver, and so does"})
{
    struct ends question, answer;
    struct relay relay;
    pthread_t other;

    exploring(false);
    question = open_channel(sizeof(int));
    answer = open_channel(sizeof(int));
    relay = (struct relay){question.rx, answer.tx};
    other = spawn(answer_once, &relay); /* and sleeps from now on */
    exploring(true);
    send_int(question.tx, 1);
    check_equal(recv_int(answer.rx), 2, "Each message is received once.");
    join(other);
    sender_drop(question.tx);
    sender_drop(answer.tx);
    receiver_drop(question.rx);
    receiver_drop(answer.rx);
}

TEST(recv_on_empty_closed_passes_from_one_side_of_a_dialogue_to_the_other,
     .sentences = {"A send wakes a sleeping receiver, and so does"})
{
    struct ends question, answer;
    struct relay relay;
    pthread_t other;

    exploring(false);
    question = open_channel(sizeof(int));
    answer = open_channel(sizeof(int));
    relay = (struct relay){question.rx, answer.tx};
    other = spawn(answer_until_closed, &relay); /* and sleeps from now on */
    exploring(true);
    sender_drop(question.tx);
    expect_closed(answer.rx);
    receiver_drop(answer.rx);
    join(other);
}

static void *receive_two(void *rx)
{
    int *sum = allocate(sizeof *sum);

    *sum = recv_int(rx);
    *sum += recv_int(rx);
    return sum;
}

TEST(receiver_recv_sleeps_when_there_is_nothing_to_receive,
     .sentences = {"receiver_recv still sleeps", "it neither spins nor polls"},
     .hint =
         "What does the receiver do when the queue is empty, or when a sender has begun but is not "
         "done? Waiting in a loop uses the processor.")
{
    struct ends ends = open_channel(sizeof(int));
    pthread_t receiver = spawn(receive_two, ends.rx);
    int *sum;

    settle();
    send_int(ends.tx, 1);
    settle();
    send_int(ends.tx, 2);
    sum = join(receiver);
    check_equal(*sum, 3, "A send wakes a sleeping receiver.");
    free(sum);
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
}

static void *receive_seventy(void *rx)
{
    for (int i = 0; i < 70; i++)
        check_equal(recv_int(rx), i, "What one sender sends arrives in the order it was sent.");
    return NULL;
}

TEST(a_send_wakes_the_receiver_wherever_in_the_queue_it_fell_asleep,
     .sentences = {"A send wakes a sleeping receiver, and so does"}, .once = true,
     .hint = "The receiver has emptied all the room there is, and sleeps. Does the sender that "
             "makes new "
             "room wake it too?")
{
    struct ends ends = open_channel(sizeof(int));
    pthread_t receiver = spawn(receive_seventy, ends.rx);

    for (int i = 0; i < 70; i++) {
        settle();
        send_int(ends.tx, i);
    }
    join(receiver);
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
}

/* ------------------------------------------------------------------------------ visibility */

struct parcel {
    int content[4];
};

static struct parcel *pack(int number)
{
    struct parcel *parcel = allocate(sizeof *parcel);

    for (int i = 0; i < 4; i++)
        parcel->content[i] = number + i;
    return parcel;
}

static int unpack(struct parcel *parcel)
{
    int number = parcel->content[0];

    for (int i = 0; i < 4; i++)
        check_equal(
            parcel->content[i], number + i,
            "What a thread wrote before sender_send, the receiver sees once it has the message.");
    free(parcel);
    return number;
}

static void *send_parcels(void *arg)
{
    struct work *work = arg;

    for (int i = 0; i < work->count; i++) {
        struct parcel *parcel = pack(work->first + i);

        check_status(sender_send(work->tx, &parcel), CHANNEL_OK,
                     "sender_send copies a message in while the receiver is there.");
    }
    return NULL;
}

TEST(what_two_senders_wrote_before_sending_the_receiver_sees,
     .sentences = {"What a thread wrote before sender_send", "it is up to your memory orders"},
     .hint = "Which store publishes the message, and which load sees it? Release and acquire go in "
             "pairs, on one and the same object.")
{
    struct ends ends = open_channel(sizeof(struct parcel *));
    struct work work[2] = {{ends.tx, 0, 1}, {clone_of(ends.tx), 1000, 1}};
    int next[2] = {0, 1000};
    pthread_t sender = spawn(send_parcels, &work[0]);

    send_parcels(&work[1]);
    for (int i = 0; i < 2; i++) {
        struct parcel *parcel = NULL;

        check_status(receiver_recv(ends.rx, &parcel), CHANNEL_OK,
                     "receiver_recv waits for a message.");
        expect_next_of(next, 2, unpack(parcel));
    }
    join(sender);
    sender_drop(work[0].tx);
    sender_drop(work[1].tx);
    receiver_drop(ends.rx);
}

static void *send_parcels_and_drop(void *arg)
{
    struct work *work = arg;

    send_parcels(work);
    sender_drop(work->tx);
    return NULL;
}

TEST(what_a_sender_wrote_is_seen_by_a_receiver_that_only_tries,
     .sentences = {"What a thread wrote before sender_send", "it is up to your memory orders"},
     .hint = "Was the message acquired on each path that takes one out?")
{
    struct ends ends = open_channel(sizeof(struct parcel *));
    struct work work = {ends.tx, 7, 1};
    pthread_t sender = spawn(send_parcels_and_drop, &work);
    struct parcel *parcel = NULL;
    int received = 0;

    for (int looks = 0; looks < 2 && !received; looks++)
        if (receiver_try_recv(ends.rx, &parcel) == CHANNEL_OK) {
            check_equal(unpack(parcel), 7, "A message arrives as it was sent.");
            received = 1;
        }
    join(sender);
    if (!received) {
        check_status(receiver_try_recv(ends.rx, &parcel), CHANNEL_OK,
                     "Once its send has returned, a message can be received.");
        check_equal(unpack(parcel), 7, "A message arrives as it was sent.");
    }
    expect_closed(ends.rx);
    receiver_drop(ends.rx);
}

static void *pass_on(void *arg)
{
    struct relay *relay = arg;
    struct parcel *parcel;

    check_status(receiver_recv(relay->rx, &parcel), CHANNEL_OK,
                 "receiver_recv waits for a message.");
    check_status(sender_send(relay->tx, &parcel), CHANNEL_OK, "sender_send copies a message in.");
    return NULL;
}

TEST(what_a_thread_wrote_is_seen_at_the_end_of_two_channels,
     .sentences = {"What a thread wrote before sender_send", "it is up to your memory orders"})
{
    struct ends first = open_channel(sizeof(struct parcel *));
    struct ends second = open_channel(sizeof(struct parcel *));
    struct relay relay = {first.rx, second.tx};
    struct work work = {first.tx, 3, 1};
    pthread_t sender = spawn(send_parcels, &work);
    pthread_t passer = spawn(pass_on, &relay);
    struct parcel *parcel = NULL;

    check_status(receiver_recv(second.rx, &parcel), CHANNEL_OK,
                 "receiver_recv waits for a message.");
    check_equal(unpack(parcel), 3, "A message arrives as it was sent.");
    join(sender);
    join(passer);
    sender_drop(first.tx);
    sender_drop(second.tx);
    receiver_drop(first.rx);
    receiver_drop(second.rx);
}

/* ------------------------------------------------------------- memory that is used again */

struct large {
    int number;
    int copies[15];
};

static void *send_large(void *arg)
{
    struct work *work = arg;

    for (int i = 0; i < work->count; i++) {
        struct large message = {.number = work->first + i};

        for (int k = 0; k < 15; k++)
            message.copies[k] = message.number;
        check_status(sender_send(work->tx, &message), CHANNEL_OK,
                     "sender_send copies a message in while the receiver is there.");
    }
    return NULL;
}

static int recv_large(struct receiver *rx)
{
    struct large got;

    check_status(receiver_recv(rx, &got), CHANNEL_OK, "receiver_recv waits for a message.");
    for (int k = 0; k < 15; k++)
        check_equal(got.copies[k], got.number, "A message arrives as it was sent, all of it.");
    return got.number;
}

TEST(a_sender_delayed_inside_a_send_meets_no_memory_that_was_freed_or_used_again,
     .sentences = {"nothing that another thread may still be inside"},
     .hint =
         "A sender remembers an address, and is delayed. Meanwhile what was there is received, and "
         "its memory freed or used for another message.")
{
    struct ends ends = open_channel(sizeof(struct large));
    struct work delayed = {ends.tx, 0, 2}, other = {clone_of(ends.tx), 1000, 1};
    int next[2] = {0, 1000};
    pthread_t sender = spawn(send_large, &delayed);

    for (int i = 0; i < 2; i++) {
        send_large(&other);
        expect_next_of(next, 2, recv_large(ends.rx));
        other.first++;
    }
    join(sender);
    for (int i = 0; i < 2; i++)
        expect_next_of(next, 2, recv_large(ends.rx));
    sender_drop(delayed.tx);
    sender_drop(other.tx);
    receiver_drop(ends.rx);
}

/* One sender is delayed inside a send; meanwhile here sends three times and receives a few times. What the
 * receives give back may be what the delayed sender has looked at. */
static void send_and_receive_beside_a_delayed_sender(int receives)
{
    struct ends ends = open_channel(sizeof(int));
    struct work work = {clone_of(ends.tx), 0, 2};
    int next[2] = {0, 1000};
    pthread_t delayed;

    for (int i = 0; i < 4; i++)
        send_int(ends.tx, i);
    for (int i = 0; i < 4; i++)
        check_equal(recv_int(ends.rx), i,
                    "What one sender sends arrives in the order it was sent.");
    delayed = spawn(send_all, &work);
    for (int i = 0; i < 3; i++)
        send_int(ends.tx, 1000 + i);
    expect_next_of_two(next, ends.rx, receives);
    join(delayed);
    expect_next_of_two(next, ends.rx, 5 - receives);
    sender_drop(work.tx);
    sender_drop(ends.tx);
    expect_closed(ends.rx);
    receiver_drop(ends.rx);
}

TEST(a_sender_delayed_inside_a_send_meets_no_memory_that_one_receive_gave_back,
     .sentences = {"nothing that another thread may still be inside"},
     .hint = "A sender remembers an address, and is delayed. Meanwhile what was there is used for "
             "another message, received, and there again. What does an exchange compare?")
{
    send_and_receive_beside_a_delayed_sender(1);
}

TEST(a_sender_delayed_inside_a_send_meets_no_memory_that_two_receives_gave_back,
     .sentences = {"nothing that another thread may still be inside"},
     .hint = "A sender remembers an address, and is delayed. Meanwhile what was there is used for "
             "another message, received, and there again. What does an exchange compare?")
{
    send_and_receive_beside_a_delayed_sender(2);
}

/* The delayed sender may have looked at room that is used up and received meanwhile. */
static void delay_one_behind(int messages)
{
    struct work work[2] = {{NULL, 0, 1}, {NULL, 1000, 2}};
    struct ends ends = open_behind(messages, work);
    int next[2] = {0, 1000};
    pthread_t delayed = spawn(send_all, &work[0]);

    send_all(&work[1]);
    expect_next_of_two(next, ends.rx, messages + 2);
    join(delayed);
    expect_next_of_two(next, ends.rx, 1);
    sender_drop(work[0].tx);
    sender_drop(work[1].tx);
    receiver_drop(ends.rx);
}

TEST(a_sender_delayed_behind_7_messages_meets_no_memory_that_was_given_back,
     .sentences = {"nothing that another thread may still be inside"}, .schedules = 4000,
     .hint =
         "A sender has found room, and is delayed. Meanwhile all that was there is received. Who "
         "may give it back?")
{
    delay_one_behind(7);
}

TEST(a_sender_delayed_behind_15_messages_meets_no_memory_that_was_given_back,
     .sentences = {"nothing that another thread may still be inside"}, .schedules = 4000,
     .hint =
         "A sender has found room, and is delayed. Meanwhile all that was there is received. Who "
         "may give it back?")
{
    delay_one_behind(15);
}

TEST(a_sender_delayed_behind_31_messages_meets_no_memory_that_was_given_back,
     .sentences = {"nothing that another thread may still be inside"}, .schedules = 4000,
     .hint =
         "A sender has found room, and is delayed. Meanwhile all that was there is received. Who "
         "may give it back?")
{
    delay_one_behind(31);
}

TEST(a_sender_delayed_behind_63_messages_meets_no_memory_that_was_given_back,
     .sentences = {"nothing that another thread may still be inside"}, .schedules = 4000,
     .hint =
         "A sender has found room, and is delayed. Meanwhile all that was there is received. Who "
         "may give it back?")
{
    delay_one_behind(63);
}

/* ---------------------------------------------------------------------- handles, failures */

TEST(a_handle_may_be_handed_from_thread_to_thread,
     .sentences = {"A handle may be handed from thread to thread"})
{
    struct ends ends = open_channel(sizeof(int));
    struct work work = {ends.tx, 2, 1};
    pthread_t sender, receiver;

    send_int(ends.tx, 1);
    receiver = spawn(receive_in_order, ends.rx);
    sender = spawn(send_all, &work);
    join(sender);
    join(receiver);
    send_int(ends.tx, 3);
    sender_drop(ends.tx);
    check_equal(recv_int(ends.rx), 3, "What is kept in a handle moves with it.");
    expect_closed(ends.rx);
    receiver_drop(ends.rx);
}

/* Sends its numbers, each again after NO_MEMORY, which is excused once. */
static void *send_in_spite_of_no_memory(void *arg)
{
    struct work *work = arg;
    bool failed = false;

    for (int i = 0; i < work->count; i++) {
        int message = work->first + i;
        enum channel_status status = check_one_of(
            sender_send(work->tx, &message), "sender_send says OK or, out of memory, NO_MEMORY.",
            CHANNEL_OK, CHANNEL_NO_MEMORY);

        if (status == CHANNEL_OK)
            continue;
        check(allocation_has_failed() && !failed,
              "NO_MEMORY is said only when an allocation failed.");
        failed = true;
        send_int(work->tx, message);
    }
    return NULL;
}

TEST(no_memory_leaves_the_channel_as_before_whatever_the_other_sender_does,
     .sentences = {"sender_send: the message stays the caller's",
                   "sender_send: No room could be allocated", "A later send may succeed"},
     .allocations_fail = true,
     .hint = "An allocation failed. What had the call done by then: who sees it, who frees it?")
{
    struct sender *tx = NULL, *second;
    struct receiver *rx = NULL;
    struct work work[2];
    int next[2] = {0, 1000};
    pthread_t a, b;

    if (channel_create(sizeof(int), &tx, &rx) != CHANNEL_OK)
        return;
    second = sender_clone(tx);
    work[0] = (struct work){tx, 0, 2};
    work[1] = (struct work){second, 1000, second ? 1 : 0};
    a = spawn(send_in_spite_of_no_memory, &work[0]);
    b = spawn(send_in_spite_of_no_memory, &work[1]);
    join(a);
    join(b);
    expect_next_of_two(next, rx, 2 + work[1].count);
    sender_drop(tx);
    sender_drop(second);
    expect_closed(rx);
    receiver_drop(rx);
}

static void fail_behind(int messages)
{
    struct work work[2] = {{NULL, 0, messages}, {NULL, 1000, 1}};
    int next[2] = {0, 1000};
    struct receiver *rx = NULL;
    pthread_t a;

    if (channel_create(sizeof(int), &work[0].tx, &rx) != CHANNEL_OK)
        return;
    work[1].tx = sender_clone(work[0].tx);
    work[1].count = work[1].tx ? 1 : 0;
    exploring(false);
    send_in_spite_of_no_memory(&work[0]);
    exploring(true);
    work[0].first = messages;
    work[0].count = 2;
    a = spawn(send_in_spite_of_no_memory, &work[0]);
    send_in_spite_of_no_memory(&work[1]);
    join(a);
    expect_next_of_two(next, rx, messages + 2 + work[1].count);
    sender_drop(work[0].tx);
    sender_drop(work[1].tx);
    expect_closed(rx);
    receiver_drop(rx);
}

TEST(no_memory_behind_7_messages_leaves_the_channel_as_before,
     .sentences = {"sender_send: the message stays the caller's",
                   "sender_send: No room could be allocated", "A later send may succeed"},
     .allocations_fail = true, .schedules = 4000,
     .hint = "There was no memory to make room with. What had this send already changed that "
             "others see?")
{
    fail_behind(7);
}

TEST(no_memory_behind_15_messages_leaves_the_channel_as_before,
     .sentences = {"sender_send: the message stays the caller's",
                   "sender_send: No room could be allocated", "A later send may succeed"},
     .allocations_fail = true, .schedules = 4000,
     .hint = "There was no memory to make room with. What had this send already changed that "
             "others see?")
{
    fail_behind(15);
}

TEST(no_memory_behind_31_messages_leaves_the_channel_as_before,
     .sentences = {"sender_send: the message stays the caller's",
                   "sender_send: No room could be allocated", "A later send may succeed"},
     .allocations_fail = true, .schedules = 4000,
     .hint = "There was no memory to make room with. What had this send already changed that "
             "others see?")
{
    fail_behind(31);
}

TEST(no_memory_behind_63_messages_leaves_the_channel_as_before,
     .sentences = {"sender_send: the message stays the caller's",
                   "sender_send: No room could be allocated", "A later send may succeed"},
     .allocations_fail = true, .schedules = 4000,
     .hint = "There was no memory to make room with. What had this send already changed that "
             "others see?")
{
    fail_behind(63);
}
