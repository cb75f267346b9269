"""A C file as libclang's syntax tree, and changes of it in the file's own bytes."""

from __future__ import annotations

import bisect
import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grader.errors import GraderError
from grader.exercises import Exercise, shown

try:
    from clang import cindex
except ImportError:  # the operators are asked for nothing before available() has been
    cindex = None


def available() -> bool:
    """Can C be read here?"""
    try:
        _index()
    except GraderError:
        return False
    return True


@functools.cache
def _index() -> Any:
    why = "is not installed (Debian: python3-clang); mutants are made by the syntax tree. Run: sh setup.sh --for test"
    if cindex is None:
        raise GraderError(f"libclang's Python binding {why}")
    try:
        return cindex.Index.create()
    except cindex.LibclangError:
        raise GraderError(f"libclang {why}") from None


@dataclass(frozen=True)
class Edit:
    """These bytes of the file, and what comes in their place."""

    start: int
    end: int
    text: bytes


@dataclass(frozen=True)
class Token:
    start: int
    end: int
    text: str
    is_name: bool


class Source:
    """One C file that compiles, read."""

    def __init__(self, path: Path, exercise: Exercise, content: bytes) -> None:
        """path: what it is called. It need not be there."""
        self.path = path
        self.content = content
        arguments = ["-std=gnu11", "-iquote", str(exercise.directory)]
        self._unit = _index().parse(
            str(path),
            args=arguments,
            unsaved_files=[(str(path), content)],
            options=cindex.TranslationUnit.PARSE_DETAILED_PROCESSING_RECORD,
        )
        errors = [d.spelling for d in self._unit.diagnostics if d.severity >= cindex.Diagnostic.Error]
        if errors:
            raise GraderError(f"libclang can't read {shown(path)}: {errors[0]}")
        self.tokens = [
            Token(t.extent.start.offset, t.extent.end.offset, t.spelling, t.kind.name in ("IDENTIFIER", "KEYWORD"))
            for t in self._unit.get_tokens(extent=self._unit.cursor.extent)
            if t.kind.name != "COMMENT"
        ]
        self._starts = [token.start for token in self.tokens]
        own = [Node(self, cursor, None) for cursor in self._unit.cursor.get_children() if self._is_own(cursor)]
        self.macros = [(n.start, n.end) for n in own if n.kind == "MACRO_INSTANTIATION"]
        self.declarations = [n for n in own if not n.kind.startswith(("MACRO", "INCLUSION"))]
        self.functions = [n for n in self.declarations if n.kind == "FUNCTION_DECL" and n.body is not None]

    def _is_own(self, cursor: Any) -> bool:
        return cursor.location.file is not None and cursor.location.file.name == str(self.path)

    def text(self, start: int, end: int) -> bytes:
        return self.content[start:end]

    def line(self, offset: int) -> int:
        return self.content.count(b"\n", 0, offset) + 1

    def tokens_in(self, start: int, end: int) -> Sequence[Token]:
        return self.tokens[bisect.bisect_left(self._starts, start) : bisect.bisect_left(self._starts, end)]

    def token_after(self, offset: int) -> Token | None:
        at = bisect.bisect_left(self._starts, offset)
        return self.tokens[at] if at < len(self.tokens) else None

    def is_inside_macro(self, start: int, end: int) -> bool:
        """Does that stretch lie within the use of a macro, so that the file's text is not what is compiled?"""
        return any(s <= start and end <= e and (s, e) != (start, end) for s, e in self.macros)

    def changed(self, edits: Sequence[Edit]) -> bytes:
        """The file with these changes; they do not overlap. Of two at one place the first comes first."""
        parts, at = [], 0
        for edit in sorted(edits, key=lambda e: e.start):
            assert edit.start >= at
            parts += [self.content[at : edit.start], edit.text]
            at = edit.end
        return b"".join([*parts, self.content[at:]])


_ENDS_WITH_A_STATEMENT = (
    "IF_STMT", "WHILE_STMT", "FOR_STMT", "SWITCH_STMT", "CASE_STMT", "DEFAULT_STMT", "LABEL_STMT",
)  # fmt: skip


class Node:
    """A cursor of the tree: what libclang knows of it, and where it is in the file."""

    def __init__(self, source: Source, cursor: Any, parent: Node | None) -> None:
        self.source = source
        self.cursor = cursor
        self.parent = parent
        self.kind: str = cursor.kind.name
        self.name: str = cursor.spelling
        self.start: int = cursor.extent.start.offset
        self.end: int = cursor.extent.end.offset

    @functools.cached_property
    def children(self) -> list[Node]:
        return [Node(self.source, cursor, self) for cursor in self.cursor.get_children()]

    @property
    def text(self) -> bytes:
        return self.source.text(self.start, self.end)

    @property
    def tokens(self) -> Sequence[Token]:
        return self.source.tokens_in(self.start, self.end)

    @property
    def body(self) -> Node | None:
        """Of a function: its block."""
        return next((child for child in self.children if child.kind == "COMPOUND_STMT"), None)

    @property
    def is_written(self) -> bool:
        """Does the file hold its text as it is compiled?"""
        return self.end > self.start and not self.source.is_inside_macro(self.start, self.end)

    @property
    def with_semicolon(self) -> tuple[int, int]:
        """A statement's stretch of the file, to its last semicolon."""
        last = self
        while last.kind in _ENDS_WITH_A_STATEMENT:
            last = last.children[-1]
        after = self.source.token_after(self.end)
        ends_here = last.kind in ("COMPOUND_STMT", "DECL_STMT", "NULL_STMT") or after is None or after.text != ";"
        return self.start, self.end if ends_here or after is None else after.end

    def walk(self) -> Iterator[Node]:
        """It and all below, from the top down."""
        yield self
        for child in self.children:
            yield from child.walk()

    def bare(self) -> Node:
        """The expression without parentheses and implied conversions around it."""
        node = self
        while node.kind in ("PAREN_EXPR", "UNEXPOSED_EXPR") and len(node.children) == 1:
            node = node.children[0]
        return node

    def operator(self) -> Token | None:
        """Of a binary operation: the operator's token."""
        if self.kind not in ("BINARY_OPERATOR", "COMPOUND_ASSIGNMENT_OPERATOR") or len(self.children) != 2:
            return None
        between = self.source.tokens_in(self.children[0].end, self.children[1].start)
        found = [token for token in between if token.text not in "()"]
        return found[0] if len(found) == 1 else None

    @property
    def type_kind(self) -> str:
        return str(self.cursor.type.get_canonical().kind.name)

    @property
    def arguments(self) -> list[Node]:
        """Of a call."""
        return self.children[1:]
