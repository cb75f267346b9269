/* Attack: writes records to every descriptor, and lets the test go on.
 * Verdict: failed failed crashed exited_early timeout no_progress misuse leak environment race deadlock use_after_free not_implemented
 * Ungated: failed crashed exited_early timeout no_progress misuse leak environment race deadlock use_after_free not_implemented
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
