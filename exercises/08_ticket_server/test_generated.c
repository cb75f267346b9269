/* Suite of 08: calls drawn by chance, and what model.h says to them. */
#include <stddef.h>

#include "calls.h"

static const struct kind kinds[] = {KINDS_08};
static const struct setup setups[] = {{.size = 1, .capacity = SIZE_MAX},
                                      {.size = 2, .capacity = SIZE_MAX},
                                      {.size = 3, .capacity = SIZE_MAX}};
static const uint8_t endings[][4] = {
    {COUNT, GET, ADD, NONE}, {ADD, SHUTDOWN, ADD, COUNT}, {SHUTDOWN, JOIN, GET, SHUTDOWN}, {NONE}};

static const struct contract contract = {
    .kinds = kinds,
    .kind_count = KINDS_OF_08,
    .status_names = ticket_results,
    .clone = CLONE,
    .drop_many = DROP_CLIENT,
    .drop_one = JOIN,
    .thread_ends =
        "The server's thread ends by itself when the last client is dropped, whether somebody "
        "joins it or not, and after a shutdown, although there may still be clients.",
    .fill = ADD,
    .most_filled = 1,
    .setups = setups,
    .setup_count = 3,
    .new_setups = 1,
    .endings = endings,
    .ending_count = 4,
    .state_size = offsetof(struct servers, ticket),
    .state_of_a_call = sizeof(((struct servers *)NULL)->ticket[0]),
    .begin = begin_servers,
    .allows = allows_08,
    .may_sleep = may_sleep_08,
    .open = open_08,
    .make = make_08,
    .meet = meet,
    .describe = describe_08,
};

static const struct generated drawn = {GENERATED, &contract, .scenarios = 1000};

TEST(requests_of_several_clients_are_answered_as_in_some_order_of_them,
     .sentences = {"Different clients may be used by different threads"}, .family = &drawn.family,
     .schedules = 6)
{
    together(&drawn);
}

static const struct generated failing = {GENERATED, &contract, .scenarios = 40, .by_chance = true};

TEST(requests_of_several_clients_are_answered_rightly_when_an_allocation_fails,
     .sentences = {"The server survives every bad request"}, .family = &failing.family,
     .allocations_fail = true, .schedules = 20)
{
    together(&failing);
}

static const struct setup sizes[] = {{.size = 1, .capacity = SIZE_MAX},
                                     {.size = 2, .capacity = SIZE_MAX},
                                     {.size = 3, .capacity = SIZE_MAX},
                                     {.size = 8, .capacity = SIZE_MAX}};

static const struct generated sequences = {GENERATED,    &contract,       .scenarios = 40,
                                           .calls = 200, .setups = sizes, .setup_count = 4};

TEST(any_requests_of_one_thread_are_answered_as_the_contract_says,
     .sentences = {"A command or query returns once the server has answered it"},
     .family = &sequences.family, .schedules = 2)
{
    alone(&sequences);
}

static const struct generated long_sequences = {GENERATED,       &contract,      .scenarios = 1,
                                                .calls = 300,    .filled = 1800, .setups = setups,
                                                .setup_count = 3};

TEST(any_requests_to_a_server_with_many_tickets_are_answered_as_the_contract_says,
     .sentences = {"each next one is one higher"}, .family = &long_sequences.family, .once = true)
{
    alone(&long_sequences);
}

static const struct generated short_sequences = {GENERATED,        &contract,       .scenarios = 4,
                                                 .calls = 40,      .filled = 30,    .few = true,
                                                 .setups = setups, .setup_count = 3};

TEST(any_requests_of_one_thread_are_answered_rightly_when_an_allocation_fails,
     .sentences = {"an allocation that fails costs at most the one request that needed it"},
     .family = &short_sequences.family, .allocations_fail = true, .schedules = 2)
{
    alone(&short_sequences);
}
