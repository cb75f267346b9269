"""The tables of situations: beside each suite, without a hole, and true of what the tests do."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from grader import sentences
from grader.exercises import Exercise, find
from grader.selfcheck import contract, situations
from grader.selfcheck.situations import table, trace

TRACED = situations.traced()
EVERY = pytest.mark.parametrize("exercise", TRACED, ids=[exercise.name for exercise in TRACED])


def stored(exercise: Exercise) -> list[tuple[str, list[str], list[str]]]:
    """The rows of a stored table: the sentence, the cells, the tests."""
    titles = {table.title_of(sentence) for sentence in sentences.of(exercise)}
    found: list[tuple[str, list[str], list[str]]] = []
    for line in (exercise.directory / situations.FILE).read_text().splitlines():
        if line in titles:
            found.append((line, [], []))
        elif found and line.startswith("      "):
            found[-1][2].append(line[8:])
        elif found and line.startswith(" "):
            found[-1][1].extend(line[1 + 3 * at : 3 + 3 * at].ljust(2) for at in range(len(trace.NAMES)))
    return found


def test_all_of_the_kit_have_a_table() -> None:
    assert {f"{number:02}" for number in range(1, 9)} <= {exercise.number for exercise in TRACED}


@EVERY
def test_a_table_has_a_row_for_each_sentence_and_no_hole(exercise: Exercise) -> None:
    rows = stored(exercise)
    skipped = contract.not_tested(exercise)
    assert [title for title, _, _ in rows] == [
        table.title_of(sentence) for sentence in sentences.of(exercise) if sentence not in skipped
    ]
    assert [title for title, cells, _ in rows if table.HOLE in cells or len(cells) != len(trace.NAMES)] == []


@EVERY
def test_the_tests_in_a_table_quote_the_sentence(exercise: Exercise) -> None:
    own = sentences.of(exercise)
    quoted = {
        table.title_of(sentence): {f"{suite.name}: {test}" for suite, test in tests}
        for sentence, tests in contract.tested().items()
        if sentence in own
    }
    for title, _, tests in stored(exercise):
        assert set(tests) <= quoted[title]


def test_a_table_is_true_of_the_tests() -> None:
    """Of two of 04: wherever a cell names one of them, it makes such a call."""
    bounded = find("04")
    names = ["every_message_taken_leaves_one_place", "a_sender_that_sleeps_allocates_nothing"]
    fresh = {
        table.title_of(row.sentence): row for row in table.rows(bounded, {bounded.name: trace.run(bounded, names)})
    }
    compared = 0
    for title, cells, tests in stored(bounded):
        for test in (f"{bounded.name}: {name}" for name in names if f"{bounded.name}: {name}" in tests):
            named = [n for n, cell in enumerate(cells) if cell[0] == table.letter_of(tests.index(test))]
            assert [n for n in named if test not in fresh[title].reached.get(n, ())] == []
            compared += len(named)
    assert compared > 10


def test_a_cell_tells_tests_drawn_calls_reasons_and_holes() -> None:
    sentence = sentences.of(find("01"))[0]
    row = table.Row(sentence, ["a", "b"], {0: ["b"], 1: ["a"]}, Counter({1: 1234, 2: 7}), {3: "Why."})
    assert [row.cell(number) for number in range(5)] == ["b ", "a4", " 1", " -", table.HOLE]
    assert table.holes([replace(row, reasons=dict.fromkeys(range(4, len(trace.NAMES)), "Why."))]) == [
        (sentence, "capacity many")
    ]
