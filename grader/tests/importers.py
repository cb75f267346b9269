"""What the importers of Moodle and Canvas do with a file, in our words: whose grade would change, and to what.

Read in Moodle's importgradeslib.php and locallib.php of mod/assign/feedback/offline and importziplib.php of
mod/assign/feedback/file (4.x, commits 9762977, 0497556 and 0203d8f), and in Canvas's lib/gradebook_importer.rb
(commit 00b222d). Nothing of them is copied; a rule that they have and we could break has a line here.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path


class NotAccepted(Exception):
    """The file as a whole is refused."""


# ------------------------------------------------------------------------------------------ Moodle


def moodle_worksheet(path: Path, participants: set[int], most: float) -> tuple[dict[int, float], dict[int, str]]:
    """Grades and comments that "Upload grading worksheet" would change, by participant."""
    rows = list(csv.reader(io.StringIO(path.read_text("utf-8-sig"), newline="")))
    header = rows[0]
    if any(header.count(name) != 1 for name in ("Identifier", "Grade", "Last modified (grade)")):
        raise NotAccepted("a column that it needs is missing")
    if any(len(row) != len(header) for row in rows):
        raise NotAccepted("a row has more or fewer fields than the header")
    grades, comments = {}, {}
    for row in rows[1:]:
        cells = dict(zip(header, row, strict=True))
        number = cells["Identifier"][len("Participant ") :]
        if not number.isdigit() or int(number) not in participants:
            continue  # nobody of this assignment
        text = cells["Grade"].strip()
        if text:
            grade = float(text)
            if 0 <= grade <= most:  # passed over when out of range
                grades[int(number)] = grade
        if cells.get("Feedback comments"):
            comments[int(number)] = cells["Feedback comments"]
    return grades, comments


def moodle_feedback(path: Path, participants: set[int]) -> dict[int, list[str]]:
    """The feedback files that "Upload multiple feedback files in a zip" would keep, by participant."""
    found: dict[int, list[str]] = {}
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            name = info.filename.rpartition("/")[2]
            if info.is_dir() or name.startswith((".", "~")):
                continue
            parts = info.filename.split("/")
            for number, part in enumerate(parts):
                words = part.split("_", 4)
                if len(words) < 4 or not words[1].isdigit() or int(words[1]) not in participants:
                    continue
                if (words[2], words[3]) not in (("assignfeedback", "file"), ("assignsubmission", "file")):
                    continue
                rest = [*([words[4]] if len(words) > 4 else [""]), *parts[number + 1 :]]
                found.setdefault(int(words[1]), []).append("/".join(rest))
                break
    return found


# ------------------------------------------------------------------------------------------ Canvas

_TOTALS = re.compile("|".join(f"{a} {b}" for a in ("Current", "Final") for b in ("Score", "Points", "Grade")))


def canvas(
    path: Path, students: Mapping[int, str], assignments: Mapping[int, str], scores: Mapping[tuple[int, int], str]
) -> dict[tuple[int, int], str]:
    """The grades that an upload would change, by user and assignment; a grade that it would remove is "".

    New assignments and students are not accepted here: an upload that makes one up asks the instructor whose it is."""
    text = path.read_text("utf-8-sig")
    lines = text.splitlines()[:3]
    delimiter = ";" if _fields(lines, ";") > _fields(lines, ",") else ","
    rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if any(map(str.strip, row))]
    columns = _assignments(rows[0], assignments)
    possible = next((row for row in rows if "Points Possible" in row[0]), rows[0])
    changed: dict[tuple[int, int], str] = {}
    for row in rows[1:]:
        if row is possible or all(re.fullmatch(r"\s*(Muted|Manual Posting.*)?\s*", cell, re.I) for cell in row):
            continue
        if not row[1].isdigit() or int(row[1]) not in students:
            raise NotAccepted(f"a new student {row[0]}")
        for column, assignment in columns.items():
            place = (int(row[1]), assignment)
            old, new = scores.get(place, ""), _number(row[column].strip())
            unchanged = new == old or (old in ("", "-") and new in ("", "-"))
            if not unchanged and "read only" not in possible[column]:
                changed[place] = new
    return changed


def _assignments(header: list[str], known: Mapping[int, str]) -> dict[int, int]:
    """The assignment of each column behind the section."""
    if not (len(header) > 3 and "Student" in header[0] and "ID" in header[1]):
        raise NotAccepted("invalid header row")
    count = 3
    if re.search(r"SIS\s+Login\s+ID", header[2]):
        count = 4
    elif re.search(r"SIS\s+User\s+ID", header[2]) and re.search(r"SIS\s+Login\s+ID", header[3]):
        count = 5
    if "Section" not in header[count - 1]:
        raise NotAccepted("invalid header row: the section is not where it is expected")
    columns = {}
    for column, name in enumerate(header[count:], count):
        found = re.fullmatch(r".*\((\d+)\)", name)
        if _TOTALS.search(name):
            continue
        if not found or int(found[1]) not in known:
            raise NotAccepted(f"a new assignment {name}")
        columns[column] = int(found[1])
    return columns


def _fields(lines: list[str], delimiter: str) -> int:
    counts = {len(row) for row in csv.reader(lines, delimiter=delimiter)}
    return counts.pop() if len(counts) == 1 else 0


def _number(text: str) -> str:
    """Two places behind a point, however it was written."""
    if not re.fullmatch(r"-?[0-9.,]+%?", text):
        return text
    *whole, last = re.split("[,.]", text)
    plain = f"{''.join(whole)}.{last}" if whole else last
    return f"{float(plain):.2f}"
