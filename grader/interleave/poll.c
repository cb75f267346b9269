/* poll.c - poll, select and epoll: waiting for several files at once (file.h). A descriptor of the system's is
 * asked for what it is now, and never slept on. */
#include "arena.h"
#include "clock.h"
#include "file.h"
#include "memory.h"
#include "object.h"
#include "scheduler.h"
#include "signal.h"
#include "story.h"
#include "strategy.h"
#include "../suite/stand_in.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/select.h>

#define MILLISECOND 1000000L

static uint64_t after_milliseconds(int length)
{
    struct timespec in = {length / 1000, length % 1000 * MILLISECOND};

    return length < 0 ? FOREVER : clock_after(&in);
}

/* ----------------------------------------------------------------------------------------- poll */

struct polled {
    struct pollfd *of;
    nfds_t n;
};

static short events_of(const struct pollfd *polled)
{
    const struct file *file = file_if_open(polled->fd);
    struct pollfd one = *polled;

    if (file)
        return file_events(file) & (polled->events | POLLHUP | POLLERR);
    one.revents = 0;
    if (polled->fd >= 0)
        poll(&one, 1, 0);
    return one.revents;
}

static bool any_is_ready(const struct thread *thread)
{
    const struct polled *polled = thread->files;

    for (nfds_t i = 0; i < polled->n; i++)
        if (events_of(&polled->of[i]))
            return true;
    return false;
}

/* Takes no step: what was seen is part of the one that is taken. Returns the first file's object. */
static struct object *look(const struct polled *polled)
{
    struct object *first = NULL;

    for (nfds_t i = 0; i < polled->n; i++) {
        const struct file *file = file_if_open(polled->of[i].fd);
        if (file)
            file_look(file);
        first = first ? first : file ? file->object : NULL;
    }
    return first;
}

static void tell_sleep(const char *call, struct object *object, nfds_t n, uintptr_t pc)
{
    unsigned id = story_object(object);

    if (!object)
        story_event("sleep", 0, pc, "sleeps in %s", call);
    else if (n == 1)
        story_event(call, id, pc, "sleeps in %s on {%u}", call, id);
    else
        story_event(call, id, pc, "sleeps in %s on {%u} and %lu others", call, id, n - 1);
}

/* Until one is ready, or the deadline. The events are in revents; how many have some is returned. */
static int wait_for_any(struct pollfd files[], nfds_t n, uint64_t deadline, const char *call,
                        uintptr_t pc)
{
    struct polled polled = {files, n};
    struct object *first = NULL;
    int ready = 0;

    for (nfds_t i = 0; i < n; i++) {
        const struct file *file = file_at(files[i].fd, call, pc);
        first = first ? first : file ? file->object : NULL;
    }
    step(first, false, pc);
    look(&polled);
    self->files = &polled;
    if (!any_is_ready(self) && deadline > run.now) {
        tell_sleep(call, first, n, pc);
        self->takes_signals = true;
        bool handled = sleep_until(any_is_ready, first ? first : run.clock_object, call, pc,
                                   deadline, false, false) == WAKE_SPURIOUS;
        look(&polled);
        if (handled && !any_is_ready(self)) {
            self->files = NULL;
            return fails_with(EINTR);
        }
    }
    self->files = NULL;
    for (nfds_t i = 0; i < n; i++) {
        files[i].revents = events_of(&files[i]);
        ready += files[i].revents != 0;
    }
    story_event(call, story_object(first), pc,
                ready ? "sees that %d of %lu can go on"
                      : "sees that %d of %lu can go on: time is up",
                ready, n);
    return ready;
}

static int poll_files(struct pollfd files[], nfds_t n, uint64_t deadline, const char *call,
                      uintptr_t pc)
{
    memory_access((uintptr_t)files, n * sizeof *files, READ, pc);
    int ready = wait_for_any(files, n, deadline, call, pc);
    for (nfds_t i = 0; i < n; i++)
        memory_access((uintptr_t)&files[i].revents, sizeof files[i].revents, WRITE, pc);
    return ready;
}

STAND_IN(int, poll, struct pollfd *files, nfds_t n, int milliseconds)
{
    uint64_t deadline = after_milliseconds(milliseconds);

    return poll_files(files, n, deadline, "poll", CALLER);
}

STAND_IN(int, ppoll, struct pollfd *files, nfds_t n, const struct timespec *length,
         const sigset_t *mask)
{
    uint64_t before = signals_swap(mask);
    int ready = poll_files(files, n, clock_after(length), "ppoll", CALLER);

    signals_swap_back(before);
    return ready;
}

/* --------------------------------------------------------------------------------------- select */

static const struct set {
    short wanted, found;
} sets[] = {{POLLIN, POLLIN | POLLHUP | POLLERR}, {POLLOUT, POLLOUT | POLLERR}, {POLLPRI, POLLPRI}};

static int select_files(int n, fd_set *of[3], uint64_t deadline, const char *call, uintptr_t pc)
{
    struct pollfd files[FD_SETSIZE];
    nfds_t count = 0;
    int found = 0;

    for (int descriptor = 0; descriptor < n && descriptor < FD_SETSIZE; descriptor++) {
        struct pollfd wanted = {.fd = descriptor};
        for (int s = 0; s < 3; s++)
            if (of[s] && FD_ISSET(descriptor, of[s]))
                wanted.events |= sets[s].wanted;
        if (wanted.events)
            files[count++] = wanted;
    }
    if (wait_for_any(files, count, deadline, call, pc) == -1)
        return -1;
    for (nfds_t i = 0; i < count; i++)
        if (files[i].revents & POLLNVAL)
            return fails_with(EBADF);
    for (int s = 0; s < 3; s++)
        if (of[s])
            FD_ZERO(of[s]);
    for (nfds_t i = 0; i < count; i++)
        for (int s = 0; s < 3; s++)
            if (files[i].events & sets[s].wanted && files[i].revents & sets[s].found) {
                FD_SET(files[i].fd, of[s]);
                found++;
            }
    return found;
}

STAND_IN(int, select, int n, fd_set *readable, fd_set *writable, fd_set *other,
         struct timeval *length)
{
    struct timespec in = {length ? length->tv_sec : 0, length ? length->tv_usec * 1000 : 0};
    uint64_t deadline = clock_after(length ? &in : NULL);

    return select_files(n, (fd_set *[]){readable, writable, other}, deadline, "select", CALLER);
}

STAND_IN(int, pselect, int n, fd_set *readable, fd_set *writable, fd_set *other,
         const struct timespec *length, const sigset_t *mask)
{
    uint64_t before = signals_swap(mask);
    int ready = select_files(n, (fd_set *[]){readable, writable, other}, clock_after(length),
                             "pselect", CALLER);

    signals_swap_back(before);
    return ready;
}

/* ---------------------------------------------------------------------------------------- epoll */

enum { MAX_EPOLLS = 256, MAX_INTERESTS = 1024 };

struct epoll {
    struct object *object;
    unsigned n, first; /* that is asked first: the one behind the last that was told */
    struct interest {
        int descriptor;
        struct file *file;
        uint32_t events;
        epoll_data_t data;
        bool is_off;        /* EPOLLONESHOT, and it was told */
        unsigned long seen; /* EPOLLET: its edges, when it was told */
        bool was_told;
    } of[MAX_INTERESTS];
};

static struct epoll *epolls;
static unsigned epoll_count;

static uint32_t events_for(const struct interest *interest)
{
    if (interest->is_off || file_if_open(interest->descriptor) != interest->file)
        return 0;
    if (interest->events & EPOLLET && interest->was_told &&
        interest->seen == file_edges(interest->file, interest->events))
        return 0;
    return (uint32_t)file_events(interest->file) & (interest->events | EPOLLHUP | EPOLLERR);
}

static bool epoll_is_ready(const struct epoll *epoll)
{
    for (unsigned i = 0; i < epoll->n; i++)
        if (events_for(&epoll->of[i]))
            return true;
    return false;
}

static bool has_events(const struct thread *thread)
{
    return epoll_is_ready(thread->files);
}

static int make_epoll(uintptr_t pc)
{
    struct file *file;

    if (!epolls && !(epolls = reserve(MAX_EPOLLS * sizeof *epolls)))
        return fails_with(ENOMEM);
    int descriptor = file_new(&file, FILE_EPOLL, OBJECT_EPOLL, pc);
    if (descriptor == -1)
        return -1;
    struct epoll *epoll = &epolls[epoll_count++ % MAX_EPOLLS];
    epoll->n = epoll->first = 0;
    epoll->object = file->object;
    file->epoll.of = epoll;
    file->epoll.ready = epoll_is_ready;
    story_event("epoll_create", story_object(file->object), pc, "makes {%u}",
                story_object(file->object));
    return descriptor;
}

STAND_IN(int, epoll_create1, int flags)
{
    (void)flags;
    return make_epoll(CALLER);
}

STAND_IN(int, epoll_create, int size)
{
    return size > 0 ? make_epoll(CALLER) : fails_with(EINVAL);
}

static struct interest *interest_in(struct epoll *epoll, int descriptor, const struct file *file)
{
    for (unsigned i = 0; i < epoll->n; i++)
        if (epoll->of[i].descriptor == descriptor && epoll->of[i].file == file)
            return &epoll->of[i];
    return NULL;
}

STAND_IN(int, epoll_ctl, int descriptor, int operation, int of, struct epoll_event *event)
{
    struct file *file = file_at(descriptor, "epoll_ctl", CALLER),
                *member = file_at(of, "epoll_ctl", CALLER);

    if (!file || !member)
        return fails_with(of < 0 || descriptor < 0 ? EBADF : EPERM);
    if (file->type != FILE_EPOLL || file == member)
        return fails_with(EINVAL);
    struct epoll *epoll = file->epoll.of;
    step(epoll->object, true, CALLER);
    file_look(member);
    struct interest *known = interest_in(epoll, of, member);
    if (operation == EPOLL_CTL_ADD ? known != NULL : known == NULL)
        return fails_with(known ? EEXIST : ENOENT);
    release(&epoll->object->clock);
    made_progress();
    story_event("epoll_ctl", story_object(epoll->object), CALLER, "%s {%u} in {%u}",
                operation == EPOLL_CTL_DEL ? "forgets" : "watches", story_object(member->object),
                story_object(epoll->object));
    if (operation == EPOLL_CTL_DEL) {
        *known = epoll->of[--epoll->n];
        return 0;
    }
    if (!known && epoll->n == MAX_INTERESTS)
        return fails_with(ENOSPC);
    memory_access((uintptr_t)event, sizeof *event, READ, CALLER);
    *(known ? known : &epoll->of[epoll->n++]) = (struct interest){
        .descriptor = of, .file = member, .events = event->events, .data = event->data};
    return 0;
}

static void look_at_all(const struct epoll *epoll)
{
    for (unsigned i = 0; i < epoll->n; i++)
        if (file_if_open(epoll->of[i].descriptor) == epoll->of[i].file)
            file_look(epoll->of[i].file);
}

/* Tells what is ready, the longest untold first. */
static int tell_events(struct epoll *epoll, struct epoll_event events[], int most, uintptr_t pc)
{
    int found = 0;

    for (unsigned i = 0; i < epoll->n && found < most; i++) {
        struct interest *interest = &epoll->of[(epoll->first + i) % epoll->n];
        uint32_t now = events_for(interest);
        if (!now)
            continue;
        memory_access((uintptr_t)&events[found], sizeof *events, WRITE, pc);
        events[found].events = now;
        events[found++].data = interest->data;
        interest->was_told = true;
        interest->seen = file_edges(interest->file, interest->events);
        interest->is_off = interest->events & EPOLLONESHOT;
    }
    epoll->first += (unsigned)found;
    return found;
}

static int wait_on_epoll(int descriptor, struct epoll_event events[], int most, uint64_t deadline,
                         const char *call, uintptr_t pc)
{
    const struct file *file = file_at(descriptor, call, pc);

    if (!file)
        return fails_with(EBADF);
    if (file->type != FILE_EPOLL || most <= 0)
        return fails_with(EINVAL);
    struct epoll *epoll = file->epoll.of;
    unsigned id = story_object(epoll->object);
    step(epoll->object, true, pc);
    look_at_all(epoll);
    if (!epoll_is_ready(epoll) && deadline > run.now) {
        self->files = epoll;
        story_event(call, id, pc, "sleeps in %s on {%u}", call, id);
        self->takes_signals = true;
        enum wake wake = sleep_until(has_events, epoll->object, call, pc, deadline, false, false);
        self->files = NULL;
        look_at_all(epoll);
        if (wake == WAKE_SPURIOUS && !epoll_is_ready(epoll))
            return fails_with(EINTR);
    }
    acquire(&epoll->object->clock);
    int found = tell_events(epoll, events, most, pc);
    story_event(call, id, pc,
                found ? "is told %d event%s by {%u}" : "is told %d event%s by {%u}: time is up",
                found, found == 1 ? "" : "s", id);
    return found;
}

STAND_IN(int, epoll_wait, int descriptor, struct epoll_event *events, int most, int milliseconds)
{
    return wait_on_epoll(descriptor, events, most, after_milliseconds(milliseconds), "epoll_wait",
                         CALLER);
}

STAND_IN(int, epoll_pwait, int descriptor, struct epoll_event *events, int most, int milliseconds,
         const sigset_t *mask)
{
    uint64_t before = signals_swap(mask);
    int ready = wait_on_epoll(descriptor, events, most, after_milliseconds(milliseconds),
                              "epoll_pwait", CALLER);

    signals_swap_back(before);
    return ready;
}
