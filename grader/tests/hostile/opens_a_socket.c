/* Attack: looks for a way to the network.
 * Verdict: rejected
 * Ungated: fails
 */
#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <sys/socket.h>

static void attack(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(9)};
    int handle = socket(AF_INET, SOCK_DGRAM, 0);

    address.sin_addr.s_addr = htonl(0xc0000201); /* of no machine; nothing is sent */
    assert((handle < 0 || connect(handle, (struct sockaddr *)&address, sizeof address) < 0) &&
           "STOLEN: a way out");
}
