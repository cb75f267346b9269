"""Mutants built and graded, as `make solutions` grades a known-wrong channel: the first test that fails decides.

What became of one is kept by content (its code, the suites, the scheduler), as soon as it is known. So a run that
was stopped goes on where it was, and what nothing has changed for is not run again.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from grader import files
from grader.errors import GraderError
from grader.exercises import BUILD, ROOT, Exercise
from grader.grading import build, isolation, runner, symbols
from grader.grading.build import Unit
from grader.grading.outcome import TestResult
from grader.grading.submission import Code
from grader.selfcheck.implementations import Implementation
from grader.selfcheck.mutants.population import Mutant

FORMAT = 1
VARIANT = "interleave"
AT_ONCE = 24  # mutants that one make builds

DOES_NOT_COMPILE, SAME_CODE, SURVIVED = "does not compile", "same code", "survived"  # else: the verdict that caught it


@dataclass
class Fate:
    """What became of a mutant."""

    verdict: str
    suite: str = ""
    test: str = ""
    message: str = ""
    rule: str = ""  # the sentence of the header that the test says is broken
    hint: str = ""
    where: str = ""
    schedules: int = 0
    seconds: float = 0.0
    call: str = ""  # that the test says went wrong

    @property
    def caught(self) -> bool:
        return self.verdict not in (DOES_NOT_COMPILE, SAME_CODE, SURVIVED)


def grade(mutants: Sequence[Mutant], jobs: int, tell: Callable[[Mutant, Fate], None]) -> dict[Mutant, Fate]:
    """The fate of each, told as soon as it is known."""
    isolation.prepare()
    fates: dict[Mutant, Fate] = {}
    for begin in range(0, len(mutants), AT_ONCE):
        group = mutants[begin : begin + AT_ONCE]
        known = {mutant: fate for mutant in group if (fate := _recall(mutant)) is not None}
        new = dict(_grade([mutant for mutant in group if mutant not in known], jobs))
        for mutant in group:
            fates[mutant] = known.get(mutant) or new[mutant]
            tell(mutant, fates[mutant])
    return fates


def _grade(mutants: Sequence[Mutant], jobs: int) -> Iterator[tuple[Mutant, Fate]]:
    units = {mutant: _units(mutant) for mutant in mutants}
    errors = build.build([group[0] for group in units.values()], jobs)
    with ThreadPoolExecutor(jobs) as pool:
        try:
            yield from pool.map(lambda m: (m, _one(m, units[m], errors)), mutants)
        except BaseException:
            isolation.stop_all()
            pool.shutdown(cancel_futures=True)
            raise


def _units(mutant: Mutant) -> list[Unit]:
    """The suites it has to pass, its own first."""
    return [Unit(mutant.code, suite, VARIANT) for suite in suites(mutant.design.exercise)]


def suites(exercise: Exercise) -> list[Exercise]:
    return [exercise] if exercise.carries_channel else exercise.chain()[::-1]


def _one(mutant: Mutant, units: list[Unit], errors: dict[Unit, build.BuildFailure]) -> Fate:
    if units[0] in errors:
        fate = Fate(DOES_NOT_COMPILE, message=errors[units[0]].message)
    elif _machine_code(units[0]) == _machine_code_of(mutant.design):
        fate = Fate(SAME_CODE)
    else:
        fate = _first_failure(_followed(units))
    if fate.verdict != "environment":
        files.write_atomically(_kept_at(mutant), json.dumps(dataclasses.asdict(fate)))
    _remove(mutant.code)
    return fate


def _followed(units: list[Unit]) -> list[Unit]:
    """These, or on real threads what the scheduler can't follow: as `make grade` does it."""
    if not symbols.not_followed(units[:1]):
        return units
    return build.on_real_threads(units)


def _first_failure(units: Sequence[Unit]) -> Fate:
    begin = time.monotonic()
    failure = first_look(units[0])
    for unit in units if failure is None else ():
        if not unit.program.exists() and build.build([unit], 1):
            return Fate(DOES_NOT_COMPILE, suite=unit.suite.name)
        failure = _failure_in(unit, {})
        if failure is not None:
            break
    if failure is None:
        return Fate(SURVIVED, seconds=round(time.monotonic() - begin, 3))
    return Fate(
        failure.verdict, failure.suite, failure.name, failure.message, failure.rule, failure.hint,
        failure.where, failure.schedules, failure.seconds, failure.call,
    )  # fmt: skip


def first_look(unit: Unit) -> TestResult | None:
    """What fails in few schedules: most of it does."""
    return _failure_in(unit, {"SCHEDULES": "100"}) if unit.program.exists() else None


def _failure_in(unit: Unit, knobs: dict[str, str]) -> TestResult | None:
    """The first test that fails. What is to be said of it a run with all its schedules tells."""
    for result in runner.run_in_order(unit, runner.list_tests(unit), knobs):
        told = runner.run_test(unit, result.name) if knobs and result.verdict != "passed" else result
        if told.verdict != "passed":
            return told
    return None


@functools.cache
def _machine_code_of(design: Implementation) -> bytes:
    original = Unit(design.code, design.exercise, VARIANT)
    if build.build([original], 1):
        raise GraderError(f"{design.name} does not compile as it is. Run: make solutions")
    return _machine_code(original)


def _machine_code(unit: Unit) -> bytes:
    """What the compiler made of the code, without what only debuggers read and the folder it lies in."""
    digest = hashlib.sha256()
    for path in unit.objects():
        with tempfile.NamedTemporaryFile(suffix=".o") as bare:
            subprocess.run([build.objcopy(), "-g", str(path), bare.name], check=True, capture_output=True)
            digest.update(Path(bare.name).read_bytes().replace(unit.code.key.encode(), b""))
    return digest.digest()


def _remove(code: Code) -> None:
    """What was built for it takes megabytes."""
    shutil.rmtree(code.directory.parent, ignore_errors=True)
    for variant in build.VARIANTS:
        shutil.rmtree(ROOT / build.folder(variant) / "build" / "code" / code.key, ignore_errors=True)


def _kept_at(mutant: Mutant) -> Path:
    digest = hashlib.sha256(f"{FORMAT} {mutant.code.key}".encode())
    for suite in suites(mutant.design.exercise):
        digest.update(build.kit_digest(suite.name, VARIANT).encode())
    return BUILD / "mutants" / digest.hexdigest()[:24]


def _recall(mutant: Mutant) -> Fate | None:
    try:
        return Fate(**json.loads(_kept_at(mutant).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None
