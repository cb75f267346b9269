"""The commands that grade."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from grader import arguments
from grader.commands import carry, replay
from grader.errors import EXIT_ENVIRONMENT, EXIT_FAILED, EXIT_PASSED, BuildError, UsageError
from grader.exercises import EXERCISES, Exercise
from grader.grading import build, given, progress, report
from grader.grading.grade import Graded, Grading
from grader.grading.outcome import TestResult
from grader.grading.submission import tree_of
from grader.grading.verdicts import OF_TESTS
from grader.output import failure, next_step, render
from grader.output.failure import Room
from grader.output.text import Line, cut, wrap


class OnScreen:
    """Tells the grading as it goes."""

    def __init__(self, screen: render.Screen) -> None:
        self._screen = screen
        self._first = ""  # what failed first, told before all is done
        self._together: list[Graded] = []  # those of the next line
        self.lines = 0  # that tell how far it is

    def building(self, exercise: Exercise) -> None:
        self._screen.status(f"building {exercise.name} ...")

    def running(self, exercise: Exercise, done: int, total: int) -> None:
        self._screen.status(f"{exercise.name}: {done} of {total} tests{self._first}")

    def failed(self, result: TestResult) -> None:
        self._first = self._first or f"; {OF_TESTS[result.verdict]}: {result.sentence}"

    def graded(self, graded: Graded) -> None:
        """A line an exercise; neighbours that there is little to say of share one."""
        self._first = ""
        if self._together and render.kind_of(self._together[-1]) != render.kind_of(graded):
            self.flush()
        self._together.append(graded)
        if not render.kind_of(graded):
            self.flush()

    def flush(self) -> None:
        if self._together:
            self._screen.lines([render.overview_line(*self._together)])
            self.lines += 1
        self._together = []


def grade(
    ex: str, tree: str, solutions: bool, variant: str, report_to: Path | None, again: bool, test: str = ""
) -> int:
    """make grade"""
    screen = render.Screen()
    where = tree_of(tree, solutions)
    if report_to is not None and (report_to.is_dir() or not report_to.parent.is_dir()):
        problem = "that is a directory" if report_to.is_dir() else f"there is no directory {report_to.parent}"
        raise UsageError(f"JSON={report_to}: {problem}. Give the name of a file to write.")
    listener = OnScreen(screen)
    grading = Grading(where, arguments.chosen(ex), arguments.variant_of(variant), again, listener=listener)
    if test:
        _only(grading, test)
    try:
        graded = grading.run()
    except BuildError as error:
        raise explained(error, grading) from error
    finally:
        screen.clear_status()
    listener.flush()
    changed: list[Line] = []
    if where == EXERCISES and not test:
        changed = changes(graded)
        note_progress(graded)
    replay.note_last(graded)
    show(screen, graded, where, listener.lines, changed)
    if report_to is not None:
        report.write(report_to, graded)
    return exit_code(graded)


def _only(grading: Grading, test: str) -> None:
    """Runs one test, of the one exercise that is meant."""
    suites = {suite: exercise for exercise in reversed(grading.exercises) for suite in exercise.chain()}
    suite, name = replay.test_meant(list(suites), test)
    grading.exercises = [suite if suite in grading.exercises else suites[suite]]
    names = [other for _, other in grading.exercises[0].tests_of_chain()]
    if name not in names:
        raise UsageError(f"{name} is run on the code of exercise {suite.number} only: EX={suite.number}")
    grading.own_suite_only = suite == grading.exercises[0]
    grading.leave_out, grading.again = frozenset(names) - {name}, True


def explained(error: BuildError, grading: Grading) -> BuildError:
    """Why suites can't be built, which is nobody's fault but that of whoever changed them here."""
    changed = given.changed(grading.exercises)
    if not changed:
        return error
    compiler = [cut(line, 79, "...") for line in error.message.splitlines()[1:5]]
    told = [*wrap(given.words(changed), 80), "With that the suites can't be built:", *compiler]
    return BuildError("\n".join([*told, "", f"next  {given.comparison(changed[0])}"]))


BELOW = 2  # rows: what make says of a failure, and the shell's prompt


def changes(graded: Sequence[Graded]) -> list[Line]:
    """What has changed since the last time, where one exercise is graded: 18 -> 21 of 31, and which."""
    before = progress.failing().get(graded[0].exercise.name)
    if len(graded) != 1 or before is None or not graded[0].results or graded[0].verdict == "build_failed":
        return []
    now = [result.name for result in graded[0].failures()]
    line = render.change_line(graded[0].max_points, before, now)
    return [line] if line else []


def show(screen: render.Screen, graded: Sequence[Graded], tree: Path, above: int, changed: Sequence[Line] = ()) -> None:
    """What comes under the bars, which have taken that many rows."""
    several = len(graded) > 1
    lines: list[Line] = [*changed]
    not_as_given = given.changed(g.exercise for g in graded)
    if not_as_given:
        lines += [[(line, "yellow")] for line in wrap(given.words(not_as_given), screen.width)]
    lines += [[(f"{g.exercise.name}: {g.note}", "yellow")] for g in graded if g.note and g.results]
    if several:
        lines.append(render.summary_line(graded))
    failing = next((g for g in graded if g.verdict not in ("passed", "not_started")), None)
    if failing is not None:
        rows = None if screen.rows is None else screen.rows - BELOW - above - len(lines)
        lines += failure.lines(failing, Room(screen.width, rows), tree)
    else:
        lines += [line for g in graded for line in failure.warning_lines(g, screen.width)]
        finished = [g for g in graded if g.verdict == "passed" and not g.reused]
        if len(finished) == 1 and not not_as_given:
            from grader.commands import finish

            lines += finish.lines(finished[0])
        compare = [next_step.line(given.comparison(name)) for name in not_as_given[:1]]
        lines += [[], *(compare or _next(graded, tree))]
    screen.lines(lines)


def _next(graded: Sequence[Graded], tree: Path) -> list[Line]:
    """When nothing has failed. Of the student's own files: what `make list` says."""
    from grader.commands import workspace

    has_a_program = len(graded) == 1 and (graded[0].exercise.directory / "demo").is_dir()
    if tree == EXERCISES and has_a_program and graded[0].verdict == "passed":
        return [next_step.line(f"make run EX={graded[0].exercise.number}")]
    if tree == EXERCISES and all(one.verdict == "passed" for one in graded):
        return [workspace.next_line()]
    return next_step.of_several(graded) if len(graded) > 1 else next_step.of_one(graded[0])


def exit_code(graded: Sequence[Graded]) -> int:
    """0 if all passed, 3 if something could not be graded, 1 otherwise; electives not begun are no failure."""
    from grader.exercises import is_elective

    if any(g.verdict == "environment" for g in graded):
        return EXIT_ENVIRONMENT
    if len(graded) > 1:
        graded = [g for g in graded if not (g.verdict == "not_started" and is_elective(g.exercise))]
    return EXIT_PASSED if all(g.verdict == "passed" for g in graded) else EXIT_FAILED


def note_progress(graded: Sequence[Graded]) -> None:
    """Remembers what was reached."""
    entries = progress.load()
    for one in graded:
        if one.verdict == "environment" or carry.is_swapped(one.exercise):
            continue
        key = one.submission.code.key
        old = entries.get(one.exercise.name)
        passed = key if one.verdict == "passed" else (old.passed if old else "")
        entries[one.exercise.name] = progress.Entry(one.verdict, one.points, one.max_points, key, passed)
        if one.verdict in ("failed", "passed"):
            progress.note_failing(one.exercise.name, [result.name for result in one.failures()])
            progress.note_proved(one.exercise.name, report.extent_of(one))
    progress.store(entries)


def check_kit(ex: str, variant: str) -> int:
    """make solutions; VARIANT= limits the solutions to that one, too."""
    from grader.selfcheck import check_kit as kit

    tree_of("", solutions=True)  # a kit for students has none, and says so
    tally = kit.Tally(tell=lambda line: print(line, flush=True))
    variants = [arguments.variant_of(variant)] if variant else available_variants()
    kit.Check(arguments.chosen(ex), variants[0], variants, tally).run()
    if tally.failed:
        print("\nnot as it should be:\n  " + "\n  ".join(tally.failed))
    print(f"{tally.passed} passed, {len(tally.failed)} failed")
    return EXIT_FAILED if tally.failed else EXIT_PASSED


def available_variants() -> list[str]:
    """All of them, the default first."""
    first = arguments.default_variant()
    return [first, *(v for v in build.REAL_VARIANTS if v != first)]
