/* Attack: attaches to the process that watches it, to change its verdict.
 * Verdict: rejected
 * Ungated: fails
 */
#define _GNU_SOURCE
#include <sys/ptrace.h>
#include <unistd.h>

static void attack(void)
{
    ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
}
