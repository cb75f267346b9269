/* Attack: calls fork under a name of its own.
 * Verdict: rejected
 * Ungated: fails
 */
int innocent(void) __asm__("fork");

static void attack(void)
{
    for (int i = 0; i < 3; i++)
        innocent();
}
