"""Every format a gradebook wants, read back by a program that is not ours, or checked against its rules."""

from __future__ import annotations

import base64
import csv
import io
import json
import subprocess
from typing import Any

import pytest

from grader.classroom import gradebooks
from grader.tests import npm

NASTY = 'a "quoted" <b>&amp; # \x00\x1b[31m \ufffe line\nand another --- \\'


def a_test(name: str, verdict: str, message: str = "", suite: str = "02_blocking") -> dict[str, Any]:
    return {
        "suite": suite,
        "name": name,
        "variant": "interleave",
        "verdict": verdict,
        "message": message,
        "seconds": 0.25,
        "points": 1.0 if verdict == "passed" else 0.0,
        "max_points": 1.0,
    }


EXERCISES: list[dict[str, Any]] = [
    {
        "name": "02_blocking",
        "verdict": "failed",
        "points": 1.0,
        "max_points": 3.0,
        "tests": [
            a_test("queued_messages_come_before_closed", "passed"),
            a_test("the_last_drop_wakes", "deadlock", NASTY),
            a_test("the_last_drop_wakes", "skipped", "why", suite="01_single_thread"),
        ],
    },
    {
        "name": "03_message_type",
        "verdict": "rejected",
        "message": NASTY,
        "points": 0.0,
        "max_points": 5.0,
        "tests": [],
    },
]
STUDENTS = [
    {"student": "=1+1", "points": 50.0, "max_points": 200.0, "exercises": EXERCISES},
    {"student": 'Zoë "Z", x', "points": 0.0, "max_points": 200.0, "exercises": []},
]
NAMES = ["02_blocking", "03_message_type"]


def rows(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


def sheet(made: gradebooks.Sheet, students: list[dict[str, Any]]) -> list[list[str]]:
    for student in students:
        made.add(student)
    return rows(made.text())


# ------------------------------------------------------------------------------------- JUnit, TAP


def test_junit_is_read_by_junitparser(tmp_path: Any) -> None:
    junitparser = pytest.importorskip("junitparser")
    path = tmp_path / "report.xml"
    path.write_text(gradebooks.junit(EXERCISES))
    suites = list(junitparser.JUnitXml.fromfile(str(path)))
    first = {case.name + case.classname: case for case in suites[0]}
    assert (suites[0].tests, suites[0].failures, suites[0].skipped) == (3, 1, 1)
    failure = first["the_last_drop_wakes02_blocking.02_blocking"].result[0]
    assert isinstance(failure, junitparser.Failure) and failure.type == "deadlock"
    assert 'a "quoted" <b>&amp;' in failure.text
    assert isinstance(next(iter(suites[1])).result[0], junitparser.Error)


def tap_events(text: str) -> list[list[Any]]:
    """What tap-parser, which knows version 14, sees in the text."""
    command = ["node", str(npm.package("tap-parser") / "bin" / "cmd.cjs"), "--flat", "-j"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60)
    return [event for event in json.loads(done.stdout) if event[0] not in ("comment", "close")]


def test_tap_is_read_by_tap_parser() -> None:
    events = tap_events(gradebooks.tap(EXERCISES))
    points = [event[1] for event in events if event[0] == "assert"]
    assert {event[0] for event in events} == {"version", "assert", "plan", "complete", "finish"}
    assert [(point["ok"], bool(point["skip"])) for point in points] == [
        (True, False),
        (False, False),
        (True, True),
        (False, False),
    ]
    assert points[1]["diag"]["verdict"] == "deadlock" and "\x1b" not in points[1]["diag"]["message"]
    assert points[1]["diag"]["message"].splitlines()[1] == "and another --- \\"


def test_tap_parser_would_see_what_is_no_tap() -> None:
    assert "extra" in [event[0] for event in tap_events(gradebooks.tap(EXERCISES) + "no tap\n")]


def test_tap_has_a_subtest_for_each_exercise() -> None:
    lines = gradebooks.tap(EXERCISES).splitlines()
    assert lines[0] == "TAP version 14"
    subtest = [line[4:] for line in lines if line.startswith("    ")]
    assert subtest[0] == "1..3"
    assert subtest[1] == "ok 1 - queued messages come before closed [02_blocking]"
    assert [line.split(" - ")[0] for line in lines if line.startswith("not ok")] == ["not ok 1", "not ok 2"]
    assert sum("# SKIP" in line for line in lines) == 1


def test_a_message_can_not_end_a_tap_block_or_add_a_point() -> None:
    nasty = "...\nok 2 - forged\n# SKIP"
    text = gradebooks.tap([{**EXERCISES[0], "tests": [a_test("x # SKIP \\", "failed", nasty)]}])
    points = [event[1] for event in tap_events(text) if event[0] == "assert"]
    assert [(point["ok"], point["skip"], point["todo"]) for point in points] == [(False, False, False)]
    assert points[0]["diag"]["message"] == f"failed: {nasty}\n"


# ------------------------------------------------------------------------ Gradescope and Classroom

# As Gradescope's autograder specification words it.
GRADESCOPE = {
    "type": "object",
    "required": ["score", "tests"],
    "additionalProperties": False,
    "properties": {
        "score": {"type": "number"},
        "execution_time": {"type": "number"},
        "output": {"type": "string"},
        "output_format": {"enum": ["text", "html", "simple_format", "md", "ansi"]},
        "visibility": {"enum": ["hidden", "after_due_date", "after_published", "visible"]},
        "stdout_visibility": {"enum": ["hidden", "after_due_date", "after_published", "visible"]},
        "tests": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["name", "score", "max_score"],
                "properties": {
                    "name": {"type": "string"},
                    "number": {"type": "string"},
                    "score": {"type": "number", "minimum": 0},
                    "max_score": {"type": "number", "minimum": 0},
                    "status": {"enum": ["passed", "failed"]},
                    "output": {"type": "string"},
                    "output_format": {"enum": ["text", "html", "simple_format", "md", "ansi"]},
                    "visibility": {"enum": ["hidden", "after_due_date", "after_published", "visible"]},
                    "tags": {"type": "array", "items": {"type": "string"}},
                },
            },
        },
    },
}


def test_gradescope_results_keep_to_its_specification() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    results = json.loads(json.dumps(gradebooks.gradescope(EXERCISES, 12.345)))
    jsonschema.validate(results, GRADESCOPE)
    assert results["score"] == 12.35 or results["score"] == 12.34
    assert [test["score"] for test in results["tests"]] == [1.0, 0.0, 0.0, 0.0]
    assert len({test["name"] for test in results["tests"]}) == 4


def as_the_reporter_counts(line: str) -> tuple[str, float, float]:
    """What Classroom's reporter makes of a step's output: status, points and the most there are."""
    assert "\n" not in line and line.startswith("result=")
    result = json.loads(base64.b64decode(line.removeprefix("result=")))
    assert result["version"] == 1 and all(test["status"] in ("pass", "fail", "error") for test in result["tests"])
    assert all(isinstance(test["line_no"], int) and "name" in test for test in result["tests"])
    return result["status"], sum(test["score"] for test in result["tests"]), result["max_score"]


def test_classrooms_points_are_those_of_the_class() -> None:
    assert as_the_reporter_counts(gradebooks.github_classroom_output(EXERCISES)) == ("fail", 33, 200)
    weighed = [{**EXERCISES[0], "weight": 3.0}, {**EXERCISES[1], "weight": 0.0}]
    assert as_the_reporter_counts(gradebooks.github_classroom_output(weighed)) == ("fail", 100, 300)


def test_an_elective_that_is_not_there_fails_nobody() -> None:
    passed = {"name": "01_single_thread", "verdict": "passed", "points": 2.0, "max_points": 2.0, "weight": 1.0}
    elective = {"name": "06_select", "verdict": "absent", "points": 0.0, "max_points": 9.0, "weight": 0.0}
    for verdict in ("absent", "failed"):
        line = gradebooks.github_classroom_output([passed, {**elective, "verdict": verdict}])
        assert as_the_reporter_counts(line) == ("pass", 100, 100)
    told = gradebooks.github_classroom([passed, {**elective, "verdict": "absent"}])["tests"]
    assert [test["name"] for test in told] == ["01_single_thread"]


def test_a_report_can_not_leave_its_fence() -> None:
    assert gradebooks.markdown("a ``` b\n````") == "`````text\na ``` b\n````\n`````"


# ------------------------------------------------------------------------------------------- CSV


def test_class_csv_has_a_row_a_student() -> None:
    header, first, second = sheet(gradebooks.class_csv(NAMES), STUDENTS)
    assert header[:4] == ["student", "points", "max_points", "percent"]
    assert dict(zip(header, first, strict=True))["02_blocking verdict"] == "failed"
    assert first[3] == "25"
    assert dict(zip(header, second, strict=True))["03_message_type verdict"] == "absent"


def test_a_students_name_is_no_formula_in_a_spreadsheet() -> None:
    assert sheet(gradebooks.class_csv(NAMES), STUDENTS)[1][0] == "'=1+1"
    assert sheet(gradebooks.moodle_csv({}), STUDENTS)[1][0] == "'=1+1"


def test_names_with_quotes_and_commas_survive() -> None:
    assert sheet(gradebooks.class_csv(NAMES), STUDENTS)[2][0] == 'Zoë "Z", x'


def test_moodle_gets_username_grades_and_feedback() -> None:
    worth = {"02_blocking": 300.0, "03_message_type": 100.0, "06_select": 0.0}
    header, first, second = sheet(gradebooks.moodle_csv(worth), STUDENTS)
    assert header == ["Username", "Channels", "Channels (feedback)", *NAMES]
    assert first[1] == "25" and "02_blocking" in first[2] and first[3:] == ["100", "0"]
    assert second[3:] == ["", ""]


def test_what_is_not_due_is_empty_and_not_0() -> None:
    exercises: list[dict[str, Any]] = [
        {**EXERCISES[0], "due": "2026-12-01T00:00+00:00"},
        {**EXERCISES[1], "excused": True},
    ]
    student: list[dict[str, Any]] = [{"student": "ada", "points": 0.0, "max_points": 0.0, "exercises": exercises}]
    worth = {"02_blocking": 300.0, "03_message_type": 100.0}
    assert sheet(gradebooks.moodle_csv(worth), student)[1][3:] == ["", ""]
    assert sheet(gradebooks.canvas_csv(worth), student)[2][5:] == ["", "EX"]
    exercises[:] = [{**EXERCISES[0], "verdict": "environment"}]
    assert sheet(gradebooks.canvas_csv(worth), student)[2][5:] == ["", ""]


def test_canvas_gets_its_five_columns_and_what_each_exercise_is_worth() -> None:
    worth = {"02_blocking": 300.0, "03_message_type": 100.0, "06_select": 0.0}
    header, possible, first, second = sheet(gradebooks.canvas_csv(worth), STUDENTS)
    assert header == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", *NAMES]
    assert possible[0].strip() == "Points Possible" and possible[5:] == ["300", "100"]
    assert first[5:] == ["100", "0"] and second[5:] == ["", ""]


def test_a_failure_names_the_sentence_of_the_header() -> None:
    sentence = {"where": "exercises/01_answer/channel.h:3", "text": "Returns 42."}
    told = gradebooks.explanation({"name": "x", "verdict": "failed", "message": "No.", "sentences": [sentence]})
    assert told.splitlines() == ["failed: No.", "exercises/01_answer/channel.h:3: Returns 42."]
