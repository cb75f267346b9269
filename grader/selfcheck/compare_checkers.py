"""`make compare-checkers`: what each way of checking finds of the known-wrong channels, and how fast.

Each known-wrong channel gets the same processor time under each variant: the tests of its exercise run one after
the other, round and round, a few times each in the first round and more often in each later one, until one fails
or the time is used up. Processor time, since a loaded machine gives little of it in much wall time; what sleeps
for ever uses none, and its last test counts by the wall; so does what only ever sleeps for a while (PATIENCE).
Building is not counted. The table goes to docs/compare-checkers.md.
"""

from __future__ import annotations

import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import count

from grader import files
from grader.exercises import ROOT, Exercise
from grader.grading import build, isolation, runner
from grader.grading.build import Unit
from grader.grading.grade import cpu_count
from grader.selfcheck import implementations
from grader.selfcheck.implementations import Implementation

PAGE = ROOT / "docs" / "compare-checkers.md"
VARIANTS = ("plain", "asan", "tsan", "interleave")
TITLES = {
    "plain": "stress on real threads",
    "asan": "stress under ASan, UBSan and LSan",
    "tsan": "stress under TSan",
    "interleave": "the controlled scheduler",
}
PATIENCE = 4  # times the processor time is what a trial may take by the wall: tests sleep, and some channels always
SIDE_BY_SIDE = 2 * cpu_count()  # trials, for the same reason
FIRST_ROUND, GROWTH = 20, 8  # runs (schedules) of each test in the first round, and how many times more in the next


@dataclass(frozen=True)
class Trial:
    """One known-wrong channel under one variant."""

    implementation: Implementation
    variant: str
    seconds: float | None  # to the first failure; None: nothing failed in time


def compare(exercises: Iterable[Exercise], seconds: float, tell: Callable[[str], None]) -> list[Trial]:
    """All trials; those of one exercise and variant run side by side."""
    trials: list[Trial] = []
    for exercise in exercises:
        wrong = implementations.known_wrong(exercise)
        for variant in VARIANTS:
            found = _under(variant, exercise, wrong, seconds)
            trials += found
            caught = sum(trial.seconds is not None for trial in found)
            tell(f"{exercise.name:20} {variant:10} {caught} of {len(found)}")
    return trials


def _under(variant: str, exercise: Exercise, wrong: Sequence[Implementation], seconds: float) -> list[Trial]:
    units = [Unit(implementation.code, exercise, variant) for implementation in wrong]
    errors = build.build(units, cpu_count())
    built = [(s, u) for s, u in zip(wrong, units, strict=True) if u not in errors]
    # Processes, not threads: each can tell what processor time its own children used.
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(SIDE_BY_SIDE, mp_context=context, initializer=isolation.prepare) as pool:
        times = pool.map(partial(seconds_to_failure, seconds=seconds), [unit for _, unit in built])
        return [Trial(implementation, variant, took) for (implementation, _), took in zip(built, times, strict=True)]


def _used() -> float:
    """Processor time of all that this process ran and waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def seconds_to_failure(unit: Unit, seconds: float) -> float | None:
    """A test that does not end in the first round, with few runs of it, hangs; in a later one it may be slow."""
    names = runner.list_tests(unit)
    begin, patience = _used(), time.monotonic() + PATIENCE * seconds
    for number in count():
        knobs = {"SCHEDULES": str(FIRST_ROUND * GROWTH**number)}
        for name in names:
            before = _used()
            left = begin + seconds - before
            if left <= 0 or time.monotonic() > patience:
                return None
            result = runner.run_test(unit, name, knobs, cpu_seconds=int(left) + 1)
            if result.verdict in ("passed", "environment") or (result.verdict == "timeout" and number):
                continue
            slept = result.seconds if result.verdict == "deadlock" and unit.variant != "interleave" else 0.0
            return min(before - begin + max(_used() - before, slept), seconds)
    return None


def page(trials: Sequence[Trial], seconds: float) -> str:
    """The comparison as a page of the docs."""
    names = list(dict.fromkeys(trial.implementation.exercise.name for trial in trials))
    lines = [
        "# What each way of checking finds",
        "",
        f"Made by `make compare-checkers SECONDS={seconds:g}`: each known-wrong channel gets {seconds:g} s of",
        f"processor time under each way of checking, and {PATIENCE * seconds:g} s by the wall at most; the tests of",
        "its exercise run round and round until one fails.",
        "Building is not counted. The share found, and the median and the longest time to the first failure of those",
        "found.",
        "A test that hangs counts until it is known that nothing in it will move again, or until the time is over.",
        "",
        "| exercise | " + " | ".join(TITLES[v] for v in VARIANTS) + " |",
        "|---|" + "---|" * len(VARIANTS),
    ]
    for name in names:
        mine = [trial for trial in trials if trial.implementation.exercise.name == name]
        lines.append(f"| `{name}` | " + " | ".join(_cell(mine, v) for v in VARIANTS) + " |")
    lines.append("| **all** | " + " | ".join(_cell(trials, v) for v in VARIANTS) + " |")
    return "\n".join([*lines, "", *_only_scheduler(trials), *_missed_by_scheduler(trials), ""])


def _cell(trials: Sequence[Trial], variant: str) -> str:
    mine = [trial for trial in trials if trial.variant == variant]
    times = [trial.seconds for trial in mine if trial.seconds is not None]
    if not times:
        return f"0 of {len(mine)}"
    return f"{len(times)} of {len(mine)}; {statistics.median(times):.2f} s, {max(times):.1f} s"


def _only_scheduler(trials: Sequence[Trial]) -> list[str]:
    """The mistakes that real threads never showed."""
    real = {t.implementation.name for t in trials if t.variant != "interleave" and t.seconds is not None}
    lonely = [
        t.implementation
        for t in trials
        if t.variant == "interleave" and t.seconds is not None and t.implementation.name not in real
    ]
    if not lonely:
        return []
    head = f"Found by the controlled scheduler alone, {len(lonely)} of them:"
    return [head, "", *(f"- `{s.name}`: {s.mistake}" for s in lonely)]


def _missed_by_scheduler(trials: Sequence[Trial]) -> list[str]:
    """All tests, with few schedules each, come before any test has more: what needs hundreds of them has to wait."""
    missed = [t.implementation for t in trials if t.variant == "interleave" and t.seconds is None]
    if not missed:
        return []
    page = "[known-wrong.md](known-wrong.md)"
    head = f"Not found by the scheduler in that time, but with the schedules of a `make grade` ({page}):"
    return ["", head, "", *(f"- `{s.name}`: {s.mistake}" for s in missed)]


def write(trials: Sequence[Trial], seconds: float) -> None:
    files.write_atomically(PAGE, page(trials, seconds))
