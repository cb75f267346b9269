/*
 * Another hand: typedefs, tabs, camelCase, casts, helpers named check, log, queue and test, debugging
 * output on stderr and stdout, a message in memory of its own, and an array of pointers to them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stdint.h>
#include "channel.h"

#define START_SIZE 1

typedef struct _queue {
	void **messages;		// oldest first
	size_t length;
	size_t allocated;
} queue;

typedef struct _shared {
	queue q;
	size_t messageSize;
	long numSenders;
	int receiverIsAlive;
} Shared;

struct sender {
	Shared *s;
};

struct receiver {
	Shared *s;
};

int test = 0;

void log(const char *text)
{
	if (test)
		printf("channel: %s\n", text);
	fprintf(stderr, "channel: %s\n", text);
}

int check(void *pointer)
{
	if (pointer == NULL) {
		log("out of memory");
		return 0;
	}
	return 1;
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
	Shared *s;

	if (message_size == 0) {
		log("message size is 0");
		return CHANNEL_INVALID;
	}
	s = (Shared *) malloc(sizeof(Shared));
	if (!check(s))
		return CHANNEL_NO_MEMORY;
	s->q.messages = (void **) malloc(START_SIZE * sizeof(void *));
	if (!check(s->q.messages)) {
		free(s);
		return CHANNEL_NO_MEMORY;
	}
	s->q.length = 0;
	s->q.allocated = START_SIZE;
	s->messageSize = message_size;
	s->numSenders = 1;
	s->receiverIsAlive = 1;
	struct sender *sender = (struct sender *) malloc(sizeof(struct sender));
	struct receiver *receiver = (struct receiver *) malloc(sizeof(struct receiver));
	if (!check(sender) || !check(receiver)) {
		free(sender);
		free(receiver);
		free(s->q.messages);
		free(s);
		return CHANNEL_NO_MEMORY;
	}
	sender->s = s;
	receiver->s = s;
	*tx = sender;
	*rx = receiver;
	return CHANNEL_OK;
}

struct sender *sender_clone(struct sender *tx)
{
	struct sender *new = (struct sender *) malloc(sizeof(struct sender));
	if (!check(new))
		return NULL;
	new->s = tx->s;
	new->s->numSenders++;
	return new;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
	queue *q = &tx->s->q;

	if (!tx->s->receiverIsAlive) {
		log("nobody listens");
		return CHANNEL_CLOSED;
	}
	if (q->length == q->allocated) {
		void **bigger = (void **) realloc(q->messages, q->allocated * 2 * sizeof(void *));
		if (!check(bigger))
			return CHANNEL_NO_MEMORY;
		q->messages = bigger;
		q->allocated *= 2;
	}
	void *copy = malloc(tx->s->messageSize);
	if (!check(copy))
		return CHANNEL_NO_MEMORY;
	memcpy(copy, message, tx->s->messageSize);
	q->messages[q->length] = copy;
	q->length++;
	return CHANNEL_OK;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
	queue *q = &rx->s->q;
	size_t i;

	if (q->length > 0) {
		memcpy(message, q->messages[0], rx->s->messageSize);
		free(q->messages[0]);
		q->length--;
		for (i = 0; i < q->length; i++)
			q->messages[i] = q->messages[i + 1];
		return CHANNEL_OK;
	} else if (rx->s->numSenders > 0) {
		return CHANNEL_EMPTY;
	} else {
		return CHANNEL_CLOSED;
	}
}

void freeShared(Shared *s)
{
	size_t i;

	for (i = 0; i < s->q.length; i++)
		free(s->q.messages[i]);
	free(s->q.messages);
	free(s);
	log("all freed");
}

void sender_drop(struct sender *tx)
{
	if (tx == NULL)
		return;
	tx->s->numSenders--;
	if (tx->s->numSenders == 0 && !tx->s->receiverIsAlive)
		freeShared(tx->s);
	free(tx);
}

void receiver_drop(struct receiver *rx)
{
	if (rx == NULL)
		return;
	rx->s->receiverIsAlive = 0;
	if (rx->s->numSenders == 0)
		freeShared(rx->s);
	free(rx);
}
