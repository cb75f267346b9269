/* linearize.c - histories written down by hand, and whether some order of the calls explains them.
 *
 * The contract is that of 04: channel "one" has a capacity of 2. A call is written as
 *     {kind, thread, begin, return, status, value}
 * with begin and return in the order of time; a return of 0 is a call that has not returned. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "model.h"

/* What the search does not need of the contract is left out. */
static const struct contract contract = {
    .state_size = offsetof(struct channels, messages),
    .state_of_a_call = sizeof(uint16_t[OBJECTS]),
    .begin = begin_channels,
    .allows = allows_04,
    .may_sleep = may_sleep_04,
};

struct written {
    uint8_t kind, thread;
    unsigned began, returned;
    int status;
    long value; /* the message */
};

static struct history history;

static void write_down(const struct written *calls, unsigned n)
{
    memset(&history, 0, sizeof history);
    for (unsigned i = 0; i < n; i++) {
        bool sends = calls[i].kind == SEND || calls[i].kind == TRY_SEND;
        history.calls[history.n++] = (struct call){.kind = calls[i].kind,
                                                   .thread = calls[i].thread,
                                                   .message = sends ? (unsigned)calls[i].value : 0,
                                                   .value = sends ? 0 : calls[i].value,
                                                   .status = calls[i].status,
                                                   .began = calls[i].began,
                                                   .after = calls[i].began,
                                                   .returned = calls[i].returned};
    }
}

static bool explained(size_t capacity, unsigned until)
{
    struct setup setup = {.size = 4, .capacity = capacity};

    return linearizable(&contract, &history, &setup, 1, until);
}

#define HISTORY(...)                                                                               \
    write_down((struct written[]){__VA_ARGS__},                                                    \
               sizeof((struct written[]){__VA_ARGS__}) / sizeof(struct written))

/* What these calls did some order explains; or none does. */
#define SOME_ORDER(...)                                                                            \
    do {                                                                                           \
        HISTORY(__VA_ARGS__);                                                                      \
        assert_true(explained(2, 0));                                                              \
    } while (0)
#define NO_ORDER(...)                                                                              \
    do {                                                                                           \
        HISTORY(__VA_ARGS__);                                                                      \
        assert_false(explained(2, 0));                                                             \
    } while (0)

enum { OK = CHANNEL_OK, CLOSED = CHANNEL_CLOSED, EMPTY = CHANNEL_EMPTY, FULL = CHANNEL_FULL };

static void one_after_the_other(void **state)
{
    (void)state;
    SOME_ORDER({SEND, 1, 1, 2, OK, 7}, {TRY_RECV, 2, 3, 4, OK, 7}, {TRY_RECV, 2, 5, 6, EMPTY, 0});
    NO_ORDER({SEND, 1, 1, 2, OK, 7}, {TRY_RECV, 2, 3, 4, EMPTY, 0});
    NO_ORDER({TRY_RECV, 2, 1, 2, OK, 7}, {SEND, 1, 3, 4, OK, 7});
    NO_ORDER({SEND, 1, 1, 2, OK, 7}, {TRY_RECV, 2, 3, 4, OK, 8});
    NO_ORDER({SEND, 1, 1, 2, OK, 7}, {TRY_RECV, 2, 3, 4, OK, 7}, {TRY_RECV, 2, 5, 6, OK, 7});
}

static void who_overlaps_may_be_first_or_second(void **state)
{
    (void)state;
    SOME_ORDER({SEND, 1, 1, 4, OK, 7}, {TRY_RECV, 2, 2, 3, EMPTY, 0});
    SOME_ORDER({SEND, 1, 1, 4, OK, 7}, {TRY_RECV, 2, 2, 3, OK, 7});
    SOME_ORDER({SEND, 1, 1, 4, OK, 7}, {SEND, 2, 2, 3, OK, 8}, {RECV, 3, 5, 6, OK, 7},
               {RECV, 3, 7, 8, OK, 8});
    SOME_ORDER({SEND, 1, 1, 4, OK, 7}, {SEND, 2, 2, 3, OK, 8}, {RECV, 3, 5, 6, OK, 8},
               {RECV, 3, 7, 8, OK, 7});
}

static void who_returned_before_comes_first(void **state)
{
    (void)state;
    SOME_ORDER({SEND, 1, 1, 2, OK, 7}, {SEND, 2, 3, 4, OK, 8}, {RECV, 3, 5, 6, OK, 7},
               {RECV, 3, 7, 8, OK, 8});
    NO_ORDER({SEND, 1, 1, 2, OK, 7}, {SEND, 2, 3, 4, OK, 8}, {RECV, 3, 5, 6, OK, 8},
             {RECV, 3, 7, 8, OK, 7});
    /* 8 is between 7 and 9, though it overlaps neither's receive */
    NO_ORDER({SEND, 1, 1, 2, OK, 7}, {SEND, 2, 3, 10, OK, 8}, {SEND, 1, 11, 12, OK, 9},
             {RECV, 3, 4, 5, OK, 7}, {RECV, 3, 13, 14, OK, 9});
}

static void each_answer_needs_its_place_in_the_same_order(void **state)
{
    (void)state;
    /* EMPTY is before the send, and then CLOSED can't be before it, too */
    SOME_ORDER({SEND, 1, 1, 6, OK, 7}, {TRY_RECV, 2, 2, 3, EMPTY, 0}, {TRY_RECV, 2, 4, 5, OK, 7});
    NO_ORDER({SEND, 1, 1, 6, OK, 7}, {TRY_RECV, 2, 2, 3, OK, 7}, {TRY_RECV, 2, 4, 5, CLOSED, 0});
    NO_ORDER({SEND, 1, 1, 2, OK, 7}, {DROP_SENDER, 1, 3, 4, OK, 0}, {TRY_RECV, 2, 5, 6, CLOSED, 0});
    SOME_ORDER({SEND, 1, 1, 2, OK, 7}, {DROP_SENDER, 1, 3, 6, OK, 0}, {TRY_RECV, 2, 4, 5, OK, 7},
               {TRY_RECV, 2, 7, 8, CLOSED, 0});
}

static void full_counts_places_of_sends_that_overlap(void **state)
{
    (void)state;
    SOME_ORDER({SEND, 1, 1, 2, OK, 1}, {SEND, 1, 3, 4, OK, 2}, {TRY_SEND, 1, 5, 6, FULL, 3});
    NO_ORDER({SEND, 1, 1, 2, OK, 1}, {TRY_SEND, 1, 3, 4, FULL, 3});
    SOME_ORDER({SEND, 1, 1, 2, OK, 1}, {SEND, 2, 3, 6, OK, 2}, {TRY_SEND, 1, 4, 5, FULL, 3});
    NO_ORDER({SEND, 2, 1, 4, OK, 2}, {TRY_SEND, 1, 2, 3, FULL, 3});
    NO_ORDER({SEND, 1, 1, 2, OK, 1}, {SEND, 1, 3, 4, OK, 2}, {SEND, 1, 5, 6, OK, 3});
}

static void a_send_that_overlaps_the_drop_is_ok_or_closed(void **state)
{
    (void)state;
    SOME_ORDER({DROP_RECEIVER, 1, 1, 6, OK, 0}, {SEND, 2, 2, 3, OK, 1}, {SEND, 2, 4, 5, CLOSED, 2});
    NO_ORDER({DROP_RECEIVER, 1, 1, 6, OK, 0}, {SEND, 2, 2, 3, CLOSED, 1}, {SEND, 2, 4, 5, OK, 2});
    NO_ORDER({DROP_RECEIVER, 1, 1, 2, OK, 0}, {SEND, 2, 3, 4, OK, 1});
    NO_ORDER({SEND, 2, 1, 2, CLOSED, 1}, {DROP_RECEIVER, 1, 3, 4, OK, 0});
}

static void a_message_may_be_held_back_behind_a_send_that_has_not_returned(void **state)
{
    (void)state;
    SOME_ORDER({SEND, 1, 1, 9, OK, 1}, {SEND, 2, 2, 3, OK, 2}, {RECV, 3, 4, 5, OK, 1},
               {TRY_RECV, 3, 6, 7, EMPTY, 0});
    NO_ORDER({SEND, 1, 1, 4, OK, 1}, {SEND, 2, 2, 3, OK, 2}, {RECV, 3, 5, 6, OK, 1},
             {TRY_RECV, 3, 7, 8, EMPTY, 0});
    NO_ORDER({SEND, 2, 1, 2, OK, 2}, {SEND, 1, 3, 6, OK, 1},
             {TRY_RECV, 3, 4, 5, EMPTY, 0}); /* sent in front */
}

static void who_sleeps_at_the_end_must_have_to(void **state)
{
    (void)state;
    SOME_ORDER({RECV, 1, 1, 0, OK, 0});
    NO_ORDER({RECV, 1, 1, 0, OK, 0}, {SEND, 2, 2, 3, OK, 1});
    NO_ORDER({RECV, 1, 1, 0, OK, 0}, {DROP_SENDER, 2, 2, 3, OK, 0});
    SOME_ORDER({SEND, 1, 1, 2, OK, 1}, {SEND, 1, 3, 4, OK, 2}, {SEND, 1, 5, 0, OK, 3});
    NO_ORDER({SEND, 1, 1, 2, OK, 1}, {SEND, 1, 3, 4, OK, 2}, {SEND, 1, 5, 0, OK, 3},
             {RECV, 2, 6, 7, OK, 1});
    NO_ORDER({SEND, 1, 1, 2, OK, 1}, {SEND, 1, 3, 4, OK, 2}, {SEND, 1, 5, 0, OK, 3},
             {DROP_RECEIVER, 2, 6, 7, OK, 0});
}

static void a_call_that_has_begun_may_have_taken_effect(void **state)
{
    (void)state;
    HISTORY({SEND, 1, 1, 9, OK, 7}, {RECV, 2, 2, 3, OK, 7});
    assert_true(explained(2, 3));
    HISTORY({SEND, 1, 4, 9, OK, 7}, {RECV, 2, 2, 3, OK, 7});
    assert_false(explained(2, 3)); /* it had not begun */
    HISTORY({SEND, 1, 1, 2, OK, 7}, {TRY_RECV, 2, 3, 4, EMPTY, 0}, {TRY_RECV, 2, 5, 6, OK, 7});
    assert_true(explained(2, 2));
    assert_false(explained(2, 4));
}

static void what_says_that_a_time_has_come_is_after_what_returned_before(void **state)
{
    (void)state;
    HISTORY({DROP_SENDER, 1, 2, 3, OK, 0}, {TRY_RECV, 2, 1, 4, EMPTY, 0});
    assert_true(explained(2, 0));
    history.calls[1].after = 3;
    assert_false(explained(2, 0));
}

/* Eleven clones that all overlap, and then an answer that no order of them explains: there are 40 million. */
static void what_was_tried_in_vain_is_not_tried_again(void **state)
{
    enum { CLONES = 11 };
    struct written calls[CLONES + 1];
    clock_t began = clock();

    (void)state;
    for (unsigned i = 0; i < CLONES; i++)
        calls[i] = (struct written){CLONE, 1, 1 + i, 100 + i, OK, 0};
    calls[CLONES] = (struct written){TRY_RECV, 2, 200, 201, CLOSED, 0};
    write_down(calls, CLONES + 1);
    assert_false(explained(2, 0));
    assert_true(clock() - began < CLOCKS_PER_SEC);
    calls[CLONES].status = EMPTY;
    write_down(calls, CLONES + 1);
    assert_true(explained(2, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_after_the_other),
        cmocka_unit_test(who_overlaps_may_be_first_or_second),
        cmocka_unit_test(who_returned_before_comes_first),
        cmocka_unit_test(each_answer_needs_its_place_in_the_same_order),
        cmocka_unit_test(full_counts_places_of_sends_that_overlap),
        cmocka_unit_test(a_send_that_overlaps_the_drop_is_ok_or_closed),
        cmocka_unit_test(a_message_may_be_held_back_behind_a_send_that_has_not_returned),
        cmocka_unit_test(who_sleeps_at_the_end_must_have_to),
        cmocka_unit_test(a_call_that_has_begun_may_have_taken_effect),
        cmocka_unit_test(what_says_that_a_time_has_come_is_after_what_returned_before),
        cmocka_unit_test(what_was_tried_in_vain_is_not_tried_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
