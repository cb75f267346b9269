/* Solution of 08: the channel under the ticket server, which is that of 04 as it is. */
#include "../04_bounded/channel.c"
