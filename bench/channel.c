/* channel.c - measures a channel: the same workloads for every one that has the functions of 02.
 *
 *   channel unbounded MESSAGES SENDERS SIZE     senders send, one receiver receives until closed
 *   channel bounded   MESSAGES SENDERS SIZE CAPACITY
 *   channel pingpong  MESSAGES                  there and back over two channels
 *   channel requests  MESSAGES CLIENTS SIZE     one server answers over each client's own channel
 *   channel queued    MESSAGES 1 SIZE           memory that queued messages take
 *   channel emptied   MESSAGES 1 SIZE           memory that is kept when all of them are received
 *   channel at_rest   CHANNELS 1 SIZE           memory that channels without messages take
 *
 * Prints "SECONDS MESSAGES BYTES": how long it took, how many arrived, and for the last three
 * workloads by how much the process has grown. Exits with 2 when the channel can't do the workload,
 * and with 3 when a function of it is not implemented yet. */
#include "../exercises/04_bounded/channel.h"

#include "../exercises/todo.h"
#include "program.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#pragma weak channel_create_bounded /* a channel of 02 or 07 has none */

struct options {
    const char *workload;
    long messages;
    int threads;
    size_t size;
    size_t capacity;
};

struct sending {
    struct sender *tx;
    long messages;
    size_t size;
    pthread_barrier_t *start;
};

struct client {
    struct sending requests;
    struct receiver *replies;
    int number;
};

_Noreturn void todo_reached(const char *function)
{
    fprintf(stderr, "not implemented yet: %s\n", function);
    exit(3);
}

static void open_channel(const struct options *o, size_t size, struct sender **tx,
                         struct receiver **rx)
{
    enum channel_status status;

    if (o->capacity && !channel_create_bounded)
        exit(2);
    status = o->capacity ? channel_create_bounded(size, o->capacity, NULL, tx, rx)
                         : channel_create(size, tx, rx);
    if (status == CHANNEL_INVALID)
        exit(2);
    if (status != CHANNEL_OK)
        fail("no channel");
}

static void *send_all(void *arg)
{
    struct sending *s = arg;
    uint64_t *message = calloc(1, s->size + sizeof *message);

    pthread_barrier_wait(s->start);
    for (long i = 0; i < s->messages; i++) {
        message[0] = i;
        if (sender_send(s->tx, message) != CHANNEL_OK)
            fail("a message was not sent");
    }
    sender_drop(s->tx);
    free(message);
    return NULL;
}

static void measure_sending(const struct options *o)
{
    struct sending *s = calloc(o->threads, sizeof *s);
    pthread_t *threads = calloc(o->threads, sizeof *threads);
    uint64_t *message = calloc(1, o->size + sizeof *message), sum = 0, expected = 0;
    struct receiver *rx;
    struct sender *tx;
    pthread_barrier_t start;
    long received = 0;
    double began;

    pthread_barrier_init(&start, NULL, o->threads + 1);
    open_channel(o, o->size, &tx, &rx);
    for (int i = 0; i < o->threads; i++) {
        long n = o->messages / o->threads;

        expected += n * (n - 1) / 2;
        s[i] = (struct sending){i ? sender_clone(tx) : tx, n, o->size, &start};
    }
    for (int i = 0; i < o->threads; i++)
        pthread_create(&threads[i], NULL, send_all, &s[i]);
    pthread_barrier_wait(&start);
    began = now();
    for (; receiver_recv(rx, message) == CHANNEL_OK; received++)
        sum += message[0];
    report(now() - began, received, 0);
    if (received != o->messages / o->threads * o->threads || (o->size >= 8 && sum != expected))
        fail("what arrived is not what was sent");
    for (int i = 0; i < o->threads; i++)
        pthread_join(threads[i], NULL);
    receiver_drop(rx);
}

static void *echo(void *arg)
{
    struct client *c = arg;
    uint64_t message;

    while (receiver_recv(c->replies, &message) == CHANNEL_OK)
        sender_send(c->requests.tx, &message);
    sender_drop(c->requests.tx);
    receiver_drop(c->replies);
    return NULL;
}

static void measure_pingpong(const struct options *o)
{
    struct client other;
    struct sender *there;
    struct receiver *back;
    pthread_t thread;
    uint64_t i, answer;
    double began;

    open_channel(o, sizeof i, &there, &other.replies);
    open_channel(o, sizeof i, &other.requests.tx, &back);
    pthread_create(&thread, NULL, echo, &other);
    began = now();
    for (i = 0; i < (uint64_t)o->messages; i++) {
        sender_send(there, &i);
        if (receiver_recv(back, &answer) != CHANNEL_OK || answer != i)
            fail("the answer is not what was sent");
    }
    report(now() - began, o->messages, 0);
    sender_drop(there);
    pthread_join(thread, NULL);
    receiver_drop(back);
}

static void *request_all(void *arg)
{
    struct client *c = arg;
    uint64_t *message = calloc(1, c->requests.size), *answer = calloc(1, c->requests.size);

    pthread_barrier_wait(c->requests.start);
    for (long i = 0; i < c->requests.messages; i++) {
        message[0] = c->number;
        message[1] = i;
        sender_send(c->requests.tx, message);
        if (receiver_recv(c->replies, answer) != CHANNEL_OK || answer[1] != (uint64_t)i)
            fail("the answer belongs to another request");
    }
    sender_drop(c->requests.tx);
    receiver_drop(c->replies);
    free(message);
    free(answer);
    return NULL;
}

static void measure_requests(const struct options *o)
{
    struct client *c = calloc(o->threads, sizeof *c);
    struct sender **replies = calloc(o->threads, sizeof *replies), *tx;
    pthread_t *threads = calloc(o->threads, sizeof *threads);
    uint64_t *message = calloc(1, o->size);
    struct receiver *rx;
    pthread_barrier_t start;
    long answered = 0;
    double began;

    pthread_barrier_init(&start, NULL, o->threads + 1);
    open_channel(o, o->size, &tx, &rx);
    for (int i = 0; i < o->threads; i++) {
        c[i].requests =
            (struct sending){i ? sender_clone(tx) : tx, o->messages / o->threads, o->size, &start};
        c[i].number = i;
        open_channel(o, o->size, &replies[i], &c[i].replies);
    }
    for (int i = 0; i < o->threads; i++)
        pthread_create(&threads[i], NULL, request_all, &c[i]);
    pthread_barrier_wait(&start);
    began = now();
    for (; receiver_recv(rx, message) == CHANNEL_OK; answered++)
        sender_send(replies[message[0]], message);
    report(now() - began, answered, 0);
    for (int i = 0; i < o->threads; i++) {
        pthread_join(threads[i], NULL);
        sender_drop(replies[i]);
    }
    receiver_drop(rx);
}

static void measure_queued(const struct options *o, bool emptied)
{
    char *message = calloc(1, o->size);
    struct receiver *rx;
    struct sender *tx;
    double began;
    long before;

    open_channel(o, o->size, &tx, &rx);
    before = resident_bytes();
    began = now();
    for (long i = 0; i < o->messages; i++)
        if (sender_send(tx, message) != CHANNEL_OK)
            fail("a message was not sent");
    for (long i = 0; emptied && i < o->messages; i++)
        if (receiver_recv(rx, message) != CHANNEL_OK)
            fail("a message was not received");
    report(now() - began, o->messages, resident_bytes_at_last() - before);
}

static void measure_at_rest(const struct options *o)
{
    long before = resident_bytes();
    struct receiver *rx;
    struct sender *tx;
    double began = now();

    for (long i = 0; i < o->messages; i++)
        open_channel(o, o->size, &tx, &rx);
    report(now() - began, o->messages, resident_bytes() - before);
}

int main(int argc, char **argv)
{
    struct options o = {.workload = argc > 1 ? argv[1] : ""};

    o.messages = argc > 2 ? atol(argv[2]) : 1000;
    o.threads = argc > 3 ? atoi(argv[3]) : 1;
    o.size = argc > 4 ? atol(argv[4]) : 8;
    o.capacity = argc > 5 ? atol(argv[5]) : 0;
    if (!strcmp(o.workload, "unbounded") || !strcmp(o.workload, "bounded"))
        measure_sending(&o);
    else if (!strcmp(o.workload, "pingpong"))
        measure_pingpong(&o);
    else if (!strcmp(o.workload, "requests"))
        measure_requests(&o);
    else if (!strcmp(o.workload, "queued") || !strcmp(o.workload, "emptied"))
        measure_queued(&o, !strcmp(o.workload, "emptied"));
    else if (!strcmp(o.workload, "at_rest"))
        measure_at_rest(&o);
    else
        return 2;
    return 0;
}
