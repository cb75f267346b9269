"""An exercise more, on another subject, with files of another name: it stands, and changes nothing for the others."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from grader.classroom.settings import Settings
from grader.exercises import all_exercises, by_name, is_elective
from grader.tests.conftest import ROOT, Kit
from grader.tests.test_newer_kit import copy
from grader.tests.test_style import clang_format

ELECTIVES = ["05_deadlines", "06_select", "07_lock_free"]


@pytest.fixture(scope="module")
def larger(shared_kit: Kit, tmp_path_factory: pytest.TempPathFactory) -> Kit:
    """The tiny kit with an exercise 05 made by make new-exercise."""
    shared_kit.begin_again()
    kit = copy(shared_kit, tmp_path_factory.mktemp("larger") / "kit")
    ran = kit.run("new-exercise", ex="05_gate")
    assert ran.code == 0 and "exercises/05_gate/gate.h" in ran.out, ran.err
    return kit


WRONG = "grader/tests/known_wrong/05_gate"


def failed(larger: Kit, changed: dict[str, tuple[str, str]]) -> list[str]:
    """What make solutions finds at fault, with something replaced in each of these files."""
    before = {name: larger.read(name) for name in changed}
    for name, (old, new) in changed.items():
        assert old in before[name]
        larger.write(name, before[name].replace(old, new))
    try:
        ran = larger.run("solutions", ex="05", variant="interleave")
    finally:
        for name, text in before.items():
            larger.write(name, text)
    assert ran.code == 1 and "Traceback" not in ran.err, ran.err
    return [line.removeprefix("  FAILED  ") for line in ran.out.splitlines() if line.startswith("  FAILED  ")]


def test_the_kits_electives_say_so_themselves() -> None:
    electives = [exercise.name for exercise in all_exercises() if is_elective(exercise)]
    assert [name for name in electives if name < "09"] == ELECTIVES
    worth = {exercise.name: Settings().weight(exercise.name) for exercise in all_exercises()}
    assert [name for name, weight in worth.items() if weight == 0] == electives
    assert [name for name, weight in worth.items() if weight not in (0, 1)] == []
    assert by_name("08_ticket_server").carries_channel and not by_name("02_blocking").carries_channel


def test_the_skeleton_is_whole(larger: Kit) -> None:
    solved = larger.run("grade", ex="05", solutions="1", variant="plain")
    assert solved.code == 0 and solved.verdicts("05_gate") == ["passed"] * 4, solved.out + solved.err
    stub = larger.run("grade", ex="05", variant="plain")
    assert stub.exercise("05_gate")["verdict"] == "not_started"


def test_make_solutions_passes_it_and_says_what_is_not_quoted_well(larger: Kit) -> None:
    ran = larger.run("solutions", ex="05", variant="interleave")
    assert ran.code == 0 and "known wrong: 4 of 4 caught" in ran.out, ran.out + ran.err
    assert "no known-wrong channel breaks 0" in ran.out
    suite, reasons = "exercises/05_gate/test_gate.c", "exercises/05_gate/sentences.toml"
    said = failed(
        larger,
        {
            suite: ('.sentences = {"sleeps until then"}', '.sentences = {"slept until then"}'),
            reasons: ("[not_tested]\n", '[not_tested]\n"no such words" = "None."\n"Makes a gate" = "It is so."\n'),
        },
    )
    header = "exercises/05_gate/gate.h"
    assert said == [
        'who_waits_sleeps: "slept until then" is in no sentence of the headers of 05_gate.',
        f'{reasons}: "no such words" is in no sentence of the headers of 05_gate.',
        f"{header}:9: a test quotes it, and sentences.toml says that none could: Makes a gate.",
        f"{header}:15: no test quotes it, and sentences.toml does not say why: It sleeps until then.",
    ]


def test_make_solutions_says_what_is_the_case_of_each_known_wrong_one(larger: Kit) -> None:
    said = failed(
        larger,
        {
            f"{WRONG}/frees_nothing.patch": ("Verdict: leak", "Verdict: leaky"),
            f"{WRONG}/spins.patch": ("Test: who_waits_sleeps", "Test: who_waits_slept"),
            f"{WRONG}/trusts_malloc.patch": ("-    if (it != NULL)", "-    if (it)"),
            f"{WRONG}/wakes_one.patch": ("Test: opening_lets_everybody_through", "Test: who_waits_sleeps"),
        },
    )
    assert said[0].startswith(f"{WRONG}/frees_nothing.patch: Verdict: leaky is none. There are: failed deadlock race ")
    assert said[1].startswith(f"{WRONG}/trusts_malloc.patch does not apply to ")
    assert said[2] == "known_wrong/05_gate/spins names a test that no suite has: who_waits_slept"
    assert sorted(said[3:]) == [
        "known_wrong/05_gate/spins is caught by who_waits_sleeps, but not by who_waits_slept, which it names",
        (
            "known_wrong/05_gate/wakes_one is caught by opening_lets_everybody_through,"
            " but not by who_waits_sleeps, which it names"
        ),
    ]


def test_make_solutions_says_what_is_the_case_of_the_others(larger: Kit) -> None:
    said = failed(
        larger,
        {
            "grader/tests/known_right/05_gate/turnstile.c": ("&it->turnstile, 0, 0", "&it->turnstile, 0, 1"),
            "solutions/05_gate/gate.c": ("cond_broadcast", "cond_signal"),
            "grader/stubs/05_gate/gate.c": ("(void)it;\n", ""),
        },
    )
    assert said[0].startswith("solutions/05_gate is failed under interleave: 05_gate: opening_lets_everybody_through (")
    assert said[1] == "grader/stubs/05_gate is not the stub in exercises/ (make stubs copies it)"
    assert re.match(r"(gcc|clang) warns of the stub of 05_gate: grader/stubs/05_gate/gate.c:", said[2])
    assert "known_wrong/05_gate/spins is not caught: who waits asks again and again instead of sleeping." in said


def test_a_suite_that_can_not_be_built_is_the_instructors_own(larger: Kit) -> None:
    said = failed(larger, {"exercises/05_gate/test_gate.c": ("gate_wait(it);", "no_such_function(it);")})
    assert said and [line for line in said if not re.match(r"build/interleave/\S+ can't be built:$", line)] == []


def test_an_exercise_that_is_gone_is_not_asked_for(larger: Kit, tmp_path: Path) -> None:
    new = copy(larger, tmp_path / "kit")
    entry = {"exercise": "06_gone", "suite": "06_gone", "name": "x", "test": "t", "verdict": "leak", "mistake": "m"}
    new.write("build/known_wrong.json", json.dumps([entry | {"schedules": 1, "seconds": 0.0}]))
    ran = new.run("solutions", ex="05", variant="interleave")
    assert (ran.code, ran.err) == (0, "")
    assert {entry["exercise"] for entry in json.loads(new.read("build/known_wrong.json"))} == {"05_gate"}


def test_it_is_laid_out_as_the_projects_c_is(larger: Kit, tmp_path: Path) -> None:
    new = copy(larger, tmp_path / "kit")
    new.write(".clang-format", (ROOT / ".clang-format").read_bytes())
    assert new.run("new-exercise", ex="07_one_of_a_longer_name").code == 0
    folders = [new.root / place / "07_one_of_a_longer_name" for place in ("exercises", "solutions", "grader/stubs")]
    sources = [str(path) for folder in folders for path in folder.glob("*.[ch]")]
    done = subprocess.run([clang_format(), "--dry-run", "-Werror", *sources], cwd=new.root, capture_output=True)
    assert (len(sources), done.returncode) == (5, 0), done.stderr


def test_an_exercise_more_changes_nothing_for_the_others(larger: Kit) -> None:
    listed = larger.run("list").out.splitlines()
    assert [line.split()[0] for line in listed if "(elective)" in line] == ["03_extra"]
    assert any(line.startswith("05_gate") and "not started" in line for line in listed)
    assert "05_gate builds on no other: there is nothing to carry." in larger.run("carry", ex="05").err
    assert larger.run("stubs").out == ""


@pytest.mark.parametrize(
    ("name", "words"),
    [("gate", "such as EX=09"), ("9_gate", "such as"), ("09_Gate", "such as"), ("09_", "such as"), ("", "such as"),
     ("01_gate", "there is 01_answer"), ("09_twice", "there is 02_twice"), ("06_a/b", "such as"),
     ("09_int", "a word of C"), ("09_suite", "has a suite.h"), ("09_told", "has a told.h"), ("09_channel", "channel.h"),
     ("09_sem", "sem_wait is a function of the C library"), ("09_pthread", "pthread_create is a function")],
)  # fmt: skip
def test_a_name_that_will_not_do_is_refused(kit: Kit, name: str, words: str) -> None:
    ran = kit.run("new-exercise", ex=name)
    assert ran.code == 2 and words in ran.err
    assert not Path(kit.root, "exercises", name or "x", f"{name[3:]}.h").exists()


def test_a_directory_that_is_no_exercise_is_told_why(larger: Kit) -> None:
    place = larger.write("exercises/09_monitor/mon.h", "void mon(void);\n").parent
    try:
        ran = larger.run("grade", ex="09")
        (place / "mon.h").unlink()
        empty = larger.run("solutions", ex="monitor")
        other = larger.run("solutions", ex="05", variant="interleave")
    finally:
        shutil.rmtree(place)
    assert (ran.code, ran.err) == (2, "exercises/09_monitor is none: mon.h has no test_mon.c.\n")
    assert (empty.code, empty.err) == (2, "exercises/09_monitor is none: it has no header.\n")
    assert (other.code, other.out.splitlines()[0]) == (1, "  FAILED  exercises/09_monitor is none: it has no header.")


def test_the_page_of_all_is_not_made_of_one(larger: Kit) -> None:
    larger.write("docs/generated.md", "of all\n")
    ran = larger.run("generated-table", ex="05")
    assert (ran.code, ran.out.split()) == (0, ["05_gate", "0", "of", "4"]), ran.err
    assert larger.read("docs/generated.md") == "of all\n"


def test_contributing_tells_of_it() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    assert "make new-exercise EX=09_semaphore" in text and "make stubs" in text
