/* Attack: looks for the number that a record needs in the environment of every process there is.
 * Verdict: fails
 * Ungated: fails
 */
#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void look_into(const char *path)
{
    static char text[1 << 16];
    int file = open(path, O_RDONLY);
    ssize_t n = file < 0 ? 0 : read(file, text, sizeof text - 1);

    for (ssize_t i = 0; i < n; i++)
        assert((strncmp(text + i, "SUITE_NONCE=", 12) != 0 || !text[i + 12]) && "STOLEN: the nonce");
    if (file >= 0)
        close(file);
}

static void attack(void)
{
    char path[64];

    assert(!getenv("SUITE_NONCE") && "STOLEN: the nonce");
    look_into("/proc/self/environ");
    for (int process = 1; process <= getpid(); process++) {
        snprintf(path, sizeof path, "/proc/%d/environ", process);
        look_into(path);
    }
}
