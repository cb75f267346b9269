/* What is different: whoever has the lock does the work of all. A sender writes down what it wants on a sheet on its
 * stack and puts that on an atomic pile; whoever gets the lock then first serves the whole pile, oldest sheet first,
 * so that others find theirs served. The flat combining of Hendler, Incze, Shavit and Tzafrir (SPAA 2010). */
#include "channel.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct parcel {
    struct parcel *behind;
    unsigned char message[];
};

/* Written to by whoever has the lock, once it is on the pile. */
struct sheet {
    struct sheet *below;
    struct parcel *parcel;
    enum channel_status status;
    bool served;
};

struct channel {
    _Atomic(struct sheet *) pile;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct parcel *oldest, *newest;
    size_t message_size;
    size_t senders;
    bool receives;
};

struct sender {
    struct channel *channel;
};

struct receiver {
    struct channel *channel;
};

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    struct channel *ch;
    struct sender *sender;
    struct receiver *receiver;

    if (message_size == 0)
        return CHANNEL_INVALID;
    ch = calloc(1, sizeof *ch);
    sender = malloc(sizeof *sender);
    receiver = malloc(sizeof *receiver);
    if (ch == NULL || sender == NULL || receiver == NULL) {
        free(receiver);
        free(sender);
        free(ch);
        return CHANNEL_NO_MEMORY;
    }
    atomic_init(&ch->pile, NULL);
    pthread_mutex_init(&ch->lock, NULL);
    pthread_cond_init(&ch->wake, NULL);
    ch->message_size = message_size;
    ch->senders = 1;
    ch->receives = true;
    sender->channel = receiver->channel = ch;
    *tx = sender;
    *rx = receiver;
    return CHANNEL_OK;
}

static struct sheet *turned_over(struct sheet *pile)
{
    struct sheet *turned = NULL;

    while (pile != NULL) {
        struct sheet *below = pile->below;
        pile->below = turned;
        turned = pile;
        pile = below;
    }
    return turned;
}

static void queue_up(struct channel *ch, struct parcel *parcel)
{
    if (ch->newest != NULL)
        ch->newest->behind = parcel;
    else
        ch->oldest = parcel;
    ch->newest = parcel;
    pthread_cond_signal(&ch->wake);
}

/* Gets the lock, and does what has been asked for until then. */
static void enter(struct channel *ch)
{
    pthread_mutex_lock(&ch->lock);
    for (struct sheet *sheet = turned_over(atomic_exchange(&ch->pile, NULL)), *next; sheet != NULL;
         sheet = next) {
        next = sheet->below;
        sheet->status = ch->receives ? CHANNEL_OK : CHANNEL_CLOSED;
        if (ch->receives)
            queue_up(ch, sheet->parcel);
        sheet->served = true;
    }
}

/* Gives the lock back; of both ends nobody is left, if this was the last one. */
static void leave(struct channel *ch)
{
    bool is_over = ch->senders == 0 && !ch->receives;

    pthread_mutex_unlock(&ch->lock);
    if (!is_over)
        return;
    while (ch->oldest != NULL) {
        struct parcel *oldest = ch->oldest;
        ch->oldest = oldest->behind;
        free(oldest);
    }
    pthread_cond_destroy(&ch->wake);
    pthread_mutex_destroy(&ch->lock);
    free(ch);
}

struct sender *sender_clone(struct sender *tx)
{
    struct sender *clone = malloc(sizeof *clone);

    if (clone == NULL)
        return NULL;
    *clone = *tx;
    enter(tx->channel);
    tx->channel->senders++;
    leave(tx->channel);
    return clone;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct channel *ch = tx->channel;
    struct sheet sheet = {.status = CHANNEL_NO_MEMORY, .served = false};

    if (ch->message_size > SIZE_MAX - sizeof *sheet.parcel)
        return CHANNEL_NO_MEMORY;
    sheet.parcel = malloc(sizeof *sheet.parcel + ch->message_size);
    if (sheet.parcel == NULL)
        return CHANNEL_NO_MEMORY;
    sheet.parcel->behind = NULL;
    memcpy(sheet.parcel->message, message, ch->message_size);
    sheet.below = atomic_load(&ch->pile);
    while (!atomic_compare_exchange_weak(&ch->pile, &sheet.below, &sheet))
        continue;
    pthread_mutex_lock(&ch->lock);
    bool served = sheet.served;
    pthread_mutex_unlock(&ch->lock);
    if (!served) {
        enter(ch);
        leave(ch);
    }
    if (sheet.status != CHANNEL_OK)
        free(sheet.parcel);
    return sheet.status;
}

static enum channel_status take(struct channel *ch, void *message)
{
    struct parcel *oldest = ch->oldest;

    if (oldest == NULL)
        return ch->senders > 0 ? CHANNEL_EMPTY : CHANNEL_CLOSED;
    memcpy(message, oldest->message, ch->message_size);
    ch->oldest = oldest->behind;
    if (ch->oldest == NULL)
        ch->newest = NULL;
    free(oldest);
    return CHANNEL_OK;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    enum channel_status status;

    enter(rx->channel);
    status = take(rx->channel, message);
    leave(rx->channel);
    return status;
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    struct channel *ch = rx->channel;
    enum channel_status status;

    enter(ch);
    while ((status = take(ch, message)) == CHANNEL_EMPTY)
        pthread_cond_wait(&ch->wake, &ch->lock);
    leave(ch);
    return status;
}

void sender_drop(struct sender *tx)
{
    if (tx == NULL)
        return;
    enter(tx->channel);
    if (--tx->channel->senders == 0)
        pthread_cond_signal(&tx->channel->wake);
    leave(tx->channel);
    free(tx);
}

void receiver_drop(struct receiver *rx)
{
    if (rx == NULL)
        return;
    enter(rx->channel);
    rx->channel->receives = false;
    leave(rx->channel);
    free(rx);
}
