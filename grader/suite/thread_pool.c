#include "thread_pool.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    RUNS = 16, /* that a thread serves in */
    KEPT = 32, /* threads, of those that are joined; the others end, as if there were no pool */
};

/* What a thread of the pool is at. */
enum state {
    AT_WORK,
    RETURNED, /* its body; not yet joined */
    JOINED,   /* in this run */
    IDLE,
    ENDING,
    ENDED, /* by itself: its body called pthread_exit */
};

/* Its lock is its own: one for all would order threads that have nothing to do with each other. */
struct worker {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* state is another */
    _Atomic(enum state) state;
    void *(*body)(void *);
    void *arg, *result;
    unsigned runs;
    _Atomic(struct worker *) next;
};

/* Changed by the process's first thread alone. Others look for the one they join. */
static _Atomic(struct worker *) workers;

static struct worker *first_worker(void)
{
    return atomic_load_explicit(&workers, memory_order_relaxed);
}

static struct worker *next_worker(const struct worker *worker)
{
    return atomic_load_explicit(&worker->next, memory_order_relaxed);
}

static bool is_first_thread(void)
{
    return getpid() == gettid();
}

static void become(struct worker *self, enum state state)
{
    pthread_mutex_lock(&self->lock);
    self->state = state;
    pthread_cond_signal(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

/* Waits while it is at that. */
static enum state await(struct worker *self, bool (*is_awaited)(enum state))
{
    pthread_mutex_lock(&self->lock);
    while (!is_awaited(self->state))
        pthread_cond_wait(&self->changed, &self->lock);
    enum state state = self->state;
    pthread_mutex_unlock(&self->lock);
    return state;
}

static bool is_order(enum state state)
{
    return state == AT_WORK || state == ENDING;
}

static bool is_done(enum state state)
{
    return state == RETURNED || state == ENDED;
}

static void note_end(void *self)
{
    become(self, ENDED);
}

static void *serve(void *arg)
{
    struct worker *self = arg;

    pthread_cleanup_push(note_end, self);
    while (await(self, is_order) == AT_WORK) {
        self->result = self->body(self->arg);
        become(self, RETURNED);
    }
    pthread_cleanup_pop(0);
    return NULL;
}

/* Takes one that has ended, or is told to, out of the list, and returns what the thread did. */
static void *bury(struct worker *gone)
{
    _Atomic(struct worker *) *link = &workers;
    void *result = NULL;

    while (atomic_load_explicit(link, memory_order_relaxed) != gone)
        link = &atomic_load_explicit(link, memory_order_relaxed)->next;
    atomic_store_explicit(link, next_worker(gone), memory_order_relaxed);
    pthread_join(gone->thread, &result);
    pthread_cond_destroy(&gone->changed);
    pthread_mutex_destroy(&gone->lock);
    free(gone);
    return result;
}

static void end(struct worker *worker)
{
    become(worker, ENDING);
    bury(worker);
}

static bool is(const struct worker *worker, enum state state)
{
    return atomic_load_explicit(&worker->state, memory_order_relaxed) == state;
}

static struct worker *find(enum state state)
{
    struct worker *worker = first_worker();

    while (worker && !is(worker, state))
        worker = next_worker(worker);
    return worker;
}

static size_t count(enum state state)
{
    size_t n = 0;

    for (const struct worker *worker = first_worker(); worker; worker = next_worker(worker))
        n += is(worker, state);
    return n;
}

static struct worker *new_worker(void)
{
    struct worker *worker = calloc(1, sizeof *worker);

    if (!worker)
        return NULL;
    pthread_mutex_init(&worker->lock, NULL);
    pthread_cond_init(&worker->changed, NULL);
    atomic_init(&worker->state, IDLE);
    if (pthread_create(&worker->thread, NULL, serve, worker) != 0) {
        pthread_cond_destroy(&worker->changed);
        pthread_mutex_destroy(&worker->lock);
        free(worker);
        return NULL;
    }
    atomic_init(&worker->next, first_worker());
    atomic_store_explicit(&workers, worker, memory_order_relaxed);
    return worker;
}

void pool_begin_run(void)
{
    for (struct worker *worker; (worker = find(JOINED));)
        if (++worker->runs < RUNS)
            become(worker, IDLE);
        else
            end(worker);
}

bool pool_start(pthread_t *thread, void *(*body)(void *), void *arg)
{
    struct worker *worker;

    if (!is_first_thread())
        return pthread_create(thread, NULL, body, arg) == 0;
    worker = find(IDLE);
    if (!worker && !(worker = new_worker()))
        return false;
    worker->body = body;
    worker->arg = arg;
    *thread = worker->thread;
    become(worker, AT_WORK);
    return true;
}

static struct worker *worker_of(pthread_t thread)
{
    struct worker *worker = first_worker();

    while (worker && !pthread_equal(worker->thread, thread))
        worker = next_worker(worker);
    return worker;
}

void *pool_join(pthread_t thread)
{
    struct worker *worker = worker_of(thread);
    void *result = NULL;

    if (!worker) {
        pthread_join(thread, &result);
        return result;
    }
    if (await(worker, is_done) == ENDED)
        return bury(worker);
    result = worker->result;
    become(worker, JOINED);
    if (is_first_thread() && count(JOINED) > KEPT)
        end(worker);
    return result;
}

size_t pool_idle(void)
{
    return count(IDLE) + count(JOINED);
}

void pool_end(void)
{
    pool_begin_run();
    for (struct worker *worker; (worker = find(IDLE));)
        end(worker);
}
