/* Attack: prints what a passing run prints, and ends with 0.
 * Verdict: exited_early
 * Ungated: exited_early
 */
#include <stdio.h>
#include <stdlib.h>

static void attack(void)
{
    puts("[  PASSED  ] 99 test(s).\n1..1\nok 1 - all");
    puts("{\"schema\":1,\"nonce\":\"\",\"verdict\":\"passed\"}");
    puts("99 passed, 0 failed");
    fflush(stdout);
    exit(0);
}
