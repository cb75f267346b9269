/* Attack: never comes back.
 * Verdict: failed crashed exited_early timeout no_progress misuse leak environment race deadlock use_after_free not_implemented
 * Ungated: failed crashed exited_early timeout no_progress misuse leak environment race deadlock use_after_free not_implemented
 */
static void attack(void)
{
    for (volatile int i = 0;; i++) {
    }
}
