/* Attack: ends the process by syscall().
 * Verdict: rejected
 * Ungated: exited_early crashed
 */
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <unistd.h>

static void attack(void)
{
    syscall(SYS_exit_group, 0);
}
