/* Attack: writes to every descriptor until nobody takes any more, and does not mind being told.
 * Verdict: fails
 * Ungated: fails
 */
#include <signal.h>
#include <string.h>
#include <unistd.h>

static void attack(void)
{
    static char lines[1 << 16];

    memset(lines, '\n', sizeof lines);
    signal(SIGXFSZ, SIG_IGN);
    for (int i = 3; i < 64; i++)
        for (int k = 0; k < 1 << 14; k++)
            if (write(i, lines, sizeof lines) <= 0)
                break;
}
