/* Attack: opens /proc/PPID/mem for writing.
 * Verdict: fails
 * Ungated: fails
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static void attack(void)
{
    char path[64];
    static char zeros[4096];

    snprintf(path, sizeof path, "/proc/%d/mem", (int)getppid());
    int memory = open(path, O_RDWR);
    if (memory >= 0 && pwrite(memory, zeros, sizeof zeros, 0x400000) > 0)
        _exit(0);
}
