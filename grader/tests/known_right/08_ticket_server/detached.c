/* Known right: a detached thread. Joining is receiving on a channel whose only sender is the thread's:
 * it is closed when the thread has nothing more to do. Requests carry a reply channel each; tickets are
 * a list, freed before the thread says that it has ended. */
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "channel.h"
#include "ticket_server.h"

typedef enum { REQ_ADD, REQ_SET, REQ_GET, REQ_COUNT, REQ_STOP } req_kind_t;

typedef struct {
    req_kind_t kind;
    uint64_t id;
    enum ticket_status status;
    char title[TICKET_TITLE_MAX + 1];
    char description[TICKET_DESCRIPTION_MAX + 1];
    struct sender *answer_to;
} req_t;

typedef struct {
    enum ticket_result result;
    union {
        uint64_t number;
        struct ticket ticket;
    } value;
} answer_t;

typedef struct node {
    struct ticket ticket;
    struct node *next;
} node_t;

struct ticket_server {
    struct receiver *ended;
};

/* What the thread has; it is the thread's to free. */
typedef struct {
    struct receiver *rx;
    struct sender *ended;
} desk_t;

struct ticket_client {
    struct sender *tx;
};

static void forget_request(void *message)
{
    sender_drop(((req_t *)message)->answer_to);
}

static node_t *node_with(node_t *head, uint64_t id)
{
    while (head && head->ticket.id != id)
        head = head->next;
    return head;
}

static enum ticket_result add_node(node_t **head, const req_t *req, uint64_t *id)
{
    node_t *node = malloc(sizeof *node);

    if (!node)
        return TICKET_NO_MEMORY;
    *id = *head ? (*head)->ticket.id + 1 : 1;
    node->ticket.id = *id;
    node->ticket.status = TICKET_TODO;
    strcpy(node->ticket.title, req->title);
    strcpy(node->ticket.description, req->description);
    node->next = *head;
    *head = node;
    return TICKET_OK;
}

static void handle(node_t **head, const req_t *req, answer_t *answer)
{
    node_t *node;

    answer->result = TICKET_OK;
    switch (req->kind) {
    case REQ_ADD:
        answer->result = add_node(head, req, &answer->value.number);
        break;
    case REQ_SET:
    case REQ_GET:
        node = node_with(*head, req->id);
        if (!node)
            answer->result = TICKET_NOT_FOUND;
        else if (req->kind == REQ_SET)
            node->ticket.status = req->status;
        else
            answer->value.ticket = node->ticket;
        break;
    case REQ_COUNT:
        answer->value.number = 0;
        for (node = *head; node; node = node->next)
            answer->value.number += node->ticket.status == req->status;
        break;
    case REQ_STOP:
        break;
    }
}

static void *server_main(void *arg)
{
    desk_t desk = *(desk_t *)arg;
    node_t *head = NULL;
    bool stop = false;
    req_t req;

    free(arg);
    while (!stop && receiver_recv(desk.rx, &req) == CHANNEL_OK) {
        answer_t answer;

        memset(&answer, 0, sizeof answer);
        handle(&head, &req, &answer);
        stop = req.kind == REQ_STOP;
        sender_send(req.answer_to, &answer);
        sender_drop(req.answer_to);
    }
    receiver_drop(desk.rx);
    while (head) {
        node_t *next = head->next;
        free(head);
        head = next;
    }
    sender_drop(desk.ended);
    return NULL;
}

static bool start_detached(desk_t *desk)
{
    pthread_attr_t attr;
    pthread_t thread;
    bool started;

    if (pthread_attr_init(&attr))
        return false;
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    started = pthread_create(&thread, &attr, server_main, desk) == 0;
    pthread_attr_destroy(&attr);
    return started;
}

enum ticket_result ticket_server_start(size_t capacity, struct ticket_server **server,
                                       struct ticket_client **client)
{
    struct ticket_server *s = malloc(sizeof *s);
    struct ticket_client *c = malloc(sizeof *c);
    desk_t *desk = malloc(sizeof *desk);
    enum channel_status status = CHANNEL_NO_MEMORY;

    if (capacity == 0)
        status = CHANNEL_INVALID;
    if (!s || !c || !desk || capacity == 0)
        goto no_requests;
    status = channel_create_bounded(sizeof(req_t), capacity, forget_request, &c->tx, &desk->rx);
    if (status != CHANNEL_OK)
        goto no_requests;
    status = channel_create_bounded(1, 1, NULL, &desk->ended, &s->ended);
    if (status != CHANNEL_OK)
        goto no_ended;
    if (!start_detached(desk))
        goto no_thread;
    *server = s;
    *client = c;
    return TICKET_OK;

no_thread:
    sender_drop(desk->ended);
    receiver_drop(s->ended);
no_ended:
    sender_drop(c->tx);
    receiver_drop(desk->rx);
no_requests:
    free(desk);
    free(c);
    free(s);
    return status == CHANNEL_INVALID ? TICKET_INVALID : TICKET_NO_MEMORY;
}

void ticket_server_join(struct ticket_server *server)
{
    char nothing;

    if (!server)
        return;
    receiver_recv(server->ended, &nothing);
    receiver_drop(server->ended);
    free(server);
}

struct ticket_client *ticket_client_clone(struct ticket_client *client)
{
    struct ticket_client *c = malloc(sizeof *c);

    if (c && !(c->tx = sender_clone(client->tx))) {
        free(c);
        c = NULL;
    }
    return c;
}

void ticket_client_drop(struct ticket_client *client)
{
    sender_drop(client->tx);
    free(client);
}

static enum ticket_result call(struct ticket_client *client, req_t *req, answer_t *answer)
{
    struct receiver *rx;

    answer->result = TICKET_SERVER_GONE;
    if (channel_create_bounded(sizeof *answer, 1, NULL, &req->answer_to, &rx) != CHANNEL_OK)
        return TICKET_NO_MEMORY;
    if (sender_send(client->tx, req) == CHANNEL_OK)
        receiver_recv(rx, answer); /* CLOSED: result is still TICKET_SERVER_GONE */
    else
        sender_drop(req->answer_to);
    receiver_drop(rx);
    return answer->result;
}

static bool copy_text(char *to, const char *from, size_t max)
{
    size_t n = from ? strlen(from) : 0;

    if (n < 1 || n > max)
        return false;
    memcpy(to, from, n + 1);
    return true;
}

enum ticket_result ticket_client_add(struct ticket_client *client, const char *title,
                                     const char *description, uint64_t *id)
{
    req_t req = {.kind = REQ_ADD};
    enum ticket_result result;
    answer_t answer;

    if (!copy_text(req.title, title, TICKET_TITLE_MAX) ||
        !copy_text(req.description, description, TICKET_DESCRIPTION_MAX))
        return TICKET_INVALID;
    result = call(client, &req, &answer);
    if (result == TICKET_OK)
        *id = answer.value.number;
    return result;
}

enum ticket_result ticket_client_set_status(struct ticket_client *client, uint64_t id,
                                            enum ticket_status status)
{
    req_t req = {.kind = REQ_SET, .id = id, .status = status};
    answer_t answer;

    if ((unsigned)status > TICKET_DONE)
        return TICKET_INVALID;
    return call(client, &req, &answer);
}

enum ticket_result ticket_client_get(struct ticket_client *client, uint64_t id,
                                     struct ticket *ticket)
{
    req_t req = {.kind = REQ_GET, .id = id};
    answer_t answer;
    enum ticket_result result = call(client, &req, &answer);

    if (result == TICKET_OK)
        *ticket = answer.value.ticket;
    return result;
}

enum ticket_result ticket_client_count(struct ticket_client *client, enum ticket_status status,
                                       uint64_t *count)
{
    req_t req = {.kind = REQ_COUNT, .status = status};
    answer_t answer;
    enum ticket_result result;

    if ((unsigned)status > TICKET_DONE)
        return TICKET_INVALID;
    result = call(client, &req, &answer);
    if (result == TICKET_OK)
        *count = answer.value.number;
    return result;
}

enum ticket_result ticket_client_shutdown(struct ticket_client *client)
{
    req_t req = {.kind = REQ_STOP};
    answer_t answer;

    return call(client, &req, &answer);
}
