/* Attack: looks for the descriptor and the nonce, and writes a completion record.
 * Verdict: exited_early failed
 * Ungated: fails
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void attack(void)
{
    char record[512];
    const char *number = getenv("SUITE_RECORD"), *nonce = getenv("SUITE_NONCE");

    for (int i = 3; i < 64; i++) {
        int n = snprintf(record, sizeof record,
                         "{\"schema\":1,\"nonce\":\"%s\",\"test\":\"*\",\"verdict\":\"passed\"}\n",
                         nonce ? nonce : "");
        if (write(number ? atoi(number) : i, record, (size_t)n) < 0)
            continue;
    }
    _exit(0);
}
