"""What the source of a suite says of a place in it."""

from __future__ import annotations

import re
from pathlib import Path

from grader import c_text
from grader.errors import GraderError
from grader.exercises import ROOT, api, read_text


def called_before(place: str) -> str:
    """The function of the exercise that was called last before that line of a suite, in the same function; or "".

    place: exercises/01_single_thread/test_channel.c:55"""
    path, _, line = place.partition(":")
    if not line.isdigit() or not Path(path).name.startswith("test_"):
        return ""
    try:
        lines = c_text.bare(read_text(ROOT / path)).splitlines()[: int(line)]
    except GraderError:
        return ""
    for text in reversed(lines):
        if text.startswith("{"):
            return ""
        called = [name for name in re.findall(r"\b(\w+)\(", text) if name in api()]
        if called:
            return str(called[-1])
    return ""
