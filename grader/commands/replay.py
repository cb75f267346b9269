"""`make replay`: one test again, with one schedule, told in full; or under gdb, or as a page."""

from __future__ import annotations

import difflib
import json
import os
import shutil
import sys
from pathlib import Path

from grader import files
from grader.errors import EXIT_FAILED, EXIT_PASSED, NotInstalled, UsageError
from grader.exercises import BUILD, ROOT, Exercise, find, shown
from grader.grading import build, isolation, runner
from grader.grading.build import Unit
from grader.grading.grade import Graded, cpu_count, not_built
from grader.grading.outcome import TestResult
from grader.grading.submission import Submission, read_submission
from grader.output import render


def suite_with(exercise: Exercise, test: str) -> Exercise:
    """The suite that has a test of that name, the exercise's own first."""
    suites = exercise.chain()[::-1]
    for suite in suites:
        if test in suite.tests_in_source():
            return suite
    names = [name for suite in suites for name in suite.tests_in_source()]
    words = [name for name in names if test in name] or difflib.get_close_matches(test, names, 1)
    hint = f" Did you mean {words[0]}?" if words else f" make grade EX={exercise.number} shows the names."
    raise UsageError(f"{exercise.name} has no test {test!r}.{hint}")


def prepare(ex: str, test: str, tree: Path, variant: str) -> tuple[Submission, Unit]:
    """Builds what has that test. A code that does not build ends here."""
    if not ex.strip() or not test.strip():
        raise UsageError("Which test? For example: make replay EX=02 TEST=name SEED=...")
    exercise = find(ex)
    submission = read_submission(tree, exercise)
    if submission.missing:
        raise UsageError(f"{shown(submission.place_of(submission.missing[0]))} is missing.")
    suite = suite_with(exercise, test.strip().replace(" ", "_"))
    unit = Unit(submission.code_for(suite), suite, variant)
    errors = build.build([unit], cpu_count())
    if unit in errors:
        graded = Graded(submission, "build_failed", not_built(unit, errors[unit]), errors[unit])
        screen = render.Screen()
        screen.lines(render.failure_lines(graded, screen.width, tree))
        raise UsageError("It has to compile first.")
    return submission, unit


def replay(ex: str, test: str, seed: str, tree: Path, variant: str, in_gdb: bool, as_html: bool) -> int:
    """Runs it, and tells all of what happened."""
    knobs = runner.knobs_given(SEED=seed)
    submission, unit = prepare(ex, test, tree, variant)
    name = test.strip().replace(" ", "_")
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
    screen.lines(render.first_failure(graded, result, screen.width, tree, full=True))
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
    print(f"\nThe story as a page: {shown(path)}")


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
