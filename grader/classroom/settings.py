"""What an instructor decides, in one small TOML file: class.toml beside the Makefile, or CLASS=file.

leave_out = ["06_select"]

[weights]                    # of an exercise in the total; 1 without a line, 0 for electives
08_ticket_server = 2

[points]                     # of a test, in every exercise that runs it; 1 without a line
dropping_the_last_sender_wakes_a_sleeping_receiver = 3

[scoring]                    # how the points of its tests make those of an exercise: their sum, without a line
02_blocking = "all or nothing"
03_message_type = [[60, 50], [100, 100]]   # with 60 % of the tests' points half of them, with all of them all
inherited = 0.25             # a test of an exercise it builds on, against one of its own; 1 without a line

[deadlines]                  # local time; submitted is when the newest file of it was last changed
02_blocking = 2026-11-30T23:59:59

[late]
percent_a_day = 10           # taken off for each day begun
at_most = 50
grace_minutes = 15           # that make nothing late
free_days = 3                # that a student may be late without loss, in all exercises together

[extensions]                 # days after every deadline, or of single exercises: days, or another deadline
"Ada Lovelace" = 3
"Bob Ray" = { 02_blocking = 2026-12-07T23:59:59 }

[excused]                    # neither 0 nor counted
"Ada Lovelace" = ["03_message_type"]

[[adjust]]                   # the last word on an exercise's points: add or set, with the reason
student = "Bob Ray"
exercise = "02_blocking"
add = -5
reason = "showed it two days late"

[groups]                     # one submission, several students
team7 = ["Cyd Moor", "Dan Wu"]

[gradebook]                  # which exercises a column of ROSTER= is for; without a line, those it is named after
"Homework 1" = ["01_single_thread", "02_blocking"]

[limits]
seconds = 300                # of processor time for an exercise of a submission; tests that are left then have failed

[near_copies]
least_percent = 80           # of one's code that is like the other's, to be listed

[gradescope]
lateness = "gradescope"      # nothing is taken off here; without a line what [late] says, from when it was handed in
visibility = "after_due_date"  # of tests and output: visible (without a line), hidden, after_due_date, after_published
numbers = true               # before each test: 2.13
"""

from __future__ import annotations

import datetime as dt
import math
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from grader.classroom.entries import normal
from grader.errors import UsageError
from grader.exercises import ROOT, all_exercises, is_elective

DEFAULT = ROOT / "class.toml"
ALL_OR_NOTHING = "all or nothing"
SECONDS = 300.0  # right channels take 2 to 60
T = TypeVar("T")
Steps = tuple[tuple[float, float], ...]  # from this percentage of the tests' points on, that percentage of them


@dataclass(frozen=True)
class Adjustment:
    """The instructor's last word on one student's points for an exercise."""

    student: str
    exercise: str
    reason: str
    add: float = 0.0
    set_to: float | None = None
    unit: str = ""  # of set_to: points, or " %" of all points of the exercise

    def apply(self, points: float, most: float) -> float:
        if self.set_to is not None:
            points = self.set_to * most / 100 if self.unit else self.set_to
        return max(0.0, points + self.add)

    def __str__(self) -> str:
        what = f"{self.add:+g}" if self.set_to is None else f"set to {self.set_to:g}{self.unit}"
        return f"{what}: {self.reason}"


@dataclass(frozen=True)
class Gradescope:
    """What is particular to results on Gradescope."""

    lateness: str = "class.toml"
    visibility: str = "visible"
    numbers: bool = False


@dataclass(frozen=True)
class Settings:
    """All of it. Students' names are kept as they are written, and compared by `normal`."""

    leave_out: frozenset[str] = frozenset()
    weights: Mapping[str, float] = field(default_factory=dict)
    points: Mapping[str, float] = field(default_factory=dict)
    scoring: Mapping[str, Steps] = field(default_factory=dict)
    inherited: float = 1.0
    deadlines: Mapping[str, dt.datetime] = field(default_factory=dict)
    percent_a_day: float = 0.0
    at_most: float = 100.0
    grace: dt.timedelta = dt.timedelta()
    free_days: int = 0
    extensions: Mapping[str, Mapping[str, dt.datetime]] = field(default_factory=dict)
    excused: Mapping[str, frozenset[str]] = field(default_factory=dict)
    adjustments: Sequence[Adjustment] = ()
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    gradebook: Mapping[str, Sequence[str]] = field(default_factory=dict)
    gradescope: Gradescope = Gradescope()
    least_percent: float = 80.0
    seconds: float = SECONDS  # of processor time, for an exercise of a submission

    def weight(self, exercise: str) -> float:
        if exercise in self.weights:
            return self.weights[exercise]
        return 0.0 if any(e.name == exercise and is_elective(e) for e in all_exercises()) else 1.0

    def points_of(self, test: str, is_own: bool = True) -> float:
        """Of a test of an exercise's own suite, or of one that it builds on."""
        return self.points.get(test, 1.0) * (1.0 if is_own else self.inherited)

    def scored(self, exercise: str, points: float, most: float) -> float:
        """The points of an exercise whose tests have so many of so many."""
        steps = self.scoring.get(exercise)
        if steps is None or not most:
            return points
        reached = [given for least, given in steps if 100 * points >= least * most - 1e-9]
        return most * max(reached, default=0.0) / 100

    # ------------------------------------------------------------------------------------ in time

    def deadline(self, exercise: str, student: str = "") -> dt.datetime | None:
        """When that student has to hand it in."""
        extended: Mapping[str, dt.datetime] = _of(self.extensions, student, {})
        return extended.get(exercise, self.deadlines.get(exercise))

    def is_due(self, exercise: str, student: str, now: dt.datetime) -> bool:
        deadline = self.deadline(exercise, student)
        return deadline is None or now > deadline + self.grace

    def days_late(self, exercise: str, submitted: dt.datetime | None, student: str = "") -> int:
        """Days begun after the deadline."""
        deadline = self.deadline(exercise, student)
        if deadline is None or submitted is None or submitted <= deadline + self.grace:
            return 0
        return math.ceil((submitted - deadline) / dt.timedelta(days=1))

    def percent_for(self, days: int) -> float:
        """What so many days cost, in percent of the exercise's points."""
        return min(days * self.percent_a_day, self.at_most)

    def percent_off(self, exercise: str, submitted: dt.datetime | None, student: str = "") -> float:
        """What being late costs one who has no free days."""
        return self.percent_for(self.days_late(exercise, submitted, student))

    # --------------------------------------------------------------------------------- of students

    def is_excused(self, exercise: str, student: str) -> bool:
        return exercise in _of(self.excused, student, frozenset())

    def adjustments_of(self, exercise: str, student: str) -> list[Adjustment]:
        return [a for a in self.adjustments if a.exercise == exercise and normal(a.student) == normal(student)]

    def members(self, student: str) -> Sequence[str]:
        """Whose submission it is: the group's members, or the student."""
        return _of(self.groups, student, (student,))

    def of_a_group(self, members: Sequence[str]) -> Settings:
        """The rules for its first member when all of them are one: whoever has longest has that long, who is
        excused of something has to be joined by all others, and every adjustment counts once."""
        first = members[0]
        latest: dict[str, dt.datetime] = {}
        for member in members:
            extended: Mapping[str, dt.datetime] = _of(self.extensions, member, {})
            latest |= {name: max(until, latest.get(name, until)) for name, until in extended.items()}
        excused: frozenset[str] = frozenset.intersection(*(_of(self.excused, name, frozenset()) for name in members))
        names = {normal(member) for member in members}
        adjustments = [replace(a, student=first) if normal(a.student) in names else a for a in self.adjustments]
        return replace(
            self, extensions={first: latest}, excused={first: excused}, adjustments=list(dict.fromkeys(adjustments))
        )

    def named(self) -> Iterator[str]:
        """Every student or group that is named, as it is written."""
        names = [*self.extensions, *self.excused, *(a.student for a in self.adjustments), *self.groups]
        yield from dict.fromkeys(names)


def _of(table: Mapping[str, T], student: str, default: T) -> T:
    """What a table by names says of a student."""
    return next((value for name, value in table.items() if normal(name) == normal(student)), default)


# ----------------------------------------------------------------------------------------- the file


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


_SECTIONS = {
    "leave_out", "weights", "points", "scoring", "deadlines", "late", "extensions", "excused", "adjust", "groups",
    "gradebook",
    "gradescope",
    "limits",
    "near_copies",
}  # fmt: skip


def parse(data: dict[str, Any], name: str) -> Settings:
    """Settings from what the file says; anything it misspells is told, never passed over."""
    _only(data, _SECTIONS, name)
    late = _table(data, "late", name)
    _only(late, {"percent_a_day", "at_most", "grace_minutes", "free_days"}, f"{name}, [late]")
    exercises = {exercise.name for exercise in all_exercises()}
    for section in ("weights", "deadlines"):
        _only(_table(data, section, name), exercises, f"{name}, [{section}]")
    scoring = dict(_table(data, "scoring", name))
    _only(scoring, {*exercises, "inherited"}, f"{name}, [scoring]")
    _only(dict.fromkeys(data.get("leave_out", [])), exercises, f"{name}, leave_out")
    tests = {test for exercise in all_exercises() for test in exercise.tests_in_source()}
    _only(_table(data, "points", name), tests, f"{name}, [points]")
    numbers = _numbers(late, f"{name}, [late]")
    deadlines = {key: _time(value, f"{name}, {key}") for key, value in _table(data, "deadlines", name).items()}
    near = _table(data, "near_copies", name)
    _only(near, {"least_percent"}, f"{name}, [near_copies]")
    limits = _table(data, "limits", name)
    _only(limits, {"seconds"}, f"{name}, [limits]")
    inherited = {"inherited": scoring.pop("inherited", 1.0)}
    return Settings(
        leave_out=frozenset(data.get("leave_out", [])),
        weights=_numbers(_table(data, "weights", name), f"{name}, [weights]"),
        points=_numbers(_table(data, "points", name), f"{name}, [points]"),
        scoring={key: _steps(value, f"{name}, [scoring], {key}") for key, value in scoring.items()},
        inherited=_numbers(inherited, f"{name}, [scoring]")["inherited"],
        deadlines=deadlines,
        percent_a_day=numbers.get("percent_a_day", 0.0),
        at_most=numbers.get("at_most", 100.0),
        grace=dt.timedelta(minutes=numbers.get("grace_minutes", 0.0)),
        free_days=int(numbers.get("free_days", 0)),
        extensions={
            student: _extension(value, deadlines, f"{name}, [extensions], {student}")
            for student, value in _table(data, "extensions", name).items()
        },
        excused={
            student: _names(value, exercises, f"{name}, [excused], {student}")
            for student, value in _table(data, "excused", name).items()
        },
        adjustments=tuple(_adjustment(one, exercises, f"{name}, [[adjust]]") for one in _list(data, "adjust", name)),
        groups={
            group: tuple(_names(members, None, f"{name}, [groups], {group}"))
            for group, members in _table(data, "groups", name).items()
        },
        gradebook={
            column: sorted(_names(value, exercises, f"{name}, [gradebook], {column}"))
            for column, value in _table(data, "gradebook", name).items()
        },
        least_percent=_numbers(near, f"{name}, [near_copies]").get("least_percent", 80.0),
        seconds=_numbers(limits, f"{name}, [limits]").get("seconds", SECONDS),
        gradescope=_gradescope(_table(data, "gradescope", name), f"{name}, [gradescope]"),
    )


_GRADESCOPE: dict[str, tuple[Any, ...]] = {
    "lateness": ("class.toml", "gradescope"),
    "visibility": ("visible", "hidden", "after_due_date", "after_published"),
    "numbers": (True, False),
}


def _gradescope(given: Mapping[str, Any], where: str) -> Gradescope:
    _only(given, {*_GRADESCOPE}, where)
    for key, value in given.items():
        if not any(value is one or (isinstance(one, str) and value == one) for one in _GRADESCOPE[key]):
            choice = ", ".join(str(one).lower() for one in _GRADESCOPE[key])
            raise UsageError(f"{where}: {key} must be one of: {choice}.")
    return Gradescope(**given)


def _table(data: Mapping[str, Any], section: str, name: str) -> Mapping[str, Any]:
    table = data.get(section, {})
    if not isinstance(table, dict):
        raise UsageError(f"{name}: {section} must be a table: [{section}].")
    return table


def _list(data: Mapping[str, Any], section: str, name: str) -> Sequence[Mapping[str, Any]]:
    found = data.get(section, [])
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise UsageError(f"{name}: each {section} begins with a line [[{section}]].")
    return found


def _only(given: Mapping[str, Any], known: set[str], where: str) -> None:
    for key in given:
        if key not in known:
            near = ", ".join(sorted(known)) if len(known) < 20 else "the names that make list and the suites show"
            raise UsageError(f"{where}: {key} is not known; known are {near}.")


def _number(value: Any) -> float | None:
    is_one = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if is_one else None


def _numbers(given: Mapping[str, Any], where: str) -> dict[str, float]:
    numbers = {key: _number(value) for key, value in given.items()}
    for key, value in numbers.items():
        if value is None or value < 0:
            raise UsageError(f"{where}: {key} must be a number, 0 or more.")
    return {key: value for key, value in numbers.items() if value is not None}


def _names(value: Any, known: set[str] | None, where: str) -> Any:
    if not isinstance(value, list) or not value or not all(isinstance(one, str) and "/" not in one for one in value):
        raise UsageError(f'{where} must be a list of names, such as ["{min(known) if known else "Ada Lovelace"}"].')
    if known is not None:
        _only(dict.fromkeys(value), known, where)
        return frozenset(value)
    return value


def _steps(value: Any, where: str) -> Steps:
    if value == ALL_OR_NOTHING:
        return ((100.0, 100.0),)
    pairs = value if isinstance(value, list) else []
    numbers = [tuple(map(_number, pair)) for pair in pairs if isinstance(pair, list) and len(pair) == 2]
    steps = tuple((a, b) for a, b in numbers if a is not None and b is not None and 0 <= a <= 100 and b >= 0)
    if not steps or len(steps) != len(pairs):
        raise UsageError(f'{where} must be "{ALL_OR_NOTHING}" or pairs of percentages, such as [[60, 50], [100, 100]].')
    return steps


def _extension(value: Any, deadlines: Mapping[str, dt.datetime], where: str) -> dict[str, dt.datetime]:
    given = value if isinstance(value, dict) else dict.fromkeys(deadlines, value)
    for exercise in given:
        if exercise not in deadlines:
            raise UsageError(f"{where}: {exercise} has no line in [deadlines] that could be extended.")
    return {exercise: _extended(one, deadlines[exercise], where) for exercise, one in given.items()}


def _extended(value: Any, deadline: dt.datetime, where: str) -> dt.datetime:
    days = _number(value)
    return _time(value, where) if days is None else deadline + dt.timedelta(days=days)


def _adjustment(given: Mapping[str, Any], exercises: set[str], where: str) -> Adjustment:
    _only(given, {"student", "exercise", "add", "set", "reason"}, where)
    for key in ("student", "exercise", "reason"):
        if not isinstance(given.get(key), str) or not given[key].strip():
            raise UsageError(f"{where} must have a {key}.")
    _only({given["exercise"]: None}, exercises, where)
    percent = re.fullmatch(r"(\d+(?:\.\d+)?) ?%", str(given.get("set", "")))
    given = {**given, "set": float(percent[1])} if percent else given
    amounts = {key: _number(given[key]) for key in ("add", "set") if key in given}
    if len(amounts) != 1 or None in amounts.values():
        said = 'must have either add or set, a number of points; set may be "50 %" of them, too'
        raise UsageError(f"{where} of {given['student']} {said}.")
    reason, unit = given["reason"].strip(), " %" if percent else ""
    add, set_to = amounts.get("add") or 0.0, amounts.get("set")
    return Adjustment(given["student"], given["exercise"], reason, add, set_to, unit)


def _time(value: Any, where: str) -> dt.datetime:
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        value = dt.datetime.combine(value, dt.time(23, 59, 59))
    if not isinstance(value, dt.datetime):
        raise UsageError(f"{where} must be a time such as 2026-11-30T23:59:59.")
    return value.astimezone()
