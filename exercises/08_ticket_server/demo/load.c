/* load.c - a thread and a ticket_client for each load client, and one pipe that ends their pauses. */
#include "load.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "board.h"

enum { LOAD_PAUSE_MS = 150 }; /* between two tickets of a load client */

static int ending[2] = {-1,
                        -1}; /* a pipe; there is an end to read from it once load_close is called */

struct load {
    struct load *next;
    pthread_t thread;
    struct ticket_client *client;
    unsigned number;
    atomic_bool is_to_stop;
    atomic_bool ended;
};

static pthread_mutex_t root_lock = PTHREAD_MUTEX_INITIALIZER;
/* The lock must be held when using these: */
static struct ticket_client *root; /* the page's own; NULL: the page has ended */
static struct load *loads;

bool load_ends_within(int ms)
{
    struct pollfd end = {.fd = ending[0], .events = POLLIN};

    return poll(&end, 1, ms) != 0;
}

static enum ticket_result add_one(struct load *load, int round, uint64_t *id)
{
    char title[TICKET_TITLE_MAX + 1];
    enum ticket_result result;

    snprintf(title, sizeof title, "load %u, ticket %d", load->number, round + 1);
    result = ticket_client_add(load->client, title, "made by the load button", id);
    board_asked(result);
    if (result == TICKET_OK)
        board_added(*id, title);
    return result;
}

static enum ticket_result move(struct load *load, uint64_t id, enum ticket_status status)
{
    enum ticket_result result = ticket_client_set_status(load->client, id, status);

    board_asked(result);
    if (result == TICKET_OK)
        board_changed(id, status);
    return result;
}

static void *run_load(void *arg)
{
    struct load *load = arg;
    struct ticket ticket;
    uint64_t id;

    board_enter("load");
    for (int round = 0; !atomic_load(&load->is_to_stop); round++) {
        if (add_one(load, round, &id) != TICKET_OK ||
            move(load, id, TICKET_IN_PROGRESS) != TICKET_OK)
            break;
        board_asked(ticket_client_get(load->client, id, &ticket));
        if (round % 3 != 2 && move(load, id, TICKET_DONE) != TICKET_OK)
            break;
        if (load_ends_within(LOAD_PAUSE_MS))
            break;
    }
    ticket_client_drop(load->client);
    board_leave();
    atomic_store(&load->ended, true);
    return NULL;
}

/* root_lock is held. */
static bool start_load(void)
{
    static unsigned number;
    struct load *load = root == NULL ? NULL : malloc(sizeof *load);

    if (load == NULL)
        return false;
    load->number = ++number;
    atomic_init(&load->is_to_stop, false);
    atomic_init(&load->ended, false);
    load->client = ticket_client_clone(root);
    if (load->client != NULL && pthread_create(&load->thread, NULL, run_load, load) == 0) {
        load->next = loads;
        loads = load;
        return true;
    }
    if (load->client != NULL)
        ticket_client_drop(load->client);
    free(load);
    return false;
}

/* Joins the load clients that have ended, or waits until all have. root_lock is held. */
static void join_loads(bool all)
{
    struct load **place = &loads;

    while (*place != NULL) {
        struct load *load = *place;

        if (!all && !atomic_load(&load->ended)) {
            place = &load->next;
            continue;
        }
        *place = load->next;
        pthread_join(load->thread, NULL);
        free(load);
    }
}

void load_start(int clients)
{
    pthread_mutex_lock(&root_lock);
    join_loads(false);
    while (clients-- > 0 && start_load()) {
    }
    pthread_mutex_unlock(&root_lock);
}

void load_stop(void)
{
    pthread_mutex_lock(&root_lock);
    for (struct load *load = loads; load != NULL; load = load->next)
        atomic_store(&load->is_to_stop, true);
    pthread_mutex_unlock(&root_lock);
}

enum ticket_result load_shutdown_server(void)
{
    enum ticket_result result = TICKET_SERVER_GONE;

    pthread_mutex_lock(&root_lock);
    if (root != NULL) {
        result = ticket_client_shutdown(root);
        board_asked(result);
    }
    pthread_mutex_unlock(&root_lock);
    return result;
}

void load_open(struct ticket_client *client)
{
    pthread_mutex_lock(&root_lock);
    if (pipe(ending) == 0)
        root = client;
    pthread_mutex_unlock(&root_lock);
}

void load_close(void)
{
    close(ending[1]);
    pthread_mutex_lock(&root_lock);
    root = NULL;
    join_loads(true);
    pthread_mutex_unlock(&root_lock);
}
