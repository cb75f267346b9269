"""`make compare-checkers`: what counts as found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from grader.exercises import by_name
from grader.grading import outcome, runner
from grader.grading.build import Unit
from grader.grading.submission import Code
from grader.selfcheck import compare_checkers
from grader.selfcheck.compare_checkers import Trial
from grader.selfcheck.implementations import Implementation

EXERCISE = by_name("01_single_thread")
CODE = Code(EXERCISE.name, ())


def found(monkeypatch: pytest.MonkeyPatch, verdicts: Sequence[str]) -> float | None:
    """What is noted if the runs of one test, each of a second, get those verdicts, and the time is 3 s."""
    given = iter(verdicts)
    used = iter(float(n // 2) for n in range(100))  # looked at before and after each run
    monkeypatch.setattr(compare_checkers, "_used", lambda: next(used))
    monkeypatch.setattr(runner, "list_tests", lambda unit: ["a_test"])
    monkeypatch.setattr(runner, "run_test", lambda *a, **k: outcome.TestResult("", "a_test", "plain", next(given)))
    return compare_checkers.seconds_to_failure(Unit(CODE, EXERCISE, "plain"), 3.0)


def test_a_failure_counts_and_a_hang_only_in_the_first_round(monkeypatch: pytest.MonkeyPatch) -> None:
    assert found(monkeypatch, ["passed"] * 9) is None
    assert found(monkeypatch, ["passed", "environment", "race"]) is not None
    assert found(monkeypatch, ["timeout"]) is not None
    assert found(monkeypatch, ["passed", "timeout", "passed", "passed", "passed", "passed"]) is None


def test_the_page_tells_what_only_the_scheduler_found() -> None:
    def trial(name: str, variant: str, seconds: float | None) -> Trial:
        return Trial(Implementation(EXERCISE, Path(f"{name}.patch"), CODE, f"{name} is wrong."), variant, seconds)

    page = compare_checkers.page([trial("a", "plain", 0.5), trial("a", "interleave", 0.1),
                         trial("b", "plain", None), trial("b", "interleave", 0.2)], 2.0)  # fmt: skip
    assert "| **all** | 1 of 2; 0.50 s, 0.5 s | 0 of 0 | 0 of 0 | 2 of 2; 0.15 s, 0.2 s |" in page
    assert "b is wrong." in page and "a is wrong." not in page
