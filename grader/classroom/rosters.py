"""A gradebook's own file, given as ROSTER=: the same file comes back, with the grades in it.

Two are known by their header: the grading worksheet of a Moodle assignment, and the export of Canvas's gradebook. Only
cells that there is something to say for are filled; all others, and what of it is not due, stay as they came, since
Canvas takes an empty cell for a grade that was removed. What the importers ask was read in Moodle's
mod/assign/feedback/offline/importgradeslib.php (4.x, commit 9762977) with locallib.php (commit 0497556) and
mod/assign/feedback/file/importziplib.php (commit 0203d8f), and in Canvas's lib/gradebook_importer.rb (commit 00b222d).
"""

from __future__ import annotations

import csv
import datetime as dt
import difflib
import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from grader import files
from grader.classroom import gradebooks, rating
from grader.classroom.entries import Entry, normal
from grader.classroom.intake import NOTHING, exercise_named
from grader.classroom.rating import Student
from grader.classroom.settings import Settings
from grader.errors import UsageError
from grader.exercises import Exercise

OURS = "Channels in C: "  # begins a feedback that is ours, so that the next one replaces it
FEEDBACK_ZIP = "moodle-feedback.zip"
_NAMED = 6  # students, in one line of what is told


class _Form(Protocol):
    """What is particular to one kind of file."""

    students: range  # the rows of students
    by_account: Mapping[str, int]
    by_name: Mapping[str, list[int]]
    columns: Mapping[int, Sequence[str]]  # of grades: the exercises in each

    def most(self, row: int, column: int) -> float | None: ...
    def write(self, row: int, column: int, text: str) -> bool: ...
    def comment(self, row: int, text: str) -> None: ...
    def handed_in(self, row: int) -> dt.datetime | None: ...
    def shown(self, row: int) -> str: ...


@dataclass
class Sheet:
    """A CSV file as it came: its cells, and how it is written."""

    path: Path
    rows: list[list[str]]
    delimiter: str = ","
    end: str = "\n"
    has_mark: bool = False  # that it is UTF-8

    @classmethod
    def read(cls, path: Path) -> Sheet:
        try:
            data = path.read_bytes()
            text = data.decode("utf-8-sig")
        except OSError as error:
            raise UsageError(f"ROSTER={path} can't be read: {error.strerror}.") from error
        except UnicodeDecodeError as error:
            raise UsageError(f"ROSTER={path} is not in UTF-8, as Moodle and Canvas write it.") from error
        head = text.partition("\n")[0]
        delimiter = max(",;\t", key=head.count)
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
        return cls(path, rows, delimiter, "\r\n" if head.endswith("\r") else "\n", data.startswith(b"\xef\xbb\xbf"))

    def write(self, path: Path) -> None:
        out = io.StringIO()
        csv.writer(out, delimiter=self.delimiter, lineterminator=self.end).writerows(self.rows)
        files.write_atomically(path, ("\ufeff" if self.has_mark else "") + out.getvalue())

    def cell(self, row: int, column: int | None) -> str:
        return self.rows[row][column] if column is not None and column < len(self.rows[row]) else ""


@dataclass
class Roster:
    """The file, and what of it was filled in."""

    sheet: Sheet
    form: _Form
    rules: Settings
    filled: dict[int, list[Student]] = field(default_factory=dict)  # by row; more than one can't be
    told: list[str] = field(default_factory=list)
    without_row: list[str] = field(default_factory=list)

    def rows_of(self, student: str, entry: Entry) -> list[int]:
        """The rows of one submission: one, or those of a Moodle group."""
        groups = self.form.groups.get(normal(student), []) if isinstance(self.form, Worksheet) else []
        account = entry.origin.account if entry.origin and normal(student) == normal(entry.student) else ""
        if groups:
            return groups
        if account in self.form.by_account:
            return [self.form.by_account[account]]
        named = self.form.by_name.get(normal(student), [])
        return named if len(named) == 1 else []

    def handed_in(self, student: str, entry: Entry) -> dt.datetime | None:
        """When, as the file says."""
        times = [time for row in self.rows_of(student, entry) if (time := self.form.handed_in(row))]
        return max(times, default=None)

    def add(self, student: Student, entry: Entry) -> None:
        """Notes whose rows a result belongs to."""
        rows = self.rows_of(student["student"], entry)
        if not rows:
            self.without_row.append(student["student"])
        for row in rows:
            self.filled.setdefault(row, []).append(student)

    def write(self, directory: Path) -> list[str]:
        """Fills the file in and writes it there; says what was not."""
        graded = 0
        open_ones: list[str] = []
        for row, some in self.filled.items():
            if len(some) > 1:
                names = " and ".join(student["student"] for student in some)
                self.told.append(f"{self._name}: {self.form.shown(row)} has two submissions, {names}: not filled in.")
            elif self._fill(row, some[0]):
                graded += 1
            else:
                open_ones.append(self.form.shown(row))
        left = [self.form.shown(row) for row in self.form.students if row not in self.filled]
        self.sheet.write(directory / self._name)
        lines = [f"{self._name}: {graded} of {len(self.form.students)} rows have grades now.", *self.told]
        several = [name for name in self.without_row if normal(name) in self.form.by_name]
        none = [self._nearest(name) for name in self.without_row if name not in several]
        lines += [f"{self._name} has no row for: {_few(none)}."] if none else []
        lines += [f"{self._name} has several rows for: {_few(several)}."] if several else []
        if open_ones:
            lines.append(f"{self._name}: not due yet, excused, or not to be changed: {_few(open_ones)}.")
        if left:
            lines.append(f"{self._name}: no submission of {_few(left)}; left as it was.")
        return lines

    def _fill(self, row: int, student: Student) -> bool:
        done = [
            self.form.write(row, column, text) for column, names in self.form.columns.items()
            if (text := self._cell(row, column, names, student)) != ""
        ]  # fmt: skip
        if all(done) and done:
            self.form.comment(row, OURS + _in_one_line(student))
        return any(done)

    def _cell(self, row: int, column: int, names: Sequence[str], student: Student) -> str:
        """What a column gets: the sum of its exercises, scaled to its points; nothing while one is not due."""
        found = [exercise for exercise in student["exercises"] if exercise["name"] in names]
        if any("due" in exercise or exercise["verdict"] == "environment" for exercise in found):
            return ""
        counted = [exercise for exercise in found if not exercise.get("excused")]
        if not counted:
            return "EX" if found else ""
        weights = [exercise["weight"] for exercise in counted] if len(counted) > 1 else [1.0]
        most = self.form.most(row, column)
        most = 100 * sum(weights) if most is None else most
        parts = [rating.part(exercise) * weight for exercise, weight in zip(counted, weights, strict=True)]
        return gradebooks.number(most * sum(parts) / sum(weights)) if sum(weights) else ""

    @property
    def _name(self) -> str:
        return self.sheet.path.name

    def _nearest(self, name: str) -> str:
        """The name, and the one in the file that it may be."""
        shown = {normal(self.form.shown(row)): self.form.shown(row) for row in self.form.students}
        near = difflib.get_close_matches(normal(name), shown, 1)
        return f"{name} (is {shown[near[0]]} meant?)" if near else name

    def feedback(self, reports: Path, path: Path) -> None:
        """Moodle's feedback files: report.txt, in a folder named as its import wants it. Nothing for Canvas."""
        if not isinstance(self.form, Worksheet):
            return
        whole = io.BytesIO()
        with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
            for row, some in sorted(self.filled.items()):
                report = reports / f"{some[0]['student']}.txt"
                if len(some) == 1 and report.is_file():
                    info = zipfile.ZipInfo(f"{self.form.folder(row)}/report.txt", (2000, 1, 1, 0, 0, 0))
                    info.compress_type = zipfile.ZIP_DEFLATED
                    archive.writestr(info, report.read_bytes())
        files.write_atomically(path, whole.getvalue())


def load(path: Path, rules: Settings, exercises: Sequence[Exercise]) -> Roster:
    """The roster in that file, with what class.toml says of its columns."""
    sheet = Sheet.read(path)
    names = [exercise.name for exercise in exercises]
    header = [text.strip().lower() for text in sheet.rows[0]] if sheet.rows else []
    told: list[str] = []
    if {"identifier", "grade", "last modified (grade)"} <= set(header):
        return Roster(sheet, Worksheet.of(sheet, rules, names), rules)
    if header[:1] in (["student"], ["lastname"]) and {"id", "section"} <= set(header):
        return Roster(sheet, CanvasExport.of(sheet, rules, names, told), rules, told=told)
    raise UsageError(
        f"ROSTER={path} is neither Moodle's grading worksheet (Identifier, ..., Grade) nor an export of Canvas's "
        "gradebook (Student, ID, ..., Section). Download it again with the language set to English."
    )


# ------------------------------------------------------------------------------------------ Moodle


@dataclass
class Worksheet:
    """Moodle's grading worksheet: one grade a row, for the assignment it was downloaded from."""

    sheet: Sheet
    places: Mapping[str, int]
    students: range
    by_account: Mapping[str, int]
    by_name: Mapping[str, list[int]]
    groups: Mapping[str, list[int]]
    columns: Mapping[int, Sequence[str]]

    @classmethod
    def of(cls, sheet: Sheet, rules: Settings, exercises: Sequence[str]) -> Worksheet:
        header = sheet.rows[0]
        places = {text.strip().lower(): column for column, text in enumerate(header)}
        if "maximum grade" not in places:
            raise UsageError(f"ROSTER={sheet.path}: the assignment has a scale. Give it points in Moodle.")
        students = range(1, len(sheet.rows))
        accounts = {_last_number(sheet.cell(row, places["identifier"])): row for row in students}
        of_people = [c for c in range(places.get("status", places["grade"])) if c != places["identifier"]]
        names = _index(sheet, students, of_people)
        groups = _index(sheet, students, [places["group"]] if "group" in places else [])
        counted = [name for name in exercises if rules.weight(name)] or list(exercises)
        chosen = rules.gradebook.get(header[places["grade"]].strip(), counted)
        return cls(sheet, places, students, accounts, names, groups, {places["grade"]: chosen})

    def most(self, row: int, column: int) -> float | None:
        return _number(self.sheet.cell(row, self.places["maximum grade"]))

    def write(self, row: int, column: int, text: str) -> bool:
        if text == "EX" or self.sheet.cell(row, self.places.get("grade can be changed")).strip().lower() == "no":
            return False
        most = self.most(row, column)
        if most is not None and float(text) > most:  # what is above is passed over by the import
            text = gradebooks.number(most)
        has_comma = "," in self.sheet.cell(row, self.places["maximum grade"])
        self.sheet.rows[row][column] = text.replace(".", ",") if has_comma else text
        return True

    def comment(self, row: int, text: str) -> None:
        column = self.places.get("feedback comments")
        if column is not None and (not self.sheet.cell(row, column) or self.sheet.cell(row, column).startswith(OURS)):
            self.sheet.rows[row][column] = text

    def handed_in(self, row: int) -> dt.datetime | None:
        return moodles_time(self.sheet.cell(row, self.places.get("last modified (submission)")))

    def shown(self, row: int) -> str:
        return self.sheet.cell(row, self.places.get("full name")) or self.sheet.cell(row, self.places["identifier"])

    def folder(self, row: int) -> str:
        """As Moodle's import of feedback files takes it apart, at the underscores."""
        name = re.sub(r"[^\w .,'-]|_", " ", self.sheet.cell(row, self.places.get("full name"))).strip(" .")
        number = _last_number(self.sheet.cell(row, self.places["identifier"]))
        return f"{name or 'Participant'}_{number}_assignfeedback_file_"


def _last_number(text: str) -> str:
    found = re.search(r"(\d+)\s*$", text)
    return found[1] if found else ""


_TIMES = ("%A, %d %B %Y, %I:%M %p", "%A, %B %d, %Y, %I:%M %p", "%A, %d %B %Y, %H:%M")


def moodles_time(text: str) -> dt.datetime | None:
    """Sunday, 29 November 2026, 11:58 PM: local time, in English or in American English."""
    for form in _TIMES:
        try:
            return dt.datetime.strptime(" ".join(text.split()), form).astimezone()
        except ValueError:
            continue
    return None


# ------------------------------------------------------------------------------------------ Canvas

_TOTALS = re.compile(r"(Current|Final) (Score|Points|Grade)|Override (Score|Grade|Status)")
_TITLE = re.compile(r"(.*?)\s*(?:\((\d+)\))?\s*")


@dataclass
class CanvasExport:
    """The export of Canvas's gradebook: a column an assignment."""

    sheet: Sheet
    id_column: int
    possible: int | None  # the row of the points that there are
    students: range
    by_account: Mapping[str, int]
    by_name: Mapping[str, list[int]]
    columns: Mapping[int, Sequence[str]]

    @classmethod
    def of(cls, sheet: Sheet, rules: Settings, exercises: Sequence[str], told: list[str]) -> CanvasExport:
        header = [text.strip() for text in sheet.rows[0]]
        section, number = header.index("Section"), header.index("ID")
        possible = next((r for r in range(len(sheet.rows)) if "Points Possible" in sheet.cell(r, 0)), None)
        first = next((r for r in range(1, len(sheet.rows)) if sheet.cell(r, number).strip()), len(sheet.rows))
        students = range(first, len(sheet.rows))
        accounts = {sheet.cell(row, number).strip(): row for row in students}
        of_people = [column for column in range(section) if column != number]
        names = {**_index(sheet, students, of_people), **_in_order(sheet, students, number)}
        columns = _columns_of(sheet, rules, exercises, possible, section, told)
        return cls(sheet, number, possible, students, accounts, names, columns)

    def most(self, row: int, column: int) -> float | None:
        return None if self.possible is None else _number(self.sheet.cell(self.possible, column))

    def write(self, row: int, column: int, text: str) -> bool:
        if self.sheet.cell(row, column).strip() == "N/A":  # not assigned to this student
            return False
        self.sheet.rows[row] += [""] * (column + 1 - len(self.sheet.rows[row]))
        self.sheet.rows[row][column] = text
        return True

    def comment(self, row: int, text: str) -> None:
        """Its gradebook takes none."""

    def handed_in(self, row: int) -> dt.datetime | None:
        return None

    def shown(self, row: int) -> str:
        return ", ".join(self.sheet.cell(row, column) for column in range(self.id_column))


def _columns_of(
    sheet: Sheet, rules: Settings, exercises: Sequence[str], possible: int | None, section: int, told: list[str]
) -> dict[int, Sequence[str]]:
    """Which exercises each assignment is for: as class.toml says, or as it is called."""
    columns: dict[int, Sequence[str]] = {}
    titles: dict[int, str] = {}
    for column, text in enumerate(sheet.rows[0]):
        is_total = _TOTALS.search(text) or "read only" in sheet.cell(possible or 0, column)
        if column <= section or is_total or not text.strip():
            continue
        title = _TITLE.fullmatch(text)
        titles[column] = title[1] if title else text
        named = exercise_named(titles[column])
        chosen = rules.gradebook.get(titles[column], rules.gradebook.get(text.strip(), [named] if named else []))
        if wanted := [name for name in chosen if name in exercises]:
            columns[column] = wanted
    known = {*titles.values(), *(text.strip() for text in sheet.rows[0])}
    for name in rules.gradebook:
        if name not in known:
            raise UsageError(f"class.toml, [gradebook]: {sheet.path.name} has no column {name}; {_have(titles)}")
    if not columns:
        raise UsageError(
            f"ROSTER={sheet.path}: no column is called as an exercise that is graded; {_have(titles)} Say in "
            f'class.toml which one is for what: [gradebook] and "{next(iter(titles.values()), "Homework 1")}" = '
            f'["{exercises[0]}"].'
        )
    without = [name for name in exercises if not any(name in some for some in columns.values())]
    if without:
        told.append(f"{sheet.path.name} has no column for {', '.join(without)}.")
    return columns


def _have(titles: Mapping[int, str]) -> str:
    return f"it has {', '.join(titles.values())}." if titles else "it has no assignments."


def _in_order(sheet: Sheet, students: range, columns: int) -> dict[str, list[int]]:
    """The rows by the names in both orders: Lovelace, Ada and Ada Lovelace."""
    found: dict[str, list[int]] = {}
    for row in students:
        parts = ",".join(sheet.cell(row, column) for column in range(columns)).split(",")
        for order in (parts, [*parts[1:], parts[0]]):
            found.setdefault(normal(" ".join(order)), []).append(row)
    return {name: list(dict.fromkeys(rows)) for name, rows in found.items()}


# ------------------------------------------------------------------------------------------- both


def _index(sheet: Sheet, students: range, columns: Sequence[int]) -> dict[str, list[int]]:
    """The rows by what stands in these columns."""
    found: dict[str, list[int]] = {}
    for row in students:
        for text in {normal(sheet.cell(row, column)) for column in columns}:
            if text:
                found.setdefault(text, []).append(row)
    return found


def _number(text: str) -> float | None:
    try:
        return float(text.strip().replace(",", "."))
    except ValueError:
        return None


def _in_one_line(student: Student) -> str:
    """What a student reads beside the grade."""
    said: list[str] = []
    for exercise in student["exercises"]:
        nothing = exercise["verdict"] == "not_started" or exercise.get("message") == NOTHING
        if nothing and not rating.remarks(exercise):
            continue
        if exercise["verdict"] == "absent":
            said.append(f"{exercise['name']}: {exercise.get('message', '')}")
            continue
        points = f"{exercise['points']:g} of {exercise['max_points']:g} points"
        parts = [f"{exercise['name']} {exercise['verdict'].replace('_', ' ')}, {points}."]
        said.append(" ".join([*parts, *rating.remarks(exercise)]))
    return " ".join(said) or "nothing was handed in."


def _few(names: Sequence[str]) -> str:
    return "; ".join(names) if len(names) <= _NAMED else f"{'; '.join(names[:_NAMED])} and {len(names) - _NAMED} more"
