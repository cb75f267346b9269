/* Attack: turns the checks off for its functions.
 * Verdict: rejected
 * Ungated: failed crashed exited_early timeout no_progress misuse leak environment race deadlock use_after_free not_implemented
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
