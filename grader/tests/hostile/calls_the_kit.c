/* Attack: ends the scenario as passed, by the kit's own function.
 * Verdict: rejected
 * Ungated: failed crashed exited_early timeout no_progress misuse leak environment race deadlock use_after_free not_implemented build_failed
 */
struct outcome;
void end_scenario(const struct outcome *outcome);

static void attack(void)
{
    static char zeros[1 << 14]; /* verdict 0 is "passed" */

    end_scenario((const struct outcome *)zeros);
}
