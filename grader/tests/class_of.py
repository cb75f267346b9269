"""A class of any size, with the verdict of each submission known: for tests, and for figures.

    python3 -m grader.tests.class_of write DIR 400 [01 02]  # solutions, stubs, known-right, known-wrong, hostile
    make class SUBMISSIONS=DIR
    python3 -m grader.tests.class_of check DIR              # were all as expected?

No two that run are equal, so none is known from another; the same number gives the same class.
"""

from __future__ import annotations

import io
import json
import random
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from grader.exercises import SOLUTIONS, Exercise, all_exercises, by_name
from grader.selfcheck import implementations
from grader.selfcheck.implementations import Implementation
from grader.tests import test_hostile

STUBS = SOLUTIONS.parent / "grader" / "stubs"
ALL = [exercise.number for exercise in all_exercises()]
# Of twenty submissions so many are of each kind, in an order that mixes any stretch of a class.
KINDS = (
    "wrong right solved wrong hostile wrong stubs right wrong solved "
    "wrong right odd wrong solved right wrong stubs solved wrong"
).split()


@dataclass(frozen=True)
class Made:
    """One submission: how it is put into a directory, and what is expected of which exercise."""

    write: Callable[[Path], object]
    expected: dict[str, list[str]]  # exercise: verdicts, of it or of a test of it, that are right


@dataclass(frozen=True)
class Material:
    """What classes are made of."""

    exercises: list[Exercise]
    wrong: list[Implementation]
    right: list[Implementation]

    @classmethod
    def found(cls, numbers: Sequence[str]) -> Material:
        """Of the exercises with these numbers."""
        exercises = [exercise for exercise in all_exercises() if exercise.number in numbers]

        def of(kind: Callable[[Exercise], Iterable[Implementation]]) -> list[Implementation]:
            return [s for exercise in exercises for s in kind(exercise) if _fits(s, exercise)]

        return cls(exercises, of(implementations.known_wrong), of(implementations.known_right))


def make(number: int, material: Material) -> Made:
    draw = random.Random(number)
    kind = KINDS[number % len(KINDS)]
    if kind in ("hostile", "odd") and by_name(test_hostile.EXERCISE) not in material.exercises:
        kind = "wrong"  # those are all for one exercise
    mark = b"/* student %d */\n" % number
    if kind in ("wrong", "right"):
        return _implementation(draw.choice(material.wrong if kind == "wrong" else material.right), mark, number)
    if kind == "solved":
        solved = draw.sample(material.exercises, k=min(2, len(material.exercises)))
        solved += [by_name(str(e.base)) for e in solved if e.carries_channel]  # whose channel it is
        names = sorted({exercise.name for exercise in solved})
        files = {f"{p.parent.name}/{p.name}": mark + p.read_bytes() for n in names for p in (SOLUTIONS / n).glob("*.c")}
        return Made(_writer(files, number), {name: ["passed"] for name in names})
    if kind == "stubs":
        stubs = {
            f"{p.parent.name}/{p.name}": p.read_bytes()
            for e in material.exercises
            for p in (STUBS / e.name).glob("*.c")
        }
        return Made(_writer(stubs, number), {exercise.name: ["not_started"] for exercise in material.exercises})
    if kind == "odd":
        verdict, write = test_hostile.ODD[draw.choice(sorted(test_hostile.ODD))]
        return Made(write, {test_hostile.EXERCISE: [verdict]})
    case = draw.choice(test_hostile.CASES)
    files = {test_hostile.FILE: case.text.encode() + b"\n" + mark}
    return Made(_writer(files, number), {test_hostile.EXERCISE: sorted(case.verdict)})


def _implementation(implementation: Implementation, mark: bytes, number: int) -> Made:
    exercise = implementation.exercise.name
    own = implementation.exercise.files  # a channel that is carried may be known from another student
    files = {f"{exercise}/{s.name}": (mark if s.name in own else b"") + s.content for s in implementation.code.sources}
    return Made(_writer(files, number), {exercise: sorted(implementation.verdicts) or ["passed"]})


def _fits(implementation: Implementation, exercise: Exercise) -> bool:
    return all(source.name in (*exercise.files, "channel.c") for source in implementation.code.sources)


def _writer(files: Mapping[str, bytes], number: int) -> Callable[[Path], object]:
    """A directory, a zip or a tar, in turn."""
    return lambda path: (_write_directory, _write_zip, _write_tar)[number % 3](path, files)


def _write_directory(path: Path, files: Mapping[str, bytes]) -> None:
    for name, data in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)


def _write_zip(path: Path, files: Mapping[str, bytes]) -> None:
    with zipfile.ZipFile(f"{path}.zip", "w") as archive:
        for name, data in files.items():
            archive.writestr(f"homework/{name}", data)


def _write_tar(path: Path, files: Mapping[str, bytes]) -> None:
    with tarfile.open(f"{path}.tar.gz", "w:gz") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(f"exercises/{name}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


def write(directory: Path, count: int, numbers: Sequence[str] = ALL) -> None:
    """Makes a class of so many students that hand in the exercises with these numbers."""
    directory.mkdir(parents=True)
    material = Material.found(numbers)
    expected = {}
    for number in range(count):
        made = make(number, material)
        name = f"student{number:04}"
        made.write(directory / name)
        expected[name] = made.expected
    directory.with_suffix(".expected.json").write_text(json.dumps(expected, indent=1))


def check(directory: Path, out: Path) -> list[str]:
    """What is not as expected, a line each."""
    expected = json.loads(directory.with_suffix(".expected.json").read_text())
    wrong = []
    for student, exercises in expected.items():
        try:
            result = json.loads((out / "results" / f"{student}.json").read_text())
        except FileNotFoundError:
            wrong.append(f"{student}: no result")
            continue
        by_name = {exercise["name"]: exercise for exercise in result["exercises"]}
        for exercise, verdicts in exercises.items():
            got = by_name[exercise]
            told = {got["verdict"], *(test["verdict"] for test in got["tests"])}
            right = (
                got["verdict"] == "passed"
                if verdicts == ["passed"]
                else got["verdict"] != "passed" and told & set(verdicts)
            )
            if not right:
                wrong.append(
                    f"{student} {exercise}: {got['verdict']} ({got['message'][:120]}), expected {' or '.join(verdicts)}"
                )
    return wrong


def main(words: list[str]) -> int:
    directory = Path(words[1])
    if words[0] == "write":
        write(directory, int(words[2]), words[3:] or ALL)
        return 0
    wrong = check(directory, Path(words[2]) if len(words) > 2 else Path(f"{directory}.graded"))
    print("\n".join([*wrong, f"{len(wrong)} not as expected"]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
