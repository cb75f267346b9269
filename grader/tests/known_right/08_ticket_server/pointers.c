/* Known right: a message is a pointer to the request on the stack of the client that waits for it, and
 * the server fills in the answer there. What comes back through the reply channel is one byte that
 * says "look". The client checks nothing: the server does, and survives what it finds. */
#include "ticket_server.h"
#include "channel.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct call {
    void (*work)(struct ticket_server *, struct call *);
    struct sender *done;
    enum ticket_result result;
    const char *title, *description;
    uint64_t id, count;
    int status;
    struct ticket ticket;
};

struct ticket_server {
    struct receiver *calls;
    pthread_t thread;
    struct ticket **tickets;
    uint64_t n;
    int stopped;
};

struct ticket_client {
    struct sender *calls;
    struct sender *done_tx;
    struct receiver *done_rx;
};

/* The call is the client's again as soon as the byte is sent: nothing of it is used after. */
static void finish_call(struct call *call, enum ticket_result result)
{
    struct sender *done = call->done;
    char look = 1;

    call->result = result;
    sender_send(done, &look);
    sender_drop(done);
}

static void drop_call(void *message)
{
    finish_call(*(struct call **)message, TICKET_SERVER_GONE);
}

static int bad_text(const char *text, size_t max)
{
    return text == NULL || *text == '\0' || strlen(text) > max;
}

static void work_add(struct ticket_server *server, struct call *call)
{
    struct ticket **more, *ticket;

    if (bad_text(call->title, TICKET_TITLE_MAX) ||
        bad_text(call->description, TICKET_DESCRIPTION_MAX)) {
        finish_call(call, TICKET_INVALID);
        return;
    }
    more = realloc(server->tickets, (server->n + 1) * sizeof *more);
    if (more != NULL)
        server->tickets = more;
    ticket = malloc(sizeof *ticket);
    if (more == NULL || ticket == NULL) {
        free(ticket);
        finish_call(call, TICKET_NO_MEMORY);
        return;
    }
    strcpy(ticket->title, call->title);
    strcpy(ticket->description, call->description);
    ticket->status = TICKET_TODO;
    server->tickets[server->n] = ticket;
    ticket->id = call->id = ++server->n;
    finish_call(call, TICKET_OK);
}

static void work_set_status(struct ticket_server *server, struct call *call)
{
    if (call->id == 0 || call->id > server->n) {
        finish_call(call, TICKET_NOT_FOUND);
    } else if (call->status < TICKET_TODO || call->status > TICKET_DONE) {
        finish_call(call, TICKET_INVALID);
    } else {
        server->tickets[call->id - 1]->status = (enum ticket_status)call->status;
        finish_call(call, TICKET_OK);
    }
}

static void work_get(struct ticket_server *server, struct call *call)
{
    if (call->id == 0 || call->id > server->n) {
        finish_call(call, TICKET_NOT_FOUND);
        return;
    }
    call->ticket = *server->tickets[call->id - 1];
    finish_call(call, TICKET_OK);
}

static void work_count(struct ticket_server *server, struct call *call)
{
    if (call->status < TICKET_TODO || call->status > TICKET_DONE) {
        finish_call(call, TICKET_INVALID);
        return;
    }
    for (uint64_t i = 0; i < server->n; i++)
        if ((int)server->tickets[i]->status == call->status)
            call->count++;
    finish_call(call, TICKET_OK);
}

static void work_shutdown(struct ticket_server *server, struct call *call)
{
    server->stopped = 1;
    finish_call(call, TICKET_OK);
}

static void *run(void *arg)
{
    struct ticket_server *server = arg;
    struct call *call;

    while (!server->stopped && receiver_recv(server->calls, &call) == CHANNEL_OK)
        call->work(server, call);
    receiver_drop(server->calls);
    while (server->n > 0)
        free(server->tickets[--server->n]);
    free(server->tickets);
    return NULL;
}

static struct ticket_client *new_client(struct sender *calls)
{
    struct ticket_client *client = malloc(sizeof *client);

    if (client != NULL) {
        client->calls = calls;
        if (channel_create_bounded(1, 1, NULL, &client->done_tx, &client->done_rx) == CHANNEL_OK)
            return client;
    }
    free(client);
    sender_drop(calls);
    return NULL;
}

enum ticket_result ticket_server_start(size_t capacity, struct ticket_server **server,
                                       struct ticket_client **client)
{
    struct ticket_server *s = calloc(1, sizeof *s);
    struct ticket_client *c;
    struct sender *calls;

    switch (s == NULL ? CHANNEL_NO_MEMORY
                      : channel_create_bounded(sizeof(struct call *), capacity, drop_call, &calls,
                                               &s->calls)) {
    case CHANNEL_OK:
        break;
    case CHANNEL_INVALID:
        free(s);
        return TICKET_INVALID;
    default:
        free(s);
        return TICKET_NO_MEMORY;
    }
    c = new_client(calls);
    if (c != NULL && pthread_create(&s->thread, NULL, run, s) == 0) {
        *server = s;
        *client = c;
        return TICKET_OK;
    }
    if (c != NULL)
        ticket_client_drop(c);
    receiver_drop(s->calls);
    free(s);
    return TICKET_NO_MEMORY;
}

void ticket_server_join(struct ticket_server *server)
{
    if (server == NULL)
        return;
    pthread_join(server->thread, NULL);
    free(server);
}

struct ticket_client *ticket_client_clone(struct ticket_client *client)
{
    struct sender *calls = sender_clone(client->calls);

    return calls == NULL ? NULL : new_client(calls);
}

void ticket_client_drop(struct ticket_client *client)
{
    receiver_drop(client->done_rx);
    sender_drop(client->done_tx);
    sender_drop(client->calls);
    free(client);
}

static enum ticket_result make(struct ticket_client *client, struct call *call)
{
    struct call *message = call;
    char look;

    call->done = sender_clone(client->done_tx);
    if (call->done == NULL)
        return TICKET_NO_MEMORY;
    if (sender_send(client->calls, &message) != CHANNEL_OK) {
        sender_drop(call->done);
        return TICKET_SERVER_GONE;
    }
    receiver_recv(client->done_rx, &look);
    return call->result;
}

enum ticket_result ticket_client_add(struct ticket_client *client, const char *title,
                                     const char *description, uint64_t *id)
{
    struct call call = {.work = work_add, .title = title, .description = description};
    enum ticket_result result = make(client, &call);

    if (result == TICKET_OK)
        *id = call.id;
    return result;
}

enum ticket_result ticket_client_set_status(struct ticket_client *client, uint64_t id,
                                            enum ticket_status status)
{
    struct call call = {.work = work_set_status, .id = id, .status = (int)status};

    return make(client, &call);
}

enum ticket_result ticket_client_get(struct ticket_client *client, uint64_t id,
                                     struct ticket *ticket)
{
    struct call call = {.work = work_get, .id = id};
    enum ticket_result result = make(client, &call);

    if (result == TICKET_OK)
        memcpy(ticket, &call.ticket, sizeof *ticket);
    return result;
}

enum ticket_result ticket_client_count(struct ticket_client *client, enum ticket_status status,
                                       uint64_t *count)
{
    struct call call = {.work = work_count, .status = (int)status};
    enum ticket_result result = make(client, &call);

    if (result == TICKET_OK)
        *count = call.count;
    return result;
}

enum ticket_result ticket_client_shutdown(struct ticket_client *client)
{
    struct call call = {.work = work_shutdown};

    return make(client, &call);
}
