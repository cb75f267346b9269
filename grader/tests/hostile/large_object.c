/* Attack: asks for an object of many gigabytes.
 * Verdict: build_failed rejected fails
 * Ungated: build_failed fails
 */
char block[1L << 40] = {1};

static void attack(void)
{
    block[5] = 1;
}
