"""`make new-exercise EX=09_semaphore`: an exercise to begin with, small and whole, so that `make solutions` passes.

skeleton/ is that exercise, 00_gate: a gate that threads wait at until it is opened, here under another name. What it
asks, and how, is then rewritten sentence by sentence, with the self-check green all the time.
"""

from __future__ import annotations

import re
from pathlib import Path

from grader import files
from grader.errors import UsageError
from grader.exercises import EXERCISES, SOLUTIONS, all_exercises, shown
from grader.grading.submission import STUBS
from grader.selfcheck import implementations

_SKELETON = Path(__file__).parent / "skeleton"
_NAME = re.compile(r"\d\d_([a-z][a-z0-9]*(?:_[a-z0-9]+)*)")
_WRONG = ("pthread_cond_broadcast", "pthread_cond_signal")  # what is changed in the solution for the known-wrong one


def make(name: str) -> list[Path]:
    """Writes it; returns the files."""
    found = _NAME.fullmatch(name)
    if not found:
        raise UsageError(f"EX={name}: a new exercise has a number and a name, such as EX=09_semaphore.")
    for exercise in all_exercises():
        if exercise.number == name[:2] or exercise.name[3:] == found[1]:
            raise UsageError(f"EX={name}: there is {exercise.name} already.")
    if (EXERCISES / name).exists():
        raise UsageError(f"EX={name}: there is a directory exercises/{name} already.")
    written = []
    for path, text in _texts(name, found[1]).items():
        files.write_atomically(path, _renamed(text, name, found[1]))
        written.append(path)
    return written


def _renamed(text: str, name: str, stem: str) -> str:
    """A file of the skeleton for the exercise of that name: gate_open, gate.h and struct gate are of the stem, other
    gates are words."""
    text = (
        text.replace("00_gate", name).replace("exercise 00", f"exercise {name[:2]}").replace("EX=00", f"EX={name[:2]}")
    )
    text = re.sub(r"(?<=# )00 Gate|(?<=Suite of )00", lambda found: f"{name[:2]}{found[0][2:]}", text)
    text = re.sub(r"\bgate(?=_|\.[ch]\b)|(?<=struct )gate\b", stem, text)
    title = stem.replace("_", " ")
    return re.sub(r"\bgate\b", title, text).replace("Gate", title.capitalize())


def _texts(name: str, stem: str) -> dict[Path, str]:
    """Where each file goes, and what is in it."""
    part = {path.name: path.read_text(encoding="utf-8") for path in sorted(_SKELETON.iterdir())}
    tests = implementations.KNOWN_RIGHT, implementations.KNOWN_WRONG
    return {
        EXERCISES / name / f"{stem}.h": part["header.h"],
        EXERCISES / name / f"{stem}.c": part["stub.c"],
        EXERCISES / name / f"test_{stem}.c": part["suite.c"],
        EXERCISES / name / "README.md": part["README.md"],
        EXERCISES / name / "sentences.toml": part["sentences.toml"],
        STUBS / name / f"{stem}.c": part["stub.c"],
        SOLUTIONS / name / f"{stem}.c": part["solution.c"],
        tests[0] / name / "turnstile.c": part["right.c"],
        tests[1] / name / "wakes_one.c": part["wrong.c"] + part["solution.c"].partition("*/\n")[2].replace(*_WRONG),
    }


def lines(written: list[Path]) -> list[str]:
    """What there is to say of it."""
    number = written[0].parent.name[:2]
    return [*map(shown, written), "", f"It is whole: make solutions EX={number}", "CONTRIBUTING.md says how to go on."]
