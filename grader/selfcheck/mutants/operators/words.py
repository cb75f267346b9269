"""One name for another: a predicate, a status, a clock."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from grader.selfcheck.mutants.operators.function import Change, Function
from grader.selfcheck.mutants.source import Edit, Node

_CLOCKS = {"CLOCK_MONOTONIC": b"CLOCK_REALTIME", "TIME_MONOTONIC": b"TIME_UTC"}
_COMPARES = ("==", "!=", "<", ">", "<=", ">=")


def other_predicate(function: Function) -> Iterator[Change]:
    """Another function of the file that answers such a question, or another field of that type in a condition."""
    yield from _other_function(function)
    for _, condition in function.conditions:
        for node in condition.walk():
            if node.kind == "MEMBER_REF_EXPR" and node.is_written:
                name = node.tokens[-1]
                for other in _like_fields(node):
                    yield (Edit(name.start, name.end, other.encode()),)


def _other_function(function: Function) -> Iterator[Change]:
    predicates = {f.name: f for f in function.source.functions if _is_predicate(f)}
    for node in function.node.walk():
        if node.kind != "CALL_EXPR" or node.name not in predicates or not node.is_written:
            continue
        asked = predicates[node.name]
        for name, other in predicates.items():
            if name not in (node.name, function.name) and _parameters(other) == _parameters(asked):
                word = node.tokens[0]
                yield (Edit(word.start, word.end, name.encode()),)


def _is_predicate(function: Node) -> bool:
    return str(function.cursor.result_type.get_canonical().kind.name) == "BOOL" and bool(_parameters(function))


def _parameters(function: Node) -> list[str]:
    return [argument.type.get_canonical().spelling for argument in function.cursor.get_arguments()]


def _like_fields(node: Node) -> list[str]:
    """The other fields of the struct that have the same type: a truth or a number."""
    field = node.cursor.referenced
    kind = field.type.get_canonical()
    if kind.kind.name in ("POINTER", "RECORD", "CONSTANTARRAY", "INCOMPLETEARRAY") or field.kind.name != "FIELD_DECL":
        return []
    others = field.semantic_parent.get_children()
    return [
        o.spelling for o in others
        if o.kind.name == "FIELD_DECL" and o.spelling != field.spelling and o.type.get_canonical() == kind
    ]  # fmt: skip


def other_status(function: Function) -> Iterator[Change]:
    """Another answer, where one is given: not where one is compared."""
    for node in function.node.walk():
        enum = _enum_of(node)
        if enum is not None and node.is_written and not _is_compared(node):
            for other in enum.get_children():
                if other.spelling != node.name:
                    yield (Edit(node.start, node.end, other.spelling.encode()),)


def _enum_of(node: Node) -> Any:
    """The enum of a header of the exercises that the word belongs to."""
    if node.kind != "DECL_REF_EXPR" or node.cursor.referenced.kind.name != "ENUM_CONSTANT_DECL":
        return None
    constant = node.cursor.referenced
    is_own = constant.location.file.name == str(node.source.path)
    return None if is_own else constant.semantic_parent


def _is_compared(node: Node) -> bool:
    above = node.parent
    while above is not None and above.kind in ("UNEXPOSED_EXPR", "PAREN_EXPR"):
        above = above.parent
    if above is None or above.kind == "CASE_STMT":
        return True
    operator = above.operator()
    return operator is not None and operator.text in _COMPARES


def other_clock(function: Function) -> Iterator[Change]:
    for token in function.node.tokens:
        if token.text in _CLOCKS:
            yield (Edit(token.start, token.end, _CLOCKS[token.text]),)


OPERATORS = {
    "another predicate": other_predicate,
    "another status": other_status,
    "real time for monotonic": other_clock,
}
