/* Suite of 04: the sentences of channel.h about capacity and backpressure, one test each. */
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "suite.h"

#include "channel.h"

#define FITS "As many messages as the capacity fit without waiting."
#define FULL "CHANNEL_FULL: capacity messages are queued."
#define IN_ORDER "Messages of one sender arrive in the order it sent them."
#define RECEIVED "A queued message is received."
#define THERE "While the receiver is there and there is room, a send is OK."
#define MEETS_DROP "A send that meets receiver_drop is OK or CLOSED."
#define EXACTLY_ONCE                                                                               \
    "drop runs exactly once for every message that was sent and can no longer be received."

/* Messages are numbers; dropping one counts. */
enum { NUMBERS = 64 };

static atomic_int drops[NUMBERS]; /* how often number was dropped */

static int drops_of(int number)
{
    return atomic_load_explicit(&drops[number], memory_order_relaxed);
}

static void drop_number(void *message)
{
    int number;

    memcpy(&number, message, sizeof number);
    check(number >= 0 && number < NUMBERS, "drop is called with a pointer to the message.");
    atomic_fetch_add_explicit(&drops[number], 1, memory_order_relaxed);
}

struct ends {
    struct sender *tx;
    struct receiver *rx;
};

static struct ends open_sized(size_t message_size, size_t capacity)
{
    struct ends ends = {NULL, NULL};

    check_status(channel_create_bounded(message_size, capacity, NULL, &ends.tx, &ends.rx),
                 CHANNEL_OK, "channel_create_bounded makes a channel.");
    return ends;
}

/* A channel of numbers. */
static struct ends open_channel(size_t capacity)
{
    struct ends ends = {NULL, NULL};

    memset(drops, 0, sizeof drops);
    check_status(channel_create_bounded(sizeof(int), capacity, drop_number, &ends.tx, &ends.rx),
                 CHANNEL_OK, "channel_create_bounded makes a channel.");
    return ends;
}

static struct sender *clone(struct sender *tx)
{
    struct sender *another = sender_clone(tx);

    check(another != NULL, "sender_clone makes one more sender.");
    return another;
}

static void send(struct sender *tx, int number)
{
    check_status(sender_send(tx, &number), CHANNEL_OK, THERE);
}

static void try_send(struct sender *tx, int number, enum channel_status expected, const char *rule)
{
    check_status(sender_try_send(tx, &number), expected, rule);
}

static void recv(struct receiver *rx, int number)
{
    int got = -1;

    check_status(receiver_recv(rx, &got), CHANNEL_OK, RECEIVED);
    check_equal(got, number, IN_ORDER);
}

/* Sends the numbers 0 to capacity - 1, as many as fit. */
static void fill(struct sender *tx, int capacity)
{
    for (int i = 0; i < capacity; i++)
        send(tx, i);
}

/* ------------------------------------------------------------------------- making a channel */

TEST(channel_create_bounded_connects_a_sender_and_a_receiver,
     .sentences = {"two ends of a new channel with that capacity"})
{
    struct ends ends = open_channel(2);

    check(ends.tx != NULL && ends.rx != NULL, "*tx and *rx are the two ends of a new channel.");
    send(ends.tx, 1);
    send(ends.tx, 2);
    recv(ends.rx, 1);
    recv(ends.rx, 2);
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
}

static void check_create_fails(size_t message_size, size_t capacity, enum channel_status expected,
                               const char *rule)
{
    int somewhere = 0;
    struct sender *tx = (struct sender *)(void *)&somewhere;
    struct receiver *rx = (struct receiver *)(void *)&somewhere;

    check_status(channel_create_bounded(message_size, capacity, drop_number, &tx, &rx), expected,
                 rule);
    check_pointer(tx, &somewhere, "Unless CHANNEL_OK, *tx and *rx are untouched.");
    check_pointer(rx, &somewhere, "Unless CHANNEL_OK, *tx and *rx are untouched.");
}

TEST(create_bounded_says_invalid_for_message_size_0,
     .sentences = {"message_size is 0 or capacity is 0",
                   "channel_create_bounded CHANNEL_INVALID: are untouched"})
{
    for (size_t capacity = 1; capacity <= 20; capacity++)
        check_create_fails(0, capacity, CHANNEL_INVALID, "CHANNEL_INVALID: message_size is 0.");
    check_create_fails(0, SIZE_MAX, CHANNEL_INVALID, "CHANNEL_INVALID: message_size is 0.");
}

TEST(create_bounded_says_invalid_for_capacity_0,
     .sentences = {"message_size is 0 or capacity is 0",
                   "channel_create_bounded CHANNEL_INVALID: are untouched"})
{
    check_create_fails(8, 0, CHANNEL_INVALID, "CHANNEL_INVALID: capacity is 0.");
    check_create_fails(SIZE_MAX, 0, CHANNEL_INVALID, "CHANNEL_INVALID: capacity is 0.");
    check_create_fails(0, 0, CHANNEL_INVALID,
                       "CHANNEL_INVALID: message_size is 0 and capacity is.");
}

TEST(create_bounded_out_of_memory_leaves_tx_and_rx_untouched,
     .sentences = {"channel_create_bounded: and nothing leaks"}, .allocations_fail = true)
{
    int somewhere = 0;
    struct sender *tx = (struct sender *)(void *)&somewhere;
    struct receiver *rx = (struct receiver *)(void *)&somewhere;

    if (check_one_of(channel_create_bounded(8, 3, drop_number, &tx, &rx),
                     "Out of memory: CHANNEL_NO_MEMORY.", CHANNEL_OK,
                     CHANNEL_NO_MEMORY) == CHANNEL_OK) {
        sender_drop(tx);
        receiver_drop(rx);
        return;
    }
    check(allocation_has_failed(), "CHANNEL_NO_MEMORY only when out of memory.");
    check_pointer(tx, &somewhere, "CHANNEL_NO_MEMORY: *tx and *rx are untouched.");
    check_pointer(rx, &somewhere, "CHANNEL_NO_MEMORY: *tx and *rx are untouched.");
}

/* --------------------------------------------------------------------------------- capacity */

TEST(a_channel_holds_capacity_messages_and_not_one_more,
     .sentences = {"which holds at most capacity messages",
                   "sender_try_send CHANNEL_FULL: capacity messages are queued"})
{
    static const int capacities[] = {1, 2, 3, 7, 50};

    for (int c = 0; c < 5; c++) {
        int capacity = capacities[c];
        struct ends ends = open_channel((size_t)capacity);

        for (int i = 0; i < capacity; i++)
            try_send(ends.tx, i, CHANNEL_OK, FITS);
        try_send(ends.tx, 60, CHANNEL_FULL, FULL);
        recv(ends.rx, 0);
        try_send(ends.tx, 61, CHANNEL_OK, "A message that is taken leaves its place to another.");
        try_send(ends.tx, 62, CHANNEL_FULL, FULL);
        for (int i = 1; i < capacity; i++)
            recv(ends.rx, i);
        recv(ends.rx, 61);
        sender_drop(ends.tx);
        receiver_drop(ends.rx);
    }
}

TEST(every_message_taken_leaves_one_place,
     .sentences = {"sender_try_send CHANNEL_FULL: capacity messages are queued",
                   "sender_try_send: The message is sent"})
{
    struct ends ends = open_channel(3);
    int sent = 0, received = 0, got;

    for (int taken = 1; taken <= 3; taken++) {
        while (sent - received < 3)
            try_send(ends.tx, sent++, CHANNEL_OK, FITS);
        try_send(ends.tx, 60, CHANNEL_FULL, FULL);
        for (int i = 0; i < taken; i++)
            recv(ends.rx, received++);
        for (int i = 0; i < taken; i++)
            try_send(ends.tx, sent++, CHANNEL_OK, FITS);
        try_send(ends.tx, 60, CHANNEL_FULL, FULL);
    }
    while (received < sent)
        recv(ends.rx, received++);
    check_status(receiver_try_recv(ends.rx, &got), CHANNEL_EMPTY, "What was FULL was not sent.");
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
}

TEST(a_message_that_was_not_sent_because_full_stays_the_callers,
     .sentences = {"sender_try_send message: it stays the caller's"})
{
    struct ends ends = open_channel(1);
    int got = -1;

    send(ends.tx, 1);
    try_send(ends.tx, 2, CHANNEL_FULL, FULL);
    check_equal(drops_of(2), 0, "CHANNEL_FULL: the message stays the caller's.");
    recv(ends.rx, 1);
    check_status(receiver_try_recv(ends.rx, &got), CHANNEL_EMPTY,
                 "CHANNEL_FULL: the channel is as before.");
    receiver_drop(ends.rx);
    sender_drop(ends.tx);
    check_equal(drops_of(1) + drops_of(2), 0, "drop runs for what was sent and not received.");
}

TEST(messages_of_every_size_go_round_the_end_whole,
     .sentences = {"which holds at most capacity messages"})
{
    static const size_t sizes[] = {1, 3, 8, 64, 4096};
    unsigned char sent[4096], got[4096];

    for (int s = 0; s < 5; s++) {
        struct ends ends = open_sized(sizes[s], 3);

        for (int i = 0; i < 20; i++) {
            memset(sent, 'a' + i, sizeof sent);
            check_status(sender_try_send(ends.tx, sent), CHANNEL_OK, FITS);
            if (i < 2)
                continue;
            memset(sent, 'a' + i - 2, sizeof sent);
            check_status(receiver_recv(ends.rx, got), CHANNEL_OK, RECEIVED);
            check_bytes(got, sent, sizes[s], "A message arrives whole, in the order of sending.");
        }
        sender_drop(ends.tx);
        receiver_drop(ends.rx);
    }
}

/* Fills a channel and empties it again and again, its oldest message lying stride places further each
 * time, until it has been once round. */
static void fill_at_every_place(size_t capacity, size_t stride)
{
    struct ends ends = open_sized(sizeof(int), capacity);
    int sent = 0, received = 0;

    for (size_t place = 0; place <= capacity; place += stride) {
        size_t before = allocations();

        for (size_t i = 0; i < capacity; i++)
            try_send(ends.tx, sent++, CHANNEL_OK, FITS);
        try_send(ends.tx, -1, CHANNEL_FULL, FULL);
        check_equal(allocations() - before, 0, "Sending on a bounded channel never allocates.");
        while (received < sent)
            recv(ends.rx, received++);
        for (size_t i = 0; i < stride; i++) {
            try_send(ends.tx, sent++, CHANNEL_OK, FITS);
            recv(ends.rx, received++);
        }
    }
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
}

TEST(as_many_messages_as_the_capacity_fit_wherever_the_oldest_lies,
     .sentences = {"sender_try_send CHANNEL_FULL: capacity messages are queued",
                   "sender_try_send: The message is sent"},
     .once = true, .hint = "Where is the last place when the oldest message is not in the first?")
{
    static const size_t around[] = {31,  32,  33,  63,  64,  65,   127,
                                    128, 129, 255, 256, 257, 1023, 1025};

    for (size_t capacity = 1; capacity <= 20; capacity++)
        fill_at_every_place(capacity, 1);
    for (size_t i = 0; i < sizeof around / sizeof around[0]; i++)
        fill_at_every_place(around[i], 1 + around[i] / 20);
}

/* Few places, whose number is no power of two, and two of them taken when a count wraps round: by two senders, of
 * which one sends every 16th message and the other more than 65,536. */
static void pass_many(size_t capacity)
{
    struct ends ends = open_sized(sizeof(int), capacity);
    struct sender *second = clone(ends.tx);
    int sent = 0;

    for (int received = 0; received < 70000; received++) {
        for (; sent < received + 2; sent++)
            send(sent % 16 == 15 ? second : ends.tx, sent);
        recv(ends.rx, received);
    }
    sender_drop(second);
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
}

TEST(more_than_65536_messages_can_pass_through_a_few_places,
     .sentences = {"more than 65,536 handles or queued messages work"}, .once = true,
     .hint = "What is 65,535 modulo the capacity, and what is the next number modulo the capacity?")
{
    pass_many(3);
}

TEST(channels_side_by_side_share_no_capacity, .sentences = {"Two channels share no state"})
{
    struct ends one = open_channel(1), two = open_channel(2);

    try_send(one.tx, 1, CHANNEL_OK, FITS);
    try_send(one.tx, 2, CHANNEL_FULL, FULL);
    try_send(two.tx, 3, CHANNEL_OK, "Two channels share no state.");
    try_send(two.tx, 4, CHANNEL_OK, "Two channels share no state.");
    try_send(two.tx, 5, CHANNEL_FULL, FULL);
    recv(two.rx, 3);
    try_send(one.tx, 6, CHANNEL_FULL, "Two channels share no state.");
    receiver_drop(one.rx);
    try_send(two.tx, 7, CHANNEL_OK, "Two channels share no state.");
    sender_drop(one.tx);
    sender_drop(two.tx);
    receiver_drop(two.rx);
}

/* ------------------------------------------------------------------------ unbounded channels */

static void check_never_full(struct ends ends)
{
    for (int i = 0; i < 300; i++)
        try_send(ends.tx, i, CHANNEL_OK, "sender_try_send on an unbounded channel is never FULL.");
    for (int i = 0; i < 150; i++)
        recv(ends.rx, i);
    receiver_drop(ends.rx);
    try_send(ends.tx, 1, CHANNEL_CLOSED, "The receiver has been dropped.");
    sender_drop(ends.tx);
}

TEST(try_send_on_an_unbounded_channel_never_says_full,
     .sentences = {"sender_try_send CHANNEL_FULL: Bounded channels only",
                   "Works on unbounded channels, too", "are as before"})
{
    struct ends ends = {NULL, NULL};

    check_status(channel_create(sizeof(int), &ends.tx, &ends.rx), CHANNEL_OK,
                 "channel_create makes an unbounded channel.");
    check_never_full(ends);
    check_status(channel_create_with_drop(sizeof(int), NULL, &ends.tx, &ends.rx), CHANNEL_OK,
                 "channel_create_with_drop makes an unbounded channel.");
    check_never_full(ends);
}

TEST(try_send_on_an_unbounded_channel_never_says_full_however_many_are_queued,
     .sentences = {"sender_try_send CHANNEL_FULL: Bounded channels only", "are as before"},
     .once = true, .hint = "What counts the places that are free, where there is no end of them?")
{
    struct ends ends = {NULL, NULL};
    int many = is_followed() ? 70000 : (1 << 20) + 100; /* unbounded is not a large capacity */

    check_status(channel_create(sizeof(int), &ends.tx, &ends.rx), CHANNEL_OK,
                 "channel_create makes an unbounded channel.");
    for (int i = 0; i < many; i++)
        try_send(ends.tx, i, CHANNEL_OK, "sender_try_send on an unbounded channel is never FULL.");
    receiver_drop(ends.rx);
    sender_drop(ends.tx);
}

TEST(try_send_on_an_unbounded_channel_may_run_out_of_memory,
     .sentences = {"sender_try_send: Unbounded channels only",
                   "sender_try_send message: it stays the caller's"},
     .allocations_fail = true)
{
    struct ends ends = {NULL, NULL};
    int sent[8], n = 0;

    if (check_one_of(channel_create(sizeof(int), &ends.tx, &ends.rx),
                     "Out of memory: CHANNEL_NO_MEMORY.", CHANNEL_OK,
                     CHANNEL_NO_MEMORY) != CHANNEL_OK)
        return;
    for (int i = 0; i < 8; i++) {
        if (check_one_of(sender_try_send(ends.tx, &i), "Out of memory: CHANNEL_NO_MEMORY.",
                         CHANNEL_OK, CHANNEL_NO_MEMORY) == CHANNEL_OK)
            sent[n++] = i;
        else
            check(allocation_has_failed(), "CHANNEL_NO_MEMORY only when out of memory.");
    }
    sender_drop(ends.tx);
    for (int i = 0; i < n; i++)
        recv(ends.rx, sent[i]);
    receiver_drop(ends.rx);
}

static void *try_send_until_sent(void *tx)
{
    int number = 1;

    if (check_one_of(sender_try_send(tx, &number), "Out of memory: CHANNEL_NO_MEMORY.", CHANNEL_OK,
                     CHANNEL_NO_MEMORY) == CHANNEL_NO_MEMORY) {
        check(allocation_has_failed(), "CHANNEL_NO_MEMORY only when out of memory.");
        try_send(tx, 1, CHANNEL_OK, "CHANNEL_NO_MEMORY: the channel is as before.");
    }
    sender_drop(tx);
    return NULL;
}

TEST(two_try_sends_on_an_unbounded_channel_go_on_when_one_ran_out_of_memory,
     .sentences = {"sender_try_send: Unbounded channels only"}, .allocations_fail = true,
     .hint = "What have you locked when the allocation fails?")
{
    struct ends ends = {NULL, NULL};
    struct sender *second;
    pthread_t thread;
    int got, received = 0;

    if (channel_create(sizeof(int), &ends.tx, &ends.rx) != CHANNEL_OK) {
        check(allocation_has_failed(), "CHANNEL_NO_MEMORY only when out of memory.");
        return;
    }
    second = sender_clone(ends.tx);
    thread = spawn(try_send_until_sent, ends.tx);
    if (second != NULL)
        try_send_until_sent(second);
    while (receiver_recv(ends.rx, &got) == CHANNEL_OK)
        received += got;
    join(thread);
    check_equal(received, 1 + (second != NULL), "Each message is received once.");
    receiver_drop(ends.rx);
}

/* ------------------------------------------- the four behaviours, on a bounded channel */

static void *send_1_2(void *tx)
{
    send(tx, 1);
    send(tx, 2);
    sender_drop(tx);
    return NULL;
}

static void *send_11_12(void *tx)
{
    send(tx, 11);
    send(tx, 12);
    sender_drop(tx);
    return NULL;
}

static void *send_11(void *tx)
{
    send(tx, 11);
    sender_drop(tx);
    return NULL;
}

static void *send_21(void *tx)
{
    send(tx, 21);
    sender_drop(tx);
    return NULL;
}

/* Receives n numbers of senders that number theirs 1, 2, ..., 11, 12, ..., 21, ... and then CLOSED. */
static void recv_in_order(struct receiver *rx, int n)
{
    int last[3] = {0, 10, 20}, got = -1;

    for (int i = 0; i < n; i++) {
        check_status(receiver_recv(rx, &got), CHANNEL_OK, RECEIVED);
        check(got > 0 && got < 30, "A message arrives as it was sent.");
        check_equal(got, ++last[got / 10], IN_ORDER);
    }
    check_status(receiver_recv(rx, &got), CHANNEL_CLOSED,
                 "Nothing queued, no sender left: closed.");
}

TEST(multi_sender_two_senders_share_one_place,
     .sentences = {"sender_try_send CHANNEL_FULL: capacity messages are queued"},
     .hint = "Two senders sleep and one place comes free: who is woken, and who wakes the other?")
{
    struct ends ends = open_channel(1);
    pthread_t one, two;

    fill(ends.tx, 1);
    one = spawn(send_11, clone(ends.tx));
    two = spawn(send_21, ends.tx);
    recv(ends.rx, 0);
    recv_in_order(ends.rx, 2);
    join(one);
    join(two);
    receiver_drop(ends.rx);
}

TEST(multi_sender_three_senders_share_two_places,
     .sentences = {"sender_try_send CHANNEL_FULL: capacity messages are queued"})
{
    struct ends ends = open_channel(2);
    pthread_t one = spawn(send_1_2, clone(ends.tx));
    pthread_t two = spawn(send_11_12, clone(ends.tx));
    pthread_t three = spawn(send_21, ends.tx);

    recv_in_order(ends.rx, 5);
    join(one);
    join(two);
    join(three);
    receiver_drop(ends.rx);
}

TEST(send_after_drop_says_closed_even_when_the_channel_was_full,
     .sentences = {"The receiver has been dropped, full or not",
                   "sender_try_send CHANNEL_FULL: Bounded channels only"})
{
    struct ends ends = open_channel(2);
    int number = 5;

    fill(ends.tx, 2);
    receiver_drop(ends.rx);
    check_status(sender_send(ends.tx, &number), CHANNEL_CLOSED, "The receiver has been dropped.");
    check_status(sender_try_send(ends.tx, &number), CHANNEL_CLOSED,
                 "CHANNEL_CLOSED: the receiver has been dropped, full or not.");
    check_equal(drops_of(5), 0, "The message stays the caller's.");
    sender_drop(ends.tx);
}

TEST(send_after_drop_says_closed_when_there_is_room,
     .sentences = {"The receiver has been dropped, full or not",
                   "sender_send: The receiver has been dropped, and stays so"})
{
    struct ends ends = open_channel(2);
    int number = 5;

    receiver_drop(ends.rx);
    check_status(sender_try_send(ends.tx, &number), CHANNEL_CLOSED,
                 "CHANNEL_CLOSED: the receiver has been dropped, full or not.");
    check_status(sender_send(ends.tx, &number), CHANNEL_CLOSED, "The receiver has been dropped.");
    check_status(sender_send(ends.tx, &number), CHANNEL_CLOSED, "... and stays so.");
    sender_drop(ends.tx);
}

TEST(recv_on_empty_closed_comes_after_what_a_full_channel_held,
     .sentences = {"receiver_recv: Queued messages come first"})
{
    struct ends ends = open_channel(2);
    int got = -1;

    check_status(receiver_try_recv(ends.rx, &got), CHANNEL_EMPTY, "Nothing queued, a sender left.");
    fill(ends.tx, 2);
    sender_drop(ends.tx);
    recv(ends.rx, 0);
    recv(ends.rx, 1);
    check_status(receiver_recv(ends.rx, &got), CHANNEL_CLOSED, "Nothing queued, no sender left.");
    check_status(receiver_try_recv(ends.rx, &got), CHANNEL_CLOSED, "... now and for good.");
    check_equal(got, -1, "*message is written on OK only.");
    receiver_drop(ends.rx);
}

TEST(dropping_the_last_sender_wakes_a_receiver_of_a_bounded_channel,
     .sentences = {"A send wakes a sleeping receiver, and so does"}, .woken_by_others = true)
{
    struct ends ends = open_channel(1);
    pthread_t thread = spawn(send_21, ends.tx);

    recv_in_order(ends.rx, 1);
    join(thread);
    receiver_drop(ends.rx);
}

/* ----------------------------------------------------------------------------- backpressure */

/* One send by a thread, and what became of it. */
struct sending {
    struct sender *tx; /* dropped by the thread */
    int number;
    atomic_bool returned;
};

static void *send_one(void *arg)
{
    struct sending *sending = arg;

    send(sending->tx, sending->number);
    atomic_store(&sending->returned, true);
    sender_drop(sending->tx);
    return NULL;
}

TEST(send_sleeps_while_capacity_messages_are_queued,
     .sentences = {"sender_send sleeps while capacity messages are queued",
                   "a sender faster than the receiver sleeps", "Sleeping uses no processor time"})
{
    struct ends ends = open_channel(2);
    struct sending sending = {.tx = ends.tx, .number = 2};
    pthread_t thread;

    fill(ends.tx, 2);
    thread = spawn(send_one, &sending);
    settle();
    check(!atomic_load(&sending.returned),
          "sender_send sleeps while capacity messages are queued.");
    recv(ends.rx, 0);
    join(thread); /* taking a message woke it */
    recv(ends.rx, 1);
    recv(ends.rx, 2);
    receiver_drop(ends.rx);
}

TEST(woken_several_times_without_a_place_a_sender_sleeps_on,
     .sentences = {"sender_send sleeps while capacity messages are queued"}, .spurious_wakeups = 3,
     .hint = "What do you look at each time it wakes up, not only the first time?")
{
    struct ends ends = open_channel(1);
    struct sending sending = {.tx = ends.tx, .number = 1};
    pthread_t thread;

    fill(ends.tx, 1);
    thread = spawn(send_one, &sending);
    recv(ends.rx, 0);
    recv(ends.rx, 1);
    join(thread);
    receiver_drop(ends.rx);
}

TEST(taking_a_message_with_recv_wakes_a_sleeping_sender,
     .sentences = {"Taking a message wakes a sleeping sender"}, .woken_by_others = true)
{
    struct ends ends = open_channel(1);
    struct sending sending = {.tx = ends.tx, .number = 1};
    pthread_t thread;

    fill(ends.tx, 1);
    thread = spawn(send_one, &sending);
    recv(ends.rx, 0);
    join(thread);
    recv(ends.rx, 1);
    receiver_drop(ends.rx);
}

TEST(taking_a_message_with_try_recv_wakes_a_sleeping_sender,
     .sentences = {"Taking a message wakes a sleeping sender"}, .woken_by_others = true)
{
    struct ends ends = open_channel(1);
    struct sending sending = {.tx = ends.tx, .number = 1};
    pthread_t thread;
    int got = -1;

    fill(ends.tx, 1);
    thread = spawn(send_one, &sending);
    check_status(receiver_try_recv(ends.rx, &got), CHANNEL_OK, RECEIVED);
    check_equal(got, 0, IN_ORDER);
    join(thread);
    check_status(receiver_try_recv(ends.rx, &got), CHANNEL_OK, RECEIVED);
    check_equal(got, 1, IN_ORDER);
    receiver_drop(ends.rx);
}

/* Whoever is woken does not always run at once: so many messages are taken before it does. */
TEST(a_sender_is_woken_however_many_messages_are_taken_before_it_runs,
     .sentences = {"Taking a message wakes a sleeping sender"}, .once = true,
     .hint = "How does the sender see that something has happened, when 256 things have?")
{
    enum { TAKEN = 256 };
    struct ends ends = open_channel(TAKEN);
    struct sending sending = {.tx = ends.tx, .number = TAKEN};
    pthread_t thread;

    fill(ends.tx, TAKEN);
    thread = spawn(send_one, &sending);
    settle();
    for (int i = 0; i < TAKEN; i++)
        recv(ends.rx, i);
    join(thread);
    recv(ends.rx, TAKEN);
    receiver_drop(ends.rx);
}

/* ... and others get the place so often before it does. */
TEST(a_sender_is_woken_however_often_that_happens_before_it_runs,
     .sentences = {"Taking a message wakes a sleeping sender"}, .once = true,
     .hint = "How does the sender see that something has happened, when 256 things have?")
{
    enum { MOST = 65536 };

    for (int times = 256; times <= MOST; times *= 256) {
        struct ends ends = open_channel(1);
        struct sender *another = clone(ends.tx);
        struct sending sending = {.tx = ends.tx, .number = 1};
        enum channel_status status = CHANNEL_OK;
        pthread_t thread;
        int message = 0;

        fill(another, 1);
        thread = spawn(send_one, &sending);
        settle();
        for (int i = 1; i < times && status == CHANNEL_OK; i++) {
            check_status(receiver_recv(ends.rx, &message), CHANNEL_OK, RECEIVED);
            status = sender_try_send(another, &message); /* FULL: it was its turn */
        }
        check_status(receiver_recv(ends.rx, &message), CHANNEL_OK, RECEIVED);
        join(thread);
        sender_drop(another);
        receiver_drop(ends.rx);
    }
}

TEST(every_place_that_comes_free_wakes_a_sleeping_sender,
     .sentences = {"Taking a message wakes a sleeping sender"},
     .hint = "Two places come free before the first sender has looked: does each wake one?")
{
    struct ends ends = open_channel(2);
    struct sending one = {.tx = clone(ends.tx), .number = 11};
    struct sending two = {.tx = ends.tx, .number = 21};
    pthread_t threads[2];

    send(ends.tx, 1);
    send(ends.tx, 2);
    threads[0] = spawn(send_one, &one);
    threads[1] = spawn(send_one, &two);
    settle();
    recv(ends.rx, 1);
    recv(ends.rx, 2);
    join(threads[0]);
    join(threads[1]);
    recv_in_order(ends.rx, 2);
    receiver_drop(ends.rx);
}

TEST(a_sender_that_is_woken_looks_whether_there_is_room,
     .sentences = {"sender_send sleeps while capacity messages are queued"},
     .hint = "May the place be taken between the wake-up and the sender's next step?")
{
    struct ends ends = open_channel(1);
    struct sending sending = {.tx = clone(ends.tx), .number = 11};
    pthread_t thread;
    int number = 1, sent;

    fill(ends.tx, 1);
    thread = spawn(send_one, &sending);
    recv(ends.rx, 0);
    sent = check_one_of(sender_try_send(ends.tx, &number), "sender_try_send never sleeps.",
                        CHANNEL_OK, CHANNEL_FULL) == CHANNEL_OK;
    sender_drop(ends.tx);
    recv_in_order(ends.rx, 1 + sent);
    join(thread);
    receiver_drop(ends.rx);
}

TEST(messages_arrive_in_order_through_one_place,
     .sentences = {"What one sender sends arrives in the order it was sent"})
{
    struct ends ends = open_channel(1);
    pthread_t thread = spawn(send_1_2, clone(ends.tx));

    recv(ends.rx, 1);
    recv(ends.rx, 2);
    join(thread);
    thread = spawn(send_11_12, ends.tx);
    recv(ends.rx, 11);
    recv(ends.rx, 12);
    join(thread);
    receiver_drop(ends.rx);
}

static void *send_0_to_4(void *tx)
{
    for (int i = 0; i < 5; i++)
        send(tx, i);
    sender_drop(tx);
    return NULL;
}

TEST(messages_arrive_in_order_through_two_places,
     .sentences = {"What one sender sends arrives in the order it was sent"})
{
    struct ends ends = open_channel(2);
    pthread_t thread = spawn(send_0_to_4, ends.tx);
    int got = -1;

    for (int i = 0; i < 5; i++)
        recv(ends.rx, i);
    check_status(receiver_recv(ends.rx, &got), CHANNEL_CLOSED, "Nothing queued, no sender left.");
    join(thread);
    receiver_drop(ends.rx);
}

static void recv_all_and_drop(struct receiver *rx, int n)
{
    int got = -1;

    for (int i = 0; i < n; i++)
        recv(rx, i);
    check_status(receiver_recv(rx, &got), CHANNEL_CLOSED, "Nothing queued, no sender left.");
    receiver_drop(rx);
}

static void *recv_0_to_2(void *rx)
{
    recv_all_and_drop(rx, 3);
    return NULL;
}

static void *recv_0_to_4(void *rx)
{
    recv_all_and_drop(rx, 5);
    return NULL;
}

TEST(messages_of_one_thread_arrive_in_order_whichever_of_two_senders_it_uses,
     .sentences = {"When one send returns before another begins"},
     .hint = "What keeps two messages in order that were sent through different handles?")
{
    struct ends ends = open_channel(2);
    struct sender *another = clone(ends.tx);
    pthread_t thread = spawn(recv_0_to_2, ends.rx);

    send(another, 0);
    send(ends.tx, 1);
    send(another, 2);
    sender_drop(ends.tx);
    sender_drop(another);
    join(thread);
}

TEST(a_receiver_in_another_thread_keeps_the_senders_going,
     .sentences = {"Taking a message wakes a sleeping sender"})
{
    struct ends ends = open_channel(1);
    pthread_t thread = spawn(recv_0_to_2, ends.rx);

    fill(ends.tx, 3);
    sender_drop(ends.tx);
    join(thread);
}

struct two_ways {
    struct sender *tx;
    struct receiver *rx;
};

static void *echo(void *arg)
{
    struct two_ways *way = arg;
    int number;

    while (receiver_recv(way->rx, &number) == CHANNEL_OK)
        send(way->tx, number + 1);
    sender_drop(way->tx);
    receiver_drop(way->rx);
    return NULL;
}

TEST(two_threads_may_answer_each_other_through_one_place_each_way,
     .sentences = {"Taking a message wakes a sleeping sender", "Two channels share no state"})
{
    struct ends there = open_channel(1), back = open_channel(1);
    struct two_ways way = {back.tx, there.rx};
    pthread_t thread = spawn(echo, &way);
    int got = -1;

    send(there.tx, 1);
    send(there.tx, 3);
    recv(back.rx, 2);
    recv(back.rx, 4);
    sender_drop(there.tx);
    check_status(receiver_recv(back.rx, &got), CHANNEL_CLOSED, "Nothing queued, no sender left.");
    join(thread);
    receiver_drop(back.rx);
}

TEST(sending_wakes_a_receiver_that_sleeps,
     .sentences = {"A send wakes a sleeping receiver, and so does"}, .woken_by_others = true)
{
    struct ends ends = open_channel(1);
    pthread_t thread = spawn(recv_0_to_4, ends.rx);

    settle(); /* the receiver sleeps */
    send(ends.tx, 0);
    settle();
    send(ends.tx, 1);
    settle();
    send(ends.tx, 2);
    send(ends.tx, 3);
    send(ends.tx, 4);
    sender_drop(ends.tx);
    join(thread);
}

TEST(cloning_and_dropping_while_another_sender_sleeps, .sentences = {"Only receiver_recv blocks"})
{
    struct ends ends = open_channel(1);
    struct sending sending = {.tx = clone(ends.tx), .number = 1};
    pthread_t thread;
    struct sender *another;
    int got = -1;

    fill(ends.tx, 1);
    thread = spawn(send_one, &sending);
    another = clone(ends.tx);
    sender_drop(ends.tx);
    sender_drop(another);
    recv(ends.rx, 0);
    recv(ends.rx, 1);
    check_status(receiver_recv(ends.rx, &got), CHANNEL_CLOSED, "Nothing queued, no sender left.");
    join(thread);
    receiver_drop(ends.rx);
}

static void *clone_send_21_and_drop(void *tx)
{
    struct sender *another = clone(tx);

    sender_drop(tx);
    send(another, 21);
    sender_drop(another);
    return NULL;
}

TEST(a_clone_made_while_another_sender_sleeps_sends_too,
     .sentences = {"Makes one more sender of the same channel"})
{
    struct ends ends;
    struct sending sending = {.number = 11};
    pthread_t one, two;

    exploring(false);
    ends = open_channel(1);
    sending.tx = clone(ends.tx);
    fill(ends.tx, 1);
    one = spawn(send_one, &sending); /* and sleeps from now on */
    exploring(true);
    two = spawn(clone_send_21_and_drop, ends.tx);
    recv(ends.rx, 0);
    recv_in_order(ends.rx, 2);
    join(one);
    join(two);
    receiver_drop(ends.rx);
}

/* ---------------------------------------------------------------- one message of several */

static void *send_one_and_keep(void *arg)
{
    struct sending *sending = arg;

    send(sending->tx, sending->number);
    return NULL;
}

/* A channel of that capacity is full and one or two senders sleep; each message that is taken, with recv
 * or try_recv, wakes one of them. All others stay queued meanwhile. */
static void take_one_of_several(int capacity, int sleepers, bool by_try)
{
    struct ends ends = open_channel((size_t)capacity);
    struct sending sending[2] = {{.tx = ends.tx, .number = 31},
                                 {.tx = clone(ends.tx), .number = 31}};
    pthread_t threads[2];
    int got = -1;

    fill(ends.tx, capacity);
    for (int i = 0; i < sleepers; i++)
        threads[i] = spawn(send_one_and_keep, &sending[i]);
    settle();
    for (int i = 0; i < sleepers; i++) {
        if (by_try)
            check_status(receiver_try_recv(ends.rx, &got), CHANNEL_OK, RECEIVED);
        else
            check_status(receiver_recv(ends.rx, &got), CHANNEL_OK, RECEIVED);
        check_equal(got, i, IN_ORDER);
    }
    for (int i = 0; i < sleepers; i++)
        join(threads[i]);
    for (int i = sleepers; i < capacity; i++)
        recv(ends.rx, i);
    for (int i = 0; i < sleepers; i++)
        recv(ends.rx, 31);
    sender_drop(sending[0].tx);
    sender_drop(sending[1].tx);
    receiver_drop(ends.rx);
}

TEST(taking_one_of_two_messages_wakes_a_sleeping_sender,
     .sentences = {"Taking a message wakes a sleeping sender"}, .woken_by_others = true,
     .hint = "The channel is not empty yet. Is there room all the same?")
{
    take_one_of_several(2, 1, false);
}

TEST(taking_one_of_three_messages_with_try_recv_wakes_a_sleeping_sender,
     .sentences = {"Taking a message wakes a sleeping sender"}, .woken_by_others = true,
     .hint = "The channel is not empty yet. Is there room all the same?")
{
    take_one_of_several(3, 1, true);
}

TEST(taking_two_of_five_messages_wakes_two_sleeping_senders,
     .sentences = {"Taking a message wakes a sleeping sender"}, .woken_by_others = true,
     .schedules = 500, .hint = "Two places come free. Who is told?")
{
    take_one_of_several(5, 2, false);
}

/* ----------------------------------------------------------------- one call after another */

static void *settle_and_take_0(void *rx)
{
    settle(); /* the sender sleeps, and does nothing else */
    recv(rx, 0);
    return NULL;
}

static void *settle_and_drop_receiver(void *rx)
{
    settle();
    receiver_drop(rx);
    return NULL;
}

/* Each way in which a send can go while the receiver is there. */
enum sending_how { TRY_IN_VAIN, TRY, SEND, SEND_ASLEEP };

/* Sends 1 on a channel of two places, in one of which 9 is queued; 0 is in the other when it is to be
 * full. Afterwards it is as before. */
static void send_after_another(struct ends ends, enum sending_how how)
{
    bool full = how == TRY_IN_VAIN || how == SEND_ASLEEP, sent = how != TRY_IN_VAIN;
    struct sender *other = clone(ends.tx);
    pthread_t taker = 0;

    send(other, full ? 0 : 9);
    if (full)
        send(other, 9);
    if (how == SEND_ASLEEP)
        taker = spawn(settle_and_take_0, ends.rx);
    if (how == SEND || how == SEND_ASLEEP)
        send(ends.tx, 1);
    else
        try_send(ends.tx, 1, sent ? CHANNEL_OK : CHANNEL_FULL, sent ? THERE : FULL);
    if (how == SEND_ASLEEP)
        join(taker);
    else if (full)
        recv(ends.rx, 0);
    recv(ends.rx, 9);
    if (sent)
        recv(ends.rx, 1);
    sender_drop(other);
}

TEST(send_sleeps_after_a_try_send_that_found_the_channel_full,
     .sentences = {"sender_send sleeps while capacity messages are queued"}, .schedules = 500,
     .hint = "What does a call that finds no room leave behind for the next one?")
{
    struct ends ends = open_channel(2);

    send_after_another(ends, TRY_IN_VAIN);
    send_after_another(ends, SEND_ASLEEP);
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
}

/* Every pair of them once, one after the other. */
TEST(each_way_to_send_goes_after_each_other,
     .sentences = {"sender_send sleeps while capacity messages are queued",
                   "sender_try_send CHANNEL_FULL: capacity messages are queued"},
     .schedules = 200, .hint = "What has the call before left behind?")
{
    static const enum sending_how ways[] = {
        TRY_IN_VAIN, TRY_IN_VAIN, TRY,         TRY_IN_VAIN, SEND,       TRY_IN_VAIN,
        SEND_ASLEEP, TRY,         TRY,         SEND,        TRY,        SEND_ASLEEP,
        SEND,        SEND,        SEND_ASLEEP, SEND_ASLEEP, TRY_IN_VAIN};
    struct ends ends = open_channel(2);

    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++)
        send_after_another(ends, ways[i]);
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
}

TEST(a_channel_closes_after_each_way_to_send,
     .sentences = {"sender_send: The receiver has been dropped, and stays so",
                   "The receiver has been dropped, full or not"},
     .schedules = 200, .hint = "What has the call before left behind?")
{
    for (enum sending_how how = TRY_IN_VAIN; how <= SEND_ASLEEP; how++) {
        struct ends ends = open_channel(2);
        int number = 5;

        send_after_another(ends, how);
        if (how % 2)
            fill(ends.tx, 2);
        receiver_drop(ends.rx);
        try_send(ends.tx, 6, CHANNEL_CLOSED, "The receiver has been dropped, full or not.");
        check_status(sender_send(ends.tx, &number), CHANNEL_CLOSED,
                     "The receiver has been dropped.");
        try_send(ends.tx, 6, CHANNEL_CLOSED, "The receiver has been dropped, full or not.");
        check_equal(drops_of(5) + drops_of(6), 0, "The message stays the caller's.");
        sender_drop(ends.tx);
    }
}

TEST(a_sender_that_sleeps_after_each_way_to_send_is_woken_by_receiver_drop,
     .sentences = {"Taking a message wakes a sleeping sender"}, .schedules = 200,
     .hint = "What has the call before left behind?")
{
    for (enum sending_how how = TRY_IN_VAIN; how <= SEND_ASLEEP; how++) {
        struct ends ends = open_channel(2);
        int number = 5;
        pthread_t dropper;

        send_after_another(ends, how);
        fill(ends.tx, 2);
        dropper = spawn(settle_and_drop_receiver, ends.rx);
        check_status(sender_send(ends.tx, &number), CHANNEL_CLOSED,
                     "receiver_drop wakes all sleeping senders, and they say CHANNEL_CLOSED.");
        join(dropper);
        check_equal(drops_of(0) + drops_of(1), 2, EXACTLY_ONCE);
        check_equal(drops_of(5), 0, "CHANNEL_CLOSED: the message stays the caller's.");
        sender_drop(ends.tx);
    }
}

enum receiving { LOOK_IN_VAIN, LOOK, RECV, RECV_ASLEEP };

static void *settle_and_send_0(void *tx)
{
    settle(); /* the receiver sleeps, and does nothing else */
    send(tx, 0);
    return NULL;
}

static void *settle_and_try_send_0(void *tx)
{
    settle();
    try_send(tx, 0, CHANNEL_OK, "sender_try_send sends where there is room.");
    return NULL;
}

static void receive_after_another(struct ends ends, enum receiving how, bool by_try)
{
    pthread_t sender = 0;
    int got = -1;

    if (how == RECV_ASLEEP && by_try)
        sender = spawn(settle_and_try_send_0, ends.tx);
    else if (how == RECV_ASLEEP)
        sender = spawn(settle_and_send_0, ends.tx);
    else if (how != LOOK_IN_VAIN)
        send(ends.tx, 0);
    if (how == LOOK_IN_VAIN) {
        check_status(receiver_try_recv(ends.rx, &got), CHANNEL_EMPTY, "Nothing is queued.");
    } else if (how == LOOK) {
        check_status(receiver_try_recv(ends.rx, &got), CHANNEL_OK, RECEIVED);
        check_equal(got, 0, IN_ORDER);
    } else {
        recv(ends.rx, 0);
    }
    if (how == RECV_ASLEEP)
        join(sender);
}

TEST(each_way_to_receive_from_a_bounded_channel_goes_after_each_other,
     .sentences = {"sleeping while nothing is queued and at least one sender is left",
                   "at least one sender is left"},
     .schedules = 200, .hint = "What has the call before left behind?")
{
    static const enum receiving ways[] = {
        LOOK_IN_VAIN, LOOK_IN_VAIN, LOOK,        LOOK_IN_VAIN, RECV,        LOOK_IN_VAIN,
        RECV_ASLEEP,  LOOK,         LOOK,        RECV,         LOOK,        RECV_ASLEEP,
        RECV,         RECV,         RECV_ASLEEP, RECV_ASLEEP,  LOOK_IN_VAIN};
    struct ends ends = open_channel(1);
    int got = -1;

    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++)
        receive_after_another(ends, ways[i], i > 10);
    sender_drop(ends.tx);
    check_status(receiver_recv(ends.rx, &got), CHANNEL_CLOSED, "Nothing queued, no sender left.");
    receiver_drop(ends.rx);
}

/* ----------------------------------------------------------------------- who sleeps, and where */

static void *send_1_and_keep(void *tx)
{
    send(tx, 1);
    return NULL;
}

static void *send_1_and_drop(void *tx)
{
    send(tx, 1);
    sender_drop(tx);
    return NULL;
}

static void *send_1_in_vain(void *tx)
{
    int number = 1;

    check_status(sender_send(tx, &number), CHANNEL_CLOSED,
                 "receiver_drop wakes all sleeping senders, and they say CHANNEL_CLOSED.");
    return NULL;
}

/* The channel is full; somebody sleeps in a send of 1, and a message is taken. Afterwards it is full of 1. */
static void wake_the_sender(struct ends ends, int queued)
{
    pthread_t thread = spawn(send_1_and_keep, ends.tx);

    settle();
    recv(ends.rx, queued);
    join(thread);
}

TEST(a_sender_that_was_handed_over_sleeps_and_is_woken_in_each_thread,
     .sentences = {"A handle may be handed from thread to thread",
                   "Taking a message wakes a sleeping sender"},
     .schedules = 500, .hint = "Does a receive wake the thread asleep now, or the first to sleep?")
{
    struct ends ends = open_channel(1);
    pthread_t thread;

    send(ends.tx, 0);
    thread = spawn(settle_and_take_0, ends.rx);
    send(ends.tx, 1); /* sleeps here first */
    join(thread);
    wake_the_sender(ends, 1);
    wake_the_sender(ends, 1);
    thread = spawn(send_1_in_vain, ends.tx);
    settle();
    receiver_drop(ends.rx);
    join(thread);
    sender_drop(ends.tx);
}

TEST(taking_a_message_wakes_the_sender_of_its_own_channel_whichever_slept_first,
     .sentences = {"Two channels share no state", "Taking a message wakes a sleeping sender"},
     .schedules = 300, .woken_by_others = true, .hint = "Is there anything that both channels use?")
{
    struct ends one = open_channel(1), two = open_channel(1);
    pthread_t sender_of_one, sender_of_two;

    send(one.tx, 0);
    send(two.tx, 0);
    sender_of_one = spawn(send_1_and_keep, one.tx);
    settle();
    sender_of_two = spawn(send_1_and_keep, two.tx);
    settle();
    recv(two.rx, 0);
    join(sender_of_two);
    sender_of_two = spawn(send_1_and_keep, two.tx);
    settle();
    recv(one.rx, 0);
    join(sender_of_one);
    recv(two.rx, 1);
    join(sender_of_two);
    sender_drop(one.tx);
    sender_drop(two.tx);
    receiver_drop(one.rx);
    receiver_drop(two.rx);
}

TEST(only_the_senders_of_the_channel_that_closes_hear_of_it,
     .sentences = {"Two channels share no state", "Taking a message wakes a sleeping sender"},
     .schedules = 300, .hint = "Whom does receiver_drop wake?")
{
    struct ends one = open_channel(1), two = open_channel(1);
    pthread_t sender_of_one, sender_of_two;

    send(one.tx, 0);
    send(two.tx, 0);
    sender_of_one = spawn(send_1_and_keep, one.tx);
    sender_of_two = spawn(send_1_in_vain, two.tx);
    settle();
    receiver_drop(two.rx);
    join(sender_of_two);
    recv(one.rx, 0);
    join(sender_of_one);
    recv(one.rx, 1);
    sender_drop(one.tx);
    sender_drop(two.tx);
    receiver_drop(one.rx);
}

TEST(receiver_drop_wakes_two_senders_of_a_channel_with_three_places,
     .sentences = {"Taking a message wakes a sleeping sender"}, .schedules = 500,
     .hint = "How many of the sleepers must be told?")
{
    struct ends ends = open_channel(3);
    struct sender *second = clone(ends.tx);
    pthread_t one, two;

    fill(ends.tx, 3);
    one = spawn(send_1_in_vain, ends.tx);
    two = spawn(send_1_in_vain, second);
    settle();
    receiver_drop(ends.rx);
    join(one);
    join(two);
    for (int i = 0; i < 3; i++)
        check_equal(drops_of(i), 1, EXACTLY_ONCE);
    sender_drop(ends.tx);
    sender_drop(second);
}

static void *recv_0(void *rx)
{
    recv(rx, 0);
    return NULL;
}

TEST(a_receiver_of_a_bounded_channel_that_was_handed_over_sleeps_and_is_woken_in_each_thread,
     .sentences = {"A handle may be handed from thread to thread",
                   "A send wakes a sleeping receiver, and so does"},
     .schedules = 500, .hint = "Does a send wake the thread asleep now, or the first to sleep?")
{
    struct ends ends = open_channel(1);
    pthread_t thread = spawn(settle_and_send_0, ends.tx);

    recv(ends.rx, 0);
    join(thread);
    for (int i = 0; i < 2; i++) {
        thread = spawn(recv_0, ends.rx);
        settle();
        try_send(ends.tx, 0, CHANNEL_OK, THERE);
        join(thread);
    }
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
}

TEST(a_send_wakes_the_receiver_of_its_own_bounded_channel_whichever_slept_first,
     .sentences = {"A send wakes a sleeping receiver, and so does", "Two channels share no state"},
     .schedules = 300, .hint = "Is there anything that both channels use?")
{
    struct ends one = open_channel(1), two = open_channel(1);
    pthread_t receiver_of_one = spawn(recv_0, one.rx), receiver_of_two;

    settle();
    receiver_of_two = spawn(recv_0, two.rx);
    settle();
    send(two.tx, 0);
    join(receiver_of_two);
    receiver_of_two = spawn(recv_0, two.rx);
    settle();
    try_send(one.tx, 0, CHANNEL_OK, THERE);
    join(receiver_of_one);
    send(two.tx, 0);
    join(receiver_of_two);
    sender_drop(one.tx);
    sender_drop(two.tx);
    receiver_drop(one.rx);
    receiver_drop(two.rx);
}

/* More than the bits of an int; and as many as a byte counts as none. */
enum { MANY = 60, BYTEFUL = 256 };

static void senders_sleep_and_are_woken(int n)
{
    struct ends ends = open_channel(1);
    pthread_t threads[BYTEFUL];

    send(ends.tx, 1);
    for (int i = 0; i < n; i++)
        threads[i] = spawn(send_1_and_drop, clone(ends.tx));
    settle();
    for (int i = 0; i < n + 1; i++)
        recv(ends.rx, 1);
    for (int i = 0; i < n; i++)
        join(threads[i]);
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
}

TEST(sixty_senders_sleep_and_each_is_woken_by_a_message_taken,
     .sentences = {"Taking a message wakes a sleeping sender"}, .schedules = 3,
     .hint = "How many sleepers can your code tell apart?")
{
    senders_sleep_and_are_woken(MANY);
}

TEST(two_hundred_and_fifty_six_senders_sleep_and_each_is_woken_by_a_message_taken,
     .sentences = {"Taking a message wakes a sleeping sender"}, .once = true,
     .hint = "In what is it counted how many sleep?")
{
    senders_sleep_and_are_woken(BYTEFUL);
}

/* -------------------------------------------------------------- sleeping senders and memory */

TEST(a_sender_that_sleeps_allocates_nothing, .sentences = {"Sending on it never allocates"},
     .schedules = 500, .hint = "When is the last moment to take memory for what a sleeper needs?")
{
    struct ends ends = open_channel(1);
    pthread_t first, second;
    struct sender *other = clone(ends.tx);
    size_t before;

    send(ends.tx, 1);
    before = allocations();
    first = spawn(send_1_and_keep, ends.tx);
    settle();
    check_equal(allocations() - before, 0, "Sending on a bounded channel never allocates.");
    second = spawn(send_1_and_keep, other);
    settle();
    check_equal(allocations() - before, 0, "Sending on a bounded channel never allocates.");
    for (int i = 0; i < 3; i++)
        recv(ends.rx, 1);
    join(first);
    join(second);
    sender_drop(ends.tx);
    sender_drop(other);
    receiver_drop(ends.rx);
}

TEST(a_sender_that_sleeps_never_says_no_memory, .sentences = {"Sending on it never allocates"},
     .allocations_fail = true, .schedules = 500)
{
    struct ends ends = {NULL, NULL};
    pthread_t thread;

    if (check_one_of(channel_create_bounded(sizeof(int), 1, NULL, &ends.tx, &ends.rx),
                     "Out of memory: CHANNEL_NO_MEMORY.", CHANNEL_OK,
                     CHANNEL_NO_MEMORY) != CHANNEL_OK)
        return;
    send(ends.tx, 0);
    thread = spawn(settle_and_take_0, ends.rx);
    send(ends.tx, 1);
    join(thread);
    wake_the_sender(ends, 1);
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
}

/* ------------------------------------------------------------------- try_send among threads */

static void *try_send_21(void *tx)
{
    int number = 21;
    int status = check_one_of(sender_try_send(tx, &number), "sender_try_send never sleeps.",
                              CHANNEL_OK, CHANNEL_FULL);

    sender_drop(tx);
    return status == CHANNEL_OK ? "sent" : NULL;
}

TEST(try_send_wakes_a_receiver_that_sleeps,
     .sentences = {"sender_try_send: The message is sent",
                   "A send wakes a sleeping receiver, and so does"})
{
    struct ends ends = open_channel(1);
    pthread_t thread = spawn(try_send_21, clone(ends.tx)); /* ends.tx stays: nothing else wakes */

    recv(ends.rx, 21);
    check(join(thread) != NULL, "There was room: OK.");
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
}

TEST(try_send_that_meets_recv_is_ok_or_full,
     .sentences = {"sender_try_send CHANNEL_FULL: capacity messages are queued"})
{
    struct ends ends = open_channel(1);
    pthread_t thread;

    send(ends.tx, 1);
    thread = spawn(try_send_21, ends.tx);
    recv(ends.rx, 1);
    recv_in_order(ends.rx, join(thread) != NULL);
    receiver_drop(ends.rx);
}

TEST(try_send_says_full_while_another_sender_sleeps,
     .sentences = {"sender_try_send CHANNEL_FULL: capacity messages are queued"})
{
    struct ends ends = open_channel(1);
    struct sending sending = {.tx = clone(ends.tx), .number = 1};
    pthread_t thread;

    fill(ends.tx, 1);
    thread = spawn(send_one, &sending);
    settle();
    try_send(ends.tx, 5, CHANNEL_FULL, FULL);
    recv(ends.rx, 0);
    recv(ends.rx, 1);
    join(thread);
    try_send(ends.tx, 6, CHANNEL_OK, FITS);
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
}

/* A second sender and the receiver, in a thread. */
static void *send_21_and_take_it(void *arg)
{
    struct two_ways *way = arg;

    send(way->tx, 21);
    recv(way->rx, 21);
    return NULL;
}

/* At most two messages are under way at any time, and before, so many that two places are left. */
static void try_send_beside_another(int capacity, bool may_sleep)
{
    struct ends ends = open_channel((size_t)capacity);
    struct two_ways other = {clone(ends.tx), ends.rx};
    pthread_t thread;
    int got = -1;

    for (int i = 2; i < capacity; i++)
        send(ends.tx, 21);
    thread = spawn(send_21_and_take_it, &other);
    if (may_sleep)
        send(ends.tx, 21);
    else
        try_send(ends.tx, 21, CHANNEL_OK, "Fewer than capacity messages are queued: not FULL.");
    join(thread);
    for (int i = 1; i < capacity; i++)
        recv(ends.rx, 21);
    check_status(receiver_try_recv(ends.rx, &got), CHANNEL_EMPTY, "Each message is received once.");
    sender_drop(other.tx);
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
}

static void take_any_two(struct receiver *rx, int sum)
{
    int got[2] = {-1, -1};

    for (int i = 0; i < 2; i++)
        check_status(receiver_recv(rx, &got[i]), CHANNEL_OK, RECEIVED);
    check_equal(got[0] + got[1], sum, "What each sleeping sender sends arrives once.");
}

/* first: how many messages went through before. */
static void try_beside_two_sleepers(int capacity, int first)
{
    struct ends ends = open_channel((size_t)capacity);
    struct sending sendings[2];
    pthread_t threads[2];

    for (int i = 0; i < first; i++) {
        send(ends.tx, i);
        recv(ends.rx, i);
    }
    fill(ends.tx, capacity);
    for (int i = 0; i < 2; i++) {
        sendings[i] = (struct sending){.tx = clone(ends.tx), .number = 10 + i};
        threads[i] = spawn(send_one, &sendings[i]);
    }
    settle();
    try_send(ends.tx, 30, CHANNEL_FULL, FULL);
    check(!atomic_load(&sendings[0].returned) && !atomic_load(&sendings[1].returned),
          "sender_send sleeps while capacity messages are queued.");
    for (int i = 0; i < capacity; i++)
        recv(ends.rx, i);
    take_any_two(ends.rx, 21);
    for (int i = 0; i < 2; i++)
        join(threads[i]);
    try_send(ends.tx, 31, CHANNEL_OK, FITS);
    recv(ends.rx, 31);
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
}

TEST(try_send_says_full_while_two_senders_sleep,
     .sentences = {"sender_try_send CHANNEL_FULL: capacity messages are queued",
                   "Sends like sender_send, but never sleeps",
                   "sender_try_send message: it stays the caller's"},
     .hint = "Two sleep already. Is there room?")
{
    try_beside_two_sleepers(1, 0);
}

TEST(try_send_says_full_while_two_senders_sleep_and_the_ring_has_turned,
     .sentences = {"sender_try_send CHANNEL_FULL: capacity messages are queued",
                   "Sends like sender_send, but never sleeps",
                   "sender_try_send message: it stays the caller's"},
     .schedules = 200, .hint = "Two sleep already, and the ring has turned. Is there room?")
{
    for (int capacity = 2; capacity <= 4; capacity++)
        try_beside_two_sleepers(capacity, capacity - 1);
}

TEST(try_send_is_not_full_while_another_sends_and_the_receiver_receives,
     .sentences = {"sender_try_send CHANNEL_FULL: capacity messages are queued"},
     .hint = "You count what was sent and what was received. What if both change in between?")
{
    try_send_beside_another(2, false);
}

TEST(try_send_is_not_full_while_another_uses_the_last_place_but_one,
     .sentences = {"sender_try_send CHANNEL_FULL: capacity messages are queued"})
{
    try_send_beside_another(3, false);
}

TEST(send_does_not_sleep_while_another_uses_the_last_place_but_one,
     .sentences = {"sender_send sleeps while capacity messages are queued"})
{
    try_send_beside_another(3, true);
}

static void *clone_try_in_vain_and_drop(void *tx)
{
    struct sender *another = clone(tx);

    try_send(another, 21, CHANNEL_FULL, FULL);
    sender_drop(another);
    try_send(tx, 21, CHANNEL_FULL, FULL);
    sender_drop(tx);
    return NULL;
}

TEST(try_send_is_full_whatever_another_sender_does,
     .sentences = {"sender_try_send CHANNEL_FULL: capacity messages are queued"})
{
    struct ends ends = open_channel(2);
    pthread_t thread;

    fill(ends.tx, 2);
    thread = spawn(clone_try_in_vain_and_drop, clone(ends.tx));
    try_send(ends.tx, 11, CHANNEL_FULL, FULL);
    try_send(ends.tx, 11, CHANNEL_FULL, FULL);
    join(thread);
    recv(ends.rx, 0);
    recv(ends.rx, 1);
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
}

static void *hear_of_the_end_and_try(void *tx)
{
    int number = 1;

    check_status(sender_send(tx, &number), CHANNEL_CLOSED,
                 "receiver_drop wakes all sleeping senders, and they say CHANNEL_CLOSED.");
    try_send(tx, 1, CHANNEL_CLOSED, "CHANNEL_CLOSED: the receiver has been dropped, full or not.");
    return NULL;
}

TEST(a_sender_that_was_told_closed_is_not_told_full_afterwards,
     .sentences = {"CHANNEL_FULL: and not when CHANNEL_CLOSED applies",
                   "The receiver has been dropped, full or not"},
     .schedules = 2000,
     .hint = "Sleeping senders are woken while what is queued is still to be dropped. What does a "
             "try find meanwhile?")
{
    struct ends ends = open_channel(2);
    pthread_t sender;

    fill(ends.tx, 2);
    sender = spawn(hear_of_the_end_and_try, ends.tx);
    settle();
    receiver_drop(ends.rx);
    join(sender);
    sender_drop(ends.tx);
}

static void *try_21_after_the_end(void *tx)
{
    int number = 21;

    try_send(tx, 21, CHANNEL_CLOSED, "The receiver has been dropped, full or not.");
    check_status(sender_send(tx, &number), CHANNEL_CLOSED, "The receiver has been dropped.");
    sender_drop(tx);
    return NULL;
}

static void try_two_after_the_end(int capacity, int queued)
{
    struct ends ends = open_channel((size_t)capacity);
    struct sender *second = clone(ends.tx);
    pthread_t thread;

    fill(ends.tx, queued);
    receiver_drop(ends.rx);
    thread = spawn(try_21_after_the_end, second);
    try_send(ends.tx, 11, CHANNEL_CLOSED, "The receiver has been dropped, full or not.");
    try_send(ends.tx, 11, CHANNEL_CLOSED, "The receiver has been dropped, full or not.");
    join(thread);
    check_equal(drops_of(11) + drops_of(21), 0, "CHANNEL_CLOSED: the message stays the caller's.");
    sender_drop(ends.tx);
}

TEST(two_try_sends_on_a_closed_channel_are_both_closed,
     .sentences = {"The receiver has been dropped, full or not",
                   "sender_try_send CHANNEL_FULL: Bounded channels only"},
     .hint = "Two find one place, and no receiver is there. Which of the two do you look at first?")
{
    try_two_after_the_end(1, 0);
}

TEST(two_try_sends_on_a_channel_that_was_full_when_it_closed_are_both_closed,
     .sentences = {"The receiver has been dropped, full or not",
                   "sender_try_send CHANNEL_FULL: Bounded channels only"})
{
    try_two_after_the_end(2, 2);
}

static void *clone_send_21_22_and_drop(void *tx)
{
    struct sender *another = clone(tx);

    send(another, 21);
    sender_drop(another);
    send(tx, 22);
    sender_drop(tx);
    return NULL;
}

static void try_recv(struct receiver *rx, int number)
{
    int got = -1;

    check_status(receiver_try_recv(rx, &got), CHANNEL_OK, RECEIVED);
    check_equal(got, number, IN_ORDER);
}

TEST(try_recv_takes_what_is_queued_whatever_a_sender_does_or_whether_it_sleeps,
     .sentences = {"at least one sender is left"},
     .hint = "Another thread is inside the channel just now. Is that the same as an empty one?")
{
    struct ends ends = open_channel(2);
    pthread_t thread;

    fill(ends.tx, 2);
    thread = spawn(clone_send_21_22_and_drop, clone(ends.tx));
    try_recv(ends.rx, 0);
    try_recv(ends.rx, 1);
    recv(ends.rx, 21);
    recv(ends.rx, 22);
    join(thread);
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
}

static void *try_send_21_for_sure(void *tx)
{
    try_send(tx, 21, CHANNEL_OK, THERE);
    sender_drop(tx);
    return NULL;
}

TEST(two_try_sends_both_find_room_where_messages_were_taken,
     .sentences = {"sender_try_send CHANNEL_FULL: capacity messages are queued"},
     .hint = "A message is taken. From when on does each sender know of its place?")
{
    struct ends ends = open_channel(2);
    pthread_t thread;

    fill(ends.tx, 2);
    recv(ends.rx, 0);
    recv(ends.rx, 1);
    thread = spawn(try_send_21_for_sure, clone(ends.tx));
    try_send(ends.tx, 21, CHANNEL_OK, THERE);
    join(thread);
    recv(ends.rx, 21);
    recv(ends.rx, 21);
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
}

/* 32 times, because naps() asks for that. */
static void try_32_times(struct sender *tx, enum channel_status expected)
{
    naps(); /* those before are no matter */
    for (int i = 0; i < 32; i++)
        try_send(tx, 1, expected, "sender_try_send says at once what it has to say.");
    check_equal(naps(), 0, "sender_try_send never sleeps.");
}

TEST(try_send_never_sleeps_full_closed_or_neither,
     .sentences = {"Sends like sender_send, but never sleeps"},
     .hint = "Does it wait for anything, if only for a moment?")
{
    struct ends ends = open_channel(33);

    try_32_times(ends.tx, CHANNEL_OK);
    send(ends.tx, 1);
    try_32_times(ends.tx, CHANNEL_FULL);
    receiver_drop(ends.rx);
    try_32_times(ends.tx, CHANNEL_CLOSED);
    sender_drop(ends.tx);
    check_status(channel_create(sizeof(int), &ends.tx, &ends.rx), CHANNEL_OK,
                 "channel_create makes an unbounded channel.");
    try_32_times(ends.tx, CHANNEL_OK);
    receiver_drop(ends.rx);
    try_32_times(ends.tx, CHANNEL_CLOSED);
    sender_drop(ends.tx);
}

TEST(try_recv_from_a_bounded_channel_never_sleeps_either,
     .sentences = {"receiver_try_recv: Never blocks"}, .hint = "Does it wait for anything?")
{
    struct ends ends = open_channel(40);
    int got;

    naps(); /* those before are no matter */
    for (int i = 0; i < 32; i++)
        check_status(receiver_try_recv(ends.rx, &got), CHANNEL_EMPTY, "Nothing is queued.");
    check_equal(naps(), 0, "receiver_try_recv never blocks.");
    fill(ends.tx, 32);
    for (int i = 0; i < 32; i++)
        try_recv(ends.rx, i);
    check_equal(naps(), 0, "receiver_try_recv never blocks.");
    sender_drop(ends.tx);
    for (int i = 0; i < 32; i++)
        check_status(receiver_try_recv(ends.rx, &got), CHANNEL_CLOSED, "No sender is left.");
    check_equal(naps(), 0, "receiver_try_recv never blocks.");
    receiver_drop(ends.rx);
}

TEST(try_send_never_sleeps_while_another_sender_does,
     .sentences = {"Sends like sender_send, but never sleeps"}, .schedules = 200,
     .hint = "A sender sleeps already. Does another one wait behind it?")
{
    struct ends ends = open_channel(1);
    struct sender *other = clone(ends.tx);
    pthread_t thread;

    send(ends.tx, 0);
    thread = spawn(send_1_and_keep, other);
    settle();
    try_32_times(ends.tx, CHANNEL_FULL);
    recv(ends.rx, 0);
    recv(ends.rx, 1);
    join(thread);
    sender_drop(ends.tx);
    sender_drop(other);
    receiver_drop(ends.rx);
}

TEST(two_try_sends_share_one_place,
     .sentences = {"sender_try_send CHANNEL_FULL: capacity messages are queued"})
{
    struct ends ends = open_channel(1);
    struct sender *second = clone(ends.tx);
    pthread_t thread = spawn(try_send_21, second);
    int number = 11, sent;

    sent = check_one_of(sender_try_send(ends.tx, &number), "sender_try_send never sleeps.",
                        CHANNEL_OK, CHANNEL_FULL) == CHANNEL_OK;
    sender_drop(ends.tx);
    sent += join(thread) != NULL;
    check_equal(sent, 1, "Of two sends that find one place one is sent.");
    recv_in_order(ends.rx, sent);
    receiver_drop(ends.rx);
}

/* ------------------------------------------------------------------- closing a full channel */

/* What became of the number: after OK it was dropped, after CLOSED it was not. */
static void check_gone(int number, enum channel_status status)
{
    check_equal(drops_of(number), status == CHANNEL_OK,
                status == CHANNEL_OK ? EXACTLY_ONCE
                                     : "CHANNEL_CLOSED: the message stays the caller's.");
}

struct closing {
    struct sender *tx; /* dropped by the thread */
    int number;
    bool may_sleep;
    enum channel_status status;
};

static void *send_into_the_end(void *arg)
{
    struct closing *closing = arg;

    if (closing->may_sleep)
        closing->status = check_one_of(sender_send(closing->tx, &closing->number), MEETS_DROP,
                                       CHANNEL_OK, CHANNEL_CLOSED);
    else
        closing->status = check_one_of(sender_try_send(closing->tx, &closing->number), MEETS_DROP,
                                       CHANNEL_OK, CHANNEL_CLOSED, CHANNEL_FULL);
    sender_drop(closing->tx);
    return NULL;
}

TEST(receiver_drop_wakes_a_sleeping_sender,
     .sentences = {"Taking a message wakes a sleeping sender",
                   "sender_send: The receiver has been dropped, and stays so"},
     .woken_by_others = true)
{
    struct ends ends = open_channel(1);
    struct closing closing = {.tx = ends.tx, .number = 11, .may_sleep = true};
    pthread_t thread;

    fill(ends.tx, 1);
    thread = spawn(send_into_the_end, &closing);
    receiver_drop(ends.rx);
    join(thread);
    check_equal(drops_of(0), 1, EXACTLY_ONCE);
    check_gone(11, closing.status);
}

/* Three senders sleep as the receiver goes. taken: as many of two messages it takes just before that. */
static void go_while_three_sleep(int taken)
{
    struct ends ends = open_channel(2);
    struct closing one = {.tx = clone(ends.tx), .number = 11, .may_sleep = true};
    struct closing two = {.tx = clone(ends.tx), .number = 21, .may_sleep = true};
    struct closing three = {.tx = ends.tx, .number = 31, .may_sleep = true};
    pthread_t threads[3];

    exploring(false);
    fill(ends.tx, 2);
    threads[0] = spawn(send_into_the_end, &one);
    threads[1] = spawn(send_into_the_end, &two);
    threads[2] = spawn(send_into_the_end, &three);
    exploring(true);
    settle(); /* on real threads, too, all three sleep */
    for (int i = 0; i < taken; i++)
        recv(ends.rx, i);
    receiver_drop(ends.rx);
    for (int i = 0; i < 3; i++)
        join(threads[i]);
    for (int i = 0; i < 2; i++)
        check_equal(drops_of(i), i >= taken, EXACTLY_ONCE);
    check_gone(11, one.status);
    check_gone(21, two.status);
    check_gone(31, three.status);
}

TEST(receiver_drop_wakes_all_sleeping_senders,
     .sentences = {"Taking a message wakes a sleeping sender"},
     .hint = "How many of the sleepers must be told?")
{
    go_while_three_sleep(0);
}

TEST(receiver_drop_wakes_all_senders_that_sleep_although_there_is_room_again,
     .sentences = {"Taking a message wakes a sleeping sender"},
     .hint = "Who was woken may not have run yet. Who else sleeps, when there is room?")
{
    go_while_three_sleep(1);
}

TEST(a_full_channel_may_close_under_two_senders,
     .sentences = {"nothing that another thread may still be inside",
                   "Taking a message wakes a sleeping sender"})
{
    struct ends ends = open_channel(1);
    struct closing one = {.tx = clone(ends.tx), .number = 11, .may_sleep = true};
    struct closing two = {.tx = ends.tx, .number = 21, .may_sleep = true};
    pthread_t threads[2];

    fill(ends.tx, 1);
    threads[0] = spawn(send_into_the_end, &one);
    threads[1] = spawn(send_into_the_end, &two);
    receiver_drop(ends.rx);
    join(threads[0]);
    join(threads[1]);
    check_equal(drops_of(0), 1, EXACTLY_ONCE);
    check_gone(11, one.status);
    check_gone(21, two.status);
}

TEST(a_channel_may_close_under_a_sender_that_got_the_last_place,
     .sentences = {"nothing that another thread may still be inside"})
{
    struct ends ends = open_channel(1);
    struct closing one = {.tx = clone(ends.tx), .number = 11, .may_sleep = true};
    struct closing two = {.tx = ends.tx, .number = 21, .may_sleep = true};
    pthread_t threads[2];

    fill(ends.tx, 1);
    threads[0] = spawn(send_into_the_end, &one);
    threads[1] = spawn(send_into_the_end, &two);
    recv(ends.rx, 0); /* one of them finds a place, and wakes or has woken for it */
    receiver_drop(ends.rx);
    join(threads[0]);
    join(threads[1]);
    check_equal(drops_of(0), 0, "drop never runs for a message that was received.");
    check_gone(11, one.status);
    check_gone(21, two.status);
}

TEST(try_send_that_meets_receiver_drop_is_dropped_once_or_stays_the_callers,
     .sentences = {"drop runs exactly once for every message",
                   "sender_try_send message: it stays the caller's"})
{
    for (int full = 0; full < 2; full++) {
        struct ends ends = open_channel(1);
        struct closing closing = {.tx = ends.tx, .number = 11, .may_sleep = false};
        pthread_t thread;

        fill(ends.tx, full);
        thread = spawn(send_into_the_end, &closing);
        receiver_drop(ends.rx);
        join(thread);
        check_equal(drops_of(0), full, EXACTLY_ONCE);
        check_gone(11, closing.status);
        check(full || closing.status != CHANNEL_FULL,
              "CHANNEL_FULL: capacity messages are queued.");
    }
}

/* ----------------------------------------------------------- dropping what a channel holds */

/* In a ring the messages left begin and end anywhere. */
static void check_left(int taken, int left)
{
    struct ends ends = open_channel(4);

    for (int i = 0; i < taken; i++) {
        send(ends.tx, i);
        recv(ends.rx, i);
    }
    for (int i = 0; i < left; i++)
        send(ends.tx, taken + i);
    receiver_drop(ends.rx);
    for (int i = 0; i < taken + left; i++)
        check_equal(drops_of(i), i >= taken, EXACTLY_ONCE);
    sender_drop(ends.tx);
}

TEST(drop_runs_once_for_every_message_left_in_a_bounded_channel,
     .sentences = {"drop runs exactly once for every message"})
{
    for (int taken = 0; taken <= 4; taken++)
        for (int left = 1; left <= 4; left++)
            check_left(taken, left);
}

TEST(messages_left_may_own_nothing, .sentences = {"messages own nothing, as in channel_create"})
{
    struct ends ends = open_sized(sizeof(int), 2);

    fill(ends.tx, 2);
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
}

/* Two numbers are left in each, of which as many are dropped as the channel was told to. */
static void leave_two_numbers(struct ends ends, int number, int dropped)
{
    try_send(ends.tx, number, CHANNEL_OK, THERE);
    try_send(ends.tx, number + 1, CHANNEL_OK, THERE);
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
    check_equal(drops[number] + drops[number + 1], dropped, EXACTLY_ONCE);
}

TEST(a_new_channel_has_its_own_capacity_and_drop_and_not_those_of_one_that_is_gone,
     .sentences = {"two ends of a new channel with that capacity", "are as before"},
     .hint = "What does a new channel take over from one that was freed?")
{
    struct ends another = open_channel(1), ends; /* the first is there all the time */

    for (int capacity = 2; capacity <= 4; capacity++) {
        check_status(
            channel_create_bounded(sizeof(int), (size_t)capacity, drop_number, &ends.tx, &ends.rx),
            CHANNEL_OK, "channel_create_bounded makes a channel.");
        leave_two_numbers(ends, 2 * capacity, 2);
        check_status(channel_create(sizeof(int), &ends.tx, &ends.rx), CHANNEL_OK,
                     "channel_create makes a channel.");
        for (int i = 0; i <= capacity; i++)
            try_send(ends.tx, 1, CHANNEL_OK, "An unbounded channel is never full.");
        leave_two_numbers(ends, 20, 0);
        struct ends smaller = open_sized(sizeof(int), 1);
        try_send(smaller.tx, 1, CHANNEL_OK, THERE);
        try_send(smaller.tx, 2, CHANNEL_FULL, "CHANNEL_FULL: capacity messages are queued.");
        sender_drop(smaller.tx);
        receiver_drop(smaller.rx);
    }
    sender_drop(another.tx);
    receiver_drop(another.rx);
}

struct errand {
    void (*run)(struct sender *tx); /* or NULL */
    struct sender *tx;              /* owned; or NULL */
};

static atomic_int errands_sent, errands_dropped;

static void drop_errand(void *message)
{
    struct errand errand;

    memcpy(&errand, message, sizeof errand);
    atomic_fetch_add_explicit(&errands_dropped, 1, memory_order_relaxed);
    if (errand.run != NULL)
        errand.run(errand.tx);
    sender_drop(errand.tx);
}

static struct ends open_errands(size_t capacity)
{
    struct ends ends = {NULL, NULL};

    errands_sent = 0;
    errands_dropped = 0;
    check_status(
        channel_create_bounded(sizeof(struct errand), capacity, drop_errand, &ends.tx, &ends.rx),
        CHANNEL_OK, "channel_create_bounded makes a channel.");
    return ends;
}

static void send_errand(struct sender *tx, struct errand errand)
{
    check_status(sender_send(tx, &errand), CHANNEL_OK, THERE);
    errands_sent++;
}

static void use_sender(struct sender *tx)
{
    struct errand nothing = {NULL, NULL};
    struct sender *another = clone(tx);

    if (check_one_of(sender_try_send(another, &nothing),
                     "drop may send on the channel that closes.", CHANNEL_OK, CHANNEL_CLOSED,
                     CHANNEL_FULL) == CHANNEL_OK)
        atomic_fetch_add_explicit(&errands_sent, 1, memory_order_relaxed);
    sender_drop(another);
}

TEST(drop_may_use_and_drop_senders_of_this_very_bounded_channel,
     .sentences = {"It may itself send, clone and drop"})
{
    struct ends ends = open_errands(2);

    for (int i = 0; i < 2; i++)
        send_errand(ends.tx, (struct errand){.run = use_sender, .tx = clone(ends.tx)});
    sender_drop(ends.tx); /* those in the messages are left */
    receiver_drop(ends.rx);
    check_equal(errands_dropped, errands_sent, EXACTLY_ONCE);
}

static void send_and_wait(struct sender *tx)
{
    struct errand nothing = {NULL, NULL};

    if (check_one_of(sender_send(tx, &nothing), "drop may send on the channel that closes.",
                     CHANNEL_OK, CHANNEL_CLOSED) == CHANNEL_OK)
        atomic_fetch_add_explicit(&errands_sent, 1, memory_order_relaxed);
}

TEST(drop_may_send_on_this_very_channel_although_it_is_full,
     .sentences = {"It may itself send, clone and drop"},
     .hint = "drop sends on a full channel: for whom does that send wait?")
{
    for (int capacity = 1; capacity <= 3; capacity++) {
        struct ends ends = open_errands((size_t)capacity);

        for (int i = 0; i < capacity; i++)
            send_errand(ends.tx, (struct errand){.run = send_and_wait, .tx = clone(ends.tx)});
        receiver_drop(ends.rx);
        sender_drop(ends.tx);
        check_equal(errands_dropped, errands_sent, EXACTLY_ONCE);
    }
}

static void *use_sender_in_a_thread(void *tx)
{
    use_sender(tx);
    return NULL;
}

static void wait_for_another_thread(struct sender *tx)
{
    join(spawn(use_sender_in_a_thread, tx));
}

TEST(drop_never_runs_while_a_bounded_channel_holds_a_lock,
     .sentences = {"drop never runs while the channel holds a lock"})
{
    struct ends ends = open_errands(1);

    send_errand(ends.tx, (struct errand){.run = wait_for_another_thread, .tx = clone(ends.tx)});
    receiver_drop(ends.rx);
    sender_drop(ends.tx);
    check_equal(errands_dropped, errands_sent, EXACTLY_ONCE);
}

static void send_2_to(struct sender *tx)
{
    send(tx, 2);
}

struct sleeping {
    struct sender *tx;   /* of errands */
    struct receiver *rx; /* of what the errand sends */
};

static void *send_until_closed_and_then_receive(void *arg)
{
    struct sleeping *sleeping = arg;
    struct errand nothing = {NULL, NULL};

    check_status(sender_send(sleeping->tx, &nothing), CHANNEL_CLOSED,
                 "receiver_drop wakes all sleeping senders.");
    recv(sleeping->rx, 1);
    recv(sleeping->rx, 2);
    return NULL;
}

TEST(drop_may_send_to_a_sender_that_slept_on_the_channel_that_closes,
     .sentences = {"Taking a message wakes a sleeping sender",
                   "It may itself send, clone and drop"},
     .hint = "Who sleeps while drop runs, and is woken when?")
{
    struct ends ends = open_errands(1), other = open_channel(1);
    struct sleeping sleeping = {.tx = clone(ends.tx), .rx = other.rx};
    pthread_t thread;

    send(other.tx, 1);
    send_errand(ends.tx, (struct errand){.run = send_2_to, .tx = other.tx});
    thread = spawn(send_until_closed_and_then_receive, &sleeping);
    receiver_drop(ends.rx); /* sends to the other channel, which is full */
    join(thread);
    sender_drop(sleeping.tx);
    sender_drop(ends.tx);
    receiver_drop(other.rx);
    check_equal(errands_dropped, errands_sent, EXACTLY_ONCE);
}

static void *send_own_sender(void *tx)
{
    struct errand errand = {.run = use_sender, .tx = clone(tx)};

    if (check_one_of(sender_send(tx, &errand), MEETS_DROP, CHANNEL_OK, CHANNEL_CLOSED) ==
        CHANNEL_OK)
        atomic_fetch_add_explicit(&errands_sent, 1, memory_order_relaxed);
    else
        sender_drop(errand.tx);
    sender_drop(tx);
    return NULL;
}

TEST(drop_callbacks_may_meet_senders_of_a_full_channel,
     .sentences = {"drop never runs while the channel holds a lock"})
{
    struct ends ends = open_errands(1);
    pthread_t thread;

    send_errand(ends.tx, (struct errand){.run = use_sender, .tx = clone(ends.tx)});
    thread = spawn(send_own_sender, ends.tx);
    receiver_drop(ends.rx);
    join(thread);
    check_equal(errands_dropped, errands_sent, EXACTLY_ONCE);
}

TEST(a_message_may_carry_a_sender_of_its_own_bounded_channel,
     .sentences = {"A message may carry a struct sender *"})
{
    struct ends ends = open_errands(1);
    struct errand got = {NULL, NULL};

    send_errand(ends.tx, (struct errand){.tx = clone(ends.tx)});
    sender_drop(ends.tx);
    check_status(receiver_recv(ends.rx, &got), CHANNEL_OK, RECEIVED);
    check_status(receiver_try_recv(ends.rx, &got), CHANNEL_EMPTY,
                 "A sender that came in a message is a sender: the channel is not closed.");
    sender_drop(got.tx);
    check_status(receiver_recv(ends.rx, &got), CHANNEL_CLOSED, "No sender is left: closed.");
    receiver_drop(ends.rx);
}

/* --------------------------------------------------------------------------------- volume */

enum { VOLUME = 300 };

struct stream {
    struct sender *tx;
    int first;
};

static void *send_a_stream(void *arg)
{
    struct stream *stream = arg;

    for (int i = 0; i < VOLUME; i++)
        send(stream->tx, stream->first + i);
    sender_drop(stream->tx);
    return NULL;
}

TEST(streams_of_three_senders_each_arrive_in_order_through_a_few_places,
     .sentences = {"What one sender sends arrives in the order it was sent"}, .once = true)
{
    struct ends ends = open_sized(sizeof(int), 4);
    struct stream streams[3] = {
        {clone(ends.tx), 0}, {clone(ends.tx), VOLUME}, {ends.tx, 2 * VOLUME}};
    int next[3] = {0, VOLUME, 2 * VOLUME}, got = -1;
    pthread_t threads[3];

    for (int i = 0; i < 3; i++)
        threads[i] = spawn(send_a_stream, &streams[i]);
    for (int i = 0; i < 3 * VOLUME; i++) {
        check_status(receiver_recv(ends.rx, &got), CHANNEL_OK, RECEIVED);
        check(got >= 0 && got < 3 * VOLUME, "A message arrives as it was sent.");
        check_equal(got, next[got / VOLUME]++, IN_ORDER);
    }
    check_status(receiver_recv(ends.rx, &got), CHANNEL_CLOSED, "Nothing queued, no sender left.");
    for (int i = 0; i < 3; i++)
        join(threads[i]);
    receiver_drop(ends.rx);
}

/* ------------------------------------------------------------------------- memory and limits */

TEST(sending_on_a_bounded_channel_never_says_no_memory,
     .sentences = {"Sending on it never allocates"}, .allocations_fail = true)
{
    struct ends ends = {NULL, NULL};
    struct sender *second;

    if (check_one_of(channel_create_bounded(sizeof(int), 2, NULL, &ends.tx, &ends.rx),
                     "Out of memory: CHANNEL_NO_MEMORY.", CHANNEL_OK,
                     CHANNEL_NO_MEMORY) != CHANNEL_OK)
        return;
    second = sender_clone(ends.tx);
    check(second != NULL || allocation_has_failed(), "NULL only when out of memory.");
    for (int i = 0; i < 4; i++) {
        send(ends.tx, i);
        try_send(second != NULL ? second : ends.tx, 10 + i, CHANNEL_OK,
                 "Sending on a bounded channel never says CHANNEL_NO_MEMORY.");
        recv(ends.rx, i);
        recv(ends.rx, 10 + i);
    }
    sender_drop(ends.tx);
    if (second != NULL)
        sender_drop(second);
    receiver_drop(ends.rx);
}

static void send_without_allocating(size_t size)
{
    struct ends ends = open_sized(size, 3);
    char *message = allocate(size);

    memset(message, 0, size);
    for (int i = 0; i < 12; i++) {
        size_t before = allocations();

        if (i % 2 == 0)
            check_status(sender_send(ends.tx, message), CHANNEL_OK, THERE);
        else
            check_status(sender_try_send(ends.tx, message), CHANNEL_OK, THERE);
        check_equal(allocations() - before, 0, "Sending on a bounded channel never allocates.");
        if (i >= 2)
            check_status(receiver_recv(ends.rx, message), CHANNEL_OK, RECEIVED);
    }
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
    free(message);
}

TEST(sending_on_a_bounded_channel_never_allocates,
     .sentences = {"Sending on it never allocates",
                   "takes all memory for its messages when it is created"},
     .hint = "When is the last moment to take memory for messages?")
{
    static const size_t sizes[] = {64, 1, 300, 5000, 70000};

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        send_without_allocating(sizes[i]);
}

TEST(more_than_65536_messages_fit,
     .sentences = {"more than 65,536 handles or queued messages work",
                   "which holds at most capacity messages"},
     .once = true)
{
    struct ends ends = open_sized(sizeof(int), 70000);
    int got = -1;

    for (int i = 0; i < 70000; i++)
        try_send(ends.tx, i, CHANNEL_OK, FITS);
    try_send(ends.tx, -1, CHANNEL_FULL, FULL);
    sender_drop(ends.tx);
    for (int i = 0; i < 70000; i++)
        recv(ends.rx, i);
    check_status(receiver_recv(ends.rx, &got), CHANNEL_CLOSED, "Nothing queued, no sender left.");
    receiver_drop(ends.rx);
}

TEST(create_bounded_says_no_memory_when_the_product_overflows,
     .sentences = {"Also when message_size * capacity overflows"},
     .hint = "What is SIZE_MAX / 8 + 2 times 8, in a size_t? And is an allocation looked at?")
{
    static const char rule[] = "CHANNEL_NO_MEMORY: message_size * capacity overflows.";

    check_create_fails(8, SIZE_MAX / 8 + 2, CHANNEL_NO_MEMORY, rule);
    check_create_fails(SIZE_MAX / 8 + 2, 8, CHANNEL_NO_MEMORY, rule);
    check_create_fails(2, SIZE_MAX / 2 + 1, CHANNEL_NO_MEMORY, rule);
    check_create_fails(SIZE_MAX, 2, CHANNEL_NO_MEMORY, rule);
    check_create_fails(2, SIZE_MAX, CHANNEL_NO_MEMORY, rule);
    check_create_fails(SIZE_MAX, SIZE_MAX, CHANNEL_NO_MEMORY, rule);
    check_create_fails((SIZE_MAX >> 32) + 1, (SIZE_MAX >> 32) + 1, CHANNEL_NO_MEMORY, rule);
    /* what is left of this product is larger than both factors, and could be had */
    check_create_fails((SIZE_MAX >> 32) + 2, (SIZE_MAX >> 32) + 2, CHANNEL_NO_MEMORY, rule);
    /* and of these as much as one factor: not less than either, nor much */
    check_create_fails((SIZE_MAX >> 20) + 2, (size_t)1 << 20, CHANNEL_NO_MEMORY, rule);
    check_create_fails((size_t)1 << 20, (SIZE_MAX >> 20) + 2, CHANNEL_NO_MEMORY, rule);
}

/* All memory for messages is taken at once, and so much there is not. */
TEST(create_bounded_says_no_memory_when_the_product_plus_something_overflows,
     .sentences = {"Also when message_size * capacity overflows"},
     .hint = "What is message_size * capacity + sizeof(struct channel) when the product just fits?")
{
    for (size_t capacity = 1; capacity <= 8; capacity++)
        for (size_t less = 0; less <= 64; less += 8)
            check_create_fails(SIZE_MAX / capacity - less, capacity, CHANNEL_NO_MEMORY,
                               "CHANNEL_NO_MEMORY: there is no memory for capacity messages.");
}

/* These products overflow. What is left of the numbers in 32 bits could be had. */
TEST(create_bounded_says_no_memory_when_numbers_need_more_than_32_bits,
     .sentences = {"Also when message_size * capacity overflows"},
     .hint = "Of what type is the capacity in your channel, and of what type the size?")
{
    static const char rule[] = "CHANNEL_NO_MEMORY: message_size * capacity overflows.";

    check_create_fails((size_t)1 << 28, ((size_t)1 << 36) + 1, CHANNEL_NO_MEMORY, rule);
    check_create_fails(((size_t)1 << 40) + 8, (size_t)1 << 24, CHANNEL_NO_MEMORY, rule);
}

/* A channel may have a place or two more than its capacity, and a place takes more than a message: their bytes may
 * come to a little more than SIZE_MAX, where message_size * capacity does not overflow. */
TEST(create_bounded_says_no_memory_when_places_of_any_size_overflow,
     .sentences = {"Also when message_size * capacity overflows"},
     .hint = "How many bytes are capacity + 1 of your nodes? What if capacity of them just fit?")
{
    for (size_t capacity = 1; capacity <= 8; capacity++)
        for (size_t places = capacity + 1; places <= capacity + 2; places++)
            for (size_t more = 0; more <= 64; more++)
                check_create_fails(SIZE_MAX / places + 1 - more, capacity, CHANNEL_NO_MEMORY,
                                   "CHANNEL_NO_MEMORY: there is no memory for capacity messages.");
}

/* The same for small messages and a huge capacity. Where each place is allocated for itself, memory is short. */
TEST(create_bounded_says_no_memory_when_many_places_of_any_size_overflow,
     .sentences = {"Also when message_size * capacity overflows"}, .allocations_at_most = 20000,
     .hint = "Of how many bytes is one of your places, and how many are all of them?")
{
    const size_t sizes[] = {1, 4, 8, 24, 100};

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t place = sizes[i] + 1; place <= sizes[i] + 64; place++)
            for (size_t less = 0; less <= 3; less++)
                check_create_fails(sizes[i], SIZE_MAX / place + 1 - less, CHANNEL_NO_MEMORY,
                                   "CHANNEL_NO_MEMORY: there is no memory for capacity messages.");
}
