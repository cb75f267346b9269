"""`make new-exercise EX=09_semaphore`: an exercise to begin with, small and whole, so that `make solutions` passes.

skeleton/ holds its files: a gate that threads wait at until it is opened. What it asks, and how, is then rewritten
sentence by sentence, with the self-check green all the time.
"""

from __future__ import annotations

import re
from pathlib import Path
from string import Template

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
    stem, title = found[1], found[1].replace("_", " ")
    words = {"name": name, "number": name[:2], "stem": stem, "title": title, "Title": title.capitalize()}
    written = []
    for path, text in _texts(name, stem).items():
        files.write_atomically(path, Template(text).substitute(words))
        written.append(path)
    return written


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
