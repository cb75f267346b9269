"""Results as gradebooks want them: Gradescope, GitHub Classroom, JUnit XML, TAP 14, CSV for Moodle and Canvas.

All start from one form, that of the JSON report: a list of exercises, each with its verdict, points and
tests. A class is a list of students with such a list each.
"""

from __future__ import annotations

import base64
import csv
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

from grader.classroom import rating

Exercise = dict[str, Any]
Student = dict[str, Any]

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def sentence(test: dict[str, Any]) -> str:
    """A test's name as the sentence it is."""
    return str(test["name"]).replace("_", " ")


def explanation(test: dict[str, Any]) -> str:
    """What a student reads of a test that did not pass, on several lines."""
    lines = [f"{test['verdict'].replace('_', ' ')}: {test.get('message', '')}".rstrip(": ")]
    if test.get("rule"):
        lines.append(f"The rule: {test['rule']}")
    lines += [f"{sentence['where']}: {sentence['text']}" for sentence in test.get("sentences", ())]
    if test.get("call"):
        lines.append(f"{test['call']}: expected {test.get('expected', '?')}, got {test.get('got', '?')}")
    lines += [f"At {test[key]}" for key in ("where", "test_where") if test.get(key)]
    if test.get("replay"):
        lines.append(f"See it again: {test['replay']}")
    return _CONTROL.sub("?", "\n".join(lines))


def account(exercise: Exercise) -> str:
    """What a student reads of an exercise that did not pass: the report without its head, or why there is none."""
    report = "\n".join(str(exercise.get("report", "")).splitlines()[1:]).strip("\n")
    return report or str(exercise.get("message", ""))


def title(exercise: Exercise, test: dict[str, Any]) -> str:
    """A test's name, unique within the exercise."""
    suite = "" if test["suite"] == exercise["name"] else f" ({test['suite']})"
    return f"{exercise['name']}: {sentence(test)}{suite}"


# ----------------------------------------------------------------------------------- Gradescope


def gradescope(
    exercises: Sequence[Exercise],
    points: float,
    seconds: float = 0.0,
    visibility: str = "visible",
    numbers: bool = False,
) -> dict[str, Any]:
    """The content of results.json. numbers: before each test, 2.13 for the 13th of exercise 02."""
    tests: list[dict[str, Any]] = []
    for exercise in exercises:
        told = [] if exercise["verdict"] in ("build_failed", "not_started") else exercise.get("tests", [])
        for test in told:
            passed = test["verdict"] == "passed"
            tests.append(
                {
                    "name": title(exercise, test),
                    "score": test.get("points", 0.0),
                    "max_score": test.get("max_points", 1.0),
                    "status": "passed" if passed else "failed",
                    "output": "" if passed else explanation(test),
                    "output_format": "text",
                    "visibility": visibility,
                    "tags": [exercise["name"], test["verdict"]],
                }
            )
        if not told:  # once for all of its tests
            tests.append(
                {
                    "name": exercise["name"],
                    "score": 0.0,
                    "max_score": exercise.get("max_points", 0.0),
                    "status": "failed",
                    "output": f"{exercise['verdict'].replace('_', ' ')}\n{account(exercise)}".strip(),
                    "output_format": "text",
                    "visibility": visibility,
                    "tags": [exercise["name"], exercise["verdict"]],
                }
            )
    if numbers:
        count: Counter[str] = Counter()
        for test in tests:
            exercise_name = test["tags"][0]
            count[exercise_name] += 1
            test["number"] = f"{int(exercise_name[:2])}.{count[exercise_name]}"
    said = "\n".join(f"{e['name']}: {text}" for e in exercises for text in rating.remarks(e))
    first = next((account(e) for e in exercises if e["verdict"] == "failed"), "")  # with its story
    return {
        "score": round(points, 2),
        "execution_time": round(seconds, 1),
        "output": "\n\n".join(text for text in (summary(exercises), said, first) if text),
        "output_format": "text",
        "visibility": visibility,
        "stdout_visibility": "hidden",
        "tests": tests,
    }


def summary(exercises: Iterable[Exercise]) -> str:
    rows = [
        f"{e['name']:20} {e['verdict'].replace('_', ' '):14} {e['points']:g} of {e['max_points']:g}" for e in exercises
    ]
    return "\n".join(rows)


# ---------------------------------------------------------------------------- GitHub Classroom


def github_classroom(exercises: Sequence[Exercise]) -> dict[str, Any]:
    """The result that Classroom's reporter reads, one test an exercise; it adds up the scores.

    Electives count only with a weight, and are told only where there is one or they were begun."""
    statuses = {"passed": "pass", "environment": "error"}
    told = [e for e in exercises if e.get("weight", 1.0) or e["verdict"] not in ("absent", "not_started")]
    tests = [
        {
            "name": exercise["name"],
            "status": statuses.get(exercise["verdict"], "fail"),
            "score": round(_worth(exercise) * rating.part(exercise)),
            "message": exercise.get("message") or None,
            "test_code": f"make grade EX={exercise['name'][:2]}",
            "filename": "",
            "line_no": 0,
            "execution_time": f"{sum(t.get('seconds', 0) for t in exercise.get('tests', [])):.1f}s",
        }
        for exercise in told
    ]
    counted = {test["status"] for test, exercise in zip(tests, told, strict=True) if _worth(exercise)}
    status = "pass" if counted == {"pass"} else "error" if "error" in counted else "fail"
    return {"version": 1, "status": status, "max_score": sum(map(_worth, told)), "tests": tests}


def _worth(exercise: Exercise) -> int:
    """The most that an exercise adds to the total."""
    return round(100 * float(exercise.get("weight", 1.0)))


def github_classroom_output(exercises: Sequence[Exercise]) -> str:
    """The line for $GITHUB_OUTPUT."""
    text = json.dumps(github_classroom(exercises)).encode()
    return f"result={base64.b64encode(text).decode()}"


def markdown(text: str) -> str:
    """Text as it is, in a fence longer than any in it."""
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}text\n{text}\n{fence}"


# ------------------------------------------------------------------------------- JUnit and TAP


def junit(exercises: Sequence[Exercise]) -> str:
    """JUnit XML: a test suite an exercise."""
    root = ElementTree.Element("testsuites", name="channels")
    for exercise in exercises:
        tests = exercise.get("tests", []) or [_stand_in(exercise)]
        suite = ElementTree.SubElement(root, "testsuite", name=exercise["name"])
        counts = dict.fromkeys(("tests", "failures", "errors", "skipped"), 0)
        for test in tests:
            case = ElementTree.SubElement(
                suite,
                "testcase",
                classname=f"{exercise['name']}.{test['suite']}",
                name=test["name"],
                time=f"{test.get('seconds', 0.0):.3f}",
            )
            counts["tests"] += 1
            kind = _junit_kind(test["verdict"])
            if kind is not None:
                counts[{"failure": "failures", "error": "errors"}.get(kind, kind)] += 1
                text = _NOT_XML.sub("?", explanation(test))
                first = text.split("\n")[0]
                child = ElementTree.SubElement(case, kind, message=first)
                if kind != "skipped":
                    child.set("type", test["verdict"])
                    child.text = text
        for key, count in counts.items():
            suite.set(key, str(count))
        suite.set("time", f"{sum(t.get('seconds', 0.0) for t in tests):.3f}")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _stand_in(exercise: Exercise) -> dict[str, Any]:
    """What stands for the tests of an exercise of which none was run."""
    return {
        "suite": exercise["name"],
        "name": "submission",
        "verdict": "passed" if exercise["verdict"] == "passed" else exercise["verdict"],
        "message": exercise.get("message", ""),
    }


def _junit_kind(verdict: str) -> str | None:
    if verdict == "passed":
        return None
    if verdict in ("skipped", "not_implemented", "not_started", "absent"):
        return "skipped"
    return "error" if verdict in ("environment", "build_failed", "rejected") else "failure"


def tap(exercises: Sequence[Exercise]) -> str:
    """TAP version 14: a subtest an exercise."""
    lines = ["TAP version 14", f"1..{len(exercises)}"]
    for number, exercise in enumerate(exercises, 1):
        tests = exercise.get("tests", []) or [_stand_in(exercise)]
        lines.append(f"# Subtest: {exercise['name']}")
        lines.append(f"    1..{len(tests)}")
        for index, test in enumerate(tests, 1):
            lines += [f"    {line}" for line in _tap_point(index, test)]
        all_passed = all(test["verdict"] == "passed" for test in tests)
        lines.append(f"{'ok' if all_passed else 'not ok'} {number} - {exercise['name']}")
    return "\n".join(lines) + "\n"


def _tap_point(number: int, test: dict[str, Any]) -> list[str]:
    verdict = test["verdict"]
    name = f"{sentence(test)} [{test['suite']}]".replace("\\", "\\\\").replace("#", "\\#")
    if verdict == "passed":
        return [f"ok {number} - {name}"]
    if verdict == "skipped":
        return [f"ok {number} - {name} # SKIP {explanation(test).splitlines()[0]}".replace("\n", " ")]
    lines = [f"not ok {number} - {name}", "  ---", f"  verdict: {verdict}", "  message: |"]
    lines += [f"    {line}" for line in explanation(test).splitlines()]
    return [*lines, "  ..."]


# ----------------------------------------------------------------------------------------- CSV


class Sheet:
    """A table in CSV that is made student by student."""

    def __init__(self, head: Sequence[Sequence[str]], row: Callable[[Student], Sequence[str]]) -> None:
        self._out = io.StringIO()
        self._writer = csv.writer(self._out, lineterminator="\r\n")
        self._row = row
        for line in head:
            self._write(line)

    def add(self, student: Student) -> None:
        self._write(self._row(student))

    def text(self) -> str:
        return self._out.getvalue()

    def _write(self, row: Sequence[str]) -> None:
        self._writer.writerow([_no_formula(cell) for cell in row])


def class_csv(names: Sequence[str]) -> Sheet:
    """One row a student: points and verdict of each exercise, how they came about, and the total."""
    header = ["student", "points", "max_points", "percent", "group"]
    told = ("verdict", "submitted", "days late", "raw points", "taken off", "remarks")
    header += [column for name in names for column in (name, *(f"{name} {word}" for word in told))]

    def row(student: Student) -> list[str]:
        by_name = {exercise["name"]: exercise for exercise in student["exercises"]}
        cells = [student["student"], number(student["points"]), number(student["max_points"]), _percent(student)]
        cells.append(student.get("group", ""))
        for name in names:
            cells += _cells(by_name.get(name), 1 + len(told))
        return cells

    return Sheet([header], row)


def _cells(exercise: Exercise | None, count: int) -> list[str]:
    if exercise is None:
        return ["", "absent", *[""] * (count - 2)]
    return [
        number(exercise["points"]),
        exercise["verdict"],
        exercise.get("submitted", ""),
        str(exercise.get("late", {}).get("days", "")),
        number(exercise.get("raw_points", exercise["points"])),
        number(exercise.get("taken_off", 0.0)),
        " ".join(rating.remarks(exercise)),
    ]


def moodle_csv(worth: Mapping[str, float], item: str = "Channels") -> Sheet:
    """What Moodle's grade import reads: map "Username" to the user, the rest to grades and feedback.

    The percentage of all that counts, and a column an exercise, in points."""
    names = [name for name in worth if worth[name]]

    def row(student: Student) -> list[str]:
        points = [_in_points(student, name, worth[name], excused="") for name in names]
        return [student["student"], _percent(student), summary(student["exercises"]), *points]

    return Sheet([["Username", item, f"{item} (feedback)", *names]], row)


def canvas_csv(worth: Mapping[str, float]) -> Sheet:
    """What Canvas's gradebook import reads: its five columns, then an assignment for each exercise worth something."""
    names = [name for name in worth if worth[name]]
    header = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", *names]
    possible = ["    Points Possible", "", "", "", "", *(number(worth[name]) for name in names)]

    def row(student: Student) -> list[str]:
        points = [_in_points(student, name, worth[name], excused="EX") for name in names]
        return [student["student"], "", "", student["student"], "", *points]

    return Sheet([header, possible], row)


def _in_points(student: Student, name: str, worth: float, excused: str) -> str:
    """The cell of one exercise; empty where there is nothing to say yet."""
    exercise = next((e for e in student["exercises"] if e["name"] == name), None)
    if exercise is None or "due" in exercise or exercise["verdict"] == "environment":
        return ""
    return excused if exercise.get("excused") else number(worth * rating.part(exercise))


def _no_formula(cell: str) -> str:
    """A student may be called =HYPERLINK(...); a spreadsheet shall not follow."""
    return "'" + cell if cell[:1] in "=+@\t\r" and cell else cell


def number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _percent(student: Student) -> str:
    return number(100 * student["points"] / student["max_points"]) if student["max_points"] else "0"
