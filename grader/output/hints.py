"""The hints of an exercise: the folded parts of its README, one at a time."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass

from grader.errors import GraderError
from grader.exercises import Exercise, read_text
from grader.grading import progress

_DETAILS = re.compile(r"<details>\s*<summary>(.*?)</summary>(.*?)</details>", re.DOTALL)


@dataclass(frozen=True)
class Hint:
    """One of the three levels."""

    title: str
    text: str


def hints_of(exercise: Exercise) -> list[Hint]:
    """All hints of an exercise, the gentlest first."""
    readme = exercise.directory / "README.md"
    if not readme.exists():
        raise GraderError(f"exercises/{exercise.name}/README.md is missing, and with it the hints.")
    return [Hint(m[1].strip(), m[2].strip()) for m in _DETAILS.finditer(read_text(readme))]


def next_hints(exercise: Exercise) -> tuple[list[Hint], int]:
    """The hints to show now, and how many are left: the next one, or all once all were shown."""
    all_hints = hints_of(exercise)
    seen = progress.hints_seen().get(exercise.name, 0)
    if seen >= len(all_hints):
        return all_hints, 0
    with contextlib.suppress(GraderError):  # on a full disk a hint is as welcome as ever
        progress.note_hint(exercise.name, seen + 1)
    return [all_hints[seen]], len(all_hints) - seen - 1


def forget(exercise: Exercise) -> None:
    """After a reset the hints begin again."""
    if progress.hints_seen().get(exercise.name):
        progress.note_hint(exercise.name, 0)
