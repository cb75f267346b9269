"""What one run of make bench-peers has measured, and where it is kept."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field

from bench.measure import Measured, Point
from bench.programs import BUILD, ProgramError


@dataclass
class Results:
    """All of it."""

    machine: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)  # by the key of the program; steps have none
    versions: dict[str, str] = field(default_factory=dict)  # by its label, of each peer that has one
    left_out: dict[str, str] = field(default_factory=dict)
    points: dict[str, Point] = field(default_factory=dict)  # by the key of the workload
    limits: dict[str, list[float]] = field(default_factory=dict)  # nanoseconds each

    def keep(self) -> None:
        BUILD.mkdir(parents=True, exist_ok=True)
        (BUILD / "results.json").write_text(json.dumps(asdict(self), indent=1))


def kept() -> Results:
    """What was measured last."""
    file = BUILD / "results.json"
    if not file.exists():
        raise ProgramError("nothing has been measured yet: make bench-peers")
    raw = json.loads(file.read_text())
    raw["points"] = {
        key: {program: Measured(**measured) for program, measured in point.items()}
        for key, point in raw["points"].items()
    }
    return Results(**raw)
