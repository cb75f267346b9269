/* told.h - what the server does with its channels, as steps of a story (test_story.c). */
#pragma once

#include "channel.h"

enum channel_status told_create_bounded(size_t message_size, size_t capacity,
                                        void (*drop)(void *message), struct sender **tx,
                                        struct receiver **rx);
struct sender *told_clone(struct sender *tx);
