/* Attack: never comes back.
 * Verdict: fails
 * Ungated: fails
 */
static void attack(void)
{
    for (volatile int i = 0;; i++) {
    }
}
