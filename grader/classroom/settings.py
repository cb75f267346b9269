"""What an instructor decides, in one small TOML file: class.toml beside the Makefile, or CLASS=file.

leave_out = ["06_select"]

[weights]                    # of an exercise in the total; 1 without a line, 0 for electives
08_ticket_server = 2

[points]                     # of a test, in every exercise that runs it; 1 without a line
dropping_the_last_sender_wakes_a_sleeping_receiver = 3

[deadlines]                  # local time; submitted is when the newest file of it was last changed
02_blocking = 2026-11-30T23:59:59

[late]
percent_a_day = 10           # taken off for each day begun
at_most = 50
"""

from __future__ import annotations

import datetime as dt
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grader.errors import UsageError
from grader.exercises import ROOT, all_exercises, is_elective

DEFAULT = ROOT / "class.toml"


@dataclass(frozen=True)
class Settings:
    leave_out: frozenset[str] = frozenset()
    weights: Mapping[str, float] = field(default_factory=dict)
    points: Mapping[str, float] = field(default_factory=dict)
    deadlines: Mapping[str, dt.datetime] = field(default_factory=dict)
    percent_a_day: float = 0.0
    at_most: float = 100.0

    def weight(self, exercise: str) -> float:
        if exercise in self.weights:
            return self.weights[exercise]
        return 0.0 if any(e.name == exercise and is_elective(e) for e in all_exercises()) else 1.0

    def points_of(self, test: str) -> float:
        return self.points.get(test, 1.0)

    def percent_off(self, exercise: str, submitted: dt.datetime | None) -> float:
        """What being late costs, in percent of the exercise's points."""
        deadline = self.deadlines.get(exercise)
        if deadline is None or submitted is None or submitted <= deadline:
            return 0.0
        days = math.ceil((submitted - deadline) / dt.timedelta(days=1))
        return min(days * self.percent_a_day, self.at_most)


def load(path: Path | None) -> Settings:
    """The settings in that file; in the default one, if there is one; or else none."""
    file = path or DEFAULT
    if path is None and not file.exists():
        return Settings()
    try:
        data = tomllib.loads(file.read_bytes().decode("utf-8"))
    except OSError as error:
        raise UsageError(f"CLASS={file} can't be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} is not TOML: {error}.") from error
    return parse(data, file.name)


def parse(data: dict[str, Any], name: str) -> Settings:
    """Settings from what the file says; anything it misspells is told, never passed over."""
    known = {"leave_out", "weights", "points", "deadlines", "late"}
    _only(data, known, name)
    late = data.get("late", {})
    _only(late, {"percent_a_day", "at_most"}, f"{name}, [late]")
    exercises = {exercise.name for exercise in all_exercises()}
    for section in ("weights", "deadlines"):
        _only(data.get(section, {}), exercises, f"{name}, [{section}]")
    _only(dict.fromkeys(data.get("leave_out", [])), exercises, f"{name}, leave_out")
    tests = {test for exercise in all_exercises() for test in exercise.tests_in_source()}
    _only(data.get("points", {}), tests, f"{name}, [points]")
    return Settings(
        leave_out=frozenset(data.get("leave_out", [])),
        weights=_numbers(data.get("weights", {}), f"{name}, [weights]"),
        points=_numbers(data.get("points", {}), f"{name}, [points]"),
        deadlines={key: _time(value, f"{name}, {key}") for key, value in data.get("deadlines", {}).items()},
        percent_a_day=_numbers(late, f"{name}, [late]").get("percent_a_day", 0.0),
        at_most=_numbers(late, f"{name}, [late]").get("at_most", 100.0),
    )


def _only(given: Mapping[str, Any], known: set[str], where: str) -> None:
    for key in given:
        if key not in known:
            near = ", ".join(sorted(known)) if len(known) < 20 else "the names that make list and the suites show"
            raise UsageError(f"{where}: {key} is not known; known are {near}.")


def _numbers(given: Mapping[str, Any], where: str) -> dict[str, float]:
    for key, value in given.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise UsageError(f"{where}: {key} must be a number, 0 or more.")
    return {key: float(value) for key, value in given.items()}


def _time(value: Any, where: str) -> dt.datetime:
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        value = dt.datetime.combine(value, dt.time(23, 59, 59))
    if not isinstance(value, dt.datetime):
        raise UsageError(f"{where} must be a time such as 2026-11-30T23:59:59.")
    return value.astimezone()
