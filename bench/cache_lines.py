"""make bench-lines: how often a cache line moves for a message, counted under the controlled scheduler.

Counted, these figures depend on no machine (lines/lines.c says what is counted). Beside those of two threads
stands what two processors of this machine take for the same.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench import pages, programs
from bench.everything import two_processors
from bench.measure import Point, run, take_turns
from bench.programs import Program, ProgramError
from bench.workloads import LIMITS, Workload
from grader.exercises import ROOT, all_exercises
from grader.files import write_atomically

PAGES = ("docs/performance.md", "solutions/fast/README.md")
THREADS = (2, 4, 16, 64)  # the scheduler follows 64 at most; one of them receives
MESSAGES = 6300
SEEDS = (1, 2, 3)
CHECKED = ("cache_line", "rmw_shared")  # limits of the machine whose cache lines can be counted


def workload(key: str, threads: int) -> Workload:
    """What so many threads do, one of which receives."""
    return {
        "unbounded": Workload(key, "unbounded", key, MESSAGES, threads - 1, pinned=True),
        "bounded": Workload(key, "bounded, capacity 128", key, MESSAGES, threads - 1, capacity=128, pinned=True),
        "requests": Workload(key, "clients and a server", key, MESSAGES, threads - 1, size=64, pinned=True),
    }[key]


KINDS = ("unbounded", "bounded", "requests")


@dataclass(frozen=True)
class Counted:
    """For each message."""

    moves: float
    time: float  # in moves, one after the other
    sleeps: float


Table = dict[str, dict[int, Counted]]  # by the key of the program, and the number of threads


def measure_all(rounds: int) -> int:
    """Counts, measures, and fills the pages."""
    lineup = [program for program in programs.solutions() if program.can == programs.CHANNEL] + programs.models()
    tables = {key: _count_all(key, lineup) for key in KINDS}
    blocks = {f"lines-{key}": _table(tables[key], lineup) for key in KINDS}
    for exercise in all_exercises():
        if between := programs.steps(exercise):
            ends = {program.key.partition("-")[0]: program for program in lineup if program.key[-2:] == exercise.number}
            all_steps = [ends["ours"], *between, ends["fast"]]
            blocks[f"lines-steps-{exercise.number}"] = _table(_count_all("bounded", all_steps), all_steps)
    blocks |= _measured(lineup, tables, rounds)
    for name in PAGES:
        write_atomically(ROOT / name, pages.fill((ROOT / name).read_text(), blocks))
    print(f"counted and measured: {PAGES[0]}")
    return 0


# ------------------------------------------------------------------------------------ counted


def _count_all(key: str, lineup: Sequence[Program]) -> Table:
    print(f"  counted: {workload(key, 2).title}", file=sys.stderr, flush=True)
    table: Table = {}
    for program in lineup:
        path = build(program)
        for threads in THREADS:
            if counted := count(path, workload(key, threads)):
                table.setdefault(program.key, {})[threads] = counted
    return table


def build(program: Program) -> Path:
    """The program, as it runs under the controlled scheduler."""
    out = Path("build", "bench", "lines", program.key)
    main, *code = (os.path.relpath(source, ROOT) for source in program.sources)
    command = ["make", "-s", "-f", "bench/lines/Makefile", f"PROGRAM={main}", f"CODE={' '.join(code)}", str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ProgramError(f"{program.label} can't be built for the controlled scheduler: {done.stderr.strip()}")
    return ROOT / out


def count(path: Path, work: Workload) -> Counted | None:
    """The medians over some schedules; None if it can't do that."""
    runs = []
    for seed in SEEDS:
        command = [str(path), str(seed), *work.arguments(work.messages)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 2:
            return None
        if done.returncode != 0:
            raise ProgramError(f"{path.name}, {work.title}: {done.stderr.strip()}")
        moves, sleeps, time, messages, _ = (float(word) for word in done.stdout.split())
        runs.append((moves / messages, time / messages, sleeps / messages))
    return Counted(*(statistics.median(figures) for figures in zip(*runs, strict=True)))


def _table(table: Table, lineup: Sequence[Program]) -> str:
    others = "".join(f" | {threads}" for threads in THREADS[1:])
    rows = [
        f"| | moves, with {THREADS[0]} threads{others} | time, with {THREADS[0]}{others} |",
        "|---|" + "--:|" * 2 * len(THREADS),
    ]
    for program in lineup:
        if counted := table.get(program.key):
            cells = [_short(counted[threads].moves) for threads in THREADS]
            cells += [_short(counted[threads].time) for threads in THREADS]
            rows.append(f"| {_name(program)} | {' | '.join(cells)} |")
    return "\n".join(rows)


def _name(program: Program) -> str:
    return f"**{program.label}**" if program.key.startswith(("ours", "fast")) else program.label


def _short(number: float) -> str:
    return f"{number:,.0f}" if number >= 20 else f"{number:.1f}" if number >= 2 else f"{number:.2f}"


# ----------------------------------------------------------------------------------- measured


def _measured(lineup: Sequence[Program], tables: Mapping[str, Table], rounds: int) -> dict[str, str]:
    limits = programs.limits()
    for program in [*lineup, limits, programs.PIN]:
        if why := programs.build(program):
            raise ProgramError(f"{program.label} can't be built: {why}")
    os.sched_setaffinity(0, two_processors())
    counted: dict[str, Counted] = {}
    measured: dict[str, float] = {}
    for limit in LIMITS:
        figures = count(build(limits), replace(limit, messages=MESSAGES)) if limit.key in CHECKED else None
        if figures:
            counted[limit.key] = figures
            measured[limit.key] = statistics.median(_nanoseconds(limits, limit) for _ in range(5 * rounds))
    unit = measured["cache_line"] / counted["cache_line"].time
    moves, hand_over, add = counted["cache_line"].moves, measured["cache_line"], counted["rmw_shared"].time * unit
    told = (
        f"A move takes {unit:.0f} ns here: handing a line over is {moves:.0f} of them, one to see what was written\n"
        f"and one to write the answer, and takes {hand_over:.0f} ns. By that, two threads that change one word with\n"
        f"`fetch_add` should need {add:.1f} ns each time. They need {measured['rmw_shared']:.1f}."
    )
    points = {}
    for key in KINDS:
        print(f"  measured: {workload(key, 2).title}", file=sys.stderr, flush=True)
        points[key] = take_turns(lineup, replace(workload(key, 2), messages=5_000_000), rounds, 0.1)
    return {"lines-unit": told, "lines-measured": _compare(lineup, tables, points, unit)}


def _nanoseconds(program: Program, limit: Workload) -> float:
    done = run(program, limit, limit.messages)
    if isinstance(done, str):
        raise ProgramError(f"{limit.title}: {done}")
    return done[0] / done[1] * 1e9


def _compare(lineup: Sequence[Program], tables: Mapping[str, Table], points: Mapping[str, Point], unit: float) -> str:
    heads = [f"{workload(key, 2).title}: {what}" for key in KINDS for what in ("counted", "measured")]
    rows = ["| | " + " | ".join(heads) + " |", "|---|" + "--:|" * len(heads)]
    for program in lineup:
        cells = []
        for key in KINDS:
            counted, rates = tables[key].get(program.key), _rates(points[key], program.key)
            cells += [_short(counted[2].time * unit), _short(1e9 / max(rates))] if counted and rates else ["", ""]
        rows.append(f"| {_name(program)} | {' | '.join(cells)} |")
    ranks = [f"{_rank_correlation(tables[key], points[key]):.2f}" for key in KINDS]
    rows.append(f"| in the same order (Spearman's coefficient) | {' | '.join(f'{rank} | ' for rank in ranks)}|")
    return "\n".join(rows)


def _rates(point: Point, key: str) -> list[float]:
    return point[key].rates if key in point else []


def _rank_correlation(table: Table, point: Point) -> float:
    """Spearman's: 1 where what is counted puts the channels in the order in which they were measured."""
    both = [key for key in table if _rates(point, key)]
    counted = [table[key][2].time for key in both]
    return statistics.correlation(_ranks(counted), _ranks([-max(_rates(point, key)) for key in both]))


def _ranks(numbers: Sequence[float]) -> list[float]:
    order = sorted(numbers)
    return [order.index(number) + order.count(number) / 2 for number in numbers]
