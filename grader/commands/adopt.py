"""`make adopt FROM=dir`: a student's work out of an older copy of the kit into this one. The old copy stays."""

from __future__ import annotations

from pathlib import Path

from grader import files
from grader.commands import carry
from grader.errors import GraderError, UsageError
from grader.exercises import EXERCISES, ROOT, Exercise, all_exercises, shown
from grader.grading import progress
from grader.grading.submission import plain_lines, read_source


def adopt(text: str) -> list[str]:
    """Returns what was done, in sentences."""
    old = _kit(text)
    said = [line for exercise in all_exercises() for line in _exercise(old, exercise)]
    try:
        _beside(old)
    except OSError as error:
        raise GraderError(f"{error.filename} can't be read: {error.strerror}.") from error
    return said or [f"There is nothing in {text} that is not here already."]


def _kit(text: str) -> Path:
    if not text:
        raise UsageError("From which copy of the kit? For example: make adopt FROM=../channels-in-c.old")
    old = ROOT / Path(text).expanduser()
    if not any((old / "exercises").glob("[0-9][0-9]_*")):
        raise UsageError(f"FROM={text}: that is no copy of the kit, for it has no exercises/.")
    if old.resolve() == ROOT:
        raise UsageError(f"FROM={text}: that is this copy of the kit.")
    return old


def _exercise(old: Path, exercise: Exercise) -> list[str]:
    """What was written in the old copy; not the solution that is only in its place."""
    said = []
    for name in exercise.stubs:
        swapped = old / carry.SWAPPED.relative_to(ROOT)
        source = read_source(swapped, exercise, name) or read_source(old / "exercises", exercise, name)
        target = exercise.directory / name
        if source is None or _is_stub(old, exercise, name, source.content):
            continue
        if target.exists() and target.read_bytes() == source.content:
            continue
        said += carry.replace(target, source.content)
        said.append(f"{shown(target)} is what you wrote in {old}.")
    return said


def _is_stub(old: Path, exercise: Exercise, name: str, content: bytes) -> bool:
    stub = read_source(old / "grader" / "stubs", exercise, name)
    return stub is not None and plain_lines(stub.content) == plain_lines(content)


def _beside(old: Path) -> None:
    """Backups, and what was reached; nothing that is here already is replaced."""
    found = [(path, EXERCISES / path.parent.name / path.name) for path in old.glob("exercises/[0-9]*/*.bak")]
    found += [(path, progress.DIRECTORY / path.name) for path in old.glob(f"{progress.DIRECTORY.name}/*.txt")]
    for path, target in found:
        if target.parent.parent.exists() and not target.exists():
            files.write_atomically(target, path.read_bytes())
