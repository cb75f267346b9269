"""The story of a failing schedule as one self-contained page: a lane for each thread, the source beside it.

Arrow keys step through the schedule. The page fetches nothing: data, style and script are inside it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from grader import files
from grader.grading.outcome import TestResult
from grader.grading.story import Note, Step, Story, access_words, words_of
from grader.grading.submission import Code
from grader.grading.verdicts import OF_TESTS
from grader.output import pages


def write(path: Path, result: TestResult, code: Code) -> None:
    """Writes the page of a result that has a story."""
    assert result.story is not None
    story = Story(result.story, code)
    data = {
        "threads": story.names,
        "steps": [_step(story, step) for step in story.steps],
        "before": story.omitted,
        "files": _files(story),
    }
    text = pages.fill(
        Path(__file__).with_name("story.html.j2"),
        title=f"{OF_TESTS[result.verdict]}: {result.sentence}",
        result=result,
        notes=_notes(story),
        data=pages.for_script(data),
    )
    files.write_atomically(path, text)


def _step(story: Story, step: Step) -> dict[str, Any]:
    spot = step.spot
    if not spot.line:
        spot = next((s for s in step.stack if s.line), spot)
    callers = [f"{s.function} ({s.short})" for s in step.stack if s.line][:6]
    text = words_of(story, step)
    return {
        "n": step.number,
        "thread": step.thread,
        "text": text,
        "op": step.op,
        "file": spot.file,
        "line": spot.line,
        "callers": callers,
    }


def _files(story: Story) -> dict[str, list[str]]:
    names = {s.file for step in story.steps for s in (step.spot, *step.stack) if s.file}
    return {name: story.source(name) for name in sorted(names) if story.source(name)}


def _notes(story: Story) -> list[dict[str, Any]]:
    notes = [_note(story, note) for note in story.accesses]
    if story.tells_its_end:
        notes += [_note(story, note) for note in story.ends]
        notes += [
            {"text": f"What would have woken {story.name(w.thread)}: {w.text}", "places": []} for w in story.wakers
        ]
    return notes


def _note(story: Story, note: Note) -> dict[str, Any]:
    return {"text": access_words(story, note), "places": [f"{s.short} {s.function}" for s in note.stack[:3]]}
