"""Grades one submission, in a process of its own: `python3 -m grader.classroom.worker < request.json`.

A process each, so that nothing a submission brings about lives longer than it: memory, open files, the
sandbox's control group, or a mistake of the grader's own. What came of it is written to the file the
request names, whole or not at all.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import fcntl
import json
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grader import files
from grader.classroom import intake, sandbox
from grader.classroom.sandbox import Sandbox
from grader.errors import GraderError
from grader.exercises import BUILD, EXERCISES, ROOT, Exercise, all_exercises, by_name, shown
from grader.grading import build, isolation, runner, static_checks
from grader.grading.grade import Graded, Grading
from grader.grading.outcome import TestResult
from grader.grading.submission import Code, Submission, read_submission

MAX_SCRATCH = 256 << 20  # bytes a running submission may have written before it is ended
COMPILING = isolation.Limits(cpu_seconds=60, wall_seconds=180.0, file_size=sandbox.FILE_SIZE)
PR_SET_PDEATHSIG = 1
SANDBOX_FAILED = ("bwrap: ", "setpriv: ", "prlimit: ")  # what its programs begin their complaints with
TOGETHER = 8  # tests of a suite that had to be run by themselves, from which on all are
TOOLS = ("cc", "gcc", "clang", "nm", "objdump")


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


@dataclass
class Outcome:
    """What came of one exercise of a submission."""

    name: str
    verdict: str
    message: str = ""
    flags: list[str] = field(default_factory=list)  # for the instructor: worth a look
    tests: list[dict[str, Any]] = field(default_factory=list)
    report: str = ""  # what the student would have seen


class Enclosure:
    """What a command of this submission may see and change: stands in for isolation.enclose."""

    def __init__(self, box: Sandbox, scratch: Path) -> None:
        self.box = box
        self.scratch = scratch
        self.submissions: list[Submission] = []
        self._watch = _DiskQuota(box)

    def __call__(self, command: Sequence[str], directory: Path) -> list[str]:
        self.box.lend(directory)
        self._watch.look_at(directory)
        if command[0] not in ("make", *TOOLS):
            return self.box.wrap(command, [Path(command[0])], [directory], kit=False)
        codes = {s.code_for(suite) for s in self.submissions for suite in s.exercise.chain()}
        sources = [code.directory.parent for code in codes]
        if command[0] == "make":
            objects = [_objects(variant, code.key) for variant in build.VARIANTS for code in codes]
            for path in objects:
                path.mkdir(parents=True, exist_ok=True)
                self.box.lend(path)
            return self.box.wrap(command, [*sources, *_kit_objects()], [directory, *objects])
        return self.box.wrap(command, sources, [directory, self.scratch])


def _objects(variant: str, key: str) -> Path:
    """Where make puts what belongs to that code."""
    return ROOT / build.folder(variant) / "build" / "code" / key


def _kit_objects() -> list[Path]:
    """What every suite is linked with; built before any submission, and read only."""
    parts = [BUILD / "api"]
    for variant in build.VARIANTS:
        parts += [ROOT / build.folder(variant) / part for part in ("grader", "exercises", "suite.syms")]
    return [part for part in parts if part.exists()]


class _DiskQuota:
    """Ends what writes more than is good for the disk."""

    def __init__(self, box: Sandbox) -> None:
        self._box = box
        self._directories: set[Path] = set()
        threading.Thread(target=self._run, daemon=True).start()

    def look_at(self, directory: Path) -> None:
        self._directories.add(directory)

    def _run(self) -> None:
        while True:
            time.sleep(0.2)
            for directory in list(self._directories):
                if not directory.exists():
                    self._directories.discard(directory)
                elif _size(directory) > MAX_SCRATCH:
                    sandbox.clear_cgroups(self._box)


def _size(directory: Path) -> int:
    with contextlib.suppress(OSError):
        return sum(entry.stat(follow_symlinks=False).st_size for entry in os.scandir(directory))
    return 0


# ------------------------------------------------------------------------------------- the work


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
        outcomes = [Outcome(e.name, "rejected", str(error)) for e in exercises]
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


def _grade_files(request: Request, box: Sandbox, exercises: Sequence[Exercise], taken: intake.Intake) -> list[Outcome]:
    outcomes: dict[str, Outcome] = {}
    with isolation.private_directory() as directory:
        tree, scratch = directory / "tree", directory / "scratch"
        scratch.mkdir(parents=True)
        os.chmod(directory, 0o711)
        box.lend(scratch)
        for exercise_name, sources in taken.files.items():
            for name, data in sources.items():
                files.write_atomically(tree / exercise_name / name, data)
        enclosure = Enclosure(box, scratch)
        isolation.enclose = enclosure
        isolation.prepare()
        to_grade: list[Exercise] = []
        for exercise in exercises:
            outcome = _before_grading(request, exercise, taken, tree, scratch, enclosure)
            outcomes[exercise.name] = outcome
            if outcome.verdict == "":
                to_grade.append(exercise)
            elif outcome.verdict == "rejected":  # nor may another exercise carry it
                shutil.rmtree(tree / exercise.name, ignore_errors=True)
        enclosure.submissions = [read_submission(tree, exercise) for exercise in to_grade]
        with _alone(enclosure.submissions) as own:
            for exercise in to_grade:
                _grade_exercise(request, tree, exercise, outcomes[exercise.name])
                sandbox.clear_cgroups(box)
            _clean(own)
    return list(outcomes.values())


def _before_grading(
    request: Request, exercise: Exercise, taken: intake.Intake, tree: Path, scratch: Path, enclosure: Enclosure
) -> Outcome:
    """A verdict that can be had without running anything, or "" if there is none."""
    if exercise.name in taken.rejected:
        return Outcome(exercise.name, "rejected", taken.rejected[exercise.name])
    if exercise.name not in taken.files:
        return Outcome(exercise.name, "absent", "There is no file for this exercise.")
    submission = read_submission(tree, exercise)
    if submission.missing:
        return Outcome(exercise.name, "absent", f"{submission.missing[0]} is missing.")
    outcome = Outcome(exercise.name, "")
    if submission.is_untouched or not request.static_checks:
        return outcome
    enclosure.submissions = [submission]
    found = static_checks.examine_code(submission.code, exercise, scratch)
    outcome.flags = [str(finding) for finding in found]
    refused = [finding for finding in found if finding.refused]
    if refused:
        outcome.verdict, outcome.message = "rejected", f"Not run. {refused[0]}"
    return outcome


def _grade_exercise(request: Request, tree: Path, exercise: Exercise, outcome: Outcome) -> None:
    """Runs the suites; in variants after the first only the exercise's own, which has a test for every kind
    of use, and of it what has not failed yet. The student's report is that of the first variant with a failure."""
    graded: list[Graded] = []
    for variant in request.variants:
        settled = {r.name for one in graded for r in one.results if r.suite == exercise.name and not _is_open(r)}
        try:
            grading = Grading(
                tree, [exercise], variant, own_suite_only=bool(graded), leave_out=frozenset(settled), jobs=1,
                running=lambda *suite: Suite(request, *suite).run_test,
            )  # fmt: skip
            graded.append(grading.run()[0])
        except (GraderError, isolation.Interrupted) as error:
            isolation.go_on()
            outcome.verdict, outcome.message = _whose_fault(str(error))
            return
        if graded[-1].verdict in ("not_started", "build_failed"):
            break
    bad = [one for one in graded if one.verdict != "passed"]
    told = bad[0] if bad else graded[0]
    outcome.verdict = told.verdict
    if any(_is_told(result) for one in graded for result in one.results):
        outcome.verdict = "failed"  # whatever else the machine could not do
    outcome.message = _headline(told)
    outcome.tests = merge([one.results for one in graded])
    outcome.report = _report(told, tree)


def _whose_fault(message: str) -> tuple[str, str]:
    """What it means that a submission could not be graded, when the kit itself was built just before."""
    ours = (
        "disk is full",
        "can't be written",
        "not installed",
        "No space",
        "Read-only file system",
        "Permission denied",
    )
    if any(word in message for word in (*ours, *SANDBOX_FAILED)):
        return "environment", message
    first = " ".join(line.strip() for line in message.splitlines()[:4] if "make doctor" not in line)
    if "can't say which tests it has" in message:
        return "failed", f"It ends the process before the first test begins. {first}"
    return "build_failed", f"It can't be built. {first}"


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
    return first.message or first.rule if first else graded.note


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
    from grader.output import render

    lines = [render.overview_line(graded), *render.failure_lines(graded, 96, tree)]
    text = "\n".join("".join(piece for piece, _ in line).rstrip() for line in lines)
    return text.replace(f"{shown(tree)}/", "").replace(f"{tree}/", "")


# ------------------------------------------------------------------- beside other submissions


@contextlib.contextmanager
def _alone(submissions: Sequence[Submission]) -> Iterator[set[Code]]:
    """Holds a lock on each piece of code: equal files of two students are built by one at a time.

    Yields those of which nothing was built before."""
    codes = {s.code_for(suite) for s in submissions for suite in s.exercise.chain()}
    with contextlib.ExitStack() as stack:
        for key in sorted(code.key for code in codes):
            lock = BUILD / "locks" / key
            lock.parent.mkdir(parents=True, exist_ok=True)
            file = stack.enter_context(open(lock, "wb"))
            fcntl.flock(file, fcntl.LOCK_EX)
        yield {code for code in codes if not any(path.exists() for path in _built(code))}


def _built(code: Code) -> list[Path]:
    return [_objects(variant, code.key) for variant in build.VARIANTS]


def _clean(codes: Iterable[Code]) -> None:
    """Removes what was built; results are kept by content, programs are not worth their size."""
    for code in codes:
        for path in (*_built(code), code.directory.parent):
            shutil.rmtree(path, ignore_errors=True)


def prepare(variants: Sequence[str], names: Sequence[str]) -> None:
    """Builds what the suites of these exercises are linked with, outside of any sandbox."""
    suites = {suite.name for name in names for suite in by_name(name).chain()}
    for variant in variants:
        units = []
        for exercise in map(by_name, sorted(suites)):
            submission = read_submission(EXERCISES, exercise)
            if submission.missing:
                raise GraderError(
                    f"exercises/{exercise.name} has no {submission.missing[0]}: make reset EX={exercise.number}"
                )
            units.append(build.Unit(submission.code_for(exercise), exercise, variant))
        build.build(units, os.cpu_count() or 1)


def _be_impatient(request: Request) -> None:
    """Class-sized limits for all that is compiled and run."""
    limits = isolation.Limits(cpu_seconds=request.cpu_seconds, wall_seconds=3.0 * request.cpu_seconds)
    setattr(build, "_LIMITS", COMPILING)
    setattr(runner, "limits", lambda variant: limits)


class Suite:
    """Runs the tests of one suite, in the order given. Those that pass share a sandbox; once a few did not, each
    has its own, and once a few did not come to an end the others are not waited for."""

    def __init__(self, request: Request, unit: build.Unit, names: Sequence[str], knobs: Mapping[str, str]) -> None:
        self._request = request
        self._unit = unit
        self._names = list(names)
        self._knobs = {**knobs, "SUITE_GUARDED": "1"}
        self._passed: dict[str, TestResult] = {}
        self._ended_at = ""  # the test that did not pass with the others
        self._again = self._slow = 0

    def run_test(self, name: str) -> TestResult:
        unknown = name not in self._passed and name != self._ended_at
        if unknown and self._again < TOGETHER and self._slow < self._request.patience:
            self._run_together(self._names[self._names.index(name) :])
        return self._passed.get(name) or self._run_alone(name)

    def _run_together(self, names: Sequence[str]) -> None:
        passed = runner.run_together(self._unit, names, self._knobs)
        self._passed |= {result.name: result for result in passed}
        self._ended_at = "" if len(passed) == len(names) else names[len(passed)]

    def _run_alone(self, name: str) -> TestResult:
        if self._slow >= self._request.patience:
            message = "Not run: other tests of this suite did not come to an end."
            return TestResult(self._unit.suite.name, name, self._unit.variant, "timeout", message)
        result = runner.run_test(self._unit, name, self._knobs)
        if result.output.startswith(SANDBOX_FAILED):
            result.verdict, result.message = "environment", f"The sandbox failed: {result.output.strip()}"
        self._again += 1
        self._slow += result.verdict != "passed" and result.seconds > self._request.cpu_seconds / 2
        return result


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def main() -> int:
    """Reads a request, writes the result. The exit code says only whether there is one."""
    _die_with_parent()
    data = json.load(sys.stdin)
    if "prepare" in data:
        prepare(data["prepare"], data["exercises"])
        return 0
    for name in ("exercises", "variants"):
        data[name] = tuple(data[name])
    request = Request(**data)
    _be_impatient(request)
    box = sandbox.choose(request.unsafe)
    if request.sandbox not in ("", box.name):
        raise GraderError(f"The sandbox here is {box.name}, not {request.sandbox} as where the class was begun.")
    with sandbox.limited(box) as box:
        result = grade(request, box)
    files.write_atomically(Path(request.out), json.dumps(result))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except GraderError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
