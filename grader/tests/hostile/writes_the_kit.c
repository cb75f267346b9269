/* Attack: changes the suite, the stub and the Makefile.
 * Verdict: failed crashed exited_early timeout no_progress misuse leak environment race deadlock use_after_free not_implemented
 * Ungated: failed crashed exited_early timeout no_progress misuse leak environment race deadlock use_after_free not_implemented
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
