"""How Moodle and Canvas name what they give an instructor to download: whose each entry is, and what it was called.

    Ada Lovelace_12345_assignsubmission_file_/...            Moodle, a folder a student; without the last _ since 4.1
    Ada Lovelace_12345_assignsubmission_file_homework.zip    Moodle, without folders
    Participant_12345_assignsubmission_file_/...             Moodle, with blind marking
    lovelaceada_LATE_1815_70012_channel-1.c                  Canvas: user, file, and the file's name
    LATE_anon_x7Bq2_70012_channel.c                          Canvas, with anonymous grading

As written by Moodle's mod/assign/classes/downloader.php (4.x, commit 2a6fd31) and Canvas's lib/content_zipper.rb
(commit 05e9653). The names of a user hold no underscore in Moodle, and none with a number in it in Canvas. Neither
keeps the time at which something was handed in: what the zip says is when it was made.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_MOODLE = re.compile(r"(?P<student>[^_]+)(?:_(?P<account>\d+))?_assignsubmission_(?P<plugin>[a-z]+)(?:_(?P<rest>.*))?")
_CANVAS = re.compile(
    r"(?:(?!LATE_|anon_)(?P<student>.+?)_)?(?P<late>LATE_)?(?:anon_(?P<anonymous>[0-9A-Za-z]{5})|(?P<account>\d+))_"
    r"(?:(?P<file>\d+)_(?P<rest>.+)|(?P<text>(?:text|link)\.html))"
)
_AGAIN = re.compile(r"(.+)-\d+(\.\w+)")  # Canvas numbers what is handed in again: channel-1.c


@dataclass(frozen=True)
class Origin:
    """What the name of a downloaded entry tells."""

    service: str  # "Moodle" or "Canvas"
    student: str  # the name; of Canvas without spaces: lovelaceada
    account: str  # the number that the gradebook's export has, too
    rest: str  # the name of the file as it was handed in, or nothing for a folder
    is_text: bool = False  # written into a field of the page, not a file
    is_late: bool = False

    @property
    def is_of_nobody(self) -> bool:
        """Is the name no name, because students are hidden?"""
        return self.student.lower() in ("participant", "anon")


def origin(name: str) -> Origin | None:
    """Whose that entry of a download is; none where it does not look like one."""
    if found := _MOODLE.fullmatch(name):
        account = found["account"] or ""
        is_text = found["plugin"] != "file"
        return Origin("Moodle", found["student"].strip(), account, found["rest"] or "", is_text)
    if found := _CANVAS.fullmatch(name):
        account = found["account"] or found["anonymous"]
        student = found["student"] or ("anon" if found["anonymous"] else account)
        rest = found["rest"] or found["text"]
        return Origin("Canvas", student, account, rest, bool(found["text"]), bool(found["late"]))
    return None


def as_handed_in(name: str) -> str:
    """channel.c for channel-1.c, which is what Canvas makes of a name it has seen before."""
    found = _AGAIN.fullmatch(name)
    return found[1] + found[2] if found else name
