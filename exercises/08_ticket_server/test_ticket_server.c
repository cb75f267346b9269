/* Suite of 08: the sentences of ticket_server.h, one test each. */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "suite.h"

#include "channel.h"
#include "ticket_server.h"
#include "told.h"

#define ON_OK_ONLY "Out-parameters are written on TICKET_OK only."
#define GONE                                                                                       \
    "After a shutdown every request gets TICKET_SERVER_GONE, and no client is left waiting."
#define COSTS_ONE "An allocation that fails costs at most the one request that needed it."
#define NO_ID "An add that fails, for whatever reason, uses no id."
#define ITS_OWN "Each answer comes back to the client that asked."

/* Schedules of a test of what the answers are, in which the one client asks one thing after the other: that is every
 * execution with most channels. */
enum { ONE_CLIENT = 2000 };

static const char *const result_names[] = {"TICKET_OK",        "TICKET_INVALID",
                                           "TICKET_NOT_FOUND", "TICKET_SERVER_GONE",
                                           "TICKET_NO_MEMORY", NULL};

/* call returns one of these results; the value is the result. */
#define check_result(call, rule, ...) check_enum(call, result_names, rule, __VA_ARGS__)

/* In a test with .allocations_fail: call does its work, which is then true, or fails for the
 * allocation that has failed. */
#define done(call)                                                                                 \
    (check_result(call, COSTS_ONE, TICKET_OK, TICKET_NO_MEMORY) == TICKET_OK || excused())

static bool excused(void)
{
    check(allocation_has_failed(), "TICKET_NO_MEMORY means that an allocation has failed.");
    return false;
}

struct running {
    struct ticket_server *server;
    struct ticket_client *client;
};

static struct running start(size_t capacity)
{
    struct running running = {NULL, NULL};

    check_result(ticket_server_start(capacity, &running.server, &running.client),
                 "ticket_server_start starts a server and connects the first client.", TICKET_OK);
    return running;
}

/* Ends a server whose only client is left. */
static void finish(struct running running)
{
    ticket_client_drop(running.client);
    ticket_server_join(running.server);
}

static struct ticket_client *clone(struct ticket_client *client)
{
    struct ticket_client *other = ticket_client_clone(client);

    check(other != NULL, "ticket_client_clone returns one more client of the same server.");
    return other;
}

static uint64_t add(struct ticket_client *client, const char *title, const char *description)
{
    uint64_t id = 0;

    check_result(ticket_client_add(client, title, description, &id),
                 "ticket_client_add adds a ticket.", TICKET_OK);
    return id;
}

static void set_status(struct ticket_client *client, uint64_t id, enum ticket_status status)
{
    check_result(ticket_client_set_status(client, id, status),
                 "ticket_client_set_status gives a ticket another status, or the one it has.",
                 TICKET_OK);
}

static struct ticket get(struct ticket_client *client, uint64_t id)
{
    struct ticket ticket;

    check_result(ticket_client_get(client, id, &ticket), "ticket_client_get copies a ticket out.",
                 TICKET_OK);
    return ticket;
}

static uint64_t count(struct ticket_client *client, enum ticket_status status)
{
    uint64_t number = 0;

    check_result(ticket_client_count(client, status, &number),
                 "ticket_client_count counts the tickets that have a status.", TICKET_OK);
    return number;
}

static void check_counts(struct ticket_client *client, unsigned todo, unsigned in_progress,
                         unsigned is_done)
{
    static const char rule[] = "ticket_client_count counts the tickets that have a status.";

    check_equal(count(client, TICKET_TODO), todo, rule);
    check_equal(count(client, TICKET_IN_PROGRESS), in_progress, rule);
    check_equal(count(client, TICKET_DONE), is_done, rule);
}

static void check_text(const char *actual, const char *expected, const char *rule)
{
    check_equal(strlen(actual), strlen(expected), rule);
    check_bytes(actual, expected, strlen(expected) + 1, rule);
}

static void check_ticket(struct ticket_client *client, uint64_t id, const char *title,
                         const char *description, enum ticket_status status)
{
    struct ticket ticket = get(client, id);

    check_equal(ticket.id, id, "ticket_client_get copies out the ticket that was asked for.");
    check_text(ticket.title, title, "A ticket has the title it was added with.");
    check_text(ticket.description, description, "A ticket has the description it was added with.");
    check_equal(ticket.status, status, "A ticket is TICKET_TODO until its status is set.");
}

/* A server that is there, with so many tickets. How it came to be is looked at in other tests. If other
 * is not NULL there is a second client. */
static struct running start_with(size_t capacity, unsigned tickets, struct ticket_client **other)
{
    struct running running;

    exploring(false);
    running = start(capacity);
    for (unsigned i = 0; i < tickets; i++)
        add(running.client, "title", "description");
    if (other != NULL)
        *other = clone(running.client);
    exploring(true);
    return running;
}

/* A text of that many bytes, in a block that is no longer than it. */
static char *text_of(size_t length)
{
    char *text = allocate(length + 1);

    for (size_t i = 0; i < length; i++)
        text[i] = (char)('a' + i % 26);
    text[length] = '\0';
    return text;
}

/* ------------------------------------------------------------------------- starting and ending */

TEST(a_server_starts_and_ends,
     .sentences = {"Starts a server without tickets", "*server and *client are set",
                   "the server joined once, in whatever order"},
     .hint = "Which sender, receiver and block is whose, and when does each go?")
{
    struct running running = start(4);

    check(running.server != NULL && running.client != NULL, "*server and *client are set.");
    finish(running);
}

TEST(starting_with_capacity_0_is_invalid, .sentences = {"capacity is 0"})
{
    struct ticket_server *server = NULL;
    struct ticket_client *client = NULL;

    check_result(ticket_server_start(0, &server, &client), "TICKET_INVALID: capacity is 0.",
                 TICKET_INVALID);
    check_pointer(server, NULL, ON_OK_ONLY);
    check_pointer(client, NULL, ON_OK_ONLY);
}

TEST(a_capacity_that_overflows_is_no_memory, .sentences = {"for which channel_create_bounded says"})
{
    struct ticket_server *server = NULL;
    struct ticket_client *client = NULL;

    check_result(ticket_server_start(SIZE_MAX, &server, &client),
                 "TICKET_NO_MEMORY: channel_create_bounded says so for that capacity.",
                 TICKET_NO_MEMORY);
    check_pointer(server, NULL, ON_OK_ONLY);
    check_pointer(client, NULL, ON_OK_ONLY);
}

TEST(a_start_that_fails_leaves_nothing_behind,
     .sentences = {"Nothing is left behind", "or the thread cannot be started"},
     .allocations_fail = true, .hint = "What has to be undone when the thread cannot be started?")
{
    struct ticket_server *server = NULL;
    struct ticket_client *client = NULL;

    if (done(ticket_server_start(2, &server, &client))) {
        ticket_client_drop(client);
        ticket_server_join(server);
    } else {
        check_pointer(server, NULL, ON_OK_ONLY);
        check_pointer(client, NULL, ON_OK_ONLY);
    }
}

/* Stands between the server and its channel: which capacities are asked for. */
enum { NOTED = 8 };
static atomic_bool noting;
static atomic_size_t noted[NOTED];
static atomic_uint notes;

enum channel_status __wrap_channel_create_bounded(size_t message_size, size_t capacity,
                                                  void (*drop)(void *message), struct sender **tx,
                                                  struct receiver **rx);

enum channel_status __wrap_channel_create_bounded(size_t message_size, size_t capacity,
                                                  void (*drop)(void *message), struct sender **tx,
                                                  struct receiver **rx)
{
    if (atomic_load(&noting))
        atomic_store(&noted[atomic_fetch_add(&notes, 1) % NOTED], capacity);
    return told_create_bounded(message_size, capacity, drop, tx, rx);
}

TEST(capacity_is_how_many_requests_may_wait_in_the_request_channel,
     .sentences = {"how many requests may wait in the request channel",
                   "sleeps until there is room"},
     .once = true, .hint = "Does the request that is being worked on wait as well?")
{
    static const size_t capacities[] = {3, 7, 255, 256, 300};

    for (size_t i = 0; i < sizeof capacities / sizeof capacities[0]; i++) {
        struct running running;
        size_t asked_for = 0; /* that one if it is among them, or else the largest */

        atomic_store(&notes, 0);
        atomic_store(&noting, true);
        running = start(capacities[i]);
        atomic_store(&noting, false);
        for (unsigned n = 0; n < atomic_load(&notes) && n < NOTED; n++) {
            size_t capacity = atomic_load(&noted[n]);

            if (asked_for != capacities[i] && (capacity == capacities[i] || capacity > asked_for))
                asked_for = capacity;
        }
        check_equal(asked_for, capacities[i],
                    "capacity: how many requests may wait in the request channel.");
        check_equal(add(running.client, "title", "description"), 1, "The first ticket's id is 1.");
        finish(running);
    }
}

TEST(joining_null_is_a_no_op, .sentences = {"NULL is a no-op"})
{
    ticket_server_join(NULL);
}

TEST(servers_share_nothing, .sentences = {"One thread, the server, owns the tickets"})
{
    struct running a, b;

    exploring(false);
    a = start(1);
    b = start(1);
    check_equal(add(a.client, "of a", "first"), 1, "The first ticket's id is 1.");
    exploring(true);
    check_equal(add(b.client, "of b", "first"), 1, "The first ticket's id is 1.");
    finish(a);
    check_ticket(b.client, 1, "of b", "first", TICKET_TODO);
    finish(b);
}

/* ------------------------------------------------------------------------------------- adding */

TEST(ids_start_at_1_and_grow_by_one,
     .sentences = {"each next one is one higher", "*id is the new ticket's"})
{
    struct running running = start(2);

    for (uint64_t id = 1; id <= 2; id++)
        check_equal(add(running.client, "title", "description"), id,
                    "The first ticket's id is 1, each next one is one higher.");
    finish(running);
}

TEST(a_new_ticket_is_todo_and_as_it_was_added,
     .sentences = {"Adds a ticket that is TICKET_TODO", "Copies a ticket out"})
{
    struct running running;
    uint64_t first, second;

    exploring(false);
    running = start(2);
    first = add(running.client, "wake up", "and make coffee");
    second = add(running.client, "sleep", "z");
    exploring(true);
    check_ticket(running.client, first, "wake up", "and make coffee", TICKET_TODO);
    check_ticket(running.client, second, "sleep", "z", TICKET_TODO);
    finish(running);
}

TEST(title_and_description_are_1_to_their_max_bytes,
     .sentences = {"copied; 1 to TICKET_TITLE_MAX", "1 to TICKET_TITLE_MAX bytes and a NUL"},
     .hint = "Where does the NUL go?")
{
    char *title = text_of(TICKET_TITLE_MAX), *description = text_of(TICKET_DESCRIPTION_MAX);
    char *short_title = text_of(1), *short_description = text_of(1);
    struct running running;
    uint64_t longest, shortest;

    exploring(false);
    running = start(2);
    longest = add(running.client, title, description);
    shortest = add(running.client, short_title, short_description);
    exploring(true);
    check_ticket(running.client, longest, title, description, TICKET_TODO);
    check_ticket(running.client, shortest, short_title, short_description, TICKET_TODO);
    free(short_title);
    free(short_description);
    free(title);
    free(description);
    finish(running);
}

TEST(title_and_description_are_bytes, .sentences = {"TICKET_TITLE_MAX: bytes, without the NUL"})
{
    struct running running = start(2);
    const char *title = "50 % \xc3\xa9\xff\x01\n%s", *description = " \t|\\\"\x80 %n";

    check_ticket(running.client, add(running.client, title, description), title, description,
                 TICKET_TODO);
    finish(running);
}

TEST(title_and_description_are_copied, .sentences = {"copied; 1 to TICKET_TITLE_MAX"})
{
    struct running running = start(2);
    char title[] = "before", description[] = "as it was";
    uint64_t id = add(running.client, title, description);

    memset(title, 'x', sizeof title - 1);
    memset(description, 'x', sizeof description - 1);
    check_ticket(running.client, id, "before", "as it was", TICKET_TODO);
    finish(running);
}

/* An add that is refused: it changes nothing and uses no id. */
static void check_refused(const char *title, const char *description)
{
    static const char rule[] =
        "TICKET_INVALID: title or description is NULL, empty or longer than its maximum.";
    struct running running = start_with(2, 1, NULL);
    uint64_t id = 77;

    check_result(ticket_client_add(running.client, title, description, &id), rule, TICKET_INVALID);
    check_equal(id, 77, ON_OK_ONLY);
    check_equal(add(running.client, "one", "after"), 2, NO_ID);
    check_equal(count(running.client, TICKET_TODO), 2, "A request that failed changed nothing.");
    finish(running);
}

TEST(a_title_that_is_null_is_invalid,
     .sentences = {"title or description is NULL, empty or longer"})
{
    check_refused(NULL, "description");
}

TEST(a_title_that_is_empty_is_invalid,
     .sentences = {"title or description is NULL, empty or longer"})
{
    check_refused("", "description");
}

TEST(a_title_that_is_longer_is_invalid,
     .sentences = {"title or description is NULL, empty or longer"})
{
    char *longer = text_of(TICKET_TITLE_MAX + 1);

    check_refused(longer, "description");
    free(longer);
}

TEST(a_description_that_is_null_is_invalid,
     .sentences = {"title or description is NULL, empty or longer"})
{
    check_refused("title", NULL);
}

TEST(a_description_that_is_empty_is_invalid,
     .sentences = {"title or description is NULL, empty or longer"})
{
    check_refused("title", "");
}

TEST(a_description_that_is_longer_is_invalid,
     .sentences = {"title or description is NULL, empty or longer"})
{
    char *longer = text_of(TICKET_DESCRIPTION_MAX + 1);

    check_refused("title", longer);
    free(longer);
}

TEST(a_text_of_blanks_is_a_text, .sentences = {"title or description is NULL, empty or longer"},
     .once = true, .hint = "How short may a title be, and who said that it must be visible?")
{
    static const char *const blanks[] = {" ", "   ", "\t", "\n", "\r\n", "\xc2\xa0", "\x01", "0"};
    struct running running = start(2);

    for (size_t i = 0; i < sizeof blanks / sizeof blanks[0]; i++) {
        check_ticket(running.client, add(running.client, blanks[i], "description"), blanks[i],
                     "description", TICKET_TODO);
        check_ticket(running.client, add(running.client, "title", blanks[i]), "title", blanks[i],
                     TICKET_TODO);
    }
    finish(running);
}

/* A text of that many bytes: one character again and again, the last one perhaps cut. */
static char *text_in(const char *character, size_t length)
{
    char *text = allocate(length + 1);

    for (size_t i = 0; i < length; i++)
        text[i] = character[i % strlen(character)];
    text[length] = '\0';
    return text;
}

TEST(the_limits_are_counted_in_bytes, .sentences = {"TICKET_TITLE_MAX: bytes, without the NUL"},
     .once = true, .hint = "How many bytes is a character, and which of the two is counted?")
{
    static const char *const characters[] = {"e",    "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x8e\xab",
                                             "\x80", "\xff"};
    static const char rule[] = "1 to TICKET_TITLE_MAX and 1 to TICKET_DESCRIPTION_MAX bytes.";
    struct running running = start(2);
    uint64_t none = 77;

    for (size_t i = 0; i < sizeof characters / sizeof characters[0]; i++) {
        char *title = text_in(characters[i], TICKET_TITLE_MAX);
        char *description = text_in(characters[i], TICKET_DESCRIPTION_MAX);
        char *longer = text_in(characters[i], TICKET_DESCRIPTION_MAX + 1);

        check_equal(add(running.client, title, description), i + 1, rule);
        check_ticket(running.client, i + 1, title, description, TICKET_TODO);
        check_result(ticket_client_add(running.client, title, longer, &none), rule, TICKET_INVALID);
        longer[TICKET_TITLE_MAX + 1] = '\0';
        check_result(ticket_client_add(running.client, longer, description, &none), rule,
                     TICKET_INVALID);
        free(title);
        free(description);
        free(longer);
    }
    check_equal(none, 77, ON_OK_ONLY);
    finish(running);
}

TEST(a_longer_text_is_refused_however_long_it_is,
     .sentences = {"title or description is NULL, empty or longer"}, .once = true,
     .hint = "Is a text measured before it is copied, and in how many bits?")
{
    static const size_t lengths[] = {501,  502,  510,   511,   512,   556,   600,   756,   1000,
                                     4095, 4096, 10000, 65535, 65536, 65537, 65586, 66036, 100000};
    static const char rule[] = "TICKET_INVALID: title or description is longer.";
    struct running running = start(2);
    uint64_t none = 77;

    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        char *text = text_of(lengths[i]);

        check_result(ticket_client_add(running.client, text, "description", &none), rule,
                     TICKET_INVALID);
        check_result(ticket_client_add(running.client, "title", text, &none), rule, TICKET_INVALID);
        check_result(ticket_client_add(running.client, text, text, &none), rule, TICKET_INVALID);
        free(text);
    }
    for (size_t length = TICKET_TITLE_MAX + 1; length <= TICKET_DESCRIPTION_MAX; length++) {
        char *text = text_of(length);

        check_result(ticket_client_add(running.client, text, text, &none), rule, TICKET_INVALID);
        free(text);
    }
    check_equal(none, 77, ON_OK_ONLY);
    check_counts(running.client, 0, 0, 0);
    check_equal(add(running.client, "still", "here"), 1, NO_ID);
    finish(running);
}

/* Slow is not wrong, nor is a table that grows by a ticket at a time: a server that has needed that much
 * time, memory or that many allocations by now is left at that. */
static bool has_been_enough(void)
{
    enum { SECONDS = 12, KILOBYTES = 1600 * 1024, ALLOCATIONS = 900 * 1000 };
    struct rusage used;

    getrusage(RUSAGE_SELF, &used);
    return used.ru_utime.tv_sec + used.ru_stime.tv_sec >= SECONDS || used.ru_maxrss > KILOBYTES ||
           allocations() > ALLOCATIONS;
}

TEST(more_tickets_are_counted_than_16_bits_hold, .sentences = {"*count is their number"},
     .once = true, .hint = "How far do the counts and the ids go?")
{
    enum { MANY = 65536 + 2 };
    struct running running = start(2);
    uint64_t added = 0, id = 0;

    while (added < MANY && (added == 0 || !has_been_enough()) &&
           check_result(ticket_client_add(running.client, "title", "description", &id),
                        "ticket_client_add adds a ticket.", TICKET_OK,
                        TICKET_NO_MEMORY) == TICKET_OK)
        check_equal(id, ++added, "Each next id is one higher.");
    check_counts(running.client, (unsigned)added, 0, 0);
    set_status(running.client, added, TICKET_DONE);
    check_counts(running.client, (unsigned)added - 1, 0, 1);
    check_ticket(running.client, added, "title", "description", TICKET_DONE);
    finish(running);
}

static void *look_at_the_first(void *client)
{
    check_ticket(client, 1, "first", "of many", TICKET_TODO);
    return NULL;
}

TEST(a_copy_is_not_the_servers_ticket_which_may_move, .sentences = {"*ticket is a copy"},
     .once = true, .hint = "Who copies the ticket, and where is it by then?")
{
    struct running running = start(2);
    struct ticket_client *other = clone(running.client);
    pthread_t looker;

    add(running.client, "first", "of many");
    looker = spawn(look_at_the_first, other);
    settle();
    for (int i = 2; i <= 1100; i++)
        add(running.client, "another", "of many");
    join(looker);
    settle();
    ticket_client_drop(other);
    finish(running);
}

TEST(thousands_of_tickets_are_kept, .sentences = {"Copies a ticket out"}, .once = true)
{
    enum { MANY = 5000 };
    struct running running = start(2);
    char title[16];

    for (unsigned i = 1; i <= MANY; i++) {
        snprintf(title, sizeof title, "ticket %u", i);
        check_equal(add(running.client, title, "one of many"), i, "Each next id is one higher.");
    }
    for (unsigned i = 3; i <= MANY; i += 3)
        set_status(running.client, i, TICKET_DONE);
    check_counts(running.client, MANY - MANY / 3, 0, MANY / 3);
    for (unsigned i = 1; i <= MANY; i += 97) {
        snprintf(title, sizeof title, "ticket %u", i);
        check_ticket(running.client, i, title, "one of many", i % 3 ? TICKET_TODO : TICKET_DONE);
    }
    finish(running);
}

/* --------------------------------------------------------------------- statuses, get and count */

TEST(a_ticket_gets_any_status_from_any,
     .sentences = {"Gives a ticket another status", "From now on the ticket has that status"},
     .once = true)
{
    static const enum ticket_status order[] = {TICKET_IN_PROGRESS, TICKET_DONE,        TICKET_TODO,
                                               TICKET_DONE,        TICKET_IN_PROGRESS, TICKET_TODO,
                                               TICKET_IN_PROGRESS};
    struct running running = start(2);
    uint64_t other = add(running.client, "other", "ticket");
    uint64_t id = add(running.client, "title", "description");

    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        set_status(running.client, id, order[i]);
        check_equal(get(running.client, id).status, order[i],
                    "From now on the ticket has that status.");
    }
    check_ticket(running.client, id, "title", "description", TICKET_IN_PROGRESS);
    check_ticket(running.client, other, "other", "ticket", TICKET_TODO);
    finish(running);
}

TEST(count_says_how_many_tickets_have_a_status,
     .sentences = {"Counts the tickets", "*count is their number"}, .once = true)
{
    struct running running = start(2);

    check_counts(running.client, 0, 0, 0);
    add(running.client, "first", "ticket");
    add(running.client, "second", "ticket");
    check_counts(running.client, 2, 0, 0);
    set_status(running.client, 1, TICKET_DONE);
    check_counts(running.client, 1, 0, 1);
    set_status(running.client, 1, TICKET_DONE); /* the status it has */
    check_counts(running.client, 1, 0, 1);
    set_status(running.client, 1, TICKET_IN_PROGRESS);
    set_status(running.client, 2, TICKET_IN_PROGRESS);
    check_counts(running.client, 0, 2, 0);
    finish(running);
}

TEST(ids_grow_by_one_whatever_becomes_of_the_tickets, .sentences = {"each next one is one higher"},
     .once = true, .hint = "What is the next id counted by, and does that ever become less?")
{
    struct running running = start(2);
    struct ticket_client *other = clone(running.client);

    for (uint64_t id = 1; id <= 60; id++) {
        check_equal(add(id % 2 ? running.client : other, "title", "description"), id,
                    "Each next ticket's id is one higher.");
        set_status(id % 3 ? running.client : other, id, (enum ticket_status)(id / 4 % 3));
        set_status(other, 1 + id / 2, (enum ticket_status)(id % 3));
        check_equal(get(running.client, id).id, id,
                    "ticket_client_get copies out the ticket that was asked for.");
    }
    ticket_client_drop(other);
    finish(running);
}

/* Uses a server of its own, whose tickets are like nobody else's. */
static void use_a_server(const char *title, unsigned tickets)
{
    struct running running = start(1);

    for (unsigned i = 1; i <= tickets; i++)
        check_equal(add(running.client, title, title), i, "Each next id is one higher.");
    check_ticket(running.client, 1, title, title, TICKET_TODO);
    set_status(running.client, 1, TICKET_DONE);
    check_counts(running.client, tickets - 1, 0, 1);
    finish(running);
}

static void *use_another_server(void *arg)
{
    (void)arg;
    use_a_server("another", 2);
    return NULL;
}

TEST(two_servers_at_once_share_nothing, .sentences = {"One thread, the server, owns the tickets"},
     .schedules = 500, .hint = "Is there a variable that two servers use?")
{
    pthread_t other = spawn(use_another_server, NULL);

    use_a_server("one", 1);
    join(other);
}

TEST(what_get_copied_out_is_the_callers, .sentences = {"*ticket is a copy"})
{
    struct running running = start_with(2, 1, NULL);
    struct ticket *kept = allocate(sizeof *kept), copy = get(running.client, 1);

    memset(&copy, 'x', sizeof copy);
    check_result(ticket_client_get(running.client, 1, kept),
                 "ticket_client_get copies a ticket out.", TICKET_OK);
    finish(running);
    check_text(kept->title, "title", "*ticket is a copy, and the caller's.");
    free(kept);
}

/* What that function says of an id that no ticket has. */
static void check_not_found(const char *function, uint64_t id, enum ticket_result result)
{
    const char *rule = id > UINT8_MAX
                           ? "TICKET_NOT_FOUND: no ticket has that id. How many of its bits arrive?"
                           : "TICKET_NOT_FOUND: no ticket has that id.";
    char call[80];

    snprintf(call, sizeof call, "%s(client, %" PRIu64 ", ...)", function, id);
    check_status_at(__FILE__, __LINE__, rule, call, (int)result, result_names,
                    (int[]){TICKET_NOT_FOUND}, 1);
}

TEST(getting_an_unknown_id_is_not_found,
     .sentences = {"ticket_client_get TICKET_NOT_FOUND: No ticket has that id",
                   "Out-parameters are written on TICKET_OK only"})
{
    struct running running = start_with(2, 1, NULL);
    struct ticket ticket, before;

    memset(&before, 0x5a, sizeof before);
    memset(&ticket, 0x5a, sizeof ticket);
    for (uint64_t id = 0; id <= 2; id += 2)
        check_not_found("ticket_client_get", id, ticket_client_get(running.client, id, &ticket));
    check_bytes(&ticket, &before, sizeof ticket, ON_OK_ONLY);
    finish(running);
}

TEST(setting_the_status_of_an_unknown_id_is_not_found,
     .sentences = {"ticket_client_set_status TICKET_NOT_FOUND: No ticket has that id",
                   "A command or query returns once the server has answered it"})
{
    const uint64_t id = UINT64_C(1) << 32 | 1;
    struct running running = start_with(2, 1, NULL);

    check_not_found("ticket_client_set_status", id,
                    ticket_client_set_status(running.client, id, TICKET_DONE));
    check_equal(count(running.client, TICKET_DONE), 0, "A request that failed changed nothing.");
    finish(running);
}

TEST(an_id_is_all_of_its_64_bits,
     .sentences = {"ticket_client_get TICKET_NOT_FOUND: No ticket has that id",
                   "ticket_client_set_status TICKET_NOT_FOUND: No ticket has that id"},
     .once = true)
{
    enum { TICKETS = 3 };
    struct running running = start(2);
    struct ticket ticket = {.id = 77};

    for (int i = 0; i < TICKETS; i++)
        add(running.client, "title", "description");
    for (int bit = 0; bit <= 64; bit++) {
        uint64_t id = bit == 0   ? 0
                      : bit == 1 ? TICKETS + 1
                      : bit < 64 ? UINT64_C(1) << bit | 1
                                 : UINT64_MAX;

        check_not_found("ticket_client_get", id, ticket_client_get(running.client, id, &ticket));
        check_not_found("ticket_client_set_status", id,
                        ticket_client_set_status(running.client, id, TICKET_DONE));
    }
    check_equal(ticket.id, 77, ON_OK_ONLY);
    check_counts(running.client, 3, 0, 0);
    finish(running);
}

TEST(nothing_is_found_where_nothing_was_added,
     .sentences = {"ticket_client_get TICKET_NOT_FOUND: No ticket has that id",
                   "ticket_client_set_status TICKET_NOT_FOUND: No ticket has that id",
                   "Starts a server without tickets"})
{
    struct running running = start(1);
    struct ticket ticket;

    check_result(ticket_client_get(running.client, 1, &ticket),
                 "TICKET_NOT_FOUND: no ticket has that id.", TICKET_NOT_FOUND);
    check_result(ticket_client_set_status(running.client, 1, TICKET_TODO),
                 "TICKET_NOT_FOUND: no ticket has that id.", TICKET_NOT_FOUND);
    finish(running);
}

static const int bad_statuses[] = {TICKET_DONE + 1, -1, 99, 256};

enum { BAD_STATUSES = sizeof bad_statuses / sizeof bad_statuses[0] };

TEST(setting_a_status_that_is_none_is_invalid,
     .sentences = {"ticket_client_set_status: status is none of"})
{
    struct running running = start_with(2, 1, NULL);
    uint64_t id = 1;

    for (size_t i = 0; i < BAD_STATUSES; i++)
        check_result(
            ticket_client_set_status(running.client, id, (enum ticket_status)bad_statuses[i]),
            "TICKET_INVALID: status is none of enum ticket_status.", TICKET_INVALID);
    check_result(ticket_client_set_status(running.client, id + 1, (enum ticket_status)99),
                 "When two errors apply, either may be returned.", TICKET_INVALID,
                 TICKET_NOT_FOUND);
    check_equal(get(running.client, id).status, TICKET_TODO,
                "A request that failed changed nothing.");
    check_equal(count(running.client, TICKET_TODO), 1, "A request that failed changed nothing.");
    finish(running);
}

TEST(counting_a_status_that_is_none_is_invalid,
     .sentences = {"ticket_client_count: status is none of"})
{
    struct running running = start_with(2, 1, NULL);
    uint64_t number = 77;

    for (size_t i = 0; i < BAD_STATUSES; i++)
        check_result(
            ticket_client_count(running.client, (enum ticket_status)bad_statuses[i], &number),
            "TICKET_INVALID: status is none of enum ticket_status.", TICKET_INVALID);
    check_equal(number, 77, ON_OK_ONLY);
    check_equal(count(running.client, TICKET_TODO), 1, "A request that failed changed nothing.");
    finish(running);
}

TEST(the_server_survives_every_bad_request, .sentences = {"The server survives every bad request"})
{
    struct running running = start_with(1, 0, NULL);
    char *much_longer = text_of(1000);
    struct ticket ticket;
    uint64_t number;

    ticket_client_add(running.client, NULL, NULL, &number);
    ticket_client_add(running.client, much_longer, much_longer, &number);
    ticket_client_set_status(running.client, 1, (enum ticket_status) - 1);
    ticket_client_count(running.client, (enum ticket_status)3, &number);
    ticket_client_get(running.client, 1, &ticket);
    check_equal(add(running.client, "still", "here"), 1, NO_ID);
    free(much_longer);
    finish(running);
}

/* ----------------------------------------------------------------------------- several clients */

TEST(a_clone_is_a_client_of_the_same_server, .sentences = {"independent of this one"})
{
    struct running running = start_with(2, 1, NULL);
    struct ticket_client *other = clone(running.client);

    check_equal(add(other, "of the clone", "client"), 2, "Each next id is one higher.");
    check_ticket(running.client, 2, "of the clone", "client", TICKET_TODO);
    ticket_client_drop(other);
    finish(running);
}

TEST(a_clone_outlives_the_client_it_was_cloned_from,
     .sentences = {"independent of this one", "Ends a client"})
{
    struct running running = start(2);
    struct ticket_client *second = clone(running.client), *third;

    ticket_client_drop(running.client);
    add(second, "title", "description");
    third = clone(second);
    ticket_client_drop(second);
    check_ticket(third, 1, "title", "description", TICKET_TODO);
    ticket_client_drop(third);
    ticket_server_join(running.server);
}

TEST(hundreds_of_clients_are_connected, .sentences = {"independent of this one"}, .once = true)
{
    enum { MANY = 300 };
    static struct ticket_client *clients[MANY];
    struct running running = start(1);

    for (int i = 0; i < MANY; i++)
        clients[i] = clone(i % 2 ? clients[i - 1] : running.client);
    for (int i = 0; i < MANY; i++)
        check_equal(add(clients[i], "title", "description"), i + 1, "Each next id is one higher.");
    for (int i = 0; i < MANY; i++)
        ticket_client_drop(clients[(i * 7) % MANY]);
    check_counts(running.client, MANY, 0, 0);
    finish(running);
}

/* Adds a ticket and looks at it, dropping the client afterwards. */
static void *add_and_look(void *client)
{
    uint64_t id = add(client, "mine", "all mine");
    struct ticket ticket = get(client, id);

    check_equal(ticket.id, id, ITS_OWN);
    check_text(ticket.title, "mine", "A client reads its own writes.");
    ticket_client_drop(client);
    return NULL;
}

/* The only one who changes that ticket. */
static void *finish_2(void *client)
{
    set_status(client, 2, TICKET_DONE);
    return NULL;
}

static void *add_one(void *client)
{
    return (void *)(uintptr_t)add(client, "one", "of three");
}

TEST(clients_in_several_threads_read_their_own_writes,
     .sentences = {"Clients never touch the tickets", "A client reads its own writes",
                   "Different clients may be used by different threads"},
     .hint = "Whose answer is it?")
{
    struct ticket_client *other;
    struct running running = start_with(2, 0, &other);
    pthread_t adder = spawn(add_one, other);
    uint64_t id = add(running.client, "mine", "all mine");

    join(adder);
    check_text(get(running.client, id).title, "mine", "A client reads its own writes.");
    settle();
    ticket_client_drop(other);
    finish(running);
}

static void *look_at_1(void *client)
{
    struct ticket ticket = get(client, 1);

    check_equal(ticket.id, 1, ITS_OWN);
    check_text(ticket.title, "one", ITS_OWN);
    return NULL;
}

TEST(answers_never_cross, .sentences = {"each answer comes back to the client that asked"},
     .hint = "How does an answer find the client that asked?")
{
    struct running running;
    struct ticket_client *other;
    pthread_t looker;

    exploring(false);
    running = start(2);
    other = clone(running.client);
    add(running.client, "one", "of the other thread");
    add(running.client, "two", "of this thread");
    exploring(true);
    looker = spawn(look_at_1, other);
    check_equal(get(running.client, 2).id, 2, ITS_OWN);
    join(looker);
    settle();
    ticket_client_drop(other);
    finish(running);
}

TEST(commands_of_two_clients_at_once_share_nothing,
     .sentences = {"each answer comes back to the client that asked",
                   "Different clients may be used by different threads"},
     .hint = "Is there a variable that two clients use?")
{
    struct ticket_client *other;
    struct running running = start_with(2, 2, &other);
    pthread_t finisher = spawn(finish_2, other);

    set_status(running.client, 1, TICKET_IN_PROGRESS);
    join(finisher);
    check_equal(count(other, TICKET_TODO), 0, ITS_OWN);
    settle();
    ticket_client_drop(other);
    finish(running);
}

TEST(a_command_and_a_query_of_two_clients_at_once_share_nothing,
     .sentences = {"each answer comes back to the client that asked",
                   "Different clients may be used by different threads"},
     .hint = "Is there a variable that two clients use?")
{
    struct ticket_client *other;
    struct running running = start_with(2, 3, &other);
    pthread_t finisher = spawn(finish_2, other);
    uint64_t left = count(running.client, TICKET_TODO);

    check(left == 2 || left == 3, ITS_OWN);
    join(finisher);
    check_equal(count(running.client, TICKET_DONE), 1,
                "A command that has returned is seen by every later query of any client.");
    settle();
    ticket_client_drop(other);
    finish(running);
}

TEST(a_ticket_is_read_while_another_client_adds_one,
     .sentences = {"Clients never touch the tickets", "*ticket is a copy"},
     .hint = "Who looks at the tickets, and in which thread?")
{
    struct ticket_client *other;
    struct running running = start_with(2, 1, &other);
    pthread_t adder = spawn(add_one, other);

    check_ticket(running.client, 1, "title", "description", TICKET_TODO);
    join(adder);
    settle();
    ticket_client_drop(other);
    finish(running);
}

TEST(a_ticket_is_read_while_another_client_changes_it,
     .sentences = {"Clients never touch the tickets", "*ticket is a copy"},
     .hint = "Who looks at the tickets, and in which thread?")
{
    struct ticket_client *other;
    struct running running = start_with(2, 2, &other);
    pthread_t finisher = spawn(finish_2, other);
    struct ticket ticket = get(running.client, 2);

    check(ticket.status == TICKET_TODO || ticket.status == TICKET_DONE,
          "Only what was written is seen.");
    join(finisher);
    settle();
    ticket_client_drop(other);
    finish(running);
}

TEST(every_add_gets_an_id_of_its_own, .sentences = {"each next one is one higher"},
     .hint = "Who sleeps until there is room?")
{
    struct ticket_client *other;
    struct running running = start_with(1, 0, &other);
    pthread_t adder = spawn(add_one, other);
    uint64_t id = add(running.client, "one", "of three");

    id += (uintptr_t)join(adder);
    check_equal(id, 1 + 2, "The first ticket's id is 1, each next one is one higher.");
    settle();
    ticket_client_drop(other);
    finish(running);
}

TEST(three_clients_share_a_capacity_of_1, .sentences = {"sleeps until there is room"},
     .hint = "Who sleeps until there is room?")
{
    struct running running;
    struct ticket_client *second, *third;
    pthread_t one, two;
    uint64_t sum;

    exploring(false);
    running = start(1);
    second = clone(running.client);
    third = clone(running.client);
    exploring(true);
    one = spawn(add_one, second);
    two = spawn(add_one, third);
    sum = add(running.client, "one", "of three");
    sum += (uintptr_t)join(one);
    sum += (uintptr_t)join(two);
    check_equal(sum, 1 + 2 + 3, "The first ticket's id is 1, each next one is one higher.");
    settle();
    ticket_client_drop(second);
    ticket_client_drop(third);
    finish(running);
}

static void *finish_1(void *client)
{
    set_status(client, 1, TICKET_DONE);
    return NULL;
}

TEST(a_write_that_returned_is_seen_by_every_client,
     .sentences = {"A command that has returned is seen by every later query",
                   "A command or query returns once the server has answered it"})
{
    struct ticket_client *other;
    struct running running = start_with(2, 1, &other);

    join(spawn(finish_1, other));
    check_equal(get(running.client, 1).status, TICKET_DONE,
                "A command that has returned is seen by every later query of any client.");
    ticket_client_drop(other);
    finish(running);
}

static void look_at_2(struct ticket_client *client, enum ticket_status status)
{
    check_equal(get(client, 2).status, status,
                "A command that has returned is seen by every later query of any client.");
    check_counts(client, 2 + (status == TICKET_TODO), status == TICKET_IN_PROGRESS,
                 status == TICKET_DONE);
}

TEST(what_another_client_sets_is_seen_by_one_that_has_looked,
     .sentences = {"A command that has returned is seen by every later query"}, .once = true,
     .hint = "Does a client keep what it was told? Another may have changed it since.")
{
    static const enum ticket_status any[] = {TICKET_TODO, TICKET_IN_PROGRESS, TICKET_DONE};
    struct ticket_client *other;
    struct running running = start_with(2, 3, &other);

    for (int from = 0; from < 3; from++)
        for (int to = 0; to < 3; to++)
            for (int own = 0; own < 2; own++) {
                set_status(own ? running.client : other, 2, any[from]);
                look_at_2(running.client, any[from]);
                set_status(other, 2, any[to]);
                look_at_2(running.client, any[to]);
            }
    ticket_client_drop(other);
    finish(running);
}

TEST(a_ticket_that_was_added_is_seen_by_every_client,
     .sentences = {"A command that has returned is seen by every later query",
                   "A command or query returns once the server has answered it"})
{
    struct ticket_client *other;
    struct running running = start_with(2, 1, &other);
    uint64_t id = (uintptr_t)join(spawn(add_one, other));

    check_ticket(running.client, id, "one", "of three", TICKET_TODO);
    ticket_client_drop(other);
    finish(running);
}

TEST(a_client_goes_from_thread_to_thread,
     .sentences = {"Different clients may be used by different threads"})
{
    struct running running = start_with(1, 1, NULL);

    join(spawn(add_one, running.client));
    check_equal((uintptr_t)join(spawn(add_one, running.client)), 3, "Each next id is one higher.");
    finish(running);
}

static void *clone_and_add(void *client)
{
    struct ticket_client *other = clone(client);

    ticket_client_drop(client);
    add(other, "title", "description");
    ticket_client_drop(other);
    return NULL;
}

TEST(clients_are_cloned_and_dropped_in_any_thread,
     .sentences = {"Different clients may be used by different threads"})
{
    struct ticket_client *other;
    struct running running = start_with(1, 0, &other);
    pthread_t adder = spawn(clone_and_add, other);

    ticket_client_drop(running.client);
    join(adder);
    ticket_server_join(running.server);
}

/* -------------------------------------------------------------------- one request after another */

/* What can be asked for, and what the tickets are then. */
enum request {
    ADD,
    SET,
    GET,
    COUNT,
    BAD_TEXT,
    BAD_STATUS,
    BAD_COUNT,
    NO_TICKET,
    NOT_THERE,
    REQUESTS
};
enum { MOST = 400 };

struct expected {
    uint64_t n;
    enum ticket_status status[MOST + 1]; /* of each ticket */
};

static unsigned expected_count(const struct expected *expected, enum ticket_status status)
{
    unsigned n = 0;

    for (uint64_t id = 1; id <= expected->n; id++)
        n += expected->status[id] == status;
    return n;
}

static void expect_failure(struct ticket_client *client, enum request request, uint64_t unknown)
{
    static const char rule[] = "A bad request says so, whatever was asked before.";
    struct ticket ticket = {.id = 77};
    uint64_t number = 77;

    if (request == BAD_TEXT)
        check_result(ticket_client_add(client, "", "", &number), rule, TICKET_INVALID);
    else if (request == BAD_STATUS)
        check_result(ticket_client_set_status(client, 1, (enum ticket_status)3), rule,
                     TICKET_INVALID);
    else if (request == BAD_COUNT)
        check_result(ticket_client_count(client, (enum ticket_status)3, &number), rule,
                     TICKET_INVALID);
    else if (request == NO_TICKET)
        check_result(ticket_client_set_status(client, unknown, TICKET_DONE), rule,
                     TICKET_NOT_FOUND);
    else
        check_result(ticket_client_get(client, unknown, &ticket), rule, TICKET_NOT_FOUND);
    check(number == 77 && ticket.id == 77, ON_OK_ONLY);
}

static void ask(struct ticket_client *client, enum request request, struct expected *expected)
{
    uint64_t id = expected->n / 2 + 1;

    if (request == ADD) {
        check_equal(add(client, "title", "description"), ++expected->n,
                    "Each next ticket's id is one higher.");
        expected->status[expected->n] = TICKET_TODO;
    } else if (request == SET) {
        expected->status[id] = (enum ticket_status)((expected->status[id] + 1) % 3);
        set_status(client, id, expected->status[id]);
    } else if (request == GET) {
        check_ticket(client, id, "title", "description", expected->status[id]);
    } else if (request == COUNT) {
        check_equal(count(client, TICKET_TODO), expected_count(expected, TICKET_TODO),
                    "ticket_client_count counts the tickets that have a status.");
    } else {
        expect_failure(client, request, expected->n + 1);
    }
}

/* Every client sees the tickets as they are. */
static void check_all(struct ticket_client *client, const struct expected *expected)
{
    uint64_t id = expected->n / 2 + 1;

    check_counts(client, expected_count(expected, TICKET_TODO),
                 expected_count(expected, TICKET_IN_PROGRESS),
                 expected_count(expected, TICKET_DONE));
    check_ticket(client, id, "title", "description", expected->status[id]);
    check_ticket(client, expected->n, "title", "description", expected->status[expected->n]);
}

TEST(any_request_may_follow_any_other_by_the_same_client_or_by_another,
     .sentences = {"A command that has returned is seen by every later query",
                   "A client reads its own writes"},
     .once = true, .hint = "What does a request leave behind, in the server or in the client?")
{
    struct running running = start(2);
    struct ticket_client *other = clone(running.client);
    struct expected expected = {.n = 0};

    ask(running.client, ADD, &expected);
    for (int first = 0; first < REQUESTS; first++)
        for (int second = 0; second < REQUESTS; second++)
            for (int another = 0; another < 2; another++) {
                ask(running.client, (enum request)first, &expected);
                ask(another ? other : running.client, (enum request)second, &expected);
                check_all(other, &expected);
                check_all(running.client, &expected);
            }
    ticket_client_drop(other);
    finish(running);
}

TEST(the_server_sleeps_after_any_request, .sentences = {"nobody polls"}, .once = true,
     .hint = "Which call waits without polling?")
{
    struct running running = start(2);
    struct expected expected = {.n = 0};

    ask(running.client, ADD, &expected);
    for (int request = 0; request < REQUESTS; request++) {
        ask(running.client, (enum request)request, &expected);
        settle();
        ticket_client_drop(clone(running.client));
        settle();
    }
    check_all(running.client, &expected);
    finish(running);
}

TEST(an_id_is_never_given_twice, .sentences = {"each next one is one higher"},
     .hint = "What is the next id counted by, and does that ever become less?")
{
    struct running running;
    struct ticket_client *other;
    pthread_t adder;
    uint64_t id;

    exploring(false);
    running = start(2);
    other = clone(running.client);
    set_status(running.client, add(running.client, "soon", "done"), TICKET_DONE);
    exploring(true);
    adder = spawn(add_one, other);
    id = add(running.client, "another", "one");
    id += (uintptr_t)join(adder);
    check_equal(id, 2 + 3, "The first ticket's id is 1, each next one is one higher.");
    settle();
    ticket_client_drop(other);
    finish(running);
}

enum { CROWD = 50 }; /* more than the bits of an int */

TEST(fifty_clients_at_once_each_get_their_own_answers,
     .sentences = {"each answer comes back to the client that asked"}, .once = true,
     .hint = "Whose answer is it?")
{
    struct running running = start(3);
    struct ticket_client *clients[CROWD];
    pthread_t threads[CROWD];

    for (int i = 0; i < CROWD; i++)
        clients[i] = clone(running.client);
    settle();
    hold_others(true); /* so that all wait at once */
    for (int i = 0; i < CROWD; i++)
        threads[i] = spawn(add_and_look, clients[i]);
    settle();
    hold_others(false);
    for (int i = 0; i < CROWD; i++)
        join(threads[i]);
    check_counts(running.client, CROWD, 0, 0);
    finish(running);
}

/* --------------------------------------------------------------------------- the last one leaves */

static void *join_server(void *server)
{
    ticket_server_join(server);
    return NULL;
}

static void *drop_client(void *client)
{
    ticket_client_drop(client);
    return NULL;
}

TEST(dropping_the_last_client_ends_the_server_that_is_being_joined,
     .sentences = {"Dropping the last one of a server ends",
                   "Sleeps until the server's thread has ended"},
     .hint = "What does receiver_recv say once every sender has been dropped?")
{
    struct running running = start(2);
    pthread_t joiner = spawn(join_server, running.server);

    add(running.client, "title", "description");
    settle();
    ticket_client_drop(running.client);
    join(joiner);
}

TEST(dropping_the_last_client_ends_the_server_that_nobody_joins_yet,
     .sentences = {"The server's thread ends by itself", "Dropping the last one of a server ends"},
     .hint = "Who else holds a sender of the request channel?")
{
    struct running running = start(2);
    size_t threads_left;

    add(running.client, "title", "description");
    ticket_client_drop(running.client);
    threads_left = settle();
    check_equal(threads_left, 0,
                "The server's thread ends by itself when the last client is dropped, whether "
                "somebody joins it or not.");
    ticket_server_join(running.server);
}

TEST(dropping_the_last_client_meets_the_join,
     .sentences = {"Dropping the last one of a server ends"})
{
    struct running running = start(1);
    struct ticket_client *other = clone(running.client);
    pthread_t dropper = spawn(drop_client, running.client);
    pthread_t joiner = spawn(join_server, running.server);

    ticket_client_drop(other);
    join(dropper);
    join(joiner);
}

TEST(a_server_lives_while_one_client_is_left,
     .sentences = {"Dropping the last one of a server ends"})
{
    struct running running = start(2);
    struct ticket_client *other = clone(running.client);

    ticket_client_drop(other);
    settle();
    check_equal(add(running.client, "still", "here"), 1,
                "The server's thread ends when the last client is dropped, not before.");
    finish(running);
}

/* ------------------------------------------------------------------------------------- sleeping */

TEST(a_server_without_requests_sleeps, .sentences = {"nobody polls"},
     .hint = "Which call waits without polling?")
{
    struct running running = start(2);

    settle();
    add(running.client, "title", "description");
    settle();
    check_equal(count(running.client, TICKET_TODO), 1,
                "The server is there when it is asked again.");
    finish(running);
}

TEST(clients_that_wait_for_an_answer_or_for_room_sleep, .sentences = {"nobody polls"},
     .hint = "Which call waits without polling?")
{
    struct running running = start(1);
    struct ticket_client *other = clone(running.client);
    pthread_t one, two;

    settle();
    hold_others(true); /* the server answers nobody */
    one = spawn(add_one, running.client);
    two = spawn(add_one, other);
    settle();
    hold_others(false);
    join(one);
    join(two);
    ticket_client_drop(other);
    finish(running);
}

static atomic_bool joined;

static void *join_and_say_so(void *server)
{
    ticket_server_join(server);
    atomic_store(&joined, true);
    return NULL;
}

TEST(whoever_joins_sleeps_until_the_servers_thread_has_ended,
     .sentences = {"Sleeps until the server's thread has ended", "Joining does not end the server"},
     .hint = "Who tells the one that joins that the thread has ended?")
{
    struct running running = start(2);
    pthread_t joiner;
    bool join_has_returned;

    atomic_store(&joined, false);
    joiner = spawn(join_and_say_so, running.server);
    settle();
    join_has_returned = atomic_load(&joined);
    check_equal(join_has_returned, false,
                "ticket_server_join sleeps until the server's thread has ended, and a client is "
                "left.");
    add(running.client, "still", "here");
    ticket_client_drop(running.client);
    join(joiner);
}

static void join_while_clients_wait(int clients)
{
    struct ticket_client *others[2];
    pthread_t waiting[2], joiner;
    struct running running;
    bool join_has_returned;
    uintptr_t sum = 0;

    exploring(false);
    running = start(1);
    for (int i = 0; i < clients; i++)
        others[i] = clone(running.client); /* of which the server may hear */
    exploring(true);
    atomic_store(&joined, false);
    hold_others(true); /* the server answers nobody */
    for (int i = 0; i < clients; i++)
        waiting[i] = spawn(add_one, others[i]);
    settle();
    joiner = spawn(join_and_say_so, running.server);
    settle();
    join_has_returned = atomic_load(&joined);
    check_equal(join_has_returned, false, "Joining does not end the server.");
    hold_others(false);
    for (int i = 0; i < clients; i++) {
        sum += (uintptr_t)join(waiting[i]);
        ticket_client_drop(others[i]);
    }
    check_equal(sum, clients * (clients + 1) / 2, "Each next id is one higher.");
    ticket_client_drop(running.client);
    join(joiner);
}

TEST(joining_ends_neither_the_server_nor_the_wait_of_a_client,
     .sentences = {"Joining does not end the server", "Sleeps until the server's thread has ended"},
     .hint = "What does the one that joins wait for, and whom does it leave alone?")
{
    join_while_clients_wait(1);
}

TEST(joining_ends_neither_the_server_nor_the_wait_of_two_clients,
     .sentences = {"Joining does not end the server", "Sleeps until the server's thread has ended"},
     .hint = "What does the one that joins wait for, and whom does it leave alone?")
{
    join_while_clients_wait(2);
}

/* ------------------------------------------------------------------------------------- shutdown */

static void shut_down(struct ticket_client *client)
{
    check_result(ticket_client_shutdown(client),
                 "TICKET_OK once the server has taken the shutdown.", TICKET_OK);
}

/* Every request there is gets TICKET_SERVER_GONE, and writes nothing. */
static void check_gone(struct ticket_client *client)
{
    struct ticket ticket, before;
    uint64_t id = 77;

    memset(&before, 0x5a, sizeof before);
    memset(&ticket, 0x5a, sizeof ticket);
    check_result(ticket_client_add(client, "too", "late", &id), GONE, TICKET_SERVER_GONE);
    check_result(ticket_client_set_status(client, 1, TICKET_DONE), GONE, TICKET_SERVER_GONE);
    check_result(ticket_client_get(client, 1, &ticket), GONE, TICKET_SERVER_GONE);
    check_result(ticket_client_count(client, TICKET_TODO, &id), GONE, TICKET_SERVER_GONE);
    check_result(ticket_client_shutdown(client), "TICKET_SERVER_GONE: another shutdown came first.",
                 TICKET_SERVER_GONE);
    check_equal(id, 77, ON_OK_ONLY);
    check_bytes(&ticket, &before, sizeof ticket, ON_OK_ONLY);
}

TEST(the_server_uses_each_handle_of_a_channel_in_one_thread_at_a_time,
     .sentences = {"is written on the channel of 04 as it is"},
     .hint = "Which thread uses this handle, and is it still inside a call on it when the other "
             "one uses it? An answer that has arrived does not tell that its sender_send is over.")
{
    struct ticket_client *other;

    watch_handles();
    struct running running = start_with(2, 1, &other);
    uint64_t id = add(running.client, "a title", "a description");

    set_status(other, id, TICKET_DONE);
    check_equal(get(running.client, id).status, TICKET_DONE, ITS_OWN);
    ticket_client_drop(other);
    shut_down(running.client);
    finish(running);
}

TEST(after_a_shutdown_every_request_gets_server_gone,
     .sentences = {"for all its clients", "The server has taken it",
                   "ticket_client_add: As the enum says",
                   "ticket_client_set_status: As the enum says",
                   "ticket_client_get: As the enum says", "ticket_client_count: As the enum says",
                   "what was asked is not done", "No client is left waiting"},
     .hint = "Who answers when nobody receives?")
{
    struct running running = start_with(2, 1, NULL);

    shut_down(running.client);
    check_gone(running.client);
    finish(running);
}

TEST(after_a_shutdown_join_returns_although_there_are_clients,
     .sentences = {"Clients that are left may still be used", "The server's thread ends by itself"})
{
    struct running running = start(2);
    struct ticket_client *other = clone(running.client);

    shut_down(running.client);
    ticket_server_join(running.server);
    check_gone(other);
    check_gone(running.client);
    ticket_client_drop(running.client);
    ticket_client_drop(other);
}

TEST(after_a_shutdown_a_bad_request_is_invalid_or_gone,
     .sentences = {"title or description is NULL, empty or longer",
                   "ticket_client_set_status: status is none of",
                   "ticket_client_count: status is none of"})
{
    static const char rule[] = "When two errors apply, either may be returned.";
    struct running running = start(1);
    uint64_t number = 77;

    shut_down(running.client);
    check_result(ticket_client_add(running.client, "", "empty title", &number), rule,
                 TICKET_INVALID, TICKET_SERVER_GONE);
    check_result(ticket_client_set_status(running.client, 1, (enum ticket_status)99), rule,
                 TICKET_INVALID, TICKET_SERVER_GONE);
    check_result(ticket_client_count(running.client, (enum ticket_status)99, &number), rule,
                 TICKET_INVALID, TICKET_SERVER_GONE);
    check_equal(number, 77, ON_OK_ONLY);
    finish(running);
}

TEST(after_a_shutdown_clients_are_cloned_or_not,
     .sentences = {"When the server has gone NULL may be returned"})
{
    struct running running = start(1);
    struct ticket_client *other;

    shut_down(running.client);
    ticket_server_join(running.server);
    other = ticket_client_clone(running.client);
    if (other != NULL) {
        check_gone(other);
        ticket_client_drop(other);
    }
    ticket_client_drop(running.client);
}

TEST(a_shutdown_ends_the_server_that_is_being_joined,
     .sentences = {"No client is left waiting", "Clients that are left may still be used"})
{
    struct running running = start(2);
    pthread_t joiner = spawn(join_server, running.server);

    settle();
    shut_down(running.client);
    join(joiner);
    check_gone(running.client);
    ticket_client_drop(running.client);
}

static enum ticket_result add_or_gone(struct ticket_client *client, uint64_t *id)
{
    return check_result(ticket_client_add(client, "meets", "a shutdown", id),
                        "Requests queued before a shutdown are answered, those behind it get "
                        "TICKET_SERVER_GONE.",
                        TICKET_OK, TICKET_SERVER_GONE);
}

static void *add_unless_gone(void *client)
{
    uint64_t id = 77;

    if (add_or_gone(client, &id) == TICKET_OK)
        check_equal(id, 1, "The first ticket's id is 1.");
    else
        check_equal(id, 77, ON_OK_ONLY);
    ticket_client_drop(client);
    return NULL;
}

TEST(a_shutdown_meets_a_request, .sentences = {"Requests queued before it are answered as ever"},
     .hint = "What becomes of a request that is queued behind it?")
{
    struct ticket_client *other;
    struct running running = start_with(2, 0, &other);
    pthread_t adder = spawn(add_unless_gone, other);

    shut_down(running.client);
    join(adder);
    settle();
    check_gone(running.client);
    finish(running);
}

TEST(a_shutdown_meets_a_request_that_waits_for_room,
     .sentences = {"No client is left waiting", "Sleeps until the server's thread has ended"},
     .hint = "Whom does receiver_drop wake, and what becomes of what was queued?")
{
    struct ticket_client *other;
    struct running running = start_with(1, 0, &other);
    pthread_t adder = spawn(add_unless_gone, other);

    shut_down(running.client);
    ticket_server_join(running.server);
    ticket_client_drop(running.client);
    join(adder);
}

/* Adds twice. The result is how many adds were answered with TICKET_OK. */
static void *add_until_gone(void *client)
{
    uint64_t id = 0;
    uintptr_t added = 0;

    for (int i = 0; i < 2; i++) {
        uint64_t before = id;

        if (add_or_gone(client, &id) == TICKET_OK) {
            check(added == (uintptr_t)i, GONE);
            check(id > before, "Ids grow.");
            added++;
        } else {
            check_equal(id, before, ON_OK_ONLY);
        }
    }
    ticket_client_drop(client);
    return (void *)added;
}

TEST(a_shutdown_meets_requests_that_wait_for_room,
     .sentences = {"No client is left waiting", "Sleeps until the server's thread has ended"},
     .hint = "Whom does receiver_drop wake, and what becomes of what was queued?")
{
    struct running running = start(1);
    pthread_t one = spawn(add_until_gone, clone(running.client));
    pthread_t two = spawn(add_until_gone, clone(running.client));

    shut_down(running.client);
    ticket_server_join(running.server);
    ticket_client_drop(running.client);
    join(one);
    join(two);
}

static void *ask_twice(void *client)
{
    static const char rule[] =
        "Requests queued before a shutdown are answered, those behind it get "
        "TICKET_SERVER_GONE.";
    struct ticket ticket;
    uint64_t number;

    check_result(ticket_client_get(client, 1, &ticket), rule, TICKET_OK, TICKET_SERVER_GONE);
    check_result(ticket_client_count(client, TICKET_TODO, &number), rule, TICKET_OK,
                 TICKET_SERVER_GONE);
    return NULL;
}

TEST(a_shutdown_meets_queries, .sentences = {"Requests queued before it are answered as ever"})
{
    struct ticket_client *other;
    struct running running = start_with(2, 1, &other);
    pthread_t asker = spawn(ask_twice, other);

    shut_down(running.client);
    join(asker);
    settle();
    ticket_client_drop(other);
    finish(running);
}

/* A request by a client of its own, and what was answered. */
struct asked {
    struct ticket_client *client;
    enum request request;
    enum ticket_result result;
};

static void *ask_for(void *arg)
{
    struct asked *asked = arg;
    struct ticket ticket;
    uint64_t number;

    asked->result =
        asked->request == ADD   ? ticket_client_add(asked->client, "a", "b", &number)
        : asked->request == SET ? ticket_client_set_status(asked->client, 1, TICKET_DONE)
        : asked->request == GET ? ticket_client_get(asked->client, 1, &ticket)
                                : ticket_client_count(asked->client, TICKET_TODO, &number);
    ticket_client_drop(asked->client);
    return NULL;
}

static void *shut_down_and_drop(void *client)
{
    shut_down(client);
    ticket_client_drop(client);
    return NULL;
}

/* Has been used already, so that its next request is all it sends. */
static struct ticket_client *used_clone(struct ticket_client *client)
{
    struct ticket_client *other = clone(client);

    count(other, TICKET_TODO);
    return other;
}

TEST(a_shutdown_never_overtakes_and_is_never_overtaken,
     .sentences = {"Requests queued before it are answered as ever"}, .schedules = 60,
     .hint = "In which order are requests taken out of the channel?")
{
    enum { EACH = 4 };
    static const char rule[] = "Requests queued before a shutdown are answered as ever; those "
                               "queued behind it get TICKET_SERVER_GONE.";
    struct running running = start(64);
    struct ticket_client *stop = used_clone(running.client);
    struct asked asked[2 * EACH];
    pthread_t threads[2 * EACH], stopper;
    bool queued; /* in that order: on real threads nobody is held, and nobody knows */

    add(running.client, "title", "description");
    for (int i = 0; i < 2 * EACH; i++)
        asked[i] = (struct asked){used_clone(running.client), (enum request)(i % EACH), TICKET_OK};
    settle();
    hold_others(true);
    for (int i = 0; i < EACH; i++)
        threads[i] = spawn(ask_for, &asked[i]);
    queued = settle() > 0;
    stopper = spawn(shut_down_and_drop, stop);
    settle();
    for (int i = EACH; i < 2 * EACH; i++)
        threads[i] = spawn(ask_for, &asked[i]);
    settle();
    hold_others(false);
    for (int i = 0; i < 2 * EACH; i++)
        join(threads[i]);
    join(stopper);
    for (int i = 0; i < 2 * EACH; i++)
        if (queued)
            check_result(asked[i].result, rule, i < EACH ? TICKET_OK : TICKET_SERVER_GONE);
        else
            check_result(asked[i].result, rule, TICKET_OK, TICKET_SERVER_GONE);
    finish(running);
}

TEST(after_a_shutdown_by_another_client_nothing_is_answered_from_before,
     .sentences = {"for all its clients"}, .once = true,
     .hint = "Who knows that the server has gone, and who only remembers what it said?")
{
    for (int request = 0; request < REQUESTS; request++) {
        struct running running = start(2);
        struct ticket_client *other = clone(running.client);
        struct expected expected = {.n = 0};

        ask(running.client, ADD, &expected);
        check_all(running.client, &expected);
        ask(running.client, (enum request)request, &expected);
        shut_down(other);
        check_gone(running.client);
        check_gone(other);
        ticket_client_drop(other);
        finish(running);
    }
}

static void *shut_down_or_gone(void *client)
{
    enum ticket_result result =
        check_result(ticket_client_shutdown(client),
                     "One shutdown is taken, every other one gets TICKET_SERVER_GONE.", TICKET_OK,
                     TICKET_SERVER_GONE);

    ticket_client_drop(client);
    return (void *)(uintptr_t)result;
}

TEST(of_two_shutdowns_one_is_taken, .sentences = {"Somebody else's shutdown came first"})
{
    struct running running = start(2);
    struct ticket_client *second = clone(running.client);
    pthread_t one = spawn(shut_down_or_gone, running.client);
    pthread_t two = spawn(shut_down_or_gone, second);
    uintptr_t results;

    ticket_server_join(running.server);
    results = (uintptr_t)join(one);
    results += (uintptr_t)join(two);
    check_equal(results, TICKET_OK + TICKET_SERVER_GONE,
                "One shutdown is taken, every other one gets TICKET_SERVER_GONE.");
}

TEST(a_shutdown_meets_the_last_drop,
     .sentences = {"Dropping the last one of a server ends", "No client is left waiting"})
{
    struct running running = start(1);
    pthread_t dropper = spawn(drop_client, clone(running.client));

    shut_down(running.client);
    finish(running);
    join(dropper);
}

static void *shut_down_elsewhere(void *client)
{
    shut_down(client);
    return NULL;
}

TEST(a_shutdown_meets_a_clone, .sentences = {"When the server has gone NULL may be returned"})
{
    struct ticket_client *other, *third;
    struct running running = start_with(1, 0, &other);
    pthread_t stopper = spawn(shut_down_elsewhere, other);
    uint64_t id;

    third = ticket_client_clone(running.client);
    if (third != NULL) /* NULL: the server has gone already */
        add_or_gone(third, &id);
    join(stopper);
    settle();
    if (third != NULL)
        ticket_client_drop(third);
    ticket_client_drop(other);
    finish(running);
}

/* ------------------------------------------------------------------- when an allocation fails */

TEST(an_add_that_finds_no_memory_uses_no_id, .sentences = {"uses no id"}, .schedules = ONE_CLIENT,
     .allocations_fail = true)
{
    enum { ADDS = 20 };
    struct running running = {NULL, NULL};
    unsigned added = 0;

    if (!done(ticket_server_start(1, &running.server, &running.client)))
        return;
    for (int i = 0; i < ADDS; i++) {
        uint64_t id = 77;

        if (done(ticket_client_add(running.client, "title", "description", &id)))
            check_equal(id, ++added, NO_ID);
        else
            check_equal(id, 77, ON_OK_ONLY);
    }
    check(added >= ADDS - 1, COSTS_ONE);
    finish(running);
}

/* As start_with, unless there is no memory for that. */
static bool start_if_there_is_memory(struct running *running, unsigned tickets,
                                     struct ticket_client **other)
{
    bool is_there;
    uint64_t id;

    exploring(false);
    is_there = done(ticket_server_start(2, &running->server, &running->client));
    for (unsigned i = 0; is_there && i < tickets; i++)
        is_there = done(ticket_client_add(running->client, "title", "description", &id));
    if (is_there && other != NULL)
        is_there = (*other = ticket_client_clone(running->client)) != NULL || excused();
    exploring(true);
    if (!is_there && running->client != NULL)
        finish(*running);
    return is_there;
}

TEST(an_allocation_that_fails_costs_one_request,
     .sentences = {"The server survives every bad request", "only this request failed"},
     .allocations_fail = true)
{
    struct running running = {NULL, NULL};
    uint64_t id = 77, number = 77;
    int failed = 0;

    if (!start_if_there_is_memory(&running, 0, NULL))
        return;
    failed += !done(ticket_client_add(running.client, "title", "description", &id));
    if (failed)
        check_equal(id, 77, ON_OK_ONLY);
    failed += !done(ticket_client_count(running.client, TICKET_TODO, &number));
    check(failed <= 1, COSTS_ONE);
    check_equal(number, number == 77 || failed ? number : 1,
                "ticket_client_count counts the tickets that have a status.");
    finish(running);
}

TEST(an_allocation_that_fails_costs_one_request_about_a_ticket,
     .sentences = {"The server survives every bad request", "only this request failed"},
     .allocations_fail = true)
{
    struct running running = {NULL, NULL};
    struct ticket ticket = {.id = 77};
    int failed;

    if (!start_if_there_is_memory(&running, 1, NULL))
        return;
    failed = !done(ticket_client_set_status(running.client, 1, TICKET_DONE));
    if (done(ticket_client_get(running.client, 1, &ticket))) {
        check_equal(ticket.status, failed ? TICKET_TODO : TICKET_DONE,
                    "A request that failed changed nothing.");
    } else {
        check_equal(ticket.id, 77, ON_OK_ONLY);
        failed++;
    }
    check(failed <= 1, COSTS_ONE);
    finish(running);
}

TEST(a_shutdown_that_finds_no_memory_leaves_the_server_as_it_was,
     .sentences = {"ticket_client_shutdown: The server goes on"}, .allocations_fail = true)
{
    struct running running = {NULL, NULL};
    uint64_t id;

    if (!done(ticket_server_start(8, &running.server, &running.client)))
        return;
    if (!done(ticket_client_shutdown(running.client))) {
        check_result(ticket_client_add(running.client, "still", "here", &id),
                     "TICKET_NO_MEMORY from a shutdown: the server goes on.", TICKET_OK);
        check_equal(id, 1, "The first ticket's id is 1.");
    }
    finish(running);
}

TEST(a_clone_that_finds_no_memory_is_null, .sentences = {"independent of this one"},
     .allocations_fail = true)
{
    struct running running = {NULL, NULL};
    struct ticket_client *other;
    struct ticket ticket;

    if (!done(ticket_server_start(1, &running.server, &running.client)))
        return;
    other = ticket_client_clone(running.client);
    if (other != NULL)
        ticket_client_drop(other);
    else
        excused();
    if (check_result(ticket_client_get(running.client, 1, &ticket), COSTS_ONE, TICKET_NOT_FOUND,
                     TICKET_NO_MEMORY) == TICKET_NO_MEMORY)
        excused();
    finish(running); /* does not return if the failed clone left a sender behind */
}

/* The id, or 0: there was no memory. */
static void *add_if_there_is_memory(void *client)
{
    uint64_t id = 0;

    if (!done(ticket_client_add(client, "title", "description", &id)))
        check_equal(id, 0, ON_OK_ONLY);
    return (void *)(uintptr_t)id;
}

TEST(an_allocation_that_fails_costs_the_client_that_needed_it,
     .sentences = {"The server survives every bad request"}, .allocations_fail = true)
{
    struct running running = {NULL, NULL};
    struct ticket_client *other;
    uintptr_t mine, theirs;
    pthread_t adder;

    if (!start_if_there_is_memory(&running, 0, &other))
        return;
    adder = spawn(add_if_there_is_memory, other);
    mine = (uintptr_t)add_if_there_is_memory(running.client);
    theirs = (uintptr_t)join(adder);
    check(mine != 0 || theirs != 0, COSTS_ONE);
    check_equal(mine + theirs, mine && theirs ? 1 + 2 : 1, NO_ID);
    settle();
    ticket_client_drop(other);
    finish(running);
}

/* Stands between the server and its channel, too: once, there is no memory for a clone of a sender. */
static atomic_uint clones_until_none; /* 0: there is memory for all */

struct sender *__wrap_sender_clone(struct sender *tx);

struct sender *__wrap_sender_clone(struct sender *tx)
{
    unsigned left = atomic_load(&clones_until_none);

    while (left && !atomic_compare_exchange_weak(&clones_until_none, &left, left - 1))
        ;
    return left == 1 || lacks_memory() ? NULL : told_clone(tx);
}

/* One request or call of each kind, as far as there is memory. The result is how many there was none for. */
static unsigned count_without_memory(struct running running)
{
    struct ticket_client *other = ticket_client_clone(running.client);
    unsigned failed = other == NULL, added = 0;
    uint64_t id = 77, number = 77;
    struct ticket ticket;

    for (int i = 0; i < 2; i++) {
        if (check_result(ticket_client_add(i && other ? other : running.client, "a", "b", &id),
                         COSTS_ONE, TICKET_OK, TICKET_NO_MEMORY) == TICKET_OK)
            check_equal(id, ++added, NO_ID);
        else
            failed++;
    }
    if (other)
        ticket_client_drop(other);
    failed += check_result(ticket_client_set_status(running.client, 1, TICKET_DONE), COSTS_ONE,
                           TICKET_OK, TICKET_NO_MEMORY) == TICKET_NO_MEMORY;
    failed += check_result(ticket_client_get(running.client, 1, &ticket), COSTS_ONE, TICKET_OK,
                           TICKET_NO_MEMORY) == TICKET_NO_MEMORY;
    if (check_result(ticket_client_count(running.client, TICKET_TODO, &number), COSTS_ONE,
                     TICKET_OK, TICKET_NO_MEMORY) == TICKET_OK)
        check(number == added - 1 || (number == added && failed),
              "ticket_client_count counts the tickets that have a status.");
    else
        failed++;
    if (check_result(ticket_client_shutdown(running.client), COSTS_ONE, TICKET_OK,
                     TICKET_NO_MEMORY) == TICKET_NO_MEMORY) {
        check_result(ticket_client_get(running.client, 1, &ticket),
                     "TICKET_NO_MEMORY from a shutdown: the server goes on.", TICKET_OK);
        failed++;
    }
    return failed;
}

TEST(a_sender_that_cannot_be_cloned_costs_one_request,
     .sentences = {"only this request failed", "an allocation that fails costs at most"},
     .once = true, .hint = "What does sender_clone return when there is no memory?")
{
    enum { CLONES = 16 }; /* more than all that is done here needs, in most designs */

    for (unsigned nth = 1; nth <= CLONES; nth++) {
        struct running running = {NULL, NULL};
        unsigned failed = 1;

        atomic_store(&clones_until_none, nth);
        if (check_result(ticket_server_start(2, &running.server, &running.client), COSTS_ONE,
                         TICKET_OK, TICKET_NO_MEMORY) == TICKET_OK)
            failed = count_without_memory(running);
        check(failed <= (atomic_load(&clones_until_none) == 0), COSTS_ONE);
        atomic_store(&clones_until_none, 0);
        if (running.client != NULL)
            finish(running);
    }
}
