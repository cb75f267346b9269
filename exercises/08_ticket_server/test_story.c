/* Suite of 08: stands between the server and its channel. A story tells what goes through it, and each
 * handle is one of ours, whatever the channel makes of them: so one that two threads use at a time, or
 * that is used after its drop, is seen. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "suite.h"

#include "told.h"

#define UNWATCHED __attribute__((no_sanitize("thread"))) /* the runs of a test are not to see it */

enum { MOST = 64, NONE = -1 };

/* What can be known of a channel from outside. While somebody is inside a call on it nobody can say how
 * many messages are queued. */
static struct channel {
    size_t capacity; /* 0: there is no limit */
    long queued;
    long senders;
    int inside;
} channels[MOST];
static int channel_count;

/* What the server holds for a sender or a receiver. */
struct handle {
    void *real;
    int channel; /* NONE: it is not told */
    int uses;
};

/* NULL for NULL. */
static void *handle_of(void *real, int channel)
{
    struct handle *handle = real ? allocate(sizeof *handle) : NULL;

    if (handle)
        *handle = (struct handle){real, channel, 0};
    return handle;
}

static bool watched;

void watch_handles(void)
{
    watched = true;
}

/* A call begins or ends that uses a handle. */
static void use(void *handle)
{
    struct handle *used = handle;

    if (watched && used)
        used->uses++;
}

static void *real_of(void *handle)
{
    struct handle *used = handle;

    return used ? used->real : NULL;
}

/* The same of one that is dropped, and is no more. */
static void *given_back(void *handle)
{
    void *real = real_of(handle);

    free(handle);
    return real;
}

UNWATCHED static int note_channel(size_t capacity)
{
    if (channel_count == MOST)
        return NONE;
    channels[channel_count] = (struct channel){.capacity = capacity, .senders = 1};
    return channel_count++;
}

UNWATCHED static void count_inside(int channel, int more)
{
    if (channel != NONE)
        channels[channel].inside += more;
}

/* A call begins on the channel of a handle; NONE: it is not told. */
static int enter(void *handle)
{
    struct handle *used = handle;
    int channel = used ? used->channel : NONE;

    use(handle);
    count_inside(channel, 1);
    return channel;
}

/* How many are queued, once it has returned and that many more are; NONE: who knows. */
UNWATCHED static long leave(int channel, int more)
{
    struct channel *ch = &channels[channel];

    ch->queued += more;
    count_inside(channel, -1);
    return ch->inside || ch->queued < 0 ? NONE : ch->queued;
}

UNWATCHED static long count_sender(int channel, int more)
{
    return channels[channel].senders += more;
}

UNWATCHED static size_t capacity_of(int channel)
{
    return channels[channel].capacity;
}

/* ----------------------------------------------------------------------------------- sending */

static void tell_sent(int channel, enum channel_status status)
{
    long queued = leave(channel, status == CHANNEL_OK);

    if (status == CHANNEL_CLOSED)
        tell_step("can't send {a what %d}: its receiver is dropped", channel);
    else if (status != CHANNEL_OK)
        tell_step("can't send {a what %d}: %s", channel, channel_status_names[status]);
    else if (queued == NONE)
        tell_step("sends {a what %d}", channel);
    else if (capacity_of(channel))
        tell_step("sends {a what %d}: %ld of %zu queued", channel, queued, capacity_of(channel));
    else
        tell_step("sends {a what %d}: %ld queued", channel, queued);
}

enum channel_status __real_sender_send(struct sender *tx, const void *message);
enum channel_status __wrap_sender_send(struct sender *tx, const void *message);

enum channel_status __wrap_sender_send(struct sender *tx, const void *message)
{
    int channel = enter(tx);
    enum channel_status status = __real_sender_send(real_of(tx), message);

    use(tx);
    if (channel != NONE)
        tell_sent(channel, status);
    return status;
}

enum channel_status __real_sender_try_send(struct sender *tx, const void *message);
enum channel_status __wrap_sender_try_send(struct sender *tx, const void *message);

enum channel_status __wrap_sender_try_send(struct sender *tx, const void *message)
{
    int channel = enter(tx);
    enum channel_status status = __real_sender_try_send(real_of(tx), message);

    use(tx);
    if (channel != NONE)
        tell_sent(channel, status);
    return status;
}

/* --------------------------------------------------------------------------------- receiving */

static void tell_received(int channel, enum channel_status status)
{
    long queued = leave(channel, status == CHANNEL_OK ? -1 : 0);

    if (status == CHANNEL_CLOSED)
        tell_step("gets no {what %d}: none is left, and no sender", channel);
    else if (status != CHANNEL_OK)
        tell_step("gets no {what %d}: %s", channel, channel_status_names[status]);
    else if (queued == NONE)
        tell_step("receives {a what %d}", channel);
    else
        tell_step("receives {a what %d}: %ld left", channel, queued);
}

enum channel_status __real_receiver_recv(struct receiver *rx, void *message);
enum channel_status __wrap_receiver_recv(struct receiver *rx, void *message);

enum channel_status __wrap_receiver_recv(struct receiver *rx, void *message)
{
    int channel = enter(rx);
    enum channel_status status = __real_receiver_recv(real_of(rx), message);

    use(rx);
    if (channel != NONE)
        tell_received(channel, status);
    return status;
}

enum channel_status __real_receiver_try_recv(struct receiver *rx, void *message);
enum channel_status __wrap_receiver_try_recv(struct receiver *rx, void *message);

enum channel_status __wrap_receiver_try_recv(struct receiver *rx, void *message)
{
    int channel = enter(rx);
    enum channel_status status = __real_receiver_try_recv(real_of(rx), message);

    use(rx);
    if (channel != NONE)
        tell_received(channel, status);
    return status;
}

/* ------------------------------------------------------------------------------- the handles */

/* What is handed out for the two ends that the channel made, and a step of the story. */
static enum channel_status created(enum channel_status status, size_t capacity, struct sender **tx,
                                   struct receiver **rx)
{
    int channel = NONE;

    if (status != CHANNEL_OK)
        return status;
    if (is_told())
        channel = note_channel(capacity);
    *tx = handle_of(*tx, channel);
    *rx = handle_of(*rx, channel);
    if (channel != NONE && capacity)
        tell_step("creates channel %d: room for %zu {%s %d}", channel, capacity,
                  capacity == 1 ? "what" : "whats", channel);
    else if (channel != NONE)
        tell_step("creates channel %d: for any number of {whats %d}", channel, channel);
    return status;
}

enum channel_status __real_channel_create_bounded(size_t message_size, size_t capacity,
                                                  void (*drop)(void *message), struct sender **tx,
                                                  struct receiver **rx);

enum channel_status told_create_bounded(size_t message_size, size_t capacity,
                                        void (*drop)(void *message), struct sender **tx,
                                        struct receiver **rx)
{
    return created(__real_channel_create_bounded(message_size, capacity, drop, tx, rx), capacity,
                   tx, rx);
}

enum channel_status __real_channel_create_with_drop(size_t message_size,
                                                    void (*drop)(void *message), struct sender **tx,
                                                    struct receiver **rx);
enum channel_status __wrap_channel_create_with_drop(size_t message_size,
                                                    void (*drop)(void *message), struct sender **tx,
                                                    struct receiver **rx);

enum channel_status __wrap_channel_create_with_drop(size_t message_size,
                                                    void (*drop)(void *message), struct sender **tx,
                                                    struct receiver **rx)
{
    return created(__real_channel_create_with_drop(message_size, drop, tx, rx), 0, tx, rx);
}

enum channel_status __real_channel_create(size_t message_size, struct sender **tx,
                                          struct receiver **rx);
enum channel_status __wrap_channel_create(size_t message_size, struct sender **tx,
                                          struct receiver **rx);

enum channel_status __wrap_channel_create(size_t message_size, struct sender **tx,
                                          struct receiver **rx)
{
    return created(__real_channel_create(message_size, tx, rx), 0, tx, rx);
}

struct sender *__real_sender_clone(struct sender *tx);

struct sender *told_clone(struct sender *tx)
{
    int channel = enter(tx);
    struct sender *clone = handle_of(__real_sender_clone(real_of(tx)), channel);

    use(tx);
    if (channel == NONE)
        return clone;
    leave(channel, 0);
    if (clone)
        tell_step("clones a sender of {whats %d}: there are %ld", channel,
                  count_sender(channel, 1));
    else
        tell_step("can't clone a sender of {whats %d}: no memory", channel);
    return clone;
}

void __real_sender_drop(struct sender *tx);
void __wrap_sender_drop(struct sender *tx);

void __wrap_sender_drop(struct sender *tx)
{
    int channel = enter(tx);
    long left = channel == NONE ? 0 : count_sender(channel, -1);

    if (channel != NONE && left > 0)
        tell_step("drops a sender of {whats %d}: %ld left", channel, left);
    else if (channel != NONE)
        tell_step("drops the last sender of {whats %d}", channel);
    __real_sender_drop(given_back(tx));
    if (channel != NONE)
        leave(channel, 0);
}

void __real_receiver_drop(struct receiver *rx);
void __wrap_receiver_drop(struct receiver *rx);

void __wrap_receiver_drop(struct receiver *rx)
{
    int channel = enter(rx);
    long queued = channel == NONE ? NONE : leave(channel, 0);

    if (channel != NONE && queued == NONE)
        tell_step("drops the receiver of {whats %d}", channel);
    else if (channel != NONE)
        tell_step("drops the receiver: %ld {%s %d} left", queued, queued == 1 ? "what" : "whats",
                  channel);
    __real_receiver_drop(given_back(rx));
}
