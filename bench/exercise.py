"""make bench: one exercise's channel beside its solutions, a pipe and what is installed of the rest."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from bench import plots, programs
from bench.measure import Point, run, take_turns
from bench.programs import BUILD, Program
from bench.workloads import (
    BOUNDED_1,
    BOUNDED_128,
    PINGPONG,
    REQUESTS,
    TICKETS,
    UNBOUNDED_1,
    UNBOUNDED_4,
    Workload,
)
from grader.errors import UsageError
from grader.exercises import SOLUTIONS, all_exercises, by_name, find
from grader.grading.submission import find_channel
from grader.output.text import wrap

SENDERS = [1, 2, 4, 8, 16]
WIDTH = 80
LABEL = 30
NAMES = {"yours": "yours", "solution": "the solution", "fast": "the fast one"}


def measure(wanted: str, source: Path, rounds: int, quick: bool) -> int:
    """Measures the exercise of that number, or the last one that is written, and shows it."""
    yours = _chosen(wanted, source)
    name = yours.label
    print(f"{name}: yours beside its solution and others, in about two minutes")
    lineup = [yours, *_beside(name)]
    tickets = name.startswith("08")
    workloads = [TICKETS] if tickets else _workloads(name)
    seconds = 0.05 if quick else 0.1
    for workload in workloads:
        show(workload, lineup, take_turns(lineup, workload, rounds, seconds))
    if not tickets:
        _plot(name, lineup, max(2, rounds // 2), seconds / 2)
    return 0


def show(workload: Workload, lineup: Sequence[Program], point: Point) -> None:
    """Bars, the longest first."""
    print(f"\n{workload.title}, messages/s")
    fastest = max((measured.median for measured in point.values()), default=0.0)
    order = sorted(lineup, key=lambda p: -point[p.key].median if p.key in point else 0.0)
    for program in order:
        measured = point.get(program.key)
        if measured is None:
            continue
        label = NAMES.get(program.key, program.label)
        if measured.problem:
            print(f"  {label:<{LABEL}} {measured.problem}"[:WIDTH])
            continue
        length = round((WIDTH - LABEL - 14) * measured.median / fastest) if fastest else 0
        print(f"  {label:<{LABEL}} {_rate(measured.median):>8}  {'█' * length or '▏'}")


def _rate(rate: float) -> str:
    return f"{rate / 1e6:.2f} M" if rate >= 1e6 else f"{rate / 1e3:.1f} k"


def _chosen(wanted: str, source: Path) -> Program:
    if not wanted.strip():
        return _last_written(source)
    exercise = find(wanted)
    if not exercise.has_channel:
        raise UsageError(f"{exercise.name} has no channel to measure.")
    if exercise.base is None:
        raise UsageError(f"The channel of {exercise.name} has no threads to measure it with: EX=02 and later.")
    program = _yours(source / exercise.name)
    if why := programs.build(program) or _not_written(program):
        raise UsageError(f"{exercise.name} can't be measured yet: {why}")
    return program


def _last_written(source: Path) -> Program:
    for exercise in reversed(all_exercises()):
        program = _yours(source / exercise.name)
        if exercise.base is not None and not programs.build(program) and not _not_written(program):
            return program
    raise UsageError("Nothing to measure yet: make bench needs a channel that passes 02.")


def _yours(folder: Path) -> Program:
    channel = find_channel(folder.parent, by_name(folder.name))
    code = channel.path if channel else folder / "channel.c"
    if folder.name.startswith("08"):
        return programs.ticket_server("yours", folder.name, folder / "ticket_server.c", code)
    return programs.channel("yours", folder.name, code, folder.name)


def _not_written(program: Program) -> str:
    """Why it can't send ten messages, or ""."""
    tickets = program.can == programs.TICKETS
    few = Workload("", "", "tickets" if tickets else "unbounded", 12, capacity=int(tickets))
    done = run(program, few, 12)
    return done if isinstance(done, str) else ""


def _beside(name: str) -> list[Program]:
    candidates = [*_solutions(name), *programs.peers()]
    if name.startswith("08"):
        candidates = [program for program in candidates if "tickets" in program.can]
    built, missing = [], []
    for program in candidates:
        if why := programs.build(program):
            missing.append(f"{program.label} ({f'apt install {program.needs}' if program.needs else why})")
        else:
            built.append(program)
    if missing:
        print(*wrap(f"Not here: {', '.join(missing)}", WIDTH, whole=True), sep="\n")
    return built


def _solutions(name: str) -> list[Program]:
    """The solution, the fast one where there is one, and the steps between; a kit for students has none of them."""
    found = [] if name.startswith("08") else programs.steps(by_name(name))
    server = SOLUTIONS / name / "ticket_server.c"
    for key, folder in (("solution", SOLUTIONS), ("fast", SOLUTIONS / "fast")):
        if name.startswith("08"):
            code = folder / "04_bounded" / "channel.c"
            program = programs.ticket_server(key, name, server, code)
        else:
            code = folder / name / "channel.c"
            program = programs.channel(key, name, code, name)
        if code.exists():
            found.append(program)
    return found


def _workloads(name: str) -> list[Workload]:
    unbounded = [UNBOUNDED_1, UNBOUNDED_4]
    bounded = [BOUNDED_128, BOUNDED_1] if _is_bounded(name) else []
    return [*unbounded, *bounded, PINGPONG, REQUESTS]


def _is_bounded(name: str) -> bool:
    return name[:2] in ("04", "05", "06")


def _plot(name: str, lineup: Sequence[Program], rounds: int, seconds: float) -> None:
    if not plots.possible():
        print("\nNo plot: there is no matplotlib (apt install python3-matplotlib).")
        return
    base = BOUNDED_128 if _is_bounded(name) else UNBOUNDED_1
    capacity = base.capacity
    series: dict[str, tuple[str, list[tuple[float, float]]]] = {}
    for n in SENDERS:
        print(f"\r  plot: {n} senders ", end="", file=sys.stderr, flush=True)
        workload = Workload("", "", base.kind, base.messages, n, 8, capacity)
        for key, measured in take_turns(lineup, workload, rounds, seconds).items():
            if measured.rates:
                label = next(program.label for program in lineup if program.key == key)
                series.setdefault(key, (NAMES.get(key, label), []))[1].append((n, measured.median))
    print("\r\x1b[K" if sys.stderr.isatty() else "", file=sys.stderr)
    path = BUILD / f"{name}.svg"
    plots.lines(path, series, "senders", "messages/s")
    print(f"Over the number of senders: {os.path.relpath(path)}")
