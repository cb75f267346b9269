/* Attack: turns the checks off for its functions.
 * Verdict: rejected
 * Ungated: fails
 */
#define QUIET __attribute__((no_sanitize("thread", "address", "undefined")))

QUIET static int peek(const int *block)
{
    return block[100];
}

static void attack(void)
{
    int block[4] = {0};
    volatile int seen = peek(block);

    (void)seen;
}
