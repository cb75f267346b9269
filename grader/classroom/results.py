"""What came of a class: points by the instructor's rules, and every file that is made of them.

    class.csv  class.json  class.html     the class
    reports/STUDENT.txt                   what each student would have seen
    gradebooks/moodle.csv  canvas.csv     to import
    gradebooks/junit/STUDENT.xml  tap/STUDENT.tap

One student's result is read at a time.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from grader import files
from grader.classroom import gradebooks, intake, similar
from grader.classroom.entries import Entries
from grader.classroom.group import Class
from grader.classroom.sandbox import Sandbox
from grader.classroom.settings import Settings
from grader.exercises import Exercise

Student = dict[str, Any]


@dataclass(frozen=True)
class Scores:
    """How points are given in this class: those of each test, and what an exercise is worth."""

    rules: Settings
    exercises: Sequence[Exercise]

    def tests_of(self, exercise: Exercise) -> list[tuple[str, str]]:
        """All tests its code is run against: suite and name."""
        return [(suite.name, test) for suite, test in exercise.tests_of_chain()]

    def max_points(self, exercise: Exercise) -> float:
        return sum(self.rules.points_of(name) for _, name in self.tests_of(exercise))

    def rate(self, student: Student) -> Student:
        """Writes the points into a student's result."""
        times = student.get("submitted") or {}
        when = {name: dt.datetime.fromtimestamp(time).astimezone() for name, time in times.items()}
        student["submitted"] = max(when.values()).isoformat(timespec="seconds") if when else None
        student["points"] = student["max_points"] = 0.0
        by_name = {exercise["name"]: exercise for exercise in student["exercises"]}
        for exercise in self.exercises:
            result = by_name.get(exercise.name)
            if result is None:
                continue
            self._rate_exercise(exercise, result, when.get(exercise.name))
            weight = result["weight"] = self.rules.weight(exercise.name)
            if result["max_points"]:
                student["points"] += 100 * weight * result["points"] / result["max_points"]
            student["max_points"] += 100 * weight
        student["points"] = round(student["points"], 2)
        return student

    def _rate_exercise(self, exercise: Exercise, result: dict[str, Any], when: dt.datetime | None) -> None:
        points = 0.0
        for test in result["tests"]:
            test["max_points"] = self.rules.points_of(test["name"])
            test["points"] = test["max_points"] if test["verdict"] == "passed" else 0.0
            points += test["points"]
        off = self.rules.percent_off(exercise.name, when)
        if off:
            result["late_percent"] = off
        result["points"] = round(points * (100 - off) / 100, 2)
        result["max_points"] = self.max_points(exercise)


def read_students(group: Class, names: Sequence[str]) -> Iterator[Student]:
    """Each student's result, rated; one at a time."""
    scores = Scores(group.settings, group.exercises)
    for name in names:
        yield scores.rate(json.loads(group.result_file(name).read_bytes()))


def write_all(group: Class, entries: Entries, box: Sandbox, engine: str, notes: Sequence[str]) -> list[str]:
    """Writes every file; returns what the instructor should know at once, a line each."""
    from grader.classroom import page

    titles = [exercise.name for exercise in group.exercises]
    worth = {name: 100 * group.settings.weight(name) for name in titles}
    books = group.out / "gradebooks"
    for folder in (books / "junit", books / "tap", group.out / "reports"):
        folder.mkdir(parents=True, exist_ok=True)
    table = page.Table(titles, box.keeps, engine)
    names = list(entries.of)
    pairs, remark = similar.pairs(group, entries)
    lines = [*notes, remark] if remark else list(notes)
    with open(group.out / ".class.json", "w", encoding="utf-8") as out:
        head = {"schema": 1, "sandbox": {"name": box.name, "keeps": box.keeps}, "engine": engine}
        out.write(json.dumps(head)[:-1] + ', "students": [')
        for number, student in enumerate(read_students(group, names)):
            _write_student(group, student)
            table.add(student)
            for exercise in student["exercises"]:
                exercise.pop("report", None)
            out.write((",\n" if number else "\n") + json.dumps(student))
        out.write('\n], "similar": ' + json.dumps([pair.as_json() for pair in pairs]) + "}\n")
    (group.out / ".class.json").replace(group.out / "class.json")
    files.write_atomically(group.out / "class.csv", gradebooks.class_csv(_light(group, names), titles))
    files.write_atomically(books / "moodle.csv", gradebooks.moodle_csv(_light(group, names)))
    files.write_atomically(books / "canvas.csv", gradebooks.canvas_csv(_light(group, names), worth))
    table.write(group.out / "class.html", pairs, lines)
    return ["", *table.overview(), "", *lines]


def _light(group: Class, names: Sequence[str]) -> Iterator[Student]:
    """The students without their tests."""
    for student in read_students(group, names):
        for exercise in student["exercises"]:
            exercise["tests"] = []
        yield student


def _write_student(group: Class, student: Student) -> None:
    name = student["student"]
    files.write_atomically(group.out / "reports" / f"{name}.txt", report(student))
    books = group.out / "gradebooks"
    files.write_atomically(books / "junit" / f"{name}.xml", gradebooks.junit(student["exercises"]))
    files.write_atomically(books / "tap" / f"{name}.tap", gradebooks.tap(student["exercises"]))


def report(student: Student) -> str:
    """What the student would have seen, exercise by exercise."""
    lines = [f"{student['student']}: {student['points']:g} of {student['max_points']:g}", ""]
    if len({exercise["message"] for exercise in student["exercises"]}) == 1 < len(student["exercises"]):
        return "\n".join([*lines, student["exercises"][0]["message"], ""])  # such as: it can't be unpacked
    left_out: dict[tuple[str, str], list[str]] = {}
    for exercise in student["exercises"]:
        if exercise["verdict"] == "not_started":
            left_out.setdefault(("Not started", ""), []).append(exercise["name"])
        elif exercise["verdict"] == "absent":
            why = exercise["message"] if exercise["message"] != intake.NOTHING else ""
            left_out.setdefault(("No file for", why), []).append(exercise["name"])
        else:
            lines += [*_exercise_report(exercise), ""]
    for (words, why), names in left_out.items():
        lines += [f"{words}: {', '.join(names)}{f'. {why}' if why else ''}", ""]
    return "\n".join(lines)


def _exercise_report(exercise: dict[str, Any]) -> list[str]:
    head = f"{exercise['name']}: {exercise['verdict'].replace('_', ' ')}"
    head += f", {exercise['points']:g} of {exercise['max_points']:g} points"
    if exercise.get("late_percent"):
        head += f" ({exercise['late_percent']:g}% off: late)"
    if exercise["verdict"] == "passed":
        lines = [exercise["message"]] if exercise["message"] else []
    else:
        lines = gradebooks.account(exercise).splitlines()
    return [head, *(f"    {line}" for line in [*exercise.get("notes", []), *lines])]
