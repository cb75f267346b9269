"""What is asked, asked wrongly."""

from __future__ import annotations

from collections.abc import Iterator

from grader.selfcheck.mutants.operators.function import LOOPS, Change, Function, calls_in
from grader.selfcheck.mutants.source import Edit, Node

_INTEGERS = (
    "CHAR_S", "SCHAR", "UCHAR", "SHORT", "USHORT", "INT", "UINT", "LONG", "ULONG", "LONGLONG", "ULONGLONG",
)  # fmt: skip
_NOTHING = (b"NULL", b"0", b"nullptr")


def negated(function: Function) -> Iterator[Change]:
    for _, condition in function.conditions:
        yield (Edit(condition.start, condition.end, b"!(" + condition.text + b")"),)


def constant(function: Function) -> Iterator[Change]:
    for asks, condition in function.conditions:
        for value in (b"1", b"0"):
            if value == b"0" and asks.kind == "IF_STMT" and _looks_at_an_allocation(function, condition):
                continue  # a kind of its own
            yield (_always(condition, value),)


def _always(condition: Node, value: bytes) -> Edit:
    """The condition has that value; what it does besides is still done."""
    acts = any(_acts(node) for node in condition.walk()) or b"atomic_" in condition.text
    text = b"((void)(" + condition.text + b"), " + value + b")" if acts else value
    return Edit(condition.start, condition.end, text)


def _acts(node: Node) -> bool:
    steps = node.kind == "UNARY_OPERATOR" and any(token.text in ("++", "--") for token in node.tokens)
    return steps or node.kind in ("CALL_EXPR", "COMPOUND_ASSIGNMENT_OPERATOR") or _is(node, "=")


def _is(node: Node, *operators: str) -> bool:
    operator = node.operator()
    return operator is not None and operator.text in operators


def halved(function: Function) -> Iterator[Change]:
    """Of `a && b` only a or b, or the one taken for the other: `a || b`."""
    for node in function.node.walk():
        operator = node.operator()
        if operator is None or operator.text not in ("&&", "||") or not node.is_written:
            continue
        for half in node.children:
            yield (Edit(node.start, node.end, half.text),)
        yield (Edit(operator.start, operator.end, b"||" if operator.text == "&&" else b"&&"),)


def off_by_one(function: Function) -> Iterator[Change]:
    """The number it is compared with; not where that is the other of < and <=."""
    steps = {"<": (b"-",), "<=": (b"+",), ">": (b"+",), ">=": (b"-",), "==": (b"+", b"-"), "!=": (b"+", b"-")}
    for node in function.node.walk():
        operator = node.operator()
        if operator is None or not node.is_written or not all(_is_number(child) for child in node.children):
            continue
        right = node.children[1]
        for step in steps.get(operator.text, ()):
            yield (Edit(right.start, right.end, b"(" + right.text + b") " + step + b" 1"),)


def _is_number(node: Node) -> bool:
    bare = node.bare()
    referenced = bare.cursor.referenced
    if referenced is not None and referenced.kind.name == "ENUM_CONSTANT_DECL":
        return False
    return bare.type_kind in _INTEGERS and not _is(bare, "==", "!=", "<", ">", "<=", ">=", "&&", "||")


def or_equal(function: Function) -> Iterator[Change]:
    other = {"<": b"<=", "<=": b"<", ">": b">=", ">=": b">"}
    for node in function.node.walk():
        operator = node.operator()
        if operator is not None and operator.text in other and node.is_written:
            yield (Edit(operator.start, operator.end, other[operator.text]),)


def while_to_if(function: Function) -> Iterator[Change]:
    for node in function.node.walk():
        if node.kind == "WHILE_STMT" and node.is_written and not _leaves(node.children[-1]):
            word = node.tokens[0]
            yield (Edit(word.start, word.end, b"if"),)


def _leaves(node: Node) -> bool:
    """Is there a break or a continue for the loop around it?"""
    if node.kind in ("BREAK_STMT", "CONTINUE_STMT"):
        return True
    return node.kind not in LOOPS and any(_leaves(child) for child in node.children)


def unchecked_allocation(function: Function) -> Iterator[Change]:
    """if (p == NULL) where p was just allocated: never."""
    for asks, condition in function.conditions:
        if asks.kind == "IF_STMT" and _looks_at_an_allocation(function, condition):
            yield (_always(condition, b"0"),)


def _looks_at_an_allocation(function: Function, condition: Node) -> bool:
    allocate = function.roles.allocate
    if allocate & set(calls_in(condition)):
        return True
    asked = {name for node in condition.walk() if (name := _null_test(node))}
    made = [value for name in asked if (value := _last_value(function, name, condition.start)) is not None]
    return any(allocate & set(calls_in(value)) for value in made)


def _null_test(node: Node) -> bytes:
    """What is asked to be NULL."""
    if node.kind == "UNARY_OPERATOR" and node.text.startswith(b"!"):
        return node.children[0].bare().text
    if _is(node, "==") and node.children[1].text in _NOTHING:
        return node.children[0].bare().text
    return b""


def _last_value(function: Function, name: bytes, before: int) -> Node | None:
    """What was last assigned to that."""
    last = None
    for node in function.node.walk():
        if node.end > before:
            continue
        if _is(node, "=") and node.children[0].text == name:
            last = node.children[1]
        elif node.kind == "VAR_DECL" and node.name.encode() == name and node.children:
            last = node.children[-1]
    return last


OPERATORS = {
    "condition negated": negated,
    "condition constant": constant,
    "condition halved": halved,
    "condition off by one": off_by_one,
    "< for <=": or_equal,
    "if for while": while_to_if,
    "allocation not checked": unchecked_allocation,
}
