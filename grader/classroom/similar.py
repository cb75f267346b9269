"""Near-copies, by `sim_c` (Debian: similarity-tester), which compares programs token by token.

What it finds is a reason to look, never a verdict: short exercises have few good answers. Compared are all students,
with each other, with the solutions, and with those of earlier years in CORPUS=.
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

from grader.classroom import entries as entries_of
from grader.classroom import intake, one_submission
from grader.classroom.entries import Entries
from grader.classroom.group import Class
from grader.exercises import SOLUTIONS, by_name

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
    sources: tuple[str, str] = ("", "")

    def as_json(self) -> dict[str, Any]:
        return {key: value for key, value in asdict(self).items() if key != "sources"}


def pairs(group: Class, entries: Entries) -> tuple[list[Pair], str]:
    """The most similar pairs of each exercise, and a remark when there is something to be said."""
    if shutil.which("sim_c") is None:
        return [], "Near-copies were not looked for: sim_c is not installed (similarity-tester; Debian 13 has none)."
    found: list[Pair] = []
    submissions = {**{name: entry.path for name, entry in entries.of.items()}, **_earlier(group), **OURS}
    wanted = one_submission.wanted(group.exercises)
    everybody = list(submissions)
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        for number, name in enumerate(everybody):
            asked = _worth_comparing(group, name, wanted) if name in entries.of else wanted
            _copy(submissions[name], asked, group.flat, root, number)
        late = []
        for exercise in group.exercises:
            try:
                alike = _compare(root / exercise.name, group.settings.least_percent)
            except subprocess.TimeoutExpired:
                late.append(exercise.name)
                continue
            found += [
                Pair(exercise.name, everybody[a], everybody[b], percent, _sources(root / exercise.name, a, b))
                for a, b, percent in alike
                if everybody[a] in entries.of  # these come first
            ]
    found.sort(key=lambda pair: (-pair.percent, pair.exercise, pair.first))
    if late:
        return found[
            :MOST_PAIRS
        ], f"{_remark(found, entries)} Not compared, for it took too long: {', '.join(late)}.".strip()
    return found[:MOST_PAIRS], _remark(found, entries)


def _worth_comparing(group: Class, name: str, wanted: intake.Wanted) -> intake.Wanted:
    """Of one student what was run: what does not compile may be anything."""
    result = json.loads(group.result_file(name).read_bytes())
    ran = {exercise["name"] for exercise in result["exercises"] if exercise["verdict"] in ("passed", "failed")}
    return {exercise: files for exercise, files in wanted.items() if exercise in ran}


def _remark(found: Sequence[Pair], entries: Entries) -> str:
    if not found:
        return ""
    students = len({name for pair in found for name in (pair.first, pair.second) if name in entries.of})
    cut = f"; the {MOST_PAIRS} most similar pairs are listed" if len(found) > MOST_PAIRS else ""
    who = "1 student has" if students == 1 else f"{students} students have"
    return f"Near-copies: {who} code much like another's{cut}."


def _earlier(group: Class) -> dict[str, Path]:
    """The submissions of earlier years, by year and student: CORPUS= is one directory or more."""
    found = {}
    for number, corpus in enumerate(group.corpus, 1):
        namesakes = sum(other.name == corpus.name for other in group.corpus)
        year = corpus.name if namesakes == 1 else f"{corpus.parent.name}/{corpus.name}"
        earlier = entries_of.find(corpus, group.out / "corpus" / str(number))
        found.update({f"{year}: {name}": entry.path for name, entry in earlier.of.items()})
    return found


def _sources(directory: Path, first: int, second: int) -> tuple[str, str]:
    def source(number: int) -> str:
        return (directory / f"{number}.txt").read_bytes().decode("utf-8", "replace")

    return source(first), source(second)


_LETTER = re.compile(r"[^\W\d_]")
_UNIVERSAL = re.compile(r"\\u[0-9a-fA-F]{4}|\\U[0-9a-fA-F]{8}")


def in_ascii(text: str) -> str:
    """The same code for sim_c, which splits names at letters beyond ASCII: each such letter is an x."""
    plain = _LETTER.sub(lambda found: found[0] if found[0].isascii() else "x", _UNIVERSAL.sub("x", text))
    return plain.encode("ascii", "replace").decode()


def _copy(path: Path, wanted: intake.Wanted, flat: str, root: Path, number: int) -> None:
    """Each student's own code of each exercise as one file, under the student's number."""
    if not path.exists():
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
            (root / exercise / f"{number}.txt").write_bytes(text)
            plain = in_ascii(text.decode("utf-8", "replace"))
            (root / exercise / f"{number}.c").write_text(plain, encoding="ascii")


def _compare(directory: Path, least: float) -> list[tuple[int, int, int]]:
    sources = sorted(directory.glob("*.c"), key=lambda path: int(path.stem)) if directory.is_dir() else []
    if len(sources) < 2:
        return []
    command = ["sim_c", "-p", "-e", "-s", "-r", str(LEAST_TOKENS), "-t", f"{least:.0f}"]
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
