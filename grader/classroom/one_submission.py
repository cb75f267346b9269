"""Grades one submission: takes it in, looks at it, builds and runs it, and says what came of each exercise."""

from __future__ import annotations

import dataclasses
import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grader import files
from grader.classroom import intake, sandbox
from grader.classroom.enclosure import Enclosure, alone, remove_built
from grader.classroom.group import Request
from grader.classroom.sandbox import Sandbox
from grader.classroom.suite_runner import SLEEPING, Budget, SuiteRunner
from grader.errors import GraderError, SubmissionError
from grader.exercises import Exercise, all_exercises, shown
from grader.grading import isolation, report, static_checks
from grader.grading.grade import Graded, Grading
from grader.grading.isolation import Limits, Policy
from grader.grading.outcome import TestResult
from grader.grading.submission import read_submission

COMPILING = Limits(cpu_seconds=60, wall_seconds=180.0, file_size=sandbox.FILE_SIZE, kept_output=64 << 20)


@dataclass
class ExerciseResult:
    """What came of one exercise of a submission."""

    name: str
    verdict: str
    message: str = ""
    flags: list[str] = field(default_factory=list)  # for the instructor: worth a look
    notes: list[str] = field(default_factory=list)  # which of several files was taken
    tests: list[dict[str, Any]] = field(default_factory=list)
    report: str = ""  # what the student would have seen
    limited_to: float | None = None  # seconds of processor time, after which it was ended


def grade(request: Request, box: Sandbox) -> dict[str, Any]:
    """Everything there is to say of one submission."""
    begun = time.monotonic()
    exercises = [e for e in all_exercises() if e.name in request.exercises]
    submitted: dict[str, float] = {}
    try:
        taken = intake.take_in(Path(request.path), wanted(exercises), request.flat or None)
        submitted = taken.submitted
        outcomes = _grade_files(request, box, exercises, taken)
    except intake.Rejected as error:
        outcomes = [ExerciseResult(e.name, "rejected", str(error)) for e in exercises]
    return {
        "schema": 1,
        "student": request.student,
        "key": request.key,
        "submitted": submitted,
        "seconds": round(time.monotonic() - begun, 2),
        "exercises": [dataclasses.asdict(outcome) for outcome in outcomes],
    }


def wanted(exercises: Sequence[Exercise]) -> dict[str, frozenset[str]]:
    """The files to take in for each exercise, and the channels that one of them may take over."""
    found = {exercise.name: frozenset(exercise.stubs) for exercise in exercises}
    if any(exercise.carries_channel for exercise in exercises):
        for exercise in all_exercises():
            found.setdefault(exercise.name, frozenset({"channel.c"}))
    return found


def _grade_files(
    request: Request, box: Sandbox, exercises: Sequence[Exercise], taken: intake.Intake
) -> list[ExerciseResult]:
    outcomes: dict[str, ExerciseResult] = {}
    with isolation.private_directory() as directory:
        tree, scratch = directory / "tree", directory / "scratch"
        scratch.mkdir(parents=True)
        os.chmod(directory, 0o711)
        box.lend(scratch)
        for exercise_name, sources in taken.files.items():
            for name, data in sources.items():
                files.write_atomically(tree / exercise_name / name, data)
        enclosure = Enclosure(box, scratch)
        policy = policy_of(request, enclosure)
        isolation.prepare()
        to_grade: list[Exercise] = []
        for exercise in exercises:
            outcome = _before_grading(request, exercise, taken, tree, scratch, enclosure)
            outcome.notes = [*taken.notes.get(exercise.name, [])]
            outcomes[exercise.name] = outcome
            if outcome.verdict == "":
                to_grade.append(exercise)
            elif outcome.verdict == "rejected":  # nor may another exercise carry it
                shutil.rmtree(tree / exercise.name, ignore_errors=True)
        enclosure.submissions = [read_submission(tree, exercise) for exercise in to_grade]
        with alone(enclosure.submissions) as own:
            for exercise in to_grade:
                _grade_exercise(request, tree, exercise, outcomes[exercise.name], policy)
                sandbox.clear_cgroups(box)
            remove_built(own)
    return list(outcomes.values())


def _before_grading(
    request: Request, exercise: Exercise, taken: intake.Intake, tree: Path, scratch: Path, enclosure: Enclosure
) -> ExerciseResult:
    """A verdict that can be had without running anything, or "" if there is none."""
    if exercise.name in taken.rejected:
        return ExerciseResult(exercise.name, "rejected", taken.rejected[exercise.name])
    if exercise.name not in taken.files:
        return ExerciseResult(exercise.name, "absent", taken.absent.get(exercise.name, intake.NOTHING))
    submission = read_submission(tree, exercise)
    if submission.missing:
        return ExerciseResult(exercise.name, "absent", f"{submission.missing[0]} is missing.")
    outcome = ExerciseResult(exercise.name, "")
    if submission.is_untouched or not request.static_checks:
        return outcome
    enclosure.submissions = [submission]
    found = static_checks.examine_code(submission.code, exercise, scratch, enclosure)
    outcome.flags = [str(finding) for finding in found]
    refused = [finding for finding in found if finding.refused]
    if refused:
        outcome.verdict, outcome.message = "rejected", f"Not run. {refused[0]}"
    return outcome


def policy_of(request: Request, enclosure: Enclosure) -> Policy:
    """Class-sized limits for all that is compiled and run."""
    testing = Limits(cpu_seconds=request.cpu_seconds, wall_seconds=float(SLEEPING * request.cpu_seconds))
    return Policy(enclosure, COMPILING, testing)


def _grade_exercise(request: Request, tree: Path, exercise: Exercise, outcome: ExerciseResult, policy: Policy) -> None:
    """Runs the suites; in variants after the first only the exercise's own, which has a test for every kind
    of use, and of it what has not failed yet. The student's report is that of the first variant with a failure."""
    graded: list[Graded] = []
    budget = Budget(request.seconds)
    for variant in request.variants:
        settled = {r.name for one in graded for r in one.results if r.suite == exercise.name and not _is_open(r)}
        settled |= set(request.leave_out)
        if graded and settled.issuperset(exercise.tests_on(exercise.name)):
            break
        try:
            grading = Grading(
                tree, [exercise], variant, own_suite_only=bool(graded), leave_out=frozenset(settled), jobs=1,
                policy=policy, running=lambda *suite: SuiteRunner(request, budget, *suite).run_test,
            )  # fmt: skip
            graded.append(grading.run()[0])
        except (GraderError, isolation.Interrupted) as error:
            isolation.go_on()
            outcome.verdict, outcome.message = _without_result(error)
            return
        if graded[-1].verdict in ("not_started", "build_failed"):
            break
    if budget.not_run:
        outcome.limited_to = request.seconds
        outcome.notes.append(
            f"Ended after {request.seconds:g} s of processor time (or {SLEEPING} times as long by the clock), the most "
            f"that an exercise may take ([limits] in class.toml): {budget.not_run} runs of tests were left out."
        )
    bad = [one for one in graded if one.verdict != "passed"]
    told = bad[0] if bad else graded[0]
    outcome.verdict = told.verdict
    if any(_is_told(result) for one in graded for result in one.results):
        outcome.verdict = "failed"  # whatever else the machine could not do
    outcome.message = _headline(told)
    outcome.tests = merge([one.results for one in graded])
    outcome.report = _report(told, tree)


def _without_result(error: Exception) -> tuple[str, str]:
    """What it means that a submission could not be graded, when the kit itself was built just before."""
    if not isinstance(error, SubmissionError):
        return "environment", str(error)
    said = " ".join(line.strip() for line in error.message.splitlines()[:4])
    return error.verdict, f"{error.meaning} {said}"


def _is_open(result: TestResult) -> bool:
    """May another variant tell more of this test?"""
    return result.verdict in ("passed", "skipped", "environment")


def _is_told(result: TestResult) -> bool:
    """Did this test fail by the submission's own doing?"""
    return not _is_open(result) and result.verdict not in ("not_implemented", "build_failed")


def _headline(graded: Graded) -> str:
    if graded.verdict == "not_started":
        return "The stub is untouched."
    if graded.build_error is not None:
        return graded.build_error.message
    first = next(iter(graded.failures()), None)
    return first.message or first.rule if first else graded.note or report.extent_of(graded)


def merge(runs: Sequence[Sequence[TestResult]]) -> list[dict[str, Any]]:
    """One entry a test: of the variants it ran in, the first that it did not pass in."""
    merged: dict[tuple[str, str], dict[str, Any]] = {}
    for results in runs:
        for result in results:
            entry = dataclasses.asdict(result)
            for name in ("story", "output", "sections"):
                entry.pop(name)
            place = (result.suite, result.name)
            old = merged.get(place)
            seconds = result.seconds + (old["seconds"] if old else 0.0)
            if old is None or (old["verdict"] == "passed" and result.verdict != "passed"):
                merged[place] = {k: v for k, v in entry.items() if v or k in ("message", "seconds")}
            merged[place]["seconds"] = round(seconds, 3)
    return list(merged.values())


def _report(graded: Graded, tree: Path) -> str:
    """What the student would have seen, in plain text."""
    from grader.output import failure, render

    told = failure.lines(graded, failure.Room(96, is_file=True), tree) if graded.failures() else []
    lines = [render.overview_line(graded), *told]
    text = "\n".join("".join(piece for piece, _ in line).rstrip() for line in lines)
    return text.replace(f"{shown(tree)}/", "").replace(f"{tree}/", "")
