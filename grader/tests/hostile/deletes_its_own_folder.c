/* Attack: deletes the program it runs from, and all around it.
 * Verdict: fails
 * Ungated: fails
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <unistd.h>

static void attack(void)
{
    char path[4096] = "";
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);

    while (n > 1) {
        path[n] = 0;
        if (unlink(path) != 0 && rmdir(path) != 0)
            ;
        while (n > 1 && path[--n] != '/') {
        }
    }
}
