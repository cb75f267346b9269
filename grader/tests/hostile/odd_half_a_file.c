/* Attack: none: the file ends in the middle of a function.
 * Verdict: build_failed
 * Ungated: build_failed
 */
/* Whole: this is all of it. */
#include "channel.h"
enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx) {
    if (message_size
