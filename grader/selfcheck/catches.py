"""What caught each known-wrong channel: kept by `make solutions`, shown by `make known-wrong-table`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from grader import files
from grader.errors import GraderError
from grader.exercises import BUILD, EXERCISES, all_exercises
from grader.selfcheck.hunt import FEW

RECORD = BUILD / "known_wrong.json"
PAGE = EXERCISES.parent / "docs" / "known-wrong.md"


def record(caught: list[dict[str, Any]]) -> None:
    """Notes the schedules needed; entries of exercises not looked at this time stay."""
    names = {entry["exercise"] for entry in caught}
    kept = [entry for entry in recorded() if entry["exercise"] not in names]
    both = sorted([*kept, *caught], key=lambda e: (e["exercise"], e["name"]))
    files.write_atomically(RECORD, json.dumps(both, indent=1) + "\n")


def recorded() -> list[dict[str, Any]]:
    """All that is known of exercises that are still there."""
    try:
        entries = json.loads(RECORD.read_bytes())
    except (OSError, ValueError):
        return []
    there = {exercise.name for exercise in all_exercises()}
    return [entry for entry in entries if there >= {entry["exercise"], entry["suite"]}]


def write_page() -> Path:
    """make known-wrong-table: the recorded catches as a page of the docs."""
    entries = recorded()
    if not entries:
        raise GraderError("Nothing is recorded yet. Run: make solutions")
    files.write_atomically(PAGE, page(entries))
    return PAGE


def page(entries: Sequence[dict[str, Any]]) -> str:
    """A table for each exercise, below one for all."""
    names = sorted({entry["exercise"] for entry in entries})
    few = sum(entry["schedules"] < FEW for entry in entries)
    lines = [
        "# The known-wrong channels, and what catches them",
        "",
        "Made by `make solutions known-wrong-table` from what the controlled scheduler found: each channel under",
        "`grader/tests/known_wrong/` has one mistake, and here is the first test that fails for it, with what verdict,",
        f"and after how many schedules. {few} of {len(entries)} are caught in fewer than {FEW} schedules.",
        "",
        "| exercise | known-wrong channels | schedules: median | most |",
        "|---|---:|---:|---:|",
    ]
    for name in names:
        needed = sorted(entry["schedules"] for entry in entries if entry["exercise"] == name)
        lines.append(f"| `{name}` | {len(needed)} | {needed[len(needed) // 2]:,} | {needed[-1]:,} |")
    for name in names:
        lines += ["", f"## {name}", "", "| mistake | verdict | caught by | schedules |", "|---|---|---|---:|"]
        for entry in (e for e in entries if e["exercise"] == name):
            cells = [entry["mistake"], entry["verdict"].replace("_", " "), entry["test"].replace("_", " ")]
            escaped = " | ".join(cell.replace("|", "\\|") for cell in cells)
            lines.append(f"| {escaped} | {entry['schedules']:,} |")
    return "\n".join([*lines, ""])
