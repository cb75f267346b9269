/* Known right: a hash table of tickets; requests as a tagged union with a table of functions; a reply
 * channel for each request, which carries the copy of a ticket in memory of its own (dropped with the
 * reply that nobody receives). Titles travel in memory of their own, too. */
#include "channel.h"
#include "ticket_server.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 64 };

enum tag { TAG_ADD, TAG_SET, TAG_GET, TAG_COUNT, TAG_SHUTDOWN, TAGS };

struct request {
    enum tag tag;
    union {
        struct {
            char *title, *description; /* owned */
        } add;
        struct {
            uint64_t id;
            enum ticket_status status;
        } set;
        uint64_t get;
        enum ticket_status count;
    } u;
    struct sender *reply;
};

struct reply {
    enum ticket_result result;
    uint64_t number;
    struct ticket *copy; /* owned, or NULL */
};

struct entry {
    struct entry *next;
    uint64_t id;
    enum ticket_status status;
    char *title, *description;
};

struct ticket_server {
    pthread_t thread;
    struct receiver *requests;
    struct entry *buckets[BUCKETS];
    uint64_t last_id;
    uint64_t per_status[3];
    int over;
};

struct ticket_client {
    struct sender *requests;
};

static void drop_request(void *message)
{
    struct request *request = message;

    if (request->tag == TAG_ADD) {
        free(request->u.add.title);
        free(request->u.add.description);
    }
    sender_drop(request->reply);
}

static void drop_reply(void *message)
{
    free(((struct reply *)message)->copy);
}

static struct entry *lookup(struct ticket_server *s, uint64_t id)
{
    struct entry *e = s->buckets[id % BUCKETS];

    while (e != NULL && e->id != id)
        e = e->next;
    return e;
}

static void do_add(struct ticket_server *s, struct request *request, struct reply *reply)
{
    struct entry *e = malloc(sizeof *e);
    struct entry **bucket;

    if (e == NULL) {
        free(request->u.add.title);
        free(request->u.add.description);
        reply->result = TICKET_NO_MEMORY;
        return;
    }
    e->id = ++s->last_id;
    e->status = TICKET_TODO;
    e->title = request->u.add.title;
    e->description = request->u.add.description;
    bucket = &s->buckets[e->id % BUCKETS];
    e->next = *bucket;
    *bucket = e;
    s->per_status[TICKET_TODO]++;
    reply->number = e->id;
}

static void do_set(struct ticket_server *s, struct request *request, struct reply *reply)
{
    struct entry *e = lookup(s, request->u.set.id);

    if (e == NULL) {
        reply->result = TICKET_NOT_FOUND;
        return;
    }
    s->per_status[e->status]--;
    e->status = request->u.set.status;
    s->per_status[e->status]++;
}

static void do_get(struct ticket_server *s, struct request *request, struct reply *reply)
{
    struct entry *e = lookup(s, request->u.get);

    if (e == NULL) {
        reply->result = TICKET_NOT_FOUND;
        return;
    }
    reply->copy = calloc(1, sizeof *reply->copy);
    if (reply->copy == NULL) {
        reply->result = TICKET_NO_MEMORY;
        return;
    }
    reply->copy->id = e->id;
    reply->copy->status = e->status;
    strcpy(reply->copy->title, e->title);
    strcpy(reply->copy->description, e->description);
}

static void do_count(struct ticket_server *s, struct request *request, struct reply *reply)
{
    reply->number = s->per_status[request->u.count];
}

static void do_shutdown(struct ticket_server *s, struct request *request, struct reply *reply)
{
    (void)request;
    (void)reply;
    s->over = 1;
}

static void free_tickets(struct ticket_server *s)
{
    for (int i = 0; i < BUCKETS; i++)
        while (s->buckets[i] != NULL) {
            struct entry *e = s->buckets[i];

            s->buckets[i] = e->next;
            free(e->title);
            free(e->description);
            free(e);
        }
}

static void *server_thread(void *arg)
{
    static void (*const table[TAGS])(struct ticket_server *, struct request *, struct reply *) = {
        [TAG_ADD] = do_add,     [TAG_SET] = do_set,           [TAG_GET] = do_get,
        [TAG_COUNT] = do_count, [TAG_SHUTDOWN] = do_shutdown,
    };
    struct ticket_server *s = arg;
    struct request request;

    while (!s->over && receiver_recv(s->requests, &request) == CHANNEL_OK) {
        struct reply reply = {TICKET_OK, 0, NULL};

        table[request.tag](s, &request, &reply);
        if (sender_send(request.reply, &reply) != CHANNEL_OK)
            drop_reply(&reply);
        sender_drop(request.reply);
    }
    receiver_drop(s->requests);
    free_tickets(s);
    return NULL;
}

enum ticket_result ticket_server_start(size_t capacity, struct ticket_server **server,
                                       struct ticket_client **client)
{
    struct ticket_server *s = NULL;
    struct ticket_client *c = NULL;

    if (capacity == 0)
        return TICKET_INVALID;
    if ((s = calloc(1, sizeof *s)) == NULL || (c = malloc(sizeof *c)) == NULL)
        goto no_channel;
    if (channel_create_bounded(sizeof(struct request), capacity, drop_request, &c->requests,
                               &s->requests) != CHANNEL_OK)
        goto no_channel;
    if (pthread_create(&s->thread, NULL, server_thread, s) != 0)
        goto no_thread;
    *server = s;
    *client = c;
    return TICKET_OK;

no_thread:
    receiver_drop(s->requests);
    sender_drop(c->requests);
no_channel:
    free(c);
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
    struct ticket_client *other = malloc(sizeof *other);

    if (other == NULL)
        return NULL;
    other->requests = sender_clone(client->requests);
    if (other->requests == NULL) {
        free(other);
        return NULL;
    }
    return other;
}

void ticket_client_drop(struct ticket_client *client)
{
    sender_drop(client->requests);
    free(client);
}

/* Owns the request: it is handed over or dropped. */
static enum ticket_result ask(struct ticket_client *client, struct request *request,
                              struct reply *reply)
{
    struct receiver *replies;

    *reply = (struct reply){TICKET_SERVER_GONE, 0, NULL};
    if (channel_create_bounded(sizeof *reply, 1, drop_reply, &request->reply, &replies) !=
        CHANNEL_OK) {
        request->reply = NULL;
        drop_request(request);
        return TICKET_NO_MEMORY;
    }
    if (sender_send(client->requests, request) == CHANNEL_OK)
        receiver_recv(replies, reply);
    else
        drop_request(request);
    receiver_drop(replies);
    return reply->result;
}

enum ticket_result ticket_client_add(struct ticket_client *client, const char *title,
                                     const char *description, uint64_t *id)
{
    struct request request = {.tag = TAG_ADD};
    struct reply reply;
    enum ticket_result result;

    if (title == NULL || description == NULL)
        return TICKET_INVALID;
    if (strlen(title) - 1 >= TICKET_TITLE_MAX || strlen(description) - 1 >= TICKET_DESCRIPTION_MAX)
        return TICKET_INVALID;
    request.u.add.title = strdup(title);
    request.u.add.description = strdup(description);
    if (request.u.add.title == NULL || request.u.add.description == NULL) {
        drop_request(&request);
        return TICKET_NO_MEMORY;
    }
    result = ask(client, &request, &reply);
    if (result == TICKET_OK)
        *id = reply.number;
    return result;
}

enum ticket_result ticket_client_set_status(struct ticket_client *client, uint64_t id,
                                            enum ticket_status status)
{
    struct request request = {.tag = TAG_SET, .u.set = {id, status}};
    struct reply reply;

    if (status != TICKET_TODO && status != TICKET_IN_PROGRESS && status != TICKET_DONE)
        return TICKET_INVALID;
    return ask(client, &request, &reply);
}

enum ticket_result ticket_client_get(struct ticket_client *client, uint64_t id,
                                     struct ticket *ticket)
{
    struct request request = {.tag = TAG_GET, .u.get = id};
    struct reply reply;
    enum ticket_result result = ask(client, &request, &reply);

    if (result == TICKET_OK)
        *ticket = *reply.copy;
    drop_reply(&reply);
    return result;
}

enum ticket_result ticket_client_count(struct ticket_client *client, enum ticket_status status,
                                       uint64_t *count)
{
    struct request request = {.tag = TAG_COUNT, .u.count = status};
    struct reply reply;
    enum ticket_result result;

    if (status != TICKET_TODO && status != TICKET_IN_PROGRESS && status != TICKET_DONE)
        return TICKET_INVALID;
    result = ask(client, &request, &reply);
    if (result == TICKET_OK)
        *count = reply.number;
    return result;
}

enum ticket_result ticket_client_shutdown(struct ticket_client *client)
{
    struct request request = {.tag = TAG_SHUTDOWN};
    struct reply reply;

    return ask(client, &request, &reply);
}
