/* trace.h - notes in which situation each call of the API is made, and what it answers.
 *
 * It stands between a suite and a solution, in one file with both (trace.py): the solution's functions are called
 * inner_NAME there. What is counted goes to the file that SITUATIONS= names, shared by all processes of a test:
 * counts[function][status][situation]. Nothing here is seen by the scheduler. */
#pragma once

#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define UNSEEN __attribute__((no_sanitize_thread, noinline, unused)) static

enum situation {
    CAPACITY_1,
    CAPACITY_2,
    CAPACITY_3,
    CAPACITY_MANY,
    CAPACITY_NONE,
    OFFSET_0,
    OFFSET_FURTHER,
    ASLEEP_NOBODY,
    ASLEEP_RECEIVER,
    ASLEEP_SENDER,
    ASLEEP_SENDERS,
    CHANNELS_1,
    CHANNELS_2,
    USE_FIRST,
    USE_LATER,
    THREAD_OWN,
    THREAD_HANDED,
    BEFORE_NONE,
    BEFORE_BLOCKING,
    BEFORE_TRYING,
    BEFORE_TIMED,
    BEFORE_SELECTING,
    BEFORE_FAILED,
    INSIDE_NOBODY,
    INSIDE_ANOTHER,
    SITUATIONS
};

enum { MOST_STATUSES = 8, MOST_HANDLES = 1 << 11, MOST_CHANNELS = 512, KEPT_AT = 0x5e };

struct traced_channel {
    size_t capacity, taken;
    long queued;
    unsigned handles, inside, entered, receivers,
        senders; /* the last two: inside calls that may sleep */
};

struct traced_handle {
    const void *handle;
    struct traced_channel *channel;
    pthread_t thread;
    unsigned uses;
    enum situation before;
    bool has_failed;
};

struct traced_call {
    struct traced_handle *handle;
    struct traced_channel *channel;
    enum function function;
    uint32_t situations;
    unsigned entered;
};

static struct traced_channel traced_channels[MOST_CHANNELS];
static struct traced_handle traced_handles[MOST_HANDLES];
static unsigned channels_open;
static uint32_t (*counts)[MOST_STATUSES][SITUATIONS];

UNSEEN void open_counts(void)
{
    const char *name = getenv("SITUATIONS");
    int file = name ? open(name, O_RDWR) : -1;

    if (file < 0)
        abort();
    counts = mmap((void *)((uintptr_t)KEPT_AT << 40), sizeof *counts * FUNCTIONS,
                  PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0);
    close(file);
}

/* The place of a handle in the table; NULL: it is not known, or there is no room. */
UNSEEN struct traced_handle *traced_place_of(const void *handle, bool is_new)
{
    size_t at = (uintptr_t)handle / 16 * 2654435761u;

    for (size_t i = 0; i < 16; i++) {
        struct traced_handle *found = &traced_handles[(at + i) % MOST_HANDLES];
        if (is_new ? !found->channel : found->handle == handle && found->channel)
            return found;
    }
    return NULL;
}

UNSEEN void traced_add_handle(const void *handle, struct traced_channel *channel)
{
    struct traced_handle *place = channel ? traced_place_of(handle, true) : NULL;

    if (!place)
        return;
    *place = (struct traced_handle){handle, channel, pthread_self(), 0, BEFORE_NONE, false};
    channels_open += channel->handles++ == 0;
}

UNSEEN struct traced_channel *traced_new_channel(size_t capacity)
{
    for (unsigned i = 0; i < MOST_CHANNELS; i++)
        if (!traced_channels[i].handles && !traced_channels[i].inside) {
            traced_channels[i] = (struct traced_channel){.capacity = capacity};
            return &traced_channels[i];
        }
    return NULL;
}

/* A handle of a new channel is no other's: what is known of its address is left from a schedule that was cut
 * short, and goes with all of that channel. */
UNSEEN void traced_forget(const void *handle)
{
    const struct traced_handle *left = traced_place_of(handle, false);
    struct traced_channel *channel = left ? left->channel : NULL;

    for (size_t i = 0; channel && i < MOST_HANDLES; i++)
        if (traced_handles[i].channel == channel)
            traced_handles[i].channel = NULL;
    if (channel) {
        channels_open -= channel->handles > 0;
        *channel = (struct traced_channel){0};
    }
}

UNSEEN uint32_t traced_bit(enum situation situation)
{
    return UINT32_C(1) << situation;
}

UNSEEN enum situation traced_capacity_of(size_t capacity)
{
    return capacity == SIZE_MAX ? CAPACITY_NONE
           : capacity > 3       ? CAPACITY_MANY
                                : CAPACITY_1 + (unsigned)capacity - (capacity > 0);
}

UNSEEN uint32_t traced_sleepers(const struct traced_channel *channel)
{
    uint32_t found = 0;

    if (channel->receivers && channel->queued <= 0)
        found |= traced_bit(ASLEEP_RECEIVER);
    if (channel->senders && channel->queued >= (long)channel->capacity)
        found |= traced_bit(channel->senders > 1 ? ASLEEP_SENDERS : ASLEEP_SENDER);
    return found ? found : traced_bit(ASLEEP_NOBODY);
}

UNSEEN uint32_t traced_situations_of(const struct traced_handle *handle)
{
    const struct traced_channel *channel = handle->channel;
    bool is_at_0 = channel->capacity == SIZE_MAX ? channel->taken == 0
                                                 : channel->taken % channel->capacity == 0;

    return traced_bit(traced_capacity_of(channel->capacity)) |
           traced_bit(is_at_0 ? OFFSET_0 : OFFSET_FURTHER) | traced_sleepers(channel) |
           traced_bit(channels_open > 1 ? CHANNELS_2 : CHANNELS_1) |
           traced_bit(handle->uses ? USE_LATER : USE_FIRST) |
           traced_bit(pthread_equal(handle->thread, pthread_self()) ? THREAD_OWN : THREAD_HANDED) |
           traced_bit(handle->before) | (handle->has_failed ? traced_bit(BEFORE_FAILED) : 0);
}

/* A call begins that may sleep as a receiver or as a sender does, or as neither. */
UNSEEN struct traced_call begin_call(enum function function, const void *handle, bool receives,
                                     bool sends)
{
    struct traced_call call = {.function = function};

    call.handle = traced_place_of(handle, false);
    if (!call.handle)
        return call;
    call.channel = call.handle->channel;
    call.situations = traced_situations_of(call.handle);
    if (call.channel->inside)
        call.situations |= traced_bit(INSIDE_ANOTHER);
    call.handle->uses++;
    call.handle->thread = pthread_self();
    call.channel->inside++;
    call.entered = ++call.channel->entered;
    call.channel->receivers += receives;
    call.channel->senders += sends;
    return call;
}

UNSEEN void traced_count(enum function function, int status, uint32_t situations)
{
    if (!counts)
        open_counts();
    for (unsigned s = 0; s < SITUATIONS; s++)
        if (situations >> s & 1)
            counts[function][(unsigned)status % MOST_STATUSES][s]++;
}

UNSEEN void traced_note_before(const struct traced_call *call, int status, enum situation as)
{
    call->handle->before = as;
    call->handle->has_failed = status != 0;
}

/* moves: how many messages it puts in, or takes out if that is below 0, when it answers 0. */
UNSEEN void end_call(struct traced_call *call, int status, bool receives, bool sends, int moves)
{
    struct traced_channel *channel = call->channel;

    if (!channel) {
        traced_count(call->function, status,
                     traced_bit(INSIDE_NOBODY)); /* NULL, or one of very many */
        return;
    }
    if (channel->entered != call->entered)
        call->situations |= traced_bit(INSIDE_ANOTHER);
    if (!(call->situations & traced_bit(INSIDE_ANOTHER)))
        call->situations |= traced_bit(INSIDE_NOBODY);
    channel->inside--;
    channel->receivers -= receives;
    channel->senders -= sends;
    channel->queued += status == 0 ? moves : 0;
    channel->taken += status == 0 && moves < 0;
    traced_count(call->function, status, call->situations);
}

/* The call before its last: the handle goes with it. */
UNSEEN struct traced_call begin_drop(enum function function, const void *handle)
{
    struct traced_call call = begin_call(function, handle, false, false);

    if (call.handle) {
        channels_open -= --call.channel->handles == 0;
        call.handle->channel = NULL;
    }
    return call;
}
