/* channel.h - exercise 03: messages that own something.
 *
 * A channel can be given a function that drops a message, for those that nobody will receive.
 *
 *   01  channel_create  sender_clone  sender_send  receiver_try_recv  sender_drop  receiver_drop
 *   02  receiver_recv
 *   03  channel_create_with_drop                                                            (new)
 *
 * Changed from 02
 *   Ownership   CHANNEL_OK from sender_send hands the message over to the channel, CHANNEL_OK from
 *               receiver_recv or receiver_try_recv hands it over to the caller. After any other
 *               status it is where it was: a message that was not sent stays the caller's.
 *   Messages    Still message_size bytes each, whatever they mean: a tagged union, a struct larger
 *               than a cache line, a struct with pointers. A message may carry a struct sender *,
 *               of another channel or of this one.
 *   Callbacks   receiver_drop and sender_send may call the channel's drop function. No other
 *               function calls back into the caller.
 */
#pragma once

#include "../02_blocking/channel.h"

/* Makes a channel as channel_create does, whose messages are dropped with drop.
 *
 * drop: is called with a pointer to a message, valid during the call and aligned, as far as malloc
 * aligns, for any type of message_size bytes, and gives back what the message owns. NULL: messages
 * own nothing, as in channel_create.
 *
 * CHANNEL_OK         *tx and *rx are the two ends of a new, unbounded channel.
 * CHANNEL_INVALID    message_size is 0. *tx and *rx are untouched.
 * CHANNEL_NO_MEMORY  *tx and *rx are untouched, and nothing leaks.
 *
 * drop runs exactly once for every message that was sent with CHANNEL_OK and can no longer be
 * received: before receiver_drop returns or, for a send that meets receiver_drop, before that
 * sender_send returns. It never runs for a message that was received, nor for one whose send
 * failed.
 *
 * drop never runs while the channel holds a lock. It may itself send, clone and drop, with handles
 * of any channel, a sender of this very channel included. */
enum channel_status channel_create_with_drop(size_t message_size, void (*drop)(void *message),
                                             struct sender **tx, struct receiver **rx);
