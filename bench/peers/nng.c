/* nng (nanomsg next generation) with the functions of a channel: a PULL socket for the receiver
 * and a PUSH socket for each sender, over inproc. It buffers some messages a socket and then
 * makes the sender wait. It does not tell the end, so each sender ends with an empty message. */
#include "../../exercises/02_blocking/channel.h"

#include <nng/nng.h>
#include <nng/protocol/pipeline0/pull.h>
#include <nng/protocol/pipeline0/push.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUFFERED = 128 };

struct receiver {
    nng_socket socket;
    size_t size;
    atomic_int senders; /* whose end has not been received */
    char url[40];
};

struct sender {
    nng_socket socket;
    struct receiver *to;
};

static struct sender *connect_sender(struct receiver *rx)
{
    struct sender *tx = malloc(sizeof *tx);

    tx->to = rx;
    if (nng_push0_open(&tx->socket) != 0)
        exit(2);
    nng_socket_set_int(tx->socket, NNG_OPT_SENDBUF, BUFFERED);
    if (nng_dial(tx->socket, rx->url, NULL, 0) != 0)
        exit(2);
    return tx;
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    static atomic_int channels;
    struct receiver *receiver = malloc(sizeof *receiver);

    receiver->size = message_size;
    atomic_init(&receiver->senders, 1);
    snprintf(receiver->url, sizeof receiver->url, "inproc://%d", atomic_fetch_add(&channels, 1));
    if (nng_pull0_open(&receiver->socket) != 0)
        exit(2);
    nng_socket_set_int(receiver->socket, NNG_OPT_RECVBUF, BUFFERED);
    if (nng_listen(receiver->socket, receiver->url, NULL, 0) != 0)
        exit(2);
    *tx = connect_sender(receiver);
    *rx = receiver;
    return CHANNEL_OK;
}

struct sender *sender_clone(struct sender *tx)
{
    atomic_fetch_add(&tx->to->senders, 1);
    return connect_sender(tx->to);
}

static enum channel_status send_bytes(struct sender *tx, const void *bytes, size_t size)
{
    nng_msg *message;

    if (nng_msg_alloc(&message, 0) != 0)
        return CHANNEL_NO_MEMORY;
    nng_msg_append(message, bytes, size);
    if (nng_sendmsg(tx->socket, message, 0) == 0)
        return CHANNEL_OK;
    nng_msg_free(message);
    return CHANNEL_CLOSED;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    return send_bytes(tx, message, tx->to->size);
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    nng_msg *got;

    while (nng_recvmsg(rx->socket, &got, 0) == 0) {
        size_t size = nng_msg_len(got);

        memcpy(message, nng_msg_body(got), size);
        nng_msg_free(got);
        if (size > 0)
            return CHANNEL_OK;
        if (atomic_fetch_sub(&rx->senders, 1) == 1)
            break;
    }
    return CHANNEL_CLOSED;
}

void sender_drop(struct sender *tx)
{
    send_bytes(tx, NULL, 0); /* the socket stays open: closing it would lose messages */
    free(tx);
}

void receiver_drop(struct receiver *rx)
{
    nng_close(rx->socket);
}
