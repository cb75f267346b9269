"""What the source of a suite says of a place in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from grader import c_text
from grader.errors import GraderError
from grader.exercises import ROOT, Exercise, api, read_text


def called_before(place: str) -> str:
    """The function of the exercise that was called last before that line of a suite, in the same function or by
    another function of the suite that it calls; or "".

    place: exercises/01_single_thread/test_channel.c:55"""
    path, _, line = place.partition(":")
    if not line.isdigit() or not Path(path).name.startswith("test_"):
        return ""
    try:
        code = c_text.bare(read_text(ROOT / path))
    except GraderError:
        return ""
    for text in reversed(code.splitlines()[: int(line)]):
        if text.startswith("{"):
            return ""
        called = _of_the_exercise(text, code)
        if called:
            return called
    return ""


def starts_threads(exercise: Exercise, test: str) -> bool:
    """Does that test of its suite start threads, itself or in a function of the suite that it calls?"""
    for path in exercise.suite_sources:
        code = c_text.bare(read_text(path))
        if found := re.search(rf"^TEST\({test}\b.*?^\{{(.*?)^\}}", code, re.DOTALL | re.MULTILINE):
            texts = _with_helpers(found[1], code, set())
            return any(re.search(r"\bspawn\w*\(|\bpthread_create\(", text) for text in texts)
    return False


_CALL = re.compile(r"\b(\w+)\(")


def _of_the_exercise(text: str, code: str, inside: tuple[str, ...] = ()) -> str:
    """The function of the exercise that is called last in that text, if only by another function of the suite."""
    for name in reversed(_CALL.findall(text)):
        if name in api():
            return str(name)
        helper = None if name in inside else c_text.definition(name, code)
        called = _of_the_exercise(helper.text, code, (*inside, name)) if helper is not None else ""
        if called:
            return called
    return ""


def _with_helpers(text: str, code: str, seen: set[str]) -> Iterator[str]:
    """That text, and the functions of the suite that are called in it."""
    yield text
    for name in _CALL.findall(text):
        helper = None if name in seen else c_text.definition(name, code)
        seen.add(name)
        if helper is not None:
            yield from _with_helpers(helper.text, code, seen)
