"""The table of one exercise: sentence x situation, and what reaches each cell."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from grader import sentences
from grader.exercises import DRAWN, Exercise, all_exercises, api, read_text
from grader.selfcheck import contract
from grader.selfcheck.situations.trace import NAMES, SITUATIONS, SeenIn
from grader.selfcheck.situations.trace import functions as functions_of
from grader.sentences import Sentence

HOLE = "??"


@dataclass
class Row:
    """One sentence: the tests that execute it, and for each situation what reaches it."""

    sentence: Sentence
    tests: list[str]  # suite: name
    reached: dict[int, list[str]]  # a number in NAMES: of these tests
    drawn: Counter[int]  # ... how many calls of generated scenarios
    reasons: dict[int, str]  # ... why it can't differ

    def cell(self, situation: int) -> str:
        """A letter, the first test that reaches it, and a figure: how many digits the number of drawn calls has."""
        tests, drawn = self.reached.get(situation), self.drawn[situation]
        if not tests and not drawn:
            return " -" if situation in self.reasons else HOLE
        letter = letter_of(self.tests.index(tests[0])) if tests else " "
        return letter + (str(len(str(drawn))) if drawn else " ")


def letter_of(number: int) -> str:
    return string.ascii_letters[min(number, 51)]


def title_of(sentence: Sentence) -> str:
    """What a row is found by: no line number, so that a table stays as it is when lines move."""
    return f"{sentence.owner}  {sentence.text}" if sentence.owner else sentence.text


def rows(exercise: Exercise, seen: Mapping[str, SeenIn]) -> list[Row]:
    """The rows of an exercise. seen: what the tests of suites did; one that is left out did nothing."""
    skipped, tested = contract.not_tested(exercise), contract.tested()
    return [_row(exercise, s, tested[s], seen) for s in sentences.of(exercise) if s not in skipped]


def _row(exercise: Exercise, sentence: Sentence, tests: Iterable[contract.Test], seen: Mapping[str, SeenIn]) -> Row:
    row = Row(sentence, [], {}, Counter(), {})
    calls = calls_of(exercise, sentence)
    for suite in all_exercises():
        for test in suite.tests_in(DRAWN):
            row.drawn.update(_counted(seen.get(suite.name, {}).get(test, Counter()), calls))
    for suite, test in tests:
        if test in suite.tests_in(DRAWN):
            continue
        row.tests.append(f"{suite.name}: {test}")
        for situation in _counted(seen.get(suite.name, {}).get(test, Counter()), calls):
            row.reached.setdefault(situation, []).append(row.tests[-1])
    row.reasons = _reasons(exercise, row, calls)
    return row


Calls = set[tuple[str, int | None]]  # a function and what it answers; None: whatever


def _counted(found: Counter[tuple[str, int, int]], calls: Calls) -> Counter[int]:
    counts: Counter[int] = Counter()
    for (function, status, situation), number in found.items():
        if (function, status) in calls or (function, None) in calls:
            counts[situation] += number
    return counts


def calls_of(exercise: Exercise, sentence: Sentence) -> Calls:
    """The calls that a sentence speaks of: sentences.toml says so, or its own words do, or it is about all."""
    said = contract.about(exercise).get(sentence)
    mentioned = [name for name in re.findall(r"\w+", sentence.words) if name in api()]
    own = [sentence.owner] if sentence.owner in api() else []
    functions = said or own or mentioned or _all_about(exercise)
    status = _statuses(exercise).get("CHANNEL_NO_MEMORY" if sentence.label == "NULL" else sentence.label)
    return {(function, status) for function in functions}


def _all_about(exercise: Exercise) -> list[str]:
    """The functions that its sentences hold for: its own, and those of the exercises that build on its channel."""
    later = [e for e in all_exercises() if exercise in e.chain() and e.carries_channel == exercise.carries_channel]
    return list(dict.fromkeys(name for one in later for name in functions_of(one)))


def _statuses(exercise: Exercise) -> dict[str, int]:
    """The enumerators of the headers' enums, each by its value."""
    found: dict[str, int] = {}
    for one in exercise.chain():
        for header in one.headers:
            for names in re.findall(r"enum \w+ \{([^}]*)\}", re.sub(r"/\*.*?\*/", "", read_text(header), flags=re.S)):
                found.update({name: number for number, name in enumerate(re.findall(r"[A-Z]\w+", names))})
    return found


def _reasons(exercise: Exercise, row: Row, calls: Calls) -> dict[int, str]:
    """Why a situation can't differ, where the exercise's file says so."""
    found: dict[int, str] = {}
    functions = {function for function, _ in calls}
    for entry in contract.cannot_differ(exercise):
        if not entry.concerns(row.sentence, functions):
            continue
        for number, (axis, value) in enumerate(NAMES):
            if axis in entry.situations or f"{axis} {value}" in entry.situations:
                found.setdefault(number, entry.why)
    return found


def text(exercise: Exercise, table: Iterable[Row]) -> str:
    """The table as it stands beside the suite."""
    lines = [f"# {exercise.name}: in which situations the sentences of its headers are executed.", HEAD, *_titles()]
    reasons: list[str] = []
    for row in table:
        lines += ["", title_of(row.sentence)]
        lines.append(" " + " ".join(_cells(row)))
        lines += [f"      {letter_of(i)} {test}" for i, test in enumerate(row.tests)]
        reasons += [why for n, why in row.reasons.items() if row.cell(n) == " -"]
    lines += ["", "Why a situation can't differ (-):", "", *(f"- {why}" for why in dict.fromkeys(reasons))]
    return "\n".join([*lines, ""])


HEAD = """# Made by `make situations` from all suites, run on traced channels: do not edit. Reasons: sentences.toml.
#
# A cell is the first test that reaches it (a letter of the list below), and how many digits the number of drawn calls
# has that do. "-" can't differ, "??" is not reached by anything.
#
#   capacity  1, 2, 3, n: more, no: none         chan  1 channel there is, or 2 and more
#   ring      0: it begins at its first place    use   1: the first of the handle, +: later
#   asleep    nobody, receiver, sender, senders  thr   own: of the call before, ho: handed over
#   before    the handle's last call: none, blocking, trying, timed, selecting; failed
#   in        is another thread inside a call on the channel?"""


def _titles() -> list[str]:
    axes = "".join(f" {_SHORT.get(axis, axis):{3 * len(values) - 1}}" for axis, values in SITUATIONS.items())
    values = " ".join(f"{_SHORT.get(value, value[:2]):>2}" for values in SITUATIONS.values() for value in values)
    return ["", axes.rstrip(), " " + values.rstrip()]


_SHORT = {
    "offset": "ring", "channels": "chan", "thread": "thr", "call before": "before", "inside": "in",
    "many": "n", "none": "no", "further": "+", "nobody": "0", "the receiver": "rx", "a sender": "tx", "senders": "t+",
    "first": "1", "later": "+", "handed over": "ho", "another": "1",
}  # fmt: skip


def _cells(row: Row) -> list[str]:
    return [row.cell(number) for number in range(len(NAMES))]


Hole = tuple[Sentence, str]


def holes(table: Iterable[Row]) -> list[Hole]:
    """The cells that nothing reaches, and that have no word why not."""
    return [
        (row.sentence, " ".join(NAMES[number]))
        for row in table
        for number in range(len(NAMES))
        if row.cell(number) == HOLE
    ]
