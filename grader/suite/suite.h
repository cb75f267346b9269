/* suite.h - what a suite is written with.
 *
 * A suite is a list of tests, and a test is a sentence of the header, executed:
 *
 *     TEST(dropping_the_last_sender_wakes_a_sleeping_receiver,
 *          .sentences = {"and so does dropping the last sender"}, .hint = "Who has to be told?")
 *     {
 *         struct ends ends = open_channel(sizeof(int));
 *         pthread_t dropper = spawn(drop_sender, ends.tx);
 *         int got = -1;
 *
 *         check_status(receiver_recv(ends.rx, &got), CHANNEL_CLOSED,
 *                      "Dropping the last sender wakes a sleeping receiver.");
 *         join(dropper);
 *         receiver_drop(ends.rx);
 *     }
 *
 * The body is a scenario. It is run many times, each time under another schedule of its threads,
 * by the runtime the suite is linked with: the controlled scheduler (grader/interleave) or real
 * threads (real_threads.c). The suite does not know which, and has no #ifdef to find out.
 *
 * Rules of a scenario
 *   It leaves nothing behind: every handle dropped, every thread joined, every block freed. What the
 *   submission still holds when the body returns is reported as a leak.
 *   It starts from scratch each time: no state of an earlier run is seen (static variables of the
 *   suite are as the program loaded them).
 *   It terminates under every schedule if the submission is right. It never sleeps and never spins.
 *   It says only what the header says. Where the header leaves something open, check_one_of.
 *
 * Everything below may be called by any thread of a scenario, and by nothing else. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ------------------------------------------------------------------------------------ tests */

/* What a test asks of the runtime; everything left out has the default. */
struct family;
struct test_options {
    /* What it executes, quoted: some words of each sentence. Where words alone would not do, the
     * function or the entry stands before them: "sender_send CHANNEL_CLOSED: and stays so". They
     * are read from the source (grader/sentences.py). */
    const char *sentences[12];
    const char *hint; /* shown with a failure of this test: a question, never code */
    /* Besides the runs without, each allocation of the submission fails once, in turn, and so does each start of a
     * thread and each descriptor that it asks for. (On real threads no descriptor fails.) */
    bool allocations_fail;
    /* Memory is short: of the submission's allocations in a run so many succeed, the later ones fail. 0: all may. */
    unsigned allocations_at_most;
    /* In each run one thread is stopped for ever at one of its steps between may_stop(true) and
     * may_stop(false): see may_stop. */
    bool one_thread_stops;
    /* A sleeper is woken by another thread: when only a time-out would end everybody's sleep, a
     * tenth of a second later or more, nothing does. */
    bool woken_by_others;
    bool once;          /* one run is enough: much work, and one schedule tells all */
    bool is_a_program;  /* anybody's, which may start as many threads as it likes */
    unsigned schedules; /* at most this many, whatever was asked for; 0: no such limit */
    const struct family
        *family;               /* the body is many scenarios (grader/model), each run that often */
    unsigned spurious_wakeups; /* at most this many in a run; 0: the default, 1 */
};

struct test {
    const char *name; /* a sentence of the header, in lower case with _ for spaces */
    const char *file;
    int line;
    void (*body)(void);
    struct test_options options;
};

/* Defines a test: TEST(name) { body } or TEST(name, .option = value, ...) { body }. It is found by
 * being there: the suite's main sees all of them, in the order of the file. */
#define TEST(...) TEST_(__VA_ARGS__, )
#define TEST_(test_name, ...)                                                                      \
    static void test_name(void);                                                                   \
    static const struct test test_##test_name = {.name = #test_name,                               \
                                                 .file = __FILE__,                                 \
                                                 .line = __LINE__,                                 \
                                                 .body = test_name,                                \
                                                 .options = {__VA_ARGS__}};                        \
    static const struct test *const entry_##test_name                                              \
        __attribute__((used, section("suite_tests"))) = &test_##test_name;                         \
    static void test_name(void)

/* ----------------------------------------------------------------------------------- checks */

/* Each check states a rule, the sentence of the header it stands for. When the check fails the test
 * ends there and then, in whichever thread it is, and the student reads the rule, the call, what
 * was expected and what came. A check that holds does nothing. */

/* condition holds. */
#define check(condition, rule)                                                                     \
    ((condition) ? (void)0 : check_failed(__FILE__, __LINE__, (rule), #condition, "true", "false"))

/* call returns exactly that status (an enum channel_status). Evaluates call once. */
#define check_status(call, expected, rule)                                                         \
    check_status_at(__FILE__, __LINE__, (rule), #call, (int)(call), channel_status_names,          \
                    (int[]){(int)(expected)}, 1)

/* call returns one of several statuses, for what the header leaves open; the value is the status.
 *     if (check_one_of(sender_send(tx, &m), rule, CHANNEL_OK, CHANNEL_CLOSED) == CHANNEL_OK) ... */
#define check_one_of(call, rule, ...)                                                              \
    check_status_at(__FILE__, __LINE__, (rule), #call, (int)(call), channel_status_names,          \
                    (int[]){__VA_ARGS__}, sizeof((int[]){__VA_ARGS__}) / sizeof(int))

/* The same for another enum: names[i] is the name of value i, ended by NULL. */
#define check_enum(call, names, rule, ...)                                                         \
    check_status_at(__FILE__, __LINE__, (rule), #call, (int)(call), (names), (int[]){__VA_ARGS__}, \
                    sizeof((int[]){__VA_ARGS__}) / sizeof(int))

/* Two whole numbers are equal. */
#define check_equal(actual, expected, rule)                                                        \
    check_equal_at(__FILE__, __LINE__, (rule), #actual, (long long)(actual), (long long)(expected))

/* Two pointers are equal. */
#define check_pointer(actual, expected, rule)                                                      \
    check_pointer_at(__FILE__, __LINE__, (rule), #actual, (actual), (expected))

/* size bytes are equal. */
#define check_bytes(actual, expected, size, rule)                                                  \
    check_bytes_at(__FILE__, __LINE__, (rule), #actual, (actual), (expected), (size))

extern const char *const channel_status_names[];

/* ---------------------------------------------------------------------------------- threads */

/* Starts a thread and never fails; in a story the thread bears the name of its function. A suite may
 * as well call pthread_create itself. */
#define spawn(body, arg) spawn_named(#body, (body), (arg))

/* Waits for the end of a thread, and returns its result. */
void *join(pthread_t thread);

/* Returns once every other thread of the test sleeps or has ended, and then lets a long time pass in
 * which nothing happens. A submission that polls meanwhile is found out. On real threads: waits a few
 * milliseconds, so nothing may be concluded from it that a slow machine could make false for a right
 * submission; the first time in a process it waits longer, and the system says who did not sleep. The
 * result is how many other threads have not ended; on real threads, which nobody counts, 0. */
size_t settle(void);

/* How often the calling thread has slept since it last asked: a wait that nobody but the clock ended, and
 * whose deadline was still to come when it began. On real threads, where the system makes any thread wait
 * now and then, less than 16 times count as none, and nothing counts while there is another thread. So ask
 * after 32 calls. A thread that asks between its calls does not poll during a settle, whatever deadlines they have. */
size_t naps(void);

/* As settle, for a tenth of a second only: a sleep that only a later time-out ends goes on. */
size_t rest(void);

/* CLOCK_MONOTONIC in nanoseconds; asking for it is not seen by other threads. */
uint64_t monotonic_now(void);

/* How many locks of pthreads the calling thread has; on real threads, which nobody counts, 0. */
unsigned locks_held(void);

/* From hold_others(true) to hold_others(false) the other threads there are get no processor time, as if the
 * machine had better things to do; those started meanwhile do. For a thread that is to be found waiting for
 * them: after a settle, so that none is in the middle of something. On real threads nobody is held. */
void hold_others(bool on);

/* From exploring(false), at the beginning of a scenario, to exploring(true) one schedule is enough: nobody
 * interferes, what else may happen does not, and then every other thread sleeps. For what a scenario needs to be
 * there before it begins. On real threads it changes nothing. */
void exploring(bool on);

/* Lock-freedom, in a test with .one_thread_stops: between may_stop(true) and may_stop(false) the
 * calling thread may be stopped for ever. In every run one thread is, at one of its steps; in other
 * runs nobody. The others must finish; if they can't, the verdict is "not lock-free", with the step
 * at which the thread was stopped. join_unless_stopped waits for a thread to end or to have been
 * stopped, and says whether it ended. Once a thread was stopped nothing is reported as leaked. On real threads
 * nobody is stopped. */
void may_stop(bool on);
bool join_unless_stopped(pthread_t thread);

/* From may_be_left(true) to may_be_left(false) the calling thread may sleep for ever once another was stopped:
 * then the scenario ends without it. */
void may_be_left(bool on);

/* Is this run told as a story? Then tell_step notes, as a step of it, what the calling thread does; otherwise nothing.
 * A message of channel 3 is {a what 3}, {what 3} or {whats 3} in the text: the story calls it what its type is
 * called in the call for which it was told "creates channel 3". */
bool is_told(void);
void tell_step(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* How many locks one thread may hold at once and the runtime still tells them apart: ThreadSanitizer gives up
 * at 64. */
size_t locks_kept_apart(void);

/* Is each access to memory followed, as the scheduler does? Then a hundred thousand calls are many; on real threads
 * a million take no longer. */
bool is_followed(void);

/* Calls body with arg, and with no more than 1 MiB of stack left to it, as much as a thread has on some systems.
 * On real threads with what there is: their stacks can't be made smaller from within. */
void with_little_stack(void (*body)(void *), void *arg);

/* ------------------------------------------------------------------------------- allocation */

/* In a test with .allocations_fail: has the failure of this run already happened? Before, nothing
 * excuses a NO_MEMORY. */
bool allocation_has_failed(void);

/* What stands in for a call of the submission's that may need memory asks this: true if that is what fails in this run.
 * It is no allocation of those that are counted below. */
bool lacks_memory(void);

/* From memory_runs_out(true) to memory_runs_out(false) none of the submission's allocations succeeds. For what needs no
 * memory however much a submission has allocated before, which nobody can count. */
void memory_runs_out(bool on);

/* How many allocations the submission asked for so far in this run; the suite's own are not counted. */
size_t allocations(void);

/* ... and how many of them the calling thread asked for. */
size_t own_allocations(void);

/* malloc for a suite: never fails, is not counted, and what is not freed is reported. Give it back
 * with free. */
void *allocate(size_t size);

/* ------------------------------------------------------------------- behind the macros above */

_Noreturn void check_failed(const char *file, int line, const char *rule, const char *call,
                            const char *expected, const char *got);
int check_status_at(const char *file, int line, const char *rule, const char *call, int got,
                    const char *const names[], const int expected[], size_t n);
void check_equal_at(const char *file, int line, const char *rule, const char *call,
                    long long actual, long long expected);
void check_pointer_at(const char *file, int line, const char *rule, const char *call,
                      const void *actual, const void *expected);
void check_bytes_at(const char *file, int line, const char *rule, const char *call,
                    const void *actual, const void *expected, size_t size);
pthread_t spawn_named(const char *name, void *(*body)(void *), void *arg);
