"""Runs the tests of a suite with as little patience, and in as few sandboxes, as a class allows."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from grader.classroom.group import Request
from grader.grading import build, runner
from grader.grading.isolation import Policy
from grader.grading.outcome import TestResult

SLEEPING = 3  # times the processor time is what a test, or all of them, may take by the clock


class Budget:
    """What is left of the processor time that an exercise of a submission may use."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.not_run = 0  # tests
        self._until = _used() + seconds
        self._end = time.monotonic() + SLEEPING * seconds

    def left(self) -> float:
        return min(self._until - _used(), (self._end - time.monotonic()) / SLEEPING)

    def limit(self, policy: Policy) -> Policy:
        """The same, for no longer than there is time left."""
        left = max(0.0, self.left())
        if policy.testing is None:
            return policy
        testing = replace(policy.testing, total_seconds=left, total_wall_seconds=SLEEPING * left)
        return replace(policy, testing=testing)


def _used() -> float:
    """Seconds that what this process has run has used; it grades one submission."""
    times = os.times()
    return times.children_user + times.children_system


class SuiteRunner(runner.SuiteRun):
    """Once a few tests did not come to an end the others of their suite are not waited for; nor are any once the
    exercise has used up what it may."""

    def __init__(
        self,
        request: Request,
        budget: Budget,
        unit: build.Unit,
        names: Sequence[str],
        knobs: Mapping[str, str],
        policy: Policy,
    ) -> None:
        super().__init__(unit, names, {**knobs, "SUITE_GUARDED": "1"}, policy)
        self._unlimited = policy
        self._request = request
        self._budget = budget
        self._slow = 0

    def run_test(self, name: str) -> TestResult:
        self._policy = self._budget.limit(self._unlimited)
        return super().run_test(name)

    def may_share(self) -> bool:
        return super().may_share() and self._has_patience() and self._budget.left() > 0

    def run_alone(self, name: str) -> TestResult:
        if self._budget.left() <= 0:
            self._budget.not_run += 1
            return self._not_run(name, f"the exercise has used up its {self._budget.seconds:g} s of processor time.")
        if not self._has_patience():
            return self._not_run(name, "other tests of this suite did not come to an end.")
        self._policy = self._budget.limit(self._unlimited)
        result = super().run_alone(name)
        self._slow += result.verdict != "passed" and result.seconds > self._request.cpu_seconds / 2
        return result

    def _not_run(self, name: str, why: str) -> TestResult:
        return TestResult(self.unit.suite.name, name, self.unit.variant, "timeout", f"Not run: {why}")

    def _has_patience(self) -> bool:
        return self._slow < self._request.patience
