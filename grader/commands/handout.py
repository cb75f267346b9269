"""The kit for students: all of it but solutions, known-wrong channels and what proves the tests."""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Collection, Set
from pathlib import Path

from grader import kit
from grader.errors import NotWritable
from grader.exercises import BUILD, ROOT, all_exercises
from grader.grading import given

NAME = "channels-in-c"
MOVED = {"grader/classroom/github.yml": ".github/workflows/classroom.yml"}


def left_out(unwanted: Collection[str]) -> tuple[set[str], list[str]]:
    """Of the exercises that are not wanted those that can be left out, and what is to be said of it."""
    needed = {base.name: one for one in all_exercises() if one.name not in unwanted for base in one.chain()[:-1]}
    out = {name for name in unwanted if name not in needed}
    said = [f"Left out: {', '.join(sorted(out))}."] if out else []
    return out, said + [f"{name} stays: {needed[name].name} builds on it." for name in sorted({*unwanted} - out)]


def _for_students(name: str) -> bytes:
    """A file as they get it: pages without what needs the solutions."""
    content = kit.as_given_out(name)
    return kit.without_solutions(content.decode()).encode() if name.endswith(".md") else content


def make(leave_out: Set[str] = frozenset()) -> tuple[Path, Path]:
    """Makes build/handout/channels-in-c and its archive, without those exercises; returns both."""
    target = BUILD / "handout" / NAME
    try:
        shutil.rmtree(target, ignore_errors=True)
        for name in kit.for_students():
            if not leave_out.isdisjoint(Path(name).parts):
                continue
            place = target / MOVED.get(name, name)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(_for_students(name))
            shutil.copystat(ROOT / name, place)
            if given.is_one(name):
                copy = target / given.copy_of(name)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, copy)
        archive = target.with_name(f"{NAME}.tar.gz")
        with tarfile.open(archive, "w:gz") as tar:
            tar.add(target, arcname=NAME)
    except OSError as error:
        raise NotWritable(f"The handout can't be written: {error.strerror}: {error.filename}.") from error
    return target, archive
