"""Atomics: weaker orders, plain accesses, no fence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from grader.selfcheck.mutants.operators.function import Change, Function
from grader.selfcheck.mutants.source import Edit, Token

_PREFIX = "memory_order_"
_WEAKER = {
    "load": {"seq_cst": ["acquire"], "acquire": ["relaxed"], "consume": ["relaxed"]},
    "store": {"seq_cst": ["release"], "release": ["relaxed"]},
    "change": {
        "seq_cst": ["acq_rel"], "acq_rel": ["acquire", "release"], "acquire": ["relaxed"], "release": ["relaxed"],
    },
}  # fmt: skip


@dataclass(frozen=True)
class Operation:
    """atomic_NAME(arguments) in the file's text; the arguments' stretches."""

    name: Token
    arguments: list[tuple[int, int]]
    end: int

    @property
    def plain_name(self) -> str:
        return self.name.text.removesuffix("_explicit")

    @property
    def does(self) -> str:
        if self.plain_name == "atomic_load":
            return "load"
        return "store" if self.plain_name in ("atomic_store", "atomic_flag_clear") else "change"

    @property
    def has_orders(self) -> bool:
        return self.name.text.endswith("_explicit") or self.name.text == "atomic_thread_fence"


def _operations(function: Function) -> Iterator[Operation]:
    tokens = function.node.tokens
    for at, token in enumerate(tokens[:-1]):
        is_one = token.text.startswith("atomic_") and tokens[at + 1].text == "(" and token.text != "atomic_init"
        if not is_one:
            continue
        depth, arguments, begin = 0, [], tokens[at + 1].end
        for other in tokens[at + 1 :]:
            depth += (other.text in "([{") - (other.text in ")]}")
            if (other.text == "," and depth == 1) or depth == 0:
                arguments.append((begin, other.start))
                begin = other.end
            if depth == 0:
                yield Operation(token, arguments, other.end)
                break


def weaker(function: Function) -> Iterator[Change]:
    """An order one step weaker, written or not."""
    for operation in _operations(function):
        if operation.has_orders:
            for start, end in operation.arguments:
                word = function.source.text(start, end).strip().decode()
                yield from _weaker_word(word, operation.does, start, end)
        elif operation.does in _WEAKER:
            yield _weaker_call(operation)
    yield from _weaker_in_macros(function)


def _weaker_word(word: str, does: str, start: int, end: int) -> Iterator[Change]:
    for order in _WEAKER[does].get(word.removeprefix(_PREFIX), ()):
        if word.startswith(_PREFIX):
            yield (Edit(start, end, f" {_PREFIX}{order}".encode()),)


def _weaker_call(operation: Operation) -> Change:
    order = {"load": "acquire", "store": "release", "change": "acq_rel"}[operation.does]
    orders = [order, "acquire"] if "compare_exchange" in operation.name.text else [order]
    text = "".join(f", {_PREFIX}{o}" for o in orders)
    named = Edit(operation.name.start, operation.name.end, f"{operation.name.text}_explicit".encode())
    return named, Edit(operation.end - 1, operation.end - 1, text.encode())


def _weaker_in_macros(function: Function) -> Iterator[Change]:
    """fence(release), where the file has such a macro."""
    tokens = function.node.tokens
    for name, bracket, word in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if "fence" in name.text and bracket.text == "(" and word.text in _WEAKER["change"]:
            for order in _WEAKER["change"][word.text]:
                yield (Edit(word.start, word.end, order.encode()),)


def plain(function: Function) -> Iterator[Change]:
    """The access as if the object were no atomic."""
    for operation in _operations(function):
        values = [function.source.text(*argument).strip().decode() for argument in operation.arguments]
        text = _plainly(operation.plain_name, values)
        if text:
            yield (Edit(operation.name.start, operation.end, text.encode()),)


def _plainly(name: str, values: list[str]) -> str:
    at = f"__typeof__((void)0, *({values[0]})) *at_ = (void *)({values[0]})"
    if name == "atomic_load":
        return f"({{ {at}; *at_; }})"
    if name == "atomic_store":
        return f"({{ {at}; *at_ = ({values[1]}); (void)0; }})"
    if name == "atomic_exchange":
        return f"({{ {at}; __typeof__(*at_) was_ = *at_; *at_ = ({values[1]}); was_; }})"
    sign = {"add": "+", "sub": "-", "or": "|", "and": "&", "xor": "^"}.get(name.removeprefix("atomic_fetch_"))
    if sign:
        return f"({{ {at}; __typeof__(*at_) was_ = *at_; *at_ = was_ {sign} ({values[1]}); was_; }})"
    if name.startswith("atomic_compare_exchange"):
        seen, new = values[1:3]
        test = f"_Bool same_ = *at_ == *({seen}); if (same_) *at_ = ({new}); else *({seen}) = *at_;"
        return f"({{ {at}; {test} same_; }})"
    return ""


def no_fence(function: Function) -> Iterator[Change]:
    for statement in function.statements:
        if statement.is_expression and "atomic_thread_fence" in statement.calls:
            yield (statement.left_out(),)


OPERATORS = {"memory order weaker": weaker, "plain for atomic": plain, "fence left out": no_fence}
