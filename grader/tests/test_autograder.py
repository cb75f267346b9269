"""Autograders of others' making: Gradescope's zip runs where it would run, GitHub's step says what it should."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from grader.classroom import autograder, commands, rating, sandbox, settings
from grader.commands import handout
from grader.errors import UsageError
from grader.exercises import ROOT, all_exercises, by_name
from grader.tests import test_gradebooks

STUDENT: dict[str, Any] = {
    "student": "submission",
    "points": 100.0,
    "max_points": 100.0,
    "seconds": 1.0,
    "exercises": [
        {"name": "01_single_thread", "verdict": "passed", "points": 3.0, "max_points": 3.0, "tests": [], "message": ""}
    ],
}

# --------------------------------------------------------------------------------- Gradescope


def unpack(path: Path, directory: Path) -> None:
    """As unzip does it: with the files' modes."""
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            archive.extract(info, directory)
            os.chmod(directory / info.filename, info.external_attr >> 16)


def at_gradescope(autograder_directory: Path, script: str) -> subprocess.CompletedProcess[str]:
    """Runs one of the zip's scripts on a machine with the system's files, /autograder, and nothing else of ours."""
    command = ["bwrap", "--unshare-net", "--unshare-pid", "--die-with-parent", "--proc", "/proc", "--dev", "/dev"]
    for path in (*sandbox.SYSTEM, "/etc"):
        if os.path.islink(path):
            command += ["--symlink", os.readlink(path), path]
        elif os.path.exists(path):
            command += ["--ro-bind", path, path]
    command += [
        "--perms",
        "1777",
        "--tmpfs",
        "/tmp",
        "--bind",
        str(autograder_directory),
        "/autograder",
        "--chdir",
        "/autograder",
    ]
    environment = {"PATH": os.environ["PATH"], "HOME": "/tmp"}
    return subprocess.run(
        [*command, f"/autograder/{script}"], env=environment, capture_output=True, text=True, timeout=900
    )


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Gradescope's image: the zip of exercise 01 unpacked to /autograder/source, its setup.sh run."""
    if not shutil.which("bwrap"):
        pytest.skip("bubblewrap is not installed")
    home = tmp_path_factory.mktemp("gradescope") / "autograder"
    autograder_zip = home.with_name("autograder.zip")
    assert commands.gradescope({"ex": "01", "out": str(autograder_zip)}) == 0
    unpack(autograder_zip, home / "source")
    for directory in (home / "submission", home / "results"):
        directory.mkdir()
    shutil.copy2(home / "source" / "run_autograder", home)
    done = at_gradescope(home, "source/setup.sh")
    if "bwrap: " in done.stderr:
        pytest.skip("bubblewrap does not work here")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Not started: 01_single_thread" in done.stdout
    return home


def upload(home: Path, text: str) -> dict[str, Any]:
    """What Gradescope gets to know about one submission, which has no directories: students upload a file."""
    (home / "submission" / "channel.c").write_text(text)
    results = home / "results" / "results.json"
    results.unlink(missing_ok=True)
    done = at_gradescope(home, "run_autograder")
    assert done.returncode == 0, done.stdout + done.stderr
    content: dict[str, Any] = json.loads(results.read_text())
    pytest.importorskip("jsonschema").validate(content, test_gradebooks.GRADESCOPE)
    return content


def test_gradescope_gives_a_solution_all_points(image: Path) -> None:
    content = upload(image, (ROOT / "solutions" / "01_single_thread" / "channel.c").read_text())
    assert content["score"] == 100, content["tests"]
    assert {test["status"] for test in content["tests"]} == {"passed"} and len(content["tests"]) > 20


def test_gradescope_tells_what_is_wrong(image: Path) -> None:
    code = (ROOT / "solutions" / "01_single_thread" / "channel.c").read_text()
    content = upload(image, code.replace("CHANNEL_EMPTY", "CHANNEL_FULL"))
    failed = [test for test in content["tests"] if test["status"] == "failed"]
    assert 0 < content["score"] < 100 and failed
    assert any("CHANNEL_FULL" in test["output"] for test in failed)
    assert all(test["score"] == 0 for test in failed)
    assert "make hint EX=01" in content["output"]


def test_gradescope_is_told_when_there_is_nothing_to_grade(image: Path) -> None:
    content = upload(image, "int half a file(")
    assert content["score"] == 0 and [test["status"] for test in content["tests"]] == ["failed"]
    assert "channel.c:1" in content["tests"][0]["output"]


def test_the_zip_has_no_solution_and_is_the_same_twice(tmp_path: Path) -> None:
    first, second = tmp_path / "1.zip", tmp_path / "2.zip"
    for path in (first, second):
        autograder.write_zip(path)
    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as archive:
        names = archive.namelist()
        texts = b"\n".join(archive.read(name) for name in names if name.endswith(".c"))
    assert {"setup.sh", "run_autograder", "kit/Makefile", "kit/exercises/02_blocking/channel.h"} <= set(names)
    assert not [name for name in names if "solutions/" in name or "grader/tests" in name]
    for exercise in all_exercises():
        for name in exercise.files:
            assert (ROOT / "solutions" / exercise.name / name).read_bytes() not in texts


def test_the_instructors_rules_go_with_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text('leave_out = ["08_ticket_server"]\n[weights]\n02_blocking = 2\n')
    commands.gradescope({"class": str(rules), "out": str(tmp_path / "a.zip")})
    assert "worth 500 points" in capsys.readouterr().out
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.read("kit/class.toml") == rules.read_bytes()


METADATA: dict[str, Any] = {  # as Gradescope's documentation shows it
    "id": 123456,
    "created_at": "2026-12-02T14:22:32.365935-07:00",
    "assignment": {
        "due_date": "2026-11-30T23:00:00.000000-07:00", "group_size": 4, "id": 25828, "late_due_date": None,
        "title": "Programming Assignment 1", "total_points": "100.0",
    },
    "submission_method": "upload",
    "users": [{"email": "ada@example.org", "id": 1234, "name": "Ada Lovelace"}],
    "previous_submissions": [],
}  # fmt: skip


def rated(tmp_path: Path, rules: dict[str, Any], metadata: dict[str, Any] | None) -> dict[str, Any]:
    """What becomes of a passed 01 with these rules."""
    (tmp_path / "m.json").write_text(json.dumps(metadata))
    told = autograder.Metadata.read(str(tmp_path / "m.json") if metadata else "")
    exercise = by_name("01_single_thread")
    tests = [{"suite": exercise.name, "name": name, "verdict": "passed"} for name in exercise.tests_on(exercise.name)]
    result = {"name": exercise.name, "verdict": "passed", "message": "", "tests": tests}
    given = told.applied_to(settings.parse(rules, "class.toml"), [exercise.name])
    student = {"student": told.student, "submitted": {exercise.name: 4e9}, "exercises": [result]}
    scores = rating.Scores(given, [exercise], now=autograder.NEVER)
    return scores.rate(student, told.submitted)


def test_gradescope_knows_when_it_was_handed_in_and_due(tmp_path: Path) -> None:
    late: dict[str, Any] = {"late": {"percent_a_day": 10}}
    assert rated(tmp_path, late, METADATA)["points"] == 80
    assert rated(tmp_path, {}, METADATA)["points"] == 100
    assert rated(tmp_path, {**late, "gradescope": {"lateness": "gradescope"}}, METADATA)["points"] == 100
    own = {**late, "deadlines": {"01_single_thread": dt.date(2026, 12, 31)}}
    assert rated(tmp_path, own, METADATA)["points"] == 100
    assert rated(tmp_path, own, None)["points"] == 0  # files as old as 2096
    users = [{**METADATA["users"][0], "assignment": {"due_date": "2026-12-02T10:00:00-07:00"}}]
    assert rated(tmp_path, late, {**METADATA, "users": users})["points"] == 90
    adjust = {"student": "Ada Lovelace", "exercise": "01_single_thread", "set": 0, "reason": "copied"}
    assert rated(tmp_path, {"adjust": [adjust]}, METADATA)["points"] == 0
    early = {"deadlines": {"01_single_thread": dt.date(2099, 12, 31)}}
    assert rated(tmp_path, early, METADATA)["max_points"] == 100  # on Gradescope all counts before it is due


def test_gradescope_has_one_result_for_a_group(tmp_path: Path) -> None:
    """What class.toml says of any of its members: the longest extension, each adjustment once, excused if all are."""
    group = {**METADATA, "users": [*METADATA["users"], {"name": "Bob Ray"}, {"email": "nameless@example.org"}]}
    late: dict[str, Any] = {"late": {"percent_a_day": 10}, "deadlines": {"01_single_thread": dt.date(2026, 11, 29)}}
    assert rated(tmp_path, late, group)["points"] == 70
    assert rated(tmp_path, {**late, "extensions": {"Bob Ray": 2, "Ada Lovelace": 1}}, group)["points"] == 90
    assert rated(tmp_path, {**late, "extensions": {"Cyd Moor": 9}}, group)["points"] == 70
    excused = {"Bob Ray": ["01_single_thread"]}
    assert rated(tmp_path, {"excused": excused}, group)["max_points"] == 100
    pair = {**group, "users": group["users"][:2]}
    assert rated(tmp_path, {"excused": {**excused, "Ada Lovelace": ["01_single_thread"]}}, pair)["max_points"] == 0
    copied: dict[str, Any] = {"exercise": "01_single_thread", "add": -3, "reason": "copied"}
    both = [{"student": name, **copied} for name in ("Ada Lovelace", "Bob Ray", "Cyd Moor")]
    tests = len(by_name("01_single_thread").tests_in_source())
    for adjust in (both[1:], both):
        exercise = rated(tmp_path, {"adjust": adjust}, group)["exercises"][0]
        assert exercise["points"] == tests - 3 and len(exercise["adjusted"]) == 1


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"created_at": "soon", "assignment": {"due_date": null}}'])
def test_metadata_that_is_none_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "m.json").write_text(text)
    with pytest.raises(UsageError, match="not as Gradescope writes it"):
        autograder.Metadata.read(str(tmp_path / "m.json"))
    with pytest.raises(UsageError, match="can't be read"):
        autograder.Metadata.read(str(tmp_path / "none.json"))


def test_visibility_and_numbers_are_the_instructors() -> None:
    rules = settings.parse({"gradescope": {"visibility": "after_due_date", "numbers": True}}, "class.toml").gradescope
    student = {**STUDENT, "exercises": test_gradebooks.EXERCISES}
    content = json.loads(autograder.as_text(student, "gradescope", rules))
    pytest.importorskip("jsonschema").validate(content, test_gradebooks.GRADESCOPE)
    assert {content["visibility"], *(test["visibility"] for test in content["tests"])} == {"after_due_date"}
    assert [test["number"] for test in content["tests"]] == ["2.1", "2.2", "2.3", "3.1"]
    plain = json.loads(autograder.as_text(student, "gradescope"))
    assert plain["visibility"] == "visible" and "number" not in plain["tests"][0]
    for wrong in ({"visibility": "maybe"}, {"lateness": True}, {"numbers": "yes"}, {"number": True}):
        with pytest.raises(UsageError):
            settings.parse({"gradescope": wrong}, "class.toml")


# ---------------------------------------------------------------------------- GitHub Classroom


def test_a_step_on_github_has_an_output_a_summary_and_a_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(autograder, "_grade", lambda arguments: STUDENT)
    for variable in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"):
        (tmp_path / variable).write_text("before\n")
        monkeypatch.setenv(variable, str(tmp_path / variable))
    assert autograder.grade_one({"format": "github"}) == 0
    before, line = (tmp_path / "GITHUB_OUTPUT").read_text().splitlines()
    assert before == "before" and test_gradebooks.as_the_reporter_counts(line) == ("pass", 100, 100)
    assert "01_single_thread: passed, 3 of 3 points" in capsys.readouterr().out
    assert "```text" in (tmp_path / "GITHUB_STEP_SUMMARY").read_text()


def test_the_handout_tells_of_nothing_that_it_can_not_do(tmp_path: Path) -> None:
    rules = tmp_path / "class.toml"
    rules.write_text('leave_out = ["05_deadlines", "07_lock_free"]\n')
    command = ["make", "--no-print-directory", "handout", f"CLASS={rules}"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert said.stdout.splitlines()[:2] == [
        "Left out: 07_lock_free.",
        "05_deadlines stays: 06_select builds on it.",
    ], said.stderr
    given = ROOT / "build" / "handout" / "channels-in-c"
    assert not list(given.rglob("07_lock_free")) and (given / "grader" / "stubs" / "05_deadlines").is_dir()
    shown = subprocess.run(["make", "help"], cwd=given, capture_output=True, text=True).stdout
    here = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True).stdout
    commands = {line.split()[1] for line in here.splitlines()} - {line.split()[1] for line in shown.splitlines()}
    assert commands == {"swap", "unswap", "handout", "class", "result", "gradescope"}
    for guide in (given / "docs" / "students.md", *given.glob("exercises/*/README.md")):
        text = guide.read_text()
        assert "make swap" not in text and "FROM=solutions" not in text and "Compare with `solutions" not in text
    assert "make swap" in (ROOT / "docs" / "students.md").read_text()


def test_the_handout_brings_the_workflow() -> None:
    _, archive = handout.make()
    with tarfile.open(archive) as tar:
        text = tar.extractfile("channels-in-c/.github/workflows/classroom.yml")
        assert text is not None and b"make result FORMAT=github" in text.read()
        assert not [name for name in tar.getnames() if "/solutions/" in name]
