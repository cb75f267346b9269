"""The figures of a run of mutants, as text and as a page of the docs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from grader import files
from grader.exercises import ROOT, all_exercises
from grader.selfcheck import contract
from grader.selfcheck.mutants.grade import DOES_NOT_COMPILE, SAME_CODE, SURVIVED
from grader.selfcheck.mutants.operators import OPERATORS
from grader.sentences import Sentence, of

PAGE = ROOT / "docs" / "mutants.md"
CAUGHT, EQUIVALENT = "caught", "equivalent"
OUTCOMES = (CAUGHT, DOES_NOT_COMPILE, SAME_CODE, EQUIVALENT, SURVIVED)
WORDS = {
    CAUGHT: "caught",
    DOES_NOT_COMPILE: "do not compile",
    SAME_CODE: "compile to the same code",
    EQUIVALENT: "can't be told from right ones",
    SURVIVED: "survived",
}
Entry = dict[str, Any]


def text_table(entries: Sequence[Entry]) -> str:
    """Kind x what became of them, for a terminal of 80 columns."""
    titles = ("made", "caught", "uncompiled", "same", "equivalent", "survived")
    lines = [f"{'':25}" + "".join(f"{title:>{len(title) + 1}}" for title in titles)]
    for kind in OPERATORS:
        counts = Counter(e["outcome"] for e in entries if e["kind"] == kind)
        numbers = [counts.total(), *(counts[outcome] for outcome in OUTCOMES)]
        if counts:
            lines.append(f"{kind:25}" + "".join(f"{n:>{len(t) + 1}}" for n, t in zip(numbers, titles, strict=True)))
    return "\n".join(lines)


def write(entries: Sequence[Entry]) -> str:
    files.write_atomically(PAGE, page(entries))
    return str(PAGE.relative_to(ROOT))


def page(entries: Sequence[Entry]) -> str:
    counts = Counter(entry["outcome"] for entry in entries)
    number, designs = len(entries), len({entry["place"].partition(":")[0] for entry in entries})
    lines = [
        "# Mutants: what the suites do not see",
        "",
        f"Made by `make mutants N={number} mutants-table`. A mutant is a known-right channel or a solution with one",
        "small change, made by the syntax tree, that turns it into a wrong one, most of the time. Each is graded",
        f"like a known-wrong channel. Here are the first {number} of a fixed order, of {designs} designs:",
        "",
        *(f"- {counts[outcome]} {WORDS[outcome]}" for outcome in OUTCOMES),
        "",
        "What can't be told from a right channel is listed with the reason in `grader/tests/equivalent_mutants.toml`.",
        "What compiles to the same code is not run.",
        "",
        "## Kinds and exercises",
        "",
        "Caught of those that compile to other code; in brackets, where there are any, those that can't be told, and",
        "after a plus those that survived.",
        "",
        *_by_exercise(entries),
        "",
        "## What catches them",
        "",
        *_by_verdict(entries),
        "",
        "## The tests that catch them",
        "",
        "The first test that fails, and how many mutants it is the first for.",
        "",
        *_by_test(entries),
        "",
        "## The sentences of the headers that they break",
        "",
        "Those that the test which catches a mutant executes, and the one that its failure names.",
        "",
        *by_sentence(entries),
    ]
    return "\n".join([*lines, ""])


def _kinds(entries: Sequence[Entry]) -> list[str]:
    present = {entry["kind"] for entry in entries}
    return [kind for kind in OPERATORS if kind in present]


def _row(name: str, cells: Sequence[object]) -> str:
    return f"| {name} | " + " | ".join(map(str, cells)) + " |"


def _by_exercise(entries: Sequence[Entry]) -> list[str]:
    names = sorted({entry["exercise"] for entry in entries})
    lines = [_row("", [f"`{n[:2]}`" for n in names] + ["all"]), "|---|" + "---:|" * (len(names) + 1)]
    for kind in _kinds(entries):
        mine = [entry for entry in entries if entry["kind"] == kind]
        lines.append(_row(kind, [_cell([e for e in mine if e["exercise"] == n]) for n in names] + [_cell(mine)]))
    return [
        *lines,
        _row("**all**", [_cell([e for e in entries if e["exercise"] == n]) for n in names] + [_cell(entries)]),
    ]


def _cell(entries: Sequence[Entry]) -> str:
    counts = Counter(entry["outcome"] for entry in entries)
    run = counts[CAUGHT] + counts[EQUIVALENT] + counts[SURVIVED]
    text = f"{counts[CAUGHT]} of {run}" if run else ""
    text += f" ({counts[EQUIVALENT]})" if counts[EQUIVALENT] else ""
    return text + (f" + {counts[SURVIVED]}" if counts[SURVIVED] else "")


def _by_verdict(entries: Sequence[Entry]) -> list[str]:
    caught = [entry for entry in entries if entry["outcome"] == CAUGHT]
    verdicts = [verdict for verdict, _ in Counter(entry["verdict"] for entry in caught).most_common()]
    lines = [_row("", [v.replace("_", " ") for v in verdicts]), "|---|" + "---:|" * len(verdicts)]
    for kind in _kinds(caught):
        counts = Counter(entry["verdict"] for entry in caught if entry["kind"] == kind)
        lines.append(_row(kind, [counts[v] or "" for v in verdicts]))
    counts = Counter(entry["verdict"] for entry in caught)
    return [*lines, _row("**all**", [counts[v] for v in verdicts])]


def _by_test(entries: Sequence[Entry]) -> list[str]:
    tests = Counter((e["suite"], e["test"]) for e in entries if e["outcome"] == CAUGHT)
    lines = ["| suite | test | mutants |", "|---|---|---:|"]
    ranked = sorted(tests.items(), key=lambda item: (item[0][0], -item[1], item[0][1]))
    return lines + [f"| `{suite}` | {test.replace('_', ' ')} | {number} |" for (suite, test), number in ranked]


def by_sentence(entries: Sequence[Entry]) -> list[str]:
    broken: Counter[Sentence] = Counter()
    for entry in entries:
        if entry["outcome"] == CAUGHT:
            broken.update(contract.Catch.recorded(entry).sentences())
    every = [sentence for exercise in all_exercises() for sentence in of(exercise)]
    lines = ["| sentence | mutants |", "|---|---:|"]
    lines += [f"| `{_place(s)}` {s.text.replace('|', chr(92) + '|')} | {broken[s]} |" for s in every if broken[s]]
    reasons = {sentence for exercise in all_exercises() for sentence in contract.not_tested(exercise)}
    unbroken = [sentence for sentence in every if not broken[sentence] and sentence not in reasons]
    return [*lines, "", "Broken by none of these mutants:", "", *(f"- `{_place(s)}` {s.text}" for s in unbroken)]


def _place(sentence: Sentence) -> str:
    return sentence.where.removeprefix("exercises/")
