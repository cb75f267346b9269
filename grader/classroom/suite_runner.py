"""Runs the tests of a suite with as little patience, and in as few sandboxes, as a class allows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from grader.classroom.group import Request
from grader.grading import build, runner
from grader.grading.isolation import Policy
from grader.grading.outcome import TestResult


class SuiteRunner(runner.SuiteRun):
    """Once a few tests did not come to an end the others of their suite are not waited for."""

    def __init__(
        self, request: Request, unit: build.Unit, names: Sequence[str], knobs: Mapping[str, str], policy: Policy
    ) -> None:
        super().__init__(unit, names, {**knobs, "SUITE_GUARDED": "1"}, policy)
        self._request = request
        self._slow = 0

    def may_share(self) -> bool:
        return super().may_share() and self._has_patience()

    def run_alone(self, name: str) -> TestResult:
        if not self._has_patience():
            message = "Not run: other tests of this suite did not come to an end."
            return TestResult(self.unit.suite.name, name, self.unit.variant, "timeout", message)
        result = super().run_alone(name)
        self._slow += result.verdict != "passed" and result.seconds > self._request.cpu_seconds / 2
        return result

    def _has_patience(self) -> bool:
        return self._slow < self._request.patience
