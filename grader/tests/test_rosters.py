"""Downloads in, gradebooks out: the same files with grades, as the importers read them. Nothing is graded here."""

from __future__ import annotations

import csv
import datetime as dt
import json
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from grader import files
from grader.classroom import entries, intake, results, rosters, sandbox, settings, similar
from grader.classroom.group import Class
from grader.classroom.settings import Settings
from grader.errors import UsageError
from grader.exercises import by_name
from grader.tests import importers, odd_entries

EXERCISE = "02_blocking"
NOT_DUE = {"deadlines": {EXERCISE: dt.date(2099, 1, 1)}}
PEOPLE = {12345, 12346, 12347, 12348, 12349, 12350, 12351}
USERS = {**{user: name for name, (user, _, _) in odd_entries.CANVAS.items()}, 1999: "Test Student"}
ASSIGNMENTS = {501: "Essay", 502: "02_blocking", 503: "Message type"}
BEFORE = {(user, 501): "7.50" for user in range(1815, 1820)} | {(user, 503): "12.00" for user in range(1815, 1820)}
BEFORE[1999, 502] = "N/A"


@pytest.fixture(autouse=True)
def _no_near_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(similar, "pairs", lambda *_: ([], ""))


def a_class(directory: Path, download: str, roster: str, given: Settings | None = None, *names: str) -> Class:
    odd_entries.write(directory)
    exercises = tuple(by_name(name) for name in names or (EXERCISE,))
    rules = given or Settings()
    flat = exercises[0].name if len(exercises) == 1 else ""
    return Class(directory / download, directory / "out", exercises, rules, flat=flat, roster=directory / roster)


def grade(group: Class, passed: Mapping[str, float]) -> list[str]:
    """What is written when so much of each student's tests has passed; of others nothing is there, or nothing good."""
    found = entries.find(group.submissions, group.out)
    wanted = {exercise.name: frozenset(exercise.stubs) for exercise in group.exercises}
    for name, entry in found.of.items():
        told = []
        try:
            taken = intake.take_in(entry.path, wanted, group.flat)
            verdicts = {
                e: "rejected" if e in taken.rejected else "failed" if e in taken.files else "absent" for e in wanted
            }
        except intake.Rejected:
            verdicts = dict.fromkeys(wanted, "rejected")
        for exercise in group.exercises:
            chain = exercise.tests_of_chain() if verdicts[exercise.name] == "failed" else []
            share = round(passed.get(name, 0.0) * len(chain))
            tests = [
                {"suite": suite.name, "name": test, "verdict": "passed" if number < share else "failed"}
                for number, (suite, test) in enumerate(chain)
            ]
            message = "There is report.pdf." if verdicts[exercise.name] == "absent" else ""
            verdict = "passed" if chain and share == len(chain) else verdicts[exercise.name]
            told.append(
                {
                    "name": exercise.name,
                    "verdict": verdict,
                    "message": message,
                    "flags": [],
                    "tests": tests,
                    "report": "",
                }
            )
        result = {"student": name, "submitted": {EXERCISE: 4e9}, "seconds": 0, "exercises": told}
        files.write_atomically(group.result_file(name), json.dumps(result))
    return results.write_all(group, found, sandbox.NONE, "local", [])


# ------------------------------------------------------------------------------------------ Moodle

PASSED = {"Ada Lovelace": 1.0, "Zoë O'Neill": 0.5, "Ann Lee 12349": 1.0, "Ann Lee 12350": 0.0}


def test_moodles_worksheet_comes_back_with_grades(tmp_path: Path) -> None:
    group = a_class(tmp_path, "moodle.zip", "worksheet.csv")
    said = grade(group, PASSED)
    before, after = tmp_path / "worksheet.csv", group.out / "gradebooks" / "worksheet.csv"
    grades, comments = importers.moodle_worksheet(after, PEOPLE, 20)
    half = round(20 * round(0.5 * len(by_name(EXERCISE).tests_of_chain())) / len(by_name(EXERCISE).tests_of_chain()), 2)
    assert grades == {12345: 20, 12346: half, 12347: 0, 12348: 0, 12349: 20, 12350: 0}
    assert comments[12345].startswith("Channels in C: 02_blocking passed") and 12351 not in comments
    assert comments[12348] == "Channels in C: 02_blocking: There is report.pdf."
    with before.open(encoding="utf-8-sig") as old, after.open(encoding="utf-8-sig") as new:
        ours = ("Grade", "Feedback comments")
        for one, other in zip(csv.DictReader(old), csv.DictReader(new), strict=True):
            assert {k: v for k, v in one.items() if k not in ours} == {k: v for k, v in other.items() if k not in ours}
    assert before.read_bytes()[:3] == after.read_bytes()[:3] == b"\xef\xbb\xbf"
    assert "worksheet.csv: 6 of 7 rows have grades now." in said
    assert "worksheet.csv: no submission of Never Here; left as it was." in said


def test_what_was_filled_in_the_week_before_is_filled_in_anew(tmp_path: Path) -> None:
    group = a_class(tmp_path, "moodle.zip", "worksheet.csv")
    grade(group, PASSED)
    after = group.out / "gradebooks" / "worksheet.csv"
    grade(replace(group, roster=after), {})
    grades, comments = importers.moodle_worksheet(after, PEOPLE, 20)
    assert grades[12345] == 0 and "02_blocking failed, 0 of" in comments[12345]


def test_reports_go_back_as_moodles_feedback_files(tmp_path: Path) -> None:
    group = a_class(tmp_path, "moodle.zip", "worksheet.csv")
    grade(group, PASSED)
    path = group.out / "gradebooks" / rosters.FEEDBACK_ZIP
    found = importers.moodle_feedback(path, PEOPLE)
    assert found == {number: ["/report.txt"] for number in PEOPLE - {12351}}
    with zipfile.ZipFile(path) as archive:
        report = archive.read("Zoë O'Neill_12346_assignfeedback_file_/report.txt").decode()
    assert report == (group.out / "reports" / "Zoë O'Neill.txt").read_text()


def test_the_times_are_those_of_the_worksheet(tmp_path: Path) -> None:
    deadline = dt.datetime(2026, 11, 28, 12, 0)
    rules = settings.parse({"deadlines": {EXERCISE: deadline}, "late": {"percent_a_day": 10}}, "class.toml")
    group = a_class(tmp_path, "moodle.zip", "worksheet.csv", rules)
    grade(group, PASSED)
    grades, _ = importers.moodle_worksheet(group.out / "gradebooks" / "worksheet.csv", PEOPLE, 20)
    assert grades[12345] == 16  # 2 days begun, and not as late as the files
    assert rosters.moodles_time("Sunday, November 29, 2026, 11:58 PM") == rosters.moodles_time(odd_entries.SUBMITTED)
    assert rosters.moodles_time("-") is None


@pytest.mark.parametrize("given", [NOT_DUE, {"excused": {name: [EXERCISE] for name in PASSED}}])
def test_moodles_grade_is_left_empty_where_there_is_none_yet(tmp_path: Path, given: dict[str, Any]) -> None:
    group = a_class(tmp_path, "moodle.zip", "worksheet.csv", settings.parse(given, "class.toml"))
    grade(group, PASSED)
    grades, comments = importers.moodle_worksheet(group.out / "gradebooks" / "worksheet.csv", PEOPLE, 20)
    assert grades == ({} if given is NOT_DUE else {12347: 0, 12348: 0}) and comments.keys() == grades.keys()


def test_more_than_all_points_would_be_passed_over(tmp_path: Path) -> None:
    bonus = {"student": "Ada Lovelace", "exercise": EXERCISE, "add": 50, "reason": "bonus"}
    group = a_class(tmp_path, "moodle.zip", "worksheet.csv", settings.parse({"adjust": [bonus]}, "class.toml"))
    grade(group, PASSED)
    grades, comments = importers.moodle_worksheet(group.out / "gradebooks" / "worksheet.csv", PEOPLE, 20)
    assert grades[12345] == 20 and "+50: bonus" in comments[12345]


def test_locked_grades_and_commas_stay_as_they_are(tmp_path: Path) -> None:
    rows = [odd_entries.WORKSHEET]
    for number, name, changeable in ((12345, "Ada Lovelace", "No"), (12349, "Ann Lee", "Yes")):
        rows.append([f"Participant {number}", name, "", "", "5,00", "12,50", changeable, "-", "-", "good"])
    group = a_class(tmp_path, "moodle.zip", "sheet.csv.none")
    odd_entries.write_csv(tmp_path / "sheet.csv", rows)
    grade(replace(group, roster=tmp_path / "sheet.csv"), {"Ada Lovelace": 1.0, "Ann Lee 12349": 1.0})
    after = list(csv.reader((group.out / "gradebooks" / "sheet.csv").open()))
    assert [(row[4], row[9]) for row in after[1:]] == [("5,00", "good"), ("12,5", "good")]


def test_a_grade_for_a_moodle_group_is_that_of_its_members(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "hw.zip", "w") as archive:
        archive.writestr("Group A_12346_assignsubmission_file_/channel.c", odd_entries.RIGHT)
    rows = [[*odd_entries.WORKSHEET[:4], "Group", *odd_entries.WORKSHEET[4:]]]
    for number, team in ((12345, "Group A"), (12346, "Group B"), (12347, "Group A")):
        rows.append([f"Participant {number}", f"Student {number}", "", "", team, "", "20.00", "Yes", "-", "-", ""])
    odd_entries.write_csv(tmp_path / "sheet.csv", rows)
    group = replace(a_class(tmp_path, "hw.zip", "sheet.csv"))
    grade(group, {"Group A": 1.0})
    grades, _ = importers.moodle_worksheet(group.out / "gradebooks" / "sheet.csv", PEOPLE, 20)
    assert grades == {12345: 20, 12347: 20}  # the number of a group is no participant's
    assert importers.moodle_feedback(group.out / "gradebooks" / rosters.FEEDBACK_ZIP, PEOPLE).keys() == grades.keys()


def test_a_folder_a_student_is_found_in_the_worksheet_by_any_of_its_names(tmp_path: Path) -> None:
    (tmp_path / "subs").mkdir()
    for name in ("s12345@example.org", "zoe\u0308 o'neill", "Ann Lee", "Never Hare"):
        (tmp_path / "subs" / name).mkdir()
        (tmp_path / "subs" / name / "channel.c").write_bytes(odd_entries.RIGHT)
    group = a_class(tmp_path, "subs", "worksheet.csv")
    said = grade(group, {"s12345@example.org": 1.0})
    grades, _ = importers.moodle_worksheet(group.out / "gradebooks" / "worksheet.csv", PEOPLE, 20)
    assert grades == {12345: 20, 12346: 0}
    assert "worksheet.csv has no row for: Never Hare (is Never Here meant?)." in said
    assert "worksheet.csv has several rows for: Ann Lee." in said


def test_two_submissions_for_one_row_are_not_chosen_from(tmp_path: Path) -> None:
    for name in ("Ada Lovelace", "Ada LOVELACE."):
        (tmp_path / "subs" / name).mkdir(parents=True)
        (tmp_path / "subs" / name / "channel.c").write_bytes(odd_entries.RIGHT)
    group = a_class(tmp_path, "subs", "worksheet.csv")
    said = grade(group, {"Ada Lovelace": 1.0})
    assert importers.moodle_worksheet(group.out / "gradebooks" / "worksheet.csv", PEOPLE, 20) == ({}, {})
    assert any("has two submissions, Ada LOVELACE. and Ada Lovelace: not filled in." in line for line in said)


# ------------------------------------------------------------------------------------------ Canvas


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_canvas_export_comes_back_with_grades(tmp_path: Path, delimiter: str) -> None:
    group = a_class(tmp_path, "canvas.zip", "gradebook.csv")
    odd_entries.gradebook(tmp_path / "gradebook.csv", delimiter)
    said = grade(group, {"lovelaceada": 1.0, "oneillzoë": 1.0})
    after = group.out / "gradebooks" / "gradebook.csv"
    changed = importers.canvas(after, USERS, ASSIGNMENTS, BEFORE)
    assert changed == {(1815, 502): "25.00", (1816, 502): "25.00"} | {(u, 502): "0.00" for u in (1817, 1818, 1819)}
    assert after.read_text().splitlines()[0] == (tmp_path / "gradebook.csv").read_text().splitlines()[0]
    assert "gradebook.csv: 5 of 6 rows have grades now." in said
    assert "gradebook.csv: no submission of Test Student; left as it was." in said
    assert not (group.out / "gradebooks" / rosters.FEEDBACK_ZIP).exists()


def test_what_is_not_due_or_excused_changes_nothing_in_canvas(tmp_path: Path) -> None:
    group = a_class(tmp_path, "canvas.zip", "gradebook.csv", settings.parse(NOT_DUE, "class.toml"))
    said = grade(group, {"lovelaceada": 1.0})
    after = group.out / "gradebooks" / "gradebook.csv"
    assert importers.canvas(after, USERS, ASSIGNMENTS, BEFORE) == {}
    (told,) = [line for line in said if "not due yet" in line]
    assert told.startswith(
        "gradebook.csv: not due yet, excused, or not to be changed: Kowalski, Jan; Lee, Ann; Lovelace, Ada; "
    )
    assert after.read_bytes() == (tmp_path / "gradebook.csv").read_bytes()
    excused = {"excused": {"Lovelace, Ada": [EXERCISE]}}
    grade(replace(group, settings=settings.parse(excused, "class.toml")), {})
    assert importers.canvas(after, USERS, ASSIGNMENTS, BEFORE)[1815, 502] == "EX"


def test_canvas_tells_no_times_so_nothing_is_late(tmp_path: Path) -> None:
    given = {"deadlines": {EXERCISE: dt.date(2026, 1, 1)}, "late": {"percent_a_day": 10}}
    group = a_class(tmp_path, "canvas.zip", "gradebook.csv", settings.parse(given, "class.toml"))
    grade(group, {"lovelaceada": 1.0})
    changed = importers.canvas(group.out / "gradebooks" / "gradebook.csv", USERS, ASSIGNMENTS, BEFORE)
    assert changed[1815, 502] == "25.00"


def test_what_is_not_assigned_to_a_student_stays_so(tmp_path: Path) -> None:
    for name in ("Test Student", "Lovelace, Ada", "zoë o'neill", "login1818"):
        (tmp_path / "subs" / name).mkdir(parents=True)
        (tmp_path / "subs" / name / "channel.c").write_bytes(odd_entries.RIGHT)
    group = a_class(tmp_path, "subs", "gradebook.csv")
    said = grade(group, {})
    changed = importers.canvas(group.out / "gradebooks" / "gradebook.csv", USERS, ASSIGNMENTS, BEFORE)
    assert changed == {(1815, 502): "0.00", (1816, 502): "0.00", (1818, 502): "0.00"}
    assert "gradebook.csv: 3 of 6 rows have grades now." in said


def test_a_column_for_several_exercises_waits_for_the_last(tmp_path: Path) -> None:
    names = (EXERCISE, "03_message_type")
    given: dict[str, Any] = {"gradebook": {"Essay": list(names)}, "weights": {EXERCISE: 3, names[1]: 2}}
    group = a_class(tmp_path, "canvas.zip", "gradebook.csv", settings.parse(given, "class.toml"), *names)
    grade(group, {"leeann": 1.0})
    changed = importers.canvas(group.out / "gradebooks" / "gradebook.csv", USERS, ASSIGNMENTS, BEFORE)
    assert changed[1818, 501] == "6.00"  # of 10, three parts of five
    later = settings.parse({**given, "deadlines": {names[1]: dt.date(2099, 1, 1)}}, "class.toml")
    grade(replace(group, settings=later), {"leeann": 1.0})
    changed = importers.canvas(group.out / "gradebooks" / "gradebook.csv", USERS, ASSIGNMENTS, BEFORE)
    assert (1818, 501) not in changed and (1818, 503) not in changed and (1818, 502) in changed


# ------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "neither Moodle's"),
        ("Name,Note\nAda,1\n", "neither Moodle's"),
        ("Identifier,Full name,Grade,Scale,Last modified (grade)\n", "has a scale"),
        ("Student,ID,SIS Login ID,Section,Essay (5)\n", "no column is called as an exercise"),
    ],
)
def test_what_is_no_gradebook_is_told_at_once(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "x.csv"
    path.write_text(text)
    with pytest.raises(UsageError, match=words):
        rosters.load(path, Settings(), [by_name(EXERCISE)])


def test_a_column_of_class_toml_must_be_there(tmp_path: Path) -> None:
    odd_entries.gradebook(tmp_path / "g.csv")
    rules = settings.parse({"gradebook": {"Homwork": [EXERCISE]}}, "class.toml")
    with pytest.raises(UsageError, match="no column Homwork; it has Essay, 02_blocking, Message type"):
        rosters.load(tmp_path / "g.csv", rules, [by_name(EXERCISE)])


@pytest.mark.parametrize("download", ["folder", "moodle.zip", "canvas.zip"])
def test_every_download_comes_to_a_class_with_all_its_files(tmp_path: Path, download: str) -> None:
    group = replace(a_class(tmp_path, download, "worksheet.csv"), roster=None)
    grade(group, {})
    found = entries.find(group.submissions, group.out)
    data = json.loads((group.out / "class.json").read_text())
    assert [student["student"] for student in data["students"]] == list(found.of)
    assert {path.stem for path in (group.out / "reports").iterdir()} == set(found.of)
    html = (group.out / "class.html").read_text()
    assert all(text.partition(":")[0] in html for text in found.passed_over)
