/* Attack: changes the suite, the stub and the Makefile.
 * Verdict: fails
 * Ungated: fails
 */
#include <stdio.h>

static void attack(void)
{
    static const char *const files[] = {"Makefile", "exercises/02_blocking/test_channel.c",
                                        "exercises/02_blocking/channel.h", "grader/suite/check.c", "hacked"};

    for (unsigned i = 0; i < sizeof files / sizeof *files; i++) {
        FILE *file = fopen(files[i], "a");
        if (file) {
            fputs("\nHACKED\n", file);
            fclose(file);
        }
    }
}
