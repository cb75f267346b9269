"""`make situations`: in which situations each sentence of a header is executed, and by which tests.

A sentence that holds for one call alone may break when the ring has turned, when two senders sleep, or after a call
that failed. So each suite is run on right channels that note in which situation each call is made (trace.h), and
what was seen is written beside the suite: exercises/NN_name/situations.txt.
"""

from __future__ import annotations

from collections.abc import Callable

from grader import files
from grader.errors import EXIT_FAILED, EXIT_PASSED
from grader.exercises import Exercise, all_exercises
from grader.selfcheck.situations import table, trace

FILE = "situations.txt"


def traced() -> list[Exercise]:
    """The exercises that have a table: those whose every function is traced here."""
    return [exercise for exercise in all_exercises() if trace.is_possible(exercise)]


def run(tell: Callable[[str], None]) -> int:
    """Writes all tables. Exit code 0: nothing is left that neither a test nor a word why stands for."""
    seen: dict[str, trace.SeenIn] = {}
    for exercise in traced():
        seen[exercise.name] = trace.run(exercise)
        tell(f"{exercise.name}: {len(seen[exercise.name])} tests traced")
    holes = [hole for exercise in traced() for hole in _write(exercise, seen, tell)]
    return EXIT_FAILED if holes else EXIT_PASSED


def _write(exercise: Exercise, seen: dict[str, trace.SeenIn], tell: Callable[[str], None]) -> list[table.Hole]:
    rows = table.rows(exercise, seen)
    files.write_atomically(exercise.directory / FILE, table.text(exercise, rows))
    holes = table.holes(rows)
    for sentence, situation in holes:
        tell(f"not reached: {sentence.where}, {situation}: {sentence.text}")
    return holes
