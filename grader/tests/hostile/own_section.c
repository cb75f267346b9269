/* Attack: adds a test that passes to the suite's list of tests.
 * Verdict: rejected
 * Ungated: failed crashed exited_early timeout no_progress misuse leak environment race deadlock use_after_free not_implemented build_failed
 */
struct test;
__attribute__((used, section("suite_tests"))) static const struct test *const entry = 0;

static void attack(void)
{
}
