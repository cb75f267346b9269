"""Autograders of others' making: one submission in, one result out.

`make gradescope` writes the zip that Gradescope takes: the kit without solutions, setup.sh and run_autograder.
GitHub Classroom runs `python3 -m grader.classroom one FORMAT=github` from .github/workflows/classroom.yml,
which `make handout` puts into the students' kit.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from grader import files
from grader.classroom import gradebooks, results, run
from grader.errors import EXIT_FAILED, EXIT_PASSED, GraderError, UsageError
from grader.exercises import BUILD, ROOT

FORMATS = ("gradescope", "github", "junit", "tap", "json", "text")

# What Gradescope runs when it builds the image, and for each submission. The places are Gradescope's.
_SETUP = """#!/usr/bin/env bash
set -e
sh /autograder/source/kit/setup.sh --for test
"""
_RUN = """#!/usr/bin/env bash
cd /autograder/source/kit
python=$(for p in /usr/bin/python3 python3 python3.13 python3.12 python3.11; do
    $p -c 'import jinja2, tomllib' 2>/dev/null && echo $p && break; done)
$python -m grader.classroom one FORMAT=gradescope SRC=/autograder/submission \\
    OUT=/autograder/results/results.json
"""
# Everything a grading needs: not the solutions, not the tests of the grader.
_KIT = ("Makefile", "setup.sh", "LICENSE", "class.toml", "exercises", "grader")
_LEFT_OUT = ("grader/tests", "grader/interleave/tests")


def write_zip(path: Path) -> Path:
    """The autograder's zip: the same bytes for the same kit."""
    path = path if path.is_absolute() else ROOT / path
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        _put(archive, "setup.sh", _SETUP.encode(), executable=True)
        _put(archive, "run_autograder", _RUN.encode(), executable=True)
        for file in kit_files():
            _put(archive, f"kit/{file}", (ROOT / file).read_bytes(), os.access(ROOT / file, os.X_OK))
    temporary.replace(path)
    return path


def kit_files() -> Iterator[Path]:
    """The files of the kit that grading needs, relative to it, sorted."""
    for part in _KIT:
        found = sorted((ROOT / part).rglob("*")) if (ROOT / part).is_dir() else [ROOT / part]
        for path in found:
            relative = path.relative_to(ROOT)
            skipped = any(relative.is_relative_to(folder) for folder in _LEFT_OUT)
            if path.is_file() and not skipped and "__pycache__" not in path.parts:
                yield relative


def _put(archive: zipfile.ZipFile, name: str, data: bytes, executable: bool) -> None:
    info = zipfile.ZipInfo(name, (2000, 1, 1, 0, 0, 0))
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = (0o100755 if executable else 0o100644) << 16
    archive.writestr(info, data)


# ------------------------------------------------------------------------------------ one result


def grade_one(arguments: Mapping[str, str]) -> int:
    """Grades the tree SRC as a class of one, and writes the result as FORMAT to OUT or to stdout.

    Exit code 0 whatever the result, but for FORMAT=github, whose steps have to fail when a test does."""
    form = arguments.get("format", "text")
    if form not in FORMATS:
        raise UsageError(f"FORMAT={form}: there is none. Choose one of: {' '.join(FORMATS)}")
    student = _grade(arguments)
    text = as_text(student, form)
    if arguments.get("out"):
        files.write_atomically(Path(arguments["out"]).absolute(), text)
    else:
        sys.stdout.write(text)
    if form == "github":
        _to_github(student)
        return EXIT_PASSED if all(e["verdict"] == "passed" for e in student["exercises"]) else EXIT_FAILED
    return EXIT_PASSED


def _grade(arguments: Mapping[str, str]) -> dict[str, Any]:
    source = Path(arguments.get("src") or ROOT / "exercises").absolute()
    if not source.exists():
        raise UsageError(f"SRC={source}: there is no such directory.")
    BUILD.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILD) as directory:
        given = {**arguments, "submissions": directory, "out": str(Path(directory) / "out")}
        given.setdefault("unsafe", "1")  # a machine of its own is what such services give
        group = run.from_arguments(given)
        group.results.mkdir(parents=True)
        job = run.Job("submission", source, run.submission_key(source, run.kit_key(group)))
        run.prepare(group)
        if not run.run_job(group, job):
            run.run_job(group, job)
        run.give_up(group, job)
        return next(iter(results.read_students(group, ["submission"])))


def as_text(student: dict[str, Any], form: str) -> str:
    exercises = student["exercises"]
    if form == "gradescope":
        points = student["points"]
        return json.dumps(gradebooks.gradescope(exercises, points, student["seconds"]), indent=1) + "\n"
    if form == "github":
        return json.dumps(gradebooks.github_classroom(exercises), indent=1) + "\n"
    if form == "junit":
        return gradebooks.junit(exercises)
    if form == "tap":
        return gradebooks.tap(exercises)
    return json.dumps(student, indent=1) + "\n" if form == "json" else results.report(student) + "\n"


def _to_github(student: dict[str, Any]) -> None:
    """The step's output, for Classroom's reporter."""
    output = os.environ.get("GITHUB_OUTPUT")
    if not output:
        return
    try:
        with open(output, "a", encoding="utf-8") as file:
            file.write(gradebooks.github_classroom_output(student["exercises"]) + "\n")
    except OSError as error:
        raise GraderError(f"{output} can't be written: {error.strerror}.") from error
