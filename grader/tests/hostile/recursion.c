/* Attack: recurses until the stack is gone.
 * Verdict: fails
 * Ungated: fails
 */
static volatile int sink;

static int deeper(int n)
{
    volatile char frame[4096] = {0};

    sink = frame[n % 4096];
    return deeper(n + 1) + frame[0];
}

static void attack(void)
{
    sink = deeper(0);
}
