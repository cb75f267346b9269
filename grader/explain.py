"""The classic mistakes behind a compiler's message, in a sentence each."""

from __future__ import annotations

import re

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
        r"dereferencing pointer to incomplete type|incomplete (definition of )?type|invalid use of undefined type"
        r"|storage size of .* isn't known|has incomplete type",
        "The struct is declared but not defined here: channel.h only names it, your file says what is in it.",
    ),
    (
        r"conflicting types for|redefinition of",
        "It is declared elsewhere in another way: compare it with its line in channel.h, word by word.",
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
        r"stray .* in program|source file is not valid UTF-8|null character",
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
        r"uninitialized",
        "The variable is read before anything was written to it.",
    ),
)


def compiler_message(message: str) -> str:
    """One sentence on what usually causes that message, or ""."""
    for pattern, sentence in _MESSAGES:
        if re.search(pattern, message):
            return sentence
    return ""
