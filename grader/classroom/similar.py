"""Near-copies, by `sim_c` (Debian: similarity-tester), which compares programs token by token.

What it finds is a reason to look, never a verdict: short exercises have few good answers.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from grader.classroom import intake, one_submission
from grader.classroom.entries import Entries
from grader.classroom.group import Class
from grader.exercises import SOLUTIONS, by_name

LEAST_PERCENT = 80
LEAST_TOKENS = 40  # shorter runs in common are C, not copies
MOST_PAIRS = 200
MOST_BYTES = 1 << 16  # of a file that is compared; sim_c needs hours for what repeats itself without end
SECONDS = 300  # for one exercise

_ROW = re.compile(r"^(\S+) consists for (\d+) % of (\S+) material$", re.MULTILINE)


# A function that is still to be written, as everybody was given it.
_UNWRITTEN = re.compile(rb"^\w[^;{}]*\)\s*\{[^{}]*\bTODO\([^{}]*\}", re.MULTILINE)
SOLUTION = "(the solution)"  # stands for a student, where there are solutions; so does the other
OURS = {SOLUTION: SOLUTIONS, "(the fast solution)": SOLUTIONS / "fast"}


@dataclass(frozen=True)
class Pair:
    """One student's code of one exercise is like another's, to that percentage."""

    exercise: str
    first: str
    second: str
    percent: int

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def pairs(group: Class, entries: Entries) -> tuple[list[Pair], str]:
    """The most similar pairs of each exercise, and a remark when there is something to be said."""
    if shutil.which("sim_c") is None:
        return [], "Near-copies were not looked for: sim_c is not installed (similarity-tester; Debian 13 has none)."
    found: list[Pair] = []
    submissions = {**{name: entry.path for name, entry in entries.of.items()}, **OURS}
    wanted = one_submission.wanted(group.exercises)
    everybody = list(submissions)
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        for number, name in enumerate(everybody):
            _copy(submissions.get(name), _worth_comparing(group, name, wanted), group.flat, root, number)
        late = []
        for exercise in group.exercises:
            try:
                alike = _compare(root / exercise.name)
            except subprocess.TimeoutExpired:
                late.append(exercise.name)
                continue
            found += [
                Pair(exercise.name, everybody[a], everybody[b], percent)
                for a, b, percent in alike
                if everybody[a] not in OURS  # they are the last
            ]
    found.sort(key=lambda pair: (-pair.percent, pair.exercise, pair.first))
    if late:
        return found[:MOST_PAIRS], f"{_remark(found)} Not compared, for it took too long: {', '.join(late)}.".strip()
    return found[:MOST_PAIRS], _remark(found)


def _worth_comparing(group: Class, name: str, wanted: intake.Wanted) -> intake.Wanted:
    """Of one student what was run: what does not compile may be anything."""
    if name in OURS:
        return wanted
    result = json.loads(group.result_file(name).read_bytes())
    ran = {exercise["name"] for exercise in result["exercises"] if exercise["verdict"] in ("passed", "failed")}
    return {exercise: files for exercise, files in wanted.items() if exercise in ran}


def _remark(found: Sequence[Pair]) -> str:
    if not found:
        return ""
    students = len({name for pair in found for name in (pair.first, pair.second)} - OURS.keys())
    cut = f"; the {MOST_PAIRS} most similar pairs are listed" if len(found) > MOST_PAIRS else ""
    return f"Near-copies: {students} students have code much like another's{cut}."


def _copy(path: Path | None, wanted: intake.Wanted, flat: str, root: Path, number: int) -> None:
    """Each student's own code of each exercise as one file, under the student's number."""
    if path is None or not path.exists():
        return
    try:
        taken = intake.take_in(path, wanted, flat or None)
    except intake.Rejected:
        return
    for exercise, sources in taken.files.items():
        own = by_name(exercise).files  # a carried channel is compared where it is from
        text = b"\n".join(_UNWRITTEN.sub(b"", data) for name, data in sorted(sources.items()) if name in own)
        if text and len(text) <= MOST_BYTES:
            (root / exercise).mkdir(exist_ok=True)
            (root / exercise / f"{number}.c").write_bytes(text)


def _compare(directory: Path) -> list[tuple[int, int, int]]:
    sources = sorted(directory.glob("*.c"), key=lambda path: int(path.stem)) if directory.is_dir() else []
    if len(sources) < 2:
        return []
    command = ["sim_c", "-p", "-e", "-s", "-r", str(LEAST_TOKENS), "-t", str(LEAST_PERCENT)]
    done = subprocess.run(
        [*command, *(path.name for path in sources)],
        cwd=directory, capture_output=True, text=True, errors="replace", timeout=SECONDS,
    )  # fmt: skip
    best: dict[tuple[int, int], int] = {}
    for first, percent, second in _ROW.findall(done.stdout):
        a, b = sorted((int(first[:-2]), int(second[:-2])))
        if a != b:
            best[a, b] = max(best.get((a, b), 0), int(percent))
    return [(a, b, percent) for (a, b), percent in best.items()]
