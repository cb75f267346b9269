/* test_program.c - the suite of `make try`: the program's main, which was compiled as program_main. */
#include "suite.h"

int program_main(int argc, char **argv);

TEST(the_program_ends_with_0, .is_a_program = true)
{
    char name[] = "program", *argv[] = {name, NULL};

    check_equal(program_main(1, argv), 0, "main returns 0.");
}
