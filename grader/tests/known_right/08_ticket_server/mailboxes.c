/* Known right: a client's mailbox, its reply channel, is shared by the client and the requests under
 * way, and counted under a lock; the sender is never cloned, and dropped by whoever leaves last.
 * Tickets live in blocks of a list that never move. */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "ticket_server.h"
#include "channel.h"

enum { PER_BLOCK = 32 };

struct mailbox {
    pthread_mutex_t lock;
    int users;
    struct sender *tx; /* only the request under way uses it, and then the last user */
};

enum op { OP_ADD = 1, OP_STATUS, OP_GET, OP_COUNT, OP_END };

struct letter {
    struct mailbox *to;
    enum op op;
    struct ticket ticket;
};

struct answer {
    enum ticket_result result;
    struct ticket ticket;
    uint64_t count;
};

struct block {
    struct ticket tickets[PER_BLOCK];
    struct block *next;
};

struct ticket_server {
    pthread_t thread;
    struct receiver *letters;
};

struct ticket_client {
    struct sender *letters;
    struct mailbox *mailbox;
    struct receiver *answers;
};

struct store {
    struct block *first, **end;
    uint64_t n;
};

static void mailbox_use(struct mailbox *m)
{
    pthread_mutex_lock(&m->lock);
    m->users++;
    pthread_mutex_unlock(&m->lock);
}

static void mailbox_leave(struct mailbox *m)
{
    int users;

    pthread_mutex_lock(&m->lock);
    users = --m->users;
    pthread_mutex_unlock(&m->lock);
    if (users > 0)
        return;
    sender_drop(m->tx);
    pthread_mutex_destroy(&m->lock);
    free(m);
}

static void post(struct letter *letter, const struct answer *answer)
{
    sender_try_send(letter->to->tx, answer); /* one request a client: there is room */
    mailbox_leave(letter->to);
}

static void return_to_sender(void *letter)
{
    struct answer answer;

    memset(&answer, 0, sizeof answer);
    answer.result = TICKET_SERVER_GONE;
    post(letter, &answer);
}

static struct ticket *nth(const struct store *store, uint64_t id)
{
    struct block *b = store->first;

    if (id < 1 || id > store->n)
        return NULL;
    for (id--; id >= PER_BLOCK; id -= PER_BLOCK)
        b = b->next;
    return &b->tickets[id];
}

static enum ticket_result store_add(struct store *store, struct ticket *ticket)
{
    if (store->n % PER_BLOCK == 0) {
        struct block *b = malloc(sizeof *b);

        if (b == NULL)
            return TICKET_NO_MEMORY;
        b->next = NULL;
        *store->end = b;
        store->end = &b->next;
    }
    ticket->id = ++store->n;
    *nth(store, ticket->id) = *ticket;
    return TICKET_OK;
}

static enum ticket_result store_status(struct store *store, const struct ticket *wanted)
{
    struct ticket *t = nth(store, wanted->id);

    if (t == NULL)
        return TICKET_NOT_FOUND;
    t->status = wanted->status;
    return TICKET_OK;
}

static uint64_t store_count(const struct store *store, enum ticket_status status)
{
    uint64_t n = 0, i = 0;

    for (const struct block *b = store->first; b != NULL; b = b->next)
        for (int k = 0; k < PER_BLOCK && i < store->n; k++, i++)
            if (b->tickets[k].status == status)
                n++;
    return n;
}

static void read_letter(struct store *store, struct letter *letter)
{
    struct answer a;
    const struct ticket *t;

    memset(&a, 0, sizeof a);
    switch (letter->op) {
    case OP_ADD:
        a.ticket = letter->ticket;
        a.result = store_add(store, &a.ticket);
        break;
    case OP_STATUS:
        a.result = store_status(store, &letter->ticket);
        break;
    case OP_GET:
        t = nth(store, letter->ticket.id);
        if (t != NULL)
            a.ticket = *t;
        a.result = t != NULL ? TICKET_OK : TICKET_NOT_FOUND;
        break;
    case OP_COUNT:
        a.count = store_count(store, letter->ticket.status);
        break;
    case OP_END:
        break;
    }
    post(letter, &a);
}

static void *post_office(void *arg)
{
    struct receiver *letters = ((struct ticket_server *)arg)->letters;
    struct store store = {.first = NULL, .end = &store.first};
    struct letter letter;

    while (receiver_recv(letters, &letter) == CHANNEL_OK) {
        enum op op = letter.op;

        read_letter(&store, &letter);
        if (op == OP_END)
            break;
    }
    receiver_drop(letters);
    for (struct block *next; store.first != NULL; store.first = next) {
        next = store.first->next;
        free(store.first);
    }
    return NULL;
}

static struct ticket_client *client_with(struct sender *letters)
{
    struct ticket_client *c = malloc(sizeof *c);
    struct mailbox *m = malloc(sizeof *m);

    if (c == NULL || m == NULL)
        goto no_memory;
    if (pthread_mutex_init(&m->lock, NULL) != 0)
        goto no_memory;
    if (channel_create_bounded(sizeof(struct answer), 1, NULL, &m->tx, &c->answers) != CHANNEL_OK) {
        pthread_mutex_destroy(&m->lock);
        goto no_memory;
    }
    m->users = 1;
    c->mailbox = m;
    c->letters = letters;
    return c;

no_memory:
    free(m);
    free(c);
    return NULL;
}

enum ticket_result ticket_server_start(size_t capacity, struct ticket_server **server,
                                       struct ticket_client **client)
{
    struct ticket_server *s = malloc(sizeof *s);
    struct sender *tx;
    enum channel_status created;

    if (s == NULL)
        return capacity == 0 ? TICKET_INVALID : TICKET_NO_MEMORY;
    created =
        channel_create_bounded(sizeof(struct letter), capacity, return_to_sender, &tx, &s->letters);
    if (created == CHANNEL_OK) {
        struct ticket_client *c = client_with(tx);

        if (c != NULL && pthread_create(&s->thread, NULL, post_office, s) == 0) {
            *server = s;
            *client = c;
            return TICKET_OK;
        }
        if (c != NULL)
            ticket_client_drop(c);
        else
            sender_drop(tx);
        receiver_drop(s->letters);
    }
    free(s);
    return created == CHANNEL_INVALID ? TICKET_INVALID : TICKET_NO_MEMORY;
}

void ticket_server_join(struct ticket_server *server)
{
    if (server != NULL)
        pthread_join(server->thread, NULL);
    free(server);
}

struct ticket_client *ticket_client_clone(struct ticket_client *client)
{
    struct sender *letters = sender_clone(client->letters);
    struct ticket_client *c = letters != NULL ? client_with(letters) : NULL;

    if (c == NULL)
        sender_drop(letters);
    return c;
}

void ticket_client_drop(struct ticket_client *client)
{
    sender_drop(client->letters);
    receiver_drop(client->answers);
    mailbox_leave(client->mailbox);
    free(client);
}

static enum ticket_result write_letter(struct ticket_client *client, struct letter *letter,
                                       struct answer *answer)
{
    letter->to = client->mailbox;
    mailbox_use(client->mailbox);
    if (sender_send(client->letters, letter) != CHANNEL_OK) {
        mailbox_leave(client->mailbox);
        return TICKET_SERVER_GONE;
    }
    if (receiver_recv(client->answers, answer) != CHANNEL_OK)
        return TICKET_SERVER_GONE;
    return answer->result;
}

enum ticket_result ticket_client_add(struct ticket_client *client, const char *title,
                                     const char *description, uint64_t *id)
{
    struct letter letter = {.op = OP_ADD};
    struct answer answer;
    enum ticket_result result;

    if (title == NULL || title[0] == 0 || memchr(title, 0, TICKET_TITLE_MAX + 1) == NULL)
        return TICKET_INVALID;
    if (description == NULL || description[0] == 0 ||
        strnlen(description, TICKET_DESCRIPTION_MAX + 1) > TICKET_DESCRIPTION_MAX)
        return TICKET_INVALID;
    strncpy(letter.ticket.title, title, TICKET_TITLE_MAX);
    strncpy(letter.ticket.description, description, TICKET_DESCRIPTION_MAX);
    result = write_letter(client, &letter, &answer);
    if (result == TICKET_OK)
        *id = answer.ticket.id;
    return result;
}

enum ticket_result ticket_client_set_status(struct ticket_client *client, uint64_t id,
                                            enum ticket_status status)
{
    struct letter letter = {.op = OP_STATUS, .ticket = {.id = id, .status = status}};
    struct answer answer;

    if (!(status == TICKET_TODO || status == TICKET_IN_PROGRESS || status == TICKET_DONE))
        return TICKET_INVALID;
    return write_letter(client, &letter, &answer);
}

enum ticket_result ticket_client_get(struct ticket_client *client, uint64_t id,
                                     struct ticket *ticket)
{
    struct letter letter = {.op = OP_GET, .ticket = {.id = id}};
    struct answer answer;
    enum ticket_result result = write_letter(client, &letter, &answer);

    if (result == TICKET_OK)
        *ticket = answer.ticket;
    return result;
}

enum ticket_result ticket_client_count(struct ticket_client *client, enum ticket_status status,
                                       uint64_t *count)
{
    struct letter letter = {.op = OP_COUNT, .ticket = {.status = status}};
    struct answer answer;
    enum ticket_result result = TICKET_INVALID;

    if (status == TICKET_TODO || status == TICKET_IN_PROGRESS || status == TICKET_DONE)
        result = write_letter(client, &letter, &answer);
    if (result == TICKET_OK)
        *count = answer.count;
    return result;
}

enum ticket_result ticket_client_shutdown(struct ticket_client *client)
{
    struct letter letter = {.op = OP_END};
    struct answer answer;

    return write_letter(client, &letter, &answer);
}
