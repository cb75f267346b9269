"""Which files are the kit: all of it, what students get, what a grading needs, what a suite is built from."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from grader.exercises import EXERCISES, ROOT, all_exercises

# What make and its commands leave here, and other tools.
GENERATED = frozenset(
    {".git", "build", ".progress", "__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".cache"}
)
NOT_FOR_STUDENTS = ("solutions/", "grader/tests/", "findings/", "build/", ".progress/", ".git/", ".ci/", ".github/")
NEITHER = (".bak", "/sentences.toml", "/situations.txt")  # the last two are the self-check's
FOR_GRADING = ("Makefile", "setup.sh", "LICENSE", "exercises", "grader")
BUILT_FROM = ("grader/build.mk", "exercises", "grader/suite", "grader/model", "grader/interleave")


def all_files() -> list[str]:
    """The files of the kit, as paths from its directory: all that does not look generated, or where git knows better
    what it knows, and what of a grading is new and not ignored."""
    if shutil.which("git") and (ROOT / ".git").exists() and (names := _in_git()):
        new = _in_git("--others", "--exclude-standard", *FOR_GRADING)
        return sorted(name for name in names | new if (ROOT / name).is_file())
    return _on_disk(ROOT.iterdir())


def _in_git(*which: str) -> set[str]:
    listed = subprocess.run(["git", "ls-files", "-z", *which], cwd=ROOT, capture_output=True, check=False).stdout
    return {name for name in listed.decode().split("\0") if name}


def _on_disk(parts: Iterable[Path]) -> list[str]:
    found = (path for part in parts for path in ([part] if part.is_file() else part.rglob("*")) if path.is_file())
    names = (path.relative_to(ROOT) for path in found)
    return sorted(str(name) for name in names if not GENERATED & set(name.parts))


def for_students() -> list[str]:
    """The files of a handout."""
    return [name for name in all_files() if _is_for_students(name)]


def for_grading() -> list[str]:
    """Everything that grading a submission elsewhere needs: no solutions, no tests of the grader."""
    return [name for name in _on_disk(ROOT / part for part in FOR_GRADING) if _is_for_students(name)]


def _is_for_students(name: str) -> bool:
    return not name.startswith(NOT_FOR_STUDENTS) and not name.endswith(NEITHER)


_WITH_SOLUTIONS = re.compile(r"^<!-- with solutions -->\n.*?^<!-- end -->\n", re.MULTILINE | re.DOTALL)
_COMPARE = re.compile(r"Compare with `solutions/.*?(?=Learnt:|\Z)", re.DOTALL)


def without_solutions(markdown: str) -> str:
    """A page without what only works beside the solutions."""
    return _COMPARE.sub("", _WITH_SOLUTIONS.sub("", markdown))


def as_given_out(name: str) -> bytes:
    """What is in a file of the kit: of one that a student edits the stub, whatever is in place here."""
    from grader.grading import stubs

    path = Path(name)
    for exercise in all_exercises():
        if path.parent == Path("exercises", exercise.name) and path.name in exercise.stubs:
            return stubs.pristine(exercise, path.name)
    return (ROOT / name).read_bytes()


def sources_of(suite: str, variant: str) -> list[Path]:
    """All that a suite is built from, besides the code under test."""
    parts = [ROOT / "grader" / "build.mk", *EXERCISES.glob("*.h"), *EXERCISES.glob("*/*.h")]
    parts += (EXERCISES / suite).glob("test_*.c")
    runtimes = ["suite", "model", *(["interleave"] if variant == "interleave" else [])]
    for runtime in runtimes:
        parts += (p for p in (ROOT / "grader" / runtime).rglob("*") if p.suffix in (".c", ".h", ".S", ".syms"))
    return sorted(parts)
