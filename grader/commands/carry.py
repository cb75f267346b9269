"""Puts other code into an exercise: the student's own earlier one, the stub, a solution; and back.

Whatever is replaced is kept first, beside it as channel.c.1.bak (2, 3, ...); nothing is ever lost.
"""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

from grader import c_text, files
from grader.errors import GraderError, NotWritable, UsageError
from grader.exercises import EXERCISES, SOLUTIONS, Exercise, by_name, shown
from grader.grading import progress, stubs
from grader.grading.submission import Source, find_channel, plain_lines, read_source, tree_of

SWAPPED = progress.DIRECTORY / "swapped"


# ------------------------------------------------------------------------------------- carry


def carry(exercise: Exercise, tree: str, force: bool = False) -> list[str]:
    """Begins an exercise with the code of the one it builds on. Returns what was done, in sentences.

    What the student has written there already is replaced only by force, and then kept beside it."""
    if exercise.base is None:
        raise UsageError(f"{exercise.name} builds on no other: there is nothing to carry.")
    base = by_name(exercise.base)
    where = tree_of("" if tree == "solutions" else tree, tree == "solutions", "FROM")
    name = exercise.carried_file
    target = exercise.directory / name
    if not force:
        _refuse_to_replace(target)
    if exercise.carries_channel and where == EXERCISES:
        return [
            *replace(target, stubs.pristine(exercise, name)),
            f"{exercise.name} uses your channel of {base.name} as it is.",
            f"What you write is exercises/{exercise.name}/{exercise.files[0]}.",
        ]
    source = read_source(where, base, name)
    if source is None or source.is_stub:
        path = shown(where / base.name / name)
        raise UsageError(f"{path} is still to be written; {exercise.name} begins with it.")
    content, new = carried(exercise, source)
    said = replace(target, content)
    progress.note_carried(exercise.name, _digest(content))
    said.append(f"{shown(target)} is now a copy of {shown(source.path)}.")
    if new:
        said.append(f"New at its end, and yours to write: {', '.join(new)}.")
    return said


def _refuse_to_replace(target: Path) -> None:
    """Ends here where there is more than the stub, or what was carried there before."""
    if not target.exists():
        return
    content, exercise = target.read_bytes(), target.parent.name
    is_as_given = Source(exercise, target.name, content, target).is_stub
    if not is_as_given and progress.carried().get(exercise) != _digest(content):
        raise UsageError(
            f"{shown(target)} is no longer as it was given out. "
            f"To replace it, and keep it as a copy: make carry EX={exercise[:2]} FORCE=1"
        )


def _digest(content: bytes) -> str:
    return hashlib.sha256(plain_lines(content)).hexdigest()[:24]


def carried(exercise: Exercise, source: Source) -> tuple[bytes, list[str]]:
    """The code of source, and below it the stubs of what is new; with the names of those."""
    text = c_text.decoded(source.content)
    new = [name for name in exercise.new_functions() if c_text.definition(name, text) is None]
    if not new or exercise.carries_channel:
        return source.content, []
    stub = c_text.decoded(stubs.pristine(exercise, exercise.carried_file))
    parts = [f"/* New in {exercise.number} */", '#include "../todo.h"']
    for name in new:
        found = c_text.definition(name, stub)
        if found is None:
            raise GraderError(f"The stub of {exercise.name} does not define {name}.")
        parts.append(found.text)
    end = b"\r\n" if b"\r\n" in source.content else b"\n"
    added = "\n\n".join(parts).encode().replace(b"\n", end)
    return source.content.rstrip() + end + end + added + end, new


# ------------------------------------------------------------------------------ reset and swap


def reset(exercise: Exercise) -> list[str]:
    """Puts the stubs of an exercise back."""
    said = []
    for name in exercise.stubs:
        target = exercise.directory / name
        stub = stubs.pristine(exercise, name)
        if target.exists() and plain_lines(target.read_bytes()) == plain_lines(stub):
            said.append(f"{shown(target)} is the empty exercise already.")
            continue
        said += replace(target, stub)
        said.append(f"{shown(target)} is the empty exercise again.")
    return said


def swap(exercise: Exercise, file: str = "") -> list[str]:
    """Puts the solution in place of the student's files, or of one, which are kept."""
    if file and file not in exercise.stubs:
        raise UsageError(f"FILE={file}: {exercise.name} has {' and '.join(exercise.stubs)}.")
    names = (file,) if file else exercise.files
    if any((SWAPPED / exercise.name / name).exists() for name in names):
        raise UsageError(f"The solution of {exercise.name} is in place already: make unswap EX={exercise.number}")
    solutions = {name: content for name in names if (content := _solution(exercise, name)) is not None}
    if set(solutions) != set(names):
        raise UsageError(f"This copy of the kit has no solution of {exercise.name}.")
    said = []
    for name in names:
        own = exercise.directory / name
        kept = own.read_bytes() if own.exists() else stubs.pristine(exercise, name)
        files.write_atomically(SWAPPED / exercise.name / name, kept)
    for name, content in solutions.items():
        files.write_atomically(exercise.directory / name, content)
        said.append(f"{shown(exercise.directory / name)} is the solution now; your file is kept.")
    said.append(f"To have it back: make unswap EX={exercise.number}")
    return said


def _solution(exercise: Exercise, name: str) -> bytes | None:
    """A file of the solution. The channel that it takes over comes whole: among the student's files the line that
    says so would mean the student's channel."""
    source = find_channel(SOLUTIONS, exercise) if name == "channel.c" else read_source(SOLUTIONS, exercise, name)
    return None if source is None else source.content


def unswap(exercise: Exercise) -> list[str]:
    """Puts the student's files back. What was changed in the solution meanwhile is kept, too."""
    if not is_swapped(exercise):
        raise UsageError(f"No solution is in place of your {exercise.name}.")
    said = []
    for name in exercise.stubs:
        kept, target = SWAPPED / exercise.name / name, exercise.directory / name
        if not kept.exists():
            continue
        if target.exists() and target.read_bytes() == _solution(exercise, name):
            files.write_atomically(target, kept.read_bytes())
        else:
            said += replace(target, kept.read_bytes())
        kept.unlink()
        said.append(f"{shown(target)} is yours again.")
    return said


def is_swapped(exercise: Exercise) -> bool:
    return any((SWAPPED / exercise.name / name).exists() for name in exercise.stubs)


# ------------------------------------------------------------------------------------ backups


def replace(target: Path, content: bytes) -> list[str]:
    """Writes content to target; what was there is kept beside it, unless it is the same or a stub."""
    said = []
    if target.exists():
        old = target.read_bytes()
        if old == content:
            return []
        if not Source(target.parent.name, target.name, old, target).is_stub:
            said.append(f"Yours is kept: {shown(back_up(target, old))}")
    files.write_atomically(target, content)
    return said


def back_up(target: Path, content: bytes) -> Path:
    """Keeps content beside target under a name that is not taken."""
    for number in range(1, 10000):
        path = target.with_name(f"{target.name}.{number}.bak")
        try:
            with open(path, "xb") as out:
                out.write(content)
            return path
        except FileExistsError:
            if path.read_bytes() == content:
                return path
        except OSError as error:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)  # half a backup is none
            raise NotWritable(files.cannot_write(path, error)) from error
    raise GraderError(f"There are 9,999 backups beside {shown(target)} already: remove some.")
