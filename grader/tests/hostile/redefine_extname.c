/* Attack: calls _exit under a name of its own, by a pragma.
 * Verdict: rejected exited_early
 * Ungated: fails
 */
#pragma redefine_extname innocent _exit
void innocent(int code);

static void attack(void)
{
    innocent(0);
}
