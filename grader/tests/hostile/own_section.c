/* Attack: adds a test that passes to the suite's list of tests.
 * Verdict: rejected
 * Ungated: fails build_failed
 */
struct test;
__attribute__((used, section("suite_tests"))) static const struct test *const entry = 0;

static void attack(void)
{
}
