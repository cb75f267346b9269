/* What is different: a bounded channel is one block of memory, its ring at the end, an unbounded one a list; the senders
 * and all handles are counted by atomics. */
#include "channel.h"
#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct node {
    struct node *next;
    alignas(max_align_t) unsigned char bytes[];
};
enum flavor { LIST, ARRAY };
struct inner {
    atomic_size_t strong, senders;
    pthread_mutex_t mutex;
    pthread_cond_t readable, writable;
    size_t elem;
    bool rx_gone;
    void (*drop)(void *);
    enum flavor flavor;
    union {
        struct {
            struct node *head, **tail;
        } list;
        struct {
            size_t cap, head, len;
        } array;
    };
    alignas(max_align_t) unsigned char slots[];
};
struct sender {
    struct inner *arc;
};
struct receiver {
    struct inner *arc;
};

static void arc_drop(struct inner *self)
{
    if (atomic_fetch_sub_explicit(&self->strong, 1, memory_order_release) != 1)
        return;
    atomic_thread_fence(memory_order_acquire);
    pthread_mutex_destroy(&self->mutex);
    pthread_cond_destroy(&self->readable);
    pthread_cond_destroy(&self->writable);
    free(self);
}

static enum channel_status channel_new(enum flavor flavor, size_t elem, size_t cap,
                                       void (*drop)(void *), struct sender **tx,
                                       struct receiver **rx)
{
    size_t bytes = 0;
    if (elem == 0 || (flavor == ARRAY && cap == 0))
        return CHANNEL_INVALID;
    if (__builtin_mul_overflow(elem, cap, &bytes) ||
        __builtin_add_overflow(bytes, sizeof(struct inner), &bytes))
        return CHANNEL_NO_MEMORY;
    struct inner *self = malloc(bytes);
    struct sender *s = malloc(sizeof *s);
    struct receiver *r = malloc(sizeof *r);
    if (self == NULL || s == NULL || r == NULL) {
        free(self), free(s), free(r);
        return CHANNEL_NO_MEMORY;
    }
    atomic_init(&self->strong, 2);
    atomic_init(&self->senders, 1);
    pthread_mutex_init(&self->mutex, NULL);
    pthread_cond_init(&self->readable, NULL);
    pthread_cond_init(&self->writable, NULL);
    self->elem = elem;
    self->rx_gone = false;
    self->drop = drop;
    self->flavor = flavor;
    if (flavor == LIST)
        self->list.head = NULL, self->list.tail = &self->list.head;
    else
        self->array.cap = cap, self->array.head = self->array.len = 0;
    s->arc = r->arc = self;
    *tx = s;
    *rx = r;
    return CHANNEL_OK;
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    return channel_new(LIST, message_size, 0, NULL, tx, rx);
}

enum channel_status channel_create_with_drop(size_t message_size, void (*drop)(void *message),
                                             struct sender **tx, struct receiver **rx)
{
    return channel_new(LIST, message_size, 0, drop, tx, rx);
}

enum channel_status channel_create_bounded(size_t message_size, size_t capacity,
                                           void (*drop)(void *message), struct sender **tx,
                                           struct receiver **rx)
{
    return channel_new(ARRAY, message_size, capacity, drop, tx, rx);
}

struct sender *sender_clone(struct sender *tx)
{
    struct sender *s = malloc(sizeof *s);
    if (s == NULL)
        return NULL;
    s->arc = tx->arc;
    atomic_fetch_add_explicit(&s->arc->strong, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&s->arc->senders, 1, memory_order_relaxed);
    return s;
}

static enum channel_status list_send(struct inner *self, const void *message)
{
    if (self->elem > SIZE_MAX - sizeof(struct node) - 64)
        return CHANNEL_NO_MEMORY;
    struct node *n = malloc(sizeof *n + self->elem);
    if (n == NULL)
        return CHANNEL_NO_MEMORY;
    n->next = NULL;
    memcpy(n->bytes, message, self->elem);
    pthread_mutex_lock(&self->mutex);
    bool gone = self->rx_gone;
    if (!gone) {
        *self->list.tail = n;
        self->list.tail = &n->next;
        n = NULL;
    }
    pthread_mutex_unlock(&self->mutex);
    if (gone) {
        free(n);
        return CHANNEL_CLOSED;
    }
    pthread_cond_signal(&self->readable);
    return CHANNEL_OK;
}

static enum channel_status array_send(struct inner *self, const void *message, bool wait)
{
    enum channel_status status = CHANNEL_OK;
    pthread_mutex_lock(&self->mutex);
    while (!self->rx_gone && self->array.len == self->array.cap && wait)
        pthread_cond_wait(&self->writable, &self->mutex);
    if (self->rx_gone)
        status = CHANNEL_CLOSED;
    else if (self->array.len == self->array.cap)
        status = CHANNEL_FULL;
    else {
        size_t at = self->array.head + self->array.len++;
        if (at >= self->array.cap)
            at -= self->array.cap;
        memcpy(self->slots + at * self->elem, message, self->elem);
    }
    pthread_mutex_unlock(&self->mutex);
    if (status == CHANNEL_OK)
        pthread_cond_signal(&self->readable);
    return status;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    switch (tx->arc->flavor) {
    case LIST:
        return list_send(tx->arc, message);
    case ARRAY:
        return array_send(tx->arc, message, true);
    }
    __builtin_unreachable();
}

enum channel_status sender_try_send(struct sender *tx, const void *message)
{
    return tx->arc->flavor == LIST ? list_send(tx->arc, message)
                                   : array_send(tx->arc, message, false);
}

static bool empty(const struct inner *self)
{
    return self->flavor == LIST ? self->list.head == NULL : self->array.len == 0;
}

static enum channel_status take(struct inner *self, void *message, bool wait)
{
    struct node *n = NULL;
    pthread_mutex_lock(&self->mutex);
    while (wait && empty(self) && atomic_load(&self->senders) != 0)
        pthread_cond_wait(&self->readable, &self->mutex);
    if (empty(self)) {
        size_t senders = atomic_load_explicit(&self->senders, memory_order_acquire);
        /* who dropped last may have sent before: look once more */
        if (senders != 0 || empty(self)) {
            pthread_mutex_unlock(&self->mutex);
            return senders != 0 ? CHANNEL_EMPTY : CHANNEL_CLOSED;
        }
    }
    if (self->flavor == LIST) {
        n = self->list.head;
        self->list.head = n->next;
        if (n->next == NULL)
            self->list.tail = &self->list.head;
        memcpy(message, n->bytes, self->elem);
    } else {
        memcpy(message, self->slots + self->array.head * self->elem, self->elem);
        if (++self->array.head == self->array.cap)
            self->array.head = 0;
        self->array.len--;
        pthread_cond_signal(&self->writable);
    }
    pthread_mutex_unlock(&self->mutex);
    free(n);
    return CHANNEL_OK;
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    return take(rx->arc, message, true);
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    return take(rx->arc, message, false);
}

void sender_drop(struct sender *tx)
{
    if (tx == NULL)
        return;
    struct inner *self = tx->arc;
    free(tx);
    if (atomic_fetch_sub_explicit(&self->senders, 1, memory_order_acq_rel) == 1) {
        pthread_mutex_lock(&self->mutex); /* the receiver is asleep, or has not looked yet */
        pthread_mutex_unlock(&self->mutex);
        pthread_cond_signal(&self->readable);
    }
    arc_drop(self);
}

void receiver_drop(struct receiver *rx)
{
    if (rx == NULL)
        return;
    struct inner *self = rx->arc;
    free(rx);
    pthread_mutex_lock(&self->mutex);
    self->rx_gone = true; /* from here on nobody else touches what is queued */
    pthread_mutex_unlock(&self->mutex);
    pthread_cond_broadcast(&self->writable);
    if (self->flavor == LIST) {
        for (struct node *n = self->list.head, *next; n != NULL; n = next) {
            next = n->next;
            if (self->drop)
                self->drop(n->bytes);
            free(n);
        }
    } else {
        for (size_t i = 0; i < self->array.len; i++)
            if (self->drop)
                self->drop(self->slots + (self->array.head + i) % self->array.cap * self->elem);
    }
    arc_drop(self);
}
