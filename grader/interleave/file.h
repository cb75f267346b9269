/* file.h - what file descriptors stand for that only exist in a schedule: eventfds, pipes, pairs of sockets.
 * All other descriptors are the system's. */
#pragma once

#include "run.h"

struct file {
    enum { FILE_EVENTFD, FILE_STREAM, FILE_EPOLL } type;
    unsigned descriptors; /* that stand for it; 0: it has been closed */
    bool nonblocking;
    struct object *object; /* what its steps are about */
    union {
        struct {
            uint64_t count;
            bool semaphore;
            unsigned long written, read; /* how often */
        } eventfd;
        struct {
            struct stream *in, *out; /* NULL: it can't be read, or written */
        } stream;
        struct {
            struct epoll *of;
            bool (*ready)(const struct epoll *epoll);
        } epoll; /* poll.c */
    };
};

/* A new schedule: there are none. */
void files_begin(void);

/* The file a descriptor stands for; NULL: the system's, or none. One that was closed is misuse. */
struct file *file_at(int descriptor, const char *call, uintptr_t pc);

/* The same, and NULL if it was closed. */
struct file *file_if_open(int descriptor);

/* A descriptor for a new file, or -1 with errno; *file is it. */
int file_new(struct file **file, int type, enum kind kind, uintptr_t pc);

/* POLLIN, POLLOUT, POLLHUP, POLLERR: what is so now; and a number that grows whenever there is more of those. */
short file_events(const struct file *file);
unsigned long file_edges(const struct file *file, uint32_t events);

/* Self looks at it within its step: the step is about that, too, and learns what was written. */
void file_look(const struct file *file);
