/* Known right: the server knows its clients. Each connects with a request that hands over the only
 * sender of its reply channel, and leaves with another; in between a request names its client by a
 * number. When the server goes it drops all these senders, and a client whose reply channel is closed
 * knows that the server has gone. */
#include "ticket_server.h"
#include "channel.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum kind { CONNECT, LEAVE, ADD, SET, GET, COUNT, SHUTDOWN };

struct message {
    enum kind kind;
    size_t client;
    struct sender *reply; /* of CONNECT only */
    uint64_t number;
    enum ticket_status status;
    char text[TICKET_TITLE_MAX + 1 + TICKET_DESCRIPTION_MAX + 1]; /* title NUL description NUL */
};

struct reply {
    enum ticket_result result;
    uint64_t number;
    struct ticket ticket;
};

struct ticket_server {
    pthread_t thread;
    struct receiver *messages;
    struct sender **clients; /* NULL: a free place */
    size_t clients_n;
    struct ticket *tickets;
    uint64_t n, room;
};

struct ticket_client {
    size_t number;
    struct sender *messages;
    struct receiver *replies;
};

static void drop_message(void *p)
{
    struct message *message = p;

    if (message->kind == CONNECT)
        sender_drop(message->reply);
}

/* A place for a client's sender, or clients_n when there is no memory for one. */
static size_t find_place(struct ticket_server *s)
{
    size_t place = 0;
    struct sender **more;

    while (place < s->clients_n && s->clients[place] != NULL)
        place++;
    if (place < s->clients_n)
        return place;
    more = realloc(s->clients, (2 * s->clients_n + 2) * sizeof *more);
    if (more == NULL)
        return s->clients_n;
    s->clients = more;
    for (size_t i = s->clients_n; i < 2 * s->clients_n + 2; i++)
        more[i] = NULL;
    s->clients_n = 2 * s->clients_n + 2;
    return place;
}

static void on_connect(struct ticket_server *s, const struct message *m)
{
    size_t place = find_place(s);
    struct reply reply = {TICKET_OK, place, {0}};

    if (place == s->clients_n) {
        reply.result = TICKET_NO_MEMORY;
        sender_send(m->reply, &reply);
        sender_drop(m->reply);
    } else {
        s->clients[place] = m->reply;
        sender_send(m->reply, &reply);
    }
}

static void on_add(struct ticket_server *s, const struct message *m, struct reply *reply)
{
    struct ticket *ticket;

    if (s->n == s->room) {
        ticket = realloc(s->tickets, (s->room + 10) * sizeof *ticket);
        if (ticket == NULL) {
            reply->result = TICKET_NO_MEMORY;
            return;
        }
        s->tickets = ticket;
        s->room += 10;
    }
    ticket = &s->tickets[s->n++];
    memset(ticket, 0, sizeof *ticket);
    ticket->id = reply->number = s->n;
    strcpy(ticket->title, m->text);
    strcpy(ticket->description, m->text + strlen(m->text) + 1);
}

static void on_request(struct ticket_server *s, const struct message *m)
{
    struct reply reply = {TICKET_OK, 0, {0}};

    if (m->kind == ADD) {
        on_add(s, m, &reply);
    } else if (m->kind == COUNT) {
        for (uint64_t i = 0; i < s->n; i++)
            reply.number += s->tickets[i].status == m->status;
    } else if (m->kind == SET || m->kind == GET) {
        if (m->number - 1 >= s->n)
            reply.result = TICKET_NOT_FOUND;
        else if (m->kind == SET)
            s->tickets[m->number - 1].status = m->status;
        else
            reply.ticket = s->tickets[m->number - 1];
    }
    sender_send(s->clients[m->client], &reply);
}

static void *serve(void *arg)
{
    struct ticket_server *s = arg;
    struct message m;

    do {
        if (receiver_recv(s->messages, &m) != CHANNEL_OK)
            break;
        if (m.kind == CONNECT) {
            on_connect(s, &m);
        } else if (m.kind == LEAVE) {
            sender_drop(s->clients[m.client]);
            s->clients[m.client] = NULL;
        } else {
            on_request(s, &m);
        }
    } while (m.kind != SHUTDOWN);
    receiver_drop(s->messages);
    for (size_t i = 0; i < s->clients_n; i++)
        sender_drop(s->clients[i]);
    return NULL;
}

static enum ticket_result ask(struct ticket_client *client, struct message *m, struct reply *reply)
{
    m->client = client->number;
    if (sender_send(client->messages, m) != CHANNEL_OK ||
        receiver_recv(client->replies, reply) != CHANNEL_OK)
        return TICKET_SERVER_GONE;
    return reply->result;
}

/* Takes over the sender, on failure too. */
static struct ticket_client *connect_through(struct sender *messages)
{
    struct ticket_client *client = malloc(sizeof *client);
    struct message m = {.kind = CONNECT};
    struct reply reply;

    if (client == NULL)
        goto failed;
    client->messages = messages;
    if (channel_create_bounded(sizeof reply, 1, NULL, &m.reply, &client->replies) != CHANNEL_OK)
        goto failed;
    if (sender_send(messages, &m) != CHANNEL_OK)
        sender_drop(m.reply);
    if (receiver_recv(client->replies, &reply) == CHANNEL_OK && reply.result == TICKET_OK) {
        client->number = (size_t)reply.number;
        return client;
    }
    receiver_drop(client->replies);
failed:
    free(client);
    sender_drop(messages);
    return NULL;
}

enum ticket_result ticket_server_start(size_t capacity, struct ticket_server **server,
                                       struct ticket_client **client)
{
    struct ticket_server *s;
    struct ticket_client *c;
    struct sender *messages;

    if (capacity < 1)
        return TICKET_INVALID;
    s = calloc(1, sizeof *s);
    if (s == NULL)
        return TICKET_NO_MEMORY;
    if (channel_create_bounded(sizeof(struct message), capacity, drop_message, &messages,
                               &s->messages) != CHANNEL_OK) {
        free(s);
        return TICKET_NO_MEMORY;
    }
    if (pthread_create(&s->thread, NULL, serve, s) != 0) {
        sender_drop(messages);
        receiver_drop(s->messages);
        free(s);
        return TICKET_NO_MEMORY;
    }
    c = connect_through(messages);
    if (c == NULL) {
        ticket_server_join(s); /* its last sender is gone */
        return TICKET_NO_MEMORY;
    }
    *server = s;
    *client = c;
    return TICKET_OK;
}

void ticket_server_join(struct ticket_server *s)
{
    if (s != NULL) {
        pthread_join(s->thread, NULL);
        free(s->clients);
        free(s->tickets);
        free(s);
    }
}

struct ticket_client *ticket_client_clone(struct ticket_client *client)
{
    struct sender *messages = sender_clone(client->messages);

    return messages != NULL ? connect_through(messages) : NULL;
}

void ticket_client_drop(struct ticket_client *client)
{
    struct message m = {.kind = LEAVE, .client = client->number};

    sender_send(client->messages, &m);
    sender_drop(client->messages);
    receiver_drop(client->replies);
    free(client);
}

enum ticket_result ticket_client_add(struct ticket_client *client, const char *title,
                                     const char *description, uint64_t *id)
{
    struct message m = {.kind = ADD};
    size_t title_n = title ? strlen(title) : 0,
           description_n = description ? strlen(description) : 0;
    struct reply reply;
    enum ticket_result result;

    if (title_n == 0 || title_n > TICKET_TITLE_MAX || description_n == 0 ||
        description_n > TICKET_DESCRIPTION_MAX)
        return TICKET_INVALID;
    memcpy(m.text, title, title_n);
    memcpy(m.text + title_n + 1, description, description_n);
    result = ask(client, &m, &reply);
    if (result == TICKET_OK)
        *id = reply.number;
    return result;
}

enum ticket_result ticket_client_set_status(struct ticket_client *client, uint64_t id,
                                            enum ticket_status status)
{
    struct message m = {.kind = SET, .number = id, .status = status};
    struct reply reply;

    switch (status) {
    case TICKET_TODO:
    case TICKET_IN_PROGRESS:
    case TICKET_DONE:
        return ask(client, &m, &reply);
    }
    return TICKET_INVALID;
}

enum ticket_result ticket_client_get(struct ticket_client *client, uint64_t id,
                                     struct ticket *ticket)
{
    struct message m = {.kind = GET, .number = id};
    struct reply reply;
    enum ticket_result result = ask(client, &m, &reply);

    if (result == TICKET_OK)
        *ticket = reply.ticket;
    return result;
}

enum ticket_result ticket_client_count(struct ticket_client *client, enum ticket_status status,
                                       uint64_t *count)
{
    struct message m = {.kind = COUNT, .status = status};
    struct reply reply;
    enum ticket_result result = TICKET_INVALID;

    switch (status) {
    case TICKET_TODO:
    case TICKET_IN_PROGRESS:
    case TICKET_DONE:
        result = ask(client, &m, &reply);
        break;
    }
    if (result == TICKET_OK)
        *count = reply.number;
    return result;
}

enum ticket_result ticket_client_shutdown(struct ticket_client *client)
{
    struct message m = {.kind = SHUTDOWN};
    struct reply reply;

    return ask(client, &m, &reply);
}
