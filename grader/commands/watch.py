"""`make watch`: grades the exercise whose file was saved. Polls, so it works on every file system."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import termios
import threading
import time
import tty
import zlib
from collections.abc import Iterator
from pathlib import Path

from grader import arguments
from grader.commands import grade, replay, workspace
from grader.errors import EXIT_PASSED, BuildError, GraderError, UsageError
from grader.exercises import EXERCISES, Exercise, all_exercises, find
from grader.grading import isolation, progress
from grader.grading.grade import Graded, Grading
from grader.grading.submission import read_submission
from grader.output import render

POLL = 0.2  # seconds between two looks at the files
BUSY_POLL = 0.05  # ... while something is graded
STOPS = tuple("nhlcxqNHLCXQ\x03\x04")  # keys that need not wait for its end
KEYS = "n next  h hint  l list  c check all  x reset  q quit"

Times = dict[Path, tuple[int, int]]


def run(variant: str) -> int:
    """Watches until q."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("make watch needs a terminal. Without one: make grade")
    isolation.prepare()  # by the main thread: what grades is another one
    return Watch(arguments.variant_of(variant)).loop()


class _Work(threading.Thread):
    """A grading that can be stopped."""

    def __init__(self, grading: Grading) -> None:
        super().__init__(daemon=True)
        self.grading = grading
        self.graded: list[Graded] = []
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.graded = self.grading.run()
        except BaseException as error:
            self.error = error

    def stop(self) -> None:
        isolation.stop_all()
        self.join()
        isolation.go_on()


class Watch:
    """The state of one `make watch`."""

    def __init__(self, variant: str) -> None:
        self._variant = variant
        self._screen = render.Screen()
        self._times = _times()
        self._exercise = workspace.current(progress.load()) or all_exercises()[0]
        self._key = ""  # that was pressed, and the exercise that was saved, while something else was going on
        self._saved: Exercise | None = None

    def loop(self) -> int:
        with _single_keys():
            self._grade([self._exercise])
            while True:
                key, self._key = self._key or _key(POLL), ""
                if key in ("q", "\x04", "\x03"):
                    self._screen.clear_status()
                    return EXIT_PASSED
                if key:
                    self._press(key)
                changed, self._saved = self._saved or self._changed(), None
                if changed is not None:
                    self._exercise = changed
                    self._grade([changed])

    def _changed(self) -> Exercise | None:
        now = _times()
        different = [path for path, stamp in now.items() if self._times.get(path) != stamp]
        self._times = now
        return find(different[0].parent.name) if different else None

    def _press(self, key: str) -> None:
        actions = {"n": self._next, "h": self._hint, "l": self._list, "c": self._all, "x": self._reset}
        action = actions.get(key.lower())
        if action is None:
            self._prompt()
            return
        self._screen.clear_status()
        print(flush=True)
        try:
            action()
        except GraderError as error:
            self._screen.lines([[(str(error), "red")]])
        self._prompt()

    def _next(self) -> None:
        """On to the next exercise; if it is untouched, with the code of the one before."""
        self._exercise = workspace.current(progress.load()) or self._exercise
        if self._exercise.base is not None and read_submission(EXERCISES, self._exercise).is_untouched:
            with contextlib.suppress(UsageError):  # the one before may be unwritten, too
                workspace.carry_over(self._exercise.name, "")
                self._times = _times()
                return
        self._grade([self._exercise])

    def _hint(self) -> None:
        workspace.hint(self._exercise.name)

    def _list(self) -> None:
        workspace.show_list()

    def _all(self) -> None:
        self._grade(list(all_exercises()))

    def _reset(self) -> None:
        name = self._exercise.name
        self._screen.status(f"Put the stub of {name} back? Yours is kept. y/n ")
        answer = ""
        while not answer:
            answer = _key(60)
        self._screen.clear_status()
        if answer.lower() == "y":
            workspace.reset(name)
            self._times = _times()
        else:
            self._screen.lines([[("Left as it is.", "")]])

    def _grade(self, exercises: list[Exercise]) -> None:
        """Grades, and tells it; unless meanwhile something is to be done that comes first."""
        self._screen.clear_status()
        sys.stdout.write("\x1b[2J\x1b[H")
        listener = grade.OnScreen(self._screen)
        work = _Work(Grading(EXERCISES, exercises, self._variant, listener=listener))
        if not self._comes_to_its_end(work):
            return
        if isinstance(work.error, BuildError):
            work.error = grade.explained(work.error, work.grading)
        if isinstance(work.error, GraderError):
            self._screen.lines([[(str(work.error), "red")]])
        elif work.error is not None:
            raise work.error
        else:
            listener.flush()
            changes = grade.changes(work.graded)
            grade.note_progress(work.graded)
            replay.note_last(work.graded)
            grade.show(self._screen, work.graded, EXERCISES, listener.lines, changes)
        self._prompt()

    def _comes_to_its_end(self, work: _Work) -> bool:
        """Waits for it. False: a file was saved or a key pressed, and it was stopped for that."""
        work.start()
        try:
            while work.is_alive():
                key, self._saved = _key(BUSY_POLL), self._changed()
                self._key = key if key in STOPS else ""
                if self._key or self._saved:
                    work.stop()
                    return False
        except BaseException:
            work.stop()
            raise
        return True

    def _prompt(self) -> None:
        self._screen.status(f"{self._exercise.number}: {KEYS}")


def _times() -> Times:
    """When each file that students edit was last written, and what is in it: some file systems count seconds only."""
    times: Times = {}
    for exercise in all_exercises():
        for name in exercise.stubs:
            path = exercise.directory / name
            with contextlib.suppress(OSError):
                if path.is_file():
                    times[path] = (path.stat().st_mtime_ns, zlib.crc32(path.read_bytes()))
    return times


@contextlib.contextmanager
def _single_keys() -> Iterator[None]:
    """Keys come at once and unseen; afterwards, also when killed, the terminal is as it was."""
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    signal.signal(signal.SIGCONT, lambda *_: tty.setcbreak(descriptor))  # Ctrl-Z, fg
    for deadly in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(deadly, lambda number, _: sys.exit(128 + number))
    try:
        tty.setcbreak(descriptor)
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def _key(seconds: float) -> str:
    """The key pressed within that time, or ""."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        ready, _, _ = select.select([sys.stdin], [], [], left)
        if ready:
            pressed = os.read(sys.stdin.fileno(), 16).decode("utf-8", "replace")
            return pressed[:1] if pressed else "q"
    return ""
