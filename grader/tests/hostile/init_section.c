/* Attack: puts a function into .init_array by hand.
 * Verdict: rejected
 * Ungated: exited_early environment failed
 */
#include <unistd.h>

static void end_well(void)
{
    _exit(0);
}

__attribute__((used, section(".init_array"))) static void (*const entry)(void) = end_well;

static void attack(void)
{
}
