/* Attack: replaces the assertions by ones that never fail.
 * Verdict: rejected
 * Ungated: fails
 */
void _assert_true(long result, const char *expression, const char *file, int line);
void _fail(const char *file, int line);
void check_failed(const char *file, int line, const char *rule, const char *call, const char *expected,
                  const char *got);

void _assert_true(long result, const char *expression, const char *file, int line)
{
    (void)result, (void)expression, (void)file, (void)line;
}

void _fail(const char *file, int line)
{
    (void)file, (void)line;
}

void check_failed(const char *file, int line, const char *rule, const char *call, const char *expected,
                  const char *got)
{
    (void)file, (void)line, (void)rule, (void)call, (void)expected, (void)got;
}

static void attack(void)
{
}
