"""Runs the tests of a suite with as little patience, and in as few sandboxes, as a class allows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from grader.classroom.group import Request
from grader.grading import build, runner
from grader.grading.isolation import Policy
from grader.grading.outcome import TestResult


class SuiteRunner:
    """Runs the tests of one suite, in the order given. Those that pass share a sandbox; once a few did not, each
    has its own, and once a few did not come to an end the others are not waited for."""

    def __init__(
        self, request: Request, unit: build.Unit, names: Sequence[str], knobs: Mapping[str, str], policy: Policy
    ) -> None:
        self._request = request
        self._unit = unit
        self._names = list(names)
        self._knobs = {**knobs, "SUITE_GUARDED": "1"}
        self._policy = policy
        self._passed: dict[str, TestResult] = {}
        self._ended_at = ""  # the test that did not pass with the others
        self._again = self._slow = 0

    def run_test(self, name: str) -> TestResult:
        unknown = name not in self._passed and name != self._ended_at
        if unknown and self._again < runner.TOGETHER and self._slow < self._request.patience:
            self._run_together(self._names[self._names.index(name) :])
        return self._passed.get(name) or self._run_alone(name)

    def _run_together(self, names: Sequence[str]) -> None:
        passed = runner.run_together(self._unit, names, self._knobs, self._policy)
        self._passed |= {result.name: result for result in passed}
        self._ended_at = "" if len(passed) == len(names) else names[len(passed)]

    def _run_alone(self, name: str) -> TestResult:
        if self._slow >= self._request.patience:
            message = "Not run: other tests of this suite did not come to an end."
            return TestResult(self._unit.suite.name, name, self._unit.variant, "timeout", message)
        result = runner.run_test(self._unit, name, self._knobs, self._policy)
        self._again += 1
        self._slow += result.verdict != "passed" and result.seconds > self._request.cpu_seconds / 2
        return result
