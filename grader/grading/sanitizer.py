"""Reads the log of a sanitizer: what kind of mistake, and where in the student's code.

Frames of the kit, the C library and the sanitizer are never shown; a section of the log without any
of the student's frames shows the suite's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_KINDS: tuple[tuple[str, str, str], ...] = (
    (r"AddressSanitizer: heap-use-after-free|ThreadSanitizer: heap-use-after-free",
     "use_after_free", "A block of memory is used after it was freed."),
    (r"attempting double-free", "use_after_free", "A block of memory is freed twice."),
    (r"stack-use-after-(return|scope)", "use_after_free",
     "A local variable is used after its function (or block) has ended."),
    (r"heap-buffer-overflow", "misuse", "A block of memory is read or written beyond its ends."),
    (r"(stack|global|dynamic-stack)-buffer-(over|under)flow", "misuse",
     "An array is read or written beyond its ends."),
    (r"memcpy-param-overlap", "misuse", "memcpy is given two pieces of memory that overlap."),
    (r"attempting free on address which was not", "misuse",
     "free is given an address that malloc did not return."),
    (r"detected memory leaks", "leak", "Memory was allocated and never freed."),
    (r"ThreadSanitizer: thread leak", "leak", "A thread was started and never joined."),
    (r"ThreadSanitizer: data race", "race",
     "Two threads use the same memory at the same time, and at least one of them writes."),
    (r"lock-order-inversion", "deadlock",
     "Two locks are taken in one order here and in the other order there: two threads can block each other."),
    (r"ThreadSanitizer: double lock", "deadlock", "A thread locks a mutex it already holds."),
    (r"unlock of an unlocked mutex", "misuse",
     "A thread unlocks a mutex that it does not hold."),
    (r"destroy of a locked mutex", "misuse", "A mutex is destroyed while it is locked."),
    (r"use of an invalid mutex|mutex misuse", "misuse",
     "A mutex is used before it was initialised or after it was destroyed."),
    (r"stack-overflow", "crashed",
     "The stack overflowed: a function calls itself without end, or a local array is huge."),
    (r"hard rss limit exhausted|allocator is out of memory|allocation-size-too-big", "crashed",
     "The code took far more memory than the test can need."),
    (r"runtime error: (.*)", "misuse", "Undefined behaviour: {0}."),
    (r"Sanitizer: (SEGV|BUS|ILL|FPE)", "crashed", "The code crashed: it used an address that is not its own ({0})."),
    (r"LeakSanitizer has encountered a fatal error", "environment",
     "The leak check can't work here: it needs ptrace. Run: make doctor"),
    (r"unexpected memory mapping|Shadow memory range interleaves|failed to intercept", "environment",
     "The sanitizer can't start here. Run: make doctor"),
    (r"Sanitizer: (\S+)", "misuse", "The sanitizer reports: {0}."),
)  # fmt: skip

# Refusing a huge allocation is what the options ask for, and no report.
_BENIGN = re.compile(r"==\d+==WARNING: \w+Sanitizer (failed|exceeded)|==\d+==$|==\d+==W[A-Z]*:?[^\n]{0,20}$")

_FRAME = re.compile(r"^\s+#\d+ (?:0x[0-9a-f]+ in )?(\S+) (?:\S*?/)?([^\s/]+(?:/[^\s/]+)?):(\d+)(?::\d+)?")
_SECTION = re.compile(
    r"^\s*((?:Previous |Atomic )*(?:atomic )?(?:read|write) of size|(?:READ|WRITE) of size"
    r"|freed by|previously allocated|allocated by|Direct leak|Indirect leak|Location is heap block"
    r"|Mutex \S+ .*(?:created|acquired|destroyed)|Thread \S+ .*created|.*runtime error)",
    re.IGNORECASE,
)
_THREAD = re.compile(r"by (main thread|thread T\d+)")


@dataclass(frozen=True)
class Place:
    """A line of the student's code, or of a suite."""

    function: str
    file: str  # channel.c, or exercises/NN_name/test_channel.c
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass
class Section:
    """One of the things a log tells: an access, an allocation, a free ..."""

    title: str
    places: list[Place] = field(default_factory=list)


@dataclass
class SanitizerReport:
    """What a log says."""

    verdict: str
    message: str
    sections: list[Section]

    @property
    def where(self) -> Place | None:
        """The first place in the student's own code."""
        places = [place for section in self.sections for place in section.places]
        return next((p for p in places if "/" not in p.file), None)


def read_log(text: str, sources: frozenset[str]) -> SanitizerReport | None:
    """The first report in a log; None if there is none. sources: the names of the student's files."""
    text = _without_benign(text)
    if not text.strip():
        return None
    for pattern, verdict, message in _KINDS:
        if match := re.search(pattern, text):
            start = text.rfind("\n", 0, match.start()) + 1
            values = [group or "" for group in match.groups()]
            return SanitizerReport(verdict, message.format(*values, ""), _sections(text[start:], sources))
    return SanitizerReport("environment", f"The sanitizer says: {text.strip().splitlines()[0][:200]}", [])


def _without_benign(text: str) -> str:
    """A log without its warnings of refused allocations; they may be many, and the last cut short."""
    kept, skipping = [], False
    for line in text.splitlines():
        if line.startswith(("==", "SUMMARY")):
            skipping = _BENIGN.match(line) is not None
        if not skipping:
            kept.append(line)
    return "\n".join(kept)


def _sections(text: str, sources: frozenset[str]) -> list[Section]:
    sections: list[Section] = []
    current: Section | None = None
    for line in text.splitlines():
        if line.startswith("SUMMARY:"):
            break
        frame = _FRAME.match(line)
        if frame and current is not None:
            place = _place(frame[1], line, sources)
            if place is not None:
                current.places.append(place)
        elif _SECTION.match(line):
            current = Section(_title(line.strip()))
            sections.append(current)
        elif frame and current is None:
            current = Section("where it happened")
            sections.append(current)
            place = _place(frame[1], line, sources)
            if place is not None:
                current.places.append(place)
    kept = [s for s in sections if s.places and not s.title.startswith("thread ")]
    return [_trimmed(section) for section in kept[:4]]


def _place(function: str, line: str, sources: frozenset[str]) -> Place | None:
    match = re.search(r"(\S+?):(\d+)(?::\d+)?(?: |$)", line.split(f" {function} ", 1)[-1])
    if match is None:
        return None
    path, number = match[1], int(match[2])
    suite = re.search(r"exercises/\w+/test_\w+\.c$", path)
    if suite:
        return Place(function, suite[0], number)
    name = path.rsplit("/", 1)[-1]
    if name in sources and "/grader/" not in path:
        return Place(function, name, number)
    return None


def _trimmed(section: Section) -> Section:
    """Only the student's frames, if there are any, and only the innermost."""
    own = [place for place in section.places if "/" not in place.file]
    return Section(section.title, (own or section.places)[:3])


def _title(line: str) -> str:
    lower = line.lower()
    thread = _THREAD.search(line)
    by = f" by {thread[1].replace('thread T', 'thread ')}" if thread else ""
    for words, title in (
        ("previous atomic write", "an atomic write before it"),
        ("previous atomic read", "an atomic read before it"),
        ("previous write", "a write before it"),
        ("previous read", "a read before it"),
        ("atomic write of", "an atomic write"),
        ("atomic read of", "an atomic read"),
        ("write of size", "a write"),
        ("read of size", "a read"),
        ("freed by", "freed"),
        ("previously allocated", "allocated"),
        ("allocated by", "allocated"),
        ("direct leak", "allocated"),
        ("heap block", "allocated"),
        ("thread ", "thread "),
        ("acquired", "a mutex locked"),
        ("destroyed", "a mutex destroyed"),
        ("mutex", "a mutex created"),
    ):
        if words in lower:
            return title + by
    return "where it happened"
