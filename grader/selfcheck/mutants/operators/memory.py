"""Memory that is not given back, or twice; numbers that do not fit."""

from __future__ import annotations

from collections.abc import Iterator

from grader.selfcheck.mutants.operators.function import Change, Function
from grader.selfcheck.mutants.source import Edit, Node, Source

_SIGNED = {4: "int", 2: "short", 1: "signed char"}
_UNSIGNED = {4: "unsigned", 2: "unsigned short", 1: "unsigned char"}
_NARROWER = {
    "short": _SIGNED, "int": _SIGNED, "long": _SIGNED, "long long": _SIGNED,
    "unsigned short": _UNSIGNED, "unsigned int": _UNSIGNED, "unsigned long": _UNSIGNED, "unsigned long long": _UNSIGNED,
}  # fmt: skip
_WORDS = ("unsigned", "signed", "long", "int", "short")


def not_freed(function: Function) -> Iterator[Change]:
    for statement in function.statements:
        if statement.is_expression and "free" in statement.calls:
            yield (statement.left_out(),)


def freed_twice(function: Function) -> Iterator[Change]:
    for statement in function.statements:
        if statement.is_expression and "free" in statement.calls:
            yield (statement.replaced(statement.text + b" " + statement.text),)


def outside_functions(source: Source) -> list[Node]:
    """The types and variables of the file, whose numbers can be narrower, too."""
    kinds = ("STRUCT_DECL", "UNION_DECL", "VAR_DECL", "TYPEDEF_DECL")
    return [node for node in source.declarations if node.kind in kinds]


def narrower(function: Function) -> Iterator[Change]:
    """An integer variable or field of fewer bits."""
    for node in function.node.walk():
        if node.kind in ("FIELD_DECL", "VAR_DECL") or (node.kind == "PARM_DECL" and _is_private(function.node)):
            kind = node.cursor.type.get_canonical()
            if kind.spelling in ("int", "short"):
                continue  # a truth or an answer of the library, mostly
            names = _NARROWER.get(kind.spelling.removeprefix("_Atomic(").removesuffix(")"))
            start, end = _type_words(node)
            for size, name in (names or {}).items():
                if start < end and size < kind.get_size():
                    atomic = "_Atomic " if function.source.text(start, end).startswith(b"atomic_") else ""
                    yield (Edit(start, end, (atomic + name).encode()),)


def _is_private(function: Node) -> bool:
    return function.kind == "FUNCTION_DECL" and function.cursor.linkage.name == "INTERNAL"


def _type_words(node: Node) -> tuple[int, int]:
    """Where a declaration names its type."""
    named = [child for child in node.children if child.kind == "TYPE_REF"]
    words = [token for token in node.tokens if token.text in _WORDS and token.start < node.cursor.location.offset]
    found = named[:1] or words
    return (found[0].start, found[-1].end) if found else (0, 0)


OPERATORS = {"free left out": not_freed, "free twice": freed_twice, "integer narrower": narrower}
