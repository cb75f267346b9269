/* Attack: asks for an object of many gigabytes.
 * Verdict: build_failed rejected failed crashed exited_early timeout no_progress misuse leak environment race deadlock use_after_free not_implemented
 * Ungated: build_failed failed crashed exited_early timeout no_progress misuse leak environment race deadlock use_after_free not_implemented
 */
char block[1L << 40] = {1};

static void attack(void)
{
    block[5] = 1;
}
