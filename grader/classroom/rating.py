"""Points by the instructor's rules: of tests, of exercises, of a student; what is late, excused and adjusted.

Nothing of it is part of grading, so it is done anew, from what the grading found, each time the tables are made.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from grader.classroom.settings import Settings
from grader.exercises import Exercise

Student = dict[str, Any]


def _now() -> dt.datetime:
    return dt.datetime.now().astimezone()


@dataclass(frozen=True)
class Scores:
    """How points are given in this class: those of each test, and what an exercise is worth."""

    rules: Settings
    exercises: Sequence[Exercise]
    now: dt.datetime = field(default_factory=_now)

    def tests_of(self, exercise: Exercise) -> list[tuple[str, str]]:
        """All tests its code is run against: suite and name."""
        return [(suite.name, test) for suite, test in exercise.tests_of_chain()]

    def max_points(self, exercise: Exercise) -> float:
        return sum(self.rules.points_of(name, suite == exercise.name) for suite, name in self.tests_of(exercise))

    def rate(self, student: Student, handed_in: dt.datetime | None = None) -> Student:
        """Writes the points into a student's result. handed_in: when, where files do not tell."""
        when = _times(student.get("submitted") or {}, handed_in, student["exercises"])
        name = student["student"]
        student["submitted"] = max(when.values()).isoformat(timespec="seconds") if when else None
        student["points"] = student["max_points"] = 0.0
        by_name = {exercise["name"]: exercise for exercise in student["exercises"]}
        days = self._days_late(name, when)
        for exercise in self.exercises:
            result = by_name.get(exercise.name)
            if result is None:
                continue
            if exercise.name in when:
                result["submitted"] = when[exercise.name].isoformat(timespec="seconds")
            self._rate_exercise(exercise, result, name, *days.get(exercise.name, (0, 0)))
            self._add(student, result)
        student["points"] = round(student["points"], 2)
        return student

    def _days_late(self, student: str, when: Mapping[str, dt.datetime]) -> dict[str, tuple[int, int]]:
        """Of each exercise that is late: the days, and how many of them are free. The first deadlines come first."""
        late: dict[str, tuple[int, int]] = {}
        left = self.rules.free_days
        dated = [(self.rules.deadline(exercise, student), exercise) for exercise in when]
        for _, exercise in sorted((deadline, exercise) for deadline, exercise in dated if deadline):
            days = self.rules.days_late(exercise, when[exercise], student)
            if days and not self.rules.is_excused(exercise, student):
                free = min(days, left)
                left -= free
                late[exercise] = (days, free)
        return late

    def _rate_exercise(self, exercise: Exercise, result: dict[str, Any], student: str, days: int, free: int) -> None:
        points = 0.0
        for test in result["tests"]:
            test["max_points"] = self.rules.points_of(test["name"], test["suite"] == exercise.name)
            test["points"] = test["max_points"] if test["verdict"] == "passed" else 0.0
            points += test["points"]
        most = result["max_points"] = self.max_points(exercise)
        points = self.rules.scored(exercise.name, points, most)
        off = self.rules.percent_for(days - free)
        if days:
            result["late"] = {"days": days, "free": free}
        if off:
            result["late_percent"] = off
        result["raw_points"] = round(points, 2)
        result["taken_off"] = round(points * off / 100, 2)
        points = points * (100 - off) / 100
        for adjustment in self.rules.adjustments_of(exercise.name, student):
            points = adjustment.apply(points, most)
            result.setdefault("adjusted", []).append(str(adjustment))
        result["points"] = round(points, 2)
        result["weight"] = self.rules.weight(exercise.name)
        if self.rules.is_excused(exercise.name, student):
            result["excused"] = True
        elif not self.rules.is_due(exercise.name, student, self.now):
            deadline = self.rules.deadline(exercise.name, student)
            result["due"] = deadline.isoformat(timespec="minutes") if deadline else ""

    def _add(self, student: Student, result: dict[str, Any]) -> None:
        """To the total, unless it does not count, or not yet."""
        if is_counted(result):
            student["points"] += 100 * result["weight"] * part(result)
            student["max_points"] += 100 * result["weight"]


def _times(
    files: Mapping[str, float], handed_in: dt.datetime | None, exercises: Iterable[Mapping[str, Any]]
) -> dict[str, dt.datetime]:
    """When each exercise was handed in: with all others, or as old as its files are."""
    if handed_in is not None:
        return {e["name"]: handed_in for e in exercises if e["verdict"] not in ("absent", "not_started")}
    return {name: dt.datetime.fromtimestamp(time).astimezone() for name, time in files.items()}


def is_counted(result: Mapping[str, Any]) -> bool:
    """Is the exercise due, and the student not excused?"""
    return not result.get("excused") and "due" not in result


def part(result: Mapping[str, Any]) -> float:
    """Of all its points, how much: 0 to 1, or more by an adjustment."""
    return float(result["points"] / result["max_points"]) if result["max_points"] else 0.0


def remarks(result: Mapping[str, Any]) -> list[str]:
    """What is to be said of its points, a sentence each."""
    said = []
    if late := result.get("late"):
        free = f", {late['free']} of them free" if late["free"] else ""
        off = f": {result['late_percent']:g}% off" if result.get("late_percent") else ""
        said.append(f"{late['days']} {'day' if late['days'] == 1 else 'days'} late{free}{off}.")
    said += [f"Points adjusted, {adjustment}." for adjustment in result.get("adjusted", ())]
    if result.get("excused"):
        said.append("Excused: it does not count.")
    if "due" in result:
        said.append(f"Due {result['due'][:16].replace('T', ' ')}: it does not count yet.")
    return said
