"""What a person sees: colours and bars on a terminal, plain text everywhere else, 80 columns.

The same lines (text.py) serve both.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from grader import typed
from grader.exercises import EXERCISES, Exercise, all_exercises, is_elective, shown
from grader.grading import report
from grader.grading.grade import Graded
from grader.grading.outcome import TestResult
from grader.grading.verdicts import OF_EXERCISES, OF_TESTS
from grader.output.text import Line, cut, paragraphs, wrap

BAR = 20  # columns
MOST_WARNINGS = 2
MOST_OTHERS = 6  # failures that are told in a line each
_COMPILER = re.compile(r"(\w+\.c:\d+):(?:\d+:)? ((?:fatal )?error: .*)")
_STYLES = {
    "passed": "green", "failed": "red", "not_started": "dim", "build_failed": "red", "environment": "magenta",
}  # fmt: skip


class Screen:
    """Where lines go: stdout, with colours if that is a terminal that wants them."""

    def __init__(self) -> None:
        given = typed.now()
        self.is_terminal = sys.stdout.isatty() and not given.has_dumb_terminal
        self.is_plain = not self.is_terminal or given.wants_plain_text
        self.width = min(100, max(40, shutil.get_terminal_size((80, 24)).columns)) if self.is_terminal else 80
        self._transient = False

    def lines(self, lines: Iterable[Line]) -> None:
        """Prints lines; too long ones are cut by nobody, so make them short."""
        self.clear_status()
        if self.is_plain:
            text = "".join("".join(t for t, _ in line).rstrip() + "\n" for line in lines)
            sys.stdout.write(_encodable(text))
            sys.stdout.flush()
        else:
            _print_rich(lines)

    def status(self, text: str) -> None:
        """A line that the next output replaces; on terminals only."""
        if self.is_terminal:
            sys.stdout.write("\r\x1b[K" + _encodable(text[: self.width - 1]))
            sys.stdout.flush()
            self._transient = True

    def clear_status(self) -> None:
        if self._transient:
            sys.stdout.write("\r\x1b[K")
            sys.stdout.flush()
            self._transient = False


def _encodable(text: str) -> str:
    """A terminal that can't show a bar's blocks gets # and -, not an error."""
    encoding = sys.stdout.encoding or "ascii"
    try:
        text.encode(encoding)
        return text
    except UnicodeEncodeError:
        for fancy, plain in (("█", "#"), ("░", "-"), ("│", "|"), ("─", "-"), ("→", ">"), ("✓", "+")):
            text = text.replace(fancy, plain)
        return text.encode(encoding, "replace").decode(encoding)


def _print_rich(lines: Iterable[Line]) -> None:
    try:
        from rich.console import Console
        from rich.text import Text
    except ImportError:
        sys.stdout.write("".join("".join(t for t, _ in line).rstrip() + "\n" for line in lines))
        return
    console = Console(highlight=False, soft_wrap=True)
    for line in lines:
        console.print(Text.assemble(*((_encodable(text), style) for text, style in line), end=""))


# ------------------------------------------------------------------------------------ overview


def verdict_style(verdict: str) -> str:
    return _STYLES.get(verdict, "")


def overview_line(graded: Graded) -> Line:
    """One exercise: name, bar, points, verdict."""
    exercise, style = graded.exercise, _STYLES[graded.verdict]
    most = graded.max_points or report.max_points(graded)
    line: Line = [
        (f"{exercise.name:18} ", "bold"),
        *bar(graded.points, most, style),
        (f" {graded.points:>3}/{most:<3} ", ""),
        (graded.note if graded.note and graded.verdict == "not_started" else OF_EXERCISES[graded.verdict], style),
    ]
    if is_elective(graded.exercise):
        line.append(("  (elective)", "dim"))
    return line


def bar(done: int, most: int, style: str) -> Line:
    filled = BAR * done // most if most else 0
    return [("█" * filled, style), ("░" * (BAR - filled), "dim")]


def reused_line(graded: Sequence[Graded]) -> Line:
    """Which exercises were not run again, since nothing of them has changed."""
    numbers = [g.exercise.number for g in graded if g.reused]
    return [(f"unchanged, not run again: {' '.join(numbers)}", "dim")] if numbers else []


def summary_line(graded: Sequence[Graded]) -> Line:
    core = [g for g in graded if not is_elective(g.exercise)]
    electives = [g for g in graded if is_elective(g.exercise)]
    text = f"{sum(g.verdict == 'passed' for g in core)} of {len(core)} exercises passed"
    done = sum(g.verdict == "passed" for g in electives)
    if done:
        text += f", and {done} of {len(electives)} electives"
    return [(text, "bold")]


# ------------------------------------------------------------------------------------- failures


def failure_lines(graded: Graded, width: int, tree: Path) -> list[Line]:
    """The first failure in full, below the others in a line each: what to do next comes last."""
    failures = graded.failures()
    if not failures:
        return []
    return other_failures(graded, width) + first_failure(graded, failures[0], width, tree)


def other_failures(graded: Graded, width: int) -> list[Line]:
    """All but the first, in a line each."""
    rest = graded.failures()[1:]
    if graded.verdict == "build_failed":
        rest = [r for r in rest if r.verdict != "build_failed"]
    lines: list[Line] = []
    if rest:
        more = len(rest) - MOST_OTHERS
        lines += [[], [(f"Also in {graded.exercise.name}:", "bold")]]
        lines += [_one_line(result, width) for result in rest[:MOST_OTHERS]]
        lines += [[(f"  ... and {more} more", "dim")]] if more > 0 else []
    return lines


def _one_line(result: TestResult, width: int) -> Line:
    title = OF_TESTS[result.verdict]
    room = width - len(title) - 6
    style = "yellow" if result.verdict == "not_implemented" else "red"
    return [("  ", ""), (title, style), (f"  {cut(result.sentence, room, '...')}", "")]


def _rows() -> int:
    """How many lines a person sees at once; without a terminal all of them."""
    return shutil.get_terminal_size((80, 24)).lines if sys.stdout.isatty() else sys.maxsize


def first_failure(graded: Graded, result: TestResult, width: int, tree: Path, full: bool = False) -> list[Line]:
    """All there is to say of one failure; full: with every step of its story."""
    lines: list[Line] = [[]]
    title = OF_TESTS[result.verdict]
    place = own_path(graded, result.where) or shown(tree / graded.exercise.name / graded.exercise.files[0])
    if result.verdict == "build_failed":
        lines += _build_lines(graded, place, width)
    else:
        lines.append([(f"{place}: ", "bold"), (title, "bold red")])
        lines += _test_lines(graded, result, width, full)
    if len(lines) > _rows() - 4:  # what it is has gone off the top of the screen by now
        words = f"{place}: {title}"
        lines += [[], [(words, "bold red")], [(cut(result.sentence, width, "..."), "cyan")]]
    lines += [[], *_next_lines(graded, result, full)]
    return lines


def warning_lines(graded: Graded, width: int) -> list[Line]:
    """What no test shows: what the compiler warned of, often the cause; and what a class would refuse."""
    from grader.grading import build, diagnostics, static_checks

    lines: list[Line] = []
    for warning in build.warnings_of(graded.submission.code)[:MOST_WARNINGS]:
        place, _, message = warning.partition(": ")
        why = diagnostics.compiler_message(message, graded.submission.code.text)
        lines += [[], [(f"{own_path(graded, place)}: ", "bold"), ("the compiler warns", "bold yellow")]]
        lines += [*_wrapped(message, width), *(_wrapped(why, width) if why else [])]
    for refusal in static_checks.refusals(graded.submission.code, graded.exercise)[:MOST_WARNINGS]:
        place, _, message = refusal.partition(": ")
        lines += [[], [(f"{own_path(graded, place)}: ", "bold"), ("handed in, it would not be run", "bold yellow")]]
        lines += _wrapped(message, width)
    return lines


def own_path(graded: Graded, where: str) -> str:
    """channel.c:88 as a path from the kit's directory."""
    name, colon, line = where.partition(":")
    return graded.submission.code.path_of(name) + colon + line if where else ""


def _build_lines(graded: Graded, place: str, width: int) -> list[Line]:
    error = graded.build_error
    if error is None:
        return [[(f"{place}: {OF_TESTS['build_failed']}", "bold red")]]
    words = "error" if error.where else OF_TESTS["build_failed"]
    lines = _wrapped(f"{place}: {words}: {error.message}", width, "bold red")  # as editors know it
    lines += _wrapped(error.explanation, width) if error.explanation else []
    first = True
    for line in error.lines:
        found = _COMPILER.match(line)
        if found is None:
            lines.append([(f"    {line[: width - 4]}", "dim")])
        else:  # the first has been told above
            lines += [[]] if first else [[], *_wrapped(f"{own_path(graded, found[1])}: {found[2]}", width)]
            first = False
    return lines


def _test_lines(graded: Graded, result: TestResult, width: int, full: bool) -> list[Line]:
    suite = f" (the suite of {result.suite})" if result.suite != graded.exercise.name else ""
    lines = _wrapped(f"{result.sentence}{suite}", width, "cyan")
    lines.append([])
    if result.rule:
        lines += _wrapped(result.rule, width, "bold")
    if result.message and result.message != result.rule:
        lines += _wrapped(re.sub("^the ", "The ", result.message), width)
    if result.explanation:
        lines += _wrapped(result.explanation, width)
    if result.call:
        lines += [[], [(f"    {result.call[: width - 4]}", "")]]
        lines += [[(f"    expected  {result.expected}", "green")], [(f"    got       {result.got}", "red")]]
    for title, places in result.sections:
        lines += [[], [(f"  {title}", "bold")]]
        lines += [[(f"    {_full(graded, place)}", "")] for place in places]
    if result.story:
        from grader.output import story

        most = 100_000 if full else story.SHOWN_STEPS
        lines += [[], *story.as_lines(result.story, graded.submission.code, width, most)]
    lines += _where_it_is_written(result, width)
    if result.hint:
        lines += [[], *_wrapped(result.hint, width, "italic")]
    return lines


def _where_it_is_written(result: TestResult, width: int) -> list[Line]:
    """The sentences of the header, and the check in the suite."""
    lines: list[Line] = []
    for sentence in result.broken:
        lines.append([("  the header  " if not lines else " " * 14, "dim"), (sentence.where, "")])
        lines += [[(" " * 14 + line, "")] for line in wrap(sentence.text, width - 16)]
    if result.test_where:
        lines.append([("  the test    ", "dim"), (result.test_where, "")])
    return [[], *lines] if lines else []


def _full(graded: Graded, place: str) -> str:
    name, colon, rest = place.partition(":")
    return graded.submission.code.path_of(name) + colon + rest


def _wrapped(text: str, width: int, style: str = "") -> list[Line]:
    return paragraphs(text, width - 2, style)


def _next_lines(graded: Graded, result: TestResult, replayed: bool) -> list[Line]:
    commands = []
    place = own_path(graded, result.where)
    if result.verdict in ("build_failed", "not_implemented") and place:
        commands.append(_editor_at(place))
    if result.verdict == "environment":
        commands.append("make doctor")
    elif result.verdict != "build_failed" or not place:
        commands.append(f"make hint EX={graded.exercise.number}")
    if result.verdict not in ("build_failed", "not_implemented", "environment"):
        again = report.replay_command(graded, result)
        commands += [f"{again} HTML=1", f"{again} GDB=1"] if replayed and result.story else [again]
    return [[(f"{'' if i else 'next':6}", "dim"), (command, "bold")] for i, command in enumerate(commands)]


# ------------------------------------------------------------------------------------- what next


def next_step(graded: Sequence[Graded]) -> list[Line]:
    """Always one command that can be copied."""
    todo = [g for g in graded if g.verdict != "passed" and not is_elective(g.exercise)]
    if not todo:
        electives = [g for g in graded if g.verdict != "passed"]
        if not electives:
            return [[("All is done.", "bold green")]]
        return [[("next  ", "dim"), (start_command(electives[0].exercise), "bold")]]
    first = todo[0]
    if first.verdict != "not_started":
        return []  # the failure above says what is next
    return [[("next  ", "dim"), (_begin(first), "bold")]]


def next_of_one(graded: Graded) -> list[Line]:
    """The next step when only one exercise was asked for."""
    if graded.verdict == "passed":
        following = next((e for e in all_exercises() if e.base == graded.exercise.name and not is_elective(e)), None)
        command = "make grade" if following is None else start_command(following)
        return [[("next  ", "dim"), (command, "bold")]]
    return [[("next  ", "dim"), (_begin(graded), "bold")]]


def _begin(graded: Graded) -> str:
    """How to begin what is not started; a file that is gone comes back first."""
    if set(graded.submission.missing) & set(graded.exercise.files) and graded.submission.tree == EXERCISES:
        return f"make reset EX={graded.exercise.number}"
    if graded.submission.is_untouched or graded.submission.missing:
        return start_command(graded.exercise)
    path = graded.submission.tree / graded.exercise.name / graded.exercise.files[0]
    return f"{_editor()} {shown(path)}"


def _editor() -> str:
    """What opens a file here, or shows it: a command that is copied has to work."""
    if typed.now().word("EDITOR"):
        return "$EDITOR"
    return next((name for name in ("nano", "vim", "vi", "less") if shutil.which(name)), "more")


def _editor_at(place: str) -> str:
    """The command that opens a file at a line; what $EDITOR is may not know how."""
    path, _, line = place.partition(":")
    own = typed.now().word("EDITOR").rsplit("/", 1)[-1]
    editor = own if own in ("nano", "vim", "vi", "nvim", "emacs") else _editor()
    return f"{editor} {path}" if editor in ("$EDITOR", "more") else f"{editor} +{line} {path}"


def start_command(exercise: Exercise) -> str:
    """How to begin an exercise."""
    if exercise.base is None or exercise.carries_channel:
        folder = shown(EXERCISES / exercise.name)
        return f"{_editor()} {folder}/{{README.md,{exercise.files[0]}}}"
    return f"make carry EX={exercise.number}"
