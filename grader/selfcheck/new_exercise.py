"""`make new-exercise EX=09_semaphore`: an exercise to begin with, small and whole, so that `make solutions` passes.

skeleton/ is that exercise, 00_gate: a gate that threads wait at until it is opened, here under another name. What it
asks, and how, is then rewritten sentence by sentence, with the self-check green all the time.
"""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from grader import c_text, files
from grader.errors import UsageError
from grader.exercises import EXERCISES, ROOT, SOLUTIONS, all_exercises, shown
from grader.grading.submission import STUBS
from grader.selfcheck import implementations

_SKELETON = Path(__file__).parent / "skeleton"
_NAME = re.compile(r"\d\d_([a-z][a-z0-9]*(?:_[a-z0-9]+)*)")


def make(name: str) -> list[Path]:
    """Writes it; returns the files."""
    found = _NAME.fullmatch(name)
    if not found:
        raise UsageError(f"EX={name}: a new exercise has a number and a name, such as EX=09_semaphore.")
    for exercise in all_exercises():
        if exercise.number == name[:2] or exercise.name[3:] == found[1]:
            raise UsageError(f"EX={name}: there is {exercise.name} already.")
    if why := _can_not_be(name, found[1]):
        raise UsageError(f"EX={name}: {why}.")
    if (EXERCISES / name).exists():
        raise UsageError(f"EX={name}: there is a directory exercises/{name} already.")
    written = []
    for path, text in _texts(name, found[1]).items():
        files.write_atomically(path, _renamed(text, name, found[1]))
        written.append(path)
    _lay_out([path for path in written if path.suffix in (".c", ".h")])
    return written


_WORDS_OF_C = frozenset(
    "auto break case char const continue default do double else enum extern float for goto if inline int long register"
    " restrict return short signed sizeof static struct switch typedef union unsigned void volatile while"
    " asm bool false linux true typeof unix".split()
)


def _can_not_be(name: str, stem: str) -> str:
    """Why no file, struct and functions can be called so."""
    if stem in _WORDS_OF_C:
        return f"{stem} is a word of C"
    header = f"{stem}.h"
    if any((ROOT / "grader").rglob(header)) or any(header in one.headers_here for one in all_exercises()):
        return f"the kit has a {stem}.h already"
    text = _renamed((_SKELETON / "header.h").read_text(encoding="utf-8"), name, stem)
    taken = (function for function in c_text.declared_functions(text) if hasattr(ctypes.CDLL(None), function))
    return next((f"{function} is a function of the C library" for function in taken), "")


def _lay_out(sources: Sequence[Path]) -> None:
    """As the project's C is: with a longer name lines break elsewhere."""
    ours = [str(path) for path in sources if not path.is_relative_to(implementations.KNOWN_RIGHT)]
    if program := shutil.which("clang-format-14") or shutil.which("clang-format"):
        subprocess.run([program, "-i", "--style=file", "--fallback-style=none", *ours], check=True)


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
    part = {path.name: path.read_text(encoding="utf-8") for path in _SKELETON.iterdir() if path.is_file()}
    wrong = {path.name: path.read_text(encoding="utf-8") for path in sorted((_SKELETON / "wrong").iterdir())}
    return {
        EXERCISES / name / f"{stem}.h": part["header.h"],
        EXERCISES / name / f"{stem}.c": part["stub.c"],
        EXERCISES / name / f"test_{stem}.c": part["suite.c"],
        EXERCISES / name / "README.md": part["README.md"],
        EXERCISES / name / "sentences.toml": part["sentences.toml"],
        STUBS / name / f"{stem}.c": part["stub.c"],
        SOLUTIONS / name / f"{stem}.c": part["solution.c"],
        implementations.KNOWN_RIGHT / name / "turnstile.c": part["right.c"],
        **{implementations.KNOWN_WRONG / name / patch: text for patch, text in wrong.items()},
    }


def lines(written: list[Path]) -> list[str]:
    """What there is to say of it."""
    number = written[0].parent.name[:2]
    return [*map(shown, written), "", f"It is whole: make solutions EX={number}", "CONTRIBUTING.md says how to go on."]
