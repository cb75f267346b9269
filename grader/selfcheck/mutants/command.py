"""`make mutants`: makes them, grades them, shows what survived. `make mutants-table` puts the figures into the docs."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

from grader import files
from grader.errors import EXIT_FAILED, EXIT_PASSED, GraderError
from grader.exercises import BUILD, Exercise
from grader.grading.grade import cpu_count
from grader.selfcheck.mutants import equivalent, grade, page, population
from grader.selfcheck.mutants.grade import SURVIVED, Fate
from grader.selfcheck.mutants.page import CAUGHT, EQUIVALENT
from grader.selfcheck.mutants.population import Mutant

RECORD = BUILD / "mutants.json"


def run(exercises: Sequence[Exercise], number: int, tell: Callable[[str], None], doubt: bool = False) -> int:
    """Grades the first so many mutants of these exercises. Exit code 0: each is caught, or there is a word why not.

    doubt: those listed as equivalent are graded, too. They take longest, since nothing in them fails."""
    mutants = list(islice(population.sequence(exercises, tell), number))
    if not mutants:
        raise GraderError("There is nothing here to make mutants of: a kit for students has no known-right channels.")
    entries = _graded(mutants, doubt, tell)
    files.write_atomically(RECORD, json.dumps([entry for _, entry in entries], indent=1) + "\n")
    tell("\n" + page.text_table([entry for _, entry in entries]))
    survived = [mutant for mutant, entry in entries if entry["outcome"] == SURVIVED]
    for mutant in sorted(survived, key=lambda m: (m.kind, m.function)):
        tell("\n".join(["", _words(mutant), *mutant.diff()]))
    listed = equivalent.reasons()
    refuted = [(m, e) for m, e in entries if e["outcome"] == CAUGHT and m.id in listed]
    for mutant, entry in refuted:
        tell(f"\nlisted as equivalent, but caught: {mutant.id}  {mutant.place} ({entry['verdict']} in {entry['test']})")
    tell("\n" + _counted(Counter(entry["outcome"] for _, entry in entries)))
    return EXIT_FAILED if survived or refuted else EXIT_PASSED


def _graded(mutants: Sequence[Mutant], doubt: bool, tell: Callable[[str], None]) -> list[tuple[Mutant, dict[str, Any]]]:
    reasons = equivalent.reasons()
    entries: list[tuple[Mutant, dict[str, Any]]] = []

    def note(mutant: Mutant, fate: Fate) -> None:
        entries.append((mutant, _entry(mutant, fate, reasons.get(mutant.id, ""))))
        if entries[-1][1]["outcome"] == SURVIVED:
            tell(f"survived: {_words(mutant)}")
        if len(entries) % grade.AT_ONCE == 0 and len(entries) < len(mutants):
            counts = Counter(entry["outcome"] for _, entry in entries)
            tell(f"{len(entries):5} of {len(mutants)}: {_counted(counts)}")

    trusted = [mutant for mutant in mutants if mutant.id in reasons and not doubt]
    for mutant in trusted:
        note(mutant, Fate(SURVIVED))
    grade.grade([mutant for mutant in mutants if mutant not in trusted], cpu_count(), note)
    return entries


def _entry(mutant: Mutant, fate: Fate, reason: str) -> dict[str, Any]:
    """What the table needs to know of one mutant, and whoever reads the verdicts."""
    outcome = CAUGHT if fate.caught else fate.verdict
    if outcome == SURVIVED and reason:
        outcome = EQUIVALENT
    return {
        "id": mutant.id,
        "exercise": mutant.design.exercise.name,
        "kind": mutant.kind,
        "function": mutant.function,
        "place": mutant.place,
        "outcome": outcome,
        **dataclasses.asdict(fate),
        "reason": reason,
        "diff": mutant.diff(),
    }


def _words(mutant: Mutant) -> str:
    return f"{mutant.id} {mutant.place}: {mutant.kind}, in {mutant.function}"


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{counts[outcome]} {page.WORDS[outcome]}" for outcome in page.OUTCOMES)


def write_page() -> str:
    """make mutants-table: the last run as a page of the docs."""
    try:
        entries = json.loads(RECORD.read_bytes())
    except (OSError, ValueError):
        raise GraderError("No mutants have been graded yet. Run: make mutants N=1000") from None
    return page.write(entries)
