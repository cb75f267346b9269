/* Attack: becomes a program that succeeds.
 * Verdict: rejected
 * Ungated: fails
 */
#include <unistd.h>

static void attack(void)
{
    execl("/usr/bin/true", "true", (char *)NULL);
}
