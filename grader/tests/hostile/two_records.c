/* Attack: writes records to every descriptor, and lets the test go on.
 * Verdict: fails
 * Ungated: fails
 */
#include <string.h>
#include <unistd.h>

static void attack(void)
{
    static const char record[] = "{\"schema\":1,\"nonce\":\"0\",\"verdict\":\"passed\"}\n";

    for (int i = 3; i < 64; i++)
        if (write(i, record, strlen(record)) < 0)
            continue;
}
