"""The last screen of `make grade` says what to do next: of the states in screens/, each a right channel made wrong.

A fixed part of them is graded each time, and all of them with SCREENS=all."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from grader import c_text
from grader.commands import grade
from grader.exercises import ROOT, Exercise, all_exercises, by_name, drawn, extreme, short_of_memory
from grader.grading import outcome
from grader.grading.grade import Graded, Grading
from grader.grading.submission import read_submission
from grader.output import render

STATES = Path(__file__).parent / "screens"
KNOWN_RIGHT = Path(__file__).parent / "known_right"
ROWS, COLUMNS = 24, 80
PART = 6  # one in so many is graded each time
# Later exercises inherit much. Their suites have many tests that run long, and show nothing new of these states.
SCHEDULES = "60"


@dataclass(frozen=True)
class State:
    """One state of a student's file."""

    exercise: str
    name: str
    given: dict[str, Any]

    @property
    def file(self) -> str:
        return by_name(self.exercise).files[0]

    def text(self) -> str:
        if "text" in self.given:
            return str(self.given["text"])
        folder, name = (KNOWN_RIGHT, self.given["of"]) if "of" in self.given else (ROOT / "solutions", self.file)
        text = (folder / self.exercise / str(name)).read_text()
        pairs = self.given["edit"]
        for old, new in zip(pairs[::2], pairs[1::2], strict=True):
            assert old in text, f"there is no {old!r}"
            text = text.replace(old, new, 1)
        return text


def states() -> Iterator[Any]:
    number = 0
    for file in sorted(STATES.glob("*.toml")):
        for given in tomllib.loads(file.read_text())["state"]:
            number += 1
            if os.environ.get("SCREENS") == "all" or (number % PART == 1 and not given.get("slow")):
                state = State(file.stem, given["name"], given)
                yield pytest.param(state, id=f"{file.stem[:2]} {state.name}")


class Captured(render.Screen):
    """A terminal of 24 rows that keeps what it is shown."""

    def __init__(self) -> None:
        super().__init__()
        self.width, self.rows = COLUMNS, ROWS
        self.shown: list[str] = []

    def lines(self, lines: Any) -> None:
        self.shown += ["".join(text for text, _ in line).rstrip() for line in lines]


def screen_of(graded: Graded, tree: Path) -> list[str]:
    """What is left of it on the screen when make and the shell have said their lines."""
    screen = Captured()
    listener = grade.OnScreen(screen)
    listener.graded(graded)
    listener.flush()
    grade.show(screen, [graded], tree, listener.lines)
    return screen.shown[-(ROWS - 2) :]


def graded_in(tree: Path, exercise: Exercise) -> Graded:
    return Grading(tree, [exercise], "interleave", own_suite_only=True).run()[0]


@pytest.mark.parametrize("state", states())
def test_the_last_screen_says_what_to_do_next(state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCHEDULES", SCHEDULES)
    monkeypatch.setenv("EDITOR", "vim")
    exercise = by_name(state.exercise)
    path = tmp_path / state.exercise / state.file
    path.parent.mkdir()
    path.write_text(state.text())
    for name, text in state.given.get("beside", {}).items():
        (path.parent / name).write_text(text)
    if exercise.carries_channel:
        channel = tmp_path / str(exercise.base) / "channel.c"
        channel.parent.mkdir()
        channel.write_bytes((ROOT / "solutions" / str(exercise.base) / "channel.c").read_bytes())
    graded = graded_in(tmp_path, exercise)
    assert graded.verdict in ("failed", "build_failed")
    screen = screen_of(graded, tmp_path)
    assert screen[0].startswith(exercise.name), "\n".join(screen)
    check_next(state, graded, screen)
    words = " ".join(" ".join(screen).split())
    for said in state.given["says"]:
        assert said in words, f"{said!r} is not said:\n" + "\n".join(screen)
    for hint in state.given.get("hides", []):
        assert hint not in words, f"{hint!r} is about something else:\n" + "\n".join(screen)
    if graded.verdict == "failed":
        assert re.search(r"channel\.h:\d+ says:|_server\.h:\d+ says:", words), "\n".join(screen)
        check_plainest(graded, screen)
    assert max(map(len, (line for line in screen if "/" not in line))) <= COLUMNS


def check_next(state: State, graded: Graded, screen: list[str]) -> None:
    """The last line is the next step, and where that is a place, it is the one that was told."""
    last, place = screen[-1].removeprefix("next  "), state.given["place"]
    assert screen[-1].startswith("next  "), "\n".join(screen)
    if place.startswith("make "):
        assert last == place
        return
    found = re.fullmatch(rf"vim \+(\d+) (\S+/{state.file})", last)
    assert found, "\n".join(screen)
    line = int(found[1])
    assert any(text.startswith(f"{found[2]}:{line}: ") for text in screen) or graded.verdict == "build_failed"
    if place and place != state.file:
        assert c_text.function_at(line, state.text()) == place, "\n".join(screen)


def check_plainest(graded: Graded, screen: list[str]) -> None:
    """Of the tests that failed for another reason than memory that is short, none comes before it: what is written
    before what is drawn, then fewer threads, then nothing extreme, then fewer steps."""
    told = graded.failures()[0]
    assert any(told.sentence.startswith(line[:40]) for line in screen if len(line) > 10)
    short = short_of_memory(graded.exercise)
    plain = [r for r in graded.results if r.name not in short and "memory" not in r.sentence]
    failed = [r for r in plain if r.verdict != "passed" and r.story]
    if told.story and failed and "memory" not in told.sentence:
        assert told in failed and _to_follow(told) == min(map(_to_follow, failed))


def _to_follow(result: outcome.TestResult) -> tuple[bool, int, bool, int]:
    story, suite = result.story or {}, by_name(result.suite)
    is_drawn, is_extreme = (result.name in of(suite) for of in (drawn, extreme))
    return is_drawn, len(story["threads"]), is_extreme, story["steps"] + story["calls"]


def test_what_is_extreme_is_told_after_what_is_not(tmp_path: Path) -> None:
    exercise = by_name("01_single_thread")
    large = outcome.TestResult(
        exercise.name, "a_message_that_is_larger_than_a_stack_arrives_as_it_was_sent", "interleave", "failed"
    )
    small = outcome.TestResult(exercise.name, "create_connects_a_sender_and_a_receiver", "interleave", "failed")
    large.story = {"threads": [1], "steps": 5, "calls": 0}
    small.story = {"threads": [1], "steps": 9, "calls": 0}
    graded = Graded(read_submission(tmp_path, exercise), "failed", [large, small])
    assert graded.failures() == [small, large]


def test_the_states_are_many_and_of_every_exercise() -> None:
    of_each = {file.stem: len(tomllib.loads(file.read_text())["state"]) for file in STATES.glob("*.toml")}
    assert sum(of_each.values()) >= 120, of_each
    assert set(of_each) == {exercise.name for exercise in all_exercises() if exercise.number <= "08"}  # the kit's own
