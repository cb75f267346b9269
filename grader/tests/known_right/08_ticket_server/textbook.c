/* Known right: one reply channel per client, whose sender is cloned for each request; messages by
 * value; an array of tickets; drop answers what is queued behind a shutdown. */
#include "ticket_server.h"
#include "channel.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { STATUSES = TICKET_DONE + 1 };

enum request_kind { ADD, SET_STATUS, GET, COUNT, SHUTDOWN };

struct request {
    enum request_kind kind;
    struct ticket ticket; /* the fields that belong to the kind */
    struct sender *reply; /* the request's own */
};

struct reply {
    enum ticket_result result;
    uint64_t count;
    struct ticket ticket;
};

struct ticket_client {
    struct sender *requests;
    struct receiver *replies;
    struct sender *reply; /* cloned for each request */
};

struct ticket_server {
    pthread_t thread;

    /* the thread's alone, until it has ended */
    struct receiver *requests;
    struct ticket *tickets;
    size_t length;
    size_t room;
    uint64_t counts[STATUSES];
};

static void answer(struct request *request, const struct reply *reply)
{
    sender_send(request->reply, reply);
    sender_drop(request->reply);
}

static void drop_request(void *request)
{
    answer(request, &(struct reply){.result = TICKET_SERVER_GONE});
}

/* ------------------------------------------------------------------------------- the server */

static bool grow(struct ticket_server *server)
{
    size_t room = server->room == 0 ? 16 : 2 * server->room;
    struct ticket *tickets = realloc(server->tickets, room * sizeof *tickets);

    if (tickets == NULL)
        return false;
    server->tickets = tickets;
    server->room = room;
    return true;
}

static enum ticket_result add(struct ticket_server *server, struct ticket *ticket)
{
    if (server->length == server->room && !grow(server))
        return TICKET_NO_MEMORY;
    ticket->id = server->length + 1;
    ticket->status = TICKET_TODO;
    server->tickets[server->length++] = *ticket;
    server->counts[TICKET_TODO]++;
    return TICKET_OK;
}

static struct ticket *find(struct ticket_server *server, uint64_t id)
{
    return id >= 1 && id <= server->length ? &server->tickets[id - 1] : NULL;
}

static enum ticket_result set_status(struct ticket_server *server, const struct ticket *wanted)
{
    struct ticket *ticket = find(server, wanted->id);

    if (ticket == NULL)
        return TICKET_NOT_FOUND;
    server->counts[ticket->status]--;
    server->counts[wanted->status]++;
    ticket->status = wanted->status;
    return TICKET_OK;
}

static enum ticket_result get(struct ticket_server *server, struct ticket *ticket)
{
    const struct ticket *found = find(server, ticket->id);

    if (found == NULL)
        return TICKET_NOT_FOUND;
    *ticket = *found;
    return TICKET_OK;
}

static enum ticket_result work_on(struct ticket_server *server, const struct request *request,
                                  struct reply *reply)
{
    reply->ticket = request->ticket;
    switch (request->kind) {
    case ADD:
        return add(server, &reply->ticket);
    case SET_STATUS:
        return set_status(server, &request->ticket);
    case GET:
        return get(server, &reply->ticket);
    case COUNT:
        reply->count = server->counts[request->ticket.status];
        return TICKET_OK;
    case SHUTDOWN:
        return TICKET_OK;
    }
    return TICKET_INVALID;
}

static void *serve(void *arg)
{
    struct ticket_server *server = arg;
    struct request request = {.kind = ADD};

    while (request.kind != SHUTDOWN && receiver_recv(server->requests, &request) == CHANNEL_OK) {
        struct reply reply = {.count = 0};

        reply.result = work_on(server, &request, &reply);
        answer(&request, &reply);
    }
    receiver_drop(server->requests); /* answers what is queued behind a shutdown */
    return NULL;
}

/* ------------------------------------------------------------------------------- the clients */

/* requests is the new client's; on failure it stays the caller's. */
static struct ticket_client *connect_client(struct sender *requests)
{
    struct ticket_client *client = malloc(sizeof *client);

    if (client == NULL)
        return NULL;
    if (channel_create_bounded(sizeof(struct reply), 1, NULL, &client->reply, &client->replies) !=
        CHANNEL_OK) {
        free(client);
        return NULL;
    }
    client->requests = requests;
    return client;
}

struct ticket_client *ticket_client_clone(struct ticket_client *client)
{
    struct sender *requests = sender_clone(client->requests);
    struct ticket_client *clone;

    if (requests == NULL)
        return NULL;
    clone = connect_client(requests);
    if (clone == NULL)
        sender_drop(requests);
    return clone;
}

void ticket_client_drop(struct ticket_client *client)
{
    if (client == NULL)
        return;
    sender_drop(client->requests);
    sender_drop(client->reply);
    receiver_drop(client->replies);
    free(client);
}

static enum ticket_result ask(struct ticket_client *client, struct request *request,
                              struct reply *reply)
{
    /* A sender of its own: this client may be dropped while the server is still inside
     * sender_send, its answer already received. */
    request->reply = sender_clone(client->reply);
    if (request->reply == NULL)
        return TICKET_NO_MEMORY;
    if (sender_send(client->requests, request) != CHANNEL_OK) {
        sender_drop(request->reply);
        return TICKET_SERVER_GONE;
    }
    receiver_recv(client->replies, reply);
    return reply->result;
}

static bool fits(const char *text, size_t max)
{
    size_t length = text == NULL ? 0 : strlen(text);

    return length >= 1 && length <= max;
}

static bool is_status(enum ticket_status status)
{
    return status == TICKET_TODO || status == TICKET_IN_PROGRESS || status == TICKET_DONE;
}

enum ticket_result ticket_client_add(struct ticket_client *client, const char *title,
                                     const char *description, uint64_t *id)
{
    struct request request = {.kind = ADD};
    struct reply reply;
    enum ticket_result result;

    if (!fits(title, TICKET_TITLE_MAX) || !fits(description, TICKET_DESCRIPTION_MAX))
        return TICKET_INVALID;
    strcpy(request.ticket.title, title);
    strcpy(request.ticket.description, description);
    result = ask(client, &request, &reply);
    if (result == TICKET_OK)
        *id = reply.ticket.id;
    return result;
}

enum ticket_result ticket_client_set_status(struct ticket_client *client, uint64_t id,
                                            enum ticket_status status)
{
    struct request request = {.kind = SET_STATUS, .ticket = {.id = id, .status = status}};
    struct reply reply;

    return is_status(status) ? ask(client, &request, &reply) : TICKET_INVALID;
}

enum ticket_result ticket_client_get(struct ticket_client *client, uint64_t id,
                                     struct ticket *ticket)
{
    struct request request = {.kind = GET, .ticket = {.id = id}};
    struct reply reply;
    enum ticket_result result = ask(client, &request, &reply);

    if (result == TICKET_OK)
        *ticket = reply.ticket;
    return result;
}

enum ticket_result ticket_client_count(struct ticket_client *client, enum ticket_status status,
                                       uint64_t *count)
{
    struct request request = {.kind = COUNT, .ticket = {.status = status}};
    struct reply reply;
    enum ticket_result result;

    if (!is_status(status))
        return TICKET_INVALID;
    result = ask(client, &request, &reply);
    if (result == TICKET_OK)
        *count = reply.count;
    return result;
}

enum ticket_result ticket_client_shutdown(struct ticket_client *client)
{
    struct request request = {.kind = SHUTDOWN};
    struct reply reply;

    return ask(client, &request, &reply);
}

/* --------------------------------------------------------------------------- start and join */

enum ticket_result ticket_server_start(size_t capacity, struct ticket_server **server,
                                       struct ticket_client **client)
{
    struct ticket_server *new_server;
    struct ticket_client *first;
    struct sender *requests;

    if (capacity == 0)
        return TICKET_INVALID;
    new_server = calloc(1, sizeof *new_server);
    if (new_server == NULL)
        return TICKET_NO_MEMORY;
    if (channel_create_bounded(sizeof(struct request), capacity, drop_request, &requests,
                               &new_server->requests) != CHANNEL_OK)
        goto free_server;
    first = connect_client(requests);
    if (first == NULL)
        goto drop_channel;
    if (pthread_create(&new_server->thread, NULL, serve, new_server) != 0)
        goto drop_client;
    *server = new_server;
    *client = first;
    return TICKET_OK;

drop_client:
    ticket_client_drop(first);
    requests = NULL; /* the client's, and dropped with it */
drop_channel:
    sender_drop(requests);
    receiver_drop(new_server->requests);
free_server:
    free(new_server);
    return TICKET_NO_MEMORY;
}

void ticket_server_join(struct ticket_server *server)
{
    if (server == NULL)
        return;
    pthread_join(server->thread, NULL);
    free(server->tickets);
    free(server);
}
