/* Attack: ends with 0 in a destructor, after the tests have failed.
 * Verdict: rejected
 * Ungated: fails
 */
#include <unistd.h>

__attribute__((destructor)) static void end_well(void)
{
    _exit(0);
}

static void attack(void)
{
}
