/* Exercise 01: a channel within one thread. channel.h says what each function promises.
 *
 * Invariants
 *   (Yours. What is true of the structs below whenever no function is running?)
 */
#include "channel.h"
#include "../todo.h"

/* What does a channel have to remember? What can you find from a handle? Two kinds of handle lead to
 * one channel, and whoever goes last has to know that it is the last. */
struct sender {
    int todo;
};

struct receiver {
    int todo;
};

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    (void)message_size;
    (void)tx;
    (void)rx;
    TODO("channel_create");
}

struct sender *sender_clone(struct sender *tx)
{
    (void)tx;
    TODO("sender_clone");
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    (void)tx;
    (void)message;
    TODO("sender_send");
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    (void)rx;
    (void)message;
    TODO("receiver_try_recv");
}

void sender_drop(struct sender *tx)
{
    (void)tx;
    TODO("sender_drop");
}

void receiver_drop(struct receiver *rx)
{
    (void)rx;
    TODO("receiver_drop");
}
