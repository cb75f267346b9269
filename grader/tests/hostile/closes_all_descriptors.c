/* Attack: closes every descriptor, the record's too.
 * Verdict: fails
 * Ungated: fails
 */
#include <unistd.h>

static void attack(void)
{
    for (int i = 0; i < 1024; i++)
        close(i);
}
