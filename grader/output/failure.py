"""What is told of a failure: the story first, and last what to do next, so that it all is on one screen.

A screen holds, from its top: what else there is to say; the story; the place in the student's code, what happened
there and the sentence of the header; the next step. When there is little room the upper ones are cut, or left out."""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Sequence
from pathlib import Path

from grader import sentences
from grader.exercises import Exercise, all_exercises, short_of_memory, shown
from grader.grading import build, suites, symbolize
from grader.grading.grade import Graded
from grader.grading.outcome import TestResult
from grader.grading.verdicts import OF_TESTS
from grader.output import next_step
from grader.output.text import Line, cut, paragraphs, wrap

MOST_WARNINGS = 2
MOST_OTHERS = 6  # failures that are told in a line each
LEAST_STORY = 5  # rows; in less nothing can be told
MANY = 10  # tests that fail
MOST_MESSAGE = 5  # rows of it on a screen that has few
_COMPILER = re.compile(r"(\w+\.c:\d+):(?:\d+:)? ((?:fatal )?error: .*)")


@dataclasses.dataclass(frozen=True)
class Room:
    """How much can be shown."""

    width: int
    rows: int | None = None  # None: as many as it takes
    is_file: bool = False  # where no line is too long, and no failure one too many

    def left(self, lines: Sequence[Line]) -> Room:
        """What these lines leave of it."""
        return self if self.rows is None else Room(self.width, max(0, self.rows - len(lines)))

    def holds(self, lines: Sequence[Line]) -> bool:
        return self.rows is None or len(lines) <= self.rows


def lines(graded: Graded, room: Room, tree: Path) -> list[Line]:
    """The plainest failure of an exercise, below the others."""
    result = graded.failures()[0]
    foot = _foot(graded, result, room, tree, replayed=False)
    left = room.left(foot)
    warnings = _notes(graded, result, left)
    left = left.left(warnings)
    told = _story(graded, result, left, full=False)
    left = left.left(told)
    others = _others(graded, result, left)
    return [*others, *warnings, *told, *foot]


def alone(graded: Graded, result: TestResult, width: int, tree: Path) -> list[Line]:
    """All there is to say of one failure, with every step of its story."""
    return [*_story(graded, result, Room(width), full=True), *_foot(graded, result, Room(width), tree, replayed=True)]


# ----------------------------------------------------------------------------------- at the top


def _others(graded: Graded, told: TestResult, room: Room) -> list[Line]:
    """The failures that are not told, in a line each, or how many they are."""
    rest = [r for r in graded.failures() if r is not told]
    if graded.verdict == "build_failed":
        rest = [r for r in rest if r.verdict != "build_failed"]
    if not rest:
        return []
    most = len(rest) if room.is_file else MOST_OTHERS
    more = len(rest) - most
    all_lines: list[Line] = [[], [(f"Also in {graded.exercise.name}:", "bold")]]
    all_lines += [_one_line(graded, result, room) for result in rest[:most]]
    all_lines += [[(f"  ... and {more} more", "dim")]] if more > 0 else []
    if room.holds(all_lines):
        return all_lines
    words = f"{len(rest)} more test{'s do' if len(rest) > 1 else ' does'} not pass; the plainest is told here."
    return [[], [(words, "dim")]] if room.holds([[], []]) else []


def _one_line(graded: Graded, result: TestResult, room: Room) -> Line:
    """On a screen without its place; a program that reads it, an editor, goes there."""
    title = OF_TESTS[result.verdict]
    style = "yellow" if result.verdict == "not_implemented" else "red"
    place = f"{own_path(graded, result.where)}: " if room.rows is None and ":" in result.where else "  "
    left = len(result.sentence) if room.is_file else room.width - len(place) - len(title) - 3
    return [(place, ""), (title, style), (f": {cut(result.sentence, left, '...')}" if left > 9 else "", "")]


def warning_lines(graded: Graded, width: int) -> list[Line]:
    """What no test shows: what the compiler warned of, often the cause; and what a class would refuse."""
    return _notes(graded, None, Room(width))


def untold_lines(graded: Graded, width: int) -> list[Line]:
    """Where races are not seen, of a program that is right as far as was looked."""
    found = [one.partition(": ") for one in _untold(graded)]
    told = [f"{own_path(graded, place)}: {words}" for place, _, words in found]
    return [line for one in told for line in _wrapped(one, width, "yellow")]


def _notes(graded: Graded, told: TestResult | None, room: Room) -> list[Line]:
    from grader.grading import diagnostics

    if not graded.results or graded.verdict == "build_failed":
        return []
    explains = _warning_of(graded, told)[0] if told else ""
    found: list[Line] = []
    for title, warning in _warnings(graded):
        place, _, message = warning.partition(": ")
        if warning == explains:
            continue
        if room.rows is not None:  # a line of it is enough to go there
            found.append([(cut(f"{own_path(graded, place)}: {title}: {message}", room.width - 1), "yellow")])
            continue
        why = diagnostics.compiler_message(message, graded.submission.code.text)
        head: Line = [(f"{own_path(graded, place)}: ", "bold"), (title, "bold yellow")]
        found += [[], head, *_wrapped(message, room.width), *(_wrapped(why, room.width) if why else [])]
    if room.rows is None:
        return found
    return [[], *found[: room.rows - 1]] if found and room.rows > 1 else []


def _warnings(graded: Graded) -> list[tuple[str, str]]:
    from grader.grading import static_checks

    code = graded.submission.code
    warned = build.warnings_of(code)[:MOST_WARNINGS]
    refused = [*_not_handed_in(graded), *static_checks.refusals(code, graded.exercise)][:MOST_WARNINGS]
    return [
        *(("the compiler warns", w) for w in warned),
        *(("handed in, it would not be run", r) for r in refused),
        *(("races are not seen here", u) for u in _untold(graded)),
    ]


def _untold(graded: Graded) -> list[str]:
    """Where races are not seen, in one line, however many places there are."""
    places = build.untold(graded.submission.code)
    if not places or all(result.variant != "interleave" for result in graded.results):
        return []
    others = [*places[1:MOST_OTHERS], *(["..."] if places[MOST_OTHERS:] else [])]
    also = f" (also in {', '.join(others)})" if others else ""
    told = f"A struct is copied here as an argument or a result{also}, of which gcc tells the scheduler nothing."
    refused = "clang would tell, and can't compile this: make grade CC=clang"
    clang = refused if build.has_other_compiler() else "clang tells, once it is installed"
    return [f"{places[0]}: {told} Hand over a pointer; or {clang}."]


def _not_handed_in(graded: Graded) -> list[str]:
    return [
        f"{source.name}:{line}: It includes {name}, and only {' and '.join(graded.exercise.files)} is handed in."
        for source in graded.submission.code.sources
        for line, name in source.includes_beside()
    ]


def _warning_of(graded: Graded, result: TestResult) -> tuple[str, str]:
    """The compiler's warning that most probably is behind the failure, that of the same function first, and its place;
    ("", "") if there is none."""
    from grader.grading import diagnostics

    if result.verdict in ("build_failed", "not_implemented", "environment"):
        return "", ""
    failed_in = _function_at(graded, result.where)
    telling = [one for one in build.warnings_of(graded.submission.code) if diagnostics.is_hardly_meant(one)]
    telling.sort(key=lambda one: _function_at(graded, one.partition(": ")[0]) != failed_in)
    return (telling[0], telling[0].partition(": ")[0]) if telling else ("", "")


def _function_at(graded: Graded, place: str) -> str:
    from grader import c_text

    name, _, line = place.partition(":")
    source = next((source for source in graded.submission.code.sources if source.name == name), None)
    return c_text.function_at(int(line), c_text.decoded(source.content)) if source and line.isdigit() else ""


# ------------------------------------------------------------------------------------- the story


def _story(graded: Graded, result: TestResult, room: Room, full: bool) -> list[Line]:
    """The schedule, the places that belong to it, and what a sanitizer has said."""
    found: list[Line] = []
    for title, places in result.sections:
        found += [[], [(f"  {title}", "bold")], *([(f"    {_full(graded, place)}", "")] for place in places)]
    if result.story and (room.rows is None or room.rows > LEAST_STORY + len(found)):
        from grader.output import story

        most = 100_000 if full else story.SHOWN_STEPS
        left = room.left(found).left([[]])
        found += [[], *story.as_lines(result.story, graded.submission.code, room.width, most, left.rows)]
    if room.rows is not None and len(found) > room.rows:
        words = "  (all of it: make replay)" if result.story else "  ..."
        found = [*found[: room.rows - 1], [(words, "dim")]] if room.rows > LEAST_STORY else []
    return found


def _full(graded: Graded, place: str) -> str:
    name, colon, rest = place.partition(":")
    return graded.submission.code.path_of(name) + colon + rest


# --------------------------------------------------------------------------- what it comes down to


def _foot(graded: Graded, result: TestResult, room: Room, tree: Path, replayed: bool) -> list[Line]:
    """Place, what happened, the sentence of the header, and the next step."""
    warning, warned_at = _warning_of(graded, result)
    where = warned_at or result.where
    place = own_path(graded, where) or shown(tree / graded.exercise.name / graded.exercise.files[0])
    if result.verdict == "build_failed":
        found = _build_lines(graded, place, room)
    else:
        found = [[(f"{place}: ", "bold"), (OF_TESTS[result.verdict], "bold red")]]
        found += _source_line(graded, where, room)
        found += _what_happened(graded, result, warning, room)
        found += _where_it_is_written(graded, result, room)
    following = next_step.after(graded, result, place if where else "")
    others = next_step.others(graded, result, replayed) if room.rows is None else []
    more = [one for one in others if one[-1] != following[-1]]
    return [[], *found, [], following, *more]


def _source_line(graded: Graded, where: str, room: Room) -> list[Line]:
    text = symbolize.line_of(where, graded.submission.code)
    return [[(f"    {cut(text, room.width - 6)}", "")]] if text else []


def _what_happened(graded: Graded, result: TestResult, warning: str, room: Room) -> list[Line]:
    from grader.grading import diagnostics

    suite = f" (the suite of {result.suite})" if result.suite != graded.exercise.name else ""
    found = _wrapped(f"{result.sentence}{suite}", room.width, "cyan")
    text = re.sub("^the ", "The ", result.message)
    told = _wrapped(text, room.width) if text and text != result.rule else []
    if room.rows is not None and len(told) > MOST_MESSAGE:
        told = [*told[: MOST_MESSAGE - 1], *_wrapped("... (all of it: make replay)", room.width)]
    found += told
    if result.rule and not _says(result, result.rule):
        found += _wrapped(result.rule, room.width, "bold")
    if warning:
        message = warning.partition(": ")[2]
        why = diagnostics.compiler_message(message, graded.submission.code.text)
        stop = "" if message.endswith("?") else "."
        found += _wrapped(f"The compiler warns: {message}{stop} {why}", room.width, "yellow")
    if result.explanation:
        found += _wrapped(result.explanation, room.width)
    if printed := sum(event["op"] == "prints" for event in (result.story or {}).get("events", [])):
        found += _wrapped(f"It printed {printed} line{'s' if printed > 1 else ''}: make replay", room.width, "dim")
    if result.hint and not warning and _hint_helps(graded, result):
        found += _wrapped(result.hint, room.width, "italic")
    return found


# A test's hint is about the sentence that it executes: of a crash or a race it says nothing.
_A_HINT_HELPS = ("failed", "deadlock", "no_progress", "leak", "timeout", "not_implemented")


def _hint_helps(graded: Graded, result: TestResult) -> bool:
    """Nor does it of a call that only leads to that sentence, or where the cause is known; of a leak, if the test is
    not about memory; of one thread, if it is about several; and where most tests fail, whatever they are about."""
    suite = next((one for one in all_exercises() if one.name == result.suite), None)
    if suite is None or result.verdict not in _A_HINT_HELPS or result.explanation or _most_fail(graded, result):
        return False
    functions = [str(result.facts.get("function", "")) or sentences.called_in(result.call), *result.leaked_by()]
    has_one_thread = len((result.story or {}).get("threads", [])) == 1
    return (
        all(sentences.are_about(suite.name, result.name, function) for function in functions)
        and (result.verdict != "leak" or _is_about_memory(suite, result.name))
        and not (has_one_thread and suites.starts_threads(suite, result.name))
    )


def _is_about_memory(suite: Exercise, test: str) -> bool:
    return test in short_of_memory(suite) or sentences.are_of_memory(suite.name, test)


def _most_fail(graded: Graded, result: TestResult) -> bool:
    of_the_suite = [one.verdict for one in graded.results if one.suite == result.suite]
    failed = sum(verdict not in ("passed", "skipped", "not_implemented") for verdict in of_the_suite)
    return failed > MANY and 3 * failed > 2 * len(of_the_suite)


def _says(result: TestResult, rule: str) -> bool:
    """Is that rule a sentence of the header, word by word?"""
    return any(rule.rstrip(".").lower() in sentence.text.lower() for sentence in result.broken)


def _where_it_is_written(graded: Graded, result: TestResult, room: Room) -> list[Line]:
    """The sentences of the header, and the check in the suite."""
    found: list[Line] = []
    told = result.broken or _to_be_written(graded, result)
    for sentence in told if room.rows is None else told[:1]:
        found.append([(f"{sentence.where} ", "bold"), ("says:", "dim")])
        found += [[(f"    {line}", "")] for line in wrap(sentence.text, room.width - 6)]
    if result.test_where and room.rows is None:
        found.append([(result.test_where, ""), (" is the check", "dim")])
    return found


def _to_be_written(graded: Graded, result: TestResult) -> list[sentences.Sentence]:
    """What the header says first of a function that is not implemented yet."""
    function = result.facts.get("function") if result.verdict == "not_implemented" else ""
    found = (s for suite in reversed(graded.exercise.chain()) for s in sentences.of(suite) if s.owner == function)
    return list(itertools.islice(found, 1)) if function else []


def _build_lines(graded: Graded, place: str, room: Room) -> list[Line]:
    error = graded.build_error
    if error is None:
        return [[(f"{place}: {OF_TESTS['build_failed']}", "bold red")]]
    words = "error" if error.where else OF_TESTS["build_failed"]
    head = _wrapped(f"{place}: {words}: {error.message}", room.width, "bold red")  # as editors know it
    head += _wrapped(error.explanation, room.width) if error.explanation else []
    rest: list[Line] = []
    own, others = True, list[Line]()
    for line in error.lines:
        found = _COMPILER.match(line)
        if found is not None:  # the first is told by the head
            own, here = not rest and not others, len(rest) + len(others) == 0
            others += [] if here else [[], *_wrapped(f"{own_path(graded, found[1])}: {found[2]}", room.width)]
        elif own:
            rest.append([(f"    {line[: room.width - 4]}", "dim")])
        else:
            others.append([(f"    {line[: room.width - 4]}", "dim")])
    if room.rows is not None and len(others) + len(head) + len(rest) > room.rows - 6:
        others = []
    if others:
        others.append([])
    return [*others, *head, *rest]


def _wrapped(text: str, width: int, style: str = "") -> list[Line]:
    return paragraphs(text, width - 2, style)


def own_path(graded: Graded, where: str) -> str:
    """channel.c:88 as a path from the kit's directory."""
    name, colon, line = where.partition(":")
    return graded.submission.code.path_of(name) + colon + line if where else ""
