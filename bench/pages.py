"""Puts what was measured into pages: between <!-- begin NAME --> and <!-- end NAME --> stands what
is made here; all else on a page was written by hand and stays.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bench import plots, programs
from bench.measure import Measured, Point
from bench.results import Results
from bench.workloads import LIMITS, MAIN, MEMORY, PINNED, SENDERS, SIZES, Workload
from grader.exercises import ROOT, Exercise, all_exercises
from grader.files import write_atomically
from grader.selfcheck import implementations

PAGES = ("docs/performance.md", "docs/which-channel-when.md", "solutions/fast/README.md")
REFERENCE = "rust"


def write(results: Results, root: Path) -> None:
    """Fills the blocks of each page, in that folder, and draws the plots."""
    blocks = blocks_of(results)
    for name in PAGES:
        if (ROOT / name).exists():
            write_atomically(root / name, fill((ROOT / name).read_text(), blocks))
    if plots.possible():
        _draw(results, root / "docs" / "performance")


def fill(page: str, blocks: Mapping[str, str]) -> str:
    """The page with those blocks in place; a block that was not measured stays as it is."""

    def filled(match: re.Match[str]) -> str:
        block = blocks.get(match["name"])
        return match[0] if block is None else f"{match['begin']}\n{block}\n{match['end']}"

    pattern = r"(?P<begin><!-- begin (?P<name>[\w-]+) -->)\n.*?(?P<end><!-- end (?P=name) -->)"
    return re.sub(pattern, filled, page, flags=re.DOTALL)


def blocks_of(results: Results) -> dict[str, str]:
    blocks = {"machine": _machine(results), "limits": _limits(results)}
    for workload in MAIN:
        if workload.key in results.points:
            blocks[workload.key] = _rates(results, results.points[workload.key])
    for name, workloads in (("", MAIN), ("pinned-", PINNED)):
        if all(workload.key in results.points for workload in workloads):
            blocks[f"{name}ratios"] = _overview(results, workloads, _ratio)
            blocks[f"{name}rates"] = _overview(results, workloads, lambda measured, _: _million(measured.median))
    for exercise in all_exercises():
        if patches := list(implementations.steps(exercise)):
            blocks[f"steps-{exercise.number}"] = _steps(results, exercise, patches)
    if all(workload.key in results.points for workload in MEMORY):
        blocks["memory"] = _memory(results)
    return blocks


def _machine(results: Results) -> str:
    machine = results.machine
    text = (
        f"Measured on {machine['date']}: {machine['processor']}, {machine['system']},"
        f" {machine['compilers']}. {machine['rounds']} rounds, taking turns, in {machine['took']};"
        f" load of the machine {machine['load']} (the programs measured are part of it)."
    )
    if results.versions:
        text += f" Beside these: {', '.join(f'{label} {version}' for label, version in results.versions.items())}."
    if results.left_out:
        left = "; ".join(f"{label} ({why})" for label, why in results.left_out.items())
        text += f" Left out: {left}."
    return text


def _rates(results: Results, point: Point) -> str:
    rows = ["| | million/s | lowest to highest | of Rust's |", "|---|--:|--:|--:|"]
    reference = point.get(REFERENCE)
    for key, measured in sorted(point.items(), key=lambda item: -item[1].median):
        if key not in results.labels:
            continue
        label = _name(results, key)
        if measured.problem:
            rows.append(f"| {label} | – | {measured.problem} | – |")
            continue
        low, high = _million(min(measured.rates)), _million(max(measured.rates))
        ratio = _ratio(measured, reference)
        rows.append(f"| {label} | {_million(measured.median)} | {low} to {high} | {ratio} |")
    return "\n".join(rows)


def _overview(results: Results, workloads: Sequence[Workload], cell: Callable[[Measured, Measured | None], str]) -> str:
    heads = [f"({workload.key.removesuffix('-pinned')})" for workload in workloads]
    rows = ["| | " + " | ".join(heads) + " |", "|---|" + "--:|" * len(heads)]
    for program in results.labels:
        cells = []
        for workload in workloads:
            point = results.points[workload.key]
            measured = point.get(program)
            cells.append(cell(measured, point.get(REFERENCE)) if measured and measured.rates else "")
        if any(cells):
            rows.append(f"| {_name(results, program)} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def _steps(results: Results, exercise: Exercise, patches: Sequence[Path]) -> str:
    """What each step to the fast channel changes, and what it brings."""
    keys = [workload.key for workload in MAIN if f"ours-{exercise.number}" in results.points.get(workload.key, {})]
    rows = [
        "| | changed lines | " + " | ".join(f"({key})" for key in keys) + " |",
        "|---|--:|" + "--:|" * len(keys),
        f"| the solution | | {_row(results, keys, f'ours-{exercise.number}')} |",
    ]
    for number, path in enumerate(patches, 1):
        last = number == len(patches)
        key = f"fast-{exercise.number}" if last else programs.step_key(exercise, number)
        changed = len(re.findall(r"^(?!---|\+\+\+)[-+]", path.read_text(), re.MULTILINE))
        name = path.stem.replace("_", " ")
        rows.append(f"| {'**' * last}{name}{'**' * last} | {changed} | {_row(results, keys, key)} |")
    return "\n".join(rows)


def _row(results: Results, keys: Sequence[str], program: str) -> str:
    found = [results.points[key].get(program) for key in keys]
    return " | ".join(_million(measured.median) if measured and measured.rates else "" for measured in found)


def _memory(results: Results) -> str:
    points = [results.points[workload.key] for workload in MEMORY]
    rows = [
        "| | bytes for a queued 8-byte message | kept of these when all are received | bytes for a channel at rest |",
        "|---|--:|--:|--:|",
    ]
    for key in results.labels:
        if any(key in point for point in points):
            cells = [_bytes(point[key].bytes_each) if key in point and point[key].rates else "–" for point in points]
            rows.append(f"| {_name(results, key)} | {' | '.join(cells)} |")
    return "\n".join(rows)


def _limits(results: Results) -> str:
    rows = ["| | nanoseconds | lowest to highest |", "|---|--:|--:|"]
    for limit in LIMITS:
        if times := results.limits.get(limit.key):
            median = statistics.median(times)
            rows.append(f"| {limit.title} | {_ns(median)} | {_ns(min(times))} to {_ns(max(times))} |")
    return "\n".join(rows)


def _draw(results: Results, folder: Path) -> None:
    points, labels = results.points, results.labels
    if all(workload.key in points for workload in MAIN):
        series = {}
        for key in labels:
            heights = []
            for workload in MAIN:
                point = points[workload.key]
                reference = point[REFERENCE].median if REFERENCE in point else 0.0
                mine = point[key].median if key in point else 0.0
                heights.append(mine / reference if reference else 0.0)
            series[key] = (labels[key], heights)
        plots.bars(folder / "ratios.svg", [f"({w.key})" for w in MAIN], series, "times Rust's")
    by_senders = {n: "b" if n == 4 else "a" if n == 1 else f"h-send-{n}" for n in SENDERS}
    by_clients = {n: "f" if n == 4 else f"h-ask-{n}" for n in SENDERS}
    by_size = {n: "a" if n == 8 else f"j-{n}" for n in SIZES}
    for name, keys, across in (
        ("senders", by_senders, "senders"),
        ("clients", by_clients, "clients"),
        ("sizes", by_size, "bytes in a message"),
    ):
        if all(key in points for key in keys.values()):
            plots.lines(folder / f"{name}.svg", _series(results, keys), across, "messages/s")


def _series(results: Results, keys: Mapping[int, str]) -> dict[str, tuple[str, list[tuple[float, float]]]]:
    series = {}
    for program, label in results.labels.items():
        line = [
            (float(x), results.points[key][program].median)
            for x, key in keys.items()
            if program in results.points[key] and results.points[key][program].rates
        ]
        if line:
            series[program] = (label, line)
    return series


def _name(results: Results, key: str) -> str:
    label = results.labels.get(key, key)
    return f"**{label}**" if key.startswith(("ours", "fast")) else label


def _ratio(measured: Measured, reference: Measured | None) -> str:
    if reference is None or not reference.median:
        return ""
    ratio = measured.median / reference.median
    return f"{ratio:.0f}" if ratio >= 20 else f"{ratio:.1f}" if ratio >= 5 else f"{ratio:.2f}"


def _million(rate: float) -> str:
    rate /= 1e6
    return f"{rate:.0f}" if rate >= 100 else f"{rate:.1f}" if rate >= 10 else f"{rate:.3g}"


def _bytes(number: float) -> str:
    return f"{max(number, 0):,.0f}" if number >= 100 else f"{max(number, 0):.3g}"


def _ns(ns: float) -> str:
    return f"{ns:,.0f}" if ns >= 100 else f"{ns:.1f}"
