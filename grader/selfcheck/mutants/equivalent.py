"""Mutants that no test can tell from the design they were made of, each with the reason.

They stand in grader/tests/equivalent_mutants.toml, and are found again by content: the function and the change. The
words behind an id are for people.
"""

from __future__ import annotations

import tomllib

from grader.errors import GraderError
from grader.exercises import ROOT, shown

LIST = ROOT / "grader" / "tests" / "equivalent_mutants.toml"


def reasons() -> dict[str, str]:
    """Of each mutant, by its id, why it is equivalent."""
    found: dict[str, str] = {}
    for line, reason in entries():
        identity = line.split()[0]
        if identity in found:
            raise GraderError(f"{shown(LIST)} has {identity} twice.")
        found[identity] = reason
    return found


def entries() -> list[tuple[str, str]]:
    """Each line of the list, and its reason."""
    try:
        data = tomllib.loads(LIST.read_text(encoding="utf-8")) if LIST.exists() else {}
        return [(line, group["reason"]) for group in data.get("equivalent", []) for line in group["mutants"]]
    except (ValueError, KeyError) as error:
        raise GraderError(f"{shown(LIST)} can't be read: {error}") from None
