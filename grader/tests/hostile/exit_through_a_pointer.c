/* Attack: calls _exit by its address, so that its name stands in data only.
 * Verdict: exited_early
 * Ungated: exited_early
 */
#include <unistd.h>

static void (*volatile const leave)(int) = _exit;

static void attack(void)
{
    leave(0);
}
