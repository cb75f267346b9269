"""What an instructor sees while a class is graded."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from grader import typed
from grader.output.text import cut

BUILDING = "building the suites of"
SHOWN = 2  # of those who are being graded
LONGEST_NAME = 12


class ProgressBar:
    """How far it is: a bar with the time left on a terminal, a line now and then elsewhere."""

    def __init__(self, sandbox_name: str, at_work: Callable[[], Mapping[str, float]] = dict) -> None:
        """at_work: who is being graded, and since when."""
        self._sandbox = sandbox_name
        self._at_work = at_work
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

    def builds_the_kit(self, exercises: str) -> None:
        words = f"{BUILDING} {exercises}"
        if sys.stdout.isatty() and not typed.now().wants_plain_text:
            with contextlib.suppress(ImportError):
                from rich import progress
                from rich.text import Text

                class Now(progress.ProgressColumn):
                    """Who is being graded."""

                    def render(_, task: progress.Task) -> Text:  # noqa: N805
                        return Text(self._now(), style="dim")

                columns = ("{task.description}", progress.BarColumn(20), progress.MofNCompleteColumn(),
                           progress.TimeRemainingColumn(), Now())  # fmt: skip
                self._bar = progress.Progress(*columns)
                self._task = self._bar.add_task(words, total=None)
                self._bar.start()
        if self._bar is None:
            print(words, flush=True)

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
            now = self._now()
            print(f"{self._done:5} of {self._total}, {_clock(rest)} left{f'; now {now}' if now else ''}", flush=True)

    def _now(self) -> str:
        """Who has been graded for longest, and for how long."""
        begun = sorted(self._at_work().items(), key=lambda item: item[1])
        some = [f"{cut(student, LONGEST_NAME)} {_clock(time.monotonic() - since)}" for student, since in begun[:SHOWN]]
        return ", ".join(some)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.stop()


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"
