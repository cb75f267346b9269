"""What a mutant changes: one function a kind of mistake.

Each is asked about one function of a C file and yields the changes of its kind that can be made there. None
runs anything or guesses what a change will do; but what plainly can't differ is not made.
"""

from __future__ import annotations

from collections.abc import Iterator

from grader.selfcheck.mutants.operators import atomics, conditions, locks, memory, statements, words
from grader.selfcheck.mutants.operators.function import Change, Function, Operator
from grader.selfcheck.mutants.source import Source

_MODULES = (statements, conditions, locks, atomics, memory, words)
OPERATORS: dict[str, Operator] = {kind: made for module in _MODULES for kind, made in module.OPERATORS.items()}


def changes(source: Source) -> Iterator[tuple[str, Function, Change]]:
    """Every change of every kind in that file, each once: its kind, its function, itself."""
    seen = set()
    for node in [*source.functions, *memory.outside_functions(source)]:
        function = Function(node)
        for kind, operator in OPERATORS.items():
            for change in operator(function):
                text = source.changed(change)
                if text != source.content and text not in seen:
                    seen.add(text)
                    yield kind, function, change
