/* Known right: calls that few channels make. A robust mutex, messages in pages from mmap, a name made by asprintf. */
#define _GNU_SOURCE
#include "channel.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct node {
    struct node *next;
    unsigned char message[];
};

struct channel {
    pthread_mutex_t lock;
    pthread_cond_t readable;
    size_t message_size;
    struct node *head;
    struct node *tail;
    size_t senders;
    bool receiver_alive;
    char *name;
};

struct sender {
    struct channel *channel;
};

struct receiver {
    struct channel *channel;
};

static void make_robust(pthread_mutex_t *lock)
{
    pthread_mutexattr_t attributes;

    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(lock, &attributes);
    pthread_mutexattr_destroy(&attributes);
}

static void lock(struct channel *ch)
{
    if (pthread_mutex_lock(&ch->lock) == EOWNERDEAD)
        pthread_mutex_consistent(&ch->lock);
}

static struct node *make_node(struct channel *ch)
{
    void *pages = mmap(NULL, sizeof(struct node) + ch->message_size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return pages == MAP_FAILED ? NULL : pages;
}

static void free_node(struct channel *ch, struct node *node)
{
    munmap(node, sizeof *node + ch->message_size);
}

static void destroy(struct channel *ch)
{
    while (ch->head != NULL) {
        struct node *node = ch->head;
        ch->head = node->next;
        free_node(ch, node);
    }
    pthread_cond_destroy(&ch->readable);
    pthread_mutex_destroy(&ch->lock);
    free(ch->name);
    free(ch);
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    if (message_size == 0)
        return CHANNEL_INVALID;
    struct channel *ch = malloc(sizeof *ch);
    struct sender *sender = malloc(sizeof *sender);
    struct receiver *receiver = malloc(sizeof *receiver);
    char *name;
    if (asprintf(&name, "of %zu bytes", message_size) == -1)
        name = NULL;
    if (ch == NULL || sender == NULL || receiver == NULL || name == NULL) {
        free(name);
        free(ch);
        free(sender);
        free(receiver);
        return CHANNEL_NO_MEMORY;
    }
    make_robust(&ch->lock);
    pthread_cond_init(&ch->readable, NULL);
    ch->message_size = message_size;
    ch->head = NULL;
    ch->tail = NULL;
    ch->senders = 1;
    ch->name = name;
    ch->receiver_alive = true;
    sender->channel = ch;
    receiver->channel = ch;
    *tx = sender;
    *rx = receiver;
    return CHANNEL_OK;
}

struct sender *sender_clone(struct sender *tx)
{
    struct sender *clone = malloc(sizeof *clone);
    if (clone == NULL)
        return NULL;
    clone->channel = tx->channel;
    lock(tx->channel);
    tx->channel->senders++;
    pthread_mutex_unlock(&tx->channel->lock);
    return clone;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct channel *ch = tx->channel;

    if (ch->message_size > SIZE_MAX - sizeof(struct node))
        return CHANNEL_NO_MEMORY;
    lock(ch);
    if (!ch->receiver_alive) {
        pthread_mutex_unlock(&ch->lock);
        return CHANNEL_CLOSED;
    }
    struct node *node = make_node(ch);
    if (node == NULL) {
        pthread_mutex_unlock(&ch->lock);
        return CHANNEL_NO_MEMORY;
    }
    memcpy(node->message, message, ch->message_size);
    node->next = NULL;
    if (ch->tail != NULL)
        ch->tail->next = node;
    else
        ch->head = node;
    ch->tail = node;
    pthread_cond_signal(&ch->readable);
    pthread_mutex_unlock(&ch->lock);
    return CHANNEL_OK;
}

/* The lock is held, and a message is queued. */
static void take(struct channel *ch, void *message)
{
    struct node *node = ch->head;

    memcpy(message, node->message, ch->message_size);
    ch->head = node->next;
    if (ch->head == NULL)
        ch->tail = NULL;
    free_node(ch, node);
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    struct channel *ch = rx->channel;
    enum channel_status status = CHANNEL_OK;

    lock(ch);
    if (ch->head != NULL)
        take(ch, message);
    else
        status = ch->senders > 0 ? CHANNEL_EMPTY : CHANNEL_CLOSED;
    pthread_mutex_unlock(&ch->lock);
    return status;
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    struct channel *ch = rx->channel;
    enum channel_status status = CHANNEL_OK;

    lock(ch);
    while (ch->head == NULL && ch->senders > 0)
        pthread_cond_wait(&ch->readable, &ch->lock);
    if (ch->head != NULL)
        take(ch, message);
    else
        status = CHANNEL_CLOSED;
    pthread_mutex_unlock(&ch->lock);
    return status;
}

void sender_drop(struct sender *tx)
{
    if (tx == NULL)
        return;
    struct channel *ch = tx->channel;
    lock(ch);
    ch->senders--;
    if (ch->senders == 0)
        pthread_cond_signal(&ch->readable);
    bool last = ch->senders == 0 && !ch->receiver_alive;
    pthread_mutex_unlock(&ch->lock);
    free(tx);
    if (last)
        destroy(ch);
}

void receiver_drop(struct receiver *rx)
{
    if (rx == NULL)
        return;
    struct channel *ch = rx->channel;
    lock(ch);
    ch->receiver_alive = false;
    bool last = ch->senders == 0;
    pthread_mutex_unlock(&ch->lock);
    free(rx);
    if (last)
        destroy(ch);
}
