"""make bench-grader: how long a student waits for the grader, and where that time goes.

All of it runs in a copy of the kit, so that nothing is built yet and nothing of the student's is touched.
Processor seconds are told beside those of the clock: on a machine with other work they are what counts.
"""

from __future__ import annotations

import contextlib
import os
import pty
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from bench.pages import fill
from grader.exercises import ROOT, all_exercises, is_elective
from grader.kit import GENERATED

PAGE = ROOT / "docs" / "performance.md"
EDITED = "04_bounded"
# A line that a student may leave out, and what the grader's status line then says first.
MISTAKE = "    pthread_cond_broadcast(&ch->writable);\n"
TOLD = re.compile(rb"of \d+ tests; ")
CLASS = 10


@dataclass
class Took:
    """What a command took, with all it started."""

    clock: float
    processor: float


def measure_all() -> int:
    """Measures, and writes the tables into docs/performance.md."""
    with tempfile.TemporaryDirectory() as folder:
        kit = Path(folder) / "kit"
        shutil.copytree(ROOT, kit, ignore=shutil.ignore_patterns(*GENERATED))
        rows, shares = _grade(kit)
        rows += _edits(kit, Path(folder) / "edited")
        rows.append(_class(kit, Path(folder) / "class"))
    blocks = {
        "grader": _table(rows),
        "grader-shares": "\n".join(["| | processor seconds |", "|---|--:|", *shares]),
        "grader-machine": f"Load of the machine while this was measured: {os.getloadavg()[0]:.1f}"
        f" on {os.cpu_count()} processors, the grader's own included.",
        "schedules": _schedules(),
    }
    page = fill(PAGE.read_text(), blocks)
    print("\n".join(f"{text}\n" for text in blocks.values()))
    PAGE.write_text(page)
    return 0


def _grade(kit: Path) -> tuple[list[tuple[str, Took]], list[str]]:
    solutions = kit / "solutions"
    core = kit / "build" / "core"
    electives = [exercise.name for exercise in all_exercises() if is_elective(exercise)]
    shutil.copytree(solutions, core, ignore=shutil.ignore_patterns(*electives))
    wanted = ["make", "grade", f"SRC={core}"]
    cold_core = _run("cold, 01 to 04 and 08", kit, wanted)
    shutil.rmtree(kit / "build")
    everything = ["make", "grade", "SOLUTIONS=1"]
    cold = _run("cold, all", kit, everything)
    shutil.rmtree(kit / "build" / "results")
    built = _run("the same, built already", kit, everything)
    warm = _run("warm", kit, everything)
    rows = [
        ("`make grade` of the solutions of 01 to 04 and 08, in a fresh checkout", cold_core),
        ("the same for all eight", cold),
        ("`make grade` again, nothing changed", warm),
    ]
    shares = [
        f"| compilers, assembler, linker, `objcopy`, `make` | {cold.processor - built.processor:.1f} |",
        f"| the tests themselves | {built.processor - warm.processor:.1f} |",
        f"| Python: starting, reading the submissions, output | {warm.processor:.2f} |",
    ]
    return rows, shares


def _edits(kit: Path, tree: Path) -> list[tuple[str, Took]]:
    (tree / EDITED).mkdir(parents=True)
    code = tree / EDITED / "channel.c"
    right = (kit / "solutions" / EDITED / "channel.c").read_text()
    assert MISTAKE in right
    command = ["make", "grade", f"EX={EDITED[:2]}", f"SRC={tree}"]
    rows = []
    for what, text, until in (
        ("the first edit of 04, with a mistake: until a failing test is told, 04's suite compiled too", "", TOLD),
        ("the next edit, with the same mistake", "/* edited */\n", TOLD),
    ):
        code.write_text(right.replace(MISTAKE, text))
        rows.append((what, _run(what, kit, command, until)))
    code.write_text(right + "/* edited */\n")
    what = "an edit of 04 that is right: until the suites of 01 to 04 have passed"
    return [*rows, (what, _run(what, kit, command))]


def _class(kit: Path, submissions: Path) -> tuple[str, Took]:
    python = [sys.executable, "-m", "grader.tests.class_of", "write", str(submissions), str(CLASS)]
    subprocess.run(python, cwd=kit, check=True, capture_output=True)
    took = _run("a class", kit, ["make", "class", f"SUBMISSIONS={submissions}"])
    each = Took(took.clock / CLASS, took.processor / CLASS)
    return f"`make class`: each of {CLASS} submissions of all kinds, all exercises", each


def _run(what: str, kit: Path, command: list[str], until: re.Pattern[bytes] | None = None) -> Took:
    """Runs a command on a terminal, to its end or until it has said something."""
    before, began = _processor_seconds(), time.monotonic()
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "200"}
    for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "EX", "SRC"):
        environment.pop(name, None)
    process = subprocess.Popen(
        command, cwd=kit, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
    )
    os.close(theirs)
    clock, said = 0.0, b""
    with contextlib.suppress(OSError):  # the terminal's other end has gone
        while data := os.read(ours, 65536):
            said = (said + data)[-1000:]
            if until is not None and not clock and until.search(said):
                clock = time.monotonic() - began
                os.killpg(process.pid, signal.SIGINT)
    process.wait()
    os.close(ours)
    took = Took(clock or time.monotonic() - began, _processor_seconds() - before)
    print(f"  {what}: {took.clock:.2f} s, processor {took.processor:.2f} s", file=sys.stderr, flush=True)
    return took


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _table(rows: list[tuple[str, Took]]) -> str:
    lines = ["| | by the clock | processor | on two idle processors |", "|---|--:|--:|--:|"]
    for what, took in rows:
        clock, used = f"{took.clock:.2f} s", f"{took.processor:.2f} s"
        lines.append(f"| {what} | {clock} | {used} | {took.processor / 2:.2f} s |")
    return "\n".join(lines)


def _schedules() -> str:
    """What make bench-interleave says, as it says it."""
    done = subprocess.run(["make", "-s", "bench-interleave"], cwd=ROOT, capture_output=True, text=True, check=False)
    return f"```\n{done.stdout.strip()}\n```"
