"""Points by the instructor's rules: exceptions, lateness, thresholds, groups. Results are made by hand, none graded."""

from __future__ import annotations

import csv
import datetime as dt
import json
import os
from pathlib import Path
from typing import Any

import pytest

from grader import files
from grader.classroom import entries, rating, results, sandbox, settings, similar
from grader.classroom.group import Class
from grader.classroom.settings import Settings
from grader.errors import UsageError
from grader.exercises import by_name

EXERCISE = "02_blocking"
SECOND = "03_message_type"
DUE = dt.datetime(2026, 11, 30, 23, 59, 59)
DEADLINES = {EXERCISE: DUE, SECOND: DUE + dt.timedelta(days=7)}
LATER = DUE.astimezone() + dt.timedelta(days=400)
HOUR = 3600.0


def rules(**sections: Any) -> Settings:
    return settings.parse(sections, "class.toml")


def rated(given: Settings, student: str = "Ada Lovelace", passed: float = 1.0, **hours_late: float) -> dict[str, Any]:
    """A student that has passed that part of each suite, so many hours after the deadlines of the class."""
    exercises = [by_name(EXERCISE), by_name(SECOND)]
    told = []
    for exercise in exercises:
        tests = [{"suite": suite.name, "name": name, "verdict": "passed"} for suite, name in exercise.tests_of_chain()]
        for test in tests[round(passed * len(tests)) :]:
            test["verdict"] = "failed"
        verdict = "passed" if passed == 1 else "failed"
        told.append({"name": exercise.name, "verdict": verdict, "message": "", "tests": tests, "report": ""})
    late = {EXERCISE: hours_late.get("first", -1.0), SECOND: hours_late.get("second", -1.0)}
    submitted = {name: DEADLINES[name].astimezone().timestamp() + HOUR * hours for name, hours in late.items()}
    return rating.Scores(given, exercises, LATER).rate(
        {"student": student, "submitted": submitted, "exercises": told, "seconds": 0}
    )


def percent(student: dict[str, Any], number: int = 0) -> float:
    return round(100 * rating.part(student["exercises"][number]), 1)


def test_grace_and_free_days_come_before_what_is_taken_off() -> None:
    late = {"percent_a_day": 10, "grace_minutes": 90, "free_days": 3}
    given = rules(deadlines=DEADLINES, late=late)
    assert percent(rated(given, first=1.4)) == 100
    assert "late" not in rated(given, first=1.4)["exercises"][0]
    both = rated(given, first=30, second=50)  # 2 days, then 3, of which 1 is left
    first, second = both["exercises"]
    assert (first["late"], second["late"]) == ({"days": 2, "free": 2}, {"days": 3, "free": 1})
    assert (percent(both), percent(both, 1)) == (100, 80)
    assert second["taken_off"] == round(second["raw_points"] * 0.2, 2) > 0
    assert rating.remarks(second) == ["3 days late, 1 of them free: 20% off."]


def test_one_student_may_have_more_time() -> None:
    given = rules(
        deadlines=DEADLINES,
        late={"percent_a_day": 10},
        extensions={"Ada Lovelace": 2, "Bob Ray": {EXERCISE: DUE + dt.timedelta(days=1)}},
    )
    assert percent(rated(given, "lovelaceada", first=47)) == 80
    assert percent(rated(given, "adalovelace", first=47)) == 100
    assert percent(rated(given, "Ada Lovelace", second=49), 1) == 90
    bob = rated(given, "BOB RAY", first=25, second=25)
    assert (percent(bob), percent(bob, 1)) == (90, 80)


def test_who_is_excused_has_no_points_and_loses_none() -> None:
    student = rated(rules(excused={"Ada Lovelace": [SECOND]}), passed=0.5)
    other = rated(rules(excused={"Bob Ray": [SECOND]}), passed=0.5)
    assert (student["max_points"], other["max_points"]) == (100, 200)
    assert rating.remarks(student["exercises"][1]) == ["Excused: it does not count."]


def test_an_adjustment_may_be_a_part_of_all_points() -> None:
    adjust = [{"student": "Ada", "exercise": EXERCISE, "set": "50 %", "reason": "shown by hand"}]
    first = rated(rules(adjust=adjust), "Ada", first=1)["exercises"][0]
    assert first["points"] == first["max_points"] / 2
    assert rating.remarks(first) == ["Points adjusted, set to 50 %: shown by hand."]


def test_an_adjustment_is_the_last_word_and_gives_its_reason() -> None:
    adjust = [
        {"student": "Ada Lovelace", "exercise": EXERCISE, "add": -5, "reason": "late in class"},
        {"student": "ada lovelace", "exercise": SECOND, "set": 7.5, "reason": "shown by hand"},
    ]
    given = rules(adjust=adjust, deadlines=DEADLINES, late={"percent_a_day": 10})
    first, second = rated(given, first=1)["exercises"]
    assert first["points"] == round(first["max_points"] * 0.9 - 5, 2) and second["points"] == 7.5
    assert rating.remarks(first)[-1] == "Points adjusted, -5: late in class."
    assert rating.remarks(second) == ["Points adjusted, set to 7.5: shown by hand."]
    assert rated(given, passed=0.0)["exercises"][0]["points"] == 0
    assert rated(given, "Bob Ray")["exercises"][1]["points"] == second["max_points"]


def test_what_is_not_due_counts_neither_for_nor_against() -> None:
    far = {EXERCISE: DUE, SECOND: dt.date(2099, 1, 1)}
    student = rated(rules(deadlines=far))
    assert student["max_points"] == student["points"] == 100
    assert student["exercises"][1]["points"] > 0
    assert rating.remarks(student["exercises"][1]) == ["Due 2099-01-01 23:59: it does not count yet."]
    longer = rules(deadlines=far, extensions={"Ada Lovelace": {EXERCISE: dt.date(2099, 1, 1)}})
    assert (rated(longer)["max_points"], rated(longer, "Bob Ray")["max_points"]) == (0, 100)


def test_it_is_due_when_nobody_can_hand_it_in_on_time_any_more() -> None:
    given = rules(deadlines=DEADLINES, late={"grace_minutes": 30})
    minutes = {-1: False, 29: False, 31: True}
    due = DUE.astimezone()
    assert {m: given.is_due(EXERCISE, "Ada", due + dt.timedelta(minutes=m)) for m in minutes} == minutes


def test_all_or_nothing_and_thresholds() -> None:
    given = rules(scoring={EXERCISE: "all or nothing", SECOND: [[50, 40], [80, 75], [100, 100]]})
    shares = {1.0: (100, 100), 0.9: (0, 75), 0.81: (0, 75), 0.7: (0, 40), 0.3: (0, 0)}
    found = {share: rated(given, passed=share) for share in shares}
    assert {share: (percent(one), percent(one, 1)) for share, one in found.items()} == shares


def test_tests_of_the_exercises_before_may_weigh_less() -> None:
    """Where nothing is ever received, many tests of 01 pass all the same."""
    exercise = by_name(EXERCISE)
    own = len(exercise.tests_on(EXERCISE))
    before = len(exercise.tests_of_chain()) - own
    assert rated(rules(scoring={"inherited": 0.25}))["exercises"][0]["max_points"] == own + before / 4
    assert rated(rules(scoring={"inherited": 0}))["exercises"][0]["max_points"] == own
    only_inherited = before / (own + before)  # the first suite's tests come first
    assert percent(rated(rules(scoring={"inherited": 0}), passed=only_inherited)) == 0


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ({"extensions": {"Ada": 2.5, "Bob": {"04_bounded": 1}}}, "no line in"),
        ({"extensions": {"Ada": {EXERCISE: "soon"}}}, "must be a time"),
        ({"excused": {"Ada": True}}, "list of names"),
        ({"excused": {"Ada": ["02"]}}, "not known"),
        ({"adjust": [{"student": "Ada", "exercise": EXERCISE, "add": 1}]}, "have a reason"),
        ({"adjust": [{"student": "Ada", "exercise": EXERCISE, "add": 1, "set": 2, "reason": "x"}]}, "either add"),
        ({"adjust": [{"student": "Ada", "exercise": EXERCISE, "add": "1", "reason": "x"}]}, "number"),
        ({"adjust": [{"student": "Ada", "exercise": EXERCISE, "set": "half %", "reason": "x"}]}, "50 %"),
        ({"adjust": [{"student": "Ada", "exercise": "02", "add": 1, "reason": "x"}]}, "not known"),
        ({"adjust": {"Ada": 1}}, r"\[\[adjust\]\]"),
        ({"scoring": {EXERCISE: "half"}}, "pairs of percentages"),
        ({"scoring": {EXERCISE: [[120, 50]]}}, "pairs of percentages"),
        ({"scoring": {"inherited": -1}}, "0 or more"),
        ({"groups": {"team": "Ada"}}, "list of names"),
        ({"late": {"grace": 15}}, "not known"),
        ({"late": {"grace_minutes": float("nan")}}, "0 or more"),
        ({"deadlines": 7}, "must be a table"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_class_toml_is_told(sections: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        rules(deadlines={EXERCISE: DUE} if "deadlines" not in sections else sections.pop("deadlines"), **sections)


# ------------------------------------------------------------------------------- what becomes of it


def a_class(directory: Path, students: dict[str, float], given: Settings) -> Class:
    """A class that has been graded: of each student the share of tests that passed."""
    exercises = (by_name(EXERCISE), by_name(SECOND))
    group = Class(directory / "subs", directory / "out", exercises, given)
    for name, share in students.items():
        path = group.submissions / name / EXERCISE / "channel.c"
        path.parent.mkdir(parents=True)
        path.write_text("int x;")
        os.utime(path, (DUE.timestamp(), DUE.timestamp()))
        student = rated(Settings(), passed=share)
        for exercise in student["exercises"]:
            exercise["flags"] = []
        student |= {"student": name, "submitted": {EXERCISE: DUE.timestamp() + 30 * HOUR}}
        files.write_atomically(group.result_file(name), json.dumps(student))
    return group


def table(path: Path) -> dict[str, dict[str, str]]:
    with path.open(newline="") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


def test_exceptions_are_in_the_table_the_report_and_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(similar, "pairs", lambda *_: ([], ""))
    given = rules(
        deadlines={EXERCISE: DUE},
        late={"percent_a_day": 10},
        groups={"team7": ["Cyd Moor", "Dan Wu"]},
        extensions={"Dan Wu": 1},
        adjust=[{"student": "Ada", "exercise": EXERCISE, "add": -5, "reason": "copied a <b>line</b>"}],
        excused={"Adda": [SECOND]},
    )
    group = a_class(tmp_path, {"Ada": 1.0, "team7": 1.0}, given)
    found = entries.find(group.submissions, group.out)
    said = results.write_all(group, found, sandbox.NONE, "local", [])
    assert "class.toml names Adda, of whom there is no submission; is Ada meant?" in said
    rows = table(group.out / "class.csv")
    assert list(rows) == ["Ada", "Cyd Moor", "Dan Wu"]
    most = float(rows["Ada"][f"{EXERCISE} raw points"])
    assert rows["Ada"][f"{EXERCISE} days late"] == "2" and float(rows["Ada"][f"{EXERCISE} taken off"]) == round(
        most * 0.2, 2
    )
    assert float(rows["Ada"][EXERCISE]) == round(most * 0.8 - 5, 2)
    assert "-5: copied a <b>line</b>" in rows["Ada"][f"{EXERCISE} remarks"]
    assert (rows["Cyd Moor"]["group"], rows["Dan Wu"]["group"]) == ("team7", "team7")
    assert [float(rows[name][EXERCISE]) for name in ("Cyd Moor", "Dan Wu")] == [
        round(most * 0.8, 2),
        round(most * 0.9, 2),
    ]
    report = (group.out / "reports" / "Ada.txt").read_text()
    assert "2 days late: 20% off." in report and "Points adjusted, -5: copied a <b>line</b>." in report
    assert "Handed in by team7." in (group.out / "reports" / "Dan Wu.txt").read_text()
    html = (group.out / "class.html").read_text()
    assert "late, adjusted" in html and "copied a <b>line" not in html and "is Ada meant?" in html
    again = results.write_all(group, found, sandbox.NONE, "local", [])
    assert results.what_counts(group) == "What counts: 02_blocking 100, 03_message_type 100 points."
    assert again == said and table(group.out / "class.csv") == rows
