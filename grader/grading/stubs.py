"""The stubs as they were before anybody edited them: what reset gives back.

grader/stubs/ holds a copy of each, so that reset works without git, after commits, and in a handout.
`make stubs` makes the copies; `make solutions` sees that they are the files in exercises/.
"""

from __future__ import annotations

from grader import files
from grader.errors import GraderError
from grader.exercises import Exercise, all_exercises
from grader.grading.submission import STUBS, plain_lines, taken_over

__all__ = ["STUBS", "copy_all", "is_current", "pristine"]


def pristine(exercise: Exercise, name: str) -> bytes:
    """The stub called name, as the kit has it."""
    path = STUBS / exercise.name / name
    try:
        return path.read_bytes()
    except OSError as error:
        raise GraderError(f"The kit has lost its copy of the stub: {error.strerror}: {path}") from error


def is_current(exercise: Exercise) -> bool:
    """Are the copies of an exercise's stubs equal to the files in exercises/?"""
    for name in exercise.stubs:
        file, copy = exercise.directory / name, STUBS / exercise.name / name
        if not file.exists() or not copy.exists():
            return False
        if plain_lines(file.read_bytes()) != plain_lines(copy.read_bytes()):
            return False
    return True


def _is_empty(content: bytes) -> bool:
    """Is it still to be written, or no more than another exercise's channel?"""
    return b"TODO(" in content or taken_over(content) is not None


def copy_all() -> list[str]:
    """Copies every stub; for maintainers: their exercises/ is as it should be given out."""
    done = []
    for exercise in all_exercises():
        for name in exercise.stubs:
            file = exercise.directory / name
            if not file.exists() or not _is_empty(file.read_bytes()):
                raise GraderError(f"exercises/{exercise.name}/{name} is no stub: it has no TODO.")
            if not is_current(exercise):
                files.write_atomically(STUBS / exercise.name / name, file.read_bytes())
                done.append(f"{exercise.name}/{name}")
    return done
