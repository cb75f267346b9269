"""The sentences of the headers as a whole: is each executed by a test, and broken by a known-wrong channel?

A sentence that no test could fail for has its reason in exercises/NN_name/sentences.toml.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grader import sentences
from grader.errors import GraderError
from grader.exercises import Exercise, all_exercises, by_name, shown
from grader.sentences import Sentence


@dataclass(frozen=True)
class Catch:
    """How a wrong channel was caught."""

    suite: str
    test: str
    rule: str = ""
    call: str = ""

    @classmethod
    def recorded(cls, entry: dict[str, Any]) -> Catch:
        return cls(entry["suite"], entry["test"], entry.get("rule", ""), entry.get("call", ""))

    def sentences(self) -> set[Sentence]:
        """Those that the test executes, and the one that the check says is broken."""
        own = sentences.of_test(by_name(self.suite), self.test)
        return {*own, *sentences.broken(self.suite, self.test, self.rule, self.call)}


def read_file(exercise: Exercise) -> dict[str, Any]:
    path = _file(exercise)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except ValueError as error:
        raise GraderError(f"{shown(path)} can't be read: {error}") from None


def _file(exercise: Exercise) -> Path:
    return exercise.directory / "sentences.toml"


def not_tested(exercise: Exercise) -> dict[Sentence, str]:
    """The sentences of its headers that no test could fail for, and why."""
    words = read_file(exercise).get("not_tested", {})
    return {sentence: why for quotation, why in words.items() for sentence in sentences.found([quotation], exercise)}


def about(exercise: Exercise) -> dict[Sentence, list[str]]:
    """The functions that a sentence is about, where its words do not say so."""
    words = read_file(exercise).get("about", {})
    return {sentences.find(quotation, exercise): list(functions) for quotation, functions in words.items()}


@dataclass(frozen=True)
class CannotDiffer:
    """A reason why situations make no difference for some sentences: those quoted, or all about some functions."""

    situations: tuple[str, ...]  # an axis of the table, or an axis and a value
    why: str
    quoted: frozenset[Sentence]
    functions: frozenset[str]

    def concerns(self, sentence: Sentence, functions: Set[str]) -> bool:
        everything = not self.quoted and not self.functions
        return everything or sentence in self.quoted or (bool(functions) and functions <= self.functions)


def cannot_differ(exercise: Exercise) -> list[CannotDiffer]:
    """Those of the exercise, and of the ones it builds on."""
    return [
        CannotDiffer(
            tuple(entry["situations"]),
            entry["why"],
            frozenset(sentences.find(quotation, one) for quotation in entry.get("sentences", ())),
            frozenset(entry.get("functions", ())),
        )
        for one in reversed(exercise.chain())
        for entry in read_file(one).get("cannot_differ", ())
    ]


Test = tuple[Exercise, str]  # whose suite it is in, and its name


def tested() -> dict[Sentence, list[Test]]:
    """For each sentence the tests that execute it."""
    found: dict[Sentence, list[Test]] = {}
    for exercise in all_exercises():
        for name in sentences.quotations(exercise):
            for sentence in sentences.of_test(exercise, name):
                found.setdefault(sentence, []).append((exercise, name))
    return found


def faults(exercise: Exercise) -> list[str]:
    """What of the sentences of its headers is not executed, or not as it is said to be: a sentence each."""
    quoted = sentences.quotations(exercise)
    said = [f"The test {name} quotes no sentence." for name, words in quoted.items() if not words]
    for place, words in [*quoted.items(), (shown(_file(exercise)), tuple(read_file(exercise).get("not_tested", {})))]:
        for quotation in words:
            try:
                sentences.find(quotation, exercise)
            except sentences.QuotationError as error:
                said.append(f"{place}: {error}")
    executed, reasons = tested(), not_tested(exercise)
    for sentence in sentences.of(exercise):
        if sentence in executed and sentence in reasons:
            said.append(f"{sentence.where}: a test quotes it, and sentences.toml says that none could: {sentence.text}")
        elif sentence not in executed and sentence not in reasons:
            said.append(f"{sentence.where}: no test quotes it, and sentences.toml does not say why: {sentence.text}")
    return said


def unbroken(exercises: Sequence[Exercise], catches: Iterable[Catch]) -> list[Sentence]:
    """The sentences of these exercises that nothing caught breaks."""
    broken = {sentence for catch in catches for sentence in catch.sentences()}
    return [s for e in exercises for s in sentences.of(e) if s not in broken and s not in not_tested(e)]
