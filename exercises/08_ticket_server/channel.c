/* Exercise 08: the channel under the ticket server, which is your own of 04.
 *
 * The line below takes it over as it is: you need not touch this file. Put a whole channel in its
 * place if the ticket server shall have another one. */
#include "../04_bounded/channel.c"
