"""Tells a failing schedule as text: a column for each thread, a row for each thing one of them did."""

from __future__ import annotations

import dataclasses
import itertools
import re
from dataclasses import dataclass
from typing import Any

from grader.grading.story import Spot, Step, Story, access_words, words_of
from grader.grading.submission import Code
from grader.output.text import Line, cut, wrap

SHOWN_STEPS = 14  # the last ones tell the failure
MOST_WHERE = 24  # columns for test_channel.c:129
MOST_FRAMES = 4
WIDEST = 100
MOST_COLUMNS = 4  # threads; more are told in one column, each row with the thread's name

_COLOURS = ("cyan", "yellow", "magenta", "green")
_PREPARING = re.compile(r"(malloc|calloc|realloc|aligned_alloc|strdup|\w+_init)$")


def as_lines(
    data: dict[str, Any], code: Code, width: int, most_steps: int = SHOWN_STEPS, rows: int | None = None
) -> list[Line]:
    """The story as text of that width; the last most_steps steps of it, or as many as these rows hold, below those
    that are cited."""
    width = min(width, WIDEST)
    story = Story(data, code)
    end = _end(story, width, MOST_FRAMES)
    if rows is not None and 2 * len(end) > rows:
        end = _end(story, width, 1)
    for is_citing, most in itertools.product((True, False), range(most_steps, 0, -1)):
        shown = _steps_to_show(story, most, story.cited() if is_citing else [])
        table = _table(story, shown, width) if shown else []
        if rows is None or len(table) + len(end) <= rows:
            return [*table, *end]
    return end[1:] if rows is None or len(end) <= rows + 1 else end[1 : rows + 1]


def _end(story: Story, width: int, most_frames: int) -> list[Line]:
    """What belongs to the failure besides the steps: other accesses, and where each thread is at the end."""
    return [*_accesses(story, width, most_frames), *_ends(story, width, most_frames)]


def _steps_to_show(story: Story, most_steps: int, cited: list[Step]) -> list[Step]:
    """The steps to show: the last ones, without what only prepares, and repetitions told as such; before them those
    that are cited."""
    steps = story.steps
    first = next((i for i, step in enumerate(steps) if not _PREPARING.match(step.op)), 0)
    if len(steps) - first > 1:
        steps = steps[first:]
    last = _without_repetition(steps)[-most_steps:]
    return [*(step for step in cited if last and step.number < last[0].number), *last]


def _without_repetition(steps: list[Step]) -> list[Step]:
    """A loop that goes round three times or more is told once, and how often."""
    kept: list[Step] = []
    keys = [(step.thread, step.text, step.spot) for step in steps]
    i = 0
    while i < len(steps):
        length, times = _loop(keys, i)
        kept += steps[i : i + length]
        if times > 1:
            last = steps[i + length * times - 1]
            words = f"and the same again, {times - 1} times"
            kept.append(dataclasses.replace(last, text=words, spot=Spot("", "", 0, "")))
        i += length * times
    return kept


def _loop(keys: list[tuple[int, str, Spot]], start: int) -> tuple[int, int]:
    """How long the loop is that begins there, and how often it goes round: (1, 1) for none."""
    for length in range(1, 5):
        body = keys[start : start + length]
        times = 1
        while keys[start + times * length : start + (times + 1) * length] == body:
            times += 1
        if times > 2:
            return length, times
    return 1, 1


@dataclass(frozen=True)
class _Gutter:
    """The columns at the left: the number of a step, and its place."""

    digits: int
    where: int

    @property
    def width(self) -> int:
        return 2 + self.digits + 2 + self.where + 2

    def of(self, step: Step) -> str:
        number = f"{step.number:>{self.digits}}"
        return f"  {number}  {step.spot.short[: self.where]:{self.where}}  "

    @property
    def gap(self) -> Line:
        return [(f"  {'…':>{self.digits}}", "dim")]


def _gutter(steps: list[Step]) -> _Gutter:
    where = max(len(step.spot.short) for step in steps)
    return _Gutter(len(str(steps[-1].number)), min(where, MOST_WHERE))


def _table(story: Story, steps: list[Step], width: int) -> list[Line]:
    threads = sorted({step.thread for step in steps})
    lines: list[Line] = []
    before = steps[0].number - 1
    if before:
        words = f"  ({before} step{'s' if before > 1 else ''} before these: make replay)"
        lines.append([(words, "dim")])
    gutter = _gutter(steps)
    gaps = _gaps(story, steps)
    if len(threads) > MOST_COLUMNS:
        return lines + _list(story, steps, gaps, gutter, width)
    column = (width - gutter.width) // len(threads)
    head: Line = [(" " * gutter.width, "")]
    head += [(f"{story.name(t)[: column - 2]:{column}}", f"bold {_colour(threads, t)}") for t in threads]
    lines.append(head)
    lines.append([(" " * gutter.width, ""), *[("─" * (column - 2) + "  ", "dim") for _ in threads]])
    for step in steps:
        lines += _row(story, step, threads, gutter, column)
        lines += [gutter.gap] if step.number in gaps else []
    return lines


def _gaps(story: Story, steps: list[Step]) -> set[int]:
    """The cited steps between which and the next one shown others are left out, by number."""
    cited = {step.number for step in story.cited()}
    return {
        step.number
        for step, following in itertools.pairwise(steps)
        if step.number in cited and any(step.number < other.number < following.number for other in story.steps)
    }


def _colour(threads: list[int], thread: int) -> str:
    return _COLOURS[threads.index(thread) % len(_COLOURS)]


def _row(story: Story, step: Step, threads: list[int], gutter: _Gutter, column: int) -> list[Line]:
    place = threads.index(step.thread)
    indent = " " * (column * place)
    texts = wrap(words_of(story, step), column - 2)
    style = "bold red" if step.op == "fails" else _colour(threads, step.thread)
    lines: list[Line] = []
    for number, text in enumerate(texts):
        left = gutter.of(step) if number == 0 else " " * gutter.width
        lines.append([(left, "dim"), (indent, ""), (text, style)])
    if step.spot.text:
        room = column * (len(threads) - place) - 3  # what is right of a row is empty
        lines.append([(" " * gutter.width + indent + "  ", ""), (cut(step.spot.text, room), "dim")])
    return lines


def _list(story: Story, steps: list[Step], gaps: set[int], gutter: _Gutter, width: int) -> list[Line]:
    lines: list[Line] = []
    for step in steps:
        texts = wrap(f"{story.name(step.thread)} {words_of(story, step)}", width - gutter.width)
        style = "bold red" if step.op == "fails" else ""
        for number, text in enumerate(texts):
            left = gutter.of(step) if number == 0 else " " * gutter.width
            lines.append([(left, "dim"), (text, style)])
        lines += [gutter.gap] if step.number in gaps else []
    return lines


def _accesses(story: Story, width: int, most_frames: int) -> list[Line]:
    lines: list[Line] = []
    for note in story.accesses:
        lines += [[], *_wrapped(access_words(story, note), width, "bold")]
        lines += _stack(note.stack[:most_frames], width)
    return lines


def _stack(stack: tuple[Spot, ...], width: int) -> list[Line]:
    lines: list[Line] = []
    where = max((len(spot.short) for spot in stack), default=0)
    for spot in stack:
        place = cut(f"    {spot.short:{where}}  {spot.function}", width - 1)
        room = width - len(place) - 4
        lines.append([(place, ""), (f":  {cut(spot.text, room)}" if room > 16 else "", "dim")])
    return lines


def _ends(story: Story, width: int, most_frames: int) -> list[Line]:
    if not story.tells_its_end or [note.role for note in story.ends] == ["running"]:
        return []
    lines: list[Line] = [[], [("At the end:", "bold")]]
    for note in sorted(story.ends, key=lambda note: note.text.endswith(" ends")):  # who waits for an end comes last
        lines += _wrapped(f"  {story.name(note.thread)} {note.text}", width)
        for waker in story.wakers:
            if waker.thread == note.thread and note.role in ("asleep", "spinning"):
                lines += _wrapped(f"    what would have woken it: {waker.text}", width)
        lines += _stack(note.stack[:most_frames], width)
    return lines


def _wrapped(text: str, width: int, style: str = "") -> list[Line]:
    indent = " " * (len(text) - len(text.lstrip()))
    wrapped = wrap(text.strip(), width - len(indent) - 2, following="  ")
    return [[(indent + line, style)] for line in wrapped]
