"""Downloads of Moodle and Canvas, and a folder of 33 odd entries: made here, and what each is to come to.

python3 -m grader.tests.odd_entries DIR    # DIR/moodle.zip, DIR/canvas.zip, DIR/folder/, and their gradebooks
"""

from __future__ import annotations

import csv
import io
import os
import sys
import tarfile
import unicodedata
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from grader.exercises import SOLUTIONS

RIGHT = (SOLUTIONS / "02_blocking" / "channel.c").read_bytes() if SOLUTIONS.is_dir() else b"int x;\n"
PLACE = "02_blocking/channel.c"


def zipped(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def tarred(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


# ------------------------------------------------------------------------------------- 33 odd entries

# Name of the entry: its files (a directory), or its bytes, and what must be said of it. `taken` is a submission of
# which channel.c is taken, with what must stand in the notes; `none` one of which nothing is, with what must stand in
# the message; `over` no submission, with the reason.
Odd = tuple[Mapping[str, bytes] | bytes | None, str, str]
OTHER = b"/* another one */\n" + RIGHT

ODD: dict[str, Odd] = {
    "ada": ({PLACE: RIGHT}, "taken", ""),
    "bob.zip": (zipped({PLACE: RIGHT}), "taken", ""),
    "cyd.tar.gz": (tarred({f"cyd/exercises/{PLACE}": RIGHT}), "taken", ""),
    "dan.ZIP": (zipped({"homework/02/channel.c": RIGHT}), "taken", ""),
    "eve": ({"homework.zip": zipped({PLACE: RIGHT}), "report.pdf": b"%PDF"}, "taken", ""),
    "fay": ({"fay.zip": zipped({"notes.txt": b"x"}), "report.pdf": b"%PDF"}, "none", "fay.zip: There is notes"),
    "gus": ({"report.pdf": b"%PDF", "photo.jpg": b"x"}, "none", "There is photo.jpg and report.pdf, but no"),
    "hal": ({"02_blocking/Channel.c": RIGHT}, "none", "02_blocking/Channel.c, but no channel.c"),
    "ida": ({"02_blocking/channel-1.c": RIGHT}, "none", "02_blocking/channel-1.c, but no channel.c"),
    "jan.rar": (b"Rar!", "none", "jan.rar: a .rar archive can't be read here"),
    "kim": ({"kim.7z": b"7z"}, "none", "kim.7z: a .7z archive can't be read here"),
    "lea.7z": (b"7z", "none", "lea.7z: a .7z archive"),
    "mia.c": (RIGHT, "taken", "mia.c was taken as channel.c"),
    "ned": ({"ex01/channel.c": OTHER, "ex02/channel.c": RIGHT}, "taken", "Taken from ex02/channel.c"),
    "ole": ({PLACE: RIGHT, f"old/{PLACE}": OTHER}, "taken", f"{PLACE} was graded, and not old/{PLACE}"),
    "pia": ({f"backup/{PLACE}": OTHER, f"homework/{PLACE}": RIGHT}, "none", f"backup/{PLACE} and homework/{PLACE}"),
    "quy": ({"channel.c": OTHER, PLACE: RIGHT}, "none", "only one can count: channel.c"),
    "rex": ({"first/channel.c": OTHER, "second/channel.c": RIGHT}, "none", "first/channel.c and second/channel.c"),
    "sue": ({f"a/{PLACE}": RIGHT, f"b/{PLACE}": RIGHT}, "taken", ""),
    "tom": ({"one.zip": zipped({PLACE: RIGHT}), "two.zip": zipped({PLACE: OTHER})}, "none", "2 archives in it"),
    "uwe": ({PLACE: RIGHT, "later.zip": zipped({PLACE: OTHER})}, "taken", "later.zip beside it was not looked into"),
    "val.zip": (b"no archive at all", "none", "The archive can't be read"),
    "wes": ({"outer.zip": zipped({"inner.zip": zipped({PLACE: RIGHT})})}, "none", "outer.zip: There is inner.zip"),
    "xia": ({}, "none", "There is no file for this exercise."),
    "yan.zip": (zipped({f"../{PLACE}": RIGHT}), "none", "a path that leaves it"),
    unicodedata.normalize("NFD", "Zoë"): ({PLACE: RIGHT}, "taken", ""),
    "zoë.zip": (zipped({PLACE: RIGHT}), "taken", ""),
    "ada.zip": (zipped({PLACE: OTHER}), "taken", ""),
    "link": (None, "none", "a symbolic link"),
    "notes.txt": (b"x", "over", "neither a directory nor an archive"),
    ".hidden.zip": (zipped({PLACE: RIGHT}), "over", "begins with a dot"),
    "channel.c": (RIGHT, "over", "whose is it?"),
    "01_single_thread": ({"channel.c": RIGHT}, "over", "an exercise, not a student"),
}


def write_folder(directory: Path) -> None:
    for name, (content, _, _) in ODD.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            path.symlink_to("ada")
        elif isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.mkdir()
            for file, data in content.items():
                (path / file).parent.mkdir(parents=True, exist_ok=True)
                (path / file).write_bytes(data)


# ------------------------------------------------------------------------------------ Moodle and Canvas

MOODLE: dict[str, tuple[int, dict[str, bytes]]] = {  # name: number, what is handed in; each under the folder's name
    "Ada Lovelace": (12345, {"channel.c": RIGHT}),
    unicodedata.normalize("NFD", "Zoë O'Neill"): (12346, {"hw.zip": zipped({PLACE: RIGHT}), "report.pdf": b"%PDF"}),
    "Jan Kowalski": (12347, {"solution.rar": b"Rar!"}),
    "=cmd Formula": (12348, {"report.pdf": b"%PDF"}),
    "Ann Lee": (12349, {PLACE: RIGHT}),
}
NAMESAKE = ("Ann Lee", 12350)


def moodle_name(student: str, number: int, plugin: str = "file", end: str = "_") -> str:
    return f"{student}_{number}_assignsubmission_{plugin}{end}"


def moodle_zip(path: Path, rename: Callable[[str], str] = lambda name: name, flat: bool = False) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for student, (number, handed_in) in MOODLE.items():
            for name, data in handed_in.items():
                folder = moodle_name(rename(student), number)
                archive.writestr(f"{folder}{name.replace('/', '_') if flat else f'/{name}'}", data)
        archive.writestr(f"{moodle_name(rename(NAMESAKE[0]), NAMESAKE[1], end='')}/channel.c", RIGHT)
        archive.writestr(f"{moodle_name(rename('Ada Lovelace'), 12345, 'onlinetext')}/onlinetext.html", "<p>Done.")


SUBMITTED = "Sunday, 29 November 2026, 11:58 PM"
WORKSHEET = [
    "Identifier", "Full name", "Email address", "Status", "Grade", "Maximum grade", "Grade can be changed",
    "Last modified (submission)", "Last modified (grade)", "Feedback comments",
]  # fmt: skip


def worksheet(path: Path, most: str = "20.00", bom: bool = True) -> None:
    """Moodle's grading worksheet of that class, and of one student who has handed in nothing."""
    people = [(name, number) for name, (number, _) in MOODLE.items()] + [NAMESAKE, ("Never Here", 12351)]
    rows: list[Sequence[str]] = [WORKSHEET]
    for name, number in people:
        here = name != "Never Here"
        status, when = ("Submitted for grading - ", SUBMITTED) if here else ("No submission", "-")
        mail = f"s{number}@example.org"
        shown = unicodedata.normalize("NFC", name)
        rows.append([f"Participant {number}", shown, mail, status, "", most, "Yes", when, "-", ""])
    write_csv(path, rows, bom)


def write_csv(path: Path, rows: Sequence[Sequence[str]], bom: bool = False, delimiter: str = ",") -> None:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator="\n").writerows(rows)
    path.write_bytes((b"\xef\xbb\xbf" if bom else b"") + out.getvalue().encode())


CANVAS: dict[
    str, tuple[int, bool, dict[int, tuple[str, bytes]]]
] = {  # sortable name: user, late, what is handed in, by number of the file
    "Lovelace, Ada": (1815, False, {70011: ("channel.c", RIGHT)}),
    "O'Neill, Zoë": (1816, True, {70012: ("channel-1.c", RIGHT)}),
    "Kowalski, Jan": (1817, False, {70013: ("channel.c", OTHER), 70014: ("channel-1.c", RIGHT)}),
    "Lee, Ann": (1818, False, {70015: ("homework-2.zip", zipped({PLACE: RIGHT})), 70016: ("report.pdf", b"%PDF")}),
    "Text, Only": (1819, False, {}),
}


def canvas_name(student: str, user: int, late: bool) -> str:
    name = "".join(c for c in student.lower() if c.isalnum() or c == "_")
    return f"{name}_{'LATE_' if late else ''}{user}"


def canvas_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for student, (user, late, handed_in) in CANVAS.items():
            for number, (name, data) in handed_in.items():
                archive.writestr(f"{canvas_name(student, user, late)}_{number}_{name}", data)
            if not handed_in:
                archive.writestr(f"{canvas_name(student, user, late)}_text.html", "<p>int x;</p>")


def gradebook(path: Path, delimiter: str = ",") -> None:
    """Canvas's gradebook export: two assignments of this kit, one of something else, and totals."""
    rows: list[list[str]] = [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Essay (501)", "02_blocking (502)",
         "Message type (503)", "Assignments Current Score", "Final Grade"],
        ["", "", "", "", "", "", "Manual Posting", "", "", ""],
        ["    Points Possible", "", "", "", "", "10.00", "25.00", "50.00", "(read only)", "(read only)"],
    ]  # fmt: skip
    for student, (user, _, _) in CANVAS.items():
        rows.append([student, str(user), f"sis{user}", f"login{user}", "Group A", "7.50", "", "12.00", "70.00", "C"])
    rows.append(["Test Student", "1999", "", "", "Group A", "", "N/A", "", "", ""])
    write_csv(path, rows, delimiter=delimiter)


def write(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    moodle_zip(directory / "moodle.zip")
    worksheet(directory / "worksheet.csv")
    canvas_zip(directory / "canvas.zip")
    gradebook(directory / "gradebook.csv")
    write_folder(directory / "folder")


if __name__ == "__main__":
    os.umask(0o022)
    write(Path(sys.argv[1]))
