/* channel_calls.h - the functions of channel.h, traced. */
#pragma once

UNSEEN enum channel_status traced_made(enum function function, enum channel_status status,
                                       size_t capacity, struct sender **tx, struct receiver **rx)
{
    if (status == CHANNEL_OK) {
        traced_forget(*tx);
        traced_forget(*rx);
    }
    traced_count(function, (int)status,
                 traced_bit(traced_capacity_of(capacity)) |
                     traced_bit(channels_open ? CHANNELS_2 : CHANNELS_1));
    if (status == CHANNEL_OK) {
        struct traced_channel *channel = traced_new_channel(capacity);
        traced_add_handle(*tx, channel);
        traced_add_handle(*rx, channel);
    }
    return status;
}

#define TRACED __attribute__((no_sanitize_thread))

TRACED enum channel_status channel_create(size_t message_size, struct sender **tx,
                                          struct receiver **rx)
{
    return traced_made(F_channel_create, inner_channel_create(message_size, tx, rx), SIZE_MAX, tx,
                       rx);
}

TRACED struct sender *sender_clone(struct sender *tx)
{
    struct traced_call call = begin_call(F_sender_clone, tx, false, false);
    struct sender *clone = inner_sender_clone(tx);

    end_call(&call, clone ? CHANNEL_OK : CHANNEL_NO_MEMORY, false, false, 0);
    if (clone)
        traced_add_handle(clone, call.channel);
    return clone;
}

TRACED void sender_drop(struct sender *tx)
{
    struct traced_call call = begin_drop(F_sender_drop, tx);

    inner_sender_drop(tx);
    end_call(&call, 0, false, false, 0);
}

TRACED void receiver_drop(struct receiver *rx)
{
    struct traced_call call = begin_drop(F_receiver_drop, rx);

    inner_receiver_drop(rx);
    end_call(&call, 0, false, false, 0);
}

/* One call on a handle: what it is made as, and how many messages it moves. */
#define TRACE(name, by, receives, sends, as, moves, ...)                                           \
    {                                                                                              \
        struct traced_call call = begin_call(F_##name, by, receives, sends);                       \
        enum channel_status status = inner_##name(__VA_ARGS__);                                    \
                                                                                                   \
        end_call(&call, (int)status, receives, sends, moves);                                      \
        if (call.handle)                                                                           \
            traced_note_before(&call, (int)status, as);                                            \
        return status;                                                                             \
    }

TRACED enum channel_status sender_send(struct sender *tx, const void *message)
    TRACE(sender_send, tx, false, true, BEFORE_BLOCKING, 1, tx, message)

        TRACED enum channel_status receiver_try_recv(struct receiver *rx, void *message)
            TRACE(receiver_try_recv, rx, false, false, BEFORE_TRYING, -1, rx, message)

#ifdef HAS_receiver_recv
                TRACED enum channel_status receiver_recv(struct receiver *rx, void *message)
                    TRACE(receiver_recv, rx, true, false, BEFORE_BLOCKING, -1, rx, message)
#endif

#ifdef HAS_channel_create_with_drop
                        TRACED enum channel_status
    channel_create_with_drop(size_t message_size, void (*drop)(void *message), struct sender **tx,
                             struct receiver **rx)
{
    return traced_made(F_channel_create_with_drop,
                       inner_channel_create_with_drop(message_size, drop, tx, rx), SIZE_MAX, tx,
                       rx);
}
#endif

#ifdef HAS_channel_create_bounded
TRACED enum channel_status channel_create_bounded(size_t message_size, size_t capacity,
                                                  void (*drop)(void *message), struct sender **tx,
                                                  struct receiver **rx)
{
    return traced_made(F_channel_create_bounded,
                       inner_channel_create_bounded(message_size, capacity, drop, tx, rx), capacity,
                       tx, rx);
}

TRACED enum channel_status sender_try_send(struct sender *tx, const void *message)
    TRACE(sender_try_send, tx, false, false, BEFORE_TRYING, 1, tx, message)
#endif

#ifdef HAS_receiver_recv_until
        TRACED enum channel_status
    receiver_recv_until(struct receiver *rx, void *message, const struct timespec *deadline)
        TRACE(receiver_recv_until, rx, true, false, BEFORE_TIMED, -1, rx, message, deadline)

            TRACED enum channel_status
    sender_send_until(struct sender *tx, const void *message, const struct timespec *deadline)
        TRACE(sender_send_until, tx, false, true, BEFORE_TIMED, 1, tx, message, deadline)
#endif

#ifdef HAS_receiver_select
            TRACED enum channel_status
    receiver_select(struct receiver *const receivers[], size_t n, const struct timespec *deadline,
                    size_t *ready) TRACE(receiver_select, n ? receivers[0] : NULL, true, false,
                                         BEFORE_SELECTING, 0, receivers, n, deadline, ready)
#endif
