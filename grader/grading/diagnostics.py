"""The classic mistakes behind a compiler's message, in a sentence each."""

from __future__ import annotations

import re
from typing import Any

_MESSAGES: tuple[tuple[str, str], ...] = (
    (
        r"implicit declaration of function|call to undeclared function|implicitly declaring",
        "The compiler has not seen this function: a header is missing, or its name is misspelt.",
    ),
    (
        r"unknown type name|undeclared|use of undeclared identifier",
        "The compiler has not seen this name: a header is missing, it is misspelt, or it is defined further down.",
    ),
    (
        (
            r"dereferencing pointer to incomplete type|incomplete (definition of )?type|invalid use of undefined type"
            r"|storage size of .* isn't known|has incomplete type"
        ),
        "The struct is declared but not defined here: channel.h only names it, your file says what is in it.",
    ),
    (
        r"static declaration of .* follows non-static",
        "A function of channel.h is for others to call: without static.",
    ),
    (
        r"invalid storage class for function|function definition is not allowed",
        "A function begins inside another one: further up a } is missing, or a { is too many.",
    ),
    (
        r"conflicting types for|redefinition of",
        "It is declared differently elsewhere: compare it with its line in channel.h, word by word.",
    ),
    (
        r"incompatible (pointer )?types?|from incompatible pointer|incompatible-pointer",
        "These two pointers don't point to the same kind of thing: often an & too many or too few.",
    ),
    (
        r"makes (pointer|integer) from (integer|pointer)|int-conversion",
        "A number stands where a pointer should, or the other way round: often a * or & is missing.",
    ),
    (
        r"has no member named|no member named",
        "The struct has no field of this name.",
    ),
    (
        r"is a pointer; did you mean to use '->'|member reference type .* is a pointer",
        "A pointer to a struct takes -> to reach its fields; . is for the struct itself.",
    ),
    (
        r"too (few|many) arguments",
        "The call does not fit the declaration: count its arguments.",
    ),
    (
        r"expected .*';'|expected declaration or statement|expected '}'|expected identifier|expected expression",
        "The line itself may be fine: look at the one before it for a missing ; or ) or }.",
    ),
    (
        r"void value not ignored|invalid use of void",
        "A function that returns nothing is used as a value, or a void * is read without a cast.",
    ),
    (
        r"No such file or directory|file not found",
        "There is no header of that name: it is misspelt, or a file of your own, which can't be included.",
    ),
    (
        (
            r"stray .* in program|unexpected character|not allowed in an identifier"
            r"|source file is not valid UTF-8|null character"
        ),
        "A character that is not C: often a quotation mark or a space copied from a web page.",
    ),
    (
        r"multiple definition",
        "Something is defined twice.",
    ),
    (
        r"sizeof-pointer|argument to 'sizeof'",
        "sizeof a pointer is the size of the pointer, not of what it points to.",
    ),
    (
        r"assignment used as truth value|using the result of an assignment as a condition",
        "= gives a value to a variable; == compares.",
    ),
    (
        r"clause does not guard|misleading indentation",
        "Indentation means nothing to C: without { } only the next statement belongs to it.",
    ),
    (
        r"control reaches end of non-void|non-void function does not return",
        "One way through the function comes to its end without a return.",
    ),
    (
        r"return.* with no value|should return a value",
        "The function promises a value: return one.",
    ),
    (
        r"address of (stack memory|local variable)|returns address of local",
        "A local variable is gone when its function returns: let malloc give memory that stays.",
    ),
    (
        r"used after .*free|-Wuse-after-free",
        "What was given to free may not be looked at any more, not even the pointer itself.",
    ),
    (
        r"comparison .* (signed|different sign)|different signedness",
        "One side can be negative, the other can't: -1 becomes the largest number there is.",
    ),
    (
        r"uninitialized",
        "The variable is read before anything was written to it.",
    ),
)


# Where what students use most is declared. (The C library's own list is its manual: man 3 memcpy.)
_HEADERS = {
    "string.h": "memcpy memmove memset memcmp strlen strcpy strncpy strcmp strncmp strdup strerror",
    "stdlib.h": "malloc calloc realloc free aligned_alloc exit abort qsort",
    "stdio.h": "printf fprintf puts putchar perror fflush snprintf stderr stdout",
    "stdbool.h": "bool true false",
    "stdint.h": "uint8_t uint16_t uint32_t uint64_t int64_t uintptr_t SIZE_MAX UINT64_MAX UINT32_MAX",
    "stddef.h": "size_t NULL offsetof max_align_t",
    "limits.h": "INT_MAX UINT_MAX LONG_MAX",
    "errno.h": "errno EINTR ETIMEDOUT ENOMEM EBUSY EAGAIN",
    "assert.h": "assert",
    "unistd.h": "usleep sleep read write pipe close",
    "sched.h": "sched_yield",
    "time.h": "clock_gettime nanosleep time timespec CLOCK_MONOTONIC",
    "stdatomic.h": "atomic_int atomic_bool atomic_size_t atomic_uintptr_t memory_order_acquire memory_order_release",
}
_PREFIXES = {"pthread_": "pthread.h", "PTHREAD_": "pthread.h", "sem_": "semaphore.h", "atomic_": "stdatomic.h"}


def header_of(name: str) -> str:
    """The header that declares it, or ""."""
    for header, names in _HEADERS.items():
        if name in names.split():
            return header
    return next((header for prefix, header in _PREFIXES.items() if name.startswith(prefix)), "")


def compiler_message(message: str, source: str) -> str:
    """One sentence on what usually causes that message about that source, or ""."""
    if "\0" in source:
        return "The file is not plain text: save it as UTF-8."
    named = re.search(r"(?:function|type name|identifier) '(\w+)'|'(\w+)' undeclared", message)
    header = header_of(named[1] or named[2]) if named else ""
    if header and f"<{header}>" not in source:
        return f"The line #include <{header}> is missing."
    for pattern, sentence in _MESSAGES:
        if re.search(pattern, message):
            return sentence
    return ""


def crash(facts: dict[str, Any]) -> str:
    """What usually is behind a crash of which that is known, or ""."""
    if facts.get("wild_pointer"):
        return "Often one that nobody has set: malloc gives memory as it is, it does not clear it."
    return ""
