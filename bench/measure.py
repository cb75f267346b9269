"""Runs programs under workloads, taking turns: A B C, A B C, ..., so that whatever else happens on
the machine meets all of them alike.
"""

from __future__ import annotations

import os
import statistics
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.programs import PIN, Program
from bench.workloads import MEMORY, Workload

TIMEOUT = 20.0
MEMORY_KINDS = {workload.kind for workload in MEMORY}


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


Point = dict[str, Measured]  # by the key of each program that can do the workload


def run(program: Program, workload: Workload, messages: int) -> tuple[float, int, int] | str:
    """Seconds, messages and bytes of one run, or why there is none ("" if it can't do that)."""
    command = [str(program.path), *workload.arguments(messages)]
    env = dict(os.environ) | ({"LD_PRELOAD": str(PIN.path)} if workload.pinned else {})
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False, env=env)
    except subprocess.TimeoutExpired:
        return f"no end within {TIMEOUT:.0f} s"
    if done.returncode == 2:
        return ""
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        return said[0] if said else "it crashed"
    seconds, received, grown = done.stdout.split()
    return float(seconds), int(received), int(grown)


def _fitting(program: Program, workload: Workload, seconds: float) -> int | str:
    """How many messages it can do in about that time, found out with fewer; or as in run."""
    messages = min(max(workload.threads * 4, workload.messages // 500), workload.messages)
    while True:
        tried = run(program, workload, messages)
        if isinstance(tried, str):
            return tried
        fits = int(messages * seconds / max(tried[0], 1e-6))
        if tried[0] >= seconds / 10 or fits >= workload.messages:
            return max(workload.threads * 4, min(workload.messages, fits))
        messages = min(workload.messages, messages * 8)


def take_turns(programs: Sequence[Program], workload: Workload, rounds: int, seconds: float) -> Point:
    """Measures them all under one workload, each run about that long."""
    point: Point = {}
    for program in programs:
        if workload.kind not in program.can or (workload.pinned and not program.can_be_pinned):
            continue
        if workload.kind in MEMORY_KINDS:
            point[program.key] = Measured(workload.messages)
            continue
        messages = _fitting(program, workload, seconds)
        if isinstance(messages, int):
            point[program.key] = Measured(messages)
        elif messages:
            point[program.key] = Measured(problem=messages)
    for _ in range(rounds):
        for program in programs:
            measured = point.get(program.key)
            if measured is not None and not measured.problem:
                _one_round(program, workload, measured)
    return {key: measured for key, measured in point.items() if measured.rates or measured.problem}


def _one_round(program: Program, workload: Workload, measured: Measured) -> None:
    result = run(program, workload, measured.messages)
    if isinstance(result, str):
        measured.problem = result
        measured.rates = []
        return
    seconds, received, grown = result
    measured.rates.append(received / max(seconds, 1e-9))
    measured.bytes_each = grown / max(received, 1)
