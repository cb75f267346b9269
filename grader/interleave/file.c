/* file.c - eventfd, pipe, socketpair, and read, write, close, fcntl and their like: see file.h.
 *
 * As Linux has them: a pipe holds 64 KiB, up to PIPE_BUF bytes are written at once or not at all, and a socket
 * holds so many packets as fit into its send buffer with what the kernel needs for each. What was written
 * before is known to whoever reads it. Only a signal that is handled interrupts these calls. */
#include "file.h"

#include "arena.h"
#include "fail.h"
#include "heap.h"
#include "memory.h"
#include "object.h"
#include "scheduler.h"
#include "signal.h"
#include "story.h"
#include "strategy.h"
#include "../suite/stand_in.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    FIRST = 32, /* descriptor: lower ones are the system's, and so are those from LAST on */
    LAST = 1024,
    PIPE_SIZE = 65536,
    SEND_BUFFER = 212992, /* of a socket, in what its packets cost */
    LARGEST_PACKET = SEND_BUFFER / 2 - 64,
    MAX_PACKETS = SEND_BUFFER / 768 + 2, /* the least that one costs */
    STREAM_SIZE = 1 << 19,               /* more than either holds */
};

/* What is on its way from one end to another. */
struct stream {
    struct object *object;
    unsigned char *bytes; /* [STREAM_SIZE], round */
    size_t first, count, capacity;
    unsigned readers, writers;
    unsigned long written, read; /* how often, its ends' closing included */
    bool is_socket, keeps_packets;
    struct {
        size_t left, cost;
    } packets[MAX_PACKETS]; /* of a socket, round */
    unsigned first_packet, packet_count;
    size_t cost;
};

static struct file files[LAST];
static struct stream streams[LAST];
static unsigned file_count, stream_count;
static struct file *opened[LAST]; /* by descriptor */
static uintptr_t closed_at[LAST]; /* 0: it has not been */
static uint16_t closed_by[LAST];
static int next_descriptor;

void files_begin(void)
{
    if (next_descriptor > FIRST) {
        memset(opened, 0, sizeof opened);
        memset(closed_at, 0, sizeof closed_at);
    }
    file_count = stream_count = 0;
    next_descriptor = FIRST;
}

/* ------------------------------------------------------------------------------- descriptors */

struct file *file_at(int descriptor, const char *call, uintptr_t pc)
{
    if (!self || descriptor < FIRST || descriptor >= LAST)
        return NULL;
    if (opened[descriptor] || !closed_at[descriptor])
        return opened[descriptor];
    story_access("freed", closed_by[descriptor], closed_at[descriptor], "closes it");
    fail(VERDICT_MISUSE, pc, "%s is called by %s on a descriptor that %s closed before.", call,
         thread_name(self),
         closed_by[descriptor] == self->id ? "it has"
                                           : thread_name(&run.threads[closed_by[descriptor]]));
}

struct file *file_if_open(int descriptor)
{
    return descriptor < FIRST || descriptor >= LAST ? NULL : opened[descriptor];
}

/* One that was not closed in this schedule, as long as there are any. */
static int descriptor_for(struct file *file)
{
    int found = -1;

    if (next_descriptor < LAST) {
        found = next_descriptor++;
    } else {
        for (int d = FIRST; d < LAST && found == -1; d++)
            if (!opened[d])
                found = d;
    }
    if (found == -1)
        return fails_with(EMFILE);
    opened[found] = file;
    closed_at[found] = 0;
    file->descriptors++;
    return found;
}

static struct file *unused_file(void)
{
    if (file_count < LAST)
        return &files[file_count++];
    for (unsigned i = 0; i < LAST; i++)
        if (!files[i].descriptors)
            return &files[i];
    return NULL;
}

int file_new(struct file **file, int type, enum kind kind, uintptr_t pc)
{
    struct file *fresh = unused_file();

    if (!fresh || descriptor_fails(pc))
        return fails_with(EMFILE);
    *fresh = (struct file){.type = type, .object = object_new(kind, pc)};
    *file = fresh;
    return descriptor_for(fresh);
}

static struct stream *stream_new(struct object *object, size_t capacity)
{
    struct stream *stream = NULL;

    for (unsigned i = 0; i < stream_count && !stream; i++)
        if (!streams[i].readers && !streams[i].writers)
            stream = &streams[i];
    if (!stream)
        stream = &streams[stream_count++];
    unsigned char *bytes = stream->bytes ? stream->bytes : reserve(STREAM_SIZE);
    *stream = (struct stream){
        .object = object, .bytes = bytes, .capacity = capacity, .readers = 1, .writers = 1};
    return stream;
}

/* ------------------------------------------------------------------------------ what can be done */

static bool has_room(const struct stream *stream, size_t size)
{
    if (stream->is_socket)
        return stream->cost < SEND_BUFFER;
    return stream->capacity - stream->count >= size;
}

short file_events(const struct file *file)
{
    short events = 0;

    if (file->type == FILE_EVENTFD)
        return (file->eventfd.count > 0 ? POLLIN : 0) |
               (file->eventfd.count < UINT64_MAX - 1 ? POLLOUT : 0);
    if (file->type == FILE_EPOLL)
        return file->epoll.ready(file->epoll.of) ? POLLIN : 0;
    const struct stream *in = file->stream.in, *out = file->stream.out;
    if (in && (in->count || in->packet_count || (in->is_socket && !in->writers)))
        events |= POLLIN;
    if (in && !in->writers)
        events |= in->is_socket ? POLLRDHUP : POLLHUP;
    if (in && out && !in->writers && !out->readers)
        events |= POLLHUP;
    if (out && (out->is_socket || out->readers) && has_room(out, PIPE_BUF))
        events |= POLLOUT;
    if (out && !out->is_socket && !out->readers)
        events |= POLLERR | POLLOUT;
    return events;
}

unsigned long file_edges(const struct file *file, uint32_t events)
{
    unsigned long more = 0, room = 0;

    if (file->type == FILE_EPOLL)
        return run.progress;
    if (file->type == FILE_EVENTFD) {
        more = file->eventfd.written;
        room = file->eventfd.read;
    } else {
        more = file->stream.in ? file->stream.in->written : 0;
        room = file->stream.out ? file->stream.out->read : 0;
    }
    return (events & POLLIN ? more : 0) + (events & POLLOUT ? room : 0);
}

void file_look(const struct file *file)
{
    if (file->type == FILE_STREAM && file->stream.in) {
        strategy_touch(file->stream.in->object, false);
        acquire(&file->stream.in->object->clock);
    }
    strategy_touch(file->object, false);
    acquire(&file->object->clock);
}

static bool can_read(const struct thread *thread)
{
    const struct file *file = thread->files;

    return file_events(file) & (POLLIN | POLLHUP);
}

static bool can_write(const struct thread *thread)
{
    const struct file *file = thread->files;

    if (file->type == FILE_EVENTFD)
        return UINT64_MAX - 1 - file->eventfd.count >= thread->room;
    return !file->stream.out->readers || has_room(file->stream.out, thread->room);
}

/* Sleeps until ready. False: it does not, but says EAGAIN. */
static bool wait_for(struct file *file, bool (*ready)(const struct thread *), size_t room,
                     struct object *object, bool nonblocking, const char *call, uintptr_t pc)
{
    unsigned id = story_object(object);

    self->files = file;
    self->room = room;
    while (!ready(self)) {
        if (nonblocking) {
            story_event(call, id, pc, "does not %s {%u}: it would have to wait (EAGAIN)", call, id);
            self->files = NULL;
            errno = EAGAIN;
            return false;
        }
        story_event(call, id, pc, "sleeps in %s on {%u}", call, id);
        self->takes_signals = true;
        step_when(ready, object, call, pc);
        if (!ready(self) && !self->restarts) {
            story_event(call, id, pc, "wakes on {%u}: a signal was handled (EINTR)", id);
            self->files = NULL;
            errno = EINTR;
            return false;
        }
    }
    self->files = NULL;
    return true;
}

/* -------------------------------------------------------------------------------- the memory */

/* Copies between bytes and the pieces of memory that a call names, which are accessed by that. */
static size_t scatter(const struct iovec *to, int n, const unsigned char *from, size_t size,
                      size_t at, uintptr_t pc)
{
    size_t done = 0;

    for (int i = 0; i < n && done < size; i++) {
        size_t part = to[i].iov_len < size - done ? to[i].iov_len : size - done;
        memory_access((uintptr_t)to[i].iov_base, part, WRITE, pc);
        for (size_t k = 0; k < part; k++)
            ((unsigned char *)to[i].iov_base)[k] = from[(at + done + k) % STREAM_SIZE];
        done += part;
    }
    return done;
}

static void gather(unsigned char *to, size_t at, const struct iovec *from, size_t skip, size_t size,
                   uintptr_t pc)
{
    for (; size; from++) {
        if (skip >= from->iov_len) {
            skip -= from->iov_len;
            continue;
        }
        const unsigned char *bytes = (const unsigned char *)from->iov_base + skip;
        size_t part = from->iov_len - skip < size ? from->iov_len - skip : size;
        memory_access((uintptr_t)bytes, part, READ, pc);
        for (size_t k = 0; k < part; k++)
            to[(at + k) % STREAM_SIZE] = bytes[k];
        at += part;
        size -= part;
        skip = 0;
    }
}

static size_t length_of(const struct iovec *vector, int n)
{
    size_t length = 0;

    for (int i = 0; i < n; i++)
        length += vector[i].iov_len;
    return length;
}

/* ----------------------------------------------------------------------------------- eventfds */

static ssize_t read_eventfd(struct file *file, const struct iovec *to, int n, bool nonblocking,
                            uintptr_t pc)
{
    struct object *object = file->object;
    unsigned id = story_object(object);

    if (length_of(to, n) < sizeof(uint64_t))
        return fails_with(EINVAL);
    if (!wait_for(file, can_read, 0, object, nonblocking, "read", pc))
        return -1;
    uint64_t value = file->eventfd.semaphore ? 1 : file->eventfd.count;
    file->eventfd.count -= value;
    file->eventfd.read++;
    made_progress();
    acquire(&object->clock);
    scatter(to, n, (const unsigned char *)&value, sizeof value, 0, pc);
    story_event("read", id, pc, "reads %llu from {%u}", (unsigned long long)value, id);
    return sizeof value;
}

static ssize_t write_eventfd(struct file *file, const struct iovec *from, int n, bool nonblocking,
                             uintptr_t pc)
{
    struct object *object = file->object;
    unsigned id = story_object(object);
    uint64_t value = 0;

    if (length_of(from, n) < sizeof value)
        return fails_with(EINVAL);
    gather((unsigned char *)&value, 0, from, 0, sizeof value, pc);
    if (value == UINT64_MAX)
        return fails_with(EINVAL);
    if (!wait_for(file, can_write, value, object, nonblocking, "write", pc))
        return -1;
    file->eventfd.count += value;
    file->eventfd.written++;
    release(&object->clock);
    made_progress();
    story_event("write", id, pc, "adds %llu to {%u}, which makes %llu", (unsigned long long)value,
                id, (unsigned long long)file->eventfd.count);
    return sizeof value;
}

/* -------------------------------------------------------------------------- pipes and sockets */

/* What the kernel counts for a packet of that size; of a stream's the large ones lie in pages. */
static size_t cost_of(size_t size, bool stream)
{
    size_t needed = size + 320, power = 512;

    if (stream && size > 3700)
        return 768 + (size + 4095) / 4096 * 4096;
    while (power < needed)
        power *= 2;
    return 256 + power;
}

static void take_from_packets(struct stream *stream, size_t size)
{
    do {
        size_t *left = &stream->packets[stream->first_packet].left;
        size_t part = *left < size ? *left : size;
        *left -= part;
        size -= part;
        if (*left && !stream->keeps_packets)
            return;
        if (stream->keeps_packets && *left) { /* the rest of it is lost */
            stream->first = (stream->first + *left) % STREAM_SIZE;
            stream->count -= *left;
        }
        stream->cost -= stream->packets[stream->first_packet].cost;
        stream->first_packet = (stream->first_packet + 1) % MAX_PACKETS;
        stream->packet_count--;
    } while (size);
}

static ssize_t read_stream(struct file *file, const struct iovec *to, int n, bool nonblocking,
                           bool peek, const char *call, uintptr_t pc)
{
    struct stream *stream = file->stream.in;
    struct object *object = stream->object;
    unsigned id = story_object(object);

    if (!wait_for(file, can_read, 0, object, nonblocking, call, pc))
        return -1;
    acquire(&object->clock);
    size_t size = length_of(to, n), there = stream->count;
    if (stream->keeps_packets)
        there = stream->packet_count ? stream->packets[stream->first_packet].left : 0;
    size = scatter(to, n, stream->bytes, size < there ? size : there, stream->first, pc);
    story_event(call, id, pc,
                there ? "reads %zu byte%s from {%u}" : "reads %zu byte%s from {%u}: the end", size,
                size == 1 ? "" : "s", id);
    if (peek || (!size && !stream->keeps_packets))
        return (ssize_t)size;
    stream->first = (stream->first + size) % STREAM_SIZE;
    stream->count -= size;
    if (stream->packet_count)
        take_from_packets(stream, size);
    stream->read++;
    made_progress();
    return (ssize_t)size;
}

static size_t room_now(const struct stream *stream, size_t size)
{
    if (!stream->is_socket) {
        size_t room = stream->capacity - stream->count;
        return size <= PIPE_BUF && room < size ? 0 : size < room ? size : room;
    }
    if (stream->cost >= SEND_BUFFER)
        return 0;
    return size < LARGEST_PACKET || stream->keeps_packets ? size : LARGEST_PACKET;
}

static void put(struct stream *stream, const struct iovec *from, size_t done, size_t part,
                uintptr_t pc)
{
    gather(stream->bytes, stream->first + stream->count, from, done, part, pc);
    stream->count += part;
    if (stream->is_socket) {
        unsigned last = (stream->first_packet + stream->packet_count++) % MAX_PACKETS;
        size_t cost = cost_of(part, !stream->keeps_packets);
        stream->packets[last].left = part;
        stream->packets[last].cost = cost;
        stream->cost += cost;
    }
    stream->written++;
    release(&stream->object->clock);
    made_progress();
}

static ssize_t broken_pipe(const struct stream *stream, bool quiet, const char *call, uintptr_t pc)
{
    if (!quiet && !signal_raise(SIGPIPE))
        fail(VERDICT_CRASHED, pc,
             "%s is called by %s on a %s from which nobody reads any more: SIGPIPE ends the "
             "process.",
             call, thread_name(self), stream->is_socket ? "socket" : "pipe");
    return fails_with(EPIPE);
}

static ssize_t write_stream(struct file *file, const struct iovec *from, int n, bool nonblocking,
                            bool quiet, const char *call, uintptr_t pc)
{
    struct stream *stream = file->stream.out;
    size_t size = length_of(from, n), done = 0;
    unsigned id = story_object(stream->object);

    if (stream->keeps_packets && size > LARGEST_PACKET * 2)
        return fails_with(EMSGSIZE);
    do {
        size_t least = size - done <= PIPE_BUF && size <= PIPE_BUF ? size : 1;
        if (!stream->readers)
            return done ? (ssize_t)done : broken_pipe(stream, quiet, call, pc);
        if (!size && !stream->keeps_packets)
            return 0;
        if (!wait_for(file, can_write, least, stream->object, nonblocking, call, pc))
            return done ? (ssize_t)done : -1;
        if (!stream->readers)
            continue;
        size_t part = room_now(stream, size - done);
        put(stream, from, done, part, pc);
        done += part;
        story_event(call, id, pc, "writes %zu byte%s to {%u}, which then holds %zu", part,
                    part == 1 ? "" : "s", id, stream->count);
    } while (done < size);
    return (ssize_t)done;
}

/* ----------------------------------------------------------------------------- read and write */

static struct object *object_read(const struct file *file)
{
    return file->type == FILE_STREAM && file->stream.in ? file->stream.in->object : file->object;
}

static struct object *object_written(const struct file *file)
{
    return file->type == FILE_STREAM && file->stream.out ? file->stream.out->object : file->object;
}

static ssize_t read_file(struct file *file, const struct iovec *to, int n, int flags,
                         const char *call, uintptr_t pc)
{
    bool nonblocking = file->nonblocking || flags & MSG_DONTWAIT;

    step(object_read(file), true, pc);
    if (file->type == FILE_EVENTFD)
        return read_eventfd(file, to, n, nonblocking, pc);
    if (file->type != FILE_STREAM)
        return fails_with(EINVAL);
    if (!file->stream.in)
        return fails_with(EBADF);
    return read_stream(file, to, n, nonblocking, flags & MSG_PEEK, call, pc);
}

static ssize_t write_file(struct file *file, const struct iovec *from, int n, int flags,
                          const char *call, uintptr_t pc)
{
    bool nonblocking = file->nonblocking || flags & MSG_DONTWAIT;

    step(object_written(file), true, pc);
    if (file->type == FILE_EVENTFD)
        return write_eventfd(file, from, n, nonblocking, pc);
    if (file->type != FILE_STREAM)
        return fails_with(EINVAL);
    if (!file->stream.out)
        return fails_with(EBADF);
    return write_stream(file, from, n, nonblocking, flags & MSG_NOSIGNAL, call, pc);
}

STAND_IN(ssize_t, read, int descriptor, void *to, size_t size)
{
    struct file *file = file_at(descriptor, "read", CALLER);
    struct iovec whole = {to, size};

    return file ? read_file(file, &whole, 1, 0, "read", CALLER) : read(descriptor, to, size);
}

STAND_IN(ssize_t, write, int descriptor, const void *from, size_t size)
{
    struct file *file = file_at(descriptor, "write", CALLER);
    struct iovec whole = {(void *)(uintptr_t)from, size};

    return file ? write_file(file, &whole, 1, 0, "write", CALLER) : write(descriptor, from, size);
}

STAND_IN(ssize_t, readv, int descriptor, const struct iovec *to, int n)
{
    struct file *file = file_at(descriptor, "readv", CALLER);

    return file ? read_file(file, to, n, 0, "readv", CALLER) : readv(descriptor, to, n);
}

STAND_IN(ssize_t, writev, int descriptor, const struct iovec *from, int n)
{
    struct file *file = file_at(descriptor, "writev", CALLER);

    return file ? write_file(file, from, n, 0, "writev", CALLER) : writev(descriptor, from, n);
}

static bool is_socket(const struct file *file)
{
    return file->type == FILE_STREAM && file->object->kind == OBJECT_SOCKET;
}

STAND_IN(ssize_t, recv, int descriptor, void *to, size_t size, int flags)
{
    struct file *file = file_at(descriptor, "recv", CALLER);
    struct iovec whole = {to, size};

    if (!file)
        return recv(descriptor, to, size, flags);
    return is_socket(file) ? read_file(file, &whole, 1, flags, "recv", CALLER)
                           : fails_with(ENOTSOCK);
}

STAND_IN(ssize_t, send, int descriptor, const void *from, size_t size, int flags)
{
    struct file *file = file_at(descriptor, "send", CALLER);
    struct iovec whole = {(void *)(uintptr_t)from, size};

    if (!file)
        return send(descriptor, from, size, flags);
    return is_socket(file) ? write_file(file, &whole, 1, flags, "send", CALLER)
                           : fails_with(ENOTSOCK);
}

STAND_IN(int, eventfd_read, int descriptor, eventfd_t *value)
{
    struct file *file = file_at(descriptor, "eventfd_read", CALLER);
    struct iovec whole = {value, sizeof *value};

    if (!file)
        return eventfd_read(descriptor, value);
    return read_file(file, &whole, 1, 0, "eventfd_read", CALLER) == sizeof *value ? 0 : -1;
}

STAND_IN(int, eventfd_write, int descriptor, eventfd_t value)
{
    struct file *file = file_at(descriptor, "eventfd_write", CALLER);
    struct iovec whole = {&value, sizeof value};

    if (!file)
        return eventfd_write(descriptor, value);
    return write_file(file, &whole, 1, 0, "eventfd_write", CALLER) == sizeof value ? 0 : -1;
}

/* -------------------------------------------------------------------------- opened and closed */

STAND_IN(int, eventfd, unsigned count, int flags)
{
    struct file *file;
    int descriptor = file_new(&file, FILE_EVENTFD, OBJECT_EVENTFD, CALLER);

    if (descriptor == -1)
        return -1;
    file->eventfd.count = count;
    file->eventfd.semaphore = flags & EFD_SEMAPHORE;
    file->nonblocking = flags & EFD_NONBLOCK;
    story_event("eventfd", story_object(file->object), CALLER, "makes {%u}",
                story_object(file->object));
    return descriptor;
}

static int make_pair(int ends[2], enum kind kind, bool nonblocking, uintptr_t pc,
                     struct file *pair[2])
{
    int first = file_new(&pair[0], FILE_STREAM, kind, pc);
    int second = first == -1 ? -1 : file_new(&pair[1], FILE_STREAM, kind, pc);

    if (second == -1) {
        if (first != -1)
            opened[first] = NULL;
        return -1;
    }
    pair[0]->nonblocking = pair[1]->nonblocking = nonblocking;
    memory_access((uintptr_t)ends, 2 * sizeof *ends, WRITE, pc);
    ends[0] = first;
    ends[1] = second;
    return 0;
}

static int make_pipe(int ends[2], int flags, uintptr_t pc)
{
    struct file *pair[2];

    if (make_pair(ends, OBJECT_PIPE, flags & O_NONBLOCK, pc, pair))
        return -1;
    pair[1]->object = pair[0]->object;
    pair[0]->stream.in = pair[1]->stream.out = stream_new(pair[0]->object, PIPE_SIZE);
    story_event("pipe", story_object(pair[0]->object), pc, "makes {%u}",
                story_object(pair[0]->object));
    return 0;
}

STAND_IN(int, pipe, int ends[2])
{
    return make_pipe(ends, 0, CALLER);
}

STAND_IN(int, pipe2, int ends[2], int flags)
{
    return make_pipe(ends, flags, CALLER);
}

STAND_IN(int, socketpair, int domain, int type, int protocol, int ends[2])
{
    struct file *pair[2];
    int kind = type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (domain != AF_UNIX)
        return socketpair(domain, type, protocol, ends);
    if (make_pair(ends, OBJECT_SOCKET, type & SOCK_NONBLOCK, CALLER, pair))
        return -1;
    for (int i = 0; i < 2; i++) {
        struct stream *stream = stream_new(pair[i]->object, STREAM_SIZE);
        stream->is_socket = true;
        stream->keeps_packets = kind != SOCK_STREAM;
        pair[i]->stream.in = pair[!i]->stream.out = stream;
    }
    story_event("socketpair", story_object(pair[0]->object), CALLER, "makes {%u} and {%u}",
                story_object(pair[0]->object), story_object(pair[1]->object));
    return 0;
}

static void shut(struct stream *stream, bool reading)
{
    unsigned *ends = reading ? &stream->readers : &stream->writers;

    strategy_touch(stream->object, true);
    release(&stream->object->clock);
    stream->read += reading;
    stream->written += !reading;
    *ends -= *ends > 0;
}

static void nobody_uses(const struct file *file, uintptr_t pc)
{
    for (unsigned t = 0; t < run.thread_count; t++) {
        const struct thread *thread = &run.threads[t];
        if (thread != self && !is_over(thread) && thread->call && thread->files == file)
            fail(VERDICT_USE_AFTER_FREE, pc, "%s closes %s while %s is in %s on it.",
                 thread_name(self), object_name(file->object), thread_name(thread), thread->call);
    }
}

STAND_IN(int, close, int descriptor)
{
    struct file *file = file_at(descriptor, "close", CALLER);

    if (!file)
        return close(descriptor);
    step(file->object, true, CALLER);
    file_at(descriptor, "close", CALLER); /* somebody else may have been faster */
    opened[descriptor] = NULL;
    closed_at[descriptor] = CALLER;
    closed_by[descriptor] = (uint16_t)self->id;
    made_progress();
    story_event("close", story_object(file->object), CALLER, "closes {%u}",
                story_object(file->object));
    if (--file->descriptors)
        return 0;
    nobody_uses(file, CALLER);
    if (file->type == FILE_STREAM && file->stream.in)
        shut(file->stream.in, true);
    if (file->type == FILE_STREAM && file->stream.out)
        shut(file->stream.out, false);
    return 0;
}

STAND_IN(int, shutdown, int descriptor, int how)
{
    struct file *file = file_at(descriptor, "shutdown", CALLER);

    if (!file)
        return shutdown(descriptor, how);
    step(file->object, true, CALLER);
    if (!is_socket(file))
        return fails_with(ENOTSOCK);
    made_progress();
    story_event("shutdown", story_object(file->object), CALLER, "shuts down {%u}",
                story_object(file->object));
    if (how != SHUT_WR)
        shut(file->stream.in, true);
    if (how != SHUT_RD)
        shut(file->stream.out, false);
    return 0;
}

/* -------------------------------------------------------------------------------- their settings */

STAND_IN(int, dup, int descriptor)
{
    struct file *file = file_at(descriptor, "dup", CALLER);

    return file ? descriptor_for(file) : dup(descriptor);
}

STAND_IN(int, fcntl, int descriptor, int command, ...)
{
    struct file *file = file_at(descriptor, "fcntl", CALLER);
    va_list arguments;

    va_start(arguments, command);
    long argument = va_arg(arguments, long);
    va_end(arguments);
    if (!file)
        return fcntl(descriptor, command, argument);
    switch (command) {
    case F_GETFL:
        return (file->nonblocking ? O_NONBLOCK : 0) |
               (file->type != FILE_STREAM || (file->stream.in && file->stream.out) ? O_RDWR
                : file->stream.in                                                  ? O_RDONLY
                                                                                   : O_WRONLY);
    case F_SETFL:
        step(file->object, true, CALLER);
        file->nonblocking = argument & O_NONBLOCK;
        return 0;
    case F_GETFD:
    case F_SETFD:
        return 0;
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
        return descriptor_for(file);
    case F_GETPIPE_SZ:
    case F_SETPIPE_SZ: {
        if (file->object->kind != OBJECT_PIPE)
            return fails_with(EBADF);
        struct stream *stream = file->stream.in ? file->stream.in : file->stream.out;
        if (command == F_SETPIPE_SZ && argument >= PIPE_BUF && argument <= STREAM_SIZE)
            stream->capacity = (size_t)argument;
        return (int)stream->capacity;
    }
    default:
        return fails_with(EINVAL);
    }
}

STAND_IN(int, ioctl, int descriptor, unsigned long request, ...)
{
    struct file *file = file_at(descriptor, "ioctl", CALLER);
    va_list arguments;

    va_start(arguments, request);
    int *argument = va_arg(arguments, int *);
    va_end(arguments);
    if (!file)
        return ioctl(descriptor, request, argument);
    step(object_read(file), request == FIONBIO, CALLER);
    if (request == FIONBIO) {
        memory_access((uintptr_t)argument, sizeof *argument, READ, CALLER);
        file->nonblocking = *argument;
        return 0;
    }
    if (request != FIONREAD || file->type != FILE_STREAM || !file->stream.in)
        return fails_with(ENOTTY);
    memory_access((uintptr_t)argument, sizeof *argument, WRITE, CALLER);
    *argument = (int)file->stream.in->count;
    return 0;
}
