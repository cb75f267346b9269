"""The known-right and known-wrong implementations that prove the suites.

A known-right one is a whole file, or a step on the way from a solution to the fast one. A known-wrong one
is a whole file too, or a unified diff against a known-right one; its head says what the mistake is and which
verdicts are right:

    Mistake: one sentence.
    Verdict: deadlock failed
    Test: a_name another_name          (optional: which tests are expected to catch it)
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from grader.errors import GraderError, MachineError, NotInstalled
from grader.exercises import ROOT, SOLUTIONS, Exercise, by_name, read_text, shown
from grader.grading.submission import Code, Source
from grader.grading.verdicts import OF_TESTS

FAST = SOLUTIONS / "fast"
KNOWN_RIGHT = ROOT / "grader" / "tests" / "known_right"
KNOWN_WRONG = ROOT / "grader" / "tests" / "known_wrong"

# What a test may say of a wrong channel.
_OF_NONE = ("passed", "not_implemented", "build_failed", "skipped", "environment")
VERDICTS = tuple(verdict for verdict in OF_TESTS if verdict not in _OF_NONE)

_FIELD = re.compile(r"^(?:/\*|\s\*)?\s*(Mistake|Verdict|Test):\s*(.*?)\s*(?:\*/)?$")


@dataclass(frozen=True)
class Implementation:
    """One implementation, known to be right or wrong."""

    exercise: Exercise
    path: Path
    code: Code
    mistake: str = ""
    verdicts: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.exercise.name}/{self.path.stem}"


def known_right(exercise: Exercise) -> list[Implementation]:
    """All known-right implementations of an exercise."""
    paths = [path for folder in (KNOWN_RIGHT, FAST) for path in sorted((folder / exercise.name).glob("*.c"))]
    found = {path: path.read_bytes() for path in paths} | steps(exercise)
    return [Implementation(exercise, path, code_of(exercise, path, content)) for path, content in found.items()]


@cache
def steps(exercise: Exercise) -> dict[Path, bytes]:
    """The channels on the way from the solution to the fast one, by the patch that makes each of the one before."""
    found: dict[Path, bytes] = {}
    patches = sorted((FAST / exercise.name).glob("*.patch"), key=lambda path: int(path.stem.partition("_")[0]))
    content = (SOLUTIONS / exercise.name / "channel.c").read_bytes() if patches else b""
    for path in patches:
        content = found[path] = _apply(path, content, "what is before it")
    return found


def known_wrong(exercise: Exercise, tell: Callable[[str], None] | None = None) -> list[Implementation]:
    """All known-wrong implementations of an exercise.

    tell: is told of each that can't be read, which is left out; without it that ends all."""
    folder, found = KNOWN_WRONG / exercise.name, []
    for path in sorted([*folder.glob("*.patch"), *folder.glob("*.c")]):
        try:
            found.append(_known_wrong(exercise, path))
        except MachineError:
            raise
        except GraderError as error:
            if tell is None:
                raise
            tell(str(error))
    return found


def _known_wrong(exercise: Exercise, path: Path) -> Implementation:
    head = _head(path)
    if not head.get("Mistake") or not head.get("Verdict"):
        raise GraderError(f"{shown(path)} must begin with Mistake: and Verdict:.")
    verdicts = tuple(re.split(r"[\s,]+", head["Verdict"].strip(" .")))
    if unknown := [word for word in verdicts if word not in VERDICTS]:
        raise GraderError(f"{shown(path)}: Verdict: {unknown[0]} is none. There are: {' '.join(VERDICTS)}.")
    content = path.read_bytes() if path.suffix == ".c" else _patched(path)
    tests = tuple(re.split(r"[\s,]+", head["Test"].strip(" ."))) if head.get("Test") else ()
    return Implementation(exercise, path, code_of(exercise, path, content), head["Mistake"], verdicts, tests)


def _head(path: Path) -> dict[str, str]:
    fields: dict[str, str] = {}
    last = ""
    for line in read_text(path).splitlines():
        if line.startswith("--- ") or (path.suffix == ".c" and line.startswith("#")):
            break
        match = _FIELD.match(line)
        if match:
            last = match[1]
            fields[last] = match[2]
        elif last and line.strip(" */"):
            fields[last] += " " + line.strip(" */")
        else:
            last = ""
    return fields


def _patched(path: Path) -> bytes:
    """The file a patch makes."""
    base = re.search(r"^--- (\S+)", read_text(path), re.MULTILINE)
    if base is None or not (ROOT / base[1]).is_file():
        raise GraderError(f"{shown(path)}: the file it changes does not exist.")
    return _apply(path, (ROOT / base[1]).read_bytes(), base[1])


def _apply(path: Path, content: bytes, name: str) -> bytes:
    """What a patch makes of that content, called name. It must fit exactly."""
    if shutil.which("patch") is None:
        raise NotInstalled("patch", "Run: sh setup.sh --for test", ", and known-wrong channels need it")
    with tempfile.TemporaryDirectory() as directory:
        base, out = Path(directory) / "base.c", Path(directory) / "out.c"
        base.write_bytes(content)
        command = ["patch", "-s", "-F0", "-r", "-", "-o", str(out), str(base), str(path)]
        ended = subprocess.run(command, capture_output=True, check=False)
        if ended.returncode != 0:
            said = (ended.stdout + ended.stderr).decode("utf-8", "replace").strip()
            raise GraderError(f"{shown(path)} does not apply to {name}: {said}")
        return out.read_bytes()


def code_of(exercise: Exercise, path: Path, content: bytes) -> Code:
    """The implementation; where its exercise carries a channel, linked with the first step to the fast one.

    That signals after unlocking, as a channel may. A handle that another thread drops meanwhile is told with it; the
    solution is done with the channel by then, and forgives it. Later steps look again before they sleep, and yield:
    with them little can be proved."""
    own = Source(exercise.name, exercise.files[0], content, path)
    if not exercise.carries_channel or exercise.base is None:
        return Code(exercise.name, (own,))
    channels = steps(by_name(exercise.base))
    if not channels:
        raise GraderError(f"solutions/fast/{exercise.base} has no steps.")
    patch, channel = next(iter(channels.items()))
    return Code(exercise.name, (own, Source(exercise.base, "channel.c", channel, patch)))


def solution(exercise: Exercise) -> list[Implementation]:
    """The solution of an exercise, in the same form; none in a kit for students."""
    path = SOLUTIONS / exercise.name / exercise.files[0]
    return [Implementation(exercise, path, code_of(exercise, path, path.read_bytes()))] if path.exists() else []
