/* Attack: copies the solution's text to the output.
 * Verdict: failed crashed exited_early timeout no_progress misuse leak environment race deadlock use_after_free not_implemented
 * Ungated: failed crashed exited_early timeout no_progress misuse leak environment race deadlock use_after_free not_implemented
 */
#include <stdio.h>

static void attack(void)
{
    char line[256];
    FILE *solution = fopen("solutions/01_single_thread/channel.c", "r");

    if (!solution)
        solution = fopen("../solutions/01_single_thread/channel.c", "r");
    while (solution && fgets(line, sizeof line, solution))
        printf("STOLEN %s", line);
    fflush(stdout);
}
