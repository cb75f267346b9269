"""What the student has reached: a text file, by the exercises' names, one line each.

    02_blocking  failed  11/14  code=3f0c...  passed=-

code: hash of what was graded last; passed: of what passed last, or "-".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from grader import files
from grader.exercises import ROOT

DIRECTORY = ROOT / ".progress"
_FILE = DIRECTORY / "progress.txt"
_HEAD = "# What make grade found last. Exercise, verdict, points, hashes of the code.\n"


@dataclass(frozen=True)
class Entry:
    """The line of one exercise."""

    verdict: str
    points: int
    max_points: int
    code: str
    passed: str  # hash of the code that passed last, or ""


def load() -> dict[str, Entry]:
    """All lines that can be understood; a damaged one is as none."""
    entries = {}
    for line in _lines(_FILE):
        entry = _parse(line.split())
        if entry is not None:
            entries[line.split()[0]] = entry
    return entries


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


def _parse(words: list[str]) -> Entry | None:
    try:
        _, verdict, points, code, passed = words
        reached, most = map(int, points.split("/"))
    except ValueError:
        return None
    hashes = [word.partition("=")[2].replace("-", "") for word in (code, passed)]
    return Entry(verdict, reached, most, *hashes)


def store(entries: dict[str, Entry]) -> None:
    lines = [
        f"{name:20} {e.verdict:12} {e.points}/{e.max_points}  code={e.code or '-'}  passed={e.passed or '-'}\n"
        for name, e in sorted(entries.items())
    ]
    _write(_FILE, _HEAD + "".join(lines))


def _write(path: Path, text: str) -> None:
    try:
        if path.read_text(encoding="utf-8", errors="replace") == text:
            return
    except OSError:
        pass
    files.write_atomically(path, text)


# ------------------------------------------------------------------------------------- hints


def hints_seen() -> dict[str, int]:
    """How many hints of each exercise were shown."""
    return {name: int(level) for name, level in _pairs("hints.txt").items() if level.isdigit()}


def note_hint(exercise: str, level: int) -> None:
    _note_pair("hints.txt", exercise, str(level))


def carried() -> dict[str, str]:
    """The hash of what was carried into each exercise last."""
    return _pairs("carried.txt")


def note_carried(exercise: str, digest: str) -> None:
    _note_pair("carried.txt", exercise, digest)


def failing() -> dict[str, frozenset[str]]:
    """The tests of each exercise that failed last; of one that was never run nothing is known."""
    return {name: frozenset(tests.split()) - {"-"} for name, tests in _pairs("failing.txt").items()}


def note_failing(exercise: str, tests: Sequence[str]) -> None:
    _note_pair("failing.txt", exercise, " ".join(tests) or "-")


def proved() -> dict[str, str]:
    """Of each exercise what was said of how much was looked at, when it was graded last."""
    return _pairs("proved.txt")


def note_proved(exercise: str, words: str) -> None:
    _note_pair("proved.txt", exercise, words or "-")


def _pairs(file: str) -> dict[str, str]:
    pairs = (line.partition(" ") for line in _lines(DIRECTORY / file))
    return {name: value.strip() for name, _, value in pairs}


def _note_pair(file: str, exercise: str, value: str) -> None:
    pairs = _pairs(file) | {exercise: value}
    _write(DIRECTORY / file, "".join(f"{name} {one}\n" for name, one in sorted(pairs.items())))
