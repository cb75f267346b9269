/* real_threads.c - the runtime on the machine's own threads (VARIANT=asan, tsan, plain).
 *
 * A scenario is run again and again for a short while, in one child process: what crashes, exits or
 * is killed by a sanitizer costs that child, and the parent tells it. Which schedules are met is the
 * machine's choice, so a pass says less here than under grader/interleave; what only real threads
 * can do (futexes, pipes, the sanitizers' own reports) is seen here alone. */
#include "runtime.h"

#include "real_allocation.h"
#include "stand_in.h"
#include "thread_pool.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

const char runtime_name[] = "real_threads";

enum { DEFAULT_RUNS = 200, BUDGET_MS = 200, CHILD_FAILED = 3 };

/* A sleeper never wakes up. A machine that is short of everything makes a thread wait a few times, and
 * a thread that polls wakes up a hundred times a second. */
enum {
    SETTLE_MS = 2,
    CALM_MS = 50, /* before the watch begins: those just started get where they will sleep */
    WATCH_MS = 400,
    GLANCE_MS = 80,       /* who polls has woken up by then, and is watched for all of that time */
    WAKEUPS_TO_POLL = 15, /* in that time */
    BUSY_MS = 200,        /* of that time */
    NAPS = 16,            /* less may be the system's doing */
};
#define NAP_MS 0.5 /* on average: less is a deadline that has passed, or is passing */

/* Shared by the child that runs the scenario and the parent that tells of it. */
struct report {
    atomic_flag taken;     /* the first to end the scenario writes the outcome, all others wait */
    atomic_bool ended;     /* outcome is complete */
    atomic_bool completed; /* the child ran all it should */
    atomic_ulong runs;
    struct outcome outcome;
};
static struct report *report;

/* What the sanitizers shall do by default; ASAN_OPTIONS and its like still win. */
const char *__asan_default_options(void);
const char *__tsan_default_options(void);
const char *__ubsan_default_options(void);
int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1:detect_leaks=1:detect_stack_use_after_return=0:"
           "handle_abort=0:leak_check_at_exit=0";
}

const char *__tsan_default_options(void)
{
    return "halt_on_error=1:second_deadlock_stack=1:allocator_may_return_null=1";
}

const char *__ubsan_default_options(void)
{
    return "print_stacktrace=1:halt_on_error=1";
}

/* --------------------------------------------------------------------------- in the child */

_Noreturn void end_scenario(const struct outcome *outcome)
{
    if (atomic_flag_test_and_set(&report->taken))
        for (;;)
            pause(); /* another thread was first; its _exit ends this one too */
    report->outcome = *outcome;
    atomic_store(&report->ended, true);
    _exit(CHILD_FAILED);
}

static _Noreturn void end_with(enum verdict verdict, const char *format, ...)
{
    struct outcome outcome = {.verdict = verdict};
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(outcome.message, sizeof outcome.message, format, arguments);
    va_end(arguments);
    end_scenario(&outcome);
}

static void run_once(const struct test *test)
{
    pool_begin_run();
    allocation_begin_run(test->options.allocations_at_most);
    test->body();
    atomic_fetch_add(&report->runs, 1);
}

/* Every allocation fails once, in turn, until a run asked for fewer than the one due. */
static void run_with_failing_allocations(const struct test *test)
{
    for (size_t k = 1;; k++) {
        allocation_fail(k);
        run_once(test);
        if (!allocation_has_failed())
            break;
    }
    allocation_fail(0);
}

static double run_until; /* milliseconds; after that no run is begun */

static double milliseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static unsigned long runs_wanted(const struct test *test)
{
    const char *typed = getenv("SCHEDULES");
    unsigned long most = test->options.schedules;
    unsigned long wanted = typed ? strtoul(typed, NULL, 10) : DEFAULT_RUNS;

    if (test->options.once)
        return 1;
    return most && most < wanted ? most : wanted;
}

/* Of a family each scenario is run once. */
static bool has_another(const struct test *test, unsigned long *runs)
{
    return test->options.family ? test->options.family->next(test) : --*runs > 0;
}

static _Noreturn void run_child(const struct test *test)
{
    unsigned long runs = runs_wanted(test);

    run_until = milliseconds() + BUDGET_MS;

    do
        run_once(test);
    while (has_another(test, &runs) && (milliseconds() < run_until || getenv("SCHEDULES")));
    if (test->options.allocations_fail)
        run_with_failing_allocations(test);
    pool_end();
    if (__lsan_do_recoverable_leak_check && __lsan_do_recoverable_leak_check())
        end_with(VERDICT_LEAK, "Memory was allocated and never freed.");
    atomic_store(&report->completed, true);
    _exit(0);
}

/* -------------------------------------------------------------------------- in the parent */

static void tell_death(int status, struct outcome *outcome)
{
    if (WIFSIGNALED(status) && (WTERMSIG(status) == SIGXCPU || WTERMSIG(status) == SIGKILL)) {
        outcome->verdict = VERDICT_TIMEOUT;
        snprintf(outcome->message, sizeof outcome->message,
                 "The test used up its processor time, or was killed: it does not come to an end.");
    } else if (WIFSIGNALED(status)) {
        outcome->verdict = VERDICT_CRASHED;
        snprintf(outcome->message, sizeof outcome->message, "The code was ended by signal %d (%s).",
                 WTERMSIG(status), strsignal(WTERMSIG(status)));
    } else {
        outcome->verdict = VERDICT_EXITED_EARLY;
        snprintf(outcome->message, sizeof outcome->message,
                 "The process ended with exit code %d in the middle of the test.",
                 WEXITSTATUS(status));
    }
}

void explore(const struct test *test, struct outcome *outcome)
{
    int status = 0;

    *outcome = (struct outcome){.verdict = VERDICT_ENVIRONMENT};
    report = mmap(NULL, sizeof *report, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t child = report == MAP_FAILED ? -1 : fork();
    if (child == -1) {
        snprintf(outcome->message, sizeof outcome->message,
                 "No process can be started for the test: %s.", strerror(errno));
        return;
    }
    if (child == 0)
        run_child(test);
    while (waitpid(child, &status, 0) == -1 && errno == EINTR) {
    }
    if (atomic_load(&report->ended))
        *outcome = report->outcome;
    else if (atomic_load(&report->completed) && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        outcome->verdict = VERDICT_PASSED;
    else
        tell_death(status, outcome);
    outcome->schedules = atomic_load(&report->runs);
    outcome->story = NULL;
    munmap(report, sizeof *report);
}

/* -------------------------------------------------------------------- which should be asleep */

static void sleep_ms(long length)
{
    struct timespec left = {length / 1000, length % 1000 * 1000000};

    while (nanosleep(&left, &left) != 0 && errno == EINTR) {
    }
}

/* What the system has counted of a thread: how often it went to sleep, and how long it ran. */
struct activity {
    long thread;
    long sleeps, ms;
    bool asleep;
};

static void read_of(long thread, const char *file, char *text, size_t size)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/self/task/%ld/%s", thread, file);
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = descriptor < 0 ? -1 : read(descriptor, text, size - 1);
    if (descriptor >= 0)
        close(descriptor);
    text[n > 0 ? n : 0] = '\0';
}

static const char *field_behind(const char *text, const char *mark, int fields)
{
    const char *at = strstr(text, mark);

    for (at = at ? at + strlen(mark) : NULL; at && fields > 0; fields--)
        at = (at = strchr(at, ' ')) ? at + 1 : NULL;
    return at ? at : "";
}

static struct activity activity_of(long thread)
{
    char stat[2048], status[2048];

    read_of(thread, "stat", stat, sizeof stat);
    read_of(thread, "status", status, sizeof status);
    long ticks = atol(field_behind(stat, ") ", 11)) + atol(field_behind(stat, ") ", 12));
    return (struct activity){thread, atol(field_behind(status, "\nvoluntary_ctxt_switches:", 0)),
                             ticks * 1000 / sysconf(_SC_CLK_TCK),
                             *field_behind(stat, ") ", 0) == 'S'};
}

static size_t look_at_others(struct activity *found, size_t most)
{
    DIR *threads = opendir("/proc/self/task");
    size_t n = 0;

    for (struct dirent *entry; threads && n < most && (entry = readdir(threads));)
        if (atol(entry->d_name) > 0 && atol(entry->d_name) != gettid())
            found[n++] = activity_of(atol(entry->d_name));
    if (threads)
        closedir(threads);
    return n;
}

static void judge(const struct activity *before, const struct activity *now)
{
    struct outcome outcome = {.verdict = VERDICT_NO_PROGRESS};
    long sleeps = now->sleeps - before->sleeps, ms = now->ms - before->ms;

    if (sleeps > WAKEUPS_TO_POLL)
        snprintf(outcome.message, sizeof outcome.message,
                 "A thread polls: it woke up %ld times in %d ms in which nothing happened, instead "
                 "of sleeping until somebody wakes it.",
                 sleeps, WATCH_MS);
    else if (ms > BUSY_MS)
        snprintf(
            outcome.message, sizeof outcome.message,
            "A thread spins: it used the processor for %ld of %d ms in which nothing happened, "
            "instead of sleeping.",
            ms, WATCH_MS);
    else
        return;
    end_scenario(&outcome);
}

static bool slept_on(const struct activity *before)
{
    struct activity now = activity_of(before->thread);

    return before->asleep && now.asleep && now.sleeps == before->sleeps;
}

/* The same again after a while, for those threads that have been there all the time. */
static void watch_others(void)
{
    struct activity before[128], now;
    size_t n;
    bool all_asleep = true;
    double begun = milliseconds();

    sleep_ms(CALM_MS);
    n = look_at_others(before, sizeof before / sizeof before[0]);
    sleep_ms(GLANCE_MS);
    for (size_t i = 0; i < n; i++)
        all_asleep = all_asleep && slept_on(&before[i]);
    if (!all_asleep)
        sleep_ms(WATCH_MS - GLANCE_MS);
    run_until += milliseconds() - begun;
    for (size_t i = 0; i < n && !all_asleep; i++) {
        now = activity_of(before[i].thread);
        judge(&before[i], &now);
    }
}

/* ------------------------------------------------------------------- the threads of suite.h */

static atomic_int threads_there; /* that were started and not yet joined */

/* Whose fault is it that there is no room for another one? */
static _Noreturn void tell_too_many(void)
{
    struct activity others[MAX_THREADS * 2];
    size_t most = sizeof others / sizeof others[0], n = look_at_others(others, most);
    size_t of_the_test = (size_t)atomic_load(&threads_there) + pool_idle();

    if (n == most || n > MAX_THREADS + of_the_test)
        end_with(VERDICT_MISUSE, "More than %d threads at once, and no test needs so many.",
                 MAX_THREADS);
    end_with(VERDICT_ENVIRONMENT, "The machine can't start another thread.");
}

pthread_t spawn_named(const char *name, void *(*body)(void *), void *arg)
{
    pthread_t thread;

    (void)name;
    if (!pool_start(&thread, body, arg))
        tell_too_many();
    atomic_fetch_add(&threads_there, 1);
    return thread;
}

void *join(pthread_t thread)
{
    void *result = pool_join(thread);

    atomic_fetch_sub(&threads_there, 1);
    return result;
}

size_t settle(void)
{
    static atomic_flag watched = ATOMIC_FLAG_INIT;

    sleep_ms(SETTLE_MS);
    if (!atomic_flag_test_and_set(&watched))
        watch_others();
    return 0;
}

static double in_ms(struct timeval time)
{
    return (double)time.tv_sec * 1e3 + (double)time.tv_usec / 1e3;
}

size_t naps(void)
{
    static _Thread_local long asked;
    static _Thread_local double off_before; /* milliseconds without the processor */
    struct rusage usage;

    getrusage(RUSAGE_THREAD, &usage);
    long naps = usage.ru_nvcsw - asked;
    double off = milliseconds() - in_ms(usage.ru_utime) - in_ms(usage.ru_stime);
    bool short_ones = off - off_before < (double)naps * NAP_MS;
    asked = usage.ru_nvcsw;
    off_before = off;
    if (atomic_load(&threads_there) > 0 || naps < NAPS || short_ones)
        return 0; /* it may have waited for another thread, or for the machine */
    return (size_t)naps;
}

uint64_t monotonic_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

unsigned locks_held(void)
{
    return 0;
}

size_t rest(void)
{
    return settle();
}

bool is_told(void)
{
    return false;
}

void tell_step(const char *format, ...)
{
    (void)format;
}

void hold_others(bool on)
{
    (void)on;
}

void exploring(bool on)
{
    (void)on;
}

void may_be_left(bool on)
{
    (void)on;
}

void may_stop(bool on)
{
    (void)on;
}

bool join_unless_stopped(pthread_t thread)
{
    join(thread);
    return true;
}

size_t locks_kept_apart(void)
{
#ifdef __has_feature
#if __has_feature(thread_sanitizer)
#define __SANITIZE_THREAD__
#endif
#endif
#ifdef __SANITIZE_THREAD__
    return 60; /* and a few of the code's own */
#else
    return SIZE_MAX;
#endif
}

bool is_followed(void)
{
    return false;
}

void with_little_stack(void (*body)(void *), void *arg)
{
    body(arg);
}

/* -------------------------------------------- calls of the submission that are stood in for */

#define CALLER ((uintptr_t)__builtin_return_address(0))

/* The code of a channel has no business ending the process. */
static _Noreturn void exited(int code, uintptr_t pc)
{
    struct outcome outcome = {.verdict = VERDICT_EXITED_EARLY, .pc = pc};

    snprintf(outcome.message, sizeof outcome.message,
             "The code called exit(%d) in the middle of the test.", code);
    end_scenario(&outcome);
}

STAND_IN(_Noreturn void, exit, int code)
{
    exited(code, CALLER);
}

STAND_IN(_Noreturn void, _exit, int code)
{
    exited(code, CALLER);
}

STAND_IN(_Noreturn void, _Exit, int code)
{
    exited(code, CALLER);
}

STAND_IN(_Noreturn void, quick_exit, int code)
{
    exited(code, CALLER);
}

STAND_IN(_Noreturn void, abort, void)
{
    end_scenario(&(struct outcome){
        .verdict = VERDICT_CRASHED, .message = "The code called abort().", .pc = CALLER});
}

STAND_IN(_Noreturn void, __assert_fail, const char *condition, const char *file, unsigned line,
         const char *function)
{
    struct outcome outcome = {.verdict = VERDICT_CRASHED, .pc = CALLER};

    snprintf(outcome.message, sizeof outcome.message, "assert(%s) failed in %s, line %u of %s.",
             condition, function, line, file);
    end_scenario(&outcome);
}
