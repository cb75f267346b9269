"""Runs suites on traced solutions: how often each function answered what, in which situation, in each test."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import tempfile
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from grader.errors import GraderError
from grader.exercises import SOLUTIONS, Exercise, read_text
from grader.grading import build, runner
from grader.grading.build import Unit
from grader.grading.grade import cpu_count
from grader.grading.submission import Code
from grader.selfcheck import implementations

HERE = Path(__file__).parent
STATUSES = 8
KNOBS = {"SCHEDULES": "40", "SCENARIOS": "300"}
ALLOCATE = ("textbook.c", "per_request.c")
SITUATIONS = {
    "capacity": ("1", "2", "3", "many", "none"),
    "offset": ("0", "further"),
    "asleep": ("nobody", "the receiver", "a sender", "senders"),
    "channels": ("1", "2"),
    "use": ("first", "later"),
    "thread": ("own", "handed over"),
    "call before": ("none", "blocking", "trying", "timed", "selecting", "failed"),
    "inside": ("nobody", "another"),
}
NAMES = tuple((axis, value) for axis, values in SITUATIONS.items() for value in values)

SeenIn = dict[str, Counter[tuple[str, int, int]]]  # a test: (function, status, number in NAMES)


def functions(exercise: Exercise) -> list[str]:
    """Those that are traced: its own, and unless it carries a channel those it builds on."""
    chain = [exercise] if exercise.carries_channel else exercise.chain()
    return list(dict.fromkeys(name for one in chain for name in one.new_functions()))


def is_possible(exercise: Exercise) -> bool:
    """Does what stands between suite and channel know all its functions?"""
    calls = _calls(exercise)
    return calls.exists() and {*functions(exercise)} <= {*re.findall(r"\b\w+(?=\()", read_text(calls))}


def _calls(exercise: Exercise) -> Path:
    return HERE / f"{exercise.files[0][:-2]}_calls.h"


def run(exercise: Exercise, tests: Sequence[str] = ()) -> SeenIn:
    """What these tests of its suite, or all, make of right channels: of the solution, and of those that allocate where
    the solution does not."""
    paths = [SOLUTIONS / exercise.name / exercise.files[0]]
    paths += [path for name in ALLOCATE if (path := implementations.KNOWN_RIGHT / exercise.name / name).exists()]
    units = [Unit(_traced(exercise, path), exercise, "interleave") for path in paths]
    for failure in build.build(units, cpu_count()).values():
        raise GraderError(f"{exercise.name} can't be traced: {failure.message} {failure.where}")
    names = tests or runner.list_tests(units[0])
    seen: SeenIn = {name: Counter() for name in names}
    with ThreadPoolExecutor(cpu_count()) as pool:
        runs = [(unit, name) for unit in units for name in names]
        for (_, name), found in zip(runs, pool.map(lambda run: _run_one(*run), runs), strict=True):
            seen[name].update(found)
    return seen


def _run_one(unit: Unit, name: str) -> Counter[tuple[str, int, int]]:
    traced = functions(unit.suite)
    layout = f"{len(traced) * STATUSES * len(NAMES)}I"
    with tempfile.NamedTemporaryFile() as file:
        file.truncate(struct.calcsize(layout))
        environment = {**os.environ, **KNOBS, "SITUATIONS": file.name}
        ended = subprocess.run(
            ["setarch", "-R", str(unit.program), name], env=environment, capture_output=True, check=False
        )
        if ended.returncode != 0:
            said = ended.stderr.decode("utf-8", "replace")[-500:]
            raise GraderError(f"{unit.suite.name}: {name} does not pass on the traced solution. {said}")
        numbers = struct.unpack(layout, Path(file.name).read_bytes())
    found: Counter[tuple[str, int, int]] = Counter()
    for at, number in enumerate(numbers):
        rest, situation = divmod(at, len(NAMES))
        if number:
            found[traced[rest // STATUSES], rest % STATUSES, situation] = number
    return found


def _traced(exercise: Exercise, path: Path) -> Code:
    """A right channel, and in the same file what stands between it and the suite."""
    traced = functions(exercise)
    lines = ["#include <limits.h>", *(f"#define {function} inner_{function}" for function in traced)]
    lines += [read_text(path), *(f"#undef {function}" for function in traced)]
    lines += [f"#define HAS_{function}" for function in traced]
    lines += ["enum function { " + ", ".join(f"F_{function}" for function in traced) + ", FUNCTIONS };"]
    lines += [read_text(part) for part in (HERE / "trace.h", _calls(exercise))]
    text = "\n".join(line.replace("#pragma once", "") for line in lines) + "\n"
    return implementations.code_of(exercise, path, text.encode())
