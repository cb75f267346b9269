/* keys.c - pthread_key_* and pthread_*specific: see keys.h. */
#include "keys.h"

#include "memory.h"
#include "../suite/stand_in.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

enum { MAX_DESTRUCTOR_ROUNDS = 4 };

static struct {
    void (*destructor)(void *);
    bool used;
} keys[MAX_KEYS];
static unsigned key_count; /* none from here on has been used in this schedule */

int key_create(unsigned *key, void (*destructor)(void *))
{
    for (unsigned k = 0; k < MAX_KEYS; k++)
        if (!keys[k].used) {
            keys[k].used = true;
            if (k == key_count)
                key_count++;
            keys[k].destructor = destructor;
            *key = k;
            for (unsigned t = 0; t < run.thread_count; t++)
                run.threads[t].key_values[k] = NULL;
            return 0;
        }
    return EAGAIN;
}

int key_delete(unsigned key)
{
    if (key >= MAX_KEYS || !keys[key].used)
        return EINVAL;
    keys[key].used = false;
    return 0;
}

void *key_get(unsigned key)
{
    return key < MAX_KEYS ? (void *)(uintptr_t)self->key_values[key] : NULL;
}

int key_set(unsigned key, const void *value)
{
    if (key >= MAX_KEYS || !keys[key].used)
        return EINVAL;
    self->key_values[key] = value;
    return 0;
}

void keys_begin(void)
{
    memset(keys, 0, key_count * sizeof *keys);
    key_count = 0;
}

void keys_run_destructors(void)
{
    bool again = true;

    for (unsigned round = 0; again && round < MAX_DESTRUCTOR_ROUNDS; round++) {
        again = false;
        for (unsigned k = 0; k < key_count; k++) {
            void *value = (void *)(uintptr_t)self->key_values[k];
            self->key_values[k] = NULL;
            if (!value || !keys[k].used || !keys[k].destructor)
                continue;
            keys[k].destructor(value);
            again = true;
        }
    }
}

STAND_IN(int, pthread_key_create, pthread_key_t *key, void (*destructor)(void *))
{
    memory_access((uintptr_t)key, sizeof *key, WRITE, CALLER);
    return key_create(key, destructor);
}

STAND_IN(int, pthread_key_delete, pthread_key_t key)
{
    return key_delete(key);
}

STAND_IN(void *, pthread_getspecific, pthread_key_t key)
{
    return key_get(key);
}

STAND_IN(int, pthread_setspecific, pthread_key_t key, const void *value)
{
    return key_set(key, value);
}
