/* As a student may write it: one lock for all channels of the program, an array that is shifted, own
 * helpers called check, queue and log, typedefs, and what was left of debugging on stderr. */
#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "channel.h"

#define BOOL bool

typedef unsigned char byte;

typedef struct queue {
    byte *data;
    size_t len, cap;   // in messages
} queue;

typedef struct chan {
    size_t msgSize;
    queue q;
    int senderCount;
    BOOL hasReceiver;
    void (*dropFn)(void*);
    pthread_cond_t cv;
} chan;

struct sender   { chan *c; };
struct receiver { chan *c; };

static pthread_mutex_t bigLock = PTHREAD_MUTEX_INITIALIZER;   // protects everything

static void log(const char *what, chan *c)
{
    static int lines = 0;
    if (lines++ < 3)
        fprintf(stderr, "DEBUG %s: len=%zu senders=%d\n", what, c->q.len, c->senderCount);
}

static void check(BOOL b)
{
    assert(b);
}

static BOOL queue_put(queue *q, const void *m, size_t sz)
{
    if (q->len == q->cap) {
        size_t cap = q->cap + q->cap / 2 + 8;
        if (cap > (size_t)-1 / sz) return false;
        byte *p = realloc(q->data, cap * sz);
        if (!p) return false;
        q->data = p;
        q->cap = cap;
    }
    memcpy(&q->data[q->len * sz], m, sz);
    q->len++;
    return true;
}

static void queue_get(queue *q, void *m, size_t sz)
{
    check(q->len > 0);
    memcpy(m, q->data, sz);
    q->len--;
    memmove(q->data, q->data + sz, q->len * sz);
}

enum channel_status channel_create_with_drop(size_t message_size, void (*drop)(void *message),
                                             struct sender **tx, struct receiver **rx)
{
    if (message_size < 1) return CHANNEL_INVALID;

    chan *c = malloc(sizeof(chan));
    if (c == NULL) return CHANNEL_NO_MEMORY;
    struct sender *s = malloc(sizeof(struct sender));
    if (s == NULL) { free(c); return CHANNEL_NO_MEMORY; }
    struct receiver *r = malloc(sizeof(struct receiver));
    if (r == NULL) { free(c); free(s); return CHANNEL_NO_MEMORY; }

    memset(c, 0, sizeof(chan));
    c->msgSize = message_size;
    c->senderCount = 1;
    c->hasReceiver = true;
    c->dropFn = drop;
    pthread_cond_init(&c->cv, NULL);
    s->c = c;
    r->c = c;
    *tx = s;
    *rx = r;
    return CHANNEL_OK;
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    return channel_create_with_drop(message_size, NULL, tx, rx);
}

struct sender *sender_clone(struct sender *tx)
{
    struct sender *s = malloc(sizeof(struct sender));
    if (!s) return NULL;
    pthread_mutex_lock(&bigLock);
    s->c = tx->c;
    s->c->senderCount += 1;
    pthread_mutex_unlock(&bigLock);
    return s;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    enum channel_status ret;
    pthread_mutex_lock(&bigLock);
    if (tx->c->hasReceiver == false)
        ret = CHANNEL_CLOSED;
    else if (queue_put(&tx->c->q, message, tx->c->msgSize))
        ret = CHANNEL_OK;
    else
        ret = CHANNEL_NO_MEMORY;
    pthread_cond_broadcast(&tx->c->cv);
    pthread_mutex_unlock(&bigLock);
    return ret;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    enum channel_status ret = CHANNEL_OK;
    pthread_mutex_lock(&bigLock);
    if (rx->c->q.len > 0)
        queue_get(&rx->c->q, message, rx->c->msgSize);
    else if (rx->c->senderCount == 0)
        ret = CHANNEL_CLOSED;
    else
        ret = CHANNEL_EMPTY;
    pthread_mutex_unlock(&bigLock);
    return ret;
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    enum channel_status ret;
    pthread_mutex_lock(&bigLock);
    for (;;) {
        if (rx->c->q.len > 0) {
            queue_get(&rx->c->q, message, rx->c->msgSize);
            ret = CHANNEL_OK;
            break;
        }
        if (rx->c->senderCount == 0) {
            ret = CHANNEL_CLOSED;
            break;
        }
        pthread_cond_wait(&rx->c->cv, &bigLock);
    }
    pthread_mutex_unlock(&bigLock);
    return ret;
}

// call with bigLock
static void destroyIfUnused(chan *c)
{
    if (c->senderCount > 0 || c->hasReceiver) return;
    log("destroy", c);
    pthread_cond_destroy(&c->cv);
    free(c->q.data);
    free(c);
}

void sender_drop(struct sender *tx)
{
    if (tx == NULL) return;
    pthread_mutex_lock(&bigLock);
    chan *c = tx->c;
    check(c->senderCount > 0);
    c->senderCount -= 1;
    pthread_cond_broadcast(&c->cv);
    destroyIfUnused(c);
    pthread_mutex_unlock(&bigLock);
    free(tx);
}

void receiver_drop(struct receiver *rx)
{
    if (rx == NULL) return;
    pthread_mutex_lock(&bigLock);
    chan *c = rx->c;
    log("receiver_drop", c);
    queue left = c->q;
    void (*dropFn)(void*) = c->dropFn;
    size_t sz = c->msgSize;
    memset(&c->q, 0, sizeof(queue));
    c->hasReceiver = false;
    destroyIfUnused(c);
    pthread_mutex_unlock(&bigLock);
    if (dropFn)
        for (size_t i = 0; i < left.len; i++)
            dropFn(left.data + i * sz);
    free(left.data);
    free(rx);
}
