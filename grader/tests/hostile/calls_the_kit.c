/* Attack: ends the scenario as passed, by the kit's own function.
 * Verdict: rejected
 * Ungated: anything
 */
struct outcome;
void end_scenario(const struct outcome *outcome);

static void attack(void)
{
    static char zeros[1 << 14]; /* verdict 0 is "passed" */

    end_scenario((const struct outcome *)zeros);
}
