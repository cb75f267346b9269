"""Tells a failing schedule: a column for each thread, a row for each thing one of them did.

The schedule comes as the JSON that grader/interleave/story.h describes, with "places" added: for each
address (function, file, line). What is told is the same in text and in HTML; here is both's
content, and the text.
"""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from dataclasses import dataclass
from typing import Any

from grader.exercises import ROOT
from grader.submission import Code

Piece = tuple[str, str]
Line = list[Piece]

SHOWN_STEPS = 14  # the last ones tell the failure
WHERE = 18  # columns for channel.c:88
MOST_COLUMNS = 4  # threads; more are told in one column, each row with the thread's name

_KINDS = {"cond": "condition variable", "once": "once control", "spin": "spin lock", "rwlock": "read-write lock"}
_COLOURS = ("cyan", "yellow", "magenta", "green")


@dataclass(frozen=True)
class Spot:
    """A line of source."""

    function: str
    file: str
    line: int
    text: str  # the source itself, stripped

    @property
    def short(self) -> str:
        return f"{self.file.rsplit('/', 1)[-1]}:{self.line}" if self.line else ""


@dataclass(frozen=True)
class Step:
    """What one thread did at one point of the schedule."""

    number: int
    thread: int
    text: str
    op: str
    spot: Spot
    switched: bool
    stack: tuple[Spot, ...] = ()


@dataclass(frozen=True)
class Note:
    """Something to know beside the steps: an access, the end of a thread, what would have woken it."""

    thread: int
    role: str
    text: str
    stack: tuple[Spot, ...]


class Story:
    """A failing schedule in words."""

    def __init__(self, data: dict[str, Any], code: Code) -> None:
        self._places = data.get("places", {})
        self._sources = {s.name: s.content.decode("utf-8", "replace").splitlines() for s in code.sources}
        self.verdict = str(data.get("verdict", ""))
        self.seed = str(data.get("seed", ""))
        self._threads = data.get("threads", [])
        self.names = self._thread_names()
        self.objects = self._object_names(data.get("objects", []))
        self.omitted = int(data.get("omitted", 0))
        self.steps = [self._step(event) for event in data.get("events", [])]
        self.accesses = [self._note(entry, "role") for entry in data.get("accesses", [])]
        self.ends = [self._note(entry, "state") for entry in data.get("ends", [])]
        self.wakers = [self._note(entry, "") for entry in data.get("wakers", [])]

    def source(self, file: str) -> list[str]:
        """The lines of a file of the student's or of the kit's."""
        if file not in self._sources:
            path = ROOT / file
            try:
                text = path.read_bytes().decode("utf-8", "replace") if "/" in file else ""
            except OSError:
                text = ""
            self._sources[file] = text.splitlines()
        return self._sources[file]

    def spot(self, address: str) -> Spot:
        function, file, line = self._places.get(address, ("", "", 0))
        lines = self.source(file) if file else []
        text = lines[line - 1].strip() if 0 < line <= len(lines) else ""
        return Spot(function, file, line, text)

    def _thread_names(self) -> list[str]:
        names = []
        for thread in self._threads:
            function = self._places.get(thread.get("start", ""), ("", "", 0))[0]
            names.append(thread.get("name") or function or f"thread {thread.get('id', 0)}")
        seen: Counter[str] = Counter()
        total = Counter(names)
        numbered = []
        for name in names:
            seen[name] += 1
            numbered.append(f"{name} #{seen[name]}" if total[name] > 1 else name)
        return [name.replace("_", " ") if name == "the_test" else name for name in numbered]

    def _object_names(self, objects: list[dict[str, Any]]) -> dict[str, str]:
        total = Counter(entry["kind"] for entry in objects)
        seen: Counter[str] = Counter()
        names = {}
        for entry in objects:
            kind = entry["kind"]
            seen[kind] += 1
            words = _KINDS.get(kind, kind)
            names[str(entry["id"])] = f"{words} {seen[kind]}" if total[kind] > 1 else f"the {words}"
        return names

    def words(self, text: str) -> str:
        """A text of the story with the names of objects and threads in it."""
        text = re.sub(r"\{t(\d+)\}", lambda m: self.name(int(m[1])), text)
        return re.sub(r"\{(\d+)\}", lambda m: self.objects.get(m[1], f"object {m[1]}"), text)

    def name(self, thread: int) -> str:
        return self.names[thread] if 0 <= thread < len(self.names) else f"thread {thread}"

    def _step(self, event: dict[str, Any]) -> Step:
        stack = tuple(self.spot(address) for address in event.get("stack", []))
        return Step(
            int(event.get("n", 0)),
            int(event.get("thread", 0)),
            self.words(str(event.get("text", ""))),
            str(event.get("op", "")),
            self.spot(str(event.get("pc", ""))),
            bool(event.get("switch")),
            stack,
        )

    def _note(self, entry: dict[str, Any], role: str) -> Note:
        stack = [self.spot(address) for address in entry.get("stack", [])]
        if not stack and entry.get("pc"):
            stack = [self.spot(str(entry["pc"]))]
        spots = tuple(spot for spot in stack if spot.line)
        text = self.words(str(entry.get("text", "")))
        return Note(int(entry.get("thread", 0)), str(entry.get(role, "")), text, spots)


# ---------------------------------------------------------------------------------------- text


def as_lines(data: dict[str, Any], code: Code, width: int, most_steps: int = SHOWN_STEPS) -> list[Line]:
    """The story as text of that width; the last most_steps steps of it."""
    story = Story(data, code)
    shown = story.steps[-most_steps:]
    lines: list[Line] = []
    if shown:
        lines += _table(story, shown, width)
    lines += _accesses(story, width)
    lines += _ends(story, width)
    return lines


def _table(story: Story, steps: list[Step], width: int) -> list[Line]:
    threads = sorted({step.thread for step in steps})
    lines: list[Line] = []
    before = story.omitted + len(story.steps) - len(steps)
    if before:
        lines.append([(f"  ({before} step{'s' if before > 1 else ''} before these)", "dim")])
    if len(threads) > MOST_COLUMNS:
        return lines + _list(story, steps, width)
    column = (width - WHERE - 2) // len(threads)
    head: Line = [(" " * (WHERE + 2), "")]
    head += [(f"{story.name(t)[: column - 2]:{column}}", f"bold {_colour(threads, t)}") for t in threads]
    lines.append(head)
    lines.append([(" " * (WHERE + 2), ""), *[("─" * (column - 2) + "  ", "dim") for _ in threads]])
    for step in steps:
        lines += _row(step, threads, column)
    return lines


def _colour(threads: list[int], thread: int) -> str:
    return _COLOURS[threads.index(thread) % len(_COLOURS)]


def _row(step: Step, threads: list[int], column: int) -> list[Line]:
    indent = column * threads.index(step.thread)
    where = f"  {step.spot.short[:WHERE]:{WHERE}}"
    texts = textwrap.wrap("fails here" if step.op == "fails" else step.text, column - 2) or [""]
    style = "bold red" if step.op == "fails" else _colour(threads, step.thread)
    lines: list[Line] = []
    for number, text in enumerate(texts):
        lines.append([(where if number == 0 else " " * (WHERE + 2), "dim"), (" " * indent, ""), (text, style)])
    if step.spot.text:
        source = _cut(step.spot.text, column - 4)
        lines.append([(" " * (WHERE + 2 + indent + 2), ""), (source, "dim")])
    return lines


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(0, width - 1)] + "…"


def _list(story: Story, steps: list[Step], width: int) -> list[Line]:
    lines: list[Line] = []
    for step in steps:
        where = f"  {step.spot.short[:WHERE]:{WHERE}}"
        texts = textwrap.wrap(f"{story.name(step.thread)} {step.text}", width - WHERE - 2) or [""]
        style = "bold red" if step.op == "fails" else ""
        for number, text in enumerate(texts):
            lines.append([(where if number == 0 else " " * (WHERE + 2), "dim"), (text, style)])
    return lines


def _accesses(story: Story, width: int) -> list[Line]:
    lines: list[Line] = []
    for note in story.accesses:
        who = f"{story.name(note.thread)} " if note.thread >= 0 else ""
        lines += [[], *_wrapped(f"{who}{note.text or note.role}", width, "bold")]
        lines += _stack(note.stack, width)
    return lines


def _stack(stack: tuple[Spot, ...], width: int) -> list[Line]:
    lines: list[Line] = []
    for spot in stack[:4]:
        place = f"    {spot.short:{WHERE}} {spot.function}: "
        lines.append([(place, ""), (_cut(spot.text, max(12, width - len(place))), "dim")])
    return lines


def _ends(story: Story, width: int) -> list[Line]:
    if story.verdict not in ("deadlock", "no_progress", "timeout"):
        return []
    lines: list[Line] = [[], [("At the end:", "bold")]]
    for note in story.ends:
        place = f" ({note.stack[0].short})" if note.stack else ""
        lines += _wrapped(f"  {story.name(note.thread)} {note.text}{place}", width)
        for waker in story.wakers:
            if waker.thread == note.thread and note.role in ("asleep", "spinning"):
                lines += _wrapped(f"    what would have woken it: {waker.text}", width)
    return lines


def _wrapped(text: str, width: int, style: str = "") -> list[Line]:
    indent = " " * (len(text) - len(text.lstrip()))
    wrapped = textwrap.wrap(text.strip(), width - len(indent) - 2, subsequent_indent="  ")
    return [[(indent + line, style)] for line in wrapped]
