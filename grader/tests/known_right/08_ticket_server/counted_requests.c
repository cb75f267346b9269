/* Known right: no drop function. Clients count themselves in before they send, under a lock, and are
 * refused once the server has closed; so a server that was shut down knows exactly how many requests
 * are still to come, and answers each of them with TICKET_SERVER_GONE. What all clients share lives
 * as long as the last of them, by a count under the same lock. */
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "ticket_server.h"
#include "channel.h"

struct gate {
    pthread_mutex_t lock;
    unsigned users;  /* the server and all clients */
    unsigned coming; /* requests counted in and not taken yet */
    bool closed;
};

struct question {
    char what; /* a s g c q */
    uint64_t id;
    enum ticket_status status;
    struct ticket ticket;
    struct sender *back;
};

struct answer {
    enum ticket_result result;
    uint64_t number;
    struct ticket ticket;
};

struct ticket_server {
    pthread_t thread;
    struct gate *gate;
    struct receiver *questions;
    struct ticket *list;
    uint64_t used, size;
};

struct ticket_client {
    struct gate *gate;
    struct sender *questions;
    struct sender *back;
    struct receiver *answers;
};

static struct gate *gate_new(void)
{
    struct gate *gate = calloc(1, sizeof *gate);

    if (gate && pthread_mutex_init(&gate->lock, NULL)) {
        free(gate);
        return NULL;
    }
    if (gate)
        gate->users = 1;
    return gate;
}

static void gate_use(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->users++;
    pthread_mutex_unlock(&gate->lock);
}

static void gate_leave(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    unsigned left = --gate->users;
    pthread_mutex_unlock(&gate->lock);
    if (left == 0) {
        pthread_mutex_destroy(&gate->lock);
        free(gate);
    }
}

static bool gate_enter(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    bool open = !gate->closed;
    gate->coming += open;
    pthread_mutex_unlock(&gate->lock);
    return open;
}

static void gate_took_one(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->coming--;
    pthread_mutex_unlock(&gate->lock);
}

static unsigned gate_close(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->closed = true;
    unsigned coming = gate->coming;
    pthread_mutex_unlock(&gate->lock);
    return coming;
}

static struct answer work(struct ticket_server *s, const struct question *q)
{
    struct answer a = {.result = TICKET_OK};
    bool known = q->id > 0 && q->id <= s->used;

    switch (q->what) {
    case 'a':
        if (s->used == s->size) {
            uint64_t size = s->size + s->size / 2 + 4;
            struct ticket *list = realloc(s->list, size * sizeof *list);
            if (!list) {
                a.result = TICKET_NO_MEMORY;
                return a;
            }
            s->list = list;
            s->size = size;
        }
        s->list[s->used] = q->ticket;
        a.number = s->list[s->used].id = s->used + 1;
        s->used++;
        break;
    case 's':
        if (known)
            s->list[q->id - 1].status = q->status;
        else
            a.result = TICKET_NOT_FOUND;
        break;
    case 'g':
        if (known)
            a.ticket = s->list[q->id - 1];
        else
            a.result = TICKET_NOT_FOUND;
        break;
    case 'c':
        for (uint64_t i = s->used; i-- > 0;)
            if (s->list[i].status == q->status)
                a.number++;
        break;
    }
    return a;
}

static void reply(const struct question *q, const struct answer *a)
{
    sender_send(q->back, a);
    sender_drop(q->back);
}

static void *loop(void *arg)
{
    struct ticket_server *s = arg;
    struct question q;
    unsigned coming;

    for (;;) {
        if (receiver_recv(s->questions, &q) != CHANNEL_OK)
            goto out;
        gate_took_one(s->gate);
        if (q.what == 'q')
            break;
        struct answer a = work(s, &q);
        reply(&q, &a);
    }
    coming = gate_close(s->gate);
    reply(&q, &(struct answer){.result = TICKET_OK});
    while (coming-- > 0 && receiver_recv(s->questions, &q) == CHANNEL_OK)
        reply(&q, &(struct answer){.result = TICKET_SERVER_GONE});
out:
    receiver_drop(s->questions);
    gate_leave(s->gate);
    free(s->list);
    return NULL;
}

/* Takes over the sender. */
static struct ticket_client *make_client(struct gate *gate, struct sender *questions)
{
    struct ticket_client *c = malloc(sizeof *c);

    if (!c || channel_create_bounded(sizeof(struct answer), 1, NULL, &c->back, &c->answers)) {
        free(c);
        sender_drop(questions);
        return NULL;
    }
    c->questions = questions;
    c->gate = gate;
    gate_use(gate);
    return c;
}

enum ticket_result ticket_server_start(size_t capacity, struct ticket_server **server,
                                       struct ticket_client **client)
{
    struct sender *questions;

    if (!capacity)
        return TICKET_INVALID;

    struct ticket_server *s = calloc(1, sizeof *s);
    if (!s)
        return TICKET_NO_MEMORY;
    s->gate = gate_new();
    if (!s->gate) {
        free(s);
        return TICKET_NO_MEMORY;
    }
    if (channel_create_bounded(sizeof(struct question), capacity, NULL, &questions,
                               &s->questions)) {
        gate_leave(s->gate);
        free(s);
        return TICKET_NO_MEMORY;
    }
    struct ticket_client *c = make_client(s->gate, questions);
    if (!c || pthread_create(&s->thread, NULL, loop, s)) {
        if (c)
            ticket_client_drop(c);
        receiver_drop(s->questions);
        gate_leave(s->gate);
        free(s);
        return TICKET_NO_MEMORY;
    }
    *server = s;
    *client = c;
    return TICKET_OK;
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
    struct sender *questions = sender_clone(client->questions);

    return questions ? make_client(client->gate, questions) : NULL;
}

void ticket_client_drop(struct ticket_client *client)
{
    sender_drop(client->questions);
    sender_drop(client->back);
    receiver_drop(client->answers);
    gate_leave(client->gate);
    free(client);
}

static enum ticket_result ask(struct ticket_client *c, struct question *q, struct answer *a)
{
    q->back = sender_clone(c->back);
    if (!q->back)
        return TICKET_NO_MEMORY;
    if (!gate_enter(c->gate)) {
        sender_drop(q->back);
        return TICKET_SERVER_GONE;
    }
    sender_send(c->questions, q); /* counted in: the server stays until it has it */
    receiver_recv(c->answers, a);
    return a->result;
}

enum ticket_result ticket_client_add(struct ticket_client *client, const char *title,
                                     const char *description, uint64_t *id)
{
    struct question q = {.what = 'a'};
    struct answer a;

    if (!title || !description || !title[0] || !description[0] ||
        strlen(title) > TICKET_TITLE_MAX || strlen(description) > TICKET_DESCRIPTION_MAX)
        return TICKET_INVALID;
    strcpy(q.ticket.title, title);
    strcpy(q.ticket.description, description);
    enum ticket_result result = ask(client, &q, &a);
    if (!result)
        *id = a.number;
    return result;
}

enum ticket_result ticket_client_set_status(struct ticket_client *client, uint64_t id,
                                            enum ticket_status status)
{
    struct question q = {.what = 's', .id = id, .status = status};
    struct answer a;

    return (int)status < 0 || status > TICKET_DONE ? TICKET_INVALID : ask(client, &q, &a);
}

enum ticket_result ticket_client_get(struct ticket_client *client, uint64_t id,
                                     struct ticket *ticket)
{
    struct question q = {.what = 'g', .id = id};
    struct answer a;
    enum ticket_result result = ask(client, &q, &a);

    if (!result)
        *ticket = a.ticket;
    return result;
}

enum ticket_result ticket_client_count(struct ticket_client *client, enum ticket_status status,
                                       uint64_t *count)
{
    struct question q = {.what = 'c', .status = status};
    struct answer a;

    if ((int)status < 0 || status > TICKET_DONE)
        return TICKET_INVALID;
    enum ticket_result result = ask(client, &q, &a);
    if (!result)
        *count = a.number;
    return result;
}

enum ticket_result ticket_client_shutdown(struct ticket_client *client)
{
    struct question q = {.what = 'q'};
    struct answer a;

    return ask(client, &q, &a);
}
