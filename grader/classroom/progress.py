"""What an instructor sees while a class is graded."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Mapping
from typing import Any

from grader import typed

BUILDING = "building the kit's own part"


class ProgressBar:
    """How far it is: a bar with the time left on a terminal, a line now and then elsewhere."""

    def __init__(self, sandbox_name: str) -> None:
        self._sandbox = sandbox_name
        self._begun = 0.0
        self._total = self._done = 0
        self._bar: Any = None
        self._task: Any = None

    def begins(self, total: int, known: int) -> None:
        self._total = total - known
        again = f", {known} of them graded before" if known else ""
        submissions = "1 submission" if total == 1 else f"{total} submissions"
        print(f"{submissions}{again}; sandbox: {self._sandbox}", flush=True)

    def tells(self, line: str) -> None:
        print(line, flush=True)

    def builds_the_kit(self) -> None:
        if sys.stdout.isatty() and not typed.now().wants_plain_text:
            with contextlib.suppress(ImportError):
                from rich import progress

                columns = ("{task.description}", progress.BarColumn(), progress.MofNCompleteColumn(),
                           progress.TimeRemainingColumn())  # fmt: skip
                self._bar = progress.Progress(*columns)
                self._task = self._bar.add_task(BUILDING, total=None)
                self._bar.start()
        if self._bar is None:
            print(BUILDING, flush=True)

    def grades(self) -> None:
        self._begun = time.monotonic()
        if self._bar is not None:
            self._bar.reset(self._task, total=self._total, description="grading")

    def graded(self, student: str, verdicts: Mapping[str, str], left: int) -> None:
        self._done += 1
        if self._bar is not None:
            self._bar.update(self._task, completed=self._done)
            if left == 0:
                self._bar.stop()
        elif left == 0 or self._done % max(1, self._total // 20) == 0:
            passed = time.monotonic() - self._begun
            rest = passed / self._done * left
            print(f"{self._done:5} of {self._total}, {_clock(rest)} left", flush=True)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.stop()


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"
