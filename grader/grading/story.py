"""What happened in a failing schedule, in words: its steps, its threads and objects by name, how it ended.

The schedule comes as the JSON that grader/interleave/story.h describes, with "places" added: for each
address (function, file, line). How it is laid out is told elsewhere: output/story.py, output/story_page.py.
"""

from __future__ import annotations

import dataclasses
import itertools
import operator
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from grader import c_text
from grader.exercises import ROOT, TELLING, TRIED
from grader.grading.submission import Code

LONGEST_NAME = 30  # of an object, as the source calls it

_KINDS = {"cond": "condition variable", "once": "once control", "spin": "spinlock", "rwlock": "read-write lock"}

# What an object is called is the argument of the call that first had it: kind, call, which argument.
_CALLS = (
    ("mutex", r"(?:pthread_mutex|mtx)_\w+", 0),
    ("mutex", r"(?:pthread_cond|cnd)_\w*wait", 1),
    ("cond", r"(?:pthread_cond|cnd)_\w+", 0),
    ("rwlock", r"pthread_rwlock_\w+", 0),
    ("barrier", r"pthread_barrier_\w+", 0),
    ("spin", r"pthread_spin_\w+", 0),
    ("semaphore", r"sem_\w+", 0),
    ("futex", r"syscall", 1),
    ("atomic", r"(?:__)?(?:atomic|sync)_\w+", 0),
)
_LOCKS = re.compile(r"\blocks\b")  # in the words of a step, also of one that tried
_SLEEPS = re.compile(r"(unlocks .* and )?sleeps (on|in) ")
_BEFORE = ("stopped", "unwritten")  # the roles of what had happened before it failed
_NOT_A_STEP = ("deadlock", "leak")  # these happen when nothing happens any more
_TELLS = "tells"  # a step that the suite tells
_MESSAGE_TYPE = re.compile(r"\bsizeof\s*\(?\s*\*?\s*(?:(?:const|struct|union|enum)\s+)*(\w+)")
_NO_NAMES = ("void", "char", "unsigned", "signed", "short", "int", "long", "float", "double", "size")


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
    object: int = 0


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


_NOWHERE = Spot("", "", 0, "")


class Story:
    """A failing schedule in words."""

    def __init__(self, data: dict[str, Any], code: Code) -> None:
        self._places = data.get("places", {})
        self._is_program = code.exercise == TRIED
        self._sources = {s.name: s.content.decode("utf-8", "replace").splitlines() for s in code.sources}
        self._own = frozenset(self._sources)
        self._channel = "channel.c" if len(self._own) > 1 else ""  # below what is written for the exercise
        self.verdict = str(data.get("verdict", ""))
        self.seed = str(data.get("seed", ""))
        self._threads = data.get("threads", [])
        self._data_events = data.get("events", [])
        self._nouns = dict(self._messages(self._data_events))
        self.names = self._thread_names()
        self._data_objects = data.get("objects", [])
        self.objects = self._object_names(self._data_objects)
        self.omitted = int(data.get("omitted", 0))
        self.steps = [self._step(event) for event in data.get("events", [])]
        self.failing = next((step for step in self.steps[-1:] if step.op == "fails"), None)
        self.steps = list(self._folded())
        if self.verdict in _NOT_A_STEP and self.steps and self.steps[-1].op == "fails":
            del self.steps[-1]
        self.accesses = [self._note(entry, "role") for entry in data.get("accesses", [])]
        ends = self._data_ends = data.get("ends", [])
        self.ends = [self._note({**entry, "text": self._end_words(entry)}, "state") for entry in ends]
        self.in_a_circle = _circle({e["thread"]: e["holder"] for e in ends if e.get("state") == "asleep"})
        wakers = [(entry, self._waker_words(entry)) for entry in ends]
        self.wakers = [self._note({**entry, "text": text}, "") for entry, text in wakers if text]

    def is_own(self, spot: Spot) -> bool:
        """Is that line the student's?"""
        return spot.file in self._own

    def called(self, stack: Sequence[Spot]) -> str:
        """The function of the student's that was called from outside, of a stack that is in one; else "".

        A frame that nothing is known of is the library's."""
        spots = [spot for spot in stack if spot.line]
        inside = list(itertools.takewhile(self.is_own, spots))
        return inside[-1].function if inside else ""

    def accused(self) -> str:
        """The student's line in the access that is listed first, or ""."""
        spots = self.accesses[0].stack if self.accesses else ()
        return next((spot.short for spot in spots if self.is_own(spot)), "")

    def unwritten(self) -> str:
        """That it depends on memory that was never written, and on which; or ""."""
        note = next((note for note in self.accesses if note.role == "unwritten"), None)
        spot = next((spot for spot in note.stack if self.is_own(spot)), None) if note else None
        if spot is None:
            return "It depends on memory that was never written." if note else ""
        block = f"part of what {spot.function} allocates at {spot.short}"
        return f"It depends on memory that was never written: {block} is read before anything is put there."

    def asleep_at(self) -> str:
        """The student's line in which the first sleeper sleeps, or ""."""
        spots = (spot for note in self.asleep() for spot in note.stack)
        return next((spot.short for spot in spots if self.is_own(spot)), "")

    def asleep(self) -> list[Note]:
        """Who sleeps at the end, first those who wait for one another."""
        asleep = [note for note in self.ends if note.role == "asleep"]
        return sorted(asleep, key=lambda note: note.thread not in self.in_a_circle)

    def waits_for_a_lock(self) -> bool:
        """Does somebody wait at the end for what a thread holds?"""
        return any(entry.get("state") == "asleep" and entry["holder"] >= 0 for entry in self._data_ends)

    def was_signalled(self) -> bool:
        """Was there a signal on a condition variable that somebody sleeps on at the end?"""
        return any(entry.get("state") == "asleep" and entry["signaller"] >= 0 for entry in self._data_ends)

    def cited(self) -> list[Step]:
        """The steps that are cited where the end is told: of each condition variable that somebody sleeps on, the last
        signal; and where that came too early, the one in which the sleeper fell asleep."""
        ends = self._data_ends if self.tells_its_end else []
        asleep = [entry for entry in ends if entry.get("state") == "asleep" and entry["signaller"] >= 0]
        numbers = {entry["signalled"] for entry in asleep}
        numbers |= {entry["since"] for entry in asleep if entry["since"] > entry["signalled"]}
        return [step for step in self.steps if step.number in numbers]

    def woken_in_vain(self) -> bool:
        """Had somebody who sleeps at the end been woken by another, and slept on?"""
        last = {step.thread: step.text for step in self.steps if step.text.startswith("wakes")}
        return any(last.get(note.thread, "").startswith("wakes, and") for note in self.asleep())

    def woken_by(self, function: str) -> str:
        """What ended the last sleep of the thread that failed, in that call, from which it had just come back: the op
        of the step; or "", for it had not slept there."""
        thread = self.failing.thread if self.failing else -1
        own = (step for step in reversed(self.steps) if step.thread == thread and step.op != "fails")
        inside = itertools.takewhile(lambda step: any(spot.function == function for spot in step.stack), own)
        following = ""
        for step in inside:
            if _SLEEPS.match(step.text):
                return following
            following = step.op
        return ""

    def was_called(self, function: str) -> bool:
        """Did any thread take a step in that function?"""
        return self.omitted > 0 or any(spot.function == function for step in self.steps for spot in step.stack)

    def is_late(self) -> bool:
        """Did the thread that failed wake up last because its deadline had passed?"""
        last = {step.thread: step.text for step in self.steps if step.text.startswith("wakes")}
        return self.failing is not None and "its deadline has passed" in last.get(self.failing.thread, "")

    def failed_at(self) -> str:
        """The student's innermost line in the calls of what failed, or ""."""
        stack = self.failing.stack if self.failing else ()
        return next((spot.short for spot in stack if self.is_own(spot)), "")

    def crashed_in(self) -> list[Spot]:
        """The student's line that crashed, and those from which it was called, the innermost first; nothing where the
        calls are told anyway."""
        is_told = self.verdict != "crashed" or any(note.role == "first" for note in self.accesses)
        spots = [] if is_told or self.failing is None else [spot for spot in self.failing.stack if spot.line]
        return list(itertools.takewhile(self.is_own, spots))

    def passed_on_from(self) -> str:
        """Where an assert failed of what its function was given, and of nothing else: the line of the student's that
        gave it; or ""."""
        spots = self.crashed_in()
        asserted = re.match(r"assert\((\w+)\) failed", self.failing.text if self.failing else "")
        if asserted is None or len(spots) < 2:
            return ""
        defined = c_text.definition(spots[0].function, "\n".join(self.source(spots[0].file)))
        parameters = defined.text.partition("{")[0].partition("(")[2] if defined else ""
        return spots[1].short if re.search(rf"\b{asserted[1]}\b", parameters) else ""

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
        function = self._as_written(function)
        if file.startswith("grader/"):
            return _NOWHERE
        lines = self.source(file) if file else []
        text = lines[line - 1].strip() if 0 < line <= len(lines) else ""
        return Spot(function, file, line, text)

    def _stack(self, entry: dict[str, Any]) -> tuple[Spot, ...]:
        """The calls it was in, the innermost first, without those of a suite that stands between the code and what
        the code called."""
        return tuple(spot for spot in map(self.spot, entry.get("stack", [])) if not _is_between(spot))

    def _as_written(self, text: str) -> str:
        """With the main of a program by its own name (grader/build.mk gave it another)."""
        return text.replace("program_main", "main") if self._is_program else text

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
        names = [name.replace("_", " ") if name == "the_test" else name for name in numbered]
        return ["main" if name == "the test" and self._is_program else name for name in names]

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

    def _messages(self, events: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
        """Of each channel whose calls are told: what the code calls its messages, by their type."""
        for event in events:
            created = re.match(r"creates channel (\d+)", event["text"]) if event["op"] == _TELLS else None
            if created is not None:
                spot = next(iter(self._stack(event)), _NOWHERE)
                call = " ".join(self.source(spot.file)[spot.line - 1 : spot.line + 2])
                found = _MESSAGE_TYPE.search(call)
                name = found[1].lower().removesuffix("_t").replace("_", " ") if found else ""
                yield created[1], name if name and name not in _NO_NAMES else "message"

    def undropped(self) -> str:
        """Which handles were never dropped, of the channels whose calls are told from the first on; or ""."""
        told = [str(event["text"]) for event in self._data_events if event["op"] == _TELLS]
        created = [found[1] for text in told if (found := re.match(r"creates channel (\d+)", text))]
        for channel in () if self.omitted else created:
            of_it = [text for text in told if re.search(rf"\{{\w* ?whats? {channel}\}}", text)]
            senders = 1 + _begin(of_it, "clones a sender") - _begin(of_it, "drops a sender", "drops the last sender")
            left = [] if _begin(of_it, "drops the receiver") else ["the receiver"]
            left += [] if senders < 1 else ["a sender" if senders == 1 else f"{senders} senders"]
            if left:
                return self.words(f"Never dropped, of a channel for {{whats {channel}}}: {' and '.join(left)}.")
        return ""

    def _noun(self, match: re.Match[str]) -> str:
        """{a what 3}, {what 3}, {whats 3}"""
        noun = self._nouns.get(match[3], "message")
        if match[1]:
            return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"
        return f"{noun[:-1]}ies" if match[2] and noun.endswith("y") else noun + match[2]

    def words(self, text: str) -> str:
        """A text of the story with the names of objects, threads and messages in it."""
        text = re.sub(r"\{(a )?what(s?) (\d+)\}", self._noun, re.sub(r"creates channel \d+", "creates a channel", text))
        text = re.sub(r"\{t(\d+)\}", lambda m: self.name(int(m[1])), self._as_written(text))
        return re.sub(r"\{(\d+)\}", lambda m: self.objects.get(m[1], f"object {m[1]}"), text)

    def told_of(self, thread: int, text: str) -> str:
        """A text about a thread, which may hold the very lock it waits for."""
        return self.words(text).replace(f"which {self.name(thread)} holds", "which it holds itself")

    def name(self, thread: int) -> str:
        return self.names[thread] if 0 <= thread < len(self.names) else f"thread {thread}"

    def _end_words(self, entry: dict[str, Any]) -> str:
        """In what state a thread is at the end, and, of a lock that is waited for, where it was locked."""
        if call := self._channel_call(self._stack(entry)):
            asleep = f"sleeps in {call[0]}, called at {call[1].short}"
            return asleep if entry.get("state") == "asleep" else _end_words(entry)
        words, holder = _end_words(entry), entry.get("holder", -1)
        locked = self._locked_at(holder, entry["object"]) if holder >= 0 else ""
        return f"{words} (locked at {locked})" if locked else words

    def _waker_words(self, entry: dict[str, Any]) -> str:
        """What would have woken a sleeper: of one in a call of the channel, what its header says."""
        call = self._channel_call(self._stack(entry))
        if call and entry.get("state") == "asleep":
            return "a place that comes free" if "send" in call[0] else "a message, or the last sender's drop"
        return _waker_words(entry, self._kind_of(entry))

    def _locked_at(self, thread: int, number: int) -> str:
        """Where the thread locked that object last."""
        steps = (step for step in reversed(self.steps) if (step.thread, step.object) == (thread, number))
        return next((step.spot.short for step in steps if _LOCKS.search(step.text) and step.spot.line), "")

    def _channel_call(self, stack: Sequence[Spot]) -> tuple[str, Spot] | None:
        """The function of the channel that a stack is in, and where it was called, in an exercise that uses one."""
        known = [spot for spot in stack if spot.line]
        for callee, caller in itertools.pairwise(known):
            if callee.file == self._channel and caller.file in self._own - {self._channel}:
                return callee.function, caller
        return None

    def _folded(self) -> Iterator[Step]:
        """The steps, those within one call of the channel as one: its locks are another exercise's.

        What the call did may be told by a step of its own, its only one unless it sleeps."""
        steps = [step for step in self.steps if not _is_between(step.spot)]
        steps = [step for step in steps if step.op != _TELLS or self.is_own(step.spot)]
        parts = [(self._part_of(step), step) for step in steps]
        outside = [step for key, step in parts if key is None]
        for key, group in itertools.groupby(parts, operator.itemgetter(0)):
            inside = [step for _, step in group]
            if key is None:
                yield from inside
                continue
            _, function, spot = key
            sleeps = "wait" in inside[-1].op
            text = f"{'sleeps in' if sleeps else 'calls'} {function}"
            if sleeps or not _is_told(outside, inside, spot):
                yield dataclasses.replace(inside[-1], text=text, op="wait" if sleeps else "call", spot=spot)

    def _part_of(self, step: Step) -> tuple[int, str, Spot] | None:
        call = self._channel_call(step.stack) if step.op != "fails" else None
        return (step.thread, *call) if call else None

    def _kind_of(self, entry: dict[str, Any]) -> str:
        """Of the object an entry is about, or ""."""
        return next((o["kind"] for o in self._data_objects if o["id"] == entry.get("object")), "")

    def _step(self, event: dict[str, Any]) -> Step:
        stack = self._stack(event)
        thread = int(event.get("thread", 0))
        spot = self.spot(str(event.get("pc", "")))
        return Step(
            int(event.get("n", 0)),
            thread,
            self.told_of(thread, str(event.get("text", ""))),
            str(event.get("op", "")),
            next(iter(stack), spot) if event.get("op") == _TELLS else spot,
            bool(event.get("switch")),
            stack,
            int(event.get("object", 0)),
        )

    def _note(self, entry: dict[str, Any], role: str) -> Note:
        stack = list(self._stack(entry))
        if not stack and entry.get("pc"):
            stack = [self.spot(str(entry["pc"]))]
        spots = tuple(spot for spot in stack if spot.line)
        thread = int(entry.get("thread", 0))
        text = self.told_of(thread, str(entry.get("text", "")))
        return Note(thread, str(entry.get(role, "")), text, spots)


def _begin(texts: Sequence[str], *words: str) -> int:
    """How many of the texts begin with such words."""
    return sum(text.startswith(words) for text in texts)


def _circle(holders: dict[int, int]) -> frozenset[int]:
    """The threads of which each waits for a lock that the next one holds; holders: by thread, -1 for no lock."""
    for first in holders:
        seen: list[int] = []
        thread = first
        while thread in holders and thread not in seen:
            seen.append(thread)
            thread = holders[thread]
        if thread == first and len(seen) > 1:
            return frozenset(seen)
    return frozenset()


def _is_between(spot: Spot) -> bool:
    """Is that line of a suite that stands between the code and what the code calls?"""
    return spot.function.startswith("__wrap_") or spot.file.endswith(f"/{TELLING}")


def _is_told(outside: Sequence[Step], inside: Sequence[Step], spot: Spot) -> bool:
    """Is a call made there told by the thread's last step before it, or its next one after?"""
    thread, number = inside[0].thread, inside[0].number
    before = (step for step in reversed(outside) if step.thread == thread and step.number < number)
    after = (step for step in outside if step.thread == thread and step.number > number)
    beside = (next(before, None), next(after, None))
    return any(step is not None and (step.op, step.spot) == (_TELLS, spot) for step in beside)


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
    alone = {"semaphore": f"a sem_post on {where}", "futex": f"a FUTEX_WAKE on {where}"}
    alone["signals"] = "a signal that it waits for"
    if kind in alone:
        return alone[kind]
    if kind in ("eventfd", "pipe", "socket"):
        return f"a {'read from' if entry['call'] in ('write', 'writev', 'send') else 'write to'} {where}"
    return f"{entry['missing']} more to arrive at {where}" if kind == "barrier" else ""


_FEW_CALLS = 3  # of a helper of the student's that crashed, from which it was reached
_FEW_ASLEEP = 4  # of which is told what they wait for; the story tells it of all


def message(text: str, facts: dict[str, Any], story: Story, where: str) -> str:
    """The runtime's message: who did it by name, with what each thread waits for, and with the one that was stopped."""
    called = _called_by(story, text)
    text = story.words(_by_name(text, story))
    text = f"{text.removesuffix('.')}{called}." if called else text
    if facts.get("all_asleep"):
        asleep = [f"{story.name(note.thread)} {note.text}" for note in story.asleep()]
        left_out = [f"{len(asleep) - _FEW_ASLEEP} more sleep"] if len(asleep) > _FEW_ASLEEP + 1 else []
        waits = "; ".join(asleep[:_FEW_ASLEEP] + left_out if left_out else asleep)
        text = f"{text.removesuffix('.')}: {waits}." if waits else text
    if facts.get("stopped") is not None:
        place = f"at {where}" if where else "in the middle of a call"
        who = f"{story.name(facts['stopped'])} was stopped for ever {place}"
        text = f"not lock-free: {who}, and the others can't finish. {text}"
    return text


def _by_name(text: str, story: Story) -> str:
    """What a thread did, a function of the student's did; where there are several threads, that of which."""
    failing = [(story.failing.thread, story.called(story.failing.stack))] if story.failing else []
    racing = [(note.thread, story.called(note.stack)) for note in story.accesses if story.verdict == "race"]
    for thread, called in dict(racing + failing).items():
        name = f"{{t{thread}}}"
        if called:
            who = called if len(story.names) == 1 else f"{name} (in {called})" if called != story.name(thread) else name
            text = text.replace(name, who, 1)
    return re.sub(r"\{t(\d+)\} is inside a call on it", lambda m: f"{m[0]}{_inside(story, int(m[1]))}", text)


def _inside(story: Story, thread: int) -> str:
    """Where a thread is at the end, for the middle of a sentence."""
    spot = next((n.stack[0] for n in story.ends if n.thread == thread and n.stack), None)
    return f", at {spot.short} in {spot.function}" if spot else ""


def _called_by(story: Story, text: str) -> str:
    """Of a crash in a helper of the student's: in which, unless the text says so, and who called it."""
    inner, *callers = story.crashed_in() or [_NOWHERE]
    words = "" if " failed in " in text or not callers else f" in {inner.function}, line {inner.line}"
    for caller in callers[:_FEW_CALLS]:
        words += f", called by {caller.function}, line {caller.line}"
        words += f" of {caller.file}" if caller.file != inner.file else ""
    return words


def without_story(text: str) -> str:
    """A message that names threads and objects, when there is nothing to tell their names from."""
    return re.sub(r"\{\d+\}", "it", re.sub(r"\{t\d+\}", "the test", text))


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
