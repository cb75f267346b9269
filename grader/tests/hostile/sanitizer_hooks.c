/* Attack: replaces the entry points by which the checks see accesses.
 * Verdict: rejected
 * Ungated: fails
 */
void __tsan_read4(void *address);
void __tsan_func_entry(void *address);
const char *__asan_default_options(void);

void __tsan_read4(void *address)
{
    (void)address;
}

void __tsan_func_entry(void *address)
{
    (void)address;
}

const char *__asan_default_options(void)
{
    return "detect_leaks=0:exitcode=0";
}

static void attack(void)
{
}
