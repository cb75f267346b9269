"""Looks for the first test that fails for an implementation, and remembers which it was."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from grader import files
from grader.exercises import BUILD
from grader.grading import build, outcome, runner
from grader.grading.build import Unit
from grader.grading.outcome import TestResult
from grader.selfcheck.implementations import Implementation

FEW = 100  # schedules


def first_failure(implementation: Implementation, unit: Unit) -> TestResult | None:
    """The first test that fails, those first that are expected to."""
    names = runner.list_tests(unit)
    names.sort(key=lambda name: name not in implementation.tests)
    known = _recall(unit, names)
    if known is not None:
        return known[0] if known else None
    expected = sum(name in implementation.tests for name in names)
    failure = next(_failures(unit, names[:expected], names[expected:]), None)
    _keep(unit, names, [failure] if failure else [])
    return failure


def _failures(unit: Unit, expected: Sequence[str], others: Sequence[str]) -> Iterator[TestResult]:
    """The failures of a unit. Nearly all show in few schedules, so all other tests get few before one gets many."""
    rounds: list[dict[str, str]] = [{"SCHEDULES": str(FEW)}, {}] if unit.variant == "interleave" else [{}]
    tried = itertools.chain(
        (runner.run_test(unit, name) for name in expected),
        *(runner.run_in_order(unit, others, knobs) for knobs in rounds),
    )
    return (result for result in tried if result.verdict != "passed")


def _path(unit: Unit, names: list[str]) -> Path:
    text = f"{runner.FORMAT} {unit.code.key} {build.kit_digest(unit.suite.name, unit.variant)} {names}"
    return BUILD / "results" / f"hunt-{hashlib.sha256(text.encode()).hexdigest()[:24]}"


def _recall(unit: Unit, names: list[str]) -> list[TestResult] | None:
    try:
        kept = json.loads(_path(unit, names).read_bytes())
        return [outcome.from_json(entry) for entry in kept]
    except (OSError, ValueError, TypeError):
        return None


def _keep(unit: Unit, names: list[str], found: list[TestResult]) -> None:
    if not any(result.verdict in ("environment", "timeout") for result in found):
        text = json.dumps([outcome.to_json(result) for result in found])
        files.write_atomically(_path(unit, names), text)
