"""Grades one submission, in a process of its own: `python3 -m grader.classroom.worker < request.json`.

A process each, so that nothing a submission brings about lives longer than it: memory, open files, the
sandbox's control group, or a mistake of the grader's own. What came of it is written to the file the
request names, whole or not at all.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from grader import files
from grader.classroom import one_submission, sandbox
from grader.classroom.group import Request
from grader.errors import GraderError
from grader.exercises import EXERCISES, by_name
from grader.grading import build
from grader.grading.submission import read_submission

PR_SET_PDEATHSIG = 1
STOPPED = 128 + signal.SIGTERM  # as a shell counts it


def prepare(variants: Sequence[str], names: Sequence[str]) -> None:
    """Builds what the suites of these exercises are linked with, outside of any sandbox."""
    suites = {suite.name for name in names for suite in by_name(name).chain()}
    for variant in variants:
        units = []
        for exercise in map(by_name, sorted(suites)):
            submission = read_submission(EXERCISES, exercise)
            if submission.missing:
                raise GraderError(
                    f"exercises/{exercise.name} has no {submission.missing[0]}: make reset EX={exercise.number}"
                )
            units.append(build.Unit(submission.code_for(exercise), exercise, variant))
        build.build(units, os.cpu_count() or 1)


def _end_with_parent() -> None:
    """Stopped, or left alone: all that was begun is ended, and all that was made is removed, on the way out."""

    def stop(number: int, frame: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        sys.exit(STOPPED)

    signal.signal(signal.SIGTERM, stop)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def main() -> int:
    """Reads a request, writes the result. The exit code says only whether there is one."""
    _end_with_parent()
    data = json.load(sys.stdin)
    if "prepare" in data:
        prepare(data["prepare"], data["exercises"])
        return 0
    for name in ("exercises", "variants", "leave_out"):
        data[name] = tuple(data[name])
    request = Request(**data)
    box = sandbox.choose(request.unsafe)
    if request.sandbox not in ("", box.name):
        raise GraderError(f"The sandbox here is {box.name}, not {request.sandbox} as where the class was begun.")
    with sandbox.limited(box) as box:
        result = one_submission.grade(request, box)
    files.write_atomically(Path(request.out), json.dumps(result))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except GraderError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
