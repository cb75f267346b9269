"""An exercise more, on another subject, with files of another name: it stands, and changes nothing for the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.classroom.settings import Settings
from grader.exercises import all_exercises, by_name, is_elective
from grader.tests.conftest import ROOT, Kit
from grader.tests.test_newer_kit import copy

ELECTIVES = ["05_deadlines", "06_select", "07_lock_free"]


@pytest.fixture(scope="module")
def larger(shared_kit: Kit, tmp_path_factory: pytest.TempPathFactory) -> Kit:
    """The tiny kit with an exercise 05 made by make new-exercise."""
    shared_kit.begin_again()
    kit = copy(shared_kit, tmp_path_factory.mktemp("larger") / "kit")
    ran = kit.run("new-exercise", ex="05_gate")
    assert ran.code == 0 and "exercises/05_gate/gate.h" in ran.out, ran.err
    return kit


def test_the_kits_electives_say_so_themselves() -> None:
    assert [exercise.name for exercise in all_exercises() if is_elective(exercise)] == ELECTIVES
    worth = {exercise.name: Settings().weight(exercise.name) for exercise in all_exercises()}
    assert [name for name, weight in worth.items() if weight == 0] == ELECTIVES
    assert [name for name, weight in worth.items() if weight not in (0, 1)] == []
    assert by_name("08_ticket_server").carries_channel and not by_name("02_blocking").carries_channel


def test_the_skeleton_is_whole(larger: Kit) -> None:
    solved = larger.run("grade", ex="05", solutions="1", variant="plain")
    assert solved.code == 0 and solved.verdicts("05_gate") == ["passed"] * 4, solved.out + solved.err
    stub = larger.run("grade", ex="05", variant="plain")
    assert stub.exercise("05_gate")["verdict"] == "not_started"
    larger.write("work/05_gate/gate.c", larger.read("grader/tests/known_wrong/05_gate/wakes_one.c"))
    wrong = larger.run("grade", ex="05", src="work", variant="interleave")
    assert "deadlock" in wrong.verdicts("05_gate") and "gate.c" in wrong.out


def test_an_exercise_more_changes_nothing_for_the_others(larger: Kit) -> None:
    listed = larger.run("list").out.splitlines()
    assert [line.split()[0] for line in listed if "(elective)" in line] == ["03_extra"]
    assert any(line.startswith("05_gate") and "not started" in line for line in listed)
    assert larger.run("carry", ex="05").code == 2
    assert larger.run("stubs").out == ""


@pytest.mark.parametrize(
    ("name", "words"),
    [("gate", "such as EX=09"), ("9_gate", "such as"), ("09_Gate", "such as"), ("09_", "such as"), ("", "such as"),
     ("01_gate", "there is 01_answer"), ("09_twice", "there is 02_twice"), ("06_a/b", "such as")],
)  # fmt: skip
def test_a_name_that_will_not_do_is_refused(kit: Kit, name: str, words: str) -> None:
    ran = kit.run("new-exercise", ex=name)
    assert ran.code == 2 and words in ran.err
    assert not Path(kit.root, "exercises", name or "x", f"{name[3:]}.h").exists()


def test_contributing_tells_of_it() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    assert "make new-exercise EX=09_semaphore" in text and "make stubs" in text
