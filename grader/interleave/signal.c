/* signal.c - pthread_kill, the sigwait family, masks and handlers.
 *
 * A signal that is blocked waits for its thread; two of a kind are one. A handler runs when its thread next goes on,
 * or at once where it sleeps in a call that a signal ends. Nobody outside the schedule sends any. What comes
 * before a signal is sent is known to whoever takes it. */
#include "signal.h"

#include "clock.h"
#include "fail.h"
#include "memory.h"
#include "object.h"
#include "scheduler.h"
#include "story.h"
#include "strategy.h"
#include "thread.h"
#include "../suite/stand_in.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { SIGNALS = 65 };

static struct sigaction actions[SIGNALS];
static bool some_action;

static uint64_t bit(int number)
{
    return UINT64_C(1) << (number - 1);
}

static const uint64_t CANT_BE_BLOCKED = UINT64_C(1) << (SIGKILL - 1) | UINT64_C(1) << (SIGSTOP - 1);

static bool is_signal(int number)
{
    return number > 0 && number < SIGNALS;
}

static uint64_t bits_of(const sigset_t *set)
{
    uint64_t bits = 0;

    for (int number = 1; number < SIGNALS; number++)
        if (sigismember(set, number) == 1)
            bits |= bit(number);
    return bits;
}

static void set_bits(sigset_t *set, uint64_t bits)
{
    sigemptyset(set);
    for (int number = 1; number < SIGNALS; number++)
        if (bits & bit(number))
            sigaddset(set, number);
}

static struct object *signals_of(struct thread *thread)
{
    if (!thread->signals)
        thread->signals = object_new(OBJECT_SIGNALS, 0);
    return thread->signals;
}

/* --------------------------------------------------------------------------------- what they do */

static bool has_handler(int number)
{
    return actions[number].sa_handler != SIG_DFL && actions[number].sa_handler != SIG_IGN;
}

static bool is_ignored(int number)
{
    return actions[number].sa_handler == SIG_IGN ||
           (actions[number].sa_handler == SIG_DFL &&
            (number == SIGCHLD || number == SIGURG || number == SIGWINCH || number == SIGCONT));
}

static void handle(int number)
{
    struct sigaction action = actions[number];
    uint64_t before = self->signals_blocked;
    const void *files = self->files;
    size_t room = self->room;
    siginfo_t info = {.si_signo = number, .si_code = SI_TKILL, .si_pid = getpid()};
    int error_before = errno;

    strategy_leaves_out(); /* it might have come between any two steps */
    if (action.sa_flags & (int)SA_RESETHAND)
        actions[number].sa_handler = SIG_DFL;
    self->signals_blocked |=
        bits_of(&action.sa_mask) | (action.sa_flags & SA_NODEFER ? 0 : bit(number));
    self->restarts = action.sa_flags & SA_RESTART;
    story_event("signal", 0, self->call_pc, "handles signal %d", number);
    if (action.sa_flags & SA_SIGINFO)
        action.sa_sigaction(number, &info, NULL);
    else
        action.sa_handler(number);
    self->signals_blocked = before;
    self->files = files;
    self->room = room;
    errno = error_before;
}

static _Noreturn void tell_end(const struct thread *thread, int number, uintptr_t pc)
{
    fail(VERDICT_CRASHED, pc,
         "%s is sent signal %d (%s), which it neither blocks nor handles: the process ends.",
         thread_name(thread), number, strsignal(number));
}

/* All that waits for self and is not blocked. */
static void arrive(void)
{
    uint64_t waiting;

    while ((waiting = self->signals_pending & ~self->signals_blocked)) {
        int number = __builtin_ctzll(waiting) + 1;
        self->signals_pending &= ~bit(number);
        strategy_touch(signals_of(self), true);
        acquire(&signals_of(self)->clock);
        if (has_handler(number))
            handle(number);
        else if (!is_ignored(number))
            tell_end(self, number, self->call_pc);
    }
}

void signals_begin(void)
{
    if (some_action)
        memset(actions, 0, sizeof actions);
    some_action = false;
    signal_arrived = arrive;
    run.signals = object_new(OBJECT_SIGNALS, 0);
}

/* ----------------------------------------------------------------------------------------- sent */

static void post(struct thread *target, int number, uintptr_t pc)
{
    bool waited_for = target->signals_wanted & bit(number);
    bool blocked = target->signals_blocked & bit(number);

    if (!waited_for && !blocked && is_ignored(number))
        return;
    if (!waited_for && !blocked && !has_handler(number))
        tell_end(target, number, pc);
    release(&signals_of(target)->clock);
    target->signals_pending |= bit(number);
    target->was_interrupted |= target->takes_signals && target->call && !waited_for && !blocked;
    made_progress();
}

static void tell_sent(const struct thread *target, int number, uintptr_t pc)
{
    story_event("kill", story_object(target->signals), pc, "sends {t%u} signal %d (%s)", target->id,
                number, strsignal(number));
}

static int send_to(unsigned long handle, int number, const char *call, uintptr_t pc)
{
    struct thread *target = thread_of(handle, call, pc);

    if (target->joined)
        fail(VERDICT_MISUSE, pc, "%s is called by %s for %s, which was joined before.", call,
             thread_name(self), thread_name(target));
    if (number == 0)
        return 0;
    if (!is_signal(number))
        return EINVAL;
    step(signals_of(target), true, pc);
    if (target->state != THREAD_LIVE)
        return 0;
    tell_sent(target, number, pc);
    post(target, number, pc);
    if (target == self)
        arrive();
    return 0;
}

STAND_IN(int, pthread_kill, pthread_t thread, int number)
{
    return send_to(thread, number, "pthread_kill", CALLER);
}

STAND_IN(int, raise, int number)
{
    int failed = send_to(self->handle, number, "raise", CALLER);

    return failed ? fails_with(failed) : 0;
}

bool signal_raise(int number)
{
    if (!(self->signals_blocked & bit(number)) && !is_ignored(number) && !has_handler(number))
        return false;
    post(self, number, self->call_pc);
    arrive();
    return true;
}

static bool would_take(const struct thread *thread, int number)
{
    return !is_over(thread) &&
           (thread->signals_wanted & bit(number) || !(thread->signals_blocked & bit(number)));
}

/* To the process: any thread that does not block it may be the one. */
STAND_IN(int, kill, pid_t process, int number)
{
    unsigned n = 0;

    if (process != getpid() && process != 0)
        return kill(process, number);
    if (number < 0 || number >= SIGNALS)
        return fails_with(EINVAL);
    if (number == 0)
        return 0;
    step(run.signals, true, CALLER);
    for (unsigned t = 0; t < run.thread_count; t++)
        n += would_take(&run.threads[t], number);
    if (!n) {
        release(&run.signals->clock);
        run.signals_pending |= bit(number);
        made_progress();
        return 0;
    }
    for (unsigned t = 0, k = n > 1 ? strategy_draw(n, false) : 0; t < run.thread_count; t++)
        if (would_take(&run.threads[t], number) && k-- == 0) {
            strategy_touch(signals_of(&run.threads[t]), true);
            tell_sent(&run.threads[t], number, CALLER);
            post(&run.threads[t], number, CALLER);
        }
    arrive();
    return 0;
}

/* --------------------------------------------------------------------------------- waited for */

static uint64_t waiting_for(const struct thread *thread)
{
    return (thread->signals_pending | run.signals_pending) & thread->signals_wanted;
}

static bool has_one(const struct thread *thread)
{
    return waiting_for(thread) != 0;
}

/* The signal taken, or -1 and errno. */
static int wait_for_one(const sigset_t *set, uint64_t deadline, const char *call, uintptr_t pc)
{
    struct object *signals = signals_of(self);
    unsigned id = story_object(signals);

    memory_access((uintptr_t)set, sizeof *set, READ, pc);
    step(signals, true, pc);
    strategy_touch(run.signals, true);
    self->signals_wanted = bits_of(set);
    enum wake wake = WAKE_READY;
    if (!has_one(self)) {
        story_event(call, id, pc, "sleeps in %s", call);
        self->takes_signals = true;
        wake = deadline > run.now ? sleep_until(has_one, signals, call, pc, deadline, false, false)
                                  : WAKE_TIMEOUT;
        strategy_touch(run.signals, true);
    }
    uint64_t found = waiting_for(self);
    self->signals_wanted = 0;
    if (!found)
        return fails_with(wake == WAKE_TIMEOUT ? EAGAIN : EINTR);
    int number = __builtin_ctzll(found) + 1;
    if (self->signals_pending & bit(number)) {
        self->signals_pending &= ~bit(number);
        acquire(&signals->clock);
    } else {
        run.signals_pending &= ~bit(number);
        acquire(&run.signals->clock);
    }
    story_event(call, id, pc, "takes signal %d (%s)", number, strsignal(number));
    return number;
}

STAND_IN(int, sigwait, const sigset_t *set, int *number)
{
    int found;

    do
        found = wait_for_one(set, FOREVER, "sigwait", CALLER);
    while (found == -1); /* glibc's goes on after EINTR */
    memory_access((uintptr_t)number, sizeof *number, WRITE, CALLER);
    *number = found;
    return 0;
}

static int wait_with_info(const sigset_t *set, siginfo_t *info, uint64_t deadline, const char *call,
                          uintptr_t pc)
{
    int found = wait_for_one(set, deadline, call, pc);

    if (found != -1 && info) {
        memory_access((uintptr_t)info, sizeof *info, WRITE, pc);
        memset(info, 0, sizeof *info);
        info->si_signo = found;
        info->si_code = SI_TKILL;
        info->si_pid = getpid();
    }
    return found;
}

STAND_IN(int, sigwaitinfo, const sigset_t *set, siginfo_t *info)
{
    return wait_with_info(set, info, FOREVER, "sigwaitinfo", CALLER);
}

STAND_IN(int, sigtimedwait, const sigset_t *set, siginfo_t *info, const struct timespec *length)
{
    uint64_t deadline;
    bool on_realtime;

    if (length && !clock_deadline(CLOCK_MONOTONIC, length, &deadline, &on_realtime))
        return fails_with(EINVAL);
    return wait_with_info(set, info, clock_after(length), "sigtimedwait", CALLER);
}

static bool can_arrive(const struct thread *thread)
{
    return thread->signals_pending & ~thread->signals_blocked;
}

static int suspend(const char *call, uintptr_t pc)
{
    if (!can_arrive(self)) {
        story_event(call, story_object(self->signals), pc, "sleeps in %s", call);
        self->takes_signals = true;
        sleep_until(can_arrive, self->signals, call, pc, FOREVER, false, false);
    }
    arrive();
    return fails_with(EINTR);
}

STAND_IN(int, sigsuspend, const sigset_t *mask)
{
    uint64_t before = self->signals_blocked;

    step(signals_of(self), true, CALLER);
    self->signals_blocked = bits_of(mask) & ~CANT_BE_BLOCKED;
    int result = suspend("sigsuspend", CALLER);
    self->signals_blocked = before;
    return result;
}

STAND_IN(int, pause, void)
{
    step(signals_of(self), true, CALLER);
    return suspend("pause", CALLER);
}

/* -------------------------------------------------------------------------- masks and handlers */

static void arrive_from_process(void)
{
    uint64_t now = run.signals_pending & ~self->signals_blocked;

    if (now) {
        run.signals_pending &= ~now;
        self->signals_pending |= now;
        acquire(&run.signals->clock);
    }
    arrive();
}

static int change_mask(int how, const sigset_t *set, sigset_t *before, uintptr_t pc)
{
    uint64_t blocked = self->signals_blocked;

    if (set && how != SIG_BLOCK && how != SIG_UNBLOCK && how != SIG_SETMASK)
        return EINVAL;
    step(signals_of(self), true, pc);
    if (before) {
        memory_access((uintptr_t)before, sizeof *before, WRITE, pc);
        set_bits(before, blocked);
    }
    if (!set)
        return 0;
    memory_access((uintptr_t)set, sizeof *set, READ, pc);
    uint64_t bits = bits_of(set) & ~CANT_BE_BLOCKED;
    self->signals_blocked = how == SIG_BLOCK     ? blocked | bits
                            : how == SIG_UNBLOCK ? blocked & ~bits
                                                 : bits;
    strategy_touch(run.signals, true);
    arrive_from_process();
    return 0;
}

STAND_IN(int, pthread_sigmask, int how, const sigset_t *set, sigset_t *before)
{
    return change_mask(how, set, before, CALLER);
}

STAND_IN(int, sigprocmask, int how, const sigset_t *set, sigset_t *before)
{
    int failed = change_mask(how, set, before, CALLER);

    return failed ? fails_with(failed) : 0;
}

uint64_t signals_swap(const sigset_t *mask)
{
    uint64_t before = self->signals_blocked;

    if (mask)
        self->signals_blocked = bits_of(mask) & ~CANT_BE_BLOCKED;
    return before;
}

void signals_swap_back(uint64_t before)
{
    self->signals_blocked = before;
}

STAND_IN(int, sigpending, sigset_t *set)
{
    step(signals_of(self), true, CALLER);
    memory_access((uintptr_t)set, sizeof *set, WRITE, CALLER);
    set_bits(set, (self->signals_pending | run.signals_pending) & self->signals_blocked);
    return 0;
}

static int change_action(int number, const struct sigaction *action, struct sigaction *before,
                         uintptr_t pc)
{
    if (!is_signal(number) || number == SIGKILL || number == SIGSTOP)
        return fails_with(EINVAL);
    step(run.signals, true, pc);
    if (before) {
        memory_access((uintptr_t)before, sizeof *before, WRITE, pc);
        *before = actions[number];
    }
    if (action) {
        some_action = true;
        actions[number] = *action;
    }
    return 0;
}

STAND_IN(int, sigaction, int number, const struct sigaction *action, struct sigaction *before)
{
    return change_action(number, action, before, CALLER);
}

STAND_IN(sighandler_t, signal, int number, sighandler_t handler)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART}, before;

    return change_action(number, &action, &before, CALLER) ? SIG_ERR : before.sa_handler;
}
