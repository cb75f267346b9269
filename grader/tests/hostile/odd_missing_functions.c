/* Attack: none: only one of the functions is there.
 * Verdict: build_failed
 * Ungated: build_failed
 */
/* Whole: this is all of it. */
#include "channel.h"

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    (void)message_size, (void)tx, (void)rx;
    return CHANNEL_OK;
}
