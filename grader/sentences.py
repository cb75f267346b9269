"""The sentences of the headers: where each one stands, and which of them a test executes.

A header's comments are the contract. They are read as entries ("CHANNEL_CLOSED  The receiver has been dropped, and
stays so."), each of one sentence or several. A test quotes what it executes, so that lines may move:

    TEST(a_send_after_receiver_drop_is_closed, .sentences = {"sender_send CHANNEL_CLOSED: The receiver has been"})

Before the colon, where the words alone would not do: the function, the entry, or both. The words are looked for in
the exercise's own headers first, and then in those it builds on, the newest first; the first that has them has them
in one sentence only.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from grader import c_text
from grader.errors import GraderError
from grader.exercises import Exercise, all_exercises, api, read_text, shown


@dataclass(frozen=True)
class Sentence:
    """One sentence of a header."""

    where: str  # exercises/01_single_thread/channel.h:63
    owner: str  # the function, enum or struct whose contract it is part of, or ""
    label: str  # the entry's: CHANNEL_CLOSED, Order, message, or ""
    words: str

    @property
    def text(self) -> str:
        return f"{self.label}: {self.words}" if self.label else self.words

    @property
    def is_in(self) -> frozenset[str]:
        """What may stand before the colon of a quotation."""
        return frozenset({self.owner.lower(), self.label.lower(), f"{self.owner} {self.label}".lower()} - {""})


class QuotationError(GraderError):
    """A quotation that no sentence has, or more than one."""


def of(exercise: Exercise) -> tuple[Sentence, ...]:
    """All sentences of its own headers."""
    return tuple(sentence for header in exercise.headers for sentence in read(header))


def find(quotation: str, exercise: Exercise) -> Sentence:
    """The sentence that has these words."""
    for one in reversed(exercise.chain()):
        found = _having(quotation, of(one))
        if len(found) > 1:
            places = ", ".join(sentence.where for sentence in found)
            raise QuotationError(f'"{quotation}" is in {len(found)} sentences: {places}.')
        if found:
            return found[0]
    raise QuotationError(f'"{quotation}" is in no sentence of the headers of {exercise.name}.')


def of_test(exercise: Exercise, name: str) -> list[Sentence]:
    """The sentences that a test of the exercise's suite says it executes, but those that it quotes wrongly."""
    return found(quotations(exercise).get(name, ()), exercise)


def found(quoted: Iterable[str], exercise: Exercise) -> list[Sentence]:
    """The sentences that have these words. What is in none, or in several, is told by `make solutions`."""
    those: list[Sentence] = []
    for quotation in quoted:
        with contextlib.suppress(QuotationError):
            those.append(find(quotation, exercise))
    return those


def broken(suite: str, test: str, rule: str, call: str, expected: str = "") -> list[Sentence]:
    """The sentences that a failure refutes: the rule of what failed, where that is one; else what is said of the status
    that was expected, and those of the test. That all is well says less than what the test executes of that function.

    call: what was called when it failed, in words, or ""."""
    exercise = next((one for one in all_exercises() if one.name == suite), None)
    if exercise is None:
        return []  # a program that is tried
    first = next(_split(rule), "").removesuffix(".")
    called = called_in(call)
    quotations = (f"{called} {first}", f"{called}: {first}", first) if first else ()
    for quotation in quotations:
        with contextlib.suppress(QuotationError):
            return [find(quotation, exercise)]
    executed = of_test(exercise, test)
    is_told = expected.endswith("_OK") and any(sentence.owner == called for sentence in executed)
    of_status = [] if is_told else _of_status(exercise, called, expected)
    return of_status + [sentence for sentence in executed if sentence not in of_status]


def _of_status(exercise: Exercise, function: str, status: str) -> list[Sentence]:
    """When the newest header that knows says that the function returns it; of OK, what the function does."""
    label = "" if status.endswith("_OK") else status
    said = (s for one in reversed(exercise.chain()) for s in of(one) if (s.owner, s.label) == (function, label))
    return list(itertools.islice(said, 1)) if function and status else []


def answers(suite: str, function: str) -> frozenset[str]:
    """What the headers say that a function returns; nothing, of one that has no such list."""
    exercise = next((one for one in all_exercises() if one.name == suite), None)
    chain = exercise.chain() if exercise is not None else ()
    said = [sentence.text for one in chain for sentence in of(one) if sentence.owner == function and function]
    names = frozenset(name for text in said for name in re.findall(r"\b[A-Z]+_[A-Z_]+\b", text))
    return names if any(name.endswith("_OK") for name in names) else frozenset()


# Words of the sentences that a verdict refutes, whichever test it is of.
_OF_VERDICTS = {
    "leak": r"\bleaks\b|left behind|frees all",
    "no_progress": r"processor time|\bpolls\b",
    "race": r"different threads at the same time|What a thread wrote|is seen by",
    "use_after_free": r"frees the channel",
}
_OF_WAKING = r"\bwakes\b|left waiting|ends by itself"
_OF_MEMORY = r"\bleaks\b|left behind|\bfrees\b|\bdrop runs\b|is dropped once"
_OF_NO_WAITING = r"^Never blocks\.|\bnever sleeps\b"


def refuted(
    suite: str, verdict: str, found: Sequence[Sentence], behind: Sequence[str] = (), alone: bool = False
) -> list[Sentence]:
    """Those sentences, that first which the verdict refutes; if none of them is one, what the headers say of it.

    behind: the functions of the headers in which somebody waits to be woken, or spins; or the drop that freed what is
    used. alone: there was nobody who could have woken them."""
    exercise = next((one for one in all_exercises() if one.name == suite), None)
    words = _OF_WAKING if verdict == "deadlock" else _OF_VERDICTS.get(verdict, "")
    is_told = verdict == "use_after_free" and (not behind or any(re.search(_OF_MEMORY, s.words) for s in found))
    if not words or exercise is None or is_told:
        return list(found)
    first = [sentence for function in behind for sentence in never_waits(suite, function)][:1]
    is_needless = verdict == "deadlock" and alone and bool(behind)
    if is_needless and not first and not any(sentence.owner in behind for sentence in found):
        first = _of_status(exercise, behind[0], "CHANNEL_OK")
    if first or is_needless:
        return [*first, *(sentence for sentence in found if sentence not in first)]
    having = [sentence for sentence in found if re.search(words, sentence.words)]
    if not having and (verdict != "deadlock" or behind):
        chain = [exercise] if exercise.carries_channel else exercise.chain()[::-1]  # what is carried is another thing
        said = (s for one in chain for s in of(one) if re.search(words, s.words))
        having = [s for s in said if not s.label.isupper() and (s.owner in behind or verdict != "deadlock")][:1]
    return [*having, *(sentence for sentence in found if sentence not in having)]


def never_waits(suite: str, function: str) -> list[Sentence]:
    """The sentence that the function never sleeps, whatever the channel; none, where it may."""
    exercise = next((one for one in all_exercises() if one.name == suite), None)
    chain = exercise.chain() if exercise is not None and not exercise.carries_channel else []
    return [s for one in chain for s in of(one) if s.owner == function and re.search(_OF_NO_WAITING, s.words)][:1]


def called_in(call: str) -> str:
    """The function of a call in words, or ""."""
    function = re.match(r"\w*", call)
    return function[0] if function else ""


def are_about(suite: str, test: str, function: str) -> bool:
    """Does the test execute sentences of that function? So it is, too, where they belong to none, or it is no function
    of a header."""
    exercise = next((one for one in all_exercises() if one.name == suite), None)
    owners = {sentence.owner for sentence in of_test(exercise, test)} & api() if exercise is not None else set()
    return not owners or function not in api() or function in owners


def are_of_memory(suite: str, test: str) -> bool:
    """Does the test execute sentences on what is freed, and by whom?"""
    exercise = next((one for one in all_exercises() if one.name == suite), None)
    executed: list[Sentence] = []
    if exercise is not None:
        with contextlib.suppress(QuotationError):
            executed = of_test(exercise, test)
    return any(re.search(_OF_MEMORY, sentence.words) for sentence in executed)


# --------------------------------------------------------------------------------------- suites

_SENTENCES = re.compile(r"\.sentences\s*=\s*\{(.*?)\}", re.DOTALL)
_LITERALS = re.compile(r'(?:"(?:\\.|[^"\\])*"\s*)+')


@functools.cache
def quotations(exercise: Exercise) -> dict[str, tuple[str, ...]]:
    """For each test of its suite what it quotes, as written there."""
    found = {}
    for source in exercise.suite_sources:
        for name, options in exercise.options_in(source):
            quoted = _SENTENCES.search(options)
            found[name] = tuple(map(_value, _LITERALS.findall(quoted[1]))) if quoted else ()
    return found


def _value(literals: str) -> str:
    """What neighbouring string literals of C stand for, without escapes but that of a quotation mark."""
    return "".join(re.findall(r'"((?:\\.|[^"\\])*)"', literals)).replace('\\"', '"')


def _having(quotation: str, sentences: Sequence[Sentence]) -> list[Sentence]:
    before, colon, words = quotation.partition(":")
    inside = [s for s in sentences if colon and _plain(before) in s.is_in]
    if inside:
        return [s for s in inside if _plain(words) in _plain(s.words)]
    return [s for s in sentences if _plain(quotation) in _plain(s.words)]


def _plain(text: str) -> str:
    return " ".join(text.split()).lower()


# -------------------------------------------------------------------------------------- headers

_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_ENTRY = re.compile(r"\s*([A-Z](?:[A-Z_]+|[a-z-]+(?: [a-z]+)?))\s{2,}(?=\S)")
_PARAMETER = re.compile(r"([a-z_]+(?:, [a-z_]+)*):\s+(?=\S)")
_END = re.compile(r"(?<=[^.])\.(?=\s|$)")


@functools.cache
def read(header: Path) -> tuple[Sentence, ...]:
    """The sentences of one header, in its order."""
    text, found = read_text(header), []
    for comment in _COMMENT.finditer(text):
        line = text.count("\n", 0, comment.start()) + 1
        before = text[text.rfind("\n", 0, comment.start()) + 1 : comment.start()]
        if before.strip():
            owner = next(iter(_INSIDE.findall(text[: comment.start()])), "")
            found.append(Sentence(f"{shown(header)}:{line}", owner, _declared_in(before), comment[0][2:-2].strip()))
            continue
        lines = [re.sub(r"^\s*(?:/\*|\*(?!/)) ?", "", part) for part in comment[0].removesuffix("*/").split("\n")]
        if line == 1:
            lines[0] = ""  # the header's title
        function = _declared_next(text[comment.end() :])
        for at, label, words in _sentences(lines):
            found.append(Sentence(f"{shown(header)}:{line + at}", function, label, words))
    return tuple(found)


_INSIDE = re.compile(r"\b(?:enum|struct) (\w+) \{[^}]*\Z")
_DECLARED = re.compile(r"#define (?P<macro>\w+)|(?P<name>\w+)\s*(?:\[[^]]*\]|=[^,]*)?[,;]?\s*$")


def _declared_in(line: str) -> str:
    """What a line with a comment at its end declares."""
    found = _DECLARED.search(line)
    return found["macro"] or found["name"] if found else ""


def _declared_next(rest: str) -> str:
    declaration = re.match(r"\n[^\n#][^;{]*;", rest)
    return next(iter(c_text.declared_functions(declaration[0])), "") if declaration else ""


def _sentences(lines: Sequence[str]) -> Iterator[tuple[int, str, str]]:
    """Line, label and words of each."""
    for begin, end in _paragraphs(lines):
        for label, parts in _entries(lines, begin, end):
            text = "\n".join(words for _, words in parts)
            at = 0
            for words in _split(text):
                start = text.index(words[:1], at) if words else at
                yield parts[text.count("\n", 0, start)][0], label, " ".join(words.split())
                at = start + len(words)


def _split(text: str) -> Iterator[str]:
    """The sentences of a text, as they stand there."""
    begin = 0
    for end in _END.finditer(text):
        yield text[begin : end.end()].strip()
        begin = end.end()


def _paragraphs(lines: Sequence[str]) -> Iterator[tuple[int, int]]:
    begin = 0
    for at in range(len(lines) + 1):
        if at == len(lines) or not lines[at].strip():
            if begin < at:
                yield begin, at
            begin = at + 1


def _entries(lines: Sequence[str], begin: int, end: int) -> Iterator[tuple[str, list[tuple[int, str]]]]:
    """Labels, and the lines that follow each. A list of functions has no sentence."""
    label, parts, is_indented = "", list[tuple[int, str]](), False
    has_parameters = _PARAMETER.match(lines[begin])
    if not has_parameters and _is_heading(lines[begin:end]):
        label, begin = lines[begin], begin + 1
    for at in range(begin, end):
        entry = _ENTRY.match(lines[at])
        found = entry or (has_parameters and _PARAMETER.match(lines[at]))
        if found or (is_indented and lines[at][0] != " "):
            yield label, parts
            label, parts, is_indented = found[1] if found else "", [], bool(entry)
        parts.append((at, lines[at][found.end() if found else 0 :]))
    yield label, parts


def _is_heading(lines: Sequence[str]) -> bool:
    """Does the first line stand over the others?"""
    return "  " not in lines[0] and not lines[0].startswith(" ") and lines[1:] != [] and lines[1].startswith("  ")
