"""`make compare-checkers`: what each way of checking finds of the known-wrong channels, and how fast.

Each known-wrong channel gets the same wall time under each variant: the tests of its exercise run one
after the other, round and round, until one fails or the time is over. The clock does not count the
building. The table goes to docs/compare-checkers.md.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import cycle

from grader import build, files, isolation, runner, specimens
from grader.build import Unit
from grader.exercises import ROOT, Exercise
from grader.grade import cpu_count
from grader.specimens import Specimen

PAGE = ROOT / "docs" / "compare-checkers.md"
VARIANTS = ("plain", "asan", "tsan", "interleave")
TITLES = {
    "plain": "stress on real threads",
    "asan": "stress under ASan, UBSan and LSan",
    "tsan": "stress under TSan",
    "interleave": "the controlled scheduler",
}


@dataclass(frozen=True)
class Trial:
    """One known-wrong channel under one variant."""

    specimen: Specimen
    variant: str
    seconds: float | None  # to the first failure; None: nothing failed in time


def compare(
    exercises: Iterable[Exercise], seconds: float, tell: Callable[[str], None]
) -> list[Trial]:
    """All trials; those of one exercise and variant run side by side, one on each processor."""
    trials: list[Trial] = []
    for exercise in exercises:
        wrong = specimens.known_wrong(exercise)
        for variant in VARIANTS:
            found = _under(variant, exercise, wrong, seconds)
            trials += found
            caught = sum(trial.seconds is not None for trial in found)
            tell(f"{exercise.name:20} {variant:10} {caught} of {len(found)}")
    return trials


def _under(
    variant: str, exercise: Exercise, wrong: Sequence[Specimen], seconds: float
) -> list[Trial]:
    units = [Unit(specimen.code, exercise, variant) for specimen in wrong]
    errors = build.build(units, cpu_count())
    built = [(s, u) for s, u in zip(wrong, units) if u not in errors]
    isolation.prepare()
    with ThreadPoolExecutor(cpu_count()) as pool:
        times = pool.map(lambda pair: _seconds_to_failure(pair[1], seconds), built)
        return [Trial(specimen, variant, took) for (specimen, _), took in zip(built, times)]


def _seconds_to_failure(unit: Unit, seconds: float) -> float | None:
    names = runner.list_tests(unit)
    begin = time.monotonic()
    for name in cycle(names):
        result = runner.run_test(unit, name)
        now = time.monotonic() - begin
        if result.verdict not in ("passed", "environment"):
            return now if now <= seconds else None
        if now > seconds:
            return None
    return None


def page(trials: Sequence[Trial], seconds: float) -> str:
    """The comparison as a page of the docs."""
    names = list(dict.fromkeys(trial.specimen.exercise.name for trial in trials))
    lines = [
        "# What each way of checking finds",
        "",
        f"Made by `make compare-checkers SECONDS={seconds:g}`: each known-wrong channel, {seconds:g} s of wall",
        "time under each way of checking, the tests of its exercise round and round until one fails. Building is not",
        "counted. The share found, and the median and the longest time to the first failure of those found.",
        "",
        "| exercise | " + " | ".join(TITLES[v] for v in VARIANTS) + " |",
        "|---|" + "---|" * len(VARIANTS),
    ]
    for name in names:
        mine = [trial for trial in trials if trial.specimen.exercise.name == name]
        lines.append(f"| `{name}` | " + " | ".join(_cell(mine, v) for v in VARIANTS) + " |")
    lines.append("| **all** | " + " | ".join(_cell(trials, v) for v in VARIANTS) + " |")
    return "\n".join([*lines, "", *_only_scheduler(trials), ""])


def _cell(trials: Sequence[Trial], variant: str) -> str:
    mine = [trial for trial in trials if trial.variant == variant]
    times = [trial.seconds for trial in mine if trial.seconds is not None]
    if not times:
        return f"0 of {len(mine)}"
    return f"{len(times)} of {len(mine)}; {statistics.median(times):.2f} s, {max(times):.1f} s"


def _only_scheduler(trials: Sequence[Trial]) -> list[str]:
    """The mistakes that real threads never showed."""
    real = {t.specimen.name for t in trials if t.variant != "interleave" and t.seconds is not None}
    lonely = [
        t.specimen
        for t in trials
        if t.variant == "interleave" and t.seconds is not None and t.specimen.name not in real
    ]
    if not lonely:
        return []
    head = f"Found by the controlled scheduler alone, {len(lonely)} of them:"
    return [head, "", *(f"- `{s.name}`: {s.mistake}" for s in lonely)]


def write(trials: Sequence[Trial], seconds: float) -> None:
    files.write_atomically(PAGE, page(trials, seconds))
