/* As a student may write it: one lock for all channels of the program, linked list with a counter, own
 * helpers called check, queue and log, typedefs, and what was left of debugging on stderr. */
#include <stdio.h>
#include <stdlib.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <pthread.h>
#include "channel.h"

typedef struct Node {
    struct Node *next;
    uint8_t *payload;
} Node;

typedef struct Channel {
    size_t msgSize, maxMsgs;        // maxMsgs 0 = no limit
    size_t numMsgs, numSenders;
    bool rxAlive;
    Node *head, *tail;
    Node *freeNodes;                // preallocated, bounded only
    uint8_t *memory;                // the payloads of the preallocated nodes
    Node *nodeMemory;
    void (*dropFn)(void *);
    pthread_cond_t canRead, canWrite;
} Channel;

struct sender { Channel *chan; };
struct receiver { Channel *chan; };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void log(const char *msg, size_t n)
{
    static int count;
    if (count < 2) {
        count++;
        fprintf(stderr, "[channel] %s %zu\n", msg, n);
    }
}

#define LOCK() pthread_mutex_lock(&mutex)
#define UNLOCK() pthread_mutex_unlock(&mutex)

static bool check(size_t a, size_t b)
{
    return a != 0 && b != 0;
}

static void destroy(Channel *c)
{
    log("destroy", c->numMsgs);
    pthread_cond_destroy(&c->canRead);
    pthread_cond_destroy(&c->canWrite);
    free(c->memory);
    free(c->nodeMemory);
    free(c);
}

static enum channel_status newChannel(size_t size, size_t max, void (*drop)(void *),
                                      struct sender **tx, struct receiver **rx)
{
    Channel *c = calloc(1, sizeof(Channel));
    struct sender *s = malloc(sizeof(struct sender));
    struct receiver *r = malloc(sizeof(struct receiver));
    if (!c || !s || !r) goto fail;
    if (max > 0) {
        if (max > SIZE_MAX / size || max > SIZE_MAX / sizeof(Node)) goto fail;
        c->memory = malloc(max * size);
        c->nodeMemory = malloc(max * sizeof(Node));
        if (!c->memory || !c->nodeMemory) goto fail;
        for (size_t i = max; i-- > 0;) {
            c->nodeMemory[i].payload = c->memory + i * size;
            c->nodeMemory[i].next = c->freeNodes;
            c->freeNodes = &c->nodeMemory[i];
        }
    }
    c->msgSize = size;
    c->maxMsgs = max;
    c->numSenders = 1;
    c->rxAlive = true;
    c->dropFn = drop;
    pthread_cond_init(&c->canRead, NULL);
    pthread_cond_init(&c->canWrite, NULL);
    s->chan = r->chan = c;
    *tx = s;
    *rx = r;
    return CHANNEL_OK;
fail:
    if (c) {
        free(c->memory);
        free(c->nodeMemory);
    }
    free(c);
    free(s);
    free(r);
    return CHANNEL_NO_MEMORY;
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    if (message_size == 0) return CHANNEL_INVALID;
    return newChannel(message_size, 0, NULL, tx, rx);
}

enum channel_status channel_create_with_drop(size_t message_size, void (*drop)(void *message),
                                             struct sender **tx, struct receiver **rx)
{
    if (message_size == 0) return CHANNEL_INVALID;
    return newChannel(message_size, 0, drop, tx, rx);
}

enum channel_status channel_create_bounded(size_t message_size, size_t capacity,
                                           void (*drop)(void *message), struct sender **tx,
                                           struct receiver **rx)
{
    if (!check(message_size, capacity)) return CHANNEL_INVALID;
    return newChannel(message_size, capacity, drop, tx, rx);
}

struct sender *sender_clone(struct sender *tx)
{
    struct sender *s = malloc(sizeof(struct sender));
    if (!s) return NULL;
    s->chan = tx->chan;
    LOCK();
    s->chan->numSenders++;
    UNLOCK();
    return s;
}

static bool isFull(Channel *c) { return c->maxMsgs != 0 && c->numMsgs == c->maxMsgs; }

static Node *queue(Channel *c, const void *message)
{
    Node *n;
    if (c->maxMsgs != 0) {
        n = c->freeNodes;
        c->freeNodes = n->next;
    } else {
        n = malloc(sizeof(Node));
        if (!n) return NULL;
        n->payload = malloc(c->msgSize);
        if (!n->payload) {
            free(n);
            return NULL;
        }
    }
    memcpy(n->payload, message, c->msgSize);
    n->next = NULL;
    if (c->head == NULL) c->head = n;
    else c->tail->next = n;
    c->tail = n;
    c->numMsgs++;
    return n;
}

static enum channel_status sendLocked(Channel *c, const void *message)
{
    if (!c->rxAlive) return CHANNEL_CLOSED;
    if (isFull(c)) return CHANNEL_FULL;
    if (!queue(c, message)) return CHANNEL_NO_MEMORY;
    pthread_cond_signal(&c->canRead);
    return CHANNEL_OK;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    enum channel_status st;
    LOCK();
    while ((st = sendLocked(tx->chan, message)) == CHANNEL_FULL)
        pthread_cond_wait(&tx->chan->canWrite, &mutex);
    UNLOCK();
    return st;
}

enum channel_status sender_try_send(struct sender *tx, const void *message)
{
    LOCK();
    enum channel_status st = sendLocked(tx->chan, message);
    UNLOCK();
    return st;
}

static void recycle(Channel *c, Node *n)
{
    if (c->maxMsgs != 0) {
        n->next = c->freeNodes;
        c->freeNodes = n;
    } else {
        free(n->payload);
        free(n);
    }
}

static enum channel_status recvLocked(Channel *c, void *message)
{
    Node *n = c->head;
    if (!n) return c->numSenders == 0 ? CHANNEL_CLOSED : CHANNEL_EMPTY;
    c->head = n->next;
    c->numMsgs--;
    memcpy(message, n->payload, c->msgSize);
    recycle(c, n);
    pthread_cond_broadcast(&c->canWrite);
    return CHANNEL_OK;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    LOCK();
    enum channel_status st = recvLocked(rx->chan, message);
    UNLOCK();
    return st;
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    enum channel_status st;
    LOCK();
    while ((st = recvLocked(rx->chan, message)) == CHANNEL_EMPTY)
        pthread_cond_wait(&rx->chan->canRead, &mutex);
    UNLOCK();
    return st;
}

void sender_drop(struct sender *tx)
{
    if (!tx) return;
    LOCK();
    Channel *c = tx->chan;
    free(tx);
    c->numSenders--;
    if (c->numSenders == 0) pthread_cond_signal(&c->canRead);
    if (c->numSenders == 0 && !c->rxAlive) destroy(c);
    UNLOCK();
}

void receiver_drop(struct receiver *rx)
{
    if (!rx) return;
    LOCK();
    Channel *c = rx->chan;
    free(rx);
    c->rxAlive = false;
    pthread_cond_broadcast(&c->canWrite);
    // dropFn may drop the last sender, so count ourselves as one
    c->numSenders++;
    while (c->head) {
        Node *n = c->head;
        c->head = n->next;
        UNLOCK();
        if (c->dropFn) c->dropFn(n->payload);
        LOCK();
        recycle(c, n);
    }
    c->numSenders--;
    if (c->numSenders == 0) destroy(c);
    UNLOCK();
}
