/* Attack: calls fork under a name of its own.
 * Verdict: rejected
 * Ungated: failed crashed exited_early timeout no_progress misuse leak environment race deadlock use_after_free not_implemented
 */
int innocent(void) __asm__("fork");

static void attack(void)
{
    for (int i = 0; i < 3; i++)
        innocent();
}
