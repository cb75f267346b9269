/* libc.c - the calls of libc that read and write the program's memory themselves, and those that
 * end the process. The former are done by libc once the access has been checked as a whole. */
#include "libc.h"

#include "fail.h"
#include "memory.h"
#include "../suite/stand_in.h"

#undef NDEBUG /* or <assert.h> does not declare __assert_fail */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static void reads(const void *from, size_t size, uintptr_t pc)
{
    memory_access((uintptr_t)from, size, READ, pc);
}

static void writes(void *to, size_t size, uintptr_t pc)
{
    memory_access((uintptr_t)to, size, WRITE, pc);
}

/* ------------------------------------------------------------------------------------ memory */

STAND_IN(void *, memcpy, void *to, const void *from, size_t size)
{
    reads(from, size, CALLER);
    writes(to, size, CALLER);
    if (to != from && size && (uintptr_t)to < (uintptr_t)from + size &&
        (uintptr_t)from < (uintptr_t)to + size)
        fail(VERDICT_MISUSE, CALLER,
             "memcpy is called by %s with areas that overlap (memmove may).", thread_name(self));
    return memmove(to, from, size);
}

STAND_IN(void *, memmove, void *to, const void *from, size_t size)
{
    reads(from, size, CALLER);
    writes(to, size, CALLER);
    return memmove(to, from, size);
}

STAND_IN(void *, mempcpy, void *to, const void *from, size_t size)
{
    reads(from, size, CALLER);
    writes(to, size, CALLER);
    return mempcpy(to, from, size);
}

STAND_IN(void *, memset, void *to, int byte, size_t size)
{
    writes(to, size, CALLER);
    return memset(to, byte, size);
}

STAND_IN(void, bzero, void *to, size_t size)
{
    writes(to, size, CALLER);
    memset(to, 0, size);
}

STAND_IN(void, explicit_bzero, void *to, size_t size)
{
    writes(to, size, CALLER);
    memset(to, 0, size);
}

STAND_IN(int, memcmp, const void *a, const void *b, size_t size)
{
    reads(a, size, CALLER);
    reads(b, size, CALLER);
    return memcmp(a, b, size);
}

STAND_IN(void *, memchr, const void *from, int byte, size_t size)
{
    void *found = memchr(from, byte, size);

    reads(from, found ? (size_t)((char *)found - (const char *)from) + 1 : size, CALLER);
    return found;
}

/* ----------------------------------------------------------------------------------- strings */

/* Where libc itself looks at the memory, which may be none. */
static void looked_at_from(uintptr_t pc)
{
    run.last_access = pc;
}

static size_t read_text(const char *text, uintptr_t pc)
{
    looked_at_from(pc);
    size_t length = strlen(text);
    looked_at_from(0);

    reads(text, length + 1, pc);
    return length;
}

static size_t read_at_most(const char *text, size_t size, uintptr_t pc)
{
    looked_at_from(pc);
    size_t length = strnlen(text, size);
    looked_at_from(0);

    reads(text, length < size ? length + 1 : size, pc);
    return length;
}

STAND_IN(size_t, strlen, const char *text)
{
    return read_text(text, CALLER);
}

STAND_IN(size_t, strnlen, const char *text, size_t size)
{
    return read_at_most(text, size, CALLER);
}

STAND_IN(char *, strcpy, char *to, const char *from)
{
    writes(to, read_text(from, CALLER) + 1, CALLER);
    return strcpy(to, from);
}

STAND_IN(char *, stpcpy, char *to, const char *from)
{
    writes(to, read_text(from, CALLER) + 1, CALLER);
    return stpcpy(to, from);
}

STAND_IN(char *, strncpy, char *to, const char *from, size_t size)
{
    read_at_most(from, size, CALLER);
    writes(to, size, CALLER);
    return strncpy(to, from, size);
}

STAND_IN(char *, stpncpy, char *to, const char *from, size_t size)
{
    read_at_most(from, size, CALLER);
    writes(to, size, CALLER);
    return stpncpy(to, from, size);
}

STAND_IN(char *, strcat, char *to, const char *from)
{
    size_t length = read_text(from, CALLER), before = read_text(to, CALLER);

    writes(to + before, length + 1, CALLER);
    return strcat(to, from);
}

STAND_IN(char *, strncat, char *to, const char *from, size_t size)
{
    size_t length = read_at_most(from, size, CALLER), before = read_text(to, CALLER);

    writes(to + before, length + 1, CALLER);
    return strncat(to, from, size);
}

STAND_IN(int, strcmp, const char *a, const char *b)
{
    read_text(a, CALLER);
    read_text(b, CALLER);
    return strcmp(a, b);
}

STAND_IN(int, strncmp, const char *a, const char *b, size_t size)
{
    read_at_most(a, size, CALLER);
    read_at_most(b, size, CALLER);
    return strncmp(a, b, size);
}

STAND_IN(char *, strchr, const char *text, int c)
{
    read_text(text, CALLER);
    return strchr(text, c);
}

STAND_IN(char *, strrchr, const char *text, int c)
{
    read_text(text, CALLER);
    return strrchr(text, c);
}

STAND_IN(char *, strstr, const char *text, const char *part)
{
    read_text(text, CALLER);
    read_text(part, CALLER);
    return strstr(text, part);
}

/* -------------------------------------------------------------------------- text into memory */

static int write_text(char *to, size_t size, uintptr_t pc, const char *format, va_list arguments)
{
    va_list again;

    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (length >= 0 && size)
        writes(to, (size_t)length < size ? (size_t)length + 1 : size, pc);
    return vsnprintf(to, size, format, arguments);
}

STAND_IN(int, vsnprintf, char *to, size_t size, const char *format, va_list arguments)
{
    return write_text(to, size, CALLER, format, arguments);
}

STAND_IN(int, snprintf, char *to, size_t size, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    int length = write_text(to, size, CALLER, format, arguments);
    va_end(arguments);
    return length;
}

STAND_IN(int, vsprintf, char *to, const char *format, va_list arguments)
{
    return write_text(to, INT32_MAX, CALLER, format, arguments);
}

STAND_IN(int, sprintf, char *to, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    int length = write_text(to, INT32_MAX, CALLER, format, arguments);
    va_end(arguments);
    return length;
}

/* ------------------------------------------------------------------- newer clang's own names */

STAND_IN_AS(__tsan_memcpy, void *, memcpy, void *to, const void *from, size_t size)
{
    reads(from, size, CALLER);
    writes(to, size, CALLER);
    return memmove(to, from, size);
}

STAND_IN_AS(__tsan_memmove, void *, memmove, void *to, const void *from, size_t size)
{
    reads(from, size, CALLER);
    writes(to, size, CALLER);
    return memmove(to, from, size);
}

STAND_IN_AS(__tsan_memset, void *, memset, void *to, int byte, size_t size)
{
    writes(to, size, CALLER);
    return memset(to, byte, size);
}

/* ------------------------------------------------------------------------ ends of the process */

static void (*exit_handlers[MAX_EXIT_HANDLERS])(void);

STAND_IN(int, atexit, void (*handler)(void))
{
    if (run.exit_handlers == MAX_EXIT_HANDLERS)
        return -1;
    exit_handlers[run.exit_handlers++] = handler;
    return 0;
}

void run_exit_handlers(void)
{
    while (run.exit_handlers)
        exit_handlers[--run.exit_handlers]();
}

static _Noreturn void exited(const char *call, int code, uintptr_t pc)
{
    if (!self)
        _Exit(code);
    fail(VERDICT_EXITED_EARLY, pc, "%s calls %s(%d) in the middle of the test.", thread_name(self),
         call, code);
}

STAND_IN(_Noreturn void, exit, int code)
{
    exited("exit", code, CALLER);
}

STAND_IN(_Noreturn void, _exit, int code)
{
    exited("_exit", code, CALLER);
}

STAND_IN(_Noreturn void, _Exit, int code)
{
    exited("_Exit", code, CALLER);
}

STAND_IN(_Noreturn void, quick_exit, int code)
{
    exited("quick_exit", code, CALLER);
}

STAND_IN(_Noreturn void, abort, void)
{
    fail(VERDICT_CRASHED, CALLER, "%s calls abort().", thread_name(self));
}

STAND_IN(_Noreturn void, __assert_fail, const char *condition, const char *file, unsigned line,
         const char *function)
{
    fail(VERDICT_CRASHED, CALLER, "assert(%s) failed in %s, line %u of %s.", condition, function,
         line, file);
}

void __stack_chk_fail(void); /* in no header: compilers know it */

STAND_IN(_Noreturn void, __stack_chk_fail, void)
{
    fail(VERDICT_CRASHED, CALLER,
         "%s wrote past the end of a local array (stack smashing detected).", thread_name(self));
}
