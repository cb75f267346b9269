"""What a text in C says: what is comment and what is code, what it declares and what it defines.

No parser: it reads what students write, which may not compile.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(r"(//[^\n]*|/\*.*?(?:\*/|\Z))|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.DOTALL)
_DECLARED = re.compile(r"\b([a-z]\w+)\((?!\*)[^;{}]*;")


def decoded(content: bytes) -> str:
    """The text in a file, whatever its encoding and its line ends."""
    return content.decode("utf-8", "replace").replace("\r\n", "\n")


def without_comments(text: str) -> str:
    """The same text, comments blanked: every line and column stays where it is."""
    return _TOKEN.sub(lambda found: _blank(found[0]) if found[1] else found[0], text)


def bare(text: str) -> str:
    """The same text without comments and without what is in quotation marks."""
    return _TOKEN.sub(lambda found: _blank(found[0]), text)


def _blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)


def lines_of_code(text: str) -> int:
    """Lines that are neither blank nor comment."""
    return sum(bool(line.strip()) for line in without_comments(text).splitlines())


def declared_functions(header: str) -> list[str]:
    """The functions that a header declares, in its order."""
    return list(dict.fromkeys(_DECLARED.findall(without_comments(header))))


@dataclass(frozen=True)
class Definition:
    """Where in a text a function is defined."""

    text: str  # from its first line to its closing brace
    line: int  # of its name, the first line of a file is 1


def definition(name: str, text: str) -> Definition | None:
    """The definition of the function of that name."""
    code = bare(text)
    for found in re.finditer(rf"\b{re.escape(name)}\s*\([^;{{}}]*\)\s*\{{", code):
        before = code[: found.start()]
        if before.count("{") == before.count("}"):  # elsewhere it is a call, as in: if (name()) {
            begin, end = _begin(before), _end(code, found.end())
            return Definition(text[begin:end], before.count("\n") + 1)
    return None


def _begin(before: str) -> int:
    """Where a definition begins whose name comes next: behind what ends the one before, or a line of #."""
    ends = re.compile(r"[;}]|^[ \t]*#(?:\\\n|[^\n])*$", re.MULTILINE)
    begin = max((found.end() for found in ends.finditer(before)), default=0)
    return begin + len(before[begin:]) - len(before[begin:].lstrip())


def _end(code: str, inside: int) -> int:
    depth = 1
    for brace in re.finditer(r"[{}]", code[inside:]):
        depth += 1 if brace[0] == "{" else -1
        if depth == 0:
            return inside + brace.end()
    return len(code)


_FUNCTION = re.compile(r"\b(\w+)\s*\([^;{}]*\)\s*\{")


def functions(text: str) -> Iterator[tuple[str, int, int]]:
    """The functions that a text defines: the name of each, the line of the name, and that of the closing brace."""
    code, at = bare(text), 0
    while found := _FUNCTION.search(code, at):
        at = _end(code, found.end())
        yield found[1], code.count("\n", 0, found.start()) + 1, code.count("\n", 0, at) + 1


def function_at(line: int, text: str) -> str:
    """The function whose definition has that line, or ""."""
    return next((name for name, first, last in functions(text) if first <= line <= last), "")


def unclosed(text: str) -> tuple[str, int] | None:
    """The function in which a brace is opened and not closed, and the line of its name. A brace that stands first
    in its line begins a function."""
    depth, function = 0, ("", 0)
    for number, line in enumerate(bare(text).splitlines(), 1):
        if depth and line.startswith("{"):
            return function
        if depth == 0 and (head := re.match(r"\w[^;=]*?\b(\w+)\s*\(", line)):
            function = (head[1], number)
        depth = max(0, depth + line.count("{") - line.count("}"))
    return function if depth else None
