"""make bench-peers: everything against everything, into docs/performance.md and its plots."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bench import pages, programs
from bench import results as measured
from bench.measure import run, take_turns
from bench.programs import BUILD, Program, ProgramError
from bench.results import Results
from bench.workloads import LIMITS, MAIN, MEMORY, PINNED, by_senders, by_size
from grader.exercises import ROOT, all_exercises


def measure_all(rounds: int, quick: bool, only: Sequence[str]) -> int:
    """Measures, keeps what was measured in build/, and writes the pages and plots."""
    began = time.monotonic()
    results = Results()
    built = _build(results)
    steps = [step for exercise in all_exercises() for step in programs.steps(exercise)]
    limits = programs.limits()
    for program in [*steps, limits, programs.PIN]:
        _must_build(program)
    os.sched_setaffinity(0, two_processors())
    loads = [os.getloadavg()[0]]
    for workload in [*MAIN, *PINNED, *by_senders(), *MEMORY, *by_size()]:
        if only and workload.key.split("-")[0] not in only:
            continue
        print(f"  {workload.title}", file=sys.stderr, flush=True)
        seconds = 0.25 if workload in (*MAIN, *PINNED) else 0.1
        lineup = [*built, *steps] if workload in MAIN else built
        results.points[workload.key] = take_turns(lineup, workload, rounds, min(seconds, 0.1) if quick else seconds)
        loads.append(os.getloadavg()[0])
    _measure_limits(limits, results, rounds, 10 if quick else 1)
    results.machine = _machine(rounds, loads, time.monotonic() - began)
    results.keep()
    return write_pages(quick or bool(only))


def write_pages(scratch: bool = False) -> int:
    """The pages and plots once more, from what was measured last; scratch: not those of the kit."""
    results = measured.kept()
    folder = BUILD if scratch else ROOT
    pages.write(results, folder)
    for key, why in results.left_out.items():
        print(f"left out: {key} ({why})")
    took = results.machine["took"]
    print(f"measured in {took}: {os.path.relpath(folder / 'docs' / 'performance.md')}")
    return 0


def _build(results: Results) -> list[Program]:
    built = []
    for program in [*programs.solutions(), *programs.peers()]:
        if program.ours:
            _must_build(program)
        elif why := programs.build(program):
            results.left_out[program.label] = f"{why}; Debian's package is {program.needs}"
            continue
        built.append(program)
        results.labels[program.key] = program.label
        if version := programs.version(program):
            results.versions[program.label] = version
    return built


def two_processors() -> set[int]:
    """Two that this process may use, of two cores if it has them: a core may have several processors."""
    first, *others = sorted(os.sched_getaffinity(0))
    return {first, *sorted(others, key=lambda other: _core(other) == _core(first))[:1]}


def _core(processor: int) -> str:
    siblings = Path(f"/sys/devices/system/cpu/cpu{processor}/topology/thread_siblings_list")
    return siblings.read_text() if siblings.exists() else str(processor)


def _must_build(program: Program) -> None:
    if why := programs.build(program):
        raise ProgramError(f"{program.label} ({program.key}) can't be built: {why}")


def _measure_limits(program: Program, results: Results, rounds: int, less: int) -> None:
    print("  what the machine allows", file=sys.stderr, flush=True)
    for _ in range(rounds):
        for limit in LIMITS:
            done = run(program, limit, limit.messages // less)
            if not isinstance(done, str):
                results.limits.setdefault(limit.key, []).append(done[0] / done[1] * 1e9)


def _machine(rounds: int, loads: Sequence[float], seconds: float) -> dict[str, str]:
    return {
        "date": datetime.date.today().isoformat(),
        "processor": f"{_processor()}, {len(os.sched_getaffinity(0))} of {os.cpu_count()} processors",
        "system": f"Linux {platform.release().split('-')[0]}",
        "compilers": _compilers(),
        "load": f"{min(loads):.1f} to {max(loads):.1f}",
        "rounds": str(rounds),
        "took": f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s",
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def _compilers() -> str:
    cc = _version([programs.CC, "-dumpfullversion"])
    rest = (_version(["rustc", "--version"]), _version(["go", "version"]))
    return ", ".join(filter(None, (f"{programs.CC} {cc}", *rest)))


def _version(command: Sequence[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.splitlines()[0].split(" (")[0].removeprefix("go version ") if done.stdout else ""
