"""Taking submissions in, the static checks, an instructor's rules, and how a class run goes on and ends."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from grader import files
from grader.classroom import (
    commands,
    entries,
    intake,
    local,
    one_submission,
    options,
    progress,
    rating,
    results,
    run,
    sandbox,
    settings,
    similar,
    workers,
)
from grader.classroom.group import Class, Job, Request
from grader.classroom.one_submission import ExerciseResult
from grader.classroom.suite_runner import Budget, SuiteRunner
from grader.errors import UsageError
from grader.exercises import ROOT, SOLUTIONS, Exercise, all_exercises, by_name
from grader.grading import build, isolation, outcome, runner, static_checks
from grader.grading.grade import Graded
from grader.grading.isolation import AS_IT_IS
from grader.grading.submission import read_submission, taken_over
from grader.selfcheck import implementations

WANTED = {
    "02_blocking": frozenset({"channel.c"}),
    "08_ticket_server": frozenset({"channel.c", "ticket_server.c"}),
}


def write(path: Path, text: str = "int x;") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


# ------------------------------------------------------------------------------------ taking in


@pytest.mark.parametrize(
    "place",
    [
        "02_blocking/channel.c",
        "02/channel.c",
        "exercises/02_blocking/channel.c",
        "alice-kit-main/exercises/02_blocking/channel.c",
    ],
)
def test_layouts(tmp_path: Path, place: str) -> None:
    write(tmp_path / "s" / place)
    assert intake.take_in(tmp_path / "s", WANTED).files == {"02_blocking": {"channel.c": b"int x;"}}


def test_a_flat_file_counts_when_it_is_known_which_exercise_it_is(tmp_path: Path) -> None:
    write(tmp_path / "s" / "channel.c")
    assert intake.take_in(tmp_path / "s", WANTED).files == {}
    assert "02_blocking" in intake.take_in(tmp_path / "s", WANTED, "02_blocking").files


def test_a_file_of_another_exercise_is_not_taken_for_the_one_asked_for(tmp_path: Path) -> None:
    only = {"02_blocking": WANTED["02_blocking"]}
    for place in ("01_single_thread", "01", "03_message_type"):
        write(tmp_path / "s" / place / "channel.c", "not it")
    assert intake.take_in(tmp_path / "s", only, "02_blocking").files == {}
    write(tmp_path / "s" / "02_blocking" / "channel.c", "it")
    assert intake.take_in(tmp_path / "s", only, "02_blocking").files["02_blocking"]["channel.c"] == b"it"


def test_only_what_is_asked_for_is_taken(tmp_path: Path) -> None:
    for name in ("channel.c", "channel.h", "test_channel.c", "Makefile", "ticket_server.c"):
        write(tmp_path / "s" / "02_blocking" / name)
    assert list(intake.take_in(tmp_path / "s", WANTED).files["02_blocking"]) == ["channel.c"]


def test_a_bare_file_that_only_one_exercise_has_is_taken_for_it(tmp_path: Path) -> None:
    write(tmp_path / "s" / "ticket_server.c", "bare")
    write(tmp_path / "s" / "channel.c", "of which?")
    taken = intake.take_in(tmp_path / "s", WANTED)
    assert taken.files == {"08_ticket_server": {"ticket_server.c": b"bare"}} and not taken.rejected
    assert taken.absent["02_blocking"] == "There is channel.c, but no file for this exercise."
    write(tmp_path / "s" / "08_ticket_server" / "ticket_server.c", "in its place")
    taken = intake.take_in(tmp_path / "s", WANTED)
    assert taken.files == {"08_ticket_server": {"ticket_server.c": b"in its place"}} and not taken.rejected


def test_the_outermost_of_several_copies_counts(tmp_path: Path) -> None:
    write(tmp_path / "s" / "old" / "02_blocking" / "channel.c", "old")
    write(tmp_path / "s" / "02_blocking" / "channel.c", "new")
    assert intake.take_in(tmp_path / "s", WANTED).files["02_blocking"]["channel.c"] == b"new"


def test_what_a_mac_adds_to_archives_is_passed_over(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "s.zip", "w") as archive:
        archive.writestr("__MACOSX/02_blocking/channel.c", "junk")
        archive.writestr("hw/02_blocking/channel.c", "good")
    assert intake.take_in(tmp_path / "s.zip", WANTED).files["02_blocking"]["channel.c"] == b"good"


@pytest.mark.parametrize("origin", ["04_bounded", "06_select"])
@pytest.mark.parametrize("line", [True, False])
def test_a_channel_that_is_carried_is_taken_in_with_what_carries_it(
    origin: str, line: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "s" / "08_ticket_server" / "ticket_server.c")
    if line:
        write(tmp_path / "s" / "08_ticket_server" / "channel.c", f'#include "../{origin}/channel.c"\n')
    seen: list[bytes] = []

    def run_it(request: Request, tree: Path, exercise: Exercise, told: ExerciseResult, _: object) -> None:
        channel = read_submission(tree, exercise).channel
        seen.append(channel.content if channel else b"")
        told.verdict = "run"

    monkeypatch.setattr(one_submission, "_grade_exercise", run_it)
    only = Request("ann", str(tmp_path / "s"), "", "", ("08_ticket_server",), (), static_checks=True)
    absent = one_submission.grade(only, sandbox.NONE)["exercises"]
    expected = origin if line else "04_bounded"
    assert [(one["verdict"], one["message"]) for one in absent] == [("absent", f"{expected}/channel.c is missing.")]
    write(tmp_path / "s" / expected / "channel.c", "int its_channel;")
    told = one_submission.grade(only, sandbox.NONE)["exercises"]
    assert [(one["name"], one["verdict"]) for one in told] == [("08_ticket_server", "run")]
    assert seen == [b"int its_channel;"]


def packed(path: Path, names: Sequence[str], text: str = "int x;") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, text)
    return path


@pytest.mark.parametrize("junk", ["", ".DS_Store", "._homework.zip", "__MACOSX/._channel.c"])
def test_an_archive_alone_in_a_directory_is_the_submission(tmp_path: Path, junk: str) -> None:
    student = tmp_path / "Ada Lovelace_12345_assignsubmission_file_"
    packed(student / "homework.zip", ["hw/02_blocking/channel.c"])
    if junk:
        write(student / junk)
    found = entries.find(tmp_path, tmp_path / "out").of
    assert {name: entry.path for name, entry in found.items()} == {"Ada Lovelace": student}
    assert intake.take_in(student, WANTED).files == {"02_blocking": {"channel.c": b"int x;"}}
    assert intake.take_in(student, WANTED, "02_blocking").submitted.keys() == {"02_blocking"}


def test_an_archive_in_a_directory_is_trusted_no_more_than_another(tmp_path: Path) -> None:
    packed(tmp_path / "up" / "hw.zip", ["../02_blocking/channel.c"])
    packed(tmp_path / "bomb" / "hw.zip", ["02_blocking/channel.c"], " " * (300 << 20))
    write(tmp_path / "damaged" / "hw.tar.gz", "no archive")
    outside = packed(tmp_path / "outside.zip", ["02_blocking/channel.c"])
    for name in ("up", "damaged"):
        with pytest.raises(intake.Rejected, match="The archive"):
            intake.take_in(tmp_path / name, WANTED)
    assert "larger" in intake.take_in(tmp_path / "bomb", WANTED).rejected["02_blocking"]
    (tmp_path / "link").mkdir()
    (tmp_path / "link" / "hw.zip").symlink_to(outside)
    assert intake.take_in(tmp_path / "link", WANTED).files == {}


def test_which_of_several_archives_counts_is_not_guessed(tmp_path: Path) -> None:
    for name in ("first.zip", "second.zip"):
        packed(tmp_path / "s" / name, ["02_blocking/channel.c"])
    with pytest.raises(intake.Rejected, match="2 archives"):
        intake.take_in(tmp_path / "s", WANTED)
    write(tmp_path / "s" / "02_blocking" / "channel.c", "unpacked")
    assert intake.take_in(tmp_path / "s", WANTED).files["02_blocking"]["channel.c"] == b"unpacked"


def test_an_archive_in_an_archive_is_not_unpacked(tmp_path: Path) -> None:
    inner = packed(tmp_path / "inner.zip", ["02_blocking/channel.c"])
    (tmp_path / "s").mkdir()
    with zipfile.ZipFile(tmp_path / "s" / "outer.zip", "w") as archive:
        archive.write(inner, "inner.zip")
    assert intake.take_in(tmp_path / "s", WANTED).files == {}


def test_students_are_directories_and_archives(tmp_path: Path) -> None:
    (tmp_path / "alice").mkdir()
    for name in ("bob.zip", "carol.tar.gz", "alice.zip", "notes.txt", ".DS_Store"):
        write(tmp_path / name)
    found = entries.find(tmp_path, tmp_path / "out")
    assert sorted(found.of) == ["alice", "alice.zip", "bob", "carol"]


# ---------------------------------------------------------------------------- the static checks


def run_here(command: Sequence[str]) -> tuple[int, str]:
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    return done.returncode, done.stdout


def findings(path: Path) -> list[static_checks.Violation]:
    api = frozenset(name for exercise in all_exercises() for name in exercise.new_functions())
    exercise = next((part for part in path.parts[1:] if (ROOT / "exercises" / part).is_dir()), "02_blocking")
    compiler = ["cc", "-std=gnu11", "-O1", "-pthread", "-fno-builtin", "-iquote"]
    with tempfile.TemporaryDirectory() as scratch:
        command = [*compiler, str(ROOT / "exercises" / exercise)]
        return static_checks.examine(path, api, ROOT, command, run_here, Path(scratch))


def test_the_gate_lets_every_right_channel_pass() -> None:
    whole = (path for path in ROOT.glob("solutions/**/*.c") if not taken_over(path.read_bytes()))
    right = [*whole, *ROOT.glob("grader/tests/known_right/*/*.c")]
    blamed = [str(f) for path in right for f in findings(path) if f.refused]
    assert len(right) > 8 and blamed == []


SYSCALL_HEADERS = "#include <sys/syscall.h>\n#include <unistd.h>\n"


@pytest.mark.parametrize(
    "code",
    [
        "static int check(void) { return 1; } int queue_push(void) { return check(); }",
        "#include <math.h>\n#include <stdio.h>\nvoid log_it(void) { printf(\"%f\", sqrt(2)); }",
        "void relax(void) { __asm__ volatile(\"pause\" ::: \"memory\"); }",
        "#include <threads.h>\n_Thread_local int mine; mtx_t lock;",
        f"{SYSCALL_HEADERS}#define CALL syscall\nlong wait(int *p) {{ return CALL(\n    SYS_futex, p, 0); }}",
        f"{SYSCALL_HEADERS}long id(void) {{ return syscall(SYS_gettid); }}\nchar *text = \"syscall\";",
        "/* no_sanitize */ const char *text = \"no_sanitize\"; int constructor;",
    ],
)  # fmt: skip
def test_the_gate_does_not_mind(tmp_path: Path, code: str) -> None:
    assert [f for f in findings(write(tmp_path / "channel.c", code + "\n")) if f.refused] == []


@pytest.mark.parametrize(
    "code",
    [
        "#include <sys/syscall.h>\n#include <unistd.h>\nlong f(void) { return syscall(SYS_exit_group, 0); }",
        "#include <unistd.h>\nlong (*f)(long, ...) = syscall;",
        "#include <unistd.h>\nlong f(long n) { return (syscall)(202, n); }",
        "int __fork(void);\nint f(void) { return __fork(); }",
        "#define LOOK(n) __builtin_##n##_address(1)\nvoid *f(void) { return LOOK(frame); }",
    ],
)  # fmt: skip
def test_the_gate_sees_through(tmp_path: Path, code: str) -> None:
    assert [f for f in findings(write(tmp_path / "channel.c", code + "\n")) if f.refused]


@pytest.mark.parametrize(
    "code",
    [
        '#line 1 "/usr/include/stdio.h"\n__attribute__((no_sanitize_thread)) void f(void) {}',
        '# 1 "/usr/include/stdio.h" 1\n__attribute__((no_sanitize_thread)) void f(void) {}',
        '#li\\\nne 1 "/usr/include/stdio.h"\n__attribute__((no_sanitize_thread)) void f(void) {}',
        """char a = '"'; __attribute__((no_sanitize_thread)) void f(void) {} char b = '"';""",
        'char *a = R"(")"; __attribute__((no_sanitize_thread)) void f(void) {} char *b = R"(")";',
        'void f(void) { asm(R"(.byte 15, 5)"); }',
        "int __tsan_read4(int n) { return n; }",
        "int f(void) { extern int __asan_region_is_poisoned __attribute__((weak)); return __asan_region_is_poisoned; }",
        "int sem_wait(void *s) { return !s; }",
        "void _assert_true(long result) { (void)result; }",
    ],
)  # fmt: skip
def test_nothing_hides_from_the_gate(tmp_path: Path, code: str) -> None:
    assert [f for f in findings(write(tmp_path / "channel.c", code + "\n")) if f.refused]


def test_the_gate_leaves_to_the_linker_what_is_nowhere_defined(tmp_path: Path) -> None:
    code = "int helper(void);\nint f(void) { return helper(); }\n"
    assert findings(write(tmp_path / "channel.c", code)) == []


@pytest.mark.parametrize("macro", ["__SANITIZE_THREAD__", "__SANITIZE_ADDRESS__", "__SSP_STRONG__"])
@pytest.mark.parametrize("head", ["#define ASKS {}\n#if ASKS", "#ifdef {}", "%:if \\\ndefined({})"])
def test_who_asks_whether_there_is_a_sanitizer_is_flagged(tmp_path: Path, head: str, macro: str) -> None:
    code = f"int a;\n{head.format(macro)}\nint b;\n#endif\nint c;\n"
    found = findings(write(tmp_path / "channel.c", code))
    assert ["with a sanitizer" in f.what for f in found] == [True] and not found[0].refused
    assert findings(write(tmp_path / "channel.c", code.replace(macro, "__OPTIMIZE__"))) == []


def test_the_gate_flags_what_is_only_odd(tmp_path: Path) -> None:
    found = findings(write(tmp_path / "channel.c", '#include <stdio.h>\nvoid f(void) { fopen("x", "w"); }\n'))
    assert [finding.refused for finding in found] == [False]


def test_the_gate_says_the_line(tmp_path: Path) -> None:
    code = "\n\n__attribute__((no_sanitize_thread)) void f(void) {}\n"
    assert [finding.line for finding in findings(write(tmp_path / "channel.c", code))] == [3]


# ------------------------------------------------------------------------------------- the rules


def test_misspelt_settings_are_told() -> None:
    wrong: list[dict[str, Any]] = [
        {"weight": {}},
        {"weights": {"02": 1}},
        {"weights": {"02_blocking": -1}},
        {"points": {"no such": 1}},
    ]
    for data in wrong:
        with pytest.raises(UsageError):
            settings.parse(data, "class.toml")


def test_each_day_begun_costs_up_to_the_most() -> None:
    deadline = dt.datetime(2026, 11, 30, 23, 59, 59)
    rules = settings.parse(
        {"deadlines": {"02_blocking": deadline}, "late": {"percent_a_day": 10, "at_most": 25}}, "class.toml"
    )
    due = deadline.astimezone()
    hours = {0: 0.0, 1: 10.0, 24: 10.0, 25: 20.0, 60: 25.0}
    assert {h: rules.percent_off("02_blocking", due + dt.timedelta(hours=h)) for h in hours} == hours
    assert rules.percent_off("03_message_type", due + dt.timedelta(days=9)) == 0.0
    assert rules.percent_off("02_blocking", None) == 0.0


def test_points_and_weights_make_the_total() -> None:
    exercises = [by_name("01_single_thread"), by_name("02_blocking")]
    names = exercises[0].tests_in_source()
    rules = settings.parse({"weights": {"02_blocking": 2}, "points": {names[0]: 4}}, "class.toml")
    tests = [{"suite": "01_single_thread", "name": name, "verdict": "passed"} for name in names]
    tests[1]["verdict"] = "failed"
    student = {
        "student": "a",
        "submitted": None,
        "exercises": [{"name": "01_single_thread", "verdict": "failed", "tests": tests}],
    }
    rated = rating.Scores(rules, exercises).rate(student)
    most = len(names) + 3
    assert rated["exercises"][0]["points"] == most - 1 and rated["exercises"][0]["max_points"] == most
    assert rated["points"] == round(100 * (most - 1) / most, 2) and rated["max_points"] == 100
    assert rules.weight("02_blocking") == 2 and rules.weight("06_select") == 0


# --------------------------------------------------------------------------------- how a run goes


class Recorded:
    """An engine that grades nothing, notes who was asked for, and stops when told to."""

    name = "recorded"
    notes: Sequence[str] = ()

    def __init__(self, stop_after: int = 10**6) -> None:
        self.asked: list[str] = []
        self._stop_after = stop_after

    def at_work(self) -> Mapping[str, float]:
        return {}

    def run(self, group: Class, jobs: Sequence[Job]) -> Generator[Job, None, None]:
        for job in jobs:
            if len(self.asked) == self._stop_after:
                raise KeyboardInterrupt
            self.asked.append(job.student)
            result = {"student": job.student, "key": job.key, "submitted": None, "seconds": 0}
            exercises = [
                {"name": e.name, "verdict": "failed", "message": "", "flags": [], "tests": [], "report": ""}
                for e in group.exercises
            ]
            files.write_atomically(group.result_file(job.student), json.dumps({**result, "exercises": exercises}))
            yield job


class Quiet:
    def begins(self, total: int, known: int) -> None:
        pass

    def tells(self, line: str) -> None:
        pass

    def builds_the_kit(self, exercises: str) -> None:
        pass

    def grades(self) -> None:
        pass

    def graded(self, student: str, verdicts: Mapping[str, str], left: int) -> None:
        pass


@pytest.fixture
def group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Class:
    monkeypatch.setattr(workers, "prepare", lambda group: None)
    for name in ("ann", "bob", "cid", "dot"):
        write(tmp_path / "subs" / name / "02_blocking" / "channel.c", f"/* {name} */")
    exercises = (by_name("02_blocking"),)
    return Class(tmp_path / "subs", tmp_path / "out", exercises, settings.Settings())


def test_a_run_that_was_stopped_goes_on_where_it_was(group: Class) -> None:
    first, second = Recorded(stop_after=2), Recorded()
    with pytest.raises(KeyboardInterrupt):
        run.grade(group, first, Quiet())
    run.grade(group, second, Quiet())
    assert (first.asked, second.asked) == (["ann", "bob"], ["cid", "dot"])


def test_ctrl_c_leaves_the_tables_of_what_is_done(
    group: Class, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(options, "from_arguments", lambda _: group)
    monkeypatch.setattr(sandbox, "choose", lambda _: sandbox.NONE)
    monkeypatch.setattr(similar, "pairs", lambda *_: ([], ""))
    monkeypatch.setattr(commands, "_engine", lambda _: Recorded(stop_after=0))
    assert commands.make_class({}) == 130
    assert "Stopped: 0 of 4 submissions are graded." in capsys.readouterr().out
    monkeypatch.setattr(commands, "_engine", lambda _: Recorded(stop_after=2))
    assert commands.make_class({}) == 130
    said = capsys.readouterr().out.splitlines()
    assert "Stopped: 2 of 4 submissions are graded." in said and said[-1].startswith("To go on where it was: the same")
    students = [line.partition(",")[0] for line in (group.out / "class.csv").read_text().splitlines()[1:]]
    assert students == ["ann", "bob"] and "Stopped: 2 of 4" in (group.out / "class.html").read_text()
    monkeypatch.setattr(commands, "_engine", lambda _: Recorded())
    assert commands.make_class({}) == 0
    assert len((group.out / "class.csv").read_text().splitlines()) == 5
    assert "Stopped" not in (group.out / "class.html").read_text()


def test_who_is_being_graded_is_told_and_for_how_long(capsys: pytest.CaptureFixture[str]) -> None:
    begun = {"bob": time.monotonic() - 3, "ann with a long name": time.monotonic() - 72, "cid": time.monotonic()}
    bar = progress.ProgressBar("none", lambda: begun)
    bar.begins(40, 0)
    bar.grades()
    for left in (39, 38):
        bar.graded("dot", {}, left)
    assert capsys.readouterr().out.splitlines()[1].endswith("left; now ann with a … 1:12, bob 0:03")


def test_a_worker_at_work_is_known(group: Class, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = local.Local()
    seen: list[list[str]] = []

    def look(group: Class, job: Job) -> bool:
        seen.append(sorted(engine.at_work()))
        return True

    monkeypatch.setattr(workers, "run_job", look)
    monkeypatch.setattr(local, "give_up", lambda group, job: None)
    jobs = [Job(name, Path(), "") for name in ("ann", "bob")]
    assert [job.student for job in engine.run(replace(group, jobs=1), jobs)] == ["ann", "bob"]
    assert seen == [["ann"], ["bob"]] and engine.at_work() == {}


def test_only_a_changed_submission_is_graded_again(group: Class) -> None:
    run.grade(group, Recorded(), Quiet())
    write(group.submissions / "cid" / "02_blocking" / "channel.c", "/* changed, and longer */")
    again, unchanged = Recorded(), Recorded()
    run.grade(group, again, Quiet())
    run.grade(group, unchanged, Quiet())
    assert (again.asked, unchanged.asked) == (["cid"], [])


def test_all_are_graded_again_when_asked_or_when_the_rules_of_running_change(group: Class) -> None:
    run.grade(group, Recorded(), Quiet())
    for other in (replace(group, again=True), replace(group, variants=("plain",))):
        engine = Recorded()
        run.grade(other, engine, Quiet())
        assert len(engine.asked) == 4


def test_half_a_result_is_no_result(group: Class) -> None:
    run.grade(group, Recorded(), Quiet())
    group.result_file("bob").write_text(group.result_file("bob").read_text()[:50])
    engine = Recorded()
    run.grade(group, engine, Quiet())
    assert engine.asked == ["bob"]


def test_two_runs_into_one_directory_are_refused(group: Class) -> None:
    group.out.mkdir()
    with run._only_one(group.out), pytest.raises(UsageError):
        run.grade(group, Recorded(), Quiet())


def test_a_worker_that_breaks_costs_one_submission(group: Class, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(request: Mapping[str, Any], timeout: float) -> subprocess.CompletedProcess[str]:
        if request["student"] == "bob":
            return subprocess.CompletedProcess([], 1, "", "Traceback: boom")
        done = Recorded()
        list(done.run(group, [Job(request["student"], Path(request["path"]), request["key"])]))
        return subprocess.CompletedProcess([], 0, "", "")

    monkeypatch.setattr(workers, "_worker_process", broken)
    run.grade(group, local.Local(), Quiet())
    verdicts = {n: run._verdicts(group, Job(n, Path(), ""))["02_blocking"] for n in ("ann", "bob", "dot")}
    assert verdicts == {"ann": "failed", "bob": "environment", "dot": "failed"}


def test_the_kit_is_built_first_and_said_to_be(
    group: Class, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(workers, "prepare", lambda group: print("(it is)"))
    run.grade(group, Recorded(), progress.ProgressBar("none"))
    said = capsys.readouterr().out.splitlines()
    assert said[:4] == ["4 submissions; sandbox: none", "building the suites of 02", "(it is)", "    1 of 4, 0:00 left"]


def test_what_failed_in_one_variant_is_not_run_in_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exercise = by_name("01_single_thread")
    wrong = next(iter(implementations.known_wrong(exercise))).code.sources[0]
    write(tmp_path / exercise.name / "channel.c", f"/* {tmp_path} */\n{wrong.content.decode()}")
    asked: list[tuple[str, str]] = []
    run_before = runner._run

    def run_tests(unit: build.Unit, names: Sequence[str], *rest: Any) -> Any:
        asked.extend((unit.variant, name) for name in names)
        return run_before(unit, names, *rest)

    monkeypatch.setattr(runner, "_run", run_tests)
    request = Request("ann", "", "", "", (exercise.name,), ("interleave", "plain"))
    told = ExerciseResult(exercise.name, "")
    one_submission._grade_exercise(request, tmp_path, exercise, told, AS_IT_IS)
    failed = {t["name"] for t in told.tests if t["verdict"] != "passed" and t["variant"] == "interleave"}
    tests = set(exercise.tests_in_source())
    assert failed and {test["name"] for test in told.tests} == tests
    assert {name for variant, name in asked if variant == "plain"} == tests - failed
    assert runner.recall(build.Unit(read_submission(tmp_path, exercise).code, exercise, "plain")) is None  # half of it


# ---------------------------------------------------------------------------- several tests in one run


@pytest.mark.parametrize("name", ["closed_before_queued", "node_size_overflows"])
def test_what_is_said_of_tests_run_together_is_what_is_said_of_each_alone(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    exercise = by_name("01_single_thread")
    code = next(s.code for s in implementations.known_wrong(exercise) if s.path.stem == name)
    unit = build.Unit(code, exercise, "interleave")
    assert build.build([unit], 2) == {}
    names = runner.list_tests(unit)
    alone = [replace(runner.run_test(unit, name), seconds=0) for name in names]
    failed = [result.name for result in alone if result.verdict != "passed"]
    runs: dict[str, list[Any]] = {"run_together": [], "run_test": []}
    for how, seen in runs.items():
        run_as_before = getattr(runner, how)

        def run_it(
            unit: build.Unit, what: Any, *rest: Any, seen: Any = seen, run_as_before: Any = run_as_before
        ) -> Any:
            seen.append(what)
            return run_as_before(unit, what, *rest)

        monkeypatch.setattr(runner, how, run_it)
    suite = SuiteRunner(Request("ann", "", "", "", (), ()), Budget(9e9), unit, names, {}, AS_IT_IS)
    assert [replace(suite.run_test(name), seconds=0) for name in names] == alone
    assert runs["run_test"] == failed and 0 < len(failed) < len(names) / 2
    assert len(runs["run_together"]) <= len(failed) + 1


def test_once_a_few_tests_failed_the_others_are_run_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    exercise = by_name("01_single_thread")
    unit = build.Unit(read_submission(SOLUTIONS, exercise).code, exercise, "plain")
    names = [f"test_{n}" for n in range(2 * runner.TOGETHER)]
    tries: list[Sequence[str]] = []

    def none_passes(unit: build.Unit, names: Sequence[str], *_: object) -> list[outcome.TestResult]:
        tries.append(names)
        return []

    monkeypatch.setattr(runner, "run_together", none_passes)
    monkeypatch.setattr(runner, "run_test", lambda unit, name, *_: outcome.TestResult("", name, "plain", "failed"))
    suite = SuiteRunner(Request("ann", "", "", "", (), ()), Budget(9e9), unit, names, {}, AS_IT_IS)
    assert [suite.run_test(name).verdict for name in names] == ["failed"] * len(names)
    assert tries == [names[n:] for n in range(runner.TOGETHER)]


def test_once_a_test_used_up_its_time_the_others_get_a_quarter(monkeypatch: pytest.MonkeyPatch) -> None:
    exercise = by_name("01_single_thread")
    unit = build.Unit(read_submission(SOLUTIONS, exercise).code, exercise, "plain")
    usual = runner.limits("plain").cpu_seconds
    seconds = {"right_and_slow": usual, "wrong": 1, "endless": usual, "another": usual}
    given: list[tuple[int, ...]] = []

    def runs(unit: build.Unit, name: str, knobs: object, policy: object, *short: int) -> outcome.TestResult:
        given.append(short)
        verdict = "passed" if name == "right_and_slow" else "failed"
        return outcome.TestResult("", name, "plain", verdict, seconds=seconds[name])

    monkeypatch.setattr(runner, "run_test", runs)
    run = runner.each_alone(unit, list(seconds), {}, AS_IT_IS)
    assert [run(name).name for name in seconds] == list(seconds)
    assert given == [(), (), (), (-(-usual // 4),)]


LOOKS_FOR_A_RECORD = """
#include <stdio.h>
#include <string.h>
#include <unistd.h>
static void look(void)
{
    static int has_looked;
    char line[512], rights[8];
    unsigned long from, to;
    FILE *maps = has_looked++ ? NULL : fopen("/proc/self/maps", "r");
    while (maps && fgets(line, sizeof line, maps))
        if (sscanf(line, "%lx-%lx %4s", &from, &to, rights) == 3 && strncmp(rights, "rw", 2) == 0)
            for (char *c = (char *)from; c + 9 < (char *)to; c++)
                if (memcmp(c, "\\"nonce\\":\\"", 9) == 0)
                    _exit(9);
    if (maps)
        fclose(maps);
}
"""


def test_no_test_finds_the_records_of_those_before_in_its_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exercise = by_name("01_single_thread")
    solution = (SOLUTIONS / exercise.name / "channel.c").read_text()
    text = re.sub(r"(enum channel_status channel_create\([^)]*\)\n{)", r"\1\n    look();", solution)
    write(tmp_path / exercise.name / "channel.c", LOOKS_FOR_A_RECORD + text)
    unit = build.Unit(read_submission(tmp_path, exercise).code, exercise, "plain")
    assert "look();" in text and build.build([unit], 2) == {}
    names = runner.list_tests(unit)
    assert [result.name for result in runner.run_together(unit, names, {})] == names


def record_of(test: str, verdict: str = "passed", nonce: str = "n") -> dict[str, Any]:
    return {"nonce": nonce, "test": test, "verdict": verdict, "seconds": 0.5}


ASAN_LOG = "==7==ERROR: AddressSanitizer: heap-use-after-free on address 0x1\n    #0 0x2 in f channel.c:3\n"


@pytest.mark.parametrize(
    "records, end, passed",
    [
        ([record_of("a"), record_of("b"), record_of("c")], {}, 3),
        ([record_of("a"), record_of("b", "failed")], {"code": 1}, 1),
        ([record_of("a"), record_of("b")], {"code": 1}, 1),  # b's process may have ended badly
        ([record_of("a"), record_of("b")], {"timed_out": True}, 1),
        ([record_of("a"), record_of("b")], {}, 2),
        ([record_of("a", "failed")], {"code": 1}, 0),
        ([], {}, 0),
        ([record_of("a"), record_of("b")], {"code": -9}, 0),
        ([record_of("a"), record_of("b")], {"code": 2}, 0),
        ([record_of("a"), record_of("c")], {}, 0),
        ([record_of("b"), record_of("a")], {}, 0),
        ([record_of("a"), record_of("a")], {}, 0),
        ([record_of("a"), record_of("b", "failed"), record_of("c")], {}, 0),
        ([record_of("a"), record_of("b", nonce="m"), record_of("c")], {}, 0),
        ([record_of("a"), {"nonce": "n"}], {}, 0),
        ([record_of("a"), 7], {}, 0),
        ([record_of("a"), record_of("b"), record_of("c")], {"sanitizer": ASAN_LOG}, 0),
    ],
)
def test_which_tests_of_a_run_have_passed(records: list[Any], end: dict[str, Any], passed: int) -> None:
    text = "".join(json.dumps(record) + "\n" for record in records).encode()
    ended = replace(isolation.ProcessResult(0, 9.0, b"", b"", text), **end)
    asked = [outcome.TestResult("01", name, "plain", "environment") for name in "abc"]
    found = outcome.passed_together(asked, ended, "n", frozenset({"channel.c"}))
    assert [(r.name, r.verdict, r.seconds) for r in found] == [(name, "passed", 0.5) for name in "abc"[:passed]]


def test_wall_time_is_counted_from_record_to_record() -> None:
    def run_it(pause: int) -> isolation.ProcessResult:
        script = f"for i in 1 2 3 4; do sleep {pause}; echo . >>/proc/self/fd/$SUITE_RECORD; done"
        return isolation.run(["sh", "-c", script], isolation.Limits(wall_seconds=3.0), record="")

    assert not run_it(1).timed_out
    assert run_it(60).timed_out


@pytest.mark.parametrize(
    "limits, script",
    [
        ({"total_seconds": 0.5}, 'for n in $(seq 40); do sh -c "for i in \\$(seq 300000); do :; done"; done'),
        ({"total_wall_seconds": 0.5}, "for n in 1 2 3 4 5; do sleep 1; echo . >>/proc/self/fd/$SUITE_RECORD; done"),
    ],
)
def test_processes_together_have_so_much_time(limits: dict[str, float], script: str) -> None:
    assert isolation.run(["sh", "-c", script], isolation.Limits(**limits), record="").timed_out  # type: ignore[arg-type]


def test_no_name_leads_to_the_records() -> None:
    private: list[Path] = []

    def find_in(command: Sequence[str], directory: Path, status: int) -> list[str]:
        os.write(status, b"exit-code")
        private.append(directory)
        return [*command, str(directory)]

    ended = isolation.run(["find"], isolation.Limits(), enclose=find_in, record="a secret")
    assert ended.record == b"a secret"
    assert {Path(line).name for line in ended.stdout.decode().splitlines()} == {private[0].name, "out", "err"}


needs_sim = pytest.mark.skipif(not shutil.which("sim_c"), reason="sim_c is not installed")


@needs_sim
def test_what_a_killed_run_left_is_removed_but_nothing_of_who_is_at_work(
    group: Class, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead, not_waited_for = subprocess.Popen(["true"]), subprocess.Popen(["true"])
    dead.wait()
    os.waitid(os.P_PID, not_waited_for.pid, os.WEXITED | os.WNOWAIT)
    monkeypatch.setattr(workers, "BUILD", tmp_path)
    pids = (dead.pid, not_waited_for.pid, os.getpid())
    names = [f"{isolation.owned_by(pid)}x1" for pid in pids] + [f"node7-{dead.pid}-x1", "other"]
    for name in names:
        (tmp_path / "run" / name).mkdir(parents=True)
    run.grade(group, Recorded(), Quiet())
    assert {path.name for path in (tmp_path / "run").iterdir()} == set(names[2:])
    not_waited_for.wait()


def test_each_result_is_read_once(group: Class, monkeypatch: pytest.MonkeyPatch) -> None:
    run.grade(group, Recorded(), Quiet())
    monkeypatch.setattr(similar, "pairs", lambda *_: ([], ""))
    read: list[str] = []

    def read_it(path: Path) -> bytes:
        read.append(path.name)
        with path.open("rb") as file:
            return file.read()

    monkeypatch.setattr(Path, "read_bytes", read_it)
    results.write_all(group, entries.find(group.submissions, group.out), sandbox.NONE, "local", [])
    assert sorted(name for name in read if name.endswith(".json")) == ["ann.json", "bob.json", "cid.json", "dot.json"]


@needs_sim
def test_near_copies_are_found_whatever_the_names_and_those_of_the_solution(group: Class) -> None:
    right = ROOT / "grader" / "tests" / "known_right" / "02_blocking"
    code = (right / "student_style.c").read_text()
    solution = (ROOT / "solutions" / "02_blocking" / "channel.c").read_text()
    texts = {
        "ann": code,
        "bob": code.replace("message", "letter"),
        "cid": (right / "blocks.c").read_text(),
        "dot": solution,
    }
    for name, text in texts.items():
        write(group.submissions / name / "02_blocking" / "channel.c", text)
    run.grade(group, Recorded(), Quiet())
    pairs, remark = similar.pairs(group, entries.find(group.submissions, group.out))
    assert {(pair.first, pair.second) for pair in pairs} == {("ann", "bob"), ("dot", similar.SOLUTION)}
    assert "3 students" in remark


@needs_sim
def test_near_copies_of_earlier_years_with_any_letters_and_from_a_percentage_on(group: Class, tmp_path: Path) -> None:
    right = ROOT / "grader" / "tests" / "known_right" / "02_blocking"
    code, other = (right / "student_style.c").read_text(), (right / "blocks.c").read_text()
    renamed = code.replace("message", "füllung").replace("lock", "\\u00e9tat")
    write(group.submissions / "ann" / "02_blocking" / "channel.c", code)
    write(group.submissions / "bob" / "02_blocking" / "channel.c", other + code[: len(code) // 2])
    write(tmp_path / "2024" / "old" / "02_blocking" / "channel.c", renamed)
    write(tmp_path / "2024" / "older" / "02_blocking" / "channel.c", renamed)
    run.grade(group, Recorded(), Quiet())
    found = entries.find(group.submissions, group.out)
    years = replace(group, corpus=(tmp_path / "2024",))
    pairs, remark = similar.pairs(years, found)
    assert {(pair.first, pair.second) for pair in pairs} == {("ann", "2024: old"), ("ann", "2024: older")}
    assert pairs[0].sources == (code, renamed) and "sources" not in pairs[0].as_json()
    assert remark == "Near-copies: 1 student has code much like another's."
    low = replace(years, settings=settings.parse({"near_copies": {"least_percent": 30}}, "class.toml"))
    assert {("ann", "bob")} < {(pair.first, pair.second) for pair in similar.pairs(low, found)[0]}
    assert similar.pairs(group, found) == ([], "")


@needs_sim
def test_code_that_was_given_out_is_no_copy(group: Class) -> None:
    server = replace(group, exercises=(by_name("08_ticket_server"),))
    stub = (ROOT / "grader" / "stubs" / "08_ticket_server" / "ticket_server.c").read_text()
    for name in ("ann", "bob"):
        write(group.submissions / name / "08_ticket_server" / "ticket_server.c", stub)
    run.grade(server, Recorded(), Quiet())
    assert similar.pairs(server, entries.find(server.submissions, server.out)) == ([], "")


@needs_sim
def test_what_repeats_itself_does_not_hold_up_the_others(group: Class, monkeypatch: pytest.MonkeyPatch) -> None:
    parentheses = "int x = " + "(" * 30_000 + "1" + ")" * 30_000 + ";"
    for name in ("ann", "bob"):
        write(group.submissions / name / "02_blocking" / "channel.c", parentheses)
    run.grade(group, Recorded(), Quiet())
    monkeypatch.setattr(similar, "SECONDS", 1)
    assert similar.pairs(group, entries.find(group.submissions, group.out)) == (
        [],
        "Not compared, for it took too long: 02_blocking.",
    )
    monkeypatch.setattr(similar, "MOST_BYTES", 60_000)
    assert similar.pairs(group, entries.find(group.submissions, group.out)) == ([], "")


# ------------------------------------------------------------------------- what odd submissions could break


def test_names_that_no_text_could_hold_are_made_presentable(tmp_path: Path) -> None:
    for name in (b"M\xfcller", b"M\xf6ller", b"two\nlines", b"x" * 255, "Zoë".encode()):
        os.mkdir(bytes(tmp_path) + b"/" + name)
    found = list(entries.find(tmp_path, tmp_path / "out").of)
    assert found == ["M?ller", "M?ller'", "Zoë", "two?lines", "x" * entries.MAX_NAME]


def test_an_exercise_is_as_late_as_its_own_newest_file(tmp_path: Path) -> None:
    for number, exercise in enumerate(WANTED):
        for name in WANTED[exercise]:
            path = write(tmp_path / "s" / exercise / name)
            os.utime(path, (0, 1000 + number))
    assert intake.take_in(tmp_path / "s", WANTED).submitted == {"02_blocking": 1000, "08_ticket_server": 1001}
    rules = settings.parse(
        {"deadlines": {"02_blocking": dt.date(1971, 1, 1)}, "late": {"percent_a_day": 50}}, "class.toml"
    )
    exercises = [by_name(name) for name in WANTED]
    tests = [{"suite": "02_blocking", "name": name, "verdict": "passed"} for name in exercises[0].tests_in_source()]
    student: dict[str, Any] = {"student": "a", "submitted": {"02_blocking": 1000, "08_ticket_server": 1 << 31}}
    student["exercises"] = [{"name": "02_blocking", "verdict": "passed", "tests": tests}]
    assert "late_percent" not in rating.Scores(rules, exercises).rate(student)["exercises"][0]


def test_a_pass_says_of_how_many_tests_every_execution_was_run() -> None:
    exercise = by_name("01_single_thread")
    result = outcome.TestResult(exercise.name, "a", "interleave", "passed")
    tests = [replace(result, schedules=3, exhaustive=True), replace(result, schedules=20_000)]
    tests += [replace(result, schedules=80, exhaustive=True, preemption_bound=2)]
    said = one_submission._headline(Graded(read_submission(SOLUTIONS, exercise), "passed", tests))
    assert said == "1 of 3 tests: every execution"
    told = {"name": exercise.name, "verdict": "passed", "message": said, "points": 3.0, "max_points": 3.0}
    student = {"student": "ann", "points": 100.0, "max_points": 100.0, "exercises": [told]}
    assert results.report(student).splitlines()[-2:] == [f"{exercise.name}: passed, 3 of 3 points", f"    {said}"]


@pytest.mark.parametrize("time", ["nan", "1e300", "-1e300", "-5"])
def test_an_archive_may_claim_any_time(tmp_path: Path, time: str) -> None:
    member = tarfile.TarInfo("02_blocking/channel.c")
    member.pax_headers = {"mtime": time}
    with tarfile.open(tmp_path / "s.tar", "w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(member)
    assert intake.take_in(tmp_path / "s.tar", WANTED).submitted == {}


def test_a_report_names_every_test_that_failed_in_full() -> None:
    exercise = by_name("01_single_thread")
    names = exercise.tests_in_source()
    failed = [
        outcome.TestResult(exercise.name, name, "interleave", "failed", "No.", where="channel.c:1") for name in names
    ]
    told = one_submission._report(Graded(read_submission(SOLUTIONS, exercise), "failed", failed), SOLUTIONS)
    text = " ".join(told.split())
    assert len(names) > 20 and [name for name in names if name.replace("_", " ") not in text] == []
