/* Known right: condition variables by the system's clock, as they come. A deadline is carried over to that
 * clock again and again, and only CLOCK_MONOTONIC decides whether it has passed. A select is told
 * through a party of its own on the heap, kept alive by whoever knows of it, and told without a lock. */
#include "channel.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BILLION 1000000000L

typedef struct item {
    struct item *next;
    max_align_t data[];
} Item;

typedef struct party {
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    int guests; /* who knows of it */
    bool over;
} Party;

typedef struct channel {
    pthread_mutex_t mutex;
    pthread_cond_t nonempty, nonfull;
    Item *oldest, *newest, *unused;
    size_t queued, bound, message_size;
    void (*drop)(void *);
    size_t senders;
    bool receiver_there;
    Party *party;
} Channel;

struct sender {
    Channel *channel;
};
struct receiver {
    Channel *channel;
};

/* Sleeps for a while. False, without having slept, when the deadline has passed. */
static bool sleep_a_bit(pthread_cond_t *cond, pthread_mutex_t *mutex,
                        const struct timespec *deadline)
{
    struct timespec now, wake;
    time_t seconds;

    if (!deadline) {
        pthread_cond_wait(cond, mutex);
        return true;
    }
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (now.tv_sec > deadline->tv_sec ||
        (now.tv_sec == deadline->tv_sec && now.tv_nsec >= deadline->tv_nsec))
        return false;
    seconds = deadline->tv_sec - now.tv_sec;
    if (seconds > 1000000)
        seconds = 1000000;
    clock_gettime(CLOCK_REALTIME, &wake);
    wake.tv_sec += seconds;
    wake.tv_nsec += deadline->tv_nsec - now.tv_nsec;
    if (wake.tv_nsec >= BILLION) {
        wake.tv_nsec -= BILLION;
        wake.tv_sec++;
    } else if (wake.tv_nsec < 0) {
        wake.tv_nsec += BILLION;
        wake.tv_sec--;
    }
    pthread_cond_timedwait(cond, mutex, &wake);
    return true;
}

static bool wrong(const struct timespec *deadline)
{
    return deadline && (deadline->tv_nsec < 0 || deadline->tv_nsec >= BILLION);
}

static Item *new_item(size_t size)
{
    return size > SIZE_MAX - sizeof(Item) ? NULL : malloc(sizeof(Item) + size);
}

static void free_items(Item *i)
{
    for (Item *next; i; i = next) {
        next = i->next;
        free(i);
    }
}

static void free_channel(Channel *c)
{
    pthread_mutex_destroy(&c->mutex);
    pthread_cond_destroy(&c->nonempty);
    pthread_cond_destroy(&c->nonfull);
    free_items(c->oldest);
    free_items(c->unused);
    free(c);
}

static enum channel_status new_channel(size_t size, size_t bound, void (*drop)(void *),
                                       struct sender **tx, struct receiver **rx)
{
    Channel *c;
    struct sender *s;
    struct receiver *r;
    size_t i;

    if (bound && size > SIZE_MAX / bound)
        return CHANNEL_NO_MEMORY;
    if (!(c = calloc(1, sizeof(Channel))))
        return CHANNEL_NO_MEMORY;
    pthread_mutex_init(&c->mutex, NULL);
    pthread_cond_init(&c->nonempty, NULL);
    pthread_cond_init(&c->nonfull, NULL);
    c->message_size = size;
    c->bound = bound;
    c->drop = drop;
    c->senders = 1;
    c->receiver_there = true;
    for (i = 0; i < bound; i++) {
        Item *item = new_item(size);
        if (!item)
            break;
        item->next = c->unused;
        c->unused = item;
    }
    s = malloc(sizeof(*s));
    r = malloc(sizeof(*r));
    if (i < bound || !s || !r) {
        free(s);
        free(r);
        free_channel(c);
        return CHANNEL_NO_MEMORY;
    }
    s->channel = r->channel = c;
    *tx = s;
    *rx = r;
    return CHANNEL_OK;
}

enum channel_status channel_create(size_t size, struct sender **tx, struct receiver **rx)
{
    if (!size)
        return CHANNEL_INVALID;
    return new_channel(size, 0, NULL, tx, rx);
}

enum channel_status channel_create_with_drop(size_t size, void (*drop)(void *), struct sender **tx,
                                             struct receiver **rx)
{
    if (!size)
        return CHANNEL_INVALID;
    return new_channel(size, 0, drop, tx, rx);
}

enum channel_status channel_create_bounded(size_t size, size_t capacity, void (*drop)(void *),
                                           struct sender **tx, struct receiver **rx)
{
    if (!size || !capacity)
        return CHANNEL_INVALID;
    return new_channel(size, capacity, drop, tx, rx);
}

struct sender *sender_clone(struct sender *tx)
{
    struct sender *s = malloc(sizeof(*s));
    if (s) {
        *s = *tx;
        pthread_mutex_lock(&s->channel->mutex);
        s->channel->senders++;
        pthread_mutex_unlock(&s->channel->mutex);
    }
    return s;
}

static void leave_party(Party *p)
{
    bool last;

    pthread_mutex_lock(&p->mutex);
    last = --p->guests == 0;
    pthread_mutex_unlock(&p->mutex);
    if (last) {
        pthread_mutex_destroy(&p->mutex);
        pthread_cond_destroy(&p->cond);
        free(p);
    }
}

/* Tells a party that one knows of, and forgets it. */
static void end_party(Party *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->mutex);
    p->over = true;
    pthread_mutex_unlock(&p->mutex);
    pthread_cond_signal(&p->cond);
    leave_party(p);
}

static Party *take_party(Channel *c)
{
    Party *p = c->party;
    c->party = NULL;
    return p;
}

enum way { TRY, WAIT };

static enum channel_status transmit(Channel *c, const void *message, enum way way,
                                    const struct timespec *deadline)
{
    Item *item = NULL;
    Party *party = NULL;
    enum channel_status result;

    if (!c->bound)
        item = new_item(c->message_size);
    pthread_mutex_lock(&c->mutex);
    while (way == WAIT && c->bound && c->queued == c->bound && c->receiver_there)
        if (!sleep_a_bit(&c->nonfull, &c->mutex, deadline))
            break;
    if (!c->receiver_there)
        result = CHANNEL_CLOSED;
    else if (c->bound && c->queued == c->bound)
        result = way == TRY ? CHANNEL_FULL : CHANNEL_TIMEOUT;
    else if (!c->bound && !item)
        result = CHANNEL_NO_MEMORY;
    else
        result = CHANNEL_OK;
    if (result == CHANNEL_OK) {
        if (c->bound) {
            item = c->unused;
            c->unused = item->next;
        }
        memcpy(item->data, message, c->message_size);
        item->next = NULL;
        if (c->oldest)
            c->newest->next = item;
        else
            c->oldest = item;
        c->newest = item;
        c->queued++;
        item = NULL;
        pthread_cond_signal(&c->nonempty);
        party = take_party(c);
    }
    pthread_mutex_unlock(&c->mutex);
    end_party(party);
    free(item);
    return result;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    return transmit(tx->channel, message, WAIT, NULL);
}

enum channel_status sender_try_send(struct sender *tx, const void *message)
{
    return transmit(tx->channel, message, TRY, NULL);
}

enum channel_status sender_send_until(struct sender *tx, const void *message,
                                      const struct timespec *deadline)
{
    return wrong(deadline) ? CHANNEL_INVALID : transmit(tx->channel, message, WAIT, deadline);
}

static enum channel_status take(Channel *c, void *message, enum way way,
                                const struct timespec *deadline)
{
    Item *item;
    enum channel_status result = CHANNEL_OK;

    pthread_mutex_lock(&c->mutex);
    while (way == WAIT && !c->oldest && c->senders)
        if (!sleep_a_bit(&c->nonempty, &c->mutex, deadline))
            break;
    item = c->oldest;
    if (item) {
        c->oldest = item->next;
        c->queued--;
        memcpy(message, item->data, c->message_size);
        if (c->bound) {
            item->next = c->unused;
            c->unused = item;
            item = NULL;
            pthread_cond_signal(&c->nonfull);
        }
    } else if (!c->senders) {
        result = CHANNEL_CLOSED;
    } else {
        result = way == TRY ? CHANNEL_EMPTY : CHANNEL_TIMEOUT;
    }
    pthread_mutex_unlock(&c->mutex);
    free(item);
    return result;
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    return take(rx->channel, message, WAIT, NULL);
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    return take(rx->channel, message, TRY, NULL);
}

enum channel_status receiver_recv_until(struct receiver *rx, void *message,
                                        const struct timespec *deadline)
{
    return wrong(deadline) ? CHANNEL_INVALID : take(rx->channel, message, WAIT, deadline);
}

static bool is_ready(Channel *c)
{
    return c->oldest || !c->senders;
}

/* Brings the party to a channel that is not ready. */
static bool invite(Channel *c, Party *p)
{
    bool ready;

    pthread_mutex_lock(&c->mutex);
    ready = is_ready(c);
    if (!ready) {
        pthread_mutex_lock(&p->mutex);
        p->guests++;
        pthread_mutex_unlock(&p->mutex);
        c->party = p;
    }
    pthread_mutex_unlock(&c->mutex);
    return ready;
}

static bool uninvite(Channel *c)
{
    Party *p;
    bool ready;

    pthread_mutex_lock(&c->mutex);
    p = take_party(c);
    ready = is_ready(c);
    pthread_mutex_unlock(&c->mutex);
    if (p)
        leave_party(p);
    return ready;
}

enum channel_status receiver_select(struct receiver *const receivers[], size_t n,
                                    const struct timespec *deadline, size_t *ready)
{
    Party *p;
    size_t i, answer = n;

    if (!n || wrong(deadline))
        return CHANNEL_INVALID;
    if (!(p = malloc(sizeof(*p))))
        return CHANNEL_NO_MEMORY;
    pthread_mutex_init(&p->mutex, NULL);
    pthread_cond_init(&p->cond, NULL);
    p->guests = 1;
    p->over = false;
    for (i = 0; i < n && answer == n; i++)
        if (invite(receivers[i]->channel, p))
            answer = i;
    if (answer == n) {
        pthread_mutex_lock(&p->mutex);
        while (!p->over && sleep_a_bit(&p->cond, &p->mutex, deadline))
            ;
        pthread_mutex_unlock(&p->mutex);
    }
    while (i-- > 0)
        if (uninvite(receivers[i]->channel))
            answer = i;
    leave_party(p);
    if (answer == n)
        return CHANNEL_TIMEOUT;
    *ready = answer;
    return CHANNEL_OK;
}

void sender_drop(struct sender *tx)
{
    Channel *c;
    Party *party = NULL;
    bool last;

    if (!tx)
        return;
    c = tx->channel;
    free(tx);
    pthread_mutex_lock(&c->mutex);
    if (!--c->senders) {
        pthread_cond_signal(&c->nonempty);
        party = take_party(c);
    }
    last = !c->senders && !c->receiver_there;
    pthread_mutex_unlock(&c->mutex);
    end_party(party);
    if (last)
        free_channel(c);
}

void receiver_drop(struct receiver *rx)
{
    Channel *c;
    Item *left;
    void (*drop)(void *);
    bool last;

    if (!rx)
        return;
    c = rx->channel;
    free(rx);
    pthread_mutex_lock(&c->mutex);
    c->receiver_there = false;
    left = c->oldest;
    c->oldest = NULL;
    drop = c->drop;
    pthread_cond_broadcast(&c->nonfull);
    last = !c->senders;
    pthread_mutex_unlock(&c->mutex);
    if (last)
        free_channel(c);
    if (drop)
        for (Item *i = left; i; i = i->next)
            drop(i->data);
    free_items(left);
}
