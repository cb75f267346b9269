"""The JSON report, schema 1."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from grader import files, typed
from grader.exercises import SOLUTIONS, TRIED, shown
from grader.grading.grade import Graded
from grader.grading.outcome import TestResult

SCHEMA = 1


def as_json(graded: Sequence[Graded]) -> dict[str, Any]:
    """The report of a whole grading."""
    return {"schema": SCHEMA, "exercises": [_exercise(one) for one in graded]}


def write(path: Path, graded: Sequence[Graded]) -> None:
    files.write_atomically(path, json.dumps(as_json(graded), indent=1) + "\n")


def _exercise(graded: Graded) -> dict[str, Any]:
    data: dict[str, Any] = {
        "name": graded.exercise.name,
        "verdict": graded.verdict,
        "points": graded.points,
        "max_points": graded.max_points or max_points(graded),
        "tests": [_test(graded, result) for result in graded.results],
    }
    if graded.note:
        data["note"] = graded.note
    if extent := extent_of(graded):
        data["extent"] = extent
    return data


def extent_of(graded: Graded) -> str:
    """How much a pass says: of how many tests every execution was run; "" if of none, or if it is no pass."""
    proved = sum(result.proved for result in graded.results)
    if graded.verdict != "passed" or not proved:
        return ""
    return f"{proved} of {len(graded.results)} tests: every execution"


def max_points(graded: Graded) -> int:
    """The number of tests, also of an exercise that was not run."""
    return len(graded.exercise.tests_of_chain())


def _test(graded: Graded, result: TestResult) -> dict[str, Any]:
    data: dict[str, Any] = {
        "suite": result.suite,
        "name": result.name,
        "variant": result.variant,
        "verdict": result.verdict,
        "message": result.message,
        "where": result.where,
        "seed": result.seed,
        "schedules": result.schedules,
        "exhaustive": result.exhaustive,  # those are all with at most preemption_bound preemptions; 0: all there are
        "preemption_bound": result.preemption_bound,
        "seconds": result.seconds,
    }
    if result.verdict not in ("passed", "build_failed", "not_implemented"):
        data["rule"], data["call"] = result.rule, result.call
        data["sentences"] = [{"where": s.where, "text": s.text} for s in result.broken]
        data["expected"], data["got"] = result.expected, result.got
        data["replay"] = replay_command(graded, result)
    return data


def replay_command(graded: Graded, result: TestResult) -> str:
    """What to type to see that failure again."""
    if graded.exercise.name == TRIED:
        seed = f" SEED={result.seed}" if result.seed else ""
        return f"make try FILE={shown(graded.submission.others[0].path)}{seed}"
    words = ["make replay", f"EX={graded.exercise.number}", f"TEST={result.name}"]
    if result.seed:
        words.append(f"SEED={result.seed}")
    if result.variant != "interleave":
        words.append(f"VARIANT={result.variant}")
    if graded.submission.tree == SOLUTIONS:
        words.append("SOLUTIONS=1")
    elif tree := typed.now().word("SRC"):  # another than exercises/, and not one of a class
        words.append(f"SRC={shlex.quote(tree)}")
    return " ".join(words)
