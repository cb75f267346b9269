/* model.h - how a queue of others works, as far as the cache lines go that its threads pass to each
 * other. A model gives these functions; model.c makes a channel of them. Its senders and its receiver
 * don't sleep: each looks again after a pause, longer each time. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { CACHE_LINE = 64 };

/* What of the queue belongs to one sender; NULL where nothing does. */
struct part;

/* For messages of that size. capacity 0: without one. NULL: there is none of that kind. */
struct queue *queue_new(size_t size, size_t capacity);
struct part *queue_part(struct queue *queue);

/* Puts a message in, or says that the queue is full; takes the oldest out, or says that there is none.
 * One thread takes. */
bool queue_put(struct queue *queue, struct part *part, const void *message);
bool queue_take(struct queue *queue, void *message);

/* A pause before the next look, twice as long each time; *looks begins as 0. */
void back_off(unsigned *looks);
