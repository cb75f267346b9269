"""One function, as the operators look at it: its statements, its conditions, what it calls."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from grader.selfcheck.mutants.source import Edit, Node, Source

Change = tuple[Edit, ...]
Operator = Callable[["Function"], Iterator[Change]]

JUMPS = ("RETURN_STMT", "BREAK_STMT", "CONTINUE_STMT", "GOTO_STMT", "INDIRECT_GOTO_STMT")
LABELS = ("CASE_STMT", "DEFAULT_STMT", "LABEL_STMT")
LOOPS = ("WHILE_STMT", "FOR_STMT", "DO_STMT")
_OTHER = ("COMPOUND_STMT", "IF_STMT", "SWITCH_STMT", "DECL_STMT", "NULL_STMT")
_STATEMENTS = (*JUMPS, *LABELS, *LOOPS, *_OTHER)

LOCK = {"pthread_mutex_lock", "pthread_spin_lock", "pthread_rwlock_wrlock", "pthread_rwlock_rdlock", "mtx_lock"}
UNLOCK = {"pthread_mutex_unlock", "pthread_spin_unlock", "pthread_rwlock_unlock", "mtx_unlock"}
WAKE = {"pthread_cond_signal", "pthread_cond_broadcast", "cnd_signal", "cnd_broadcast", "sem_post"}
WAIT = {
    "pthread_cond_wait", "pthread_cond_timedwait", "pthread_cond_clockwait", "cnd_wait", "cnd_timedwait",
    "sem_wait", "sem_timedwait", "sem_clockwait", "pthread_join", "thrd_join",
}  # fmt: skip
ALLOCATE = {"malloc", "calloc", "realloc", "reallocarray", "aligned_alloc", "posix_memalign", "strdup"}


@dataclass(frozen=True)
class Statement:
    """One statement where statements may stand, with its semicolon."""

    node: Node
    block: Node | None  # the block it stands in; None: it is alone the body of an if or a loop

    @functools.cached_property
    def span(self) -> tuple[int, int]:
        return self.node.with_semicolon

    @property
    def text(self) -> bytes:
        return self.node.source.text(*self.span)

    @property
    def is_expression(self) -> bool:
        return self.node.kind not in _STATEMENTS

    @property
    def is_declaration(self) -> bool:
        return self.node.kind == "DECL_STMT"

    @property
    def may_move(self) -> bool:
        """Is it something that could stand elsewhere in its block?"""
        return self.node.kind not in (*JUMPS, *LABELS, "DECL_STMT", "NULL_STMT")

    @functools.cached_property
    def calls(self) -> frozenset[str]:
        return frozenset(calls_in(self.node))

    def left_out(self) -> Edit:
        return Edit(*self.span, b";")

    def replaced(self, text: bytes) -> Edit:
        """Something else in its place, which may be several statements."""
        return Edit(*self.span, text if self.block is not None else b"{ " + text + b" }")


class Function:
    """A function that is defined in a file (or a declaration outside of functions: then without statements)."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.source: Source = node.source
        self.name = node.name
        self.roles = roles(self.source)

    @functools.cached_property
    def statements(self) -> list[Statement]:
        found = []
        for node in self.node.walk():
            if node.kind == "COMPOUND_STMT":
                found += [Statement(child, node) for child in node.children if child.is_written]
            else:
                found += [Statement(c, None) for c in bodies(node) if c.kind != "COMPOUND_STMT" and c.is_written]
        return found

    def reached(self, statement: Statement) -> set[str]:
        """What it calls, directly or through functions of the file."""
        return set().union(*(self.roles.reached.get(name, {name}) for name in statement.calls))

    def may_hold_a_lock(self, statement: Statement) -> bool:
        """Has a lock been taken above it and not let go? Where none is taken, the caller is assumed to hold one."""
        above = [s for s in self.statements if s.span[1] <= statement.span[0] and (self.locks(s) or self.unlocks(s))]
        return not any(map(self.locks, self.statements)) or (bool(above) and self.locks(above[-1]))

    @functools.cached_property
    def blocks(self) -> list[list[Statement]]:
        """The statements of each block."""
        blocks: dict[int, list[Statement]] = {}
        for statement in self.statements:
            if statement.block is not None:
                blocks.setdefault(id(statement.block), []).append(statement)
        return list(blocks.values())

    @functools.cached_property
    def conditions(self) -> list[tuple[Node, Node]]:
        """Each condition that is asked, below what asks it."""
        found = []
        for node in self.node.walk():
            condition = condition_of(node)
            if condition is not None and condition.is_written:
                found.append((node, condition))
        return found

    def locks(self, statement: Statement) -> bool:
        return statement.is_expression and bool(statement.calls & self.roles.lock)

    def unlocks(self, statement: Statement) -> bool:
        return statement.is_expression and bool(statement.calls & self.roles.unlock)

    def wakes(self, statement: Statement) -> bool:
        """Does it do nothing to locks, but wake somebody?"""
        others = self.roles.lock | self.roles.unlock | WAIT
        return bool(statement.calls & self.roles.wake) and not statement.calls & others


def calls_in(node: Node) -> Iterator[str]:
    for one in node.walk():
        if one.kind == "CALL_EXPR":
            yield one.name.removeprefix("__c11_")


def bodies(node: Node) -> list[Node]:
    """The statements an if or a loop consists of."""
    if node.kind == "IF_STMT":
        return node.children[1:]
    if node.kind in ("WHILE_STMT", "FOR_STMT"):
        return node.children[-1:]
    return node.children[:1] if node.kind == "DO_STMT" else []


def condition_of(node: Node) -> Node | None:
    """What an if, a loop or a ?: asks."""
    if node.kind in ("IF_STMT", "WHILE_STMT", "CONDITIONAL_OPERATOR") and len(node.children) > 1:
        return node.children[0]
    if node.kind == "DO_STMT":
        return node.children[1]
    return _for_condition(node) if node.kind == "FOR_STMT" else None


def _for_condition(node: Node) -> Node | None:
    depth, semicolons = 0, []
    for token in node.tokens[1:]:
        depth += (token.text == "(") - (token.text == ")")
        if token.text == ";" and depth == 1:
            semicolons.append(token.start)
        if depth == 0:
            break
    if len(semicolons) != 2:
        return None
    return next((c for c in node.children if semicolons[0] < c.start < semicolons[1]), None)


# ----------------------------------------------------------------- what the functions of a file are for


@dataclass(frozen=True)
class Roles:
    """Names of functions, those of the library and those of the file that stand for them."""

    lock: frozenset[str]
    unlock: frozenset[str]
    wake: frozenset[str]
    allocate: frozenset[str]
    reached: dict[str, set[str]]  # by each function of the file


_roles: dict[int, Roles] = {}


def roles(source: Source) -> Roles:
    if id(source) not in _roles:
        _roles[id(source)] = _find_roles(source)
    return _roles[id(source)]


def _find_roles(source: Source) -> Roles:
    called = {function.name: set(calls_in(function)) for function in source.functions}
    for name in called:
        called[name] = _reached(name, called)

    def those(some: set[str], none: Iterable[str] = ()) -> set[str]:
        return {name for name, all_ in called.items() if all_ & some and not all_ & set(none)}

    lock = LOCK | those(LOCK, UNLOCK) | {n for n in called if n == "lock" or n.endswith("_lock")}
    unlock = UNLOCK | those(UNLOCK, LOCK | WAIT | WAKE | {"free"}) | {n for n in called if n.endswith("unlock")}
    wake = WAKE | those(WAKE, lock | unlock | WAIT)
    allocate = ALLOCATE | those(ALLOCATE, lock)
    return Roles(frozenset(lock - unlock), frozenset(unlock), frozenset(wake), frozenset(allocate), called)


def _reached(name: str, called: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    todo = [name]
    while todo:
        new = called.get(todo.pop(), set()) - found
        found |= new
        todo += new
    return found
