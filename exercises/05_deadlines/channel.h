/* channel.h - exercise 05: waiting until a deadline, and no longer.
 *
 * receiver_recv and sender_send get a sibling each that gives up at a point in time.
 *
 *   01  channel_create  sender_clone  sender_send  receiver_try_recv  sender_drop  receiver_drop
 *   02  receiver_recv
 *   03  channel_create_with_drop
 *   04  channel_create_bounded  sender_try_send
 *   05  receiver_recv_until  sender_send_until                                              (new)
 *
 * Deadlines
 *   A deadline is a point in time, not a length of time: the caller reads CLOCK_MONOTONIC and adds.
 *   NULL is no deadline: the call sleeps as long as it takes. A negative tv_sec is long past. A
 *   tv_nsec outside 0 ... 999,999,999 is no time at all: CHANNEL_INVALID at once, whatever could be
 *   had. Otherwise what can be had wins over a deadline that has passed, so that one is a question
 *   asked without sleeping. *deadline is only read, and only during the call.
 *
 * Changed from 04
 *   Blocking    These two block as well. Sleeping still uses no processor time.
 */
#pragma once

#include "../04_bounded/channel.h"

#include <time.h>

/* Takes the next message, sleeping until deadline at most while the channel is empty and at least
 * one sender is left.
 *
 * message: receives message_size bytes, copied out; from then on they belong to the caller.
 *
 * CHANNEL_OK       *message holds the oldest message. A queued message always comes first, before
 *                  CLOSED and before TIMEOUT.
 * CHANNEL_CLOSED   Every sender has been dropped and every message has been received, now and for
 *                  good. Comes before TIMEOUT.
 * CHANNEL_TIMEOUT  The deadline has passed, nothing is queued, and a sender is left. Never said
 *                  before the deadline.
 * CHANNEL_INVALID  deadline->tv_nsec is out of range. Nothing was received.
 * Unless OK, *message is untouched and the channel is as before.
 *
 * Woken as receiver_recv is: by a message, and by the last sender's drop. */
enum channel_status receiver_recv_until(struct receiver *rx, void *message,
                                        const struct timespec *deadline);

/* Sends a message, sleeping until deadline at most while a bounded channel is full.
 *
 * message: message_size bytes, copied in. Unless OK, what they own stays the caller's.
 *
 * CHANNEL_OK         The message is queued. Where there is room it is, even after the deadline.
 * CHANNEL_CLOSED     The receiver has been dropped, before the call or during it. Comes before
 *                    TIMEOUT.
 * CHANNEL_TIMEOUT    The deadline has passed and the channel is full: bounded channels only. Never
 *                    said before the deadline. The message was not sent.
 * CHANNEL_NO_MEMORY  Unbounded channels only. The message was not sent.
 * CHANNEL_INVALID    deadline->tv_nsec is out of range. The message was not sent.
 * Unless OK, the channel is as before, and drop does not run for the message.
 *
 * Woken as sender_send is: by room, and by the receiver's drop. A call that times out takes no
 * wake-up away from a sender that still sleeps. */
enum channel_status sender_send_until(struct sender *tx, const void *message,
                                      const struct timespec *deadline);
