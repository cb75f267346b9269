"""The kit for students: all of it but solutions, known-wrong channels and what proves the tests."""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path

from grader import kit
from grader.errors import NotWritable
from grader.exercises import BUILD, ROOT
from grader.grading import given

NAME = "channels-in-c"
MOVED = {"grader/classroom/github.yml": ".github/workflows/classroom.yml"}


def make() -> tuple[Path, Path]:
    """Makes build/handout/channels-in-c and its archive; returns both."""
    target = BUILD / "handout" / NAME
    try:
        shutil.rmtree(target, ignore_errors=True)
        for name in kit.for_students():
            place = target / MOVED.get(name, name)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(kit.as_given_out(name))
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
