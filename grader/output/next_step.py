"""The next step: always one command that can be copied."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from grader import typed
from grader.exercises import EXERCISES, TRIED, Exercise, all_exercises, is_elective, shown
from grader.grading import progress, report
from grader.grading.grade import Graded
from grader.grading.outcome import TestResult
from grader.output.text import Line

MOST_HINTS = 3  # of an exercise


def line(command: str) -> Line:
    return [("next  ", "dim"), (command, "bold")]


def after(graded: Graded, result: TestResult, place: str) -> Line:
    """After a failure; place: of what is to be edited, or ""."""
    number = graded.exercise.number
    if result.verdict == "environment":
        return line("make doctor")
    if result.verdict == "build_failed" and not graded.submission.code.text.strip():
        return line(f"make reset EX={number}")
    if place:
        return line(editor_at(place))
    seen = progress.hints_seen().get(graded.exercise.name, 0)
    return line(f"make hint EX={number}" if seen < MOST_HINTS else report.replay_command(graded, result))


def others(graded: Graded, result: TestResult, replayed: bool) -> list[Line]:
    """What else could be typed, where there is room for it."""
    commands = []
    again = report.replay_command(graded, result)
    if graded.exercise.name == TRIED:
        commands = [again] if result.seed else []
    elif replayed and result.story:
        commands = [f"{again} HTML=1", f"{again} GDB=1"]
    elif result.verdict not in ("build_failed", "environment"):
        has_run = result.verdict != "not_implemented"
        commands = [f"make hint EX={graded.exercise.number}", *([again] if has_run else [])]
    return [[("      ", ""), (command, "bold")] for command in commands]


def of_several(graded: Sequence[Graded]) -> list[Line]:
    """When none has failed."""
    todo = [g for g in graded if g.verdict != "passed" and not is_elective(g.exercise)]
    if not todo:
        electives = [g for g in graded if g.verdict != "passed"]
        return [line(start(electives[0].exercise))] if electives else [[("All is done.", "bold green")]]
    first = todo[0]
    if first.verdict != "not_started":
        return []  # the failure above says what is next
    return [line(_begin(first))]


def of_one(graded: Graded) -> list[Line]:
    """When only one exercise was asked for, and it has not failed."""
    if graded.verdict == "passed":
        following = next((e for e in all_exercises() if e.base == graded.exercise.name and not is_elective(e)), None)
        return [line("make grade" if following is None else start(following))]
    return [line(_begin(graded))]


def _begin(graded: Graded) -> str:
    """How to begin what is not started; a file that is gone comes back first."""
    if set(graded.submission.missing) & set(graded.exercise.files) and graded.submission.tree == EXERCISES:
        return f"make reset EX={graded.exercise.number}"
    if graded.submission.is_untouched or graded.submission.missing:
        return start(graded.exercise)
    path = graded.submission.tree / graded.exercise.name / graded.exercise.files[0]
    return f"{_editor()} {shown(path)}"


def start(exercise: Exercise) -> str:
    """How to begin an exercise."""
    if exercise.base is None or exercise.carries_channel:
        folder = shown(EXERCISES / exercise.name)
        return f"{_editor()} {folder}/{{README.md,{exercise.files[0]}}}"
    return f"make carry EX={exercise.number}"


# How each editor is told a line.
_PLUS = ("vim", "vi", "nvim", "nano", "micro", "emacs", "emacsclient", "kak", "gedit", "joe", "less")
_COLON = {"code": "code -g", "codium": "codium -g", "subl": "subl", "hx": "hx", "zed": "zed"}


def _editor() -> str:
    """What opens a file here, or shows it: a command that is copied has to work."""
    if typed.now().word("EDITOR"):
        return "$EDITOR"
    return next((name for name in ("vim", "vi", "nano", "less") if shutil.which(name)), "more")


def editor_at(place: str) -> str:
    """The command that opens a file at a line; what $EDITOR is may not know how."""
    path, _, number = place.partition(":")
    own = typed.now().word("EDITOR").split(" ")[0].rsplit("/", 1)[-1]
    editor = own if own in _PLUS or own in _COLON else _editor()
    if editor in _COLON:
        return f"{_COLON[editor]} {path}:{number}"
    return f"{editor} +{number} {path}" if editor in _PLUS else f"{editor} {path}"
