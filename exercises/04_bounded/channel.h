/* channel.h - exercise 04: a channel with a capacity.
 *
 * A bounded channel holds at most capacity messages: a sender faster than the receiver sleeps.
 *
 *   01  channel_create  sender_clone  sender_send  receiver_try_recv  sender_drop  receiver_drop
 *   02  receiver_recv
 *   03  channel_create_with_drop
 *   04  channel_create_bounded  sender_try_send                                             (new)
 *
 * Changed from 03
 *   Blocking    On a bounded channel sender_send sleeps while capacity messages are queued. Taking
 *               a message wakes a sleeping sender; receiver_drop wakes all of them, and they say
 *               CHANNEL_CLOSED. Sleeping uses no processor time.
 *   Memory      A bounded channel takes all memory for its messages when it is created. Sending on
 *               it never allocates and never says CHANNEL_NO_MEMORY.
 *   Callbacks   sender_try_send may call the channel's drop function, as sender_send may.
 *   Unbounded   The channels of channel_create and channel_create_with_drop are as before.
 */
#pragma once

#include "../03_message_type/channel.h"

/* Makes a channel as channel_create_with_drop does, which holds at most capacity messages.
 *
 * CHANNEL_OK         *tx and *rx are the two ends of a new channel with that capacity.
 * CHANNEL_INVALID    message_size is 0 or capacity is 0. *tx and *rx are untouched.
 * CHANNEL_NO_MEMORY  Also when message_size * capacity overflows. *tx and *rx are untouched, and
 *                    nothing leaks. */
enum channel_status channel_create_bounded(size_t message_size, size_t capacity,
                                           void (*drop)(void *message), struct sender **tx,
                                           struct receiver **rx);

/* Sends like sender_send, but never sleeps. Works on unbounded channels, too.
 *
 * message: points to message_size bytes, copied in; unless CHANNEL_OK, it stays the caller's and
 * the channel is as before.
 *
 * CHANNEL_OK         The message is sent.
 * CHANNEL_FULL       capacity messages are queued; a send that has not returned yet may count.
 *                    Bounded channels only, and not when CHANNEL_CLOSED applies.
 * CHANNEL_CLOSED     The receiver has been dropped, full or not.
 * CHANNEL_NO_MEMORY  Unbounded channels only. */
enum channel_status sender_try_send(struct sender *tx, const void *message);
