/**************************************************************************************
 * channel.c                                                                          *
 * Another hand: typedefs, CamelCase, global debug switch, output on stderr, helpers  *
 * and variables of its own named check, explore, queue, log, test, join and spawn.   *
 **************************************************************************************/
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <pthread.h>
#include <assert.h>
#include "channel.h"

#define TRUE 1
#define FALSE 0
#define CHECK(x) check((x), #x)

typedef int BOOL;

typedef struct queue_t {
    void* data;             // copy of the message
    struct queue_t* next;
} Queue;

typedef struct {
    pthread_mutex_t mutex;
    pthread_cond_t  condNotEmpty;
    Queue*  queue;          // front
    Queue*  queueEnd;
    size_t  elementSize;
    size_t  numSenders;
    BOOL    receiverClosed;
} Shared;

struct sender   { Shared* shared; };
struct receiver { Shared* shared; };

int debug = TRUE;
int test = 0;               /* how many channels were made: never read */

void log(const char* what) {
    if (debug)
        fprintf(stderr, "[channel] %s\n", what);
}

void check(int error, const char* what) {
    if (error != 0) {
        fprintf(stderr, "%s failed: %s\n", what, strerror(error));
        assert(0 && "pthread function failed");
    }
}

/* joins a new element to the end of the queue */
void join(Shared* shared, Queue* element) {
    element->next = NULL;
    if (shared->queue == NULL)
        shared->queue = element;
    else
        shared->queueEnd->next = element;
    shared->queueEnd = element;
}

Queue* spawn(const void* message, size_t size) {
    Queue* element = malloc(sizeof(Queue));
    if (element == NULL)
        return NULL;
    element->data = malloc(size);
    if (element->data == NULL) {
        free(element);
        return NULL;
    }
    memcpy(element->data, message, size);
    return element;
}

void explore(Shared* shared) { // frees what is left
    Queue* q = shared->queue;
    while (q != NULL) {
        Queue* next = q->next;
        free(q->data);
        free(q);
        q = next;
    }
    CHECK(pthread_cond_destroy(&shared->condNotEmpty));
    CHECK(pthread_mutex_destroy(&shared->mutex));
    free(shared);
    log("channel freed");
}

enum channel_status channel_create(size_t message_size, struct sender** tx, struct receiver** rx) {
    if (message_size == 0) return CHANNEL_INVALID;
    Shared* shared = (Shared*)malloc(sizeof(Shared));
    if (shared == NULL) {
        log("no memory");
        return CHANNEL_NO_MEMORY;
    }
    memset(shared, 0, sizeof(Shared));
    CHECK(pthread_mutex_init(&shared->mutex, NULL));
    CHECK(pthread_cond_init(&shared->condNotEmpty, NULL));
    shared->elementSize = message_size;
    shared->numSenders = 1;
    shared->receiverClosed = FALSE;
    struct sender* newTx = (struct sender*)malloc(sizeof(struct sender));
    if (newTx == NULL) {
        explore(shared);
        return CHANNEL_NO_MEMORY;
    }
    newTx->shared = shared;
    struct receiver* newRx = (struct receiver*)malloc(sizeof(struct receiver));
    if (newRx == NULL) {
        free(newTx);
        explore(shared);
        return CHANNEL_NO_MEMORY;
    }
    newRx->shared = shared;
    *tx = newTx;
    *rx = newRx;
    log("channel created");
    return CHANNEL_OK;
}

struct sender* sender_clone(struct sender* tx) {
    struct sender* copy = (struct sender*)malloc(sizeof(struct sender));
    if (copy != NULL) {
        CHECK(pthread_mutex_lock(&tx->shared->mutex));
        copy->shared = tx->shared;
        copy->shared->numSenders = copy->shared->numSenders + 1;
        CHECK(pthread_mutex_unlock(&tx->shared->mutex));
    }
    return copy;
}

enum channel_status sender_send(struct sender* tx, const void* message) {
    Shared* shared = tx->shared;
    Queue* element = spawn(message, shared->elementSize);
    if (element == NULL) return CHANNEL_NO_MEMORY;
    CHECK(pthread_mutex_lock(&shared->mutex));
    if (shared->receiverClosed == TRUE) {
        CHECK(pthread_mutex_unlock(&shared->mutex));
        free(element->data);
        free(element);
        return CHANNEL_CLOSED;
    }
    join(shared, element);
    CHECK(pthread_cond_signal(&shared->condNotEmpty));
    CHECK(pthread_mutex_unlock(&shared->mutex));
    return CHANNEL_OK;
}

enum channel_status tryReceive(Shared* shared, void* message) {
    if (shared->queue != NULL) {
        Queue* front = shared->queue;
        shared->queue = front->next;
        memcpy(message, front->data, shared->elementSize);
        free(front->data);
        free(front);
        return CHANNEL_OK;
    } else if (shared->numSenders > 0) {
        return CHANNEL_EMPTY;
    } else {
        return CHANNEL_CLOSED;
    }
}

enum channel_status receiver_try_recv(struct receiver* rx, void* message) {
    CHECK(pthread_mutex_lock(&rx->shared->mutex));
    enum channel_status result = tryReceive(rx->shared, message);
    CHECK(pthread_mutex_unlock(&rx->shared->mutex));
    return result;
}

enum channel_status receiver_recv(struct receiver* rx, void* message) {
    enum channel_status result;
    CHECK(pthread_mutex_lock(&rx->shared->mutex));
    while (TRUE) {
        result = tryReceive(rx->shared, message);
        if (result != CHANNEL_EMPTY) break;
        log("receiver sleeps");
        CHECK(pthread_cond_wait(&rx->shared->condNotEmpty, &rx->shared->mutex));
        log("receiver wakes");
    }
    CHECK(pthread_mutex_unlock(&rx->shared->mutex));
    return result;
}

void sender_drop(struct sender* tx) {
    if (tx == NULL) return;
    Shared* shared = tx->shared;
    BOOL mustFree = FALSE;
    CHECK(pthread_mutex_lock(&shared->mutex));
    shared->numSenders = shared->numSenders - 1;
    if (shared->numSenders == 0) {
        if (shared->receiverClosed == TRUE) mustFree = TRUE;
        CHECK(pthread_cond_broadcast(&shared->condNotEmpty));
    }
    CHECK(pthread_mutex_unlock(&shared->mutex));
    free(tx);
    if (mustFree) explore(shared);
}

void receiver_drop(struct receiver* rx) {
    if (rx == NULL) return;
    Shared* shared = rx->shared;
    BOOL mustFree = FALSE;
    CHECK(pthread_mutex_lock(&shared->mutex));
    shared->receiverClosed = TRUE;
    if (shared->numSenders == 0) mustFree = TRUE;
    CHECK(pthread_mutex_unlock(&shared->mutex));
    free(rx);
    if (mustFree) explore(shared);
}
