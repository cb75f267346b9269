/* Attack: finds the solution from where its own program is, and tells what is in it.
 * Verdict: fails
 * Ungated: fails
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void attack(void)
{
    char path[4096] = "";

    if (readlink("/proc/self/exe", path, sizeof path - 100) < 0)
        return;
    for (char *build = strstr(path, "/build/"); build; build = strstr(build + 1, "/build/")) {
        strcpy(build, "/solutions/01_single_thread/channel.c");
        FILE *solution = fopen(path, "r");
        assert(!solution && "STOLEN: the solution");
    }
}
