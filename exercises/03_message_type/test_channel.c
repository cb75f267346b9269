/* Suite of 03: the sentences of channel.h about messages that own something, one test each. */
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "suite.h"

#include "channel.h"

#define EXACTLY_ONCE                                                                               \
    "drop runs exactly once for every message that was sent and can no longer be received."
#define NOT_RECEIVED "drop never runs for a message that was received."
#define NOT_FAILED "drop never runs for a message whose send failed: it stays the caller's."
#define NO_LOCK "drop never runs while the channel holds a lock."
#define NO_OTHER "No function calls drop but receiver_drop and a send that meets it."

/* ----------------------------------------------------------- notes: messages that own memory */

enum { NOTES = 4096, FEW_NOTES = 64 };

struct note {
    int id;
    int *number; /* owned; holds 1000 + id */
};

static atomic_int drops[NOTES];    /* how often note id was dropped */
static atomic_int errands_dropped; /* how many errands were */
static atomic_int sends_in_drop;   /* how many sends of drop callbacks were OK */

static void forget_drops(void)
{
    memset(drops, 0, FEW_NOTES * sizeof drops[0]); /* more are used by tests that run once */
    errands_dropped = 0;
    sends_in_drop = 0;
}

static int drops_of(int id)
{
    return atomic_load_explicit(&drops[id], memory_order_relaxed);
}

static struct note new_note(int id)
{
    struct note note = {id, allocate(sizeof(int))};

    *note.number = 1000 + id;
    return note;
}

/* Frees a note that is the suite's: one that was received, or could not be sent. */
static void free_note(const struct note *note)
{
    check(note->id >= 0 && note->id < NOTES, "A message arrives as it was sent.");
    check_equal(drops_of(note->id), 0, "A message has one owner: the channel no longer drops it.");
    check_equal(*note->number, 1000 + note->id, "A message arrives as it was sent.");
    free(note->number);
}

static void drop_note(void *message)
{
    const struct note *note = message;

    check(note->id >= 0 && note->id < NOTES, "drop is called with a pointer to the message.");
    int dropped_before = atomic_fetch_add_explicit(&drops[note->id], 1, memory_order_relaxed);
    check_equal(dropped_before, 0, EXACTLY_ONCE);
    check_equal(*note->number, 1000 + note->id, "drop is called with a pointer to the message.");
    free(note->number);
}

struct ends {
    struct sender *tx;
    struct receiver *rx;
};

static struct ends open_channel(size_t message_size, void (*drop)(void *message))
{
    struct ends ends = {NULL, NULL};

    check_status(channel_create_with_drop(message_size, drop, &ends.tx, &ends.rx), CHANNEL_OK,
                 "channel_create_with_drop makes a channel.");
    return ends;
}

static struct ends open_notes(void)
{
    forget_drops();
    return open_channel(sizeof(struct note), drop_note);
}

static struct sender *clone(struct sender *tx)
{
    struct sender *another = sender_clone(tx);

    check(another != NULL, "sender_clone makes one more sender.");
    return another;
}

static void send_note(struct sender *tx, int id)
{
    struct note note = new_note(id);

    check_status(sender_send(tx, &note), CHANNEL_OK, "While the receiver is there, a send is OK.");
}

/* Sends where the receiver may be going: a note that was not sent is freed here. */
static void send_or_free_note(struct sender *tx, int id)
{
    struct note note = new_note(id);

    if (check_one_of(sender_send(tx, &note), "A send that meets receiver_drop is OK or CLOSED.",
                     CHANNEL_OK, CHANNEL_CLOSED) == CHANNEL_CLOSED) {
        check_equal(drops_of(id), 0, NOT_FAILED);
        free_note(&note);
        atomic_store_explicit(&drops[id], -1, memory_order_relaxed); /* has gone, and not by drop */
    }
}

static void recv_note(struct receiver *rx, int id)
{
    struct note note = {-1, NULL};

    check_status(receiver_recv(rx, &note), CHANNEL_OK, "A queued message is received.");
    check_equal(note.id, id, "Messages arrive in the order they were sent.");
    free_note(&note);
}

/* ------------------------------------------------------------- errands: messages that act */

/* What an errand carries goes with it, and run, not NULL, is called when it is dropped. */
struct errand {
    void (*run)(struct errand *errand);
    struct sender *tx;
    struct receiver *rx;
};

static int dropped_errands(void)
{
    return atomic_load_explicit(&errands_dropped, memory_order_relaxed);
}

static void drop_errand(void *message)
{
    struct errand errand;

    memcpy(&errand, message, sizeof errand);
    atomic_fetch_add_explicit(&errands_dropped, 1, memory_order_relaxed);
    if (errand.run != NULL)
        errand.run(&errand);
    check(memcmp(message, &errand, sizeof errand) == 0,
          "drop is called with a pointer to a message, valid during the call.");
    sender_drop(errand.tx);
    receiver_drop(errand.rx);
}

static struct ends open_errands(void)
{
    forget_drops();
    return open_channel(sizeof(struct errand), drop_errand);
}

static void send_errand(struct sender *tx, struct errand errand)
{
    check_status(sender_send(tx, &errand), CHANNEL_OK, "The receiver is there: a send is OK.");
}

/* ------------------------------------------------------------------------- making a channel */

TEST(channel_create_with_drop_connects_a_sender_and_a_receiver,
     .sentences = {"Makes a channel as channel_create does, whose messages",
                   "the two ends of a new, unbounded channel"})
{
    struct ends ends = open_notes();

    check(ends.tx != NULL && ends.rx != NULL, "*tx and *rx are the two ends of a new channel.");
    send_note(ends.tx, 1);
    send_note(ends.tx, 2);
    recv_note(ends.rx, 1);
    recv_note(ends.rx, 2);
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
}

TEST(create_with_drop_says_invalid_for_message_size_0,
     .sentences = {"channel_create_with_drop: message_size is 0",
                   "channel_create_with_drop CHANNEL_INVALID: are untouched"})
{
    int somewhere = 0;
    struct sender *tx = (struct sender *)(void *)&somewhere;
    struct receiver *rx = (struct receiver *)(void *)&somewhere;

    check_status(channel_create_with_drop(0, drop_note, &tx, &rx), CHANNEL_INVALID,
                 "CHANNEL_INVALID: message_size is 0.");
    check_status(channel_create_with_drop(0, NULL, &tx, &rx), CHANNEL_INVALID,
                 "CHANNEL_INVALID: message_size is 0.");
    check_pointer(tx, &somewhere, "CHANNEL_INVALID: *tx and *rx are untouched.");
    check_pointer(rx, &somewhere, "CHANNEL_INVALID: *tx and *rx are untouched.");
}

TEST(create_with_drop_out_of_memory_leaves_tx_and_rx_untouched,
     .sentences = {"channel_create_with_drop: and nothing leaks"}, .allocations_fail = true)
{
    int somewhere = 0;
    struct sender *tx = (struct sender *)(void *)&somewhere;
    struct receiver *rx = (struct receiver *)(void *)&somewhere;

    if (check_one_of(channel_create_with_drop(sizeof(struct note), drop_note, &tx, &rx),
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

TEST(a_null_drop_means_messages_own_nothing,
     .sentences = {"messages own nothing, as in channel_create"})
{
    struct ends ends = open_channel(sizeof(int), NULL);
    int sent = 7, got = -1;

    check_status(sender_send(ends.tx, &sent), CHANNEL_OK, "A channel without drop sends as ever.");
    check_status(sender_send(ends.tx, &sent), CHANNEL_OK, "A channel without drop sends as ever.");
    check_status(receiver_try_recv(ends.rx, &got), CHANNEL_OK, "... and receives as ever.");
    check_equal(got, 7, "A message arrives as it was sent.");
    receiver_drop(ends.rx); /* with one message left that nobody has to be told of */
    sender_drop(ends.tx);
}

TEST(channel_create_still_makes_a_channel_without_drop, .sentences = {"Makes an unbounded channel"})
{
    struct ends ends = {NULL, NULL};
    int sent = 7;

    check_status(channel_create(sizeof sent, &ends.tx, &ends.rx), CHANNEL_OK,
                 "channel_create makes a channel.");
    check_status(sender_send(ends.tx, &sent), CHANNEL_OK, "A channel without drop sends as ever.");
    receiver_drop(ends.rx);
    sender_drop(ends.tx);
}

/* ------------------------------------------------------------------- messages of every kind */

enum shape_kind { CIRCLE, RECTANGLE, LABEL };

struct shape {
    enum shape_kind kind;
    union {
        double radius;
        struct {
            int width, height;
        } rectangle;
        char label[12];
    } as;
};

static void *send_shapes(void *tx)
{
    struct shape circle = {.kind = CIRCLE, .as.radius = 2.5};
    struct shape rectangle = {.kind = RECTANGLE, .as.rectangle = {3, 4}};
    struct shape label = {.kind = LABEL, .as.label = "a label"};

    check_status(sender_send(tx, &circle), CHANNEL_OK, "A message may be a tagged union.");
    check_status(sender_send(tx, &rectangle), CHANNEL_OK, "A message may be a tagged union.");
    check_status(sender_send(tx, &label), CHANNEL_OK, "A message may be a tagged union.");
    sender_drop(tx);
    return NULL;
}

TEST(a_tagged_union_arrives_as_it_was_sent, .sentences = {"Still message_size bytes each"})
{
    struct ends ends = open_channel(sizeof(struct shape), NULL);
    pthread_t thread = spawn(send_shapes, ends.tx);
    struct shape got[3];

    for (int i = 0; i < 3; i++)
        check_status(receiver_recv(ends.rx, &got[i]), CHANNEL_OK, "A queued message is received.");
    check(got[0].kind == CIRCLE && got[0].as.radius == 2.5, "A tagged union arrives whole.");
    check(got[1].kind == RECTANGLE && got[1].as.rectangle.width == 3 &&
              got[1].as.rectangle.height == 4,
          "A tagged union arrives whole.");
    check(got[2].kind == LABEL && strcmp(got[2].as.label, "a label") == 0,
          "A tagged union arrives whole.");
    join(thread);
    receiver_drop(ends.rx);
}

struct wide {
    unsigned char bytes[200];
};

static void *send_wide(void *tx)
{
    struct wide wide;

    for (int i = 0; i < 2; i++) {
        memset(&wide, 'a' + i, sizeof wide);
        check_status(sender_send(tx, &wide), CHANNEL_OK, "A message may be a large struct.");
    }
    memset(&wide, 0, sizeof wide); /* the channel has copies */
    sender_drop(tx);
    return NULL;
}

TEST(a_struct_larger_than_a_cache_line_arrives_whole,
     .sentences = {"Still message_size bytes each"})
{
    struct ends ends = open_channel(sizeof(struct wide), NULL);
    pthread_t thread = spawn(send_wide, ends.tx);
    struct wide got, expected;

    for (int i = 0; i < 2; i++) {
        memset(&expected, 'a' + i, sizeof expected);
        check_status(receiver_recv(ends.rx, &got), CHANNEL_OK, "A queued message is received.");
        check_bytes(&got, &expected, sizeof got, "A large struct arrives whole.");
    }
    join(thread);
    receiver_drop(ends.rx);
}

static void *send_two_notes(void *tx)
{
    send_note(tx, 1);
    send_note(tx, 2);
    sender_drop(tx);
    return NULL;
}

TEST(what_the_pointers_in_a_message_point_to_is_handed_over_with_it,
     .sentences = {"hands the message over to the channel"})
{
    struct ends ends = open_notes();
    pthread_t thread = spawn(send_two_notes, ends.tx);
    struct note note;

    recv_note(ends.rx, 1);
    recv_note(ends.rx, 2);
    check_status(receiver_recv(ends.rx, &note), CHANNEL_CLOSED, "No sender is left: closed.");
    join(thread);
    receiver_drop(ends.rx);
    check_equal(drops_of(1) + drops_of(2), 0, NOT_RECEIVED);
}

/* --------------------------------------------- the four behaviours, with owning messages */

static void *send_notes_1_2(void *tx)
{
    return send_two_notes(tx);
}

static void *send_notes_11_12(void *tx)
{
    send_note(tx, 11);
    send_note(tx, 12);
    sender_drop(tx);
    return NULL;
}

TEST(multi_sender_every_owning_message_arrives_once_and_is_not_dropped,
     .sentences = {"It never runs for a message that was received",
                   "hands the message over to the channel"})
{
    struct ends ends = open_notes();
    pthread_t one = spawn(send_notes_1_2, clone(ends.tx));
    pthread_t two = spawn(send_notes_11_12, ends.tx);
    int last[2] = {0, 10};
    struct note note;

    for (int i = 0; i < 4; i++) {
        check_status(receiver_recv(ends.rx, &note), CHANNEL_OK, "A queued message is received.");
        check_equal(note.id, ++last[note.id > 10],
                    "Messages of one sender arrive in the order it sent them.");
        free_note(&note);
    }
    check_status(receiver_recv(ends.rx, &note), CHANNEL_CLOSED, "No sender is left: closed.");
    join(one);
    join(two);
    receiver_drop(ends.rx);
    for (int id = 0; id < 13; id++)
        check_equal(drops_of(id), 0, NOT_RECEIVED);
}

TEST(send_after_drop_says_closed_and_the_message_stays_the_callers,
     .sentences = {"After any other status it is where it was"},
     .hint = "Who owns the message when a send fails?")
{
    struct ends ends = open_notes();
    struct note note = new_note(1);

    receiver_drop(ends.rx);
    check_status(sender_send(ends.tx, &note), CHANNEL_CLOSED, "The receiver has been dropped.");
    check_equal(drops_of(1), 0, NOT_FAILED);
    sender_drop(ends.tx);
    check_equal(drops_of(1), 0, NOT_FAILED);
    free_note(&note);
}

TEST(recv_on_empty_closed_says_closed_and_drops_nothing,
     .sentences = {"It never runs for a message that was received",
                   "receiver_recv: now and for good"})
{
    struct ends ends = open_notes();
    struct note note = {-1, NULL};

    send_note(ends.tx, 1);
    sender_drop(ends.tx);
    recv_note(ends.rx, 1);
    check_status(receiver_recv(ends.rx, &note), CHANNEL_CLOSED, "Nothing queued, no sender left.");
    check_status(receiver_try_recv(ends.rx, &note), CHANNEL_CLOSED, "... now and for good.");
    check(note.id == -1 && note.number == NULL, "CHANNEL_CLOSED: *message is untouched.");
    receiver_drop(ends.rx);
    check_equal(drops_of(1), 0, NOT_RECEIVED);
}

/* ---------------------------------------------------------------------------- exactly once */

TEST(drop_runs_for_every_message_left_before_receiver_drop_returns,
     .sentences = {"drop runs exactly once for every message",
                   "a function that drops a message, for those that nobody will receive"},
     .hint = "Who still knows of the messages once the receiver has gone?")
{
    struct ends ends = open_notes();

    for (int id = 0; id < 3; id++)
        send_note(ends.tx, id);
    receiver_drop(ends.rx);
    for (int id = 0; id < 3; id++)
        check_equal(drops_of(id), 1, EXACTLY_ONCE);
    sender_drop(ends.tx);
    for (int id = 0; id < 3; id++)
        check_equal(drops_of(id), 1, EXACTLY_ONCE);
}

TEST(drop_runs_when_the_senders_went_before_the_receiver,
     .sentences = {"drop runs exactly once for every message"})
{
    struct ends ends = open_notes();
    struct sender *second = clone(ends.tx);

    send_note(ends.tx, 0);
    send_note(second, 1);
    sender_drop(ends.tx);
    sender_drop(second);
    check_equal(drops_of(0) + drops_of(1), 0, "What was sent can still be received.");
    receiver_drop(ends.rx);
    check_equal(drops_of(0), 1, EXACTLY_ONCE);
    check_equal(drops_of(1), 1, EXACTLY_ONCE);
}

TEST(drop_never_runs_for_a_message_that_was_received,
     .sentences = {"It never runs for a message that was received"})
{
    struct ends ends = open_notes();

    for (int id = 0; id < 4; id++)
        send_note(ends.tx, id);
    recv_note(ends.rx, 0);
    recv_note(ends.rx, 1);
    for (int id = 4; id < 9; id++)
        send_note(ends.tx, id);
    recv_note(ends.rx, 2);
    receiver_drop(ends.rx);
    sender_drop(ends.tx);
    for (int id = 0; id < 9; id++)
        check_equal(drops_of(id), id > 2, id > 2 ? EXACTLY_ONCE : NOT_RECEIVED);
}

static void try_recv_note(struct receiver *rx, int id)
{
    struct note note = {-1, NULL};

    check_status(receiver_try_recv(rx, &note), CHANNEL_OK, "A queued message is received.");
    check_equal(note.id, id, "Messages arrive in the order they were sent.");
    free_note(&note);
}

TEST(drop_never_runs_for_a_message_that_was_received_without_sleeping,
     .sentences = {"It never runs for a message that was received"})
{
    struct ends ends = open_notes();

    for (int id = 0; id < 3; id++)
        send_note(ends.tx, id);
    try_recv_note(ends.rx, 0);
    sender_drop(ends.tx);
    try_recv_note(ends.rx, 1);
    try_recv_note(ends.rx, 2);
    receiver_drop(ends.rx);
    for (int id = 0; id < 3; id++)
        check_equal(drops_of(id), 0, NOT_RECEIVED);
}

/* Ten messages, which in a ring begin and end anywhere. */
TEST(drop_runs_for_every_message_left_of_a_queue_that_moved,
     .sentences = {"drop runs exactly once for every message"})
{
    for (int taken = 1; taken <= 10; taken++) {
        struct ends ends = open_notes();

        for (int id = 0; id < 10; id++)
            send_note(ends.tx, id);
        for (int id = 0; id < taken; id++) {
            recv_note(ends.rx, id);
            send_note(ends.tx, 10 + id);
        }
        receiver_drop(ends.rx);
        for (int id = 0; id < 10 + taken; id++)
            check_equal(drops_of(id), id >= taken, id >= taken ? EXACTLY_ONCE : NOT_RECEIVED);
        sender_drop(ends.tx);
    }
}

static atomic_int numbers_dropped;
static atomic_long sum_dropped;

static void drop_a_number(void *message)
{
    int number;

    memcpy(&number, message, sizeof number);
    atomic_fetch_add_explicit(&numbers_dropped, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&sum_dropped, number, memory_order_relaxed);
}

static struct ends open_numbers(void)
{
    numbers_dropped = 0;
    sum_dropped = 0;
    return open_channel(sizeof(int), drop_a_number);
}

static void send_number(struct sender *tx, int number)
{
    check_status(sender_send(tx, &number), CHANNEL_OK, "The receiver is there: a send is OK.");
}

static void recv_number(struct receiver *rx, int number)
{
    int got = -1;

    check_status(receiver_recv(rx, &got), CHANNEL_OK, "A queued message is received.");
    check_equal(got, number, "Messages arrive in the order they were sent.");
}

/* Sends and receives taken numbers, then leaves left of them, and counts what is dropped. */
static void leave_numbers(int taken, int left)
{
    struct ends ends = open_numbers();
    long sum = 0;

    for (int i = 0; i < taken; i++) {
        send_number(ends.tx, 1000 + i);
        recv_number(ends.rx, 1000 + i);
    }
    for (int i = 0; i < left; i++) {
        send_number(ends.tx, 1 + i);
        sum += 1 + i;
    }
    receiver_drop(ends.rx);
    check_equal(numbers_dropped, left, EXACTLY_ONCE);
    check_equal(sum_dropped, sum, EXACTLY_ONCE);
    sender_drop(ends.tx);
    check_equal(numbers_dropped, left, EXACTLY_ONCE);
}

TEST(drop_runs_for_every_message_left_wherever_the_oldest_lies_and_however_many_there_are,
     .sentences = {"drop runs exactly once for every message"}, .once = true,
     .hint = "Where in your queue does the oldest message lie, and how do you get "
             "from the last place to the first?")
{
    for (int taken = 0; taken <= 20; taken++)
        for (int left = 0; left <= 40; left++)
            leave_numbers(taken, left);
}

static void leave_many(void *arg)
{
    (void)arg;
    leave_numbers(3, 65536 + 100);
}

TEST(more_than_65536_messages_left_are_dropped_and_take_no_more_stack_than_one,
     .sentences = {"drop runs exactly once for every message",
                   "more than 65,536 handles or queued messages work"},
     .once = true, .hint = "How far does the type of your count reach, and that of a place?")
{
    with_little_stack(leave_many, NULL);
}

/* A note that a channel without drop leaves to the caller. */
static void leave_a_note_of_ours(struct ends ends)
{
    struct note note = new_note(7);

    check_status(sender_send(ends.tx, &note), CHANNEL_OK, "The receiver is there: a send is OK.");
    receiver_drop(ends.rx);
    sender_drop(ends.tx);
    free_note(&note);
}

static void leave_a_note(struct ends ends, int id)
{
    send_note(ends.tx, id);
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
    check_equal(drops_of(id), 1, EXACTLY_ONCE);
}

TEST(a_new_channel_has_its_own_drop_and_not_that_of_one_that_is_gone,
     .sentences = {"own nothing, as in channel_create", "drop runs exactly once for every message"},
     .hint = "What does a new channel take over from one that was freed?")
{
    struct ends another = open_notes(); /* which is there all the time */

    leave_a_note(open_channel(sizeof(struct note), drop_note), 1);
    leave_a_note_of_ours(open_channel(sizeof(struct note), NULL));
    leave_a_note(open_channel(sizeof(struct note), drop_note), 2);
    struct ends plain = {NULL, NULL};
    check_status(channel_create(sizeof(struct note), &plain.tx, &plain.rx), CHANNEL_OK,
                 "channel_create makes a channel.");
    leave_a_note_of_ours(plain);
    leave_a_note(open_channel(sizeof(struct note), drop_note), 3);
    leave_a_note(another, 4);
}

/* A message that owns the receiver of another channel. */
struct parcel {
    int id;
    struct receiver *inside;
    unsigned char filling[200];
};

/* What is inside is dropped by the time its receiver_drop returns, and the parcel is still there. */
static void drop_parcel(void *message)
{
    struct parcel *parcel = message;
    int id = parcel->id;

    if (parcel->inside) {
        receiver_drop(parcel->inside);
        check_equal(drops_of(16 + 2 * id) + drops_of(17 + 2 * id), 2,
                    "drop runs for each message before receiver_drop returns.");
    }
    check_equal(parcel->id, id, "drop: the pointer to the message is valid during the call.");
    drops[id]++;
}

/* Of channels in a channel, all with messages left: the outer one's are of that size. */
static void drop_parcels(size_t size, bool inner_has_drop)
{
    struct ends outer = open_channel(size, drop_parcel);

    forget_drops();
    for (int id = 0; id < 4; id++) {
        struct parcel parcel = {.id = id};

        if (id % 2 == 0) {
            struct ends inner = open_channel(sizeof(struct note), drop_note);
            send_note(inner.tx, 16 + 2 * id);
            send_note(inner.tx, 17 + 2 * id);
            sender_drop(inner.tx);
            parcel.inside = inner.rx;
        } else if (!inner_has_drop) {
            struct ends inner = open_channel(sizeof(struct parcel), NULL);
            check_status(sender_send(inner.tx, &parcel), CHANNEL_OK, "The receiver is there.");
            sender_drop(inner.tx);
            atomic_store(&drops[16 + 2 * id], 2);
            parcel.inside = inner.rx;
        }
        check_status(sender_send(outer.tx, &parcel), CHANNEL_OK, "The receiver is there.");
    }
    sender_drop(outer.tx);
    receiver_drop(outer.rx);
    for (int id = 0; id < 4; id++)
        check_equal(drops_of(id), 1, EXACTLY_ONCE);
}

TEST(
    drop_may_drop_a_receiver_whose_messages_are_dropped_otherwise,
    .sentences = {"before receiver_drop returns",
                  "valid during the call and aligned, as far as malloc",
                  "whose messages are dropped with drop"},
    .hint =
        "A drop callback drops another receiver: whose messages, and whose drop, are at hand then?")
{
    drop_parcels(sizeof(struct parcel), true);
    drop_parcels(offsetof(struct parcel, filling), true);
    drop_parcels(offsetof(struct parcel, filling), false);
}

static void drop_sender_inside(void *message)
{
    sender_drop(*(struct sender **)message);
}

static void *wait_until_closed(void *rx)
{
    struct note note;

    check_status(receiver_recv(rx, &note), CHANNEL_CLOSED,
                 "Dropping the last sender wakes a sleeping receiver, in a drop callback, too.");
    receiver_drop(rx);
    return NULL;
}

TEST(drop_may_drop_the_last_senders_of_several_channels,
     .sentences = {"It may itself send, clone and drop"},
     .hint = "A drop callback drops the last sender of another channel. Who wakes its receiver, "
             "and when?")
{
    struct ends outer = open_channel(sizeof(struct sender *), drop_sender_inside);
    pthread_t waiting[2];

    for (int i = 0; i < 2; i++) {
        struct ends inner = open_channel(sizeof(struct note), NULL);
        check_status(sender_send(outer.tx, &inner.tx), CHANNEL_OK, "The receiver is there.");
        waiting[i] = spawn(wait_until_closed, inner.rx);
    }
    settle();
    receiver_drop(outer.rx);
    sender_drop(outer.tx);
    join(waiting[0]);
    join(waiting[1]);
}

TEST(no_other_function_calls_back,
     .sentences = {"No other function calls back into the caller",
                   "Blocking: No function calls back into the caller"})
{
    struct ends ends = open_notes();
    struct sender *second = clone(ends.tx);
    struct note note;

    send_note(ends.tx, 0);
    sender_drop(second);
    recv_note(ends.rx, 0);
    check_status(receiver_try_recv(ends.rx, &note), CHANNEL_EMPTY, "A sender is left: not closed.");
    send_note(ends.tx, 1);
    sender_drop(ends.tx);
    check_equal(drops_of(0) + drops_of(1), 0, NO_OTHER);
    receiver_drop(ends.rx);
    check_equal(drops_of(1), 1, EXACTLY_ONCE);
}

/* Drops handle 0, 1 (two senders) or 2 (the receiver). */
static void drop_handle(int handle, struct sender *const senders[2], struct receiver *rx)
{
    if (handle == 2)
        receiver_drop(rx);
    else
        sender_drop(senders[handle]);
}

TEST(drop_runs_once_in_whatever_order_handles_go,
     .sentences = {"drop runs exactly once for every message"})
{
    static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                     {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

    for (int order = 0; order < 6; order++) {
        struct ends ends = open_notes();
        struct sender *senders[2] = {ends.tx, clone(ends.tx)};

        send_note(senders[0], 2 * order);
        send_note(senders[1], 2 * order + 1);
        for (int i = 0; i < 3; i++)
            drop_handle(orders[order][i], senders, ends.rx);
        check_equal(drops_of(2 * order), 1, EXACTLY_ONCE);
        check_equal(drops_of(2 * order + 1), 1, EXACTLY_ONCE);
    }
}

TEST(a_failed_send_leaves_the_message_the_callers,
     .sentences = {"After any other status it is where it was",
                   "It never runs for a message that was received"},
     .allocations_fail = true)
{
    struct ends ends = {NULL, NULL};
    bool sent[6];

    forget_drops();
    if (check_one_of(channel_create_with_drop(sizeof(struct note), drop_note, &ends.tx, &ends.rx),
                     "Out of memory: CHANNEL_NO_MEMORY.", CHANNEL_OK,
                     CHANNEL_NO_MEMORY) != CHANNEL_OK)
        return;
    for (int id = 0; id < 6; id++) {
        struct note note = new_note(id);

        sent[id] = check_one_of(sender_send(ends.tx, &note), "Out of memory: CHANNEL_NO_MEMORY.",
                                CHANNEL_OK, CHANNEL_NO_MEMORY) == CHANNEL_OK;
        check(sent[id] || allocation_has_failed(), "CHANNEL_NO_MEMORY only when out of memory.");
        if (!sent[id])
            free_note(&note);
    }
    receiver_drop(ends.rx);
    sender_drop(ends.tx);
    for (int id = 0; id < 6; id++)
        check_equal(drops_of(id), sent[id], sent[id] ? EXACTLY_ONCE : NOT_FAILED);
}

TEST(after_a_failed_send_the_channel_is_as_before,
     .sentences = {"sender_send: the message stays the caller's"}, .allocations_fail = true)
{
    struct ends ends = {NULL, NULL};
    int sent[6], n = 0;

    forget_drops();
    if (check_one_of(channel_create_with_drop(sizeof(struct note), drop_note, &ends.tx, &ends.rx),
                     "Out of memory: CHANNEL_NO_MEMORY.", CHANNEL_OK,
                     CHANNEL_NO_MEMORY) != CHANNEL_OK)
        return;
    for (int id = 0; id < 6; id++) {
        struct note note = new_note(id);

        if (check_one_of(sender_send(ends.tx, &note), "Out of memory: CHANNEL_NO_MEMORY.",
                         CHANNEL_OK, CHANNEL_NO_MEMORY) == CHANNEL_OK)
            sent[n++] = id;
        else
            free_note(&note);
    }
    check(n >= 5, "A failed send is not repeated by the next one: memory is there again.");
    sender_drop(ends.tx);
    for (int i = 0; i < n; i++)
        recv_note(ends.rx, sent[i]);
    receiver_drop(ends.rx);
}

/* ------------------------------------------------------------------ what drop is called with */

static size_t filled_size;

/* Messages of filled_size bytes, each of them the message's number. */
static void drop_filled(void *message)
{
    const unsigned char *bytes = message;

    for (size_t i = 1; i < filled_size; i++)
        check_equal(bytes[i], bytes[0], "drop is called with a pointer to the whole message.");
    drops[bytes[0]]++;
}

/* Of a message that is long. */
static void drop_first_byte(void *message)
{
    drops[*(const unsigned char *)message]++;
}

TEST(drop_is_called_with_messages_of_every_size,
     .sentences = {"valid during the call and aligned, as far as malloc"})
{
    static const size_t sizes[] = {1, 3, 8, 64, 4096};
    unsigned char bytes[4096];

    for (int s = 0; s < 5; s++) {
        struct ends ends = open_channel(filled_size = sizes[s], drop_filled);

        forget_drops();
        for (int id = 0; id < 40; id++) {
            memset(bytes, id, sizeof bytes);
            check_status(sender_send(ends.tx, bytes), CHANNEL_OK, "Messages of any size are sent.");
            if (id % 3 == 0)
                check_status(receiver_recv(ends.rx, bytes), CHANNEL_OK, "... and received.");
        }
        sender_drop(ends.tx);
        receiver_drop(ends.rx);
        for (int id = 0; id < 40; id++)
            check_equal(drops_of(id), id >= 14, EXACTLY_ONCE);
    }
}

/* The channel may keep room for many of them, and there may not be that much memory. */
TEST(drop_is_called_with_a_message_that_is_larger_than_a_stack,
     .sentences = {"valid during the call and aligned, as far as malloc"}, .once = true,
     .hint = "What is drop given, and what became of message_size since channel_create?")
{
    enum { SIZE = 9 << 20 };
    struct sender *tx;
    struct receiver *rx;
    unsigned char *message = allocate(SIZE);

    forget_drops();
    if (channel_create_with_drop(SIZE, drop_first_byte, &tx, &rx) == CHANNEL_OK) {
        memset(message, 7, SIZE);
        bool is_sent = sender_send(tx, message) == CHANNEL_OK;
        sender_drop(tx);
        receiver_drop(rx);
        check_equal(drops_of(7), is_sent, EXACTLY_ONCE);
    }
    free(message);
}

/* A type's size is a multiple of its alignment. */
static size_t alignment_of(size_t size)
{
    size_t alignment = size & -size;

    return alignment < _Alignof(max_align_t) ? alignment : _Alignof(max_align_t);
}

static void drop_aligned(void *message)
{
    check((uintptr_t)message % alignment_of(filled_size) == 0,
          "drop is called with a pointer that is aligned for any type of message_size bytes.");
    drops[0]++;
}

TEST(drop_is_called_with_an_aligned_pointer,
     .sentences = {"valid during the call and aligned, as far as malloc"},
     .hint = "At which offset are the bytes in the block that holds them?")
{
    static const size_t sizes[] = {2, 4, 8, 12, 16, 24, 32, 48, 80, 4096};
    _Alignas(max_align_t) unsigned char message[4096] = {0};

    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        struct ends ends = open_channel(filled_size = sizes[s], drop_aligned);

        forget_drops();
        for (int i = 0; i < 7; i++)
            check_status(sender_send(ends.tx, message), CHANNEL_OK, "The receiver is there.");
        check_status(receiver_recv(ends.rx, message), CHANNEL_OK, "... and receives one of them.");
        receiver_drop(ends.rx);
        sender_drop(ends.tx);
        check_equal(drops_of(0), 6, EXACTLY_ONCE);
    }
}

static void drop_note_the_other_way(void *message)
{
    struct note note;

    memcpy(&note, message, sizeof note);
    check(note.id >= 32, "Two channels share no state: each has its own drop.");
    drop_note(message);
}

TEST(each_channel_has_its_own_drop,
     .sentences = {"Makes a channel as channel_create does, whose messages",
                   "Two channels share no state"})
{
    struct ends one = open_notes();
    struct ends other = open_channel(sizeof(struct note), drop_note_the_other_way);
    struct ends none = open_channel(sizeof(struct note), NULL);
    struct note note = new_note(3);

    send_note(one.tx, 1);
    send_note(other.tx, 33);
    check_status(sender_send(none.tx, &note), CHANNEL_OK, "The receiver is there.");
    receiver_drop(none.rx);
    check_equal(drops_of(1) + drops_of(33) + drops_of(3), 0, "Two channels share no state.");
    receiver_drop(one.rx);
    check_equal(drops_of(33), 0, "Two channels share no state.");
    receiver_drop(other.rx);
    check_equal(drops_of(1) + drops_of(33), 2, EXACTLY_ONCE);
    free_note(&note);
    sender_drop(one.tx);
    sender_drop(other.tx);
    sender_drop(none.tx);
}

/* ------------------------------------------------------------------ messages with a sender */

struct request {
    int question;
    struct sender *reply; /* owned */
};

static void drop_request(void *message)
{
    sender_drop(((struct request *)message)->reply);
}

static void *answer_requests(void *rx)
{
    struct request request;
    int answer;

    while (receiver_recv(rx, &request) == CHANNEL_OK) {
        answer = request.question + 1;
        check_status(sender_send(request.reply, &answer), CHANNEL_OK, "The client is waiting.");
        sender_drop(request.reply);
    }
    receiver_drop(rx);
    return NULL;
}

TEST(a_message_may_carry_the_sender_of_a_reply_channel,
     .sentences = {"A message may carry a struct sender *"})
{
    struct ends requests = open_channel(sizeof(struct request), drop_request);
    struct ends replies = open_channel(sizeof(int), NULL);
    struct request request = {41, replies.tx};
    pthread_t server = spawn(answer_requests, requests.rx);
    int answer = 0;

    check_status(sender_send(requests.tx, &request), CHANNEL_OK, "The server is there.");
    check_status(receiver_recv(replies.rx, &answer), CHANNEL_OK, "The reply is received.");
    check_equal(answer, 42, "The reply is the one to this request.");
    check_status(receiver_recv(replies.rx, &answer), CHANNEL_CLOSED,
                 "The server dropped the sender it was given: no sender is left.");
    receiver_drop(replies.rx);
    sender_drop(requests.tx);
    join(server);
}

static void *ask_a_server_that_goes(void *tx)
{
    struct ends replies = open_channel(sizeof(int), NULL);
    struct request request = {1, replies.tx};
    int answer = 0;

    if (check_one_of(sender_send(tx, &request), "A send that meets receiver_drop is OK or CLOSED.",
                     CHANNEL_OK, CHANNEL_CLOSED) == CHANNEL_CLOSED)
        sender_drop(request.reply); /* it stayed here */
    check_status(receiver_recv(replies.rx, &answer), CHANNEL_CLOSED,
                 "Dropping the message drops its sender, and wakes whoever waits for a reply.");
    receiver_drop(replies.rx);
    sender_drop(tx);
    return NULL;
}

TEST(dropping_a_message_drops_the_reply_sender_in_it_and_wakes_who_waits,
     .sentences = {"A message may carry a struct sender *", "It may itself send, clone and drop"})
{
    struct ends requests = open_channel(sizeof(struct request), drop_request);
    pthread_t client = spawn(ask_a_server_that_goes, requests.tx);

    settle(); /* the client waits for its reply */
    receiver_drop(requests.rx);
    join(client);
}

TEST(a_client_that_meets_the_end_of_its_server_gets_closed,
     .sentences = {"A message may carry a struct sender *",
                   "drop runs exactly once for every message"})
{
    struct ends requests = open_channel(sizeof(struct request), drop_request);
    pthread_t client = spawn(ask_a_server_that_goes, requests.tx);

    receiver_drop(requests.rx);
    join(client);
}

TEST(a_message_may_carry_a_sender_of_its_own_channel,
     .sentences = {"A message may carry a struct sender *"})
{
    struct ends ends = open_errands();
    struct errand got = {NULL, NULL, NULL};

    send_errand(ends.tx, (struct errand){.tx = clone(ends.tx)});
    sender_drop(ends.tx);
    check_status(receiver_recv(ends.rx, &got), CHANNEL_OK, "The message holds a sender.");
    check_status(receiver_try_recv(ends.rx, &got), CHANNEL_EMPTY,
                 "A sender that came in a message is a sender: the channel is not closed.");
    send_errand(got.tx, (struct errand){.tx = NULL});
    sender_drop(got.tx);
    check_status(receiver_recv(ends.rx, &got), CHANNEL_OK, "Queued messages come first.");
    check_status(receiver_recv(ends.rx, &got), CHANNEL_CLOSED, "No sender is left: closed.");
    check_equal(dropped_errands(), 0, NOT_RECEIVED);
    receiver_drop(ends.rx);
}

TEST(drop_may_drop_the_last_sender_of_this_very_channel,
     .sentences = {"It may itself send, clone and drop"},
     .hint = "The callback may be the channel's last user but one: who is the last?")
{
    struct ends ends = open_errands();

    for (int i = 0; i < 3; i++)
        send_errand(ends.tx, (struct errand){.tx = clone(ends.tx)});
    sender_drop(ends.tx); /* those in the messages are left */
    receiver_drop(ends.rx);
    check_equal(dropped_errands(), 3, EXACTLY_ONCE);
}

static void *send_own_sender(void *tx)
{
    struct errand errand = {.tx = clone(tx)};

    if (check_one_of(sender_send(tx, &errand), "A send that meets receiver_drop is OK or CLOSED.",
                     CHANNEL_OK, CHANNEL_CLOSED) == CHANNEL_CLOSED)
        sender_drop(errand.tx);
    sender_drop(tx);
    return NULL;
}

TEST(a_message_with_its_own_channels_sender_may_meet_receiver_drop,
     .sentences = {"A message may carry a struct sender *", "It may itself send, clone and drop"})
{
    struct ends ends = open_errands();
    pthread_t thread = spawn(send_own_sender, ends.tx);

    receiver_drop(ends.rx);
    join(thread);
}

/* ----------------------------------------------------------- what drop may do, and when */

static void send_once_more(struct errand *errand)
{
    struct errand another = {NULL, NULL, NULL};

    if (check_one_of(sender_send(errand->tx, &another),
                     "drop may send on this channel, which is closing: OK or CLOSED.", CHANNEL_OK,
                     CHANNEL_CLOSED) == CHANNEL_OK)
        atomic_fetch_add_explicit(&sends_in_drop, 1, memory_order_relaxed);
}

TEST(drop_may_send_on_this_very_channel, .sentences = {"It may itself send, clone and drop"},
     .hint = "Which locks does the thread hold that calls drop?")
{
    struct ends ends = open_errands();

    send_errand(ends.tx, (struct errand){.run = send_once_more, .tx = clone(ends.tx)});
    send_errand(ends.tx, (struct errand){.run = send_once_more, .tx = clone(ends.tx)});
    receiver_drop(ends.rx);
    check_equal(dropped_errands(), 2 + sends_in_drop, EXACTLY_ONCE);
    sender_drop(ends.tx);
    check_equal(dropped_errands(), 2 + sends_in_drop, EXACTLY_ONCE);
}

static void send_many_more(struct errand *errand)
{
    for (int i = 0; i < 100; i++)
        send_once_more(errand);
}

TEST(a_message_stays_where_it_is_while_its_drop_sends_many_others,
     .sentences = {"valid during the call and aligned, as far as malloc",
                   "It may itself send, clone and drop"},
     .hint = "The messages left may need more room while one of them is dropped. Where does that "
             "one lie?")
{
    struct ends ends = open_errands();

    send_errand(ends.tx, (struct errand){.run = send_many_more, .tx = clone(ends.tx)});
    send_errand(ends.tx, (struct errand){NULL, NULL, NULL});
    receiver_drop(ends.rx);
    sender_drop(ends.tx);
    check_equal(dropped_errands(), 2 + sends_in_drop, EXACTLY_ONCE);
}

static void clone_and_drop(struct errand *errand)
{
    struct sender *one = clone(errand->tx);
    struct sender *two = clone(one);

    sender_drop(one);
    sender_drop(two);
}

TEST(drop_may_clone_and_drop_senders_of_this_very_channel,
     .sentences = {"It may itself send, clone and drop"})
{
    struct ends ends = open_errands();

    for (int i = 0; i < 2; i++)
        send_errand(ends.tx, (struct errand){.run = clone_and_drop, .tx = clone(ends.tx)});
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
    check_equal(dropped_errands(), 2, EXACTLY_ONCE);
}

static void send_note_7(struct errand *errand)
{
    send_note(errand->tx, 7);
}

TEST(drop_may_send_on_another_channel, .sentences = {"It may itself send, clone and drop"})
{
    struct ends ends = open_errands(), notes = open_notes();
    struct note note;

    send_errand(ends.tx, (struct errand){.run = send_note_7, .tx = notes.tx});
    receiver_drop(ends.rx);
    recv_note(notes.rx, 7);
    check_status(receiver_recv(notes.rx, &note), CHANNEL_CLOSED,
                 "Dropping the message dropped the sender in it.");
    receiver_drop(notes.rx);
    sender_drop(ends.tx);
}

static void *recv_note_7(void *rx)
{
    recv_note(rx, 7);
    return NULL;
}

TEST(drop_may_wake_a_receiver_of_another_channel,
     .sentences = {"It may itself send, clone and drop"})
{
    struct ends ends = open_errands(), notes = open_notes();
    pthread_t receiver = spawn(recv_note_7, notes.rx);

    send_errand(ends.tx, (struct errand){.run = send_note_7, .tx = notes.tx});
    settle(); /* the receiver sleeps */
    receiver_drop(ends.rx);
    join(receiver);
    receiver_drop(notes.rx);
    sender_drop(ends.tx);
}

TEST(drop_may_drop_the_receiver_of_another_channel,
     .sentences = {"It may itself send, clone and drop"})
{
    struct ends ends = open_errands(), notes = open_notes();

    send_note(notes.tx, 1);
    send_note(notes.tx, 2);
    send_errand(ends.tx, (struct errand){.rx = notes.rx, .tx = notes.tx});
    receiver_drop(ends.rx);
    check_equal(drops_of(1), 1, EXACTLY_ONCE);
    check_equal(drops_of(2), 1, EXACTLY_ONCE);
    sender_drop(ends.tx);
}

static void *visit_channel(void *tx)
{
    struct errand nothing = {NULL, NULL, NULL};
    struct sender *another = clone(tx);

    if (check_one_of(sender_send(another, &nothing), "The channel is closing: OK or CLOSED.",
                     CHANNEL_OK, CHANNEL_CLOSED) == CHANNEL_OK)
        atomic_fetch_add_explicit(&sends_in_drop, 1, memory_order_relaxed);
    sender_drop(another);
    return NULL;
}

static void wait_for_a_visitor(struct errand *errand)
{
    join(spawn(visit_channel, errand->tx));
}

TEST(drop_never_runs_while_the_channel_holds_a_lock,
     .sentences = {"drop never runs while the channel holds a lock"},
     .hint = "May another thread use the channel while drop runs?")
{
    struct ends ends = open_errands();

    send_errand(ends.tx, (struct errand){.run = wait_for_a_visitor, .tx = clone(ends.tx)});
    receiver_drop(ends.rx);
    check_equal(dropped_errands(), 1 + sends_in_drop, NO_LOCK);
    sender_drop(ends.tx);
}

/* ------------------------------------------------------------------- sends that meet the end */

static void *send_note_1(void *tx)
{
    send_or_free_note(tx, 1);
    return NULL;
}

static void *send_note_2(void *tx)
{
    send_or_free_note(tx, 2);
    return NULL;
}

/* Note id has gone once both a send of it and receiver_drop have returned. */
static void check_gone(int id)
{
    if (drops_of(id) != -1)
        check_equal(
            drops_of(id), 1,
            "A message that was sent is dropped before both its send and receiver_drop have "
            "returned.");
}

TEST(a_send_that_meets_receiver_drop_is_dropped_once_or_stays_the_callers,
     .sentences = {"drop runs exactly once for every message",
                   "After any other status it is where it was"},
     .hint = "What if the receiver goes between looking whether it is there and queueing?")
{
    struct ends ends = open_notes();
    pthread_t thread = spawn(send_note_1, ends.tx);

    receiver_drop(ends.rx);
    join(thread);
    check_gone(1);
    sender_drop(ends.tx);
    check_gone(1);
}

TEST(two_sends_that_meet_receiver_drop_are_each_dropped_once,
     .sentences = {"drop runs exactly once for every message"})
{
    struct ends ends = open_notes();
    struct sender *second = clone(ends.tx);
    pthread_t one = spawn(send_note_1, ends.tx);
    pthread_t two = spawn(send_note_2, second);

    receiver_drop(ends.rx);
    join(one);
    join(two);
    check_gone(1);
    check_gone(2);
    sender_drop(ends.tx);
    sender_drop(second);
}

TEST(a_message_sent_before_receiver_drop_is_dropped_before_it_returns,
     .sentences = {"drop runs exactly once for every message"})
{
    struct ends ends = open_notes();
    struct sender *second = clone(ends.tx);
    pthread_t thread = spawn(send_note_2, second);

    send_note(ends.tx, 1);
    receiver_drop(ends.rx);
    check_equal(drops_of(1), 1, EXACTLY_ONCE);
    join(thread);
    check_gone(2);
    sender_drop(second);
    sender_drop(ends.tx);
}

static void *send_and_drop_sender(void *tx)
{
    send_or_free_note(tx, 1);
    send_or_free_note(tx, 2);
    sender_drop(tx);
    return NULL;
}

TEST(the_last_sender_and_the_receiver_may_go_at_the_same_time,
     .sentences = {"nothing that another thread may still be inside"},
     .hint = "After which statement may the channel be gone?")
{
    struct ends ends = open_notes();
    pthread_t thread = spawn(send_and_drop_sender, ends.tx);

    receiver_drop(ends.rx);
    join(thread);
    check_gone(1);
    check_gone(2);
}

TEST(a_receiver_that_takes_one_message_and_goes_drops_the_others,
     .sentences = {"drop runs exactly once for every message",
                   "It never runs for a message that was received"})
{
    struct ends ends = open_notes();
    pthread_t thread = spawn(send_and_drop_sender, ends.tx);

    recv_note(ends.rx, 1);
    receiver_drop(ends.rx);
    join(thread);
    check_equal(drops_of(1), 0, NOT_RECEIVED);
    check_gone(2);
}

static void *recv_note_1(void *rx)
{
    recv_note(rx, 1);
    return NULL;
}

static void *drop_receiver(void *rx)
{
    receiver_drop(rx);
    return NULL;
}

/* Three threads have the receiver, one after the other: it sleeps in the first, and goes in the last. */
TEST(what_a_receiver_leaves_is_dropped_in_whichever_thread_it_goes,
     .sentences = {"drop runs exactly once for every message",
                   "A handle may be handed from thread to thread"},
     .schedules = 1000,
     .hint = "Where is a message after the receiver has looked for it, and before it is taken?")
{
    struct ends ends = open_notes();
    pthread_t thread = spawn(recv_note_1, ends.rx);

    settle();
    for (int id = 1; id <= 5; id++)
        send_note(ends.tx, id);
    join(thread);
    recv_note(ends.rx, 2);
    thread = spawn(drop_receiver, ends.rx);
    join(thread);
    for (int id = 1; id <= 5; id++)
        check_equal(drops_of(id), id > 2, id > 2 ? EXACTLY_ONCE : NOT_RECEIVED);
    sender_drop(ends.tx);
}

static void *send_note_2_in_vain(void *tx)
{
    struct note note = new_note(2);

    check_status(sender_send(tx, &note), CHANNEL_CLOSED, "The receiver has been dropped.");
    free_note(&note);
    sender_drop(tx);
    return NULL;
}

TEST(two_sends_after_receiver_drop_are_closed_and_their_messages_stay_the_callers,
     .sentences = {"After any other status it is where it was"})
{
    struct ends ends = open_notes();
    struct sender *second = clone(ends.tx);
    struct note note = new_note(1);
    pthread_t thread;

    receiver_drop(ends.rx);
    thread = spawn(send_note_2_in_vain, second);
    check_status(sender_send(ends.tx, &note), CHANNEL_CLOSED, "The receiver has been dropped.");
    sender_drop(ends.tx);
    join(thread);
    check_equal(drops_of(1) + drops_of(2), 0, NOT_FAILED);
    free_note(&note);
}

static void *send_note_2_and_drop(void *tx)
{
    send_note(tx, 2);
    sender_drop(tx);
    return NULL;
}

/* Takes a note that is there, note 1 or 2, and returns which. */
static int try_recv_a_note(struct receiver *rx)
{
    struct note note = {-1, NULL};

    check_status(receiver_try_recv(rx, &note), CHANNEL_OK,
                 "CHANNEL_EMPTY: nothing is queued; but a send has returned, so something is.");
    free_note(&note);
    return note.id;
}

TEST(try_recv_takes_a_message_whose_send_has_returned_although_another_has_not,
     .sentences = {"at least one sender is left"},
     .hint = "One sender has a place but has not filled it, the next place is filled. Is the "
             "channel empty?")
{
    struct ends ends = open_notes();
    pthread_t thread = spawn(send_note_2_and_drop, clone(ends.tx));
    int first, second;

    send_note(ends.tx, 1);
    first = try_recv_a_note(ends.rx);
    join(thread);
    second = try_recv_a_note(ends.rx);
    check_equal(first + second, 3, "Each message is received once.");
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
}

TEST(two_channels_that_close_at_once_drop_what_is_theirs,
     .sentences = {"Two channels share no state", "drop runs exactly once for every message"})
{
    struct ends one = open_notes(), other = open_notes();
    pthread_t thread;

    for (int id = 0; id < 3; id++) {
        send_note(one.tx, id);
        send_note(other.tx, 10 + id);
    }
    thread = spawn(drop_receiver, other.rx);
    receiver_drop(one.rx);
    for (int id = 0; id < 3; id++)
        check_equal(drops_of(id), 1, EXACTLY_ONCE);
    join(thread);
    for (int id = 0; id < 3; id++)
        check_equal(drops_of(10 + id), 1, EXACTLY_ONCE);
    sender_drop(one.tx);
    sender_drop(other.tx);
}

static void *clone_send_and_drop(void *tx)
{
    struct sender *another = clone(tx);

    sender_drop(tx);
    send_or_free_note(another, 1);
    sender_drop(another);
    return NULL;
}

TEST(clones_made_while_the_receiver_goes_are_senders,
     .sentences = {"Makes one more sender of the same channel"})
{
    struct ends ends = open_notes();
    struct sender *second = clone(ends.tx);
    pthread_t one = spawn(clone_send_and_drop, ends.tx);
    pthread_t two = spawn(send_note_2, second);

    receiver_drop(ends.rx);
    join(one);
    join(two);
    check_gone(1);
    check_gone(2);
    sender_drop(second);
}

static void *send_errand_that_sends(void *tx)
{
    struct errand errand = {.run = send_once_more, .tx = clone(tx)};
    int status =
        check_one_of(sender_send(tx, &errand), "A send that meets receiver_drop is OK or CLOSED.",
                     CHANNEL_OK, CHANNEL_CLOSED);

    if (status == CHANNEL_CLOSED)
        sender_drop(errand.tx);
    sender_drop(tx);
    return status == CHANNEL_OK ? "sent" : NULL;
}

TEST(drop_callbacks_may_meet_sends, .sentences = {"drop never runs while the channel holds a lock"},
     .hint = "Which messages does receiver_drop see, and what of those sent while it looks?")
{
    struct ends ends = open_errands();
    pthread_t thread;
    bool sent;

    send_errand(ends.tx, (struct errand){.run = send_once_more, .tx = clone(ends.tx)});
    thread = spawn(send_errand_that_sends, ends.tx);
    receiver_drop(ends.rx);
    sent = join(thread) != NULL;
    check_equal(dropped_errands(), 1 + sent + sends_in_drop, EXACTLY_ONCE);
}

/* --------------------------------------------------------------------------------- volume */

TEST(thousands_of_messages_are_each_received_or_dropped_once,
     .sentences = {"drop runs exactly once for every message"}, .once = true)
{
    struct ends ends = open_notes();
    int sent = 0, received = 0;

    for (int round = 0; round < 500; round++) {
        for (int i = 0; i < 5; i++)
            send_note(ends.tx, sent++);
        for (int i = 0; i < 3; i++)
            recv_note(ends.rx, received++);
    }
    sender_drop(ends.tx);
    receiver_drop(ends.rx);
    for (int id = 0; id < sent; id++)
        check_equal(drops_of(id), id >= received, id >= received ? EXACTLY_ONCE : NOT_RECEIVED);
}

enum { VOLUME = 1000 };

static void *send_many_notes(void *tx)
{
    for (int id = 0; id < VOLUME; id++)
        send_or_free_note(tx, id);
    sender_drop(tx);
    return NULL;
}

TEST(a_stream_of_sends_that_meets_receiver_drop_loses_nothing,
     .sentences = {"drop runs exactly once for every message"}, .once = true)
{
    struct ends ends = open_notes();
    pthread_t thread = spawn(send_many_notes, ends.tx);

    for (int id = 0; id < VOLUME / 2; id++)
        recv_note(ends.rx, id);
    receiver_drop(ends.rx);
    join(thread);
    for (int id = 0; id < VOLUME; id++) {
        if (id < VOLUME / 2)
            check_equal(drops_of(id), 0, NOT_RECEIVED);
        else
            check_gone(id);
    }
}
