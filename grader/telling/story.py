"""Tells a failing schedule: a column for each thread, a row for each thing one of them did.

The schedule comes as the JSON that grader/interleave/story.h describes, with "places" added: for each
address (function, file, line). What is told is the same in text and in HTML; here is both's
content, and the text.
"""

from __future__ import annotations

import dataclasses
import re
import textwrap
from collections import Counter
from dataclasses import dataclass
from typing import Any

from grader.exercises import ROOT
from grader.grading.submission import Code

Piece = tuple[str, str]
Line = list[Piece]

SHOWN_STEPS = 14  # the last ones tell the failure
MOST_WHERE = 24  # columns for test_channel.c:129
LONGEST_NAME = 30  # of an object, as the source calls it
MOST_FRAMES = 4
WIDEST = 100
MOST_COLUMNS = 4  # threads; more are told in one column, each row with the thread's name

_KINDS = {"cond": "condition variable", "once": "once control", "spin": "spin lock", "rwlock": "read-write lock"}
_COLOURS = ("cyan", "yellow", "magenta", "green")

# What an object is called is the argument of the call that first had it: kind, call, which argument.
_CALLS = (
    ("mutex", r"(?:pthread_mutex|mtx)_\w+", 0),
    ("mutex", r"(?:pthread_cond|cnd)_\w*wait", 1),
    ("cond", r"(?:pthread_cond|cnd)_\w+", 0),
    ("rwlock", r"pthread_rwlock_\w+", 0),
    ("barrier", r"pthread_barrier_\w+", 0),
    ("spin", r"pthread_spin_\w+", 0),
    ("semaphore", r"sem_\w+", 0),
    ("atomic", r"(?:__)?(?:atomic|sync)_\w+", 0),
)
_PREPARING = re.compile(r"(malloc|calloc|realloc|aligned_alloc|strdup|\w+_init)$")
_BEFORE = ("stopped",)  # the role of what had happened before it failed
_NOT_A_STEP = ("deadlock", "leak")  # these happen when nothing happens any more


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

    @property
    def is_sentence(self) -> bool:
        return self.text.endswith(".")


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
        if self.verdict in _NOT_A_STEP and self.steps and self.steps[-1].op == "fails":
            del self.steps[-1]
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
        if file.startswith("grader/"):
            return Spot("", "", 0, "")
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
        """ch->lock where the source calls it so, otherwise the mutex, or mutex 2."""
        own = [self._called(entry) for entry in objects]
        names = [name or _KINDS.get(entry["kind"], entry["kind"]) for name, entry in zip(own, objects)]
        total = Counter(names)
        seen: Counter[str] = Counter()
        words = {}
        for entry, name, is_own in zip(objects, names, own):
            seen[name] += 1
            if total[name] > 1:
                name = f"{name} #{seen[name]}" if is_own else f"{name} {seen[name]}"
            elif not is_own:
                name = f"the {name}"
            words[str(entry["id"])] = name
        return words

    def _called(self, entry: dict[str, Any]) -> str:
        """What the source calls the object where it is first used, or ""."""
        _, file, line = self._places.get(str(entry.get("pc", "")), ("", "", 0))
        text = " ".join(self.source(file)[line - 1 : line + 2]) if file and line else ""
        for kind, call, which in _CALLS:
            found = re.search(rf"\b{call}\s*\(", text) if kind == entry["kind"] else None
            if found is not None:
                arguments = _arguments(text[found.end() :])
                name = arguments[which].strip().lstrip("&").strip() if which < len(arguments) else ""
                return name if len(name) <= LONGEST_NAME else ""
        return ""

    def words(self, text: str) -> str:
        """A text of the story with the names of objects and threads in it."""
        text = re.sub(r"\{t(\d+)\}", lambda m: self.name(int(m[1])), text)
        return re.sub(r"\{(\d+)\}", lambda m: self.objects.get(m[1], f"object {m[1]}"), text)

    def told_of(self, thread: int, text: str) -> str:
        """A text about a thread, which may hold the very lock it waits for."""
        return self.words(text).replace(f"which {self.name(thread)} holds", "which it holds itself")

    def name(self, thread: int) -> str:
        return self.names[thread] if 0 <= thread < len(self.names) else f"thread {thread}"

    def _step(self, event: dict[str, Any]) -> Step:
        stack = tuple(self.spot(address) for address in event.get("stack", []))
        thread = int(event.get("thread", 0))
        return Step(
            int(event.get("n", 0)),
            thread,
            self.told_of(thread, str(event.get("text", ""))),
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
        thread = int(entry.get("thread", 0))
        text = self.told_of(thread, str(entry.get("text", "")))
        return Note(thread, str(entry.get(role, "")), text, spots)


def _arguments(text: str) -> list[str]:
    """The arguments of a call, from behind its opening parenthesis."""
    arguments = [""]
    depth = 0
    for character in text:
        if character in ")]}" and depth == 0:
            return arguments
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth == 0:
            arguments.append("")
        else:
            arguments[-1] += character
    return []  # it goes on where we don't look


def who_waits(data: dict[str, Any], code: Code) -> str:
    """What each thread of a deadlock waits for, in a line."""
    story = Story(data, code)
    return "; ".join(f"{story.name(n.thread)} {n.text}" for n in story.ends if n.role == "asleep")


# ---------------------------------------------------------------------------------------- text


def as_lines(data: dict[str, Any], code: Code, width: int, most_steps: int = SHOWN_STEPS) -> list[Line]:
    """The story as text of that width; the last most_steps steps of it."""
    width = min(width, WIDEST)
    story = Story(data, code)
    shown = _telling(story, most_steps)
    lines: list[Line] = []
    if shown:
        lines += _table(story, shown, width)
    lines += _accesses(story, width)
    lines += _ends(story, width)
    return lines


def _telling(story: Story, most_steps: int) -> list[Step]:
    """The steps to show: the last ones, without what only prepares, and repetitions told as such."""
    steps = story.steps
    first = next((i for i, step in enumerate(steps) if not _PREPARING.match(step.op)), 0)
    if len(steps) - first > 1:
        steps = steps[first:]
    return _without_repetition(steps)[-most_steps:]


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


def _gutter(steps: list[Step]) -> _Gutter:
    where = max(len(step.spot.short) for step in steps)
    return _Gutter(len(str(steps[-1].number)), min(where, MOST_WHERE))


def _table(story: Story, steps: list[Step], width: int) -> list[Line]:
    threads = sorted({step.thread for step in steps})
    lines: list[Line] = []
    before = steps[0].number - 1
    if before:
        lines.append([(f"  ({before} step{'s' if before > 1 else ''} before these)", "dim")])
    gutter = _gutter(steps)
    if len(threads) > MOST_COLUMNS:
        return lines + _list(story, steps, gutter, width)
    column = (width - gutter.width) // len(threads)
    head: Line = [(" " * gutter.width, "")]
    head += [(f"{story.name(t)[: column - 2]:{column}}", f"bold {_colour(threads, t)}") for t in threads]
    lines.append(head)
    lines.append([(" " * gutter.width, ""), *[("─" * (column - 2) + "  ", "dim") for _ in threads]])
    for step in steps:
        lines += _row(story, step, threads, gutter, column)
    return lines


def _colour(threads: list[int], thread: int) -> str:
    return _COLOURS[threads.index(thread) % len(_COLOURS)]


def words_of(story: Story, step: Step) -> str:
    """What the step does; of the last one what is wrong with it."""
    if step.op != "fails":
        return step.text
    first = story.accesses[0] if story.accesses else None
    if first is None or first.thread != step.thread or first.role in _BEFORE or first.is_sentence:
        return "fails here"
    return f"{first.text}: fails here" if first.text else "fails here"


def access_words(story: Story, note: Note) -> str:
    """Who did what; a sentence has been told as the message, and only where it was is left to say."""
    who = f"{story.name(note.thread)} " if note.thread >= 0 else ""
    return f"{who}{'was here' if note.is_sentence else note.text or note.role}"


def _row(story: Story, step: Step, threads: list[int], gutter: _Gutter, column: int) -> list[Line]:
    place = threads.index(step.thread)
    indent = " " * (column * place)
    texts = textwrap.wrap(words_of(story, step), column - 2) or [""]
    style = "bold red" if step.op == "fails" else _colour(threads, step.thread)
    lines: list[Line] = []
    for number, text in enumerate(texts):
        left = gutter.of(step) if number == 0 else " " * gutter.width
        lines.append([(left, "dim"), (indent, ""), (text, style)])
    if step.spot.text:
        room = column * (len(threads) - place) - 3  # what is right of a row is empty
        lines.append([(" " * gutter.width + indent + "  ", ""), (_cut(step.spot.text, room), "dim")])
    return lines


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(0, width - 1)] + "…"


def _list(story: Story, steps: list[Step], gutter: _Gutter, width: int) -> list[Line]:
    lines: list[Line] = []
    for step in steps:
        texts = textwrap.wrap(f"{story.name(step.thread)} {words_of(story, step)}", width - gutter.width) or [""]
        style = "bold red" if step.op == "fails" else ""
        for number, text in enumerate(texts):
            left = gutter.of(step) if number == 0 else " " * gutter.width
            lines.append([(left, "dim"), (text, style)])
    return lines


def _accesses(story: Story, width: int) -> list[Line]:
    lines: list[Line] = []
    for note in story.accesses:
        lines += [[], *_wrapped(access_words(story, note), width, "bold")]
        lines += _stack(note.stack, width)
    return lines


def _stack(stack: tuple[Spot, ...], width: int) -> list[Line]:
    lines: list[Line] = []
    where = max((len(spot.short) for spot in stack[:MOST_FRAMES]), default=0)
    for spot in stack[:MOST_FRAMES]:
        place = _cut(f"    {spot.short:{where}}  {spot.function}", width - 1)
        room = width - len(place) - 4
        lines.append([(place, ""), (f":  {_cut(spot.text, room)}" if room > 16 else "", "dim")])
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
