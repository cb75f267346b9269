"""A statement left out, or two in the wrong order."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from grader.selfcheck.mutants.operators.function import JUMPS, Change, Function, Statement, calls_in
from grader.selfcheck.mutants.source import Edit, Node

_PREPARES = ("_init", "_destroy")
_COPIES = ("memcpy", "memset", "strcpy", "strncpy")
_ACTS = ("CALL_EXPR", "COMPOUND_ASSIGNMENT_OPERATOR", "UNARY_OPERATOR", "UNEXPOSED_EXPR")


def left_out(function: Function) -> Iterator[Change]:
    """A call, an assignment or a jump; not what has a kind of its own, nor what releases nothing in fact."""
    for statement in function.statements:
        jumps = statement.node.kind in JUMPS and not statement.node.children
        if jumps or (statement.is_expression and _acts(statement.node) and not _is_special(function, statement)):
            yield (statement.left_out(),)


def _is_special(function: Function, statement: Statement) -> bool:
    return (
        bool(statement.calls & {"free", "atomic_thread_fence"})
        or for_a_lock(function, statement)
        or any(name.endswith("_destroy") for name in statement.calls)
    )


def for_a_lock(function: Function, statement: Statement) -> bool:
    return function.locks(statement) or function.unlocks(statement)


def _acts(node: Node) -> bool:
    """Does it do anything? (void)x does not."""
    return any(n.kind in _ACTS or _assigns(n) for n in node.walk())


def _assigns(node: Node) -> bool:
    operator = node.operator()
    return operator is not None and operator.text == "="


def swapped(function: Function) -> Iterator[Change]:
    """Two neighbours; not where one is for a lock, or wakes: those are kinds of their own."""
    for first, second in neighbours(function):
        own_kind = for_a_lock(function, first) or for_a_lock(function, second) or function.wakes(second)
        if not own_kind and first.may_move and second.may_move and not _independent(first, second):
            yield swap(first, second)


def neighbours(function: Function) -> Iterator[tuple[Statement, Statement]]:
    for block in function.blocks:
        yield from pairwise(block)


def swap(first: Statement, second: Statement) -> Change:
    return Edit(*first.span, second.text), Edit(*second.span, first.text)


def _independent(first: Statement, second: Statement) -> bool:
    """Can it plainly not matter which comes first: neither writes a name that the other has?"""
    if not (first.is_expression and second.is_expression):
        return False
    written = [_written(s.node) for s in (first, second)]
    names = [{t.text for t in s.node.tokens if t.is_name} for s in (first, second)]
    return None not in written and written[0] not in names[1] and written[1] not in names[0]


def _written(node: Node) -> str | None:
    """The variable or field that is all an assignment, a copy or an init writes; None: it is not so simple."""
    calls = list(calls_in(node))
    if b"atomic_" in node.text or sum(_assigns(n) for n in node.walk()) > 1:
        return None
    if _assigns(node) and not calls:
        target = node.children[0]
        plain = target.type_kind != "ATOMIC"
    elif node.kind == "CALL_EXPR" and calls == [node.name] and node.name in _COPIES:
        target = node.arguments[0].bare()
        plain = target.type_kind.endswith("ARRAY")
    elif node.kind == "CALL_EXPR" and calls == [node.name] and node.name.endswith(_PREPARES):
        pointed = node.arguments[0].bare()
        target = pointed.children[0].bare() if pointed.kind == "UNARY_OPERATOR" else pointed
        plain = target is not pointed
    else:
        return None
    return target.name if plain and target.kind in ("MEMBER_REF_EXPR", "DECL_REF_EXPR") else None


OPERATORS = {"statement left out": left_out, "neighbours swapped": swapped}
