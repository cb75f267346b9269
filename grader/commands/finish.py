"""What is said when an exercise has passed: what was learnt, how the code compares, what to think on."""

from __future__ import annotations

import re

from grader import c_text, kit
from grader.commands import workspace
from grader.exercises import SOLUTIONS, read_text
from grader.grading.grade import Graded
from grader.grading.report import extent_of
from grader.grading.submission import Source, read_source
from grader.output.text import Line, wrap

_SECTION = re.compile(r"^## When it is green\s*$(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)


def lines(graded: Graded) -> list[Line]:
    """The last section of the exercise's README, and a line of figures."""
    extent = extent_of(graded)
    told: list[Line] = [[], [(f"{graded.exercise.name} is done.", "bold green"), (f"  {extent}" if extent else "", "")]]
    readme = graded.exercise.directory / "README.md"
    section = _SECTION.search(read_text(readme)) if readme.exists() else None
    if section:
        told += [[], *_questions(_without_solutions(section[1].strip()))]
    return [*told, [], *_figures(graded)]


def _without_solutions(markdown: str) -> str:
    """A handout has no solutions to compare with."""
    return markdown if SOLUTIONS.is_dir() else kit.without_solutions(markdown)


def _questions(markdown: str) -> list[Line]:
    """Paragraphs and numbered questions, wrapped."""
    told: list[Line] = []
    for paragraph in re.split(r"\n\s*\n|\n(?=\d\. )", markdown):
        words = " ".join(paragraph.split())
        told += [[(line, "")] for line in wrap(words, 78, "   " if words[:1].isdigit() else "")]
    return told or list(workspace.as_text(markdown))


def _figures(graded: Graded) -> list[Line]:
    name = graded.exercise.files[0]
    own = next((s for s in graded.submission.code.sources if s.name == name), None)
    if own is None:
        return []
    text = f"Your {name}: {_lines(own)} lines of code"
    solution = read_source(SOLUTIONS, graded.exercise, name)
    if solution is not None and solution.content != own.content:
        text += f"; the solution: {_lines(solution)}"
    told: list[Line] = [[(text, "")]]
    if graded.exercise.base is not None:  # without threads there is nothing to measure
        told.append([(f"How fast it is: make bench EX={graded.exercise.number}", "")])
    return told


def _lines(source: Source) -> int:
    return c_text.lines_of_code(c_text.decoded(source.content))
