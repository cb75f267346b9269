/* Attack: turns the checks off by an attribute put together from two halves.
 * Verdict: rejected
 * Ungated: fails
 */
#define PASTE(a, b) a##b
#define QUIET __attribute__((PASTE(no_, sanitize_thread)))

QUIET static void attack(void)
{
}
