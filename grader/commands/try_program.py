"""`make try FILE=prog.c`: a program with threads, its main run under the scheduler, told as a failure is."""

from __future__ import annotations

from pathlib import Path

from grader import c_text
from grader.errors import EXIT_FAILED, EXIT_PASSED, UsageError
from grader.exercises import ROOT, TRIED, Exercise, shown
from grader.grading import build, runner, symbols
from grader.grading.build import Unit
from grader.grading.grade import Graded, cpu_count
from grader.grading.submission import Source, Submission
from grader.output import failure, render

PROGRAM = Exercise(TRIED, None, ())  # as if it were one: grader/try/ is its suite
TEST = "the_program_ends_with_0"


def run(file: str, seed: str, variant: str) -> int:
    """Runs it in all orders that the scheduler's budget holds."""
    if variant not in ("", "interleave"):
        raise UsageError(f"VARIANT={variant}: a program is tried under the scheduler only.")
    source = _read(file)
    submission = Submission(PROGRAM, None, (source,), (), source.path.parent)
    unit = Unit(submission.code, PROGRAM, "interleave")
    screen = render.Screen()
    screen.status(f"building {source.name} ...")
    errors = build.build([unit], cpu_count())
    if unit in errors:
        error = errors[unit]
        raise UsageError("\n".join([f"{shown(source.path)}: {error.message}", *error.lines, error.explanation]))
    unknown = symbols.not_followed([unit])
    if unknown:
        raise UsageError(f"{source.name} calls what the scheduler can't follow: {', '.join(unknown[:5])}.")
    screen.status(f"running {source.name} ...")
    result = runner.run_test(unit, TEST, runner.knobs_given(SEED=seed))
    graded = Graded(submission, "passed" if result.verdict == "passed" else "failed", [result])
    if result.verdict == "passed":
        head = (f"{source.name}: nothing is wrong ({_looked_at(result.message)}).", "green")
        screen.lines([[head], *failure.untold_lines(graded, screen.width)])
        return EXIT_PASSED
    screen.lines(failure.alone(graded, result, screen.width, source.path.parent))
    return EXIT_FAILED


def _read(file: str) -> Source:
    if not file.strip():
        raise UsageError("Which program? For example: make try FILE=docs/try/lost_update.c")
    path = Path(file).expanduser()
    path = path if path.is_absolute() else ROOT / path
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"FILE={file} can't be read: {error.strerror}.") from error
    if path.suffix != ".c" or c_text.definition("main", c_text.decoded(content)) is None:
        raise UsageError(f"FILE={file}: it is to be a .c file with a main.")
    return Source(PROGRAM.name, path.name, content, path)


def _looked_at(extent: str) -> str:
    return extent or "the one schedule that was run"
