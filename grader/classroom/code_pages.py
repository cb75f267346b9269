"""Pages with code: a student's beside the report, with the lines it speaks of marked, and two that are much alike.

code/STUDENT.html         what was graded, and what came of it
near-copies/NUMBER.html   a pair, side by side
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grader import files
from grader.classroom import gradebooks, rating
from grader.classroom.similar import Pair, in_ascii
from grader.output import pages

_TEMPLATE = Path(__file__).with_name("code_page.html.j2")
_PLACE = re.compile(r"\b(\w+\.c):(\d+)")
_WORD = re.compile(r"[A-Za-z_]\w*|\s+|//.*")
_C = frozenset(
    "auto break case char const continue default do double else enum extern float for goto if inline int long register "
    "return short signed sizeof static struct switch typedef union unsigned void volatile while".split()
)


@dataclass
class Text:
    """A line of a pane."""

    text: str
    id: str = ""
    mark: str = ""
    href: str = ""


@dataclass
class Pane:
    title: str
    lines: list[Text]
    numbered: bool = False


@dataclass
class Section:
    name: str
    title: str
    panes: list[Pane] = field(default_factory=list)


def of_student(path: Path, student: Mapping[str, Any], sources: Mapping[str, Mapping[str, bytes]]) -> bool:
    """Writes what was graded of a student beside the report; nothing where there is no code."""
    sections = [
        _graded(exercise, {name: _lines(data) for name, data in sorted(sources[exercise["name"]].items())})
        for exercise in student["exercises"] if sources.get(exercise["name"])
    ]  # fmt: skip
    if sections:
        lead = [f"{student['points']:g} of {student['max_points']:g} points"]
        files.write_atomically(
            path, pages.fill(_TEMPLATE, title=pages.printable(student["student"]), lead=lead, sections=sections)
        )
    return bool(sections)


def _lines(data: bytes) -> list[str]:
    return [pages.printable(line.expandtabs(4)) for line in data.decode("utf-8", "replace").splitlines()]


def _graded(exercise: Mapping[str, Any], sources: Mapping[str, list[str]]) -> Section:
    name = exercise["name"]
    verdict = exercise["verdict"].replace("_", " ")
    section = Section(name, f"{name}: {verdict}, {exercise['points']:g} of {exercise['max_points']:g} points")
    told = (
        [exercise.get("message", "")]
        if exercise["verdict"] == "passed"
        else gradebooks.account(dict(exercise)).splitlines()
    )
    told = [*rating.remarks(exercise), *exercise.get("notes", []), *told]
    at = [test["where"] for test in exercise.get("tests", []) if test.get("where") and test["verdict"] != "passed"]
    failing = {(file, int(line)) for text in at[:1] for file, line in _PLACE.findall(text)}
    spoken = {(file, int(line)) for text in [*told, *at] for file, line in _PLACE.findall(text) if file in sources}
    section.panes.append(
        Pane("report", [Text(pages.printable(line), href=_first(line, spoken, name)) for line in told or [""]])
    )
    for file, lines in sources.items():
        marked = [
            Text(line, anchor(name, file, number), _mark((file, number), failing, spoken))
            for number, line in enumerate(lines, 1)
        ]
        section.panes.append(Pane(file, marked, numbered=True))
    return section


def anchor(exercise: str, file: str, line: int) -> str:
    """What a line of code is called on its page."""
    return f"{exercise}-{file}-{line}"


def _mark(place: tuple[str, int], failing: set[tuple[str, int]], spoken: set[tuple[str, int]]) -> str:
    return "here" if place in failing else "said" if place in spoken else ""


def _first(text: str, spoken: set[tuple[str, int]], name: str) -> str:
    """Where a line of the report leads to in the source."""
    places = ((file, int(line)) for file, line in _PLACE.findall(text))
    return next((anchor(name, file, line) for file, line in places if (file, line) in spoken), "")


# ------------------------------------------------------------------------------------- near-copies


def of_pair(path: Path, pair: Pair) -> None:
    """Writes two students' code side by side; lines that are the same but for names and layout are marked."""
    texts = [_lines(source.encode()) for source in pair.sources]
    shapes = [[_shape(line) for line in lines] for lines in texts]
    alike: tuple[set[int], set[int]] = (set(), set())
    for a, b, size in difflib.SequenceMatcher(None, shapes[0], shapes[1], autojunk=False).get_matching_blocks():
        if any(shapes[0][a + offset].strip("{};") for offset in range(size)):  # a brace alone is like any other
            alike[0].update(range(a, a + size))
            alike[1].update(range(b, b + size))
    panes = [
        Pane(
            pages.printable(who),
            [Text(line, mark="alike" if n in marked else "") for n, line in enumerate(lines)],
            True,
        )
        for who, lines, marked in zip((pair.first, pair.second), texts, alike, strict=True)
    ]
    title = f"{pair.exercise}: {pages.printable(pair.first)} and {pages.printable(pair.second)}"
    lead = [f"{pair.percent}% alike, token by token, names aside. Marked lines differ in names and layout at most."]
    files.write_atomically(path, pages.fill(_TEMPLATE, title=title, lead=lead, sections=[Section("pair", "", panes)]))


def _shape(line: str) -> str:
    """A line of code without what a copier changes: names, comments, layout."""
    return _WORD.sub(lambda found: _kept(found[0]), in_ascii(line))


def _kept(word: str) -> str:
    if word.startswith("//") or word.isspace():
        return ""
    return word if word in _C else "x"


def write_pairs(directory: Path, pairs: Sequence[Pair]) -> list[str]:
    """All of them, those of an earlier run gone; the name of each pair's page."""
    names = [f"{number}.html" for number in range(1, len(pairs) + 1)]
    for path in directory.glob("*.html") if directory.is_dir() else ():
        if path.name not in names:
            path.unlink()
    for name, pair in zip(names, pairs, strict=True):
        of_pair(directory / name, pair)
    return names
