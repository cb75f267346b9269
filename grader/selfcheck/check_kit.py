"""`make solutions`: does the kit keep its own promises?

Every solution passes in every variant. Every stub compiles without a warning and is "not implemented
yet" throughout. Every known-right implementation passes. Every known-wrong one is caught, with a
verdict its head lists. Every sentence of the headers is broken by one of them. The last line is "N passed, N failed".
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grader import sentences
from grader.errors import GraderError, MachineError, SubmissionError
from grader.exercises import EXERCISES, SOLUTIONS, Exercise, no_exercises, shown
from grader.grading import build, isolation, runner, stubs, symbols
from grader.grading.build import BuildFailure, Unit
from grader.grading.grade import Grading, cpu_count
from grader.grading.outcome import TestResult
from grader.grading.submission import Code, read_submission
from grader.selfcheck import catches, contract, hunt, implementations
from grader.selfcheck.implementations import Implementation

SLEEPY = 8  # units on real threads for each core: nearly all of their time they wait until nothing moves any more


@dataclass
class Tally:
    """What was checked, and what did not hold."""

    tell: Callable[[str], None]
    passed: int = 0
    failed: list[str] = field(default_factory=list)

    def check(self, holds: bool, otherwise: str) -> None:
        """otherwise: what is the case if it does not hold."""
        if holds:
            self.passed += 1
        else:
            self.fail(otherwise)

    def fail(self, what: str) -> None:
        if what not in self.failed:
            self.failed.append(what)
            self.tell(f"  FAILED  {what}")


@dataclass
class Check:
    """One `make solutions`."""

    exercises: Sequence[Exercise]
    variant: str  # for stubs and implementations
    variants: Sequence[str]  # for solutions
    tally: Tally
    jobs: int = field(default_factory=cpu_count)
    caught: list[dict[str, Any]] = field(default_factory=list)

    def run(self) -> None:
        for why in no_exercises().values():
            self.tally.fail(why)
        units = [unit for exercise in self.exercises for unit in _solution_units(exercise, self.variants)]
        with contextlib.suppress(SubmissionError):  # told of its own exercise, below
            self._run_all(list(dict.fromkeys(units)))  # at once, as most of them wait
        isolation.go_on()
        for exercise in self.exercises:
            self.tally.tell(exercise.name)
            for part in (self._quotations, self._solution, self._stub, self._known_right, self._known_wrong):
                self._one(part, exercise)
        if self.caught:
            catches.record(self.caught)
            self._sentences()

    def _one(self, part: Callable[[Exercise], None], exercise: Exercise) -> None:
        """One part of what is checked of an exercise. If it can't be, the others are."""
        try:
            part(exercise)
        except MachineError:
            raise
        except GraderError as error:
            isolation.go_on()
            self.tally.fail(str(error).replace(build.NOT_YOURS, ""))  # here it is

    def _quotations(self, exercise: Exercise) -> None:
        for fault in contract.faults(exercise):
            self.tally.fail(fault)

    # ------------------------------------------------------------------ solutions and stubs

    def _solution(self, exercise: Exercise) -> None:
        for name in exercise.stubs:
            path = SOLUTIONS / exercise.name / name
            self.tally.check(path.is_file(), f"{shown(path)} is missing")
        for variant in self.variants:
            graded = Grading(SOLUTIONS, [exercise], variant, jobs=self.jobs).run()[0]
            bad = [f"{r.suite}: {r.name} ({r.verdict}: {r.message})" for r in graded.failures()]
            why = "; ".join(bad[:3]) or graded.note
            said = f"solutions/{exercise.name} is {graded.verdict} under {variant}: {why}"
            self.tally.check(graded.verdict == "passed", said)
        self.tally.tell(f"  solution: {' '.join(self.variants)}")

    def _stub(self, exercise: Exercise) -> None:
        self.tally.check(
            stubs.is_current(exercise),
            f"grader/stubs/{exercise.name} is not the stub in exercises/ (make stubs copies it)",
        )
        for compiler in filter(shutil.which, ("gcc", "clang")):
            said = "".join(_warnings(stubs.STUBS / exercise.name / name, exercise, compiler) for name in exercise.stubs)
            self.tally.check(not said, f"{compiler} warns of the stub of {exercise.name}: {said}")
        unit = Unit(_stub_code(exercise), exercise, self.variant)
        results = self._run_all([unit]).get(unit, [])
        other = [f"{r.name}: {r.verdict}" for r in results if r.verdict != "not_implemented"]
        self.tally.check(
            bool(results) and not other,
            f"the stub of {exercise.name} is more than not implemented: {', '.join(other[:3]) or 'no test ran'}",
        )
        self.tally.tell(f"  stub: {len(results) - len(other)} of {len(results)} tests not implemented yet")

    # ---------------------------------------------------------------------- implementations

    def _known_right(self, exercise: Exercise) -> None:
        right = implementations.known_right(exercise)
        wanted = {s: _units(s, exercise, self.variant) for s in right}
        self._build([unit for group in wanted.values() for unit in group if runner.recall(unit) is None])
        units = {s: self._followed(group) for s, group in wanted.items()}
        results = self._run_all([unit for group in units.values() for unit in group])
        for implementation in right:
            bad = [r for unit in units[implementation] for r in results[unit] if r.verdict != "passed"]
            self.tally.check(not bad, f"{shown(implementation.path)} does not pass: {_words(bad)}")
        if steps := list(implementations.steps(exercise).values()):
            fast = implementations.FAST / exercise.name / "channel.c"
            self.tally.check(steps[-1] == fast.read_bytes(), f"the patches beside {shown(fast)} do not lead to it")
        self.tally.tell(f"  known right: {len(right)}")

    def _followed(self, units: list[Unit]) -> list[Unit]:
        """These, which are built, or on real threads what the scheduler can't follow: as `make grade` does it."""
        if self.variant != "interleave" or not symbols.not_followed(units):
            return units
        return build.on_real_threads(units)

    def _known_wrong(self, exercise: Exercise) -> None:
        wrong = implementations.known_wrong(exercise, self.tally.fail)
        suites = [exercise] if exercise.carries_channel else exercise.chain()[::-1]  # its own suite knows best
        for name, test in ((one.name, test) for one in wrong for test in one.tests):
            there = any(test in suite.tests_in_source() for suite in exercise.chain())
            self.tally.check(there, f"known_wrong/{name} names a test that no suite has: {test}")
        todo = list(wrong)
        for suite in suites:  # the tests that are named come first
            self._catch([one for one in todo if not {*one.tests}.isdisjoint(suite.tests_in_source())], suite, todo)
        for suite in suites:
            self._catch(list(todo), suite, todo)
        for one in todo:
            self.tally.fail(f"known_wrong/{one.name} is not caught: {one.mistake}")
        self.tally.tell(f"  known wrong: {len(wrong) - len(todo)} of {len(wrong)} caught")

    def _catch(self, some: list[Implementation], suite: Exercise, todo: list[Implementation]) -> None:
        """Those that the suite catches are no longer to do."""
        errors = self._build([Unit(one.code, suite, self.variant) for one in some])
        for unit, error in errors.items():
            one = next(one for one in some if one.code == unit.code)
            self.tally.fail(f"known_wrong/{one.name} does not compile: {error.message}")
            some.remove(one)
            todo.remove(one)
        units = {one: self._followed([Unit(one.code, suite, self.variant)]) for one in some}
        self._build([unit for group in units.values() for unit in group if unit.variant != self.variant])
        for one, failure in self._hunt(units):
            if failure is not None:
                todo.remove(one)
                self._note_catch(one, failure)

    def _note_catch(self, implementation: Implementation, failure: TestResult) -> None:
        told = f"{failure.verdict} in {failure.name}: {failure.message or failure.rule}"
        self.tally.check(
            failure.verdict in implementation.verdicts,
            f"known_wrong/{implementation.name} is told as {told}, and not as {' or '.join(implementation.verdicts)}",
        )
        named = " or ".join(implementation.tests)
        self.tally.check(
            not named or failure.name in implementation.tests,
            f"known_wrong/{implementation.name} is caught by {failure.name}, but not by {named}, which it names",
        )
        self.caught.append(
            {
                "exercise": implementation.exercise.name,
                "name": implementation.path.stem,
                "mistake": implementation.mistake,
                "verdict": failure.verdict,
                "suite": failure.suite,
                "test": failure.name,
                "rule": failure.rule,
                "call": failure.call,
                "schedules": failure.schedules,
                "seconds": failure.seconds,
            }
        )

    def _hunt(self, units: dict[Implementation, list[Unit]]) -> list[tuple[Implementation, TestResult | None]]:
        def failure(implementation: Implementation) -> TestResult | None:
            failures = (hunt.first_failure(implementation, unit) for unit in units[implementation])
            return next(filter(None, failures), None)

        with _workers(self.jobs) as pools:
            futures = [pools[any(map(_is_sleepy, group))].submit(failure, one) for one, group in units.items()]
            return [(one, future.result()) for one, future in zip(units, futures, strict=True)]

    # ---------------------------------------------------------------------------- sentences

    def _sentences(self) -> None:
        """Those of these exercises that nothing caught breaks: a mistake is missing, or a test that tells it."""
        unbroken = contract.unbroken(self.exercises, map(contract.Catch.recorded, catches.recorded()))
        number = sum(len(sentences.of(exercise)) for exercise in self.exercises)
        self.tally.tell(f"sentences: {number}, of which no known-wrong channel breaks {len(unbroken)}")
        for sentence in unbroken:
            self.tally.tell(f"  {sentence.where}: {sentence.text}")

    # ------------------------------------------------------------------------------ running

    def _build(self, units: list[Unit]) -> dict[Unit, BuildFailure]:
        errors = {}
        for variant in dict.fromkeys(unit.variant for unit in units):
            errors.update(build.build([unit for unit in units if unit.variant == variant], self.jobs))
        return errors

    def _run_all(self, units: list[Unit]) -> dict[Unit, list[TestResult]]:
        """All tests of all units; those known already are recalled."""
        results = {unit: known for unit in units if (known := runner.recall(unit)) is not None}
        wanted = [unit for unit in units if unit not in results]
        errors = self._build(wanted)
        for unit, error in errors.items():
            results[unit] = [TestResult(unit.suite.name, "", unit.variant, "build_failed", error.message)]
        built = [unit for unit in wanted if unit not in errors]
        with _workers(self.jobs) as pools:
            futures = {unit: pools[_is_sleepy(unit)].submit(_all_tests, unit) for unit in built}
            for unit, future in futures.items():
                results[unit] = future.result()
                runner.keep(unit, results[unit])
        return results


def _all_tests(unit: Unit) -> list[TestResult]:
    return list(runner.run_in_order(unit, runner.list_tests(unit)))


def _is_sleepy(unit: Unit) -> bool:
    return unit.variant in build.REAL_VARIANTS


@contextlib.contextmanager
def _workers(jobs: int) -> Iterator[tuple[ThreadPoolExecutor, ThreadPoolExecutor]]:
    """Threads that run tests, those that compute and those that sleep; interrupted, they end what they run."""
    isolation.prepare()
    with ThreadPoolExecutor(jobs) as busy, ThreadPoolExecutor(SLEEPY * jobs) as sleepy:
        try:
            yield busy, sleepy
        except BaseException:
            isolation.stop_all()
            for pool in (busy, sleepy):
                pool.shutdown(cancel_futures=True)
            raise


def _solution_units(exercise: Exercise, variants: Sequence[str]) -> list[Unit]:
    solution = read_submission(SOLUTIONS, exercise)
    suites = () if solution.missing else exercise.chain()
    return [Unit(solution.code_for(suite), suite, variant) for variant in variants for suite in suites]


def _units(implementation: Implementation, exercise: Exercise, variant: str) -> list[Unit]:
    suites = [exercise] if exercise.carries_channel else exercise.chain()
    return [Unit(implementation.code, suite, variant) for suite in suites]


def _words(results: Sequence[TestResult]) -> str:
    return "; ".join(f"{r.suite}: {r.name} is {r.verdict} ({r.message or r.rule})" for r in results[:3])


def _stub_code(exercise: Exercise) -> Code:
    """What a student begins with."""
    stub = read_submission(stubs.STUBS, exercise)
    if stub.missing:
        raise GraderError(f"{exercise.name} has no {stub.missing[0]} in grader/stubs (make stubs copies it).")
    return stub.code


def _warnings(stub: Path, exercise: Exercise, compiler: str) -> str:
    """What a compiler has to say about a stub."""
    command = [compiler, "-std=c11", "-Wall", "-Wextra", "-pedantic", "-fsyntax-only"]
    command += ["-iquote", f"exercises/{exercise.name}", shown(stub)]
    ended = subprocess.run(
        command, cwd=EXERCISES.parent, capture_output=True, check=False, env={**os.environ, "LC_ALL": "C"}
    )
    return ended.stderr.decode("utf-8", "replace").strip()[:300]
