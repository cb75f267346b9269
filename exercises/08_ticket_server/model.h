/* model.h - the contract of 08 as a program: what each request may be answered, one after the
 * other.
 *
 * The state of a server is its tickets, its clients, and whether it has been shut down. Where two
 * errors apply either is right; an allocation that fails costs the request that was under way, at
 * most. */
#pragma once

#include <limits.h>

#include "scenarios.h"

#include "ticket_server.h"

enum { TICKETS = 2048 };

struct server {
    unsigned clients, tickets, capacity;
    bool is_gone;
};

struct servers {
    struct server server[OBJECTS];
    struct {
        uint8_t text, status;
    } ticket[TICKETS][OBJECTS]; /* that of id i + 1 */
};

enum {
    CLONE,
    ADD,
    SET_STATUS,
    GET,
    COUNT,
    SHUTDOWN,
    DROP_CLIENT,
    JOIN,
    START,
    JOIN_NULL,
    KINDS_OF_08
};

/* Texts that tickets are added with: so many bytes, those of a pattern in turn; -1: NULL. Of these,
 * and of what follows, the first are drawn where there are several threads. */
struct text {
    int title, description;
    const char *pattern;
};
static const struct text texts[] = {
    {1, 1, "a"},          {1, 1, "b"},           {5, 30, "c"},          {50, 500, "d"},
    {49, 499, "ef"},      {1, 1, " "},           {50, 500, "\xc3\xa9"}, {2, 2, "%"},
    {50, 1, "g"},         {1, 500, "h"},         {0, 1, "i"},           {1, 0, "j"},
    {51, 1, "k"},         {1, 501, "l"},         {-1, 1, "m"},          {1, -1, "n"},
    {3, 3, "\xff\x01"},   {7, 9, "\n'\"\\"},     {52, 1, "\xc3\xa9"},   {1, 502, "\xc3\xa9"},
    {10000, 1, "o"},      {1, 10000, "p"},       {257, 1, "q"},         {1, 257 + 255, "r"},
    {65536 + 50, 1, "s"}, {1, 65536 + 500, "t"}, {-1, -1, "u"},         {0, 0, "v"}};
static const uint64_t ids[] = {1,
                               2,
                               1,
                               3,
                               2,
                               0,
                               UINT64_MAX,
                               (UINT64_C(1) << 32) + 1,
                               4,
                               5,
                               8,
                               9,
                               16,
                               17,
                               18,
                               32,
                               33,
                               257,
                               1000,
                               (UINT64_C(1) << 16) + 1,
                               (UINT64_C(1) << 63) + 1};
static const int statuses[] = {
    TICKET_TODO, TICKET_IN_PROGRESS, TICKET_DONE, TICKET_TODO, TICKET_IN_PROGRESS,
    TICKET_DONE, TICKET_DONE + 1,    -1,          256,         65536 + TICKET_DONE,
    INT_MIN};
static const size_t odd_capacities[] = {0, 1, SIZE_MAX, SIZE_MAX / 8 + 1, 255, 256, 1000};

enum {
    TEXTS = sizeof texts / sizeof *texts,
    IDS = sizeof ids / sizeof *ids,
    SOME_STATUSES = sizeof statuses / sizeof *statuses,
    ODD_CAPACITIES = sizeof odd_capacities / sizeof *odd_capacities,
    TEXTS_TOGETHER = 16,
    IDS_TOGETHER = 8,
    STATUSES_TOGETHER = 8,
    ODD_CAPACITIES_TOGETHER = 4
};

UNWATCHED static inline uint64_t id_of(const struct call *call)
{
    return ids[call->kind == GET ? call->argument : call->argument / SOME_STATUSES];
}

UNWATCHED static inline int status_of(const struct call *call)
{
    return statuses[call->argument % SOME_STATUSES];
}

UNWATCHED static inline bool is_text(const struct text *text)
{
    return text->title >= 1 && text->title <= TICKET_TITLE_MAX && text->description >= 1 &&
           text->description <= TICKET_DESCRIPTION_MAX;
}

UNWATCHED static inline bool is_status(int status)
{
    return status >= TICKET_TODO && status <= TICKET_DONE;
}

UNWATCHED static inline void begin_servers(void *state, const struct setup *setups,
                                           unsigned servers)
{
    for (unsigned s = 0; s < servers; s++)
        ((struct servers *)state)->server[s] =
            (struct server){.clients = 1, .capacity = (unsigned)setups[s].size};
}

/* What GET tells of a ticket. */
UNWATCHED static inline long contents(unsigned text, unsigned status)
{
    return (long)(text * 4 + status);
}

UNWATCHED static inline bool knows(const struct server *server, uint64_t id)
{
    return id >= 1 && id <= server->tickets;
}

/* A request that is valid, to a server that is there. */
UNWATCHED static inline bool answers(struct servers *all, const struct call *call)
{
    struct server *server = &all->server[call->object];
    unsigned at = (unsigned)id_of(call) - 1, number = 0;

    switch (call->kind) {
    case ADD:
        all->ticket[server->tickets % TICKETS][call->object].text = call->argument;
        all->ticket[server->tickets % TICKETS][call->object].status = TICKET_TODO;
        server->tickets++;
        return call->value == ANY || call->value == (long)server->tickets;
    case SET_STATUS:
        all->ticket[at][call->object].status = (uint8_t)status_of(call);
        return true;
    case GET:
        return call->value == ANY || call->value == contents(all->ticket[at][call->object].text,
                                                             all->ticket[at][call->object].status);
    case COUNT:
        for (unsigned t = 0; t < server->tickets; t++)
            number += all->ticket[t][call->object].status == status_of(call);
        return call->value == ANY || call->value == (long)number;
    case SHUTDOWN:
        server->is_gone = true;
        return true;
    }
    return false;
}

/* May it take a place in the request channel that nobody has waited for? A client that is dropped
 * may tell the server so. */
UNWATCHED static inline bool leaves_a_request(const struct call *call)
{
    return call->kind == DROP_CLIENT && call->thread;
}

/* Has it been in the request channel since it waits? With as many waiting as there is room for it
 * may wait for room. */
UNWATCHED static inline bool is_queued(const struct server *server, const struct call *call,
                                       const struct history *history)
{
    unsigned waiting = 0;

    for (unsigned i = 0; i < history->n; i++) {
        const struct call *other = &history->calls[i];
        unsigned since = leaves_a_request(other) ? other->began : other->waited;
        waiting +=
            other->kind != JOIN && other->object == call->object && since && since <= call->waited;
    }
    return call->waited && waiting <= server->capacity;
}

/* Was a shutdown queued before the request was made, or else can none have been queued before it?
 * That is known where the server did not go on meanwhile. */
UNWATCHED static inline bool is_behind_shutdown(const struct server *server,
                                                const struct call *call,
                                                const struct history *history)
{
    for (unsigned i = 0; history && i < history->n; i++) {
        const struct call *other = &history->calls[i];
        if (other->kind == SHUTDOWN && other->object == call->object && other->waited &&
            other->status == TICKET_OK && other->waited < call->began &&
            is_queued(server, other, history))
            return true;
    }
    return false;
}

UNWATCHED static inline bool is_before_shutdown(const struct server *server,
                                                const struct call *call,
                                                const struct history *history)
{
    if (!history || !is_queued(server, call, history))
        return false;
    for (unsigned i = 0; i < history->n; i++) {
        const struct call *other = &history->calls[i];
        if (other->kind == SHUTDOWN && other->object == call->object && other != call &&
            other->began < call->waited)
            return false;
    }
    return true;
}

UNWATCHED static inline bool is_valid(const struct call *call)
{
    return call->kind == ADD                                 ? is_text(&texts[call->argument])
           : call->kind == SET_STATUS || call->kind == COUNT ? is_status(status_of(call))
                                                             : true;
}

UNWATCHED static inline bool is_known(const struct server *server, const struct call *call)
{
    return (call->kind != SET_STATUS && call->kind != GET) || knows(server, id_of(call));
}

UNWATCHED static inline bool allows_request(struct servers *all, const struct call *call,
                                            const struct history *history)
{
    const struct server *server = &all->server[call->object];

    switch (call->status) {
    case TICKET_OK:
        return !server->is_gone && !is_behind_shutdown(server, call, history) && is_valid(call) &&
               is_known(server, call) && answers(all, call);
    case TICKET_INVALID:
        return !is_valid(call);
    case TICKET_NOT_FOUND:
        return !is_known(server, call);
    case TICKET_SERVER_GONE:
        return server->is_gone && !is_before_shutdown(server, call, history);
    case TICKET_NO_MEMORY:
        return call->got_no_memory;
    }
    return false;
}

UNWATCHED static inline bool allows_start(size_t capacity, const struct call *call)
{
    return call->status == TICKET_INVALID ? capacity == 0
           : call->status == TICKET_NO_MEMORY
               ? capacity > SIZE_MAX / 32 || call->got_no_memory
               : call->status == TICKET_OK && capacity && capacity < SIZE_MAX / 32;
}

UNWATCHED static inline bool allows_08(void *state, const struct call *call,
                                       const struct history *history)
{
    struct server *server = &((struct servers *)state)->server[call->object];

    switch (call->kind) {
    case CLONE:
        server->clients += call->status == TICKET_OK;
        return call->status == TICKET_OK || call->got_no_memory || server->is_gone;
    case DROP_CLIENT:
        server->clients--;
        return true;
    case JOIN:
        return server->clients == 0 || server->is_gone;
    case JOIN_NULL:
        return true;
    case START:
        return allows_start(odd_capacities[call->argument], call);
    }
    return allows_request(state, call, history);
}

UNWATCHED static inline bool may_sleep_08(const void *state, const struct call *call)
{
    const struct server *server = &((const struct servers *)state)->server[call->object];

    return call->kind == JOIN && server->clients > 0 && !server->is_gone;
}
