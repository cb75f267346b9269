"""What happened in a failing schedule, in words: its steps, its threads and objects by name, how it ended.

The schedule comes as the JSON that grader/interleave/story.h describes, with "places" added: for each
address (function, file, line). How it is laid out is told elsewhere: output/story.py, output/story_page.py.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

from grader.exercises import ROOT
from grader.grading.submission import Code

LONGEST_NAME = 30  # of an object, as the source calls it

_KINDS = {"cond": "condition variable", "once": "once control", "spin": "spin lock", "rwlock": "read-write lock"}

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
        self._data_objects = data.get("objects", [])
        self.objects = self._object_names(self._data_objects)
        self.omitted = int(data.get("omitted", 0))
        self.steps = [self._step(event) for event in data.get("events", [])]
        if self.verdict in _NOT_A_STEP and self.steps and self.steps[-1].op == "fails":
            del self.steps[-1]
        self.accesses = [self._note(entry, "role") for entry in data.get("accesses", [])]
        ends = data.get("ends", [])
        self.ends = [self._note({**entry, "text": _end_words(entry)}, "state") for entry in ends]
        wakers = [(entry, _waker_words(entry, self._kind_of(entry))) for entry in ends]
        self.wakers = [self._note({**entry, "text": text}, "") for entry, text in wakers if text]

    @property
    def tells_its_end(self) -> bool:
        """Did it fail by not going on, so that it matters where each thread is?"""
        return self.verdict in ("deadlock", "no_progress", "timeout")

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
        names = [name or _KINDS.get(entry["kind"], entry["kind"]) for name, entry in zip(own, objects, strict=True)]
        total = Counter(names)
        seen: Counter[str] = Counter()
        words = {}
        for entry, name, is_own in zip(objects, names, own, strict=True):
            seen[name] += 1
            if total[name] > 1:
                words[str(entry["id"])] = f"{name} #{seen[name]}" if is_own else f"{name} {seen[name]}"
            else:
                words[str(entry["id"])] = name if is_own else f"the {name}"
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

    def _kind_of(self, entry: dict[str, Any]) -> str:
        """Of the object an entry is about, or ""."""
        return next((o["kind"] for o in self._data_objects if o["id"] == entry.get("object")), "")

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


_ENDS = {
    "ended": "has ended",
    "stopped": "was stopped for ever",
    "spinning": "spins",
    "running": "is running",
    "runnable": "could go on",
}


def _end_words(entry: dict[str, Any]) -> str:
    """In what state a thread is at the end of the schedule."""
    if entry.get("state") != "asleep":
        return _ENDS.get(entry.get("state", ""), "")
    call = entry["call"]
    until = ", until its deadline" if entry["timed"] else ""
    if not call:
        return "waits for the others to end"
    if entry["joins"] >= 0:
        return f"sleeps in {call} until {{t{entry['joins']}}} ends"
    if entry["holder"] >= 0:
        return f"waits in {call} for {{{entry['object']}}}, which {{t{entry['holder']}}} holds"
    if entry["mutex"]:
        return f"sleeps in {call} on {{{entry['object']}}}, its mutex is {{{entry['mutex']}}}{until}"
    if entry["object"]:
        return f"sleeps in {call} on {{{entry['object']}}}{until}"
    return f"sleeps in {call}{until}"


def _waker_words(entry: dict[str, Any], kind: str) -> str:
    """What would have woken a sleeper, or "" of what nothing can be said."""
    if entry.get("state") != "asleep":
        return ""
    where = f"{{{entry['object']}}}"
    if entry["joins"] >= 0:
        return f"the end of {{t{entry['joins']}}}"
    if entry["holder"] >= 0:
        return f"{{t{entry['holder']}}}, by unlocking {where}"
    if kind == "cond":
        last = f"the last was by {{t{entry['signaller']}}}, at step {entry['signalled']}"
        return f"a signal or broadcast on {where}; {last if entry['signaller'] >= 0 else 'there was none'}"
    if kind == "semaphore":
        return f"a sem_post on {where}"
    return f"{entry['missing']} more to arrive at {where}" if kind == "barrier" else ""


def message(text: str, facts: dict[str, Any], story: Story, where: str) -> str:
    """The runtime's message, with what each thread waits for, and with the thread that was stopped for ever."""
    if facts.get("all_asleep"):
        waits = "; ".join(f"{story.name(n.thread)} {n.text}" for n in story.ends if n.role == "asleep")
        text = f"{text.removesuffix('.')}: {waits}." if waits else text
    if facts.get("stopped") is not None:
        place = f"at {where}" if where else "in the middle of a call"
        who = f"{story.name(facts['stopped'])} was stopped for ever {place}"
        text = f"not lock-free: {who}, and the others can't finish. {text}"
    return text


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
