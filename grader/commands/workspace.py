"""The commands round the grading: list, hint, carry, reset, swap, handout."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from grader.commands import carry
from grader.errors import EXIT_PASSED, UsageError
from grader.exercises import EXERCISES, ROOT, Exercise, all_exercises, find, is_elective, shown
from grader.grading import given, progress
from grader.grading.progress import Entry
from grader.grading.submission import read_submission
from grader.grading.verdicts import OF_EXERCISES
from grader.output import hints, next_step, render
from grader.output.text import Line, wrap


def _one(ex: str, command: str) -> Exercise:
    if not ex.strip():
        raise UsageError(f"Which exercise? For example: make {command} EX=02")
    return find(ex)


def current(entries: dict[str, Entry]) -> Exercise | None:
    """The exercise a student is at: the first that has not passed, electives last."""
    todo = [e for e in all_exercises() if entries.get(e.name, _NOTHING).verdict != "passed"]
    todo.sort(key=is_elective)
    return todo[0] if todo else None


NOT_STARTED = "not started"
CHANGED = "changed since it passed"
_NOTHING = Entry("not_started", 0, 0, "", "")


# --------------------------------------------------------------------------------------- list


def show_list() -> int:
    """make list: nothing is run, it says what is known."""
    entries = progress.load()
    screen = render.Screen()
    known = [(exercise, entries.get(exercise.name, _NOTHING)) for exercise in all_exercises()]
    states = [_state(exercise, entry) for exercise, entry in known]
    lines = [_list_line(exercise, entry, state) for (exercise, entry), state in zip(known, states, strict=True)]
    changed = given.changed(all_exercises())
    lines += [[], _count(entries), []]
    if changed:
        lines += [*([(line, "yellow")] for line in wrap(given.words(changed), screen.width)), []]
    screen.lines([*lines, next_step.line(given.comparison(changed[0])) if changed else next_line()])
    return EXIT_PASSED


def next_line() -> Line:
    """The next step, from what is known of all exercises: the same wherever it is told."""
    entries = progress.load()
    changed = [e for e in all_exercises() if _state(e, entries.get(e.name, _NOTHING))[0] == CHANGED]
    now = current(entries)
    if changed:
        return next_step.line(f"make grade EX={changed[0].number}")
    return [("All is done.", "bold green")] if now is None else next_step.line(_next(now))


def _next(exercise: Exercise) -> str:
    submission = read_submission(EXERCISES, exercise)
    if set(submission.missing) & set(exercise.files):
        return f"make reset EX={exercise.number}"
    return next_step.start(exercise) if submission.is_untouched else f"make grade EX={exercise.number}"


def _count(entries: dict[str, Entry]) -> Line:
    core = [e for e in all_exercises() if not is_elective(e)]
    passed = sum(entries.get(e.name, _NOTHING).verdict == "passed" for e in core)
    return [*render.bar(passed, len(core), "green"), (f"  {passed} of {len(core)} exercises passed", "bold")]


def _list_line(exercise: Exercise, entry: Entry, state: tuple[str, str]) -> Line:
    words, style = state
    has_points = entry.max_points and words != NOT_STARTED
    points = f"{entry.points:>3}/{entry.max_points:<3}" if has_points else "       "
    widest = max(18, *(len(one.name) for one in all_exercises()))
    line: Line = [(f"{exercise.name:{widest}} ", "bold"), (f"{points}  ", ""), (words, style)]
    if is_elective(exercise):
        line.append(("  (elective)", "dim"))
    proved = progress.proved().get(exercise.name, "-")
    if words == OF_EXERCISES["passed"] and proved != "-":
        line.append((f"  {proved}", "dim"))
    return line


def _state(exercise: Exercise, entry: Entry) -> tuple[str, str]:
    """In words, and the style of them."""
    submission = read_submission(EXERCISES, exercise)
    key = submission.code.key
    if carry.is_swapped(exercise):
        return f"the solution is in place (make unswap EX={exercise.number})", "magenta"
    if submission.is_untouched and not entry.passed:
        return NOT_STARTED, "dim"
    if not entry.code:
        return "not graded yet", "yellow"
    if entry.passed and key != entry.passed:
        return CHANGED, "yellow"
    if key != entry.code:
        return "changed since it was graded", "yellow"
    return OF_EXERCISES.get(entry.verdict, entry.verdict), render.verdict_style(entry.verdict)


# --------------------------------------------------------------------------------------- hint


def hint(ex: str) -> int:
    """make hint: the next of the three; once all were shown, all again."""
    exercise = find(ex) if ex.strip() else current(progress.load())
    if exercise is None:
        raise UsageError("All is done. For the hints of one exercise: make hint EX=02")
    shown_now, left = hints.next_hints(exercise)
    lines: list[Line] = []
    if not shown_now:
        lines.append([(f"{exercise.name} has no hints.", "")])
    for one in shown_now:
        lines += [[(f"{exercise.name}, {_lower(one.title)}", "bold")], [], *as_text(one.text), []]
    if left:
        more = f"{left} more hint{'s' if left > 1 else ''}"
        lines.append([(f"{more}: ", "dim"), (f"make hint EX={exercise.number}", "bold")])
    elif shown_now:
        lines.append([("That was all. Then the task once more: ", "dim"), (_readme(exercise), "bold")])
    render.Screen().lines(lines)
    return EXIT_PASSED


def _lower(title: str) -> str:
    return title[:1].lower() + title[1:]


def _readme(exercise: Exercise) -> str:
    return f"{shown(EXERCISES / exercise.name)}/README.md"


def as_text(markdown: str) -> Sequence[Line]:
    """Paragraphs of Markdown as lines: wrapped, code marks left as they are."""
    lines: list[Line] = []
    for paragraph in re.split(r"\n\s*\n", markdown):
        if paragraph.lstrip().startswith(("-", "*", "1.", "|", "```")):
            lines += [[("  " + line, "")] for line in paragraph.splitlines()]
        else:
            lines += [[("  " + line, "")] for line in wrap(" ".join(paragraph.split()), 76)]
        lines.append([])
    return lines[:-1]


# ------------------------------------------------------------------- carry, reset, swap, handout


def _say(sentences: Sequence[str], following: str = "") -> int:
    screen = render.Screen()
    lines: list[Line] = [[(line, "")] for sentence in sentences for line in wrap(sentence, screen.width, whole=True)]
    if following:
        lines += [[], [("next  ", "dim"), (following, "bold")]]
    screen.lines(lines)
    return EXIT_PASSED


def carry_over(ex: str, tree: str, force: bool = False) -> int:
    exercise = _one(ex, "carry")
    return _say(carry.carry(exercise, tree, force), f"make grade EX={exercise.number}")


def adopt(tree: str) -> int:
    from grader.commands import adopt as adopting

    return _say(adopting.adopt(tree), "make grade")


def reset(ex: str) -> int:
    exercise = _one(ex, "reset")
    said = carry.reset(exercise)
    hints.forget(exercise)
    return _say(said, _next(exercise))


def swap(ex: str, file: str) -> int:
    return _say(carry.swap(_one(ex, "swap"), file))


def unswap(ex: str) -> int:
    exercise = _one(ex, "unswap")
    return _say(carry.unswap(exercise), _next(exercise))


def handout(rules: str) -> int:
    """rules: another class.toml, whose leave_out is left out."""
    from grader.commands import handout as packing

    unwanted: frozenset[str] = frozenset()
    if rules or (ROOT / "class.toml").exists():
        from grader.classroom import settings

        unwanted = settings.load(Path(rules).expanduser() if rules else None).leave_out
    leave_out, said = packing.left_out(unwanted)
    directory, archive = packing.make(leave_out)
    inside = ", ".join(one.name for one in all_exercises() if one.name not in leave_out)
    return _say([*said, f"In it: {inside}.", f"{shown(directory)}/", f"{shown(archive)}"])


def book() -> int:
    from grader import book as binding

    return _say([f"{shown(binding.make())}/index.html"])


def compile_commands() -> int:
    from grader.commands import compile_commands as clangd

    return _say([f"{shown(clangd.write())} is written."])
