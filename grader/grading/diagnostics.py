"""The classic mistakes behind a compiler's message, in a sentence each."""

from __future__ import annotations

import re
from typing import Any

from grader import c_text

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
        r"conflicting types for built-in function|redeclaration of library function",
        "C's library has a function of this name: give yours another one.",
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
        r"empty body",
        "A ; right behind the ) ends it there: nothing belongs to it.",
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


# Warnings of what is hardly ever meant: where one is, it is looked at before anything else.
_HARDLY_MEANT = re.compile(
    r"end of non-void|non-void function|uninitialized|truth value|assignment as a condition|does not guard"
    r"|misleading indentation|empty body|sizeof|used after|pointer may be used|local variable|no effect"
    r"|infinite recursion|always (true|false|evaluate)|comparison .* is always|unsequenced|may be undefined"
)


def is_hardly_meant(warning: str) -> bool:
    """Is what the compiler warns of most probably the mistake?"""
    return _HARDLY_MEANT.search(warning) is not None


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


def is_about_braces(message: str) -> bool:
    """May a brace that is missing further up be behind it?"""
    about = r"at end of input|invalid storage class|function definition is not allowed|expected '}'"
    return re.search(about, message) is not None


def crash(facts: dict[str, Any]) -> str:
    """What usually is behind a crash of which that is known, or ""."""
    if facts.get("wild_pointer"):
        return "Often one that nobody has set: malloc gives memory as it is, it does not clear it."
    return ""


TOO_LATE = (
    "pthread_cond_timedwait returns at once when time is up (ETIMEDOUT) or is none (EINVAL): look at what it says."
)
UNSIGNALLED = (
    "Nobody signals the condition variable it sleeps on: that polls, or sleeps until the deadline for nothing."
)
LOOKED_AGAIN = "It was woken, looked again and slept on: what does it look at, and was that so already?"
# What is behind a failure, by its verdict, by its message, and by the line of the student's where it was.
_CAUSES: tuple[tuple[str, str, str, str], ...] = (
    (
        "crashed",
        "pointer",
        r"\b(str(?:len|cpy|ncpy|cmp|dup|cat|chr)|mem(?:cpy|move|cmp))\s*\(",
        "What {0} is given must lead somewhere: was it NULL?",
    ),
    (
        "failed",
        r"^(?:got|recv_int\(.*\)) is -1, not (?!-1\b)",  # the suites' -1 is there before a message comes
        "",
        "Nothing was written to *message: how many bytes are copied, and what became of message_size on the way?",
    ),
    (
        "exited_early",
        r"calls exit",
        "",
        "A channel does not end the program of its caller: it returns a status that says what is wrong.",
    ),
    (
        "no_progress",
        "",
        r"\bpthread_cond_timedwait\s*\(",
        TOO_LATE,
    ),
    (
        "no_progress",
        "only yields|asks again and again|looks again and again|a loop that never sleeps",
        "",
        "Waiting is sleeping: in pthread_cond_wait, in a loop that looks at what it waits for.",
    ),
    (
        "no_progress",
        " polls: ",
        r"\b(?:sleep|usleep|nanosleep|thrd_sleep)\s*\(",
        "A pause orders nothing, and it wakes for nothing. What is waited for has to be told.",
    ),
    (
        "deadlock",
        "only time would wake|still sleeps",
        r"\b(?:sleep|usleep|nanosleep|thrd_sleep)\s*\(",
        "A pause orders nothing: another thread may be slower than any pause. What is waited for has to be told.",
    ),
    (
        "deadlock",
        "only time would wake.*timedwait",
        "",
        UNSIGNALLED,
    ),
    (
        "deadlock",
        r"for (.*?), which it holds itself",
        "",
        "A thread that has locked a mutex can't lock it again: it has to unlock it on every way out.",
    ),
    (
        "misuse",
        r"^pthread_mutex_destroy .* holds\.",
        "",
        "A mutex is unlocked before it is destroyed.",
    ),
    (
        "use_after_free",
        r"^free|frees .* double free",
        "",
        "Two ways lead to this free: only one of them may.",
    ),
)
CIRCLE = "Each holds a lock that another one waits for: whoever needs several takes them in one order."
_NEVER_WRITTEN = 0xBE  # what the runtime fills a new block with: interleave/heap.c


EARLY = "CHANNEL_TIMEOUT before its deadline"  # what came, where a check of suite/deadlines.h fails
_WOKEN_EARLY = {
    "spurious": "It was woken without cause, before the deadline, and did not sleep again.",
    "wakes": "It was woken by another thread, before the deadline, and did not sleep again.",
}
_LOOKS_AT_A_CLOCK = re.compile(r"\b(?:clock_gettime|timespec_get|gettimeofday|time)\s*\(")


def early(function: str, woken_by: str, source: str) -> str:
    """What is behind that in a call of that function, or "".

    woken_by: what ended its last sleep, the op of a step, or "" if it has not slept. A deadline that has woken it may
    be another clock's."""
    if woken_by:
        return _WOKEN_EARLY.get(woken_by, "")
    looks = _LOOKS_AT_A_CLOCK.search(c_text.bare(source))
    return f"{function} has not slept.{' By which clock does it look at the time?' if looks else ''}"


# What has to be called before a call of either end may say CHANNEL_CLOSED.
CLOSED_EARLY = {
    "receiver": ("sender_drop", "No sender has been dropped yet."),
    "sender": ("receiver_drop", "The receiver has not been dropped yet."),
}


def cause(verdict: str, message: str, got: str, line: str) -> str:
    """What usually is behind such a failure, in a sentence, or ""."""
    if verdict == "failed" and _is_never_written(got):
        return "These are the bytes of memory to which nothing was ever written (0xBE): the message never got there."
    for its_verdict, its_message, its_line, sentence in _CAUSES:
        said, seen = re.search(its_message, message), re.search(its_line, line)
        if verdict == its_verdict and said and seen:
            return sentence.format(*seen.groups())
    return ""


def _is_never_written(got: str) -> bool:
    """Is that value, in decimal or as 0xbe, made of bytes that nothing was written to?"""
    found = re.match(r"(-?\d+|0x[0-9a-f]+)\b", got)
    number = int(found[1], 0) if found else 0
    sizes = (2, 4, 8) if found and not found[1].startswith("0x") else (1, 2, 4, 8)
    pattern = {n: int.from_bytes(bytes([_NEVER_WRITTEN]) * n) for n in sizes}
    return any(number % (1 << 8 * n) == pattern[n] for n in sizes if abs(number) < 1 << 8 * n)
