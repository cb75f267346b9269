"""What a person sees: colours and bars on a terminal, plain text everywhere else, 80 columns.

The same lines (text.py) serve both.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Sequence

from grader import typed
from grader.exercises import is_elective
from grader.grading import report
from grader.grading.grade import Graded
from grader.grading.verdicts import OF_EXERCISES
from grader.output.text import Line, cut

BAR = 20  # columns
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
        self.rows = shutil.get_terminal_size((80, 24)).lines if self.is_terminal else None  # None: no end of them
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


def kind_of(graded: Graded) -> str:
    """What it has in common with others that can be told in one line; "" of what is told in a line of its own."""
    if graded.note:
        return ""
    known = graded.verdict == "passed" and graded.reused
    return "known" if known else graded.verdict if graded.verdict == "not_started" else ""


def overview_line(*graded: Graded) -> Line:
    """One exercise: name, bar, points, verdict. Or several of a kind."""
    first, style = graded[0], _STYLES[graded[0].verdict]
    most = sum(one.max_points or report.max_points(one) for one in graded)
    points = sum(one.points for one in graded)
    name = first.exercise.name if len(graded) == 1 else " ".join(one.exercise.number for one in graded)
    verdict = f"{OF_EXERCISES[first.verdict]}{_own_points(first)}"
    line: Line = [
        (f"{name:18} ", "bold"),
        *bar(points, most, style),
        (f" {points:>3}/{most:<3} ", ""),
        (first.note if first.note and first.verdict == "not_started" else verdict, style),
    ]
    if any(is_elective(one.exercise) for one in graded):
        line.append(("  (elective)" if len(graded) == 1 else "", "dim"))
    if first.reused:
        line.append(("  unchanged", "dim"))
    return line if sum(len(text) for text, _ in line) <= 80 else line[:-1]


def _own_points(graded: Graded) -> str:
    """How many of its own tests pass, where there are others, which its channel inherits."""
    own = [result for result in graded.results if result.suite == graded.exercise.name]
    if graded.verdict != "failed" or len(own) in (0, len(graded.results)):
        return ""
    return f", {sum(result.verdict == 'passed' for result in own)} of {len(own)} own"


def bar(done: int, most: int, style: str) -> Line:
    filled = BAR * done // most if most else 0
    return [("█" * filled, style), ("░" * (BAR - filled), "dim")]


def change_line(most: int, before: frozenset[str], now: Sequence[str]) -> Line:
    """18 -> 21 of 31: + a_message_..., - ...; or nothing, where nothing has changed."""
    gained, lost = sorted(before - set(now)), [name for name in now if name not in before]
    if not gained and not lost:
        return []
    line: Line = [(f"{most - len(before)} -> {most - len(now)} of {most}", "bold")]
    for sign, names, style in (("+", gained, "green"), ("-", lost, "red")):
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            room = 24 if gained and lost else 48
            line.append((f"  {sign} {cut(names[0].replace('_', ' '), room, '...')}{more}", style))
    return line


def summary_line(graded: Sequence[Graded]) -> Line:
    core = [g for g in graded if not is_elective(g.exercise)]
    electives = [g for g in graded if is_elective(g.exercise)]
    text = f"{sum(g.verdict == 'passed' for g in core)} of {len(core)} exercises passed"
    done = sum(g.verdict == "passed" for g in electives)
    if done:
        text += f", and {done} of {len(electives)} electives"
    return [(text, "bold")]
