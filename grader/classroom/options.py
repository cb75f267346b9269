"""What is typed for a class: make class SUBMISSIONS=dir OUT=dir EX=02 ..."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from grader.arguments import is_on
from grader.classroom import settings
from grader.classroom.group import VARIANTS, Class
from grader.errors import UsageError
from grader.exercises import ROOT, all_exercises, find
from grader.grading import build


def _place(given: str) -> Path:
    path = Path(given).expanduser()
    return path if path.is_absolute() else ROOT / path


def _corpora(given: str) -> tuple[Path, ...]:
    places = tuple(_place(name) for name in given.split())
    for place in places:
        if not place.is_dir() and place.suffix != ".zip":
            raise UsageError(f"CORPUS={given}: {place} is no directory of submissions, and no zip.")
    return places


def _without_zip(name: str) -> str:
    return name[:-4] if name.lower().endswith(".zip") else name


def from_arguments(arguments: Mapping[str, str]) -> Class:
    """The class that was typed: make class SUBMISSIONS=dir OUT=dir EX=02 ..."""
    given = arguments.get("submissions", "")
    if not given:
        raise UsageError("Which class? make class SUBMISSIONS=dir, with one directory or archive a student in it.")
    submissions = _place(given)
    if not submissions.is_dir() and not (submissions.is_file() and submissions.suffix.lower() == ".zip"):
        raise UsageError(f"SUBMISSIONS={given}: there is no such directory, and no such .zip.")
    out = _place(arguments.get("out") or f"{submissions.with_name(_without_zip(submissions.name))}.graded")
    rules = settings.load(Path(arguments["class"]).expanduser() if arguments.get("class") else None)
    only = [find(name) for name in arguments.get("ex", "").replace(",", " ").split()]
    exercises = tuple(only or (e for e in all_exercises() if e.name not in rules.leave_out))
    variants = tuple(arguments.get("variants", "").replace(",", " ").split()) or VARIANTS
    for variant in variants:
        if variant not in build.VARIANTS:
            raise UsageError(f"VARIANTS={variant}: there is none. Choose from: {' '.join(build.VARIANTS)}")
    cores = len(os.sched_getaffinity(0))
    jobs = arguments.get("jobs") or str(3 * cores)  # on real threads, a test sleeps for most of its time
    if not jobs.isdigit() or int(jobs) < 1:
        raise UsageError(f"JOBS={jobs} is no number of workers.")
    return Class(
        submissions=submissions,
        out=out,
        exercises=exercises,
        settings=rules,
        variants=variants,
        flat=only[0].name if len(only) == 1 else "",
        jobs=int(jobs),
        unsafe=is_on(arguments.get("unsafe", "")),
        again=is_on(arguments.get("again", "")),
        corpus=_corpora(arguments.get("corpus", "")),
        roster=_place(roster) if (roster := arguments.get("roster", "")) else None,
    )
