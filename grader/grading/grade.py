"""Grades exercises: what is known already, what has to be built and run, and the verdict of each."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from grader.exercises import Exercise, drawn, extreme, short_of_memory
from grader.grading import build, isolation, runner
from grader.grading.build import BuildFailure, Unit
from grader.grading.isolation import AS_IT_IS, Policy
from grader.grading.outcome import TestResult
from grader.grading.runner import RunTest
from grader.grading.submission import Submission, read_submission

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor


@dataclass
class Graded:
    """What came of one exercise."""

    submission: Submission
    verdict: str  # passed failed not_started build_failed environment
    results: list[TestResult] = field(default_factory=list)
    build_error: BuildFailure | None = None
    reused: bool = False  # nothing was run: the code is unchanged
    note: str = ""  # one line the student should know

    @property
    def exercise(self) -> Exercise:
        return self.submission.exercise

    @property
    def points(self) -> int:
        return sum(result.verdict == "passed" for result in self.results)

    @property
    def max_points(self) -> int:
        return len(self.results)

    def failures(self) -> list[TestResult]:
        """What did not pass, the plainest first: what is told of an exercise is the first of them."""
        bad = [r for r in self.results if r.verdict != "passed"]
        return sorted(bad, key=self._plainness)

    def _plainness(self, result: TestResult) -> tuple[bool, bool, bool, bool, int, bool, bool, float, str]:
        """What is not implemented yet comes last, and before it what is drawn; of what is written, the exercise's own
        suite first, and of it what has a story. Then count how many threads there are to follow, whether it is about
        something extreme, whether memory is short, how many steps, and in which order the header says it. (Those
        without a story keep their order.)"""
        story = result.story or {}
        suite = next((one for one in self.exercise.chain() if one.name == result.suite), self.exercise)
        sentence = next(iter(result.broken), None) if story else None
        header, _, line = (sentence.where if sentence else "").partition(":")
        return (
            result.verdict == "not_implemented",
            result.name in drawn(suite),
            result.suite != self.exercise.name,
            not story,
            len(story.get("threads", [1])),
            result.name in extreme(suite),
            result.name in short_of_memory(suite) or bool(sentence and sentence.label.endswith("_NO_MEMORY")),
            steps_of(result),
            f"{header}:{line:>6}" if header else "none",  # which comes after exercises/...
        )


def steps_of(result: TestResult) -> float:
    """How much there is to follow in its story: what the threads did, and the functions that were called."""
    story = result.story or {}
    return float(story.get("steps", "inf")) + float(story.get("calls", 0))


class GradingListener(Protocol):
    """What hears of progress while the grading goes on."""

    def building(self, exercise: Exercise) -> None: ...
    def running(self, exercise: Exercise, done: int, total: int) -> None: ...
    def failed(self, result: TestResult) -> None: ...
    def graded(self, graded: Graded) -> None: ...


class Silent:
    """A listener that listens to nothing."""

    def building(self, exercise: Exercise) -> None:
        pass

    def running(self, exercise: Exercise, done: int, total: int) -> None:
        pass

    def failed(self, result: TestResult) -> None:
        pass

    def graded(self, graded: Graded) -> None:
        pass


def cpu_count() -> int:
    return len(os.sched_getaffinity(0))


@dataclass
class Grading:
    """One `make grade`: a tree, some exercises, a variant."""

    tree: Path
    exercises: Sequence[Exercise]
    variant: str
    again: bool = False  # run what is known, too
    own_suite_only: bool = False  # not those of the exercises it builds on
    leave_out: frozenset[str] = frozenset()  # tests that are not run
    jobs: int = field(default_factory=cpu_count)
    listener: GradingListener = field(default_factory=Silent)
    policy: Policy = AS_IT_IS
    running: Callable[[Unit, Sequence[str], Mapping[str, str], Policy], RunTest] = runner.each_alone

    def run(self) -> list[Graded]:
        """Grades all, in order."""
        submissions = [read_submission(self.tree, exercise) for exercise in self.exercises]
        workers = _Workers(self)
        try:
            work = [workers.begin(submission) for submission in submissions]
            done = []
            for one in work:
                done.append(workers.finish(one))
                self.listener.graded(done[-1])
            return done
        except BaseException:
            isolation.stop_all()
            raise
        finally:
            workers.close()


@dataclass
class _Work:
    """An exercise that is being graded."""

    submission: Submission
    units: list[Unit] = field(default_factory=list)
    errors: dict[Unit, BuildFailure] = field(default_factory=dict)
    note: str = ""


class _Workers:
    """Builds one exercise after the other, while the tests of those before run."""

    def __init__(self, grading: Grading) -> None:
        self._grading = grading
        self._knobs = runner.knobs_given()
        self._pool: ThreadPoolExecutor | None = None
        self._known: dict[Unit, list[TestResult]] = {}
        self._tests: dict[Unit, list[str]] = {}  # in the order of the suite
        self._running: dict[Unit, dict[str, Future[TestResult]]] = {}  # those begun first come first
        self._errors: dict[Unit, BuildFailure] = {}
        self._not_followed: dict[Unit, list[str]] = {}  # calls the scheduler can't follow

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def begin(self, submission: Submission) -> _Work:
        """Recalls or starts everything there is to run for a submission."""
        work = _Work(submission)
        if submission.is_untouched or submission.missing:
            return work
        work.units = self._units(submission, self._grading.variant)
        self._start(submission, work.units)
        if any(unit in self._not_followed for unit in work.units):
            self._fall_back(work)
        work.errors = {u: self._errors[u] for u in work.units if u in self._errors}
        return work

    def _units(self, submission: Submission, variant: str) -> list[Unit]:
        exercise = submission.exercise
        suites = [exercise] if self._grading.own_suite_only else exercise.chain()
        return [Unit(submission.code_for(suite), suite, variant) for suite in suites]

    def _start(self, submission: Submission, units: list[Unit]) -> None:
        wanted = []
        for unit in units:
            if unit in self._known or unit in self._running or unit in self._errors:
                continue
            known = None if self._grading.again or self._knobs else runner.recall(unit)
            if known is not None:
                self._known[unit] = known
            else:
                wanted.append(unit)
        if wanted:
            self._grading.listener.building(submission.exercise)
        own = submission.exercise  # its suite runs while those it builds on are built
        for group in ([u for u in wanted if u.suite == own], [u for u in wanted if u.suite != own]):
            self._errors.update(build.build(group, self._grading.jobs, self._grading.policy))
            built = [unit for unit in group if unit not in self._errors]
            self._look_through(built)
            self._submit([unit for unit in built if unit not in self._not_followed])

    def _look_through(self, units: list[Unit]) -> None:
        """Finds calls that the scheduler can't follow, before anything runs under it."""
        from grader.grading import symbols

        for unit in units:
            calls = symbols.not_followed([unit]) if unit.variant == "interleave" else []
            if calls:
                self._not_followed[unit] = calls

    def _fall_back(self, work: _Work) -> None:
        """Grades on real threads what the scheduler can't follow, and says so."""
        calls = dict.fromkeys(c for u in work.units for c in self._not_followed.get(u, []))
        names = ", ".join(list(calls)[:3])
        work.note = f"Checked on real threads (asan, tsan): the scheduler can't follow {names}."
        work.units = build.on_real_threads(work.units)
        for variant in build.FALL_BACK:
            self._start(work.submission, [u for u in work.units if u.variant == variant])

    def _submit(self, units: list[Unit]) -> None:
        if self._pool is None:
            from concurrent.futures import ThreadPoolExecutor

            self._pool = ThreadPoolExecutor(self._grading.jobs)
        for unit in units:
            listed = runner.list_tests(unit, self._grading.policy)
            self._tests[unit] = [name for name in listed if name not in self._grading.leave_out]
            failed = runner.failed_last(unit)
            order = sorted(self._tests[unit], key=lambda name: name not in failed)
            run_test = self._grading.running(unit, order, self._knobs, self._grading.policy)
            self._running[unit] = {name: self._pool.submit(run_test, name) for name in order}

    def finish(self, work: _Work) -> Graded:
        """Waits for the tests of an exercise, and says what came of it."""
        if work.submission.is_untouched or work.submission.missing:
            return Graded(work.submission, "not_started", note=_missing_note(work.submission))
        reused = all(unit in self._known for unit in work.units)
        self._wait(work)
        results = [result for unit in work.units for result in self._results_of(unit)]
        error = next(iter(work.errors.values()), None)
        return Graded(work.submission, verdict_of(results), results, error, reused, work.note)

    def _wait(self, work: _Work) -> None:
        """Tells what fails as soon as it does."""
        running = [self._running[unit] for unit in self._running if unit in work.units]
        futures = [future for of_a_suite in running for future in of_a_suite.values()]
        for finished, future in enumerate(futures, 1):
            result = future.result()
            if result.verdict not in ("passed", "skipped", "not_implemented"):
                self._grading.listener.failed(result)
            self._grading.listener.running(work.submission.exercise, finished, len(futures))

    def _results_of(self, unit: Unit) -> list[TestResult]:
        if unit in self._known:
            return self._known[unit]
        if unit in self._errors:
            return not_built(unit, self._errors[unit])
        running = self._running.pop(unit)
        results = [running[name].result() for name in self._tests[unit]]
        self._known[unit] = results
        runner.note_failed(unit, results)
        if not self._knobs and not self._grading.leave_out:
            runner.keep(unit, results)
        return results


def not_built(unit: Unit, error: BuildFailure) -> list[TestResult]:
    """What the tests of a suite are when it could not be built."""
    return [
        TestResult(unit.suite.name, name, unit.variant, "build_failed", error.message, error.where)
        for name in unit.suite.tests_on(unit.code.exercise)
    ]


def verdict_of(results: Sequence[TestResult]) -> str:
    """The verdict of an exercise, from those of its tests."""
    verdicts = {result.verdict for result in results}
    for verdict in ("environment", "build_failed"):
        if verdict in verdicts:
            return verdict
    if not verdicts or verdicts == {"not_implemented"}:
        return "not_started"
    return "passed" if verdicts <= {"passed", "skipped"} else "failed"


def _missing_note(submission: Submission) -> str:
    if not submission.missing:
        return ""
    name = submission.missing[0]
    there = os.path.lexists(submission.place_of(name))
    return f"{name} is no plain file" if there else f"{name} is missing"
