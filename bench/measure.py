"""Runs programs under workloads, taking turns: A B C, A B C, ..., so that whatever else happens on
the machine meets all of them alike.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bench.programs import Program
from bench.workloads import Workload

SECONDS = 0.4  # what a run may take; slow programs are given fewer messages
TIMEOUT = 20.0


@dataclass
class Measured:
    """What the rounds of one program under one workload gave."""

    messages: int = 0
    rates: list[float] = field(default_factory=list)  # messages a second, a round each
    bytes_each: float = 0.0  # memory for each message or channel
    problem: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.rates) if self.rates else 0.0


Point = dict[str, Measured]  # of the programs that can do the workload


def run(program: Program, workload: Workload, messages: int) -> tuple[float, int, int] | str:
    """Seconds, messages and bytes of one run, or why there is none ("" if it can't do that)."""
    command = [str(program.path), *workload.arguments(messages)]
    if workload.kind == "tickets" and len(program.sources) > 1:
        command.pop(1)  # tickets.c does nothing else
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired:
        return f"it hung: {workload.title}"
    if done.returncode == 2:
        return ""
    if done.returncode != 0:
        return done.stderr.strip().splitlines()[0] if done.stderr.strip() else "it crashed"
    seconds, received, grown = done.stdout.split()
    return float(seconds), int(received), int(grown)


def _fitting(program: Program, workload: Workload, seconds: float) -> int | str:
    """How many messages it can do in about that time, found out with few; or as in run."""
    few = max(workload.threads * 4, workload.messages // 200)
    tried = run(program, workload, few)
    if isinstance(tried, str):
        return tried
    if workload.kind in ("queued", "at_rest"):
        return workload.messages
    fits = int(few * seconds / max(tried[0], 1e-6))
    return max(few, min(workload.messages, fits))


def take_turns(
    programs: Sequence[Program],
    workload: Workload,
    rounds: int,
    seconds: float = SECONDS,
) -> Point:
    """Measures them all under one workload."""
    point: Point = {}
    for program in programs:
        if workload.kind in program.cannot or _is_server(program) != (workload.kind == "tickets"):
            continue
        messages = _fitting(program, workload, seconds)
        if messages == "":
            continue
        if isinstance(messages, str):
            point[program.key] = Measured(problem=messages)
        else:
            point[program.key] = Measured(messages)
    for _ in range(rounds):
        for program in programs:
            measured = point.get(program.key)
            if measured is not None and not measured.problem:
                _one_round(program, workload, measured)
    return point


def _is_server(program: Program) -> bool:
    """Does it do tickets only? Programs of one source do everything."""
    if len(program.sources) == 1:
        return False
    return program.sources[0].name == "tickets.c"


def _one_round(program: Program, workload: Workload, measured: Measured) -> None:
    result = run(program, workload, measured.messages)
    if isinstance(result, str):
        measured.problem = result or "it can't do that"
        return
    seconds, received, grown = result
    measured.rates.append(received / max(seconds, 1e-9))
    measured.bytes_each = grown / max(received, 1)


def load() -> float:
    """How busy the machine is: the average of the last minute."""
    return os.getloadavg()[0]


def told(point: Callable[[], Point], title: str) -> Point:
    """The point, with a line on stderr while it is measured."""
    print(f"  {title}", file=sys.stderr, flush=True)
    return point()
