/* stand_in.h - functions that stand in for calls of libc (redirect.syms).
 *
 *     STAND_IN(int, pthread_mutex_lock, pthread_mutex_t *mutex) { ... }
 *
 * defines suite_pthread_mutex_lock, and does not compile unless its type is that of
 * pthread_mutex_lock. Not by extern __typeof__(pthread_mutex_lock): with the type would come the
 * attributes, and a compiler that believes libc's "is not NULL" drops the test for it. */
#pragma once

#include <errno.h>

/* What a call that has failed leaves and returns. */
static inline int fails_with(int number)
{
    errno = number;
    return -1;
}

#define STAND_IN(result, name, ...) STAND_IN_AS(suite_##name, result, name, __VA_ARGS__)

/* The same under another name than suite_NAME. */
#define STAND_IN_AS(stand_in, result, name, ...)                                                   \
    result stand_in(__VA_ARGS__);                                                                  \
    _Static_assert(__builtin_types_compatible_p(__typeof__(stand_in), __typeof__(name)),           \
                   #stand_in " has not the type of " #name);                                       \
    result stand_in(__VA_ARGS__)
