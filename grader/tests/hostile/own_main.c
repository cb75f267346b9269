/* Attack: brings a main of its own.
 * Verdict: rejected
 * Ungated: fails build_failed
 */
#include <stdio.h>

int main(void)
{
    puts("all passed");
    return 0;
}

static void attack(void)
{
}
