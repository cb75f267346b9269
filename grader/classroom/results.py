"""What came of a class: points by the instructor's rules, and every file that is made of them.

    class.csv  class.json  class.html     the class
    reports/STUDENT.txt                   what each student would have seen
    code/STUDENT.html                     the same beside the code
    near-copies/NUMBER.html               what is much alike, side by side
    gradebooks/moodle.csv  canvas.csv     to import
    gradebooks/ROSTER  moodle-feedback.zip  the gradebook's own file with grades, and the reports for Moodle
    gradebooks/junit/STUDENT.xml  tap/STUDENT.tap

One student's result is read at a time.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Sequence
from typing import Any

from grader import files
from grader.classroom import code_pages, gradebooks, intake, one_submission, rosters, similar
from grader.classroom.entries import Entries, Entry, normal
from grader.classroom.group import Class
from grader.classroom.rating import Scores, Student, remarks
from grader.classroom.rosters import Roster
from grader.classroom.sandbox import Sandbox


def read_students(group: Class, entries: Entries, roster: Roster | None = None) -> Iterator[Student]:
    """Each student's result, rated; one at a time. A group's submission is that of each of its members."""
    scores = Scores(group.settings, group.exercises)
    taken: set[str] = set()
    for name, entry in entries.of.items():
        read = group.result_file(name).read_bytes()
        for member in group.settings.members(name):
            student = json.loads(read)
            if not entry.has_times:
                student["submitted"] = None
            student |= {"student": member, "submission": name}
            scores.rate(student, roster.handed_in(name, entry) if roster else None)
            if normal(member) != normal(name):
                student["group"] = name
                student["student"] = (
                    member if member not in entries.of and member not in taken else f"{member} ({name})"
                )
            taken.add(student["student"])
            yield student


def what_counts(group: Class) -> str:
    """What each exercise is worth in the total, in a line."""
    worth = {exercise: 100 * group.settings.weight(exercise.name) for exercise in group.exercises}
    counted = [f"{exercise.name} {points:g}" for exercise, points in worth.items() if points]
    nothing = [exercise.name for exercise, points in worth.items() if not points]
    line = f"What counts: {', '.join(counted) or 'nothing'} points"
    return f"{line}; not counted: {', '.join(nothing)} ([weights] in class.toml)." if nothing else f"{line}."


def unknown_names(group: Class, entries: Entries) -> list[str]:
    """Those of class.toml that nobody here has, a sentence each."""
    here = {*entries.of, *(member for members in group.settings.groups.values() for member in members)}
    known = {normal(name): name for name in here}
    told = []
    for name in group.settings.named():
        if normal(name) not in known:
            near = difflib.get_close_matches(normal(name), known, 1)
            told.append(
                f"class.toml names {name}, of whom there is no submission"
                + (f"; is {known[near[0]]} meant?" if near else ".")
            )
    return told


def write_all(group: Class, entries: Entries, box: Sandbox, engine: str, notes: Sequence[str]) -> list[str]:
    """Writes every file; returns what the instructor should know at once, a line each."""
    from grader.classroom import page

    titles = [exercise.name for exercise in group.exercises]
    worth = {name: 100 * group.settings.weight(name) for name in titles}
    books = group.out / "gradebooks"
    for folder in (books / "junit", books / "tap", group.out / "reports"):
        folder.mkdir(parents=True, exist_ok=True)
    roster = rosters.load(group.roster, group.settings, group.exercises) if group.roster else None
    table = page.Table(titles, box.keeps, engine)
    sheets = {
        group.out / "class.csv": gradebooks.class_csv(titles),
        books / "moodle.csv": gradebooks.moodle_csv(worth),
        books / "canvas.csv": gradebooks.canvas_csv(worth),
    }
    pairs, remark = similar.pairs(group, entries)
    lines = [
        what_counts(group),
        *notes,
        *entries.lines(),
        *unknown_names(group, entries),
        *([remark] if remark else []),
    ]
    with open(group.out / ".class.json", "w", encoding="utf-8") as out:
        head = {"schema": 1, "sandbox": {"name": box.name, "keeps": box.keeps}, "engine": engine}
        out.write(json.dumps(head)[:-1] + ', "students": [')
        for number, student in enumerate(read_students(group, entries, roster)):
            _write_student(group, student)
            entry = entries.of[student["submission"]]
            place = group.out / "code" / f"{student['student']}.html"
            has_code = code_pages.of_student(place, student, _sources(group, entry))
            if roster:
                roster.add(student, entry)
            table.add(student, has_code)
            for sheet in sheets.values():
                sheet.add(student)
            for exercise in student["exercises"]:
                exercise.pop("report", None)
            out.write((",\n" if number else "\n") + json.dumps(student))
        out.write('\n], "similar": ' + json.dumps([pair.as_json() for pair in pairs]) + "}\n")
    (group.out / ".class.json").replace(group.out / "class.json")
    for path, sheet in sheets.items():
        files.write_atomically(path, sheet.text())
    if roster:
        lines += roster.write(books)
        roster.feedback(group.out / "reports", books / rosters.FEEDBACK_ZIP)
    table.write(group.out / "class.html", pairs, lines, code_pages.write_pairs(group.out / "near-copies", pairs))
    told = {what_counts(group), *entries.lines()}  # before grading began
    return ["", *table.overview(), "", *(line for line in lines if line not in told)]


def _sources(group: Class, entry: Entry) -> dict[str, dict[str, bytes]]:
    """What was graded, or could not be."""
    try:
        return intake.take_in(entry.path, one_submission.wanted(group.exercises), group.flat or None).files
    except intake.Rejected:
        return {}


def _write_student(group: Class, student: Student) -> None:
    name = student["student"]
    files.write_atomically(group.out / "reports" / f"{name}.txt", report(student))
    books = group.out / "gradebooks"
    files.write_atomically(books / "junit" / f"{name}.xml", gradebooks.junit(student["exercises"]))
    files.write_atomically(books / "tap" / f"{name}.tap", gradebooks.tap(student["exercises"]))


def report(student: Student) -> str:
    """What the student would have seen, exercise by exercise."""
    lines = [f"{student['student']}: {student['points']:g} of {student['max_points']:g}", ""]
    if student.get("group"):
        lines.insert(1, f"Handed in by {student['group']}.")
    alike = len({exercise["message"] for exercise in student["exercises"]}) == 1 < len(student["exercises"])
    if alike and not any(map(remarks, student["exercises"])):
        return "\n".join([*lines, student["exercises"][0]["message"], ""])  # such as: it can't be unpacked
    left_out: dict[tuple[str, str], list[str]] = {}
    for exercise in student["exercises"]:
        if remarks(exercise):
            lines += [*_exercise_report(exercise), ""]
        elif exercise["verdict"] == "not_started":
            left_out.setdefault(("Not started", ""), []).append(exercise["name"])
        elif exercise["verdict"] == "absent":
            why = exercise["message"] if exercise["message"] != intake.NOTHING else ""
            left_out.setdefault(("No file for", why), []).append(exercise["name"])
        else:
            lines += [*_exercise_report(exercise), ""]
    for (words, why), names in left_out.items():
        lines += [f"{words}: {', '.join(names)}{f'. {why}' if why else ''}", ""]
    return "\n".join(lines)


def _exercise_report(exercise: dict[str, Any]) -> list[str]:
    head = f"{exercise['name']}: {exercise['verdict'].replace('_', ' ')}"
    head += f", {exercise['points']:g} of {exercise['max_points']:g} points"
    if exercise["verdict"] == "passed":
        lines = [exercise["message"]] if exercise["message"] else []
    else:
        lines = gradebooks.account(exercise).splitlines()
    return [head, *(f"    {line}" for line in [*remarks(exercise), *exercise.get("notes", []), *lines])]
