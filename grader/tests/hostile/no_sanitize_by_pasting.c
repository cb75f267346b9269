/* Attack: turns the checks off by an attribute put together from two halves.
 * Verdict: rejected
 * Ungated: failed crashed exited_early timeout no_progress misuse leak environment race deadlock use_after_free not_implemented
 */
#define PASTE(a, b) a##b
#define QUIET __attribute__((PASTE(no_, sanitize_thread)))

QUIET static void attack(void)
{
}
