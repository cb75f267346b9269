"""The kit for students: all of it but solutions, known-wrong channels and what proves the tests."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from pathlib import Path

from grader.errors import NotWritable
from grader.exercises import BUILD, ROOT, all_exercises
from grader.grading import stubs

NAME = "channels-in-c"
LEFT_OUT = ("solutions/", "grader/tests/", "build/", ".progress/", ".git/", ".ci/", ".github/")
MOVED = {"grader/classroom/github.yml": ".github/workflows/classroom.yml"}
_IGNORED = {".git", "build", ".progress", "__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".cache"}


def make() -> tuple[Path, Path]:
    """Makes build/handout/channels-in-c and its archive; returns both."""
    target = BUILD / "handout" / NAME
    try:
        shutil.rmtree(target, ignore_errors=True)
        for name in kit_files():
            place = target / MOVED.get(name, name)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, place)
        for exercise in all_exercises():  # as given out, whatever is in place here
            for name in exercise.stubs:
                (target / "exercises" / exercise.name / name).write_bytes(stubs.pristine(exercise, name))
        archive = target.with_name(f"{NAME}.tar.gz")
        with tarfile.open(archive, "w:gz") as tar:
            tar.add(target, arcname=NAME)
    except OSError as error:
        raise NotWritable(f"The handout can't be written: {error.strerror}: {error.filename}.") from error
    return target, archive


def kit_files() -> list[str]:
    """The files of the handout, as paths from the kit's directory."""
    return sorted(n for n in known_files() if not n.startswith(LEFT_OUT) and not n.endswith(".bak"))


def known_files() -> list[str]:
    """What git knows, or all that does not look generated."""
    if shutil.which("git") and (ROOT / ".git").exists():
        ended = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
        names = [name for name in ended.stdout.decode().split("\0") if name]
        if ended.returncode == 0 and names:
            return [name for name in names if (ROOT / name).is_file()]
    paths = (p for p in ROOT.rglob("*") if p.is_file())
    return [str(p.relative_to(ROOT)) for p in paths if not _IGNORED & set(p.relative_to(ROOT).parts)]
