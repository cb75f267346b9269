/* The answer is left in the client's handle, under its mutex. */
#include "ticket_server.h"

#include "channel.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct tickets {
    struct ticket *all;
    size_t n, room;
    int stop;
};

struct call {
    enum ticket_result (*run)(struct tickets *tickets, struct call *call);
    const char *title, *description;
    uint64_t id;
    enum ticket_status status;
    struct ticket *ticket;
    uint64_t count;
};

/* Travels in the request channel; dropped: the answer is TICKET_SERVER_GONE. */
struct request {
    struct call *call;
    struct ticket_client *client;
};

struct ticket_server {
    pthread_t thread;
    struct receiver *requests;
};

struct ticket_client {
    struct sender *requests;
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    int answered;
    enum ticket_result result;
};

static void answer(struct request *r, enum ticket_result result)
{
    struct ticket_client *c = r->client;
    pthread_mutex_lock(&c->mutex);
    c->result = result;
    c->answered = 1;
    pthread_cond_signal(&c->cond);
    pthread_mutex_unlock(&c->mutex);
}

static void refuse(void *message)
{
    answer(message, TICKET_SERVER_GONE);
}

static struct ticket *find(struct tickets *t, uint64_t id)
{
    return id >= 1 && id <= t->n ? &t->all[id - 1] : NULL;
}

static enum ticket_result run_add(struct tickets *t, struct call *c)
{
    if (t->n == t->room) {
        size_t room = t->room ? 2 * t->room : 4;
        struct ticket *all = realloc(t->all, room * sizeof *all);
        if (!all)
            return TICKET_NO_MEMORY;
        t->all = all;
        t->room = room;
    }
    struct ticket *new = &t->all[t->n];
    memset(new, 0, sizeof *new);
    strcpy(new->title, c->title);
    strcpy(new->description, c->description);
    new->status = TICKET_TODO;
    c->id = new->id = ++t->n;
    return TICKET_OK;
}

static enum ticket_result run_set(struct tickets *t, struct call *c)
{
    struct ticket *found = find(t, c->id);
    if (!found)
        return TICKET_NOT_FOUND;
    found->status = c->status;
    return TICKET_OK;
}

static enum ticket_result run_get(struct tickets *t, struct call *c)
{
    struct ticket *found = find(t, c->id);
    if (!found)
        return TICKET_NOT_FOUND;
    *c->ticket = *found;
    return TICKET_OK;
}

static enum ticket_result run_count(struct tickets *t, struct call *c)
{
    c->count = 0;
    for (size_t i = 0; i < t->n; i++)
        c->count += t->all[i].status == c->status;
    return TICKET_OK;
}

static enum ticket_result run_shutdown(struct tickets *t, struct call *c)
{
    (void)c;
    t->stop = 1;
    return TICKET_OK;
}

static void *serve(void *arg)
{
    struct receiver *requests = arg;
    struct tickets t = {0};
    struct request r;

    while (!t.stop && receiver_recv(requests, &r) == CHANNEL_OK)
        answer(&r, r.call->run(&t, r.call));
    receiver_drop(requests);
    free(t.all);
    return NULL;
}

static struct ticket_client *new_client(struct sender *requests)
{
    struct ticket_client *c = malloc(sizeof *c);
    if (!c)
        return NULL;
    pthread_mutex_init(&c->mutex, NULL);
    pthread_cond_init(&c->cond, NULL);
    c->requests = requests;
    return c;
}

static void free_client(struct ticket_client *c)
{
    pthread_cond_destroy(&c->cond);
    pthread_mutex_destroy(&c->mutex);
    free(c);
}

enum ticket_result ticket_server_start(size_t capacity, struct ticket_server **server,
                                       struct ticket_client **client)
{
    struct sender *tx;
    struct receiver *rx;
    enum ticket_result result = TICKET_NO_MEMORY;

    switch (channel_create_bounded(sizeof(struct request), capacity, refuse, &tx, &rx)) {
    case CHANNEL_OK:
        break;
    case CHANNEL_INVALID:
        return TICKET_INVALID;
    default:
        return TICKET_NO_MEMORY;
    }
    struct ticket_server *s = malloc(sizeof *s);
    struct ticket_client *c = new_client(tx);
    if (s && c && pthread_create(&s->thread, NULL, serve, rx) == 0) {
        *server = s;
        *client = c;
        return TICKET_OK;
    }
    if (c)
        free_client(c);
    free(s);
    sender_drop(tx);
    receiver_drop(rx);
    return result;
}

void ticket_server_join(struct ticket_server *server)
{
    if (!server)
        return;
    pthread_join(server->thread, NULL);
    free(server);
}

struct ticket_client *ticket_client_clone(struct ticket_client *client)
{
    struct sender *tx = sender_clone(client->requests);
    if (!tx)
        return NULL;
    struct ticket_client *c = new_client(tx);
    if (!c)
        sender_drop(tx);
    return c;
}

void ticket_client_drop(struct ticket_client *client)
{
    sender_drop(client->requests);
    free_client(client);
}

static enum ticket_result ask(struct ticket_client *client, struct call *call)
{
    struct request r = {call, client};

    client->answered = 0;
    if (sender_send(client->requests, &r) != CHANNEL_OK)
        return TICKET_SERVER_GONE;
    pthread_mutex_lock(&client->mutex);
    while (!client->answered)
        pthread_cond_wait(&client->cond, &client->mutex);
    pthread_mutex_unlock(&client->mutex);
    return client->result;
}

static int bad(const char *s, size_t max)
{
    return !s || !*s || strnlen(s, max + 1) > max;
}

enum ticket_result ticket_client_add(struct ticket_client *client, const char *title,
                                     const char *description, uint64_t *id)
{
    struct call call = {.run = run_add, .title = title, .description = description};
    if (bad(title, TICKET_TITLE_MAX) || bad(description, TICKET_DESCRIPTION_MAX))
        return TICKET_INVALID;
    enum ticket_result result = ask(client, &call);
    if (result == TICKET_OK)
        *id = call.id;
    return result;
}

enum ticket_result ticket_client_set_status(struct ticket_client *client, uint64_t id,
                                            enum ticket_status status)
{
    struct call call = {.run = run_set, .id = id, .status = status};
    if ((int)status < TICKET_TODO || (int)status > TICKET_DONE)
        return TICKET_INVALID;
    return ask(client, &call);
}

enum ticket_result ticket_client_get(struct ticket_client *client, uint64_t id,
                                     struct ticket *ticket)
{
    struct call call = {.run = run_get, .id = id, .ticket = ticket};
    return ask(client, &call);
}

enum ticket_result ticket_client_count(struct ticket_client *client, enum ticket_status status,
                                       uint64_t *count)
{
    struct call call = {.run = run_count, .status = status};
    if (status != TICKET_TODO && status != TICKET_IN_PROGRESS && status != TICKET_DONE)
        return TICKET_INVALID;
    enum ticket_result result = ask(client, &call);
    if (result == TICKET_OK)
        *count = call.count;
    return result;
}

enum ticket_result ticket_client_shutdown(struct ticket_client *client)
{
    struct call call = {.run = run_shutdown};
    return ask(client, &call);
}
