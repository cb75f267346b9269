"""Which mutants there are, and in which order they are made: by a fixed seed, spread evenly.

The exercises take turns; within an exercise the designs do, and each gets the kind of change that was made
least often so far. So the first N are the same whatever N is, and the mutants of one exercise are the same
whether the others are asked for or not.
"""

from __future__ import annotations

import difflib
import functools
import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from grader.errors import GraderError
from grader.exercises import Exercise, shown
from grader.grading import submission
from grader.grading.submission import Code
from grader.selfcheck import implementations
from grader.selfcheck.implementations import Implementation
from grader.selfcheck.mutants.operators import changes
from grader.selfcheck.mutants.operators.function import Change, Function
from grader.selfcheck.mutants.source import Source

SEED = 1
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Mutant:
    """One design with one change."""

    design: Implementation
    kind: str
    function: str
    line: int
    content: bytes
    id: str  # equal as long as the function and the change are: comments, spaces and other functions don't count

    @property
    def place(self) -> str:
        return f"{shown(self.design.path)}:{self.line}"

    @functools.cached_property
    def code(self) -> Code:
        old = self.design.code
        own = own_file(self.design)
        sources = (replace(s, content=self.content) if s == own else s for s in old.sources)
        return Code(old.exercise, tuple(sources))

    def diff(self, context: int = 2) -> list[str]:
        texts = (own_file(self.design).content, self.content)
        old, new = (text.decode("utf-8", "replace").splitlines() for text in texts)
        return list(difflib.unified_diff(old, new, shown(self.design.path), self.kind, n=context, lineterm=""))


def sequence(exercises: Sequence[Exercise], tell: Tell) -> Iterator[Mutant]:
    """All mutants of these exercises, one exercise after the other in turn."""
    left = [_of_exercise(exercise, tell) for exercise in exercises]
    while left:
        for mutants in list(left):
            mutant = next(mutants, None)
            if mutant is None:
                left.remove(mutants)
            else:
                yield mutant


def _of_exercise(exercise: Exercise, tell: Tell) -> Iterator[Mutant]:
    right = [*implementations.known_right(exercise), *implementations.solution(exercise)]
    turns = [(design, _by_kind(design, tell)) for design in sorted(right, key=lambda d: _rank(shown(d.path)))]
    made: Counter[str] = Counter()
    seen: set[bytes] = set()
    while turns:
        for turn in list(turns):
            mutant = _next(exercise.name, turn[1](), made, seen)
            if mutant is None:
                turns.remove(turn)
            else:
                yield mutant


def _next(exercise: str, by_kind: dict[str, list[Mutant]], made: Counter[str], seen: set[bytes]) -> Mutant | None:
    """One of the kind that was made least often so far."""
    for kind in sorted(by_kind, key=lambda k: (made[k], _rank(exercise + k))):
        while by_kind[kind]:
            mutant = by_kind[kind].pop()
            if mutant.content not in seen:
                seen.add(mutant.content)
                made[kind] += 1
                return mutant
    return None


def _by_kind(design: Implementation, tell: Tell) -> Callable[[], dict[str, list[Mutant]]]:
    """The mutants of a design, those to be made first last; read when they are first asked for."""

    @functools.cache
    def read() -> dict[str, list[Mutant]]:
        found: dict[str, list[Mutant]] = defaultdict(list)
        try:
            for mutant in of_design(design):
                found[mutant.kind].append(mutant)
        except GraderError as error:
            tell(f"  {error} It has no mutants.")
        for mutants in found.values():
            mutants.sort(key=lambda m: _rank(m.id), reverse=True)
        return found

    return read


def own_file(design: Implementation) -> submission.Source:
    """The file that a design is about."""
    return next(source for source in design.code.sources if source.name == design.exercise.files[0])


def of_design(design: Implementation) -> Iterator[Mutant]:
    """All its mutants."""
    source = Source(design.path.with_suffix(".c"), design.exercise, own_file(design).content)
    for kind, function, change in changes(source):
        line = source.line(change[0].start)
        yield Mutant(design, kind, function.name, line, source.changed(change), _identity(design, function, change))


def _identity(design: Implementation, function: Function, change: Change) -> str:
    tokens = function.node.tokens
    words = [shown(design.path), *(token.text for token in tokens)]
    for edit in change:
        at = sum(token.start < edit.start for token in tokens)
        length = sum(edit.start <= token.start < edit.end for token in tokens)
        words += [str(at), str(length), " ".join(edit.text.decode("utf-8", "replace").split())]
    return hashlib.sha256("\0".join(words).encode()).hexdigest()[:12]


def _rank(text: str) -> str:
    """A place in an order that looks like chance and is always the same."""
    return hashlib.sha256(f"{SEED} {text}".encode()).hexdigest()
