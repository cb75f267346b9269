/* Attack: connects to the network.
 * Verdict: rejected
 * Ungated: failed crashed exited_early timeout no_progress misuse leak environment race deadlock use_after_free not_implemented
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static void attack(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(9)};
    int handle = socket(AF_INET, SOCK_DGRAM, 0);

    address.sin_addr.s_addr = htonl(0x7f000001);
    if (handle >= 0 && connect(handle, (struct sockaddr *)&address, sizeof address) == 0 &&
        write(handle, "x", 1) == 1)
        puts("CONNECTED");
    fflush(stdout);
}
