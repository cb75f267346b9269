"""`make generated-table`: what the generated scenarios find of the known-wrong channels by themselves.

Each known-wrong channel is run with the drawn calls of its own exercise only
(exercises/NN_name/test_generated.c). The table goes to docs/generated.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from grader import files
from grader.exercises import DRAWN, ROOT, Exercise
from grader.grading import build, isolation, runner
from grader.grading.build import Unit
from grader.grading.grade import cpu_count
from grader.grading.outcome import TestResult
from grader.selfcheck import implementations
from grader.selfcheck.implementations import Implementation

PAGE = ROOT / "docs" / "generated.md"
WHY_NOT = (
    "Some of it no drawn call can see. How many places the request channel of `08` has is told by no answer: a client",
    "that waits for room and one that waits for its answer look alike from outside. What breaks at the 65,536th ticket",
    "is too far away for scenarios that are run by the thousand. And some needs three things to happen in one order,",
    "in a channel whose other calls come out right: a test that was written for it tries nothing else.",
)


@dataclass(frozen=True)
class Trial:
    """One known-wrong channel, and the first generated test that failed for it."""

    implementation: Implementation
    failure: TestResult | None


def find(exercises: Iterable[Exercise], tell: Callable[[str], None]) -> list[Trial]:
    """All trials, an exercise after the other."""
    trials: list[Trial] = []
    for exercise in exercises:
        found = _of(exercise)
        trials += found
        tell(f"{exercise.name:20} {sum(t.failure is not None for t in found)} of {len(found)}")
    return trials


def _of(exercise: Exercise) -> list[Trial]:
    wrong = implementations.known_wrong(exercise)
    names = exercise.tests_in(DRAWN)
    units = {implementation: Unit(implementation.code, exercise, "interleave") for implementation in wrong}
    errors = build.build(list(units.values()), cpu_count())
    isolation.prepare()
    with ThreadPoolExecutor(cpu_count()) as pool:
        built = [implementation for implementation in wrong if units[implementation] not in errors]
        failures = pool.map(lambda implementation: _first_failure(units[implementation], names), built)
        return [Trial(implementation, failure) for implementation, failure in zip(built, failures, strict=True)]


def _first_failure(unit: Unit, names: Sequence[str]) -> TestResult | None:
    results = (runner.run_test(unit, name) for name in names)
    return next((result for result in results if result.verdict not in ("passed", "environment")), None)


def page(trials: Sequence[Trial]) -> str:
    """The trials as a page of the docs."""
    caught = sum(trial.failure is not None for trial in trials)
    lines = [
        "# What the generated scenarios find by themselves",
        "",
        "Made by `make generated-table`: each known-wrong channel is run only with the tests of its exercise that draw",
        f"their calls and check them against the model of the contract. {caught} of {len(trials)} are caught.",
        "",
        "| exercise | known-wrong channels | caught by drawn calls alone | share |",
        "|---|---:|---:|---:|",
    ]
    names = dict.fromkeys(trial.implementation.exercise.name for trial in trials)
    lines += [_row(f"`{name}`", [t for t in trials if t.implementation.exercise.name == name]) for name in names]
    lines += [_row("**all**", trials), "", *WHY_NOT, "", "Not caught by them, but by tests written by hand:", ""]
    missed = [trial.implementation for trial in trials if trial.failure is None]
    return "\n".join([*lines, *(f"- `{one.name}`: {one.mistake}" for one in missed), ""])


def _row(name: str, trials: Sequence[Trial]) -> str:
    caught = sum(trial.failure is not None for trial in trials)
    return f"| {name} | {len(trials)} | {caught} | {100 * caught / len(trials):.0f} % |"


def write(trials: Sequence[Trial]) -> None:
    files.write_atomically(PAGE, page(trials))
