"""Near-copies, by `sim_c` (Debian: similarity-tester), which compares programs token by token.

What it finds is a reason to look, never a verdict: short exercises have few good answers.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from grader.classroom import intake, worker
from grader.classroom.run import Class
from grader.exercises import all_exercises

LEAST_PERCENT = 80
LEAST_TOKENS = 40  # shorter runs in common are C, not copies
MOST_PAIRS = 200

_ROW = re.compile(r"^(\S+) consists for (\d+) % of (\S+) material$", re.MULTILINE)


@dataclass(frozen=True)
class Pair:
    exercise: str
    first: str
    second: str
    percent: int

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def pairs(group: Class, names: Sequence[str]) -> tuple[list[Pair], str]:
    """The most similar pairs of each exercise, and a remark when there is something to be said."""
    if shutil.which("sim_c") is None:
        return [], "Near-copies were not looked for: sim_c is not installed (Debian: similarity-tester)."
    found: list[Pair] = []
    submissions = intake.find_submissions(group.submissions)
    wanted = worker.wanted(group.exercises)
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        for number, name in enumerate(names):
            _copy(submissions.get(name), wanted, group.flat, root, number)
        for exercise in group.exercises:
            for first, second, percent in _compare(root / exercise.name):
                found.append(Pair(exercise.name, names[first], names[second], percent))
    found.sort(key=lambda pair: (-pair.percent, pair.exercise, pair.first))
    remark = f"Near-copies: the {MOST_PAIRS} most similar of {len(found)} pairs are listed." if len(found) > MOST_PAIRS else ""  # fmt: skip
    return found[:MOST_PAIRS], remark


def _copy(
    path: Path | None, wanted: intake.Wanted, flat: str, root: Path, number: int
) -> None:
    """Each student's code of each exercise as one file, under the student's number."""
    if path is None:
        return
    try:
        taken = intake.take_in(path, wanted, flat or None)
    except intake.Rejected:
        return
    for exercise, sources in taken.files.items():
        text = b"\n".join(data for name, data in sorted(sources.items()) if not _is_starter(exercise, name, data))
        if text:
            (root / exercise).mkdir(exist_ok=True)
            (root / exercise / f"{number}.c").write_bytes(text)


def _is_starter(exercise: str, name: str, data: bytes) -> bool:
    """Is it the stub, as everybody got it? Or the carried channel, which is compared where it is from?"""
    if name == "channel.c" and next(e for e in all_exercises() if e.name == exercise).carries_channel:
        return True
    return b"TODO(" in data and data.count(b"TODO(") > 2


def _compare(directory: Path) -> list[tuple[int, int, int]]:
    sources = sorted(directory.glob("*.c"), key=lambda path: int(path.stem)) if directory.is_dir() else []
    if len(sources) < 2:
        return []
    command = ["sim_c", "-p", "-e", "-s", "-r", str(LEAST_TOKENS), "-t", str(LEAST_PERCENT)]
    try:
        done = subprocess.run(
            [*command, *(path.name for path in sources)],
            cwd=directory, capture_output=True, text=True, errors="replace", timeout=600,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return []
    best: dict[tuple[int, int], int] = {}
    for first, percent, second in _ROW.findall(done.stdout):
        a, b = sorted((int(first[:-2]), int(second[:-2])))
        if a != b:
            best[a, b] = max(best.get((a, b), 0), int(percent))
    return [(a, b, percent) for (a, b), percent in best.items()]
