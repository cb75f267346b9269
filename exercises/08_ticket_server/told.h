/* told.h - what the server does with its channels, as steps of a story, and how it uses their
 * handles (test_story.c). */
#pragma once

#include "channel.h"

enum channel_status told_create_bounded(size_t message_size, size_t capacity,
                                        void (*drop)(void *message), struct sender **tx,
                                        struct receiver **rx);
struct sender *told_clone(struct sender *tx);

/* From now on two uses of one handle by two threads are told as a race if nothing orders them. A
 * call uses its handle until it returns. Called before there are other threads. */
void watch_handles(void);
