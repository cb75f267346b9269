"""`make replay`: one test again, with one schedule, told in full; or under gdb, or as a page."""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import json
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from grader import arguments, files, typed
from grader.errors import EXIT_FAILED, EXIT_PASSED, GraderError, NotInstalled, UsageError
from grader.exercises import BUILD, ROOT, SOLUTIONS, Exercise, all_exercises, find, shown
from grader.grading import build, isolation, runner
from grader.grading.build import Unit
from grader.grading.grade import Graded, cpu_count, not_built
from grader.grading.outcome import TestResult
from grader.grading.submission import Submission, read_submission, tree_of
from grader.grading.verdicts import OF_TESTS
from grader.output import failure, render
from grader.output.failure import Room


@dataclass(frozen=True)
class Wanted:
    """What is to be run again, as it was typed. Without a test it is what failed last."""

    ex: str = ""
    test: str = ""
    seed: str = ""
    src: str = ""
    solutions: bool = False
    variant: str = ""


_LAST = BUILD / "last-failure.json"


def note_last(graded: Sequence[Graded]) -> None:
    """Keeps what `make replay` alone means: the failure that was told."""
    told = next((g for g in graded if g.failures() and g.failures()[0].verdict in _CAN_BE_REPLAYED), None)
    if told is None:
        return
    result, is_solution = told.failures()[0], told.submission.tree == SOLUTIONS
    src = "" if is_solution else typed.now().word("SRC")
    last = Wanted(told.exercise.name, result.name, result.seed, src, is_solution, result.variant)
    with contextlib.suppress(GraderError):  # on a full disk it has to be typed in full
        files.write_atomically(_LAST, json.dumps(asdict(last)))


_CAN_BE_REPLAYED = frozenset(OF_TESTS) - {"passed", "skipped", "not_implemented", "build_failed", "environment"}


def _last(ex: str) -> Wanted:
    try:
        last = Wanted(**json.loads(_LAST.read_bytes()))
    except (OSError, ValueError, TypeError):
        last = Wanted()
    if not last.test or (ex.strip() and find(ex).name != last.ex):
        raise UsageError("Which test? For example: make replay EX=02 TEST=name SEED=...")
    return last


def test_meant(suites: Sequence[Exercise], test: str) -> tuple[Exercise, str]:
    """The test of that name, or the only one that has it as a part of its name; the first suite comes first."""
    wanted = test.strip().replace(" ", "_")
    names = {name: suite for suite in reversed(suites) for name in suite.tests_in_source()}
    found = [wanted] if wanted in names else [name for name in names if wanted in name]
    if len(found) == 1:
        return names[found[0]], found[0]
    if found:
        shown_names = ", ".join(found[:4]) + (", ..." if len(found) > 4 else "")
        raise UsageError(f"TEST={wanted} is part of {len(found)} names: {shown_names}")
    near = difflib.get_close_matches(wanted, names, 1)
    hint = f" Did you mean {near[0]}?" if near else " make grade shows the names."
    raise UsageError(f"There is no test {wanted!r}.{hint}")


def prepare(wanted: Wanted) -> tuple[Submission, Unit, str]:
    """Builds what has that test, and says its full name. A code that does not build ends here."""
    tree = tree_of(wanted.src, wanted.solutions)
    exercise = find(wanted.ex)
    submission = read_submission(tree, exercise)
    if submission.missing:
        raise UsageError(f"{shown(submission.place_of(submission.missing[0]))} is missing.")
    suite, name = test_meant(exercise.chain()[::-1], wanted.test)
    unit = Unit(submission.code_for(suite), suite, arguments.variant_of(wanted.variant))
    errors = build.build([unit], cpu_count())
    if unit in errors:
        graded = Graded(submission, "build_failed", not_built(unit, errors[unit]), errors[unit])
        screen = render.Screen()
        screen.lines(failure.lines(graded, Room(screen.width), tree))
        raise UsageError("It has to compile first.")
    return submission, unit, name


def replay(wanted: Wanted, in_gdb: bool, as_html: bool) -> int:
    """Runs it, and tells all of what happened."""
    arguments.variant_of(wanted.variant)
    if not wanted.test.strip():
        wanted = _last(wanted.ex)
    elif not wanted.ex.strip():
        suite, name = test_meant(all_exercises()[::-1], wanted.test)
        wanted = dataclasses.replace(wanted, ex=suite.name, test=name)
    knobs = runner.knobs_given(SEED=wanted.seed)
    submission, unit, name = prepare(wanted)
    if in_gdb:
        return debug(unit, name, knobs)
    result = runner.run_test(unit, name, knobs)
    graded = Graded(submission, "passed" if result.verdict == "passed" else "failed", [result])
    screen = render.Screen()
    if result.verdict == "passed":
        one = runner.SCHEDULE.fullmatch(knobs.get("SEED", ""))
        extent = "this one schedule; make grade runs them all" if one else result.message
        screen.lines([[(f"{result.sentence}: passed", "green")], [(extent, "dim")]])
        return EXIT_PASSED
    screen.lines(failure.alone(graded, result, screen.width, submission.tree))
    if as_html:
        _write_page(graded, result)
    return EXIT_FAILED


def _write_page(graded: Graded, result: TestResult) -> None:
    try:
        from grader.output import story_page
    except ImportError as error:
        raise UsageError("This copy of the kit can't write a story as a page.") from error
    if not result.story:
        raise UsageError("Only failures of the controlled scheduler have a story.")
    path = BUILD / "stories" / f"{graded.exercise.name}-{result.name}.html"
    story_page.write(path, result, graded.submission.code)
    print(f"\nThe story as a page: {path.as_uri()}")


def debug(unit: Unit, name: str, knobs: dict[str, str]) -> int:
    """Gives the terminal to gdb, at the first step of the schedule, the student's source found."""
    if shutil.which("gdb") is None:
        raise NotInstalled("gdb", "On Debian: sudo apt-get install gdb")
    source = unit.code.sources[0].path.parent
    command = ["gdb", "-q", "-ex", f"directory {source}:{ROOT}"]
    if unit.variant == "interleave":
        steps = _write_steps(unit, name, knobs)
        if steps is None:
            print("With this seed the test passes, or has no story: gdb starts at its beginning.")
        else:
            command += [
                "-ex",
                f"python steps_file = {str(steps)!r}",
                "-x",
                str(ROOT / "grader" / "output" / "gdb_steps.py"),
            ]
    record = os.open(os.devnull, os.O_WRONLY)
    os.set_inheritable(record, True)
    environment = os.environ | runner.test_environment(knobs)
    environment["SUITE_RECORD"] = str(record)
    isolation.prepare()
    sys.stdout.flush()
    os.chdir(ROOT)
    os.execvpe("gdb", [*command, "--args", str(unit.program), name], environment)


def _write_steps(unit: Unit, name: str, knobs: dict[str, str]) -> Path | None:
    """Runs the schedule once, and notes its steps in words for gdb; None if it has no story."""
    from grader.grading import story

    result = runner.run_test(unit, name, knobs)
    if not result.story:
        return None
    told = story.Story(result.story, unit.code)
    steps = {step.number: f"{told.name(step.thread)}: {story.words_of(told, step)}" for step in told.steps}
    path = BUILD / "stories" / f"{unit.suite.name}-{name}.steps.json"
    files.write_atomically(path, json.dumps({"steps": steps, "end": result.message}))
    return path
