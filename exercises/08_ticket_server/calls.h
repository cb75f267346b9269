/* calls.h - how the calls of model.h are made, and what ticket_server.h says of each result. */
#pragma once

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "suite.h"

#include "model.h"

static const char *const ticket_results[] = {"TICKET_OK",        "TICKET_INVALID",
                                             "TICKET_NOT_FOUND", "TICKET_SERVER_GONE",
                                             "TICKET_NO_MEMORY", NULL};

#define IS_GONE "TICKET_SERVER_GONE: the server has been shut down; what was asked is not done."
#define COSTS_ONE "TICKET_NO_MEMORY: only this request failed; the server goes on."
#define BAD_STATUS "TICKET_INVALID: status is none of enum ticket_status."
#define UNKNOWN "TICKET_NOT_FOUND: no ticket has that id."
#define ANSWERED                                                                                   \
    "A command or query returns once the server has answered it. No client is left waiting."

#define KINDS_08                                                                                   \
    [CLONE] = {.name = "ticket_client_clone",                                                      \
               .does = ADDS,                                                                       \
               .often = 2,                                                                         \
               .rules = {[TICKET_OK] = "Returns one more client of the same server.",              \
                         [TICKET_NO_MEMORY] = "NULL when out of memory."}},                        \
    [ADD] = {.name = "ticket_client_add",                                                          \
             .often = 8,                                                                           \
             .arguments = TEXTS_TOGETHER,                                                          \
             .arguments_alone = TEXTS,                                                             \
             .sleeps = ANSWERED,                                                                   \
             .releases = {NONE, NONE},                                                             \
             .rules = {[TICKET_OK] = "TICKET_OK: *id is the new ticket's. The first ticket's id "  \
                                     "is 1, each next one is one higher.",                         \
                       [TICKET_INVALID] = "TICKET_INVALID: title or description is NULL, empty "   \
                                          "or longer.",                                            \
                       [TICKET_SERVER_GONE] = IS_GONE,                                             \
                       [TICKET_NO_MEMORY] = COSTS_ONE}},                                           \
    [SET_STATUS] = {.name = "ticket_client_set_status",                                            \
                    .often = 6,                                                                    \
                    .arguments = IDS_TOGETHER * SOME_STATUSES,                                     \
                    .arguments_alone = IDS * SOME_STATUSES,                                        \
                    .sleeps = ANSWERED,                                                            \
                    .releases = {NONE, NONE},                                                      \
                    .rules = {[TICKET_OK] = "TICKET_OK: from now on the ticket has that status.",  \
                              [TICKET_INVALID] = BAD_STATUS,                                       \
                              [TICKET_NOT_FOUND] = UNKNOWN,                                        \
                              [TICKET_SERVER_GONE] = IS_GONE,                                      \
                              [TICKET_NO_MEMORY] = COSTS_ONE}},                                    \
    [GET] = {.name = "ticket_client_get",                                                          \
             .often = 6,                                                                           \
             .arguments = IDS_TOGETHER,                                                            \
             .arguments_alone = IDS,                                                               \
             .sleeps = ANSWERED,                                                                   \
             .releases = {NONE, NONE},                                                             \
             .rules = {[TICKET_OK] = "TICKET_OK: *ticket is a copy. A command that has returned "  \
                                     "is seen by every later query of any client.",                \
                       [TICKET_NOT_FOUND] = UNKNOWN,                                               \
                       [TICKET_SERVER_GONE] = IS_GONE,                                             \
                       [TICKET_NO_MEMORY] = COSTS_ONE}},                                           \
    [COUNT] = {.name = "ticket_client_count",                                                      \
               .often = 6,                                                                         \
               .arguments = STATUSES_TOGETHER,                                                     \
               .arguments_alone = SOME_STATUSES,                                                   \
               .sleeps = ANSWERED,                                                                 \
               .releases = {NONE, NONE},                                                           \
               .rules = {[TICKET_OK] = "TICKET_OK: *count is their number, perhaps 0.",            \
                         [TICKET_INVALID] = BAD_STATUS,                                            \
                         [TICKET_SERVER_GONE] = IS_GONE,                                           \
                         [TICKET_NO_MEMORY] = COSTS_ONE}},                                         \
    [SHUTDOWN] = {.name = "ticket_client_shutdown",                                                \
                  .does = ENDS_ALL,                                                                \
                  .often = 4,                                                                      \
                  .sleeps = ANSWERED,                                                              \
                  .releases = {NONE, NONE},                                                        \
                  .rules = {[TICKET_OK] = "TICKET_OK: the server has taken it. Requests queued "   \
                                          "before it are answered as ever.",                       \
                            [TICKET_SERVER_GONE] = "TICKET_SERVER_GONE: somebody else's shutdown " \
                                                   "came first.",                                  \
                            [TICKET_NO_MEMORY] = "TICKET_NO_MEMORY: the server goes on."}},        \
    [DROP_CLIENT] = {.name = "ticket_client_drop",                                                 \
                     .does = DROPS,                                                                \
                     .often = 3,                                                                   \
                     .rules = {[TICKET_OK] = "Ends a client."}},                                   \
    [JOIN] = {.name = "ticket_server_join",                                                        \
              .needs = THE_ONE,                                                                    \
              .does = DROPS,                                                                       \
              .often = 1,                                                                          \
              .releases = {SHUTDOWN, DROP_CLIENT},                                                 \
              .rules = {[TICKET_OK] = "Sleeps until the server's thread has ended."},              \
              .sleeps = "The server's thread ends by itself when the last client is dropped, "     \
                        "whether somebody joins it or not, and after a shutdown, although there "  \
                        "may still be clients."},                                                  \
    [JOIN_NULL] = {.name = "ticket_server_join",                                                   \
                   .needs = NOTHING,                                                               \
                   .often = 1,                                                                     \
                   .rules = {[TICKET_OK] = "NULL is a no-op."}},                                   \
    [START] = {.name = "ticket_server_start",                                                      \
               .needs = NOTHING,                                                                   \
               .often = 1,                                                                         \
               .arguments = ODD_CAPACITIES_TOGETHER,                                               \
               .arguments_alone = ODD_CAPACITIES,                                                  \
               .rules = {[TICKET_OK] = "TICKET_OK: *server and *client are set.",                  \
                         [TICKET_INVALID] = "TICKET_INVALID: capacity is 0.",                      \
                         [TICKET_NO_MEMORY] = "TICKET_NO_MEMORY: out of memory, or the thread "    \
                                              "cannot be started. Nothing is left behind."}}

UNWATCHED static char byte_of(const char *pattern, int at)
{
    return pattern[at % (int)strlen(pattern)];
}

/* A text of so many bytes, in a block that is no longer; NULL: -1. */
UNWATCHED static char *new_text(int length, const char *pattern)
{
    char *text = length < 0 ? NULL : allocate((size_t)length + 1);

    if (!text)
        return NULL;
    for (int i = 0; i < length; i++)
        text[i] = byte_of(pattern, i);
    text[length] = '\0';
    return text;
}

static struct answer add(const struct call *call, void *client)
{
    const struct text *text = &texts[call->argument];
    char *title = new_text(text->title, text->pattern);
    char *description = new_text(text->description, text->pattern);
    uint64_t id = 77;
    enum ticket_result result = ticket_client_add(client, title, description, &id);

    free(title); /* they are copied */
    free(description);
    check(result == TICKET_OK || id == 77, "Out-parameters are written on TICKET_OK only.");
    return (struct answer){.status = (int)result, .value = (long)id};
}

UNWATCHED static bool has_text(const char *actual, int length, const char *pattern)
{
    for (int i = 0; i < length; i++)
        if (actual[i] != byte_of(pattern, i))
            return false;
    return actual[length] == '\0';
}

/* Which of the texts a ticket has; none: -1. */
UNWATCHED static long text_of(const struct ticket *ticket)
{
    for (int t = 0; t < TEXTS; t++)
        if (is_text(&texts[t]) && has_text(ticket->title, texts[t].title, texts[t].pattern) &&
            has_text(ticket->description, texts[t].description, texts[t].pattern))
            return t;
    return -1;
}

static struct answer get(const struct call *call, void *client)
{
    struct ticket ticket = {.id = 77};
    enum ticket_result result = ticket_client_get(client, id_of(call), &ticket);

    if (result != TICKET_OK) {
        check(ticket.id == 77, "Out-parameters are written on TICKET_OK only.");
        return (struct answer){.status = (int)result};
    }
    check_equal(ticket.id, id_of(call),
                "ticket_client_get copies out the ticket that was asked for.");
    check(text_of(&ticket) >= 0, "A ticket has the title and the description it was added with.");
    return (struct answer){.status = (int)result,
                           .value = contents((unsigned)text_of(&ticket), (unsigned)ticket.status)};
}

static struct answer count(const struct call *call, void *client)
{
    uint64_t number = 77777;
    enum ticket_result result =
        ticket_client_count(client, (enum ticket_status)status_of(call), &number);

    check(result == TICKET_OK || number == 77777, "Out-parameters are written on TICKET_OK only.");
    return (struct answer){.status = (int)result, .value = (long)number};
}

static struct answer start(const struct call *call)
{
    static int nowhere;
    struct ticket_server *server = (void *)&nowhere;
    struct ticket_client *client = (void *)&nowhere;
    enum ticket_result result =
        ticket_server_start(odd_capacities[call->argument], &server, &client);

    if (result == TICKET_OK) {
        ticket_client_drop(client);
        ticket_server_join(server);
    } else {
        check((void *)server == &nowhere && (void *)client == &nowhere,
              "Out-parameters are written on TICKET_OK only.");
    }
    return (struct answer){.status = (int)result};
}

static struct answer make_08(const struct call *call, void *handle, void *const ones[])
{
    struct ticket_client *clone;
    enum ticket_result result = TICKET_OK;

    (void)ones;
    switch (call->kind) {
    case CLONE:
        clone = ticket_client_clone(handle);
        return (struct answer){.status = clone ? TICKET_OK : TICKET_NO_MEMORY, .handle = clone};
    case ADD:
        return add(call, handle);
    case SET_STATUS:
        result = ticket_client_set_status(handle, id_of(call), (enum ticket_status)status_of(call));
        break;
    case GET:
        return get(call, handle);
    case COUNT:
        return count(call, handle);
    case SHUTDOWN:
        result = ticket_client_shutdown(handle);
        break;
    case DROP_CLIENT:
        ticket_client_drop(handle);
        break;
    case JOIN:
        ticket_server_join(handle);
        break;
    case JOIN_NULL:
        ticket_server_join(NULL);
        break;
    case START:
        return start(call);
    }
    return (struct answer){.status = (int)result};
}

static bool open_08(unsigned object, const struct setup *setup, void **many, void **one)
{
    struct ticket_server *server = NULL;
    struct ticket_client *client = NULL;
    enum ticket_result result = ticket_server_start(setup->size, &server, &client);

    (void)object;
    check_enum(result, ticket_results, "A server is started, or there is no memory for it.",
               TICKET_OK, TICKET_NO_MEMORY);
    *many = client;
    *one = server;
    return result == TICKET_OK;
}

/* What was done before is known to whoever comes here later. */
static void meet(void)
{
    static atomic_uint moment; /* as the table of a failure counts them */

    atomic_fetch_add_explicit(&moment, 1, memory_order_acq_rel);
}

enum { WORDS = 24 };

/* A text as it is told: what it repeats, and how long it is. */
static const char *in_words(int length, const char *pattern, char words[WORDS])
{
    if (length < 0)
        return "NULL";
    if (pattern[0] >= ' ' && pattern[0] <= '~')
        snprintf(words, WORDS, "'%.2s' x %d", pattern, length);
    else
        snprintf(words, WORDS, "'\\x%02x' x %d", (unsigned char)pattern[0], length);
    return words;
}

static void describe_08(const struct call *call, char *arguments, char *answer, size_t size)
{
    const struct text *text = &texts[call->argument % TEXTS];
    char title[WORDS], description[WORDS];
    const char *result = call->status >= 0 && call->status <= TICKET_NO_MEMORY
                             ? ticket_results[call->status]
                             : "no value of the enum";

    if (call->kind == ADD)
        snprintf(arguments, size, "%s, %s", in_words(text->title, text->pattern, title),
                 in_words(text->description, text->pattern, description));
    else if (call->kind == SET_STATUS)
        snprintf(arguments, size, "%llu, %d", (unsigned long long)id_of(call), status_of(call));
    else if (call->kind == GET)
        snprintf(arguments, size, "%llu", (unsigned long long)id_of(call));
    else if (call->kind == COUNT)
        snprintf(arguments, size, "%d", status_of(call));
    else if (call->kind == START)
        snprintf(arguments, size, "%zu", odd_capacities[call->argument]);
    if (call->kind == JOIN_NULL)
        snprintf(arguments, size, "NULL");
    if (call->kind == DROP_CLIENT || call->kind == JOIN || call->kind == JOIN_NULL)
        return;
    if (call->kind == GET && call->status == TICKET_OK)
        snprintf(answer, size, "%s, title %s, status %ld", result,
                 in_words(texts[call->value / 4].title, texts[call->value / 4].pattern, title),
                 call->value % 4);
    else if ((call->kind == ADD || call->kind == COUNT) && call->status == TICKET_OK)
        snprintf(answer, size, "%s, %ld", result, call->value);
    else
        snprintf(answer, size, "%s", call->kind == CLONE && call->status ? "NULL" : result);
}
