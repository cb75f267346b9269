"""A class that is to be graded: where from, where to, how; and what is known of one submission of it."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from grader import files
from grader.classroom.settings import SECONDS, Settings
from grader.exercises import Exercise

# What is right only where it is watched is found out by the last one: built as it would be without any checks.
VARIANTS = ("interleave", "asan", "plain")


@dataclass(frozen=True)
class Class:
    """One class to grade: where from, where to, how."""

    submissions: Path
    out: Path
    exercises: tuple[Exercise, ...]
    settings: Settings
    variants: tuple[str, ...] = VARIANTS
    flat: str = ""
    jobs: int = 1
    unsafe: bool = False
    sandbox: str = ""  # by name; a worker that has another one refuses
    again: bool = False
    corpus: tuple[Path, ...] = ()  # submissions of earlier years, for near-copies
    roster: Path | None = None  # the gradebook's own file, to be filled in
    static_checks: bool = True
    cpu_seconds: int = 20
    patience: int = 3
    leave_out: tuple[str, ...] = ()  # tests that are not run

    @property
    def results(self) -> Path:
        return self.out / "results"

    def result_file(self, student: str) -> Path:
        return self.results / f"{student}.json"


@dataclass
class Job:
    """One submission that is to be graded."""

    student: str
    path: Path
    key: str
    attempts: int = 0
    message: str = ""  # why the last attempt failed


class ClassListener(Protocol):
    """What hears of progress while a class is graded."""

    def begins(self, total: int, known: int) -> None: ...
    def tells(self, line: str) -> None: ...
    def builds_the_kit(self, exercises: str) -> None: ...
    def grades(self) -> None: ...
    def graded(self, student: str, verdicts: Mapping[str, str], left: int) -> None: ...


class Engine(Protocol):
    """What has the jobs done, and yields each when there is a result file, or no hope of one."""

    @property
    def name(self) -> str: ...
    @property
    def notes(self) -> Sequence[str]:
        """What the instructor should know of the run, a line each."""
        ...

    def run(self, group: Class, jobs: Sequence[Job]) -> Generator[Job, None, None]: ...
    def at_work(self) -> Mapping[str, float]:
        """Who is being graded now, and since when (time.monotonic), where that is known."""
        ...


@dataclass(frozen=True)
class Request:
    """What the worker is asked for."""

    student: str
    path: str
    out: str  # the file for the result
    key: str  # of the submission and all that its result depends on; noted in the result
    exercises: tuple[str, ...]
    variants: tuple[str, ...]
    flat: str = ""
    unsafe: bool = False
    sandbox: str = ""  # which one the report will name
    static_checks: bool = True
    cpu_seconds: int = 20  # for one test
    patience: int = 3  # tests of a suite that do not end, before the others are given up
    seconds: float = SECONDS  # of processor time, for each exercise
    leave_out: tuple[str, ...] = ()  # tests that are not run


def request_for(group: Class, job: Job) -> Request:
    return Request(
        student=job.student,
        path=str(job.path.resolve() if not job.path.is_symlink() else job.path.absolute()),
        out=str(group.result_file(job.student).resolve()),
        key=job.key,
        exercises=tuple(exercise.name for exercise in group.exercises),
        variants=group.variants,
        flat=group.flat,
        unsafe=group.unsafe,
        sandbox=group.sandbox,
        static_checks=group.static_checks,
        cpu_seconds=group.cpu_seconds,
        patience=group.patience,
        seconds=group.settings.seconds,
        leave_out=group.leave_out,
    )


def is_known(group: Class, job: Job) -> bool:
    """Is there a result for this very submission? One that was the machine's fault doesn't count, nor one that may
    use more processor time now than it was ended after."""
    try:
        result = json.loads(group.result_file(job.student).read_bytes())
        verdicts = [exercise["verdict"] for exercise in result["exercises"]]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    ended_early = any((e.get("limited_to") or math.inf) < group.settings.seconds for e in result["exercises"])
    return bool(result["key"] == job.key and "environment" not in verdicts and not ended_early)


def give_up(group: Class, job: Job) -> None:
    """Notes that a submission could not be graded, unless its result says so already."""
    with contextlib.suppress(OSError, ValueError, KeyError):
        if json.loads(group.result_file(job.student).read_bytes())["key"] == job.key:
            return
    exercises = [
        {"name": e.name, "verdict": "environment", "message": job.message, "flags": [], "tests": [], "report": ""}
        for e in group.exercises
    ]
    result = {"schema": 1, "student": job.student, "key": job.key, "submitted": None, "seconds": 0}
    files.write_atomically(group.result_file(job.student), json.dumps({**result, "exercises": exercises}))
