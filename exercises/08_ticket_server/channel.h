/* channel.h - exercise 08: the channel, at work in a program.
 *
 * Nothing is added: the ticket server is written on the channel of 04 as it is. channel.c takes
 * yours over from there; to use another channel, put that in its place.
 *
 *   01  channel_create  sender_clone  sender_send  receiver_try_recv  sender_drop  receiver_drop
 *   02  receiver_recv
 *   03  channel_create_with_drop
 *   04  channel_create_bounded  sender_try_send
 *
 * What you write is ticket_server.c; its contract is ticket_server.h.
 */
#pragma once

#include "../04_bounded/channel.h"
