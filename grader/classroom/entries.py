"""What SUBMISSIONS holds: each entry is somebody's submission, or is passed over with the reason.

A directory, or a zip, with an entry a student: a directory, an archive, a lone file. Downloads of Moodle and Canvas
are taken as they come, unpacked or not. What is not a directory or an archive of its own by then (the zip, files that
are several a student) is copied to OUT/collected/STUDENT/, where a file that has not changed is left alone.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from grader import files
from grader.classroom import downloads, intake
from grader.classroom.downloads import Origin
from grader.errors import UsageError
from grader.exercises import all_exercises

MAX_NAME = 200  # bytes of a student's name
MAX_FILE = 64 << 20  # bytes of one file in a download
SOURCES = (".c",)


@dataclass(frozen=True)
class Entry:
    """One student's submission."""

    student: str  # a name that can be shown, and name a file; in NFC
    path: Path
    origin: Origin | None = None  # of a download of Moodle's or Canvas's

    @property
    def has_times(self) -> bool:
        """Does it tell when it was handed in? A download tells when it was downloaded."""
        return self.origin is None


@dataclass
class Entries:
    """All that is in SUBMISSIONS."""

    of: dict[str, Entry] = field(default_factory=dict)  # by student, sorted
    passed_over: list[str] = field(default_factory=list)  # "notes.txt: neither a directory nor an archive"
    remarks: list[str] = field(default_factory=list)  # what an instructor should look at

    def lines(self) -> list[str]:
        """What is to be told of them, a line each."""
        return [*self.remarks, *(f"Passed over: {text}." for text in self.passed_over)]


@dataclass
class _Part:
    """An entry of SUBMISSIONS that counts, before it is known who else has that name."""

    path: Path
    name: str
    origin: Origin | None


def find(submissions: Path, out: Path) -> Entries:
    """Each student's submission by name, and what is none. Copies to OUT what has to be put together first."""
    found = Entries()
    if submissions.is_dir():
        parts = list(_parts_of(submissions, found))
    else:
        parts = list(_parts_of(_unpacked(submissions, out / "collected", found), found))
    for name, some in _by_student(parts).items():
        entry = _entry(name, some, out / "collected", found)
        found.of[entry.student] = entry
    _forget_others(out / "collected", found)
    found.of = dict(sorted(found.of.items()))
    found.remarks += _twice(found)
    late = [name for name, entry in found.of.items() if entry.origin and entry.origin.is_late]
    found.remarks += (
        [f"Canvas marks as late: {', '.join(late)}. It tells no times, so [late] takes nothing off."] if late else []
    )
    return found


def normal(name: str) -> str:
    """A name as names are compared: its letters and numbers, accents in one piece (NFC), case aside.

    So Moodle's folders, which lack apostrophes, and Canvas's files (lovelaceada) are those of whom a list names."""
    text = unicodedata.normalize("NFC", name).casefold()
    return "".join(c for c in text if c.isalnum()) or text


def presentable(name: str) -> str:
    """Without what no text file could hold, and short enough for file names made of it."""
    text = intake.printable(unicodedata.normalize("NFC", name))
    while len(text.encode()) > MAX_NAME:
        text = text[:-1]
    return text


# ------------------------------------------------------------------------------------- what there is


def _parts_of(directory: Path, found: Entries) -> Iterator[_Part]:
    for path in sorted(directory.iterdir()):
        reason = _why_not(path)
        if reason:
            found.passed_over.append(f"{presentable(path.name)}: {reason}")
        else:
            yield _Part(path, path.name, downloads.origin(path.name))


def _why_not(path: Path) -> str:
    """Why an entry of SUBMISSIONS is nobody's submission; nothing if it is one."""
    name, mode = path.name, path.lstat().st_mode
    if name.startswith("."):
        return "its name begins with a dot"
    if name == "__MACOSX":
        return "a Mac adds it to archives"
    if stat.S_ISDIR(mode) and any(name in (exercise.name, "exercises") for exercise in all_exercises()):
        return "an exercise, not a student: SUBMISSIONS= is the directory in which each student has one"
    if stat.S_ISDIR(mode) or stat.S_ISLNK(mode):
        return ""
    if not stat.S_ISREG(mode):
        return "a special file"
    if name in _files_of_exercises():
        return "whose is it? A lone file is named after its student"
    known = intake.is_archive(name) or intake.is_other_archive(name) or name.lower().endswith(SOURCES)
    return "" if known or downloads.origin(name) else "neither a directory nor an archive"


def _files_of_exercises() -> set[str]:
    return {name for exercise in all_exercises() for name in exercise.stubs}


def _by_student(parts: list[_Part]) -> dict[str, list[_Part]]:
    """The entries of each student, under the name that is shown."""
    accounts = {(p.origin.student, p.origin.account) for p in parts if p.origin}
    namesakes = Counter(presentable(student) for student, _ in accounts)
    grouped: dict[str, list[_Part]] = {}
    for part in parts:
        if part.origin:
            name = presentable(part.origin.student)
            if part.origin.account and (namesakes[name] > 1 or part.origin.is_of_nobody):
                name = f"{name} {part.origin.account}"
            grouped.setdefault(name, []).append(part)
    for part in parts:
        if not part.origin:
            name = presentable(_without_suffix(part.path))
            if name in grouped:  # alice/ and alice.zip: both are graded, and told apart
                name = presentable(part.name)
            while name in grouped:
                name += "'"
            grouped[name] = [part]
    return grouped


def _without_suffix(path: Path) -> str:
    """The name of the directory, archive or file, without the suffix that tells what it is."""
    suffixes = (*intake.ARCHIVES, *intake.OTHER_ARCHIVES, *SOURCES)
    for suffix in sorted(suffixes, key=len, reverse=True):
        if path.is_file() and path.name.lower().endswith(suffix):
            return path.name[: -len(suffix)]
    return path.name


def _twice(found: Entries) -> list[str]:
    """Names that look like the same student's."""
    alike: dict[str, list[str]] = {}
    for student, entry in found.of.items():
        name = normal(_without_suffix(entry.path)) if entry.origin is None else normal(student)
        alike.setdefault(name, []).append(student)
    return [
        f"Two entries of one student? {' and '.join(some)}: each is graded by itself."
        for some in alike.values() if len(some) > 1
    ]  # fmt: skip


# ----------------------------------------------------------------------------------- put together


def _entry(student: str, parts: list[_Part], collected: Path, found: Entries) -> Entry:
    origin = parts[0].origin
    if origin is None:
        return Entry(student, parts[0].path)
    with_files = [part for part in parts if part.origin and not part.origin.is_text]
    for part in parts:
        if with_files and part not in with_files:
            found.passed_over.append(f"{presentable(part.name)}: text from the page, and there are files beside it")
    parts = with_files or parts
    if len(parts) == 1 and parts[0].path.is_dir():
        return Entry(student, parts[0].path, parts[0].origin)
    target = collected / student
    names = [_handed_in(part) for part in parts]
    wanted: dict[Path, Path] = {}
    for part, name in zip(parts, names, strict=True):
        place = Path(str(len(wanted) + 1), name) if names.count(name) > 1 else Path(name)  # which one is not guessed
        if part.path.is_dir():
            wanted |= {place / path.relative_to(part.path): path for path in part.path.rglob("*") if path.is_file()}
        else:
            wanted[place] = part.path
    _bring_to(target, wanted)
    return Entry(student, target, parts[0].origin)


def _handed_in(part: _Part) -> str:
    """What the student called it."""
    assert part.origin
    name = PurePosixPath(part.origin.rest or part.name).name
    return downloads.as_handed_in(name) if part.origin.service == "Canvas" else name


def _bring_to(target: Path, wanted: dict[Path, Path]) -> None:
    """Makes a directory hold just these files."""
    _keep_only(target, wanted)
    for name, source in wanted.items():
        if not source.is_symlink() and source.is_file():
            _put(target / name, source.read_bytes())


def _keep_only(target: Path, wanted: Container[Path]) -> None:
    """Removes all other files in a directory, and directories that are empty then."""
    for path in sorted(target.rglob("*"), reverse=True) if target.is_dir() else ():
        if path.is_dir() and not path.is_symlink():
            with contextlib.suppress(OSError):
                path.rmdir()
        elif path.relative_to(target) not in wanted:
            path.unlink()


def _put(place: Path, content: bytes) -> None:
    """Writes a file. One that is the same already stays as old as it is."""
    if not place.is_file() or place.read_bytes() != content:
        files.write_atomically(place, content)


def _unpacked(archive: Path, collected: Path, found: Entries) -> Path:
    """The download's own zip, unpacked, but for what no student can have meant."""
    target = collected / ".unpacked"
    names: set[Path] = set()
    try:
        with zipfile.ZipFile(archive) as opened:
            prefix = _common_directory([info.filename for info in opened.infolist()])
            for info in opened.infolist():
                name = PurePosixPath(info.filename.replace("\\", "/").removeprefix(prefix))
                if info.is_dir() or not name.parts:
                    continue
                reason = _why_not_unpacked(info, name)
                if reason:
                    found.passed_over.append(f"{presentable(str(name))}: {reason}")
                    continue
                with opened.open(info) as file:
                    _put(target / name, file.read(MAX_FILE))  # no more than it may have, whatever the zip says
                names.add(Path(name))
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, RuntimeError) as error:
        raise UsageError(f"SUBMISSIONS={archive}: the zip can't be read: {error}.") from error
    _keep_only(target, names)
    target.mkdir(parents=True, exist_ok=True)
    return target


def _common_directory(names: list[str]) -> str:
    """The one directory that everything lies in, where it is nobody's."""
    names = [name for name in names if not name.startswith("__MACOSX/")]
    tops = {name.split("/")[0] for name in names}
    below = {name.split("/")[1] for name in names if "/" in name}
    one = tops.pop() if len(tops) == 1 and all("/" in name for name in names) else ""
    own = {*_files_of_exercises(), "exercises", *(exercise.name for exercise in all_exercises())}
    return "" if not one or downloads.origin(one) or below & own else f"{one}/"


def _why_not_unpacked(info: zipfile.ZipInfo, name: PurePosixPath) -> str:
    mode = info.external_attr >> 16
    if name.is_absolute() or ".." in name.parts or "\0" in info.filename:
        return "its path leads out of the archive"
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        return "a link or a special file"
    if len(name.parts) > intake.MAX_DEPTH or any(len(part.encode()) > 255 for part in name.parts):
        return "its path is too long"
    if "__MACOSX" in name.parts:
        return "a Mac adds it to archives"
    return f"larger than {MAX_FILE >> 20} MiB" if info.file_size > MAX_FILE else ""


def _forget_others(collected: Path, found: Entries) -> None:
    """Removes what was collected of those who are not there any more."""
    for path in collected.iterdir() if collected.is_dir() else ():
        if path.name != ".unpacked" and not any(path == entry.path for entry in found.of.values()):
            shutil.rmtree(path, ignore_errors=True)
    with contextlib.suppress(OSError):
        os.rmdir(collected)
