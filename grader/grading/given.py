"""Headers and suites as they were given out: with those, whatever is here, a class grades what is handed in.

A handout holds a copy of each in grader/given/; elsewhere git has them in its last commit. Nothing is kept by hand,
and whoever maintains the kit is told of a header that is edited until it is committed."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from grader.exercises import EXERCISES, ROOT, Exercise, read_text

COPIES = ROOT / "grader" / "given"


def is_one(name: str) -> bool:
    """Is a file of the kit, exercises/NN_name/channel.h, a header or of a suite?"""
    path = Path(name)
    return path.match("exercises/*.h") or path.match("exercises/*/*.h") or path.match("exercises/*/test_*.c")


def copy_of(name: str) -> Path:
    """Where a handout keeps its copy, seen from the kit's directory."""
    return Path("grader", "given", *Path(name).parts[1:])


def changed(exercises: Iterable[Exercise]) -> list[str]:
    """The headers and the files of suites, of these exercises and those they build on, that are not as given out."""
    concerned = {suite.name for exercise in exercises for suite in exercise.chain()} | {EXERCISES.name}
    names = _unlike_the_copies() if COPIES.is_dir() else _unlike_the_commit()
    return sorted(name for name in names if is_one(name) and Path(name).parent.name in concerned)


def _unlike_the_copies() -> list[str]:
    copies = (path for path in COPIES.rglob("*") if path.is_file())
    pairs = ((copy, EXERCISES / copy.relative_to(COPIES)) for copy in copies)
    return [str(path.relative_to(ROOT)) for copy, path in pairs if not path.exists() or _text(path) != _text(copy)]


def _text(path: Path) -> list[str]:
    """Its lines, however they end: an editor or an archive may have changed that."""
    return read_text(path).splitlines()


def _unlike_the_commit() -> list[str]:
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        return []
    command = ["git", "diff", "--name-only", "-z", "HEAD", "--", "exercises"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    return [name for name in ended.stdout.decode().split("\0") if name] if ended.returncode == 0 else []


def words(names: list[str]) -> str:
    """What there is to say of files that are changed."""
    if len(names) == 1:
        who, is_used = f"{names[0]} is not as it was given out", "It is used here"
    else:
        who, is_used = f"{names[0]} and {len(names) - 1} more are not as they were given out", "They are used here"
    return f"{who}. {is_used}; what you hand in is graded with the original."


def comparison(name: str) -> str:
    """The command that shows what is changed in it."""
    return f"diff {copy_of(name)} {name}" if COPIES.is_dir() else f"git diff {name}"
