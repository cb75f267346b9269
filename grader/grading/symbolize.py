"""Addresses in a program become lines of source, all of a result's with one addr2line."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from grader import c_text, sentences
from grader.exercises import ROOT, TRIED, api
from grader.grading import diagnostics, story, suites
from grader.grading.outcome import TestResult
from grader.grading.submission import Code

_ADDRESS = re.compile(r"0x[0-9a-f]+$")


def resolve(result: TestResult, program: Path, code: Code) -> None:
    """Replaces the addresses in a result. Those of its story are told beside it, as story["places"]; in its stacks the
    functions into which the compiler has put another one are calls of their own."""
    wanted = set()
    if _ADDRESS.match(result.where) and int(result.where, 16):
        wanted.add(result.where)
    if result.story is not None:
        wanted.update(_addresses(result.story))
    found = addr2line(program, sorted(wanted), frozenset(s.name for s in code.sources))
    lines = {address: places[0] for address, places in found.items()}
    if result.story is not None:
        frames = {address: _frames(address, places) for address, places in found.items()}
        for entry in (entry for name in _WITH_STACKS for entry in result.story.get(name, [])):
            entry["stack"] = [frame for address in entry.get("stack", []) for frame in frames.get(address) or [address]]
        result.story["places"] = {frame: place for one in frames.values() for frame, place in one.items()}
    if _ADDRESS.match(result.where):
        _, file, line = lines.get(result.where, ("", "", 0))
        result.where = f"{file}:{line}" if line and "/" not in file else ""
    told = story.Story(result.story, code) if result.story is not None else None
    result.where = next(filter(None, _places(result, told, code)), "")
    if told is not None:
        result.message = story.message(result.message, result.facts, told, result.where)
    else:
        result.message = story.without_story(result.message)
    text = line_of(result.where, code)
    result.explanation = _explanation(result, told, code, text) or result.explanation


def _explanation(result: TestResult, told: story.Story | None, code: Code, line: str) -> str:
    """What is behind it, in words, if that is known; line: of the student's, where it was."""
    if told is None:
        return diagnostics.cause(result.verdict, result.message, result.got, line) or _is_no_answer(result)
    undropped = told.undropped() if result.verdict == "leak" else ""
    found = _needless(result, told) or told.unwritten() or _too_early(result, told, code) or _cause(result, told, line)
    return found or undropped or _is_no_answer(result)


def _cause(result: TestResult, told: story.Story, line: str) -> str:
    if told.in_a_circle:
        return diagnostics.CIRCLE
    found = diagnostics.cause(result.verdict, result.message, result.got, line)
    if result.verdict == "no_progress" and told.is_late():
        return diagnostics.TOO_LATE
    if found == diagnostics.UNSIGNALLED and told.was_signalled():
        return diagnostics.LOOKED_AGAIN if told.woken_in_vain() else ""
    return found


def _needless(result: TestResult, told: story.Story) -> str:
    """That a call waits which never has to, or for what nobody else is there to do; or ""."""
    waiting = result.waits_in()
    never = next((function for function in waiting if sentences.never_waits(result.suite, function)), "")
    if never:
        return f"{never} waits for nobody: when it can't do its work at once, it returns and says so."
    is_alone = result.verdict == "deadlock" and len(told.names) == 1 and not told.waits_for_a_lock()
    if not is_alone or result.suite == TRIED:
        return ""
    return f"No other thread is there to wake it: {(waiting or ['it'])[0]} has to return here without sleeping."


def _too_early(result: TestResult, told: story.Story, code: Code) -> str:
    """Of a call that the failing thread has made: why it was too early to say that time is up, or that there is nobody
    any more; or ""."""
    function = sentences.called_in(result.call)
    if result.verdict != "failed" or function not in api():
        return ""
    if result.got == diagnostics.EARLY:
        return diagnostics.early(function, told.woken_by(function), code.text)
    drop, said = diagnostics.CLOSED_EARLY.get(function.partition("_")[0], ("", ""))
    is_early = result.got == "CHANNEL_CLOSED" and len(told.names) > 1  # one thread's drop may be without a step
    return said if is_early and not told.was_called(drop) else ""


def _is_no_answer(result: TestResult) -> str:
    """That what a call has said is among none of its answers; or "" if it is one, or unknown."""
    function = sentences.called_in(result.call) if result.verdict == "failed" else ""
    answers = sentences.answers(result.suite, function)
    is_none = answers and re.fullmatch(r"[A-Z]+_[A-Z_]+", result.got) and result.got not in answers
    return f"{function} never says {result.got}." if is_none else ""


def _places(result: TestResult, told: story.Story | None, code: Code) -> Iterator[str]:
    """Lines of the student's to look at, the most telling first; "" for none."""
    if told is not None:
        yield _above_the_channel(told, code)
        yield told.accused() if result.verdict == "race" else ""
        yield told.asleep_at() if told.in_a_circle else ""
        yield told.passed_on_from()
    yield result.where
    if told is not None:
        yield told.asleep_at() if result.verdict == "deadlock" else ""
        yield told.failed_at()
    yield definition_of(result.call, code)
    yield definition_of(f"{result.facts.get('function', '')}(", code)
    yield _suspect(result, told, code)


def _in_the_suite(told: story.Story | None) -> list[str]:
    """The places in the suite that the failing thread was at, the innermost first."""
    if told is None:
        return []
    stacks = [*([told.failing.stack] if told.failing else []), *(note.stack for note in told.accesses)]
    return [f"{spot.file}:{spot.line}" for stack in stacks for spot in stack if spot.line and not told.is_own(spot)]


def _above_the_channel(told: story.Story, code: Code) -> str:
    """The innermost line of what was written for this exercise, where that is not the channel itself; or ""."""
    written = {source.name for source in code.sources} - {"channel.c"}
    asleep = [note.stack for note in told.ends if note.role == "asleep" and told.tells_its_end]
    stacks = [*([told.failing.stack] if told.failing else []), *(note.stack for note in told.accesses), *asleep]
    spots = (spot for stack in stacks for spot in stack if spot.file in written)
    return next((spot.short for spot in spots), "") if len(code.sources) > len(written) else ""


def _suspect(result: TestResult, told: story.Story | None, code: Code) -> str:
    """Where to look when no line of the student's is known: the function that the suite had called, where a check of
    a value failed, or else the last line that was seen."""
    if result.verdict in ("passed", "not_implemented", "environment"):
        return ""
    called = map(suites.called_before, [result.test_where] if result.verdict == "failed" else _in_the_suite(told))
    owners = (sentence.owner for sentence in result.broken if result.verdict == "failed")
    places = (definition_of(f"{name}(", code) for name in (*called, *owners) if name)
    steps = () if told is None else (step.spot for step in reversed(told.steps) if told.is_own(step.spot))
    return next(filter(None, places), "") or next((spot.short for spot in steps), "")


def _addresses(node: Any) -> Iterable[str]:
    if isinstance(node, dict):
        for value in node.values():
            yield from _addresses(value)
    elif isinstance(node, list):
        for value in node:
            yield from _addresses(value)
    elif isinstance(node, str) and _ADDRESS.match(node) and int(node, 16):
        yield node


_WITH_STACKS = ("events", "accesses", "ends")
Place = tuple[str, str, int]  # function, file, line


def _frames(address: str, places: Sequence[Place]) -> dict[str, Place]:
    """What stands in a stack for that address: 0x401d2c, and 0x401d2c/1 for the function that has it within itself."""
    return {f"{address}/{n}" if n else address: place for n, place in enumerate(places)}


def addr2line(program: Path, addresses: Sequence[str], sources: frozenset[str]) -> dict[str, list[Place]]:
    """For each address the function, the file and the line, and those into which the compiler has put that function;
    only the student's and the suites'."""
    tool = shutil.which("addr2line") or shutil.which("llvm-addr2line")
    if not addresses or tool is None:
        return {}
    command = [tool, "-a", "-f", "-i", "-e", str(program), *addresses]
    try:
        output = subprocess.run(command, capture_output=True, check=False, timeout=60).stdout
    except (OSError, subprocess.TimeoutExpired):
        return {}
    told = re.split(r"^0x[0-9a-f]+\n", output.decode("utf-8", "replace"), flags=re.MULTILINE)[1:]
    found = {}
    for address, text in zip(addresses, told, strict=False):  # it may have been cut short
        if places := [(f, _file(name, sources), int(line)) for f, name, line in _PLACE.findall(text) if name != "??"]:
            found[address] = places
    return found


_PLACE = re.compile(r"^(.+)\n(.*):(\d+)", re.MULTILINE)


def _file(path: str, sources: frozenset[str]) -> str:
    """channel.c for the student's own, the path from the kit's directory for all else."""
    name = path.rsplit("/", 1)[-1]
    if name in sources and not re.search(r"/(exercises|grader)/", path):
        return name
    return _in_kit(path)


def _in_kit(path: str) -> str:
    """From the kit's directory, which may have been another one when the file was compiled: a kit is moved at times."""
    parts = path.removeprefix(f"{ROOT}/").split("/")
    folders = [n for n, part in enumerate(parts) if part in ("exercises", "grader") and not parts[0]]
    found = next((n for n in folders if ROOT.joinpath(*parts[n:]).is_file()), 0)
    return "/".join(parts[found:])


def definition_of(call: str, code: Code) -> str:
    """Where the function that was called is defined: channel.c:88, or ""."""
    match = re.match(r"\W*(\w+)\s*\(", call)
    if match is None:
        return ""
    for source in code.sources:
        if found := c_text.definition(match[1], c_text.decoded(source.content)):
            return f"{source.name}:{found.line}"
    return ""


def line_of(where: str, code: Code) -> str:
    """The source at a place of the student's, channel.c:88; or ""."""
    name, _, number = where.partition(":")
    text = next((c_text.decoded(source.content) for source in code.sources if source.name == name), "")
    lines = text.splitlines()
    return lines[int(number) - 1].strip() if number.isdigit() and 0 < int(number) <= len(lines) else ""
