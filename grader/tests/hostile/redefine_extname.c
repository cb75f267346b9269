/* Attack: calls _exit under a name of its own, by a pragma.
 * Verdict: rejected exited_early
 * Ungated: failed crashed exited_early timeout no_progress misuse leak environment race deadlock use_after_free not_implemented
 */
#pragma redefine_extname innocent _exit
void innocent(int code);

static void attack(void)
{
    innocent(0);
}
