"""A class of any size, with the verdict of each submission known: for tests, and for figures.

    python3 -m grader.tests.class_of write DIR 400      # solutions, stubs, known-right, known-wrong, hostile
    make class SUBMISSIONS=DIR
    python3 -m grader.tests.class_of check DIR          # were all as expected?

No two submissions are equal, so none is known from another; the same number gives the same class.
"""

from __future__ import annotations

import io
import json
import random
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from grader.exercises import SOLUTIONS, Exercise, all_exercises
from grader.proof import specimens
from grader.proof.specimens import Specimen
from grader.tests import test_hostile

STUBS = SOLUTIONS.parent / "grader" / "stubs"


@dataclass(frozen=True)
class Made:
    """One submission: its files, and what is expected of which exercise."""

    files: dict[str, bytes]
    expected: dict[str, list[str]]  # exercise: verdicts, of it or of a test of it, that are right


def make(number: int, wrong: list[Specimen], right: list[Specimen]) -> Made:
    """The kinds follow one another, so that any stretch of a class is mixed."""
    draw = random.Random(number)
    mark = b"/* student %d */\n" % number
    kind = number % 20
    if kind < 8:
        return _specimen(draw.choice(wrong), mark)
    if kind < 12:
        return _specimen(draw.choice(right), mark)
    if kind < 16:
        names = draw.sample([e.name for e in all_exercises()], k=2)
        files = {f"{p.parent.name}/{p.name}": mark + p.read_bytes() for n in names for p in (SOLUTIONS / n).glob("*.c")}
        return Made(files, {name: ["passed"] for name in names})
    if kind < 18:
        stubs = {f"{p.parent.name}/{p.name}": p.read_bytes() for p in sorted(STUBS.glob("*/*.c"))}
        return Made(stubs, {path.split("/")[0]: ["not_started"] for path in stubs})
    case = draw.choice(test_hostile.CASES)
    return Made({test_hostile.FILE: case.text.encode()}, {test_hostile.EXERCISE: sorted(case.verdict)})


def _specimen(specimen: Specimen, mark: bytes) -> Made:
    exercise = specimen.exercise.name
    files = {f"{exercise}/{source.name}": mark + source.content for source in specimen.code.sources}
    expected = [v for v in specimen.verdicts] if specimen.verdicts else ["passed"]
    return Made(files, {exercise: expected})


def write(directory: Path, count: int) -> None:
    def found(kind: str) -> list[Specimen]:
        function = specimens.known_wrong if kind == "wrong" else specimens.known_right
        return [s for exercise in all_exercises() for s in function(exercise) if _fits(s, exercise)]

    directory.mkdir(parents=True)
    wrong, right = found("wrong"), found("right")
    expected = {}
    for number in range(count):
        made = make(number, wrong, right)
        name = f"student{number:04}"
        expected[name] = made.expected
        _write_as(directory, name, made.files, number % 3)
    directory.with_suffix(".expected.json").write_text(json.dumps(expected, indent=1))


def _fits(specimen: Specimen, exercise: Exercise) -> bool:
    return all(source.name in (*exercise.files, "channel.c") for source in specimen.code.sources)


def _write_as(directory: Path, name: str, files: dict[str, bytes], form: int) -> None:
    if form == 0:
        for path, data in files.items():
            (directory / name / path).parent.mkdir(parents=True, exist_ok=True)
            (directory / name / path).write_bytes(data)
    elif form == 1:
        with zipfile.ZipFile(directory / f"{name}.zip", "w") as archive:
            for path, data in files.items():
                archive.writestr(f"homework/{path}", data)
    else:
        with tarfile.open(directory / f"{name}.tar.gz", "w:gz") as tar:
            for path, data in files.items():
                info = tarfile.TarInfo(f"exercises/{path}")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))


def check(directory: Path, out: Path) -> list[str]:
    """What is not as expected, a line each."""
    expected = json.loads(directory.with_suffix(".expected.json").read_text())
    wrong = []
    for student, exercises in expected.items():
        result = json.loads((out / "results" / f"{student}.json").read_text())
        by_name = {exercise["name"]: exercise for exercise in result["exercises"]}
        for exercise, verdicts in exercises.items():
            got = by_name[exercise]
            told = {got["verdict"], *(test["verdict"] for test in got["tests"])}
            right = got["verdict"] == "passed" if verdicts == ["passed"] else got["verdict"] != "passed" and told & set(verdicts)
            if not right:
                wrong.append(f"{student} {exercise}: {got['verdict']} ({got['message'][:120]}), expected {' or '.join(verdicts)}")
    return wrong


def main(words: list[str]) -> int:
    directory = Path(words[1])
    if words[0] == "write":
        write(directory, int(words[2]))
        return 0
    wrong = check(directory, Path(words[2]) if len(words) > 2 else Path(f"{directory}.graded"))
    print("\n".join([*wrong, f"{len(wrong)} not as expected"]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
