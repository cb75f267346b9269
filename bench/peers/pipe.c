/* A pipe with the functions of a channel: the kernel queues, wakes and tells the end. A message is
 * written with one write, which is atomic up to PIPE_BUF bytes; the receiver reads as much as there
 * is at once. A pipe is always bounded (64 KiB), so this is not a right answer to exercise 02. */
#include "../../exercises/04_bounded/channel.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BUFFER = 65536 };

struct sender {
    int fd;
    size_t size;
};

struct receiver {
    int fd;
    size_t size;
    size_t have; /* bytes in buffer, from begin on */
    size_t begin;
    char *buffer;
};

static struct sender *new_sender(int fd, size_t size)
{
    struct sender *tx = malloc(sizeof *tx);

    *tx = (struct sender){fd, size};
    return tx;
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    int fds[2];

    if (message_size > PIPE_BUF)
        return CHANNEL_INVALID; /* writes of several senders would mix */
    if (pipe(fds) != 0)
        return CHANNEL_NO_MEMORY;
    signal(SIGPIPE, SIG_IGN);
    *tx = new_sender(fds[1], message_size);
    *rx = malloc(sizeof **rx);
    **rx = (struct receiver){fds[0], message_size, 0, 0, malloc(BUFFER)};
    return CHANNEL_OK;
}

struct sender *sender_clone(struct sender *tx)
{
    return new_sender(dup(tx->fd), tx->size);
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    return write(tx->fd, message, tx->size) == (ssize_t)tx->size ? CHANNEL_OK : CHANNEL_CLOSED;
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    while (rx->have < rx->size) {
        ssize_t n;

        memmove(rx->buffer, rx->buffer + rx->begin, rx->have);
        rx->begin = 0;
        n = read(rx->fd, rx->buffer + rx->have, BUFFER - rx->have);
        if (n == 0 || (n < 0 && errno != EINTR))
            return CHANNEL_CLOSED;
        rx->have += n > 0 ? n : 0;
    }
    memcpy(message, rx->buffer + rx->begin, rx->size);
    rx->begin += rx->size;
    rx->have -= rx->size;
    return CHANNEL_OK;
}

void sender_drop(struct sender *tx)
{
    close(tx->fd);
    free(tx);
}

void receiver_drop(struct receiver *rx)
{
    close(rx->fd);
    free(rx->buffer);
    free(rx);
}
