/* child.c - the process that runs schedules, and what ends it before its time. */
#include "child.h"

#include "arena.h"
#include "block.h"
#include "fail.h"
#include "schedule.h"
#include "story.h"
#include "story_json.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

struct shared *shared;
extern char __executable_start[], etext[];

/* --------------------------------------------------------------------------- in the child */

/* The schedule that runs has failed, and the child with it. */
static _Noreturn void child_failed(void)
{
    if (run.plan.suspect && run.plan.suspect <= block_count)
        tell_unwritten(&blocks[run.plan.suspect - 1]);
    if (story_on())
        story_write(shared->outcome.verdict, shared->outcome.seed);
    shared->steps = run.steps;
    shared->failed = true;
    shared->slow = shared->slow || run.silent_looks;
    fflush(NULL);
    _exit(0);
}

void child_schedule(const struct test *test, const struct plan *plan)
{
    struct outcome outcome;
    char seed[MAX_SEED];

    shared->plan = *plan;
    shared->taken.n = 0;
    memcpy(seed, shared->outcome.seed, sizeof seed);
    if (schedule_run(test, plan, &outcome))
        return;
    shared->outcome = outcome;
    memcpy(shared->outcome.seed, seed, sizeof seed);
    child_failed();
}

void child_silence(void)
{
    int nowhere = open("/dev/null", O_WRONLY);

    fflush(NULL);
    if (nowhere == -1)
        return;
    dup2(nowhere, STDOUT_FILENO);
    dup2(nowhere, STDERR_FILENO);
    close(nowhere);
}

/* A verdict told from a signal handler, which runs on a stack of its own. */
__attribute__((format(printf, 3, 4))) static _Noreturn void
interrupted(enum verdict verdict, uintptr_t pc, const char *format, ...)
{
    va_list arguments;

    shared->outcome.verdict = verdict;
    shared->outcome.pc = pc;
    va_start(arguments, format);
    vsnprintf(shared->outcome.message, sizeof shared->outcome.message, format, arguments);
    va_end(arguments);
    story_access("first", -1, pc, "%s", shared->outcome.message);
    story_event("fails", 0, pc, "%s", shared->outcome.message);
    child_failed();
}

static uintptr_t pc_of(const ucontext_t *context)
{
#if defined(__x86_64__)
    return (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    return (uintptr_t)context->uc_mcontext.pc;
#else
    (void)context;
    return 0;
#endif
}

/* Where a jump to nowhere came from, as an address inside the call. */
static uintptr_t caller_of(const ucontext_t *context)
{
#if defined(__x86_64__)
    return *(const uintptr_t *)context->uc_mcontext.gregs[REG_RSP] - 1;
#elif defined(__aarch64__)
    return (uintptr_t)context->uc_mcontext.regs[30] - 1;
#else
    (void)context;
    return 0;
#endif
}

static bool is_our_code(uintptr_t pc)
{
    return pc >= (uintptr_t)__executable_start && pc < (uintptr_t)etext;
}

static void on_crash(int number, siginfo_t *info, void *context)
{
    uintptr_t pc = pc_of(context), address = (uintptr_t)info->si_addr;
    int guard = number == SIGSEGV ? stack_guard_hit(address) : -1;

    if (!self)
        _exit(70); /* not in the scenario: the kit's own fault */
    if (number == SIGSEGV && pc == address)
        interrupted(VERDICT_CRASHED, caller_of(context), "%s calls a function through a %s.",
                    thread_name(self), pc ? "pointer that leads to none" : "NULL pointer");
    if (!is_our_code(pc))
        pc = run.last_access                                ? run.last_access
             : self->depth && self->depth <= MAX_CALL_DEPTH ? self->calls[self->depth - 1]
                                                            : self->call_pc;
    if (guard >= 0 && guard != (int)self->id)
        interrupted(VERDICT_CRASHED, pc,
                    "%s writes far past the end of a local array, beyond its stack.",
                    thread_name(self));
    if (guard >= 0)
        interrupted(VERDICT_CRASHED, pc,
                    "%s overflows its stack: too much recursion, or a huge local array.",
                    thread_name(self));
    shared->outcome.facts.wild_pointer = number == SIGSEGV || number == SIGBUS;
    if (shared->outcome.facts.wild_pointer)
        interrupted(VERDICT_CRASHED, pc,
                    "%s is ended by signal %d (%s): it uses a pointer to nowhere.",
                    thread_name(self), number, strsignal(number));
    interrupted(VERDICT_CRASHED, pc, "%s is ended by signal %d (%s).", thread_name(self), number,
                strsignal(number));
}

/* Every tenth of a second of processor time: has anything been called since? */
static void on_tick(int number, siginfo_t *info, void *context)
{
    static unsigned long seen;
    static unsigned ticks;
    uintptr_t pc = pc_of(context);

    (void)number;
    (void)info;
    if (seen != run.activity || !self) {
        seen = run.activity;
        ticks = 0;
        return;
    }
    if (++ticks < TICKS_WITHOUT_STEP)
        return;
    shared->slow = true;
    interrupted(VERDICT_NO_PROGRESS, is_our_code(pc) ? pc : self->call_pc, "%s",
                loop_without_a_call());
}

static void handle(int number, void (*handler)(int, siginfo_t *, void *), int flags)
{
    struct sigaction action = {.sa_sigaction = handler,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK | flags};

    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

static void prepare_child(void)
{
    static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};
    struct itimerval tick = {{0, TICK_MS * 1000}, {0, TICK_MS * 1000}};
    stack_t stack = {.ss_size = 1 << 18, .ss_sp = reserve(1 << 18)};

    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    sigaltstack(&stack, NULL);
    for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++)
        handle(crashes[i], on_crash, 0);
    handle(SIGVTALRM, on_tick, SA_RESTART);
    setitimer(ITIMER_VIRTUAL, &tick, NULL);
}

/* -------------------------------------------------------------------------- in the parent */

/* Does it sleep? Waiting for its turn on a busy machine is no sleep. */
static bool is_asleep(pid_t child)
{
    char path[40], state = 'S';

    snprintf(path, sizeof path, "/proc/%d/stat", (int)child);
    FILE *stat = fopen(path, "re");
    if (!stat)
        return true;
    if (fscanf(stat, "%*d (%*[^)]) %c", &state) != 1)
        state = 'S';
    fclose(stat);
    return state == 'S';
}

static uint64_t processor_time(pid_t child)
{
    clockid_t clock;
    struct timespec used = {0, 0};

    if (clock_getcpuclockid(child, &clock) == 0)
        clock_gettime(clock, &used);
    return (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
}

/* Waits until the child has closed its end of the pipe, which it does by ending. False: it sleeps
 * in a real call and was killed. */
static bool wait_for_end(pid_t child, int pipe)
{
    struct pollfd end = {.fd = pipe, .events = POLLIN};
    uint64_t used = 0;

    for (int asleep = 0; asleep < LOOKS_ASLEEP;) {
        int n = poll(&end, 1, LOOK_MS);
        if (n > 0)
            return true;
        if (n == -1)
            continue;
        uint64_t now = processor_time(child);
        asleep = now == used && is_asleep(child) ? asleep + 1 : 0;
        used = now;
    }
    kill(child, SIGKILL);
    return false;
}

static bool environment(struct outcome *outcome, const char *message)
{
    *outcome = (struct outcome){.verdict = VERDICT_ENVIRONMENT};
    snprintf(outcome->message, sizeof outcome->message, "%s", message);
    return false;
}

static void tell_death(int status, struct outcome *outcome)
{
    int number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;

    if (number == SIGXCPU || number == SIGKILL) {
        outcome->verdict = VERDICT_TIMEOUT;
        snprintf(outcome->message, sizeof outcome->message,
                 "The test used up its processor time, or was killed: it does not come to an end.");
    } else if (number) {
        outcome->verdict = VERDICT_CRASHED;
        snprintf(outcome->message, sizeof outcome->message, "The code was ended by signal %d (%s).",
                 number, strsignal(number));
    } else {
        outcome->verdict = VERDICT_EXITED_EARLY;
        snprintf(outcome->message, sizeof outcome->message,
                 "The process ended with exit code %d in the middle of the test.",
                 WEXITSTATUS(status));
    }
}

static bool judge_end(int status, struct outcome *outcome)
{
    if (shared->failed || shared->finished)
        return true;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 70)
        return environment(outcome, "The controlled scheduler itself crashed.");
    shared->failed = true;
    tell_death(status, &shared->outcome);
    return true;
}

bool child_run(void (*job)(const struct test *test), const struct test *test,
               struct outcome *outcome)
{
    int ends[2], status = 0;

    shared->failed = shared->finished = shared->slow = false;
    fflush(NULL);
    if (pipe2(ends, O_CLOEXEC))
        return environment(outcome, "No pipe can be made.");
    pid_t child = fork();
    if (child == -1) {
        close(ends[0]);
        close(ends[1]);
        return environment(outcome, "No process can be started for the test.");
    }
    if (child == 0) {
        close(ends[0]);
        prepare_child();
        job(test);
        shared->finished = true;
        fflush(NULL);
        _exit(0);
    }
    close(ends[1]);
    bool ended = wait_for_end(child, ends[0]);
    close(ends[0]);
    while (waitpid(child, &status, 0) == -1 && errno == EINTR) {
    }
    if (!ended)
        return environment(outcome,
                           "The code sleeps in a system call which the controlled scheduler "
                           "does not know.");
    return judge_end(status, outcome);
}
