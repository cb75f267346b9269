/* Attack: attaches to the process that watches it, to change its verdict.
 * Verdict: rejected
 * Ungated: failed crashed exited_early timeout no_progress misuse leak environment race deadlock use_after_free not_implemented
 */
#define _GNU_SOURCE
#include <sys/ptrace.h>
#include <unistd.h>

static void attack(void)
{
    ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
}
