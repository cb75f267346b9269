"""Locks and wake-ups at the wrong place, or not at all."""

from __future__ import annotations

from collections.abc import Iterator

from grader.selfcheck.mutants.operators.function import JUMPS, WAIT, Change, Function, Statement, bodies, calls_in
from grader.selfcheck.mutants.operators.statements import for_a_lock, neighbours, swap
from grader.selfcheck.mutants.source import Edit, Node

_ONE_FOR_ALL = {"pthread_cond_broadcast": b"pthread_cond_signal", "cnd_broadcast": b"cnd_signal"}


def one_for_all(function: Function) -> Iterator[Change]:
    for token in function.node.tokens:
        if token.text in _ONE_FOR_ALL:
            yield (Edit(token.start, token.end, _ONE_FOR_ALL[token.text]),)


def wake_too_early(function: Function) -> Iterator[Change]:
    """Before what it tells of; of a condition variable that can't differ under a lock: there, before that is taken."""
    for block in function.blocks:
        for at, statement in enumerate(block):
            if not function.wakes(statement):
                continue
            taken = [i for i in range(at) if function.locks(block[i])]
            if "sem_post" not in function.reached(statement) and function.may_hold_a_lock(statement):
                if taken:
                    yield _moved(statement, before=block[taken[-1]])
            elif at > 0 and block[at - 1].may_move and not for_a_lock(function, block[at - 1]):
                yield _moved(statement, before=block[at - 1])


def wake_outside(function: Function) -> Iterator[Change]:
    """When the lock has been let go."""
    for block in function.blocks:
        for at, statement in enumerate(block):
            let_go = [s for s in block[at + 1 :] if function.unlocks(s)]
            if function.wakes(statement) and let_go:
                yield _moved(statement, behind=let_go[0])


def _moved(statement: Statement, before: Statement | None = None, behind: Statement | None = None) -> Change:
    gone = Edit(*statement.span, b"")
    if before is not None:
        return Edit(before.span[0], before.span[0], statement.text + b" "), gone
    assert behind is not None
    return gone, Edit(behind.span[1], behind.span[1], b" " + statement.text)


def moved(function: Function) -> Iterator[Change]:
    """A lock or an unlock, by one statement."""
    for first, second in neighbours(function):
        locked = [for_a_lock(function, s) for s in (first, second)]
        jumps = any(s.node.kind in JUMPS for s in (first, second))
        other = second if locked[0] else first
        if any(locked) and not all(locked) and not jumps and _reaches_others(other):
            yield swap(first, second)


def _reaches_others(statement: Statement) -> bool:
    """Could another thread notice when it is done?"""
    kinds = ("MEMBER_REF_EXPR", "ARRAY_SUBSCRIPT_EXPR")
    nodes = list(statement.node.walk())
    points = any(n.kind in kinds or (n.kind == "UNARY_OPERATOR" and n.text.startswith(b"*")) for n in nodes)
    return points or bool(statement.calls - {"sched_yield", "thrd_yield"})


def not_taken(function: Function) -> Iterator[Change]:
    """One lock, wherever the function takes or lets go of it; or in one branch only; or it is kept in one branch."""
    yield from _nowhere(function)
    yield from _not_in_a_branch(function)
    for statement in function.statements:
        if function.unlocks(statement):
            yield (statement.left_out(),)


def _nowhere(function: Function) -> Iterator[Change]:
    by_lock: dict[bytes, list[Statement]] = {}
    for statement in function.statements:
        if for_a_lock(function, statement):
            by_lock.setdefault(_of_which(statement), []).append(statement)
    for statements in by_lock.values():
        if any(map(function.locks, statements)):
            yield tuple(statement.left_out() for statement in statements)


def _of_which(statement: Statement) -> bytes:
    """The lock that is meant, by what is between the parentheses."""
    return statement.text.partition(b"(")[2]


def _not_in_a_branch(function: Function) -> Iterator[Change]:
    for block in function.blocks:
        for at, statement in enumerate(block):
            taken = [s for s in block[:at] if function.locks(s)]
            let_go = [s for s in block[at + 1 :] if function.unlocks(s)]
            if statement.node.kind != "IF_STMT" or not taken or not let_go:
                continue
            for branch in bodies(statement.node):
                if _is_plain(function, branch):
                    start, end = branch.with_semicolon
                    text = b" ".join([b"{", let_go[0].text, branch.source.text(start, end), taken[-1].text, b"}"])
                    yield (Edit(start, end, text),)


def _is_plain(function: Function, branch: Node) -> bool:
    """Does it nothing with locks, and come to its end?"""
    called = set(calls_in(branch))
    jumps = any(node.kind in JUMPS for node in branch.walk())
    return not jumps and not called & (function.roles.lock | function.roles.unlock | WAIT)


OPERATORS = {
    "signal for broadcast": one_for_all,
    "wake-up before the change": wake_too_early,
    "wake-up outside the lock": wake_outside,
    "lock moved": moved,
    "lock left out": not_taken,
}
