"""Runs the tests of a suite, a process each, and keeps what came of it by content.

Equal code, suite, variant and kit give an equal result, so what was run once is not run again; a
result that was the machine's fault, or a matter of time, is not kept.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import json
import os
import re
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from grader import files, typed
from grader.errors import GraderError, SuiteError, UsageError
from grader.exercises import BUILD
from grader.grading import build, isolation, outcome, symbolize
from grader.grading.build import Unit
from grader.grading.isolation import AS_IT_IS, Enclose, Policy
from grader.grading.outcome import TestResult

FORMAT = 4  # of kept results: raise it when the same run would be told in another way
_FLAGS = r"(?:[zuefs]|[ab]\d+\.|t\d+\.\d+\.)*"  # of one schedule: grader/interleave/seed.c
_SCENARIO = r"(?:s\d+\.[0-9a-f]+\.)?"  # of many: grader/model/tell.c
SCHEDULE = re.compile(
    rf"{_SCENARIO}(?:x{_FLAGS}(?:-|(?:-[0-9a-z]+(?:\.[0-9a-z]+)?)+)|(?:mix|random|pct|pos|dfs|dpor){_FLAGS}-\d+-\d+)"
)
_SEED = (
    re.compile(rf"\d{{1,19}}|{SCHEDULE.pattern}"),
    "It is a number, or a schedule as make grade prints it: SEED=x-2-5.",
)
_KNOB_VALUES = {
    "SEED": _SEED,
    "REPLAY": _SEED,
    "SCENARIOS": (re.compile(r"\d{1,9}"), "It is a number: SCENARIOS=10000."),
    "SCHEDULES": (re.compile(r"0*[1-9]\d{0,11}"), "It is a number: SCHEDULES=100000."),
    "STRATEGY": (re.compile("mix|random|pct|pos|dfs|dpor"), "It is mix, random, pct, pos, dfs or dpor."),
}
KNOBS = tuple(_KNOB_VALUES)
RunTest = Callable[[str], TestResult]  # a test by its name
TOGETHER = 8  # tests of a suite that had to be run by themselves, from which on all are
_ATTEMPTS = 3  # for what is the machine's fault
_NOT_KEPT = ("environment", "timeout")
_building = threading.Lock()


@functools.cache
def _slowness() -> float:
    """How much slower than a usual machine this one is (1.0: not), as `make doctor` measured it."""
    with contextlib.suppress(OSError, ValueError):
        return max(1.0, min(50.0, float((BUILD / "slowness").read_text())))
    return 1.0


def limits(variant: str, policy: Policy = AS_IT_IS) -> isolation.Limits:
    """What one test may use. Generous: a test that needs a tenth of this is broken."""
    if policy.testing is not None:
        return policy.testing
    cpu = 120 if variant == "interleave" else 60
    return isolation.Limits(int(cpu * _slowness()), 3 * cpu * _slowness())


def list_tests(unit: Unit, policy: Policy = AS_IT_IS) -> list[str]:
    """The names of the tests of a built suite that are run on this code, by asking it."""
    ended = isolation.run([str(unit.program), "--list"], limits(unit.variant, policy), enclose=policy.enclose)
    names = ended.stdout.decode("utf-8", "replace").split()
    if ended.code != 0 or not names:
        text = (ended.sanitizer or ended.stderr.decode("utf-8", "replace")).strip()[:300]
        raise SuiteError(f"{unit.target} can't say which tests it has. {text}", "Run: make doctor")
    left_to_others = set(unit.suite.tests_in_source()) - set(unit.suite.tests_on(unit.code.exercise))
    return [name for name in names if name not in left_to_others]


def run_test(
    unit: Unit,
    name: str,
    knobs: Mapping[str, str] | None = None,
    policy: Policy = AS_IT_IS,
    cpu_seconds: int | None = None,
) -> TestResult:
    """Runs one test in a process of its own and judges it. cpu_seconds: what it may use, if not the usual;
    a test that sleeps through ten times as much has hung."""
    result = TestResult(unit.suite.name, name, unit.variant, "environment")
    for _ in range(_ATTEMPTS):
        result = _run_once(unit, name, knobs or {}, policy, cpu_seconds)
        if result.verdict != "environment":
            break
    return _on_real_threads(unit, name, policy) if result.facts.get("too_many_threads") else result


def _on_real_threads(unit: Unit, name: str, policy: Policy) -> TestResult:
    """Right code may have more threads than the scheduler follows: one for each channel, and a test with many."""
    result = TestResult(unit.suite.name, name, unit.variant, "environment")
    for real in build.on_real_threads([unit]):
        with _building:  # others may be at the same program
            failures = build.build([real], 1, policy)
        if failures:
            return dataclasses.replace(result, verdict="build_failed", message=failures[real].message)
        result = dataclasses.replace(run_test(real, name, policy=policy), variant=unit.variant)
        if result.verdict != "passed":
            break
    return result


def each_alone(unit: Unit, names: Sequence[str], knobs: Mapping[str, str], policy: Policy) -> RunTest:
    """What runs any of these tests by its name, each for itself.

    Once one has failed that took far more than a right one needs, a loop without an end may be met by all: from then
    on a quarter of the time has to be enough, as for tests that are run together."""
    enough = -(-limits(unit.variant, policy).cpu_seconds // 4)
    short: list[int] = []

    def run(name: str) -> TestResult:
        result = run_test(unit, name, knobs, policy, *short)
        if result.verdict != "passed" and result.seconds > enough and not short:
            short.append(enough)
        return result

    return run


def run_together(
    unit: Unit, names: Sequence[str], knobs: Mapping[str, str], policy: Policy = AS_IT_IS
) -> list[TestResult]:
    """Runs these tests in one go, and returns those of the first ones that passed. It ends at the first that
    does not, or takes long; what is to be said of that one, only run_test can tell."""
    usual = limits(unit.variant, policy)
    short = dataclasses.replace(usual, cpu_seconds=-(-usual.cpu_seconds // 4), wall_seconds=usual.wall_seconds / 4)
    nonce, ended = _run(unit, names, knobs, short, policy.enclose)
    results = [TestResult(unit.suite.name, name, unit.variant, "environment") for name in names]
    return outcome.passed_together(results, ended, nonce, _sources(unit))


class SuiteRun:
    """Runs the tests of one suite, in the order given. Those that pass share runs; once many did not, each has its
    own."""

    def __init__(self, unit: Unit, names: Sequence[str], knobs: Mapping[str, str], policy: Policy = AS_IT_IS) -> None:
        self.unit = unit
        self._names = list(names)
        self._knobs = knobs
        self._policy = policy
        self._passed: dict[str, TestResult] = {}
        self._ended_at = ""  # the test that did not pass with the others
        self._alone = 0

    def run_test(self, name: str) -> TestResult:
        """The result of one of them; those behind it may be run, too."""
        if name not in self._passed and name != self._ended_at and self.may_share():
            self._run_together(self._names[self._names.index(name) :])
        return self._passed.get(name) or self.run_alone(name)

    def may_share(self) -> bool:
        return self._alone < TOGETHER

    def run_alone(self, name: str) -> TestResult:
        self._alone += 1
        return run_test(self.unit, name, self._knobs, self._policy)

    def _run_together(self, names: Sequence[str]) -> None:
        passed = run_together(self.unit, names, self._knobs, self._policy)
        self._passed |= {result.name: result for result in passed}
        self._ended_at = "" if len(passed) == len(names) else names[len(passed)]


def run_in_order(unit: Unit, names: Sequence[str], knobs: Mapping[str, str] | None = None) -> Iterator[TestResult]:
    """The results of these tests one after the other, each run when it is asked for."""
    return map(SuiteRun(unit, names, knobs or {}).run_test, names)


def _run_once(unit: Unit, name: str, knobs: Mapping[str, str], policy: Policy, cpu_seconds: int | None) -> TestResult:
    limit = limits(unit.variant, policy)
    if cpu_seconds is not None:
        limit = dataclasses.replace(limit, cpu_seconds=cpu_seconds, wall_seconds=10.0 * cpu_seconds)
    nonce, ended = _run(unit, [name], knobs, limit, policy.enclose)
    result = TestResult(unit.suite.name, name, unit.variant, "environment")
    result = outcome.judge(result, ended, nonce, _sources(unit))
    if result.verdict != "passed":
        symbolize.resolve(result, unit.program, unit.code)
    return result


def _run(
    unit: Unit, names: Sequence[str], knobs: Mapping[str, str], limit: isolation.Limits, enclose: Enclose | None
) -> tuple[str, isolation.ProcessResult]:
    """Runs these tests. Returns what their completion records will be known by, too."""
    nonce = secrets.token_hex(16)
    ended = isolation.run(
        [str(unit.program), *names],
        limit,
        enclose=enclose,
        environment=test_environment(knobs),
        record=nonce,  # in the file, not in the environment, where other processes would find it
        look_for_sleep=True,
        background_threads=unit.variant == "tsan",
    )
    return nonce, ended


def _sources(unit: Unit) -> frozenset[str]:
    return frozenset(source.name for source in unit.code.sources)


def test_environment(knobs: Mapping[str, str]) -> dict[str, str]:
    """What a test sees of the environment: little, so that everybody's run is the same."""
    kept = ("PATH", "HOME", "TMPDIR")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    environment.update(LC_ALL="C", **knobs)
    environment["ASAN_OPTIONS"] = "disable_coredump=0:detect_stack_use_after_return=1"
    environment["UBSAN_OPTIONS"] = "print_stacktrace=1:halt_on_error=1"
    return environment


def knobs_given(**options: str) -> dict[str, str]:
    """The scheduler's knobs as typed: make grade SCHEDULES=100000. What is none of their values ends here."""
    given = {name: options.get(name, "") or typed.now().word(name) for name in _KNOB_VALUES}
    knobs = {name: value.strip() for name, value in given.items() if value.strip()}
    for name, value in knobs.items():
        if not _KNOB_VALUES[name][0].fullmatch(value):
            raise UsageError(f"{name}={value} is not possible. {_KNOB_VALUES[name][1]}")
    return knobs


# -------------------------------------------------------------------------------- kept results


def _kept_at(unit: Unit) -> str:
    text = f"{FORMAT} {unit.code.key} {build.kit_digest(unit.suite.name, unit.variant)}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def recall(unit: Unit) -> list[TestResult] | None:
    """What came of this unit before, or None."""
    path = BUILD / "results" / _kept_at(unit)
    try:
        return [outcome.from_json(entry) for entry in json.loads(path.read_bytes())]
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def keep(unit: Unit, results: list[TestResult]) -> None:
    """Notes results for the next time, if they will be the same then."""
    if any(result.verdict in _NOT_KEPT for result in results):
        return
    data = json.dumps([outcome.to_json(result) for result in results])
    files.write_atomically(BUILD / "results" / _kept_at(unit), data)


# ------------------------------------------------------------------------ what is worth running first


def _failed_at(unit: Unit) -> Path:
    return BUILD / "failed" / f"{unit.suite.name}-{unit.variant}"


def failed_last(unit: Unit) -> frozenset[str]:
    """The tests of that suite that failed when it was last run, on whatever code."""
    try:
        return frozenset(_failed_at(unit).read_text(encoding="utf-8").split())
    except (OSError, ValueError):
        return frozenset()


def note_failed(unit: Unit, results: list[TestResult]) -> None:
    """Notes which tests to run first the next time. Without the note the order is the suite's own."""
    names = [result.name for result in results if result.verdict not in ("passed", "skipped")]
    with contextlib.suppress(GraderError):
        files.write_atomically(_failed_at(unit), "\n".join(names))
