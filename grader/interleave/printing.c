/* printing.c - what the code prints is printed, and a step of the story. */
#include "run.h"
#include "story.h"
#include "../suite/stand_in.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { SHOWN = 120 };

/* Tells the first line of it, in letters that every terminal knows how to show. */
static void tell(FILE *to, const char *text, size_t size, uintptr_t pc)
{
    char line[SHOWN];
    size_t length = 0;

    if (!self || !story_on() || (to != stdout && to != stderr))
        return;
    for (; length < size && length < SHOWN && text[length] != '\n'; length++)
        line[length] = isprint((unsigned char)text[length]) ? text[length] : ' ';
    story_event("prints", 0, pc, "prints: %.*s", (int)length, line);
}

static int print(FILE *to, uintptr_t pc, const char *format, va_list arguments)
{
    char text[SHOWN];
    va_list again;

    va_copy(again, arguments);
    int length = vsnprintf(text, sizeof text, format, again);
    va_end(again);
    if (length > 0)
        tell(to, text, strlen(text), pc);
    return vfprintf(to, format, arguments);
}

STAND_IN(int, vfprintf, FILE *to, const char *format, va_list arguments)
{
    return print(to, CALLER, format, arguments);
}

STAND_IN(int, vprintf, const char *format, va_list arguments)
{
    return print(stdout, CALLER, format, arguments);
}

STAND_IN(int, fprintf, FILE *to, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    int length = print(to, CALLER, format, arguments);
    va_end(arguments);
    return length;
}

STAND_IN(int, printf, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    int length = print(stdout, CALLER, format, arguments);
    va_end(arguments);
    return length;
}

STAND_IN(int, puts, const char *text)
{
    tell(stdout, text, strlen(text), CALLER);
    return puts(text);
}

STAND_IN(int, fputs, const char *text, FILE *to)
{
    tell(to, text, strlen(text), CALLER);
    return fputs(text, to);
}

STAND_IN(size_t, fwrite, const void *from, size_t size, size_t n, FILE *to)
{
    tell(to, from, size * n, CALLER);
    return fwrite(from, size, n, to);
}
