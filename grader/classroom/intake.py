"""Takes a student's submission in: unpacks it and copies the files that count, trusting nothing.

A submission is a directory, a .zip or a .tar(.gz, .bz2, .xz). Its layout may be

    02_blocking/channel.c  ...              exercises by name (or by number: 02/channel.c)
    exercises/02_blocking/channel.c  ...    the kit's own
    channel.c                               flat, when the instructor says which exercise it is

also inside a directory of its own, as archives often are; and an archive alone in a directory, as gradebooks hand
them out, is that student's submission. Only regular files with the names that an
exercise asks for are taken; nothing in a submission is ever executed or followed on the way.
"""

from __future__ import annotations

import os
import stat
import tarfile
import time
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

from grader.exercises import all_exercises

MAX_FILE = 256 * 1024  # a channel.c of a quarter of a megabyte is no channel.c
MAX_ENTRIES = 20_000  # in an archive or a directory, whether taken or not
MAX_DEPTH = 12
MAX_NAME = 200  # bytes of a student's name
LAST_TIME = 2.0**32  # seconds since 1970; archives may claim any
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")

# What each exercise asks for: its name, and the names of the files a student writes.
Wanted = Mapping[str, frozenset[str]]


class Rejected(Exception):
    """The submission can't be read; the text says why, in a sentence for student and instructor."""


@dataclass
class Intake:
    """The files of one submission, by exercise and name, and what is to be said about it."""

    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    submitted: dict[str, float] = field(default_factory=dict)  # exercise: when last changed, since 1970
    rejected: dict[str, str] = field(default_factory=dict)  # exercise: why its files can't be read


@dataclass(frozen=True)
class Entry:
    """One path in a submission, before anything of it was read."""

    path: PurePosixPath
    kind: str  # "file", "link", "directory" or "other"
    size: int
    changed: float = 0.0


def student_name(path: Path) -> str:
    """The name of the directory or archive, without the archive's suffix."""
    for suffix in sorted(ARCHIVES, key=len, reverse=True):
        if path.is_file() and path.name.lower().endswith(suffix):
            return path.name[: -len(suffix)]
    return path.name


def _presentable(name: str) -> str:
    """Without what no text file could hold, and short enough for file names made of it."""
    text = name.encode("utf-8", "replace").decode()
    text = "".join(c if c.isprintable() else "?" for c in text)
    while len(text.encode()) > MAX_NAME:
        text = text[:-1]
    return text


def find_submissions(directory: Path) -> dict[str, Path]:
    """Each student's directory or archive by the student's name, sorted. The name can be shown, and name a file."""
    found: dict[str, Path] = {}
    for path in sorted(directory.iterdir()):
        if path.name.startswith("."):
            continue
        is_archive = path.is_file() and path.name.lower().endswith(ARCHIVES)
        if path.is_dir() or is_archive or path.is_symlink():
            name = _presentable(student_name(path))
            if name in found:  # alice/ and alice.zip: both are graded, and told apart
                name = _presentable(path.name)
            while name in found:
                name += "'"
            found[name] = path
    return found


def take_in(path: Path, wanted: Wanted, flat: str | None = None) -> Intake:
    """The files of the submission at path. Raises Rejected when there is nothing to be had of it."""
    try:
        path = _archive_alone_in(path) or path
        return _take_in(path, wanted, flat)
    except Rejected:
        raise
    except (OSError, ValueError, RuntimeError, EOFError, tarfile.TarError, zipfile.BadZipFile) as error:
        what = "archive" if path.is_file() else "directory"
        raise Rejected(f"The {what} can't be read: {_in_words(error)}.") from error
    except Exception as error:  # zlib.error, lzma.LZMAError, struct.error, ...: damaged all the same
        raise Rejected(f"The archive is damaged: {_in_words(error)}.") from error


def _in_words(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error).split("\n")[0].rstrip(".")[:200] or type(error).__name__


def _archive_alone_in(path: Path) -> Path | None:
    if path.is_symlink() or not path.is_dir():
        return None
    inside = [item for item in os.scandir(path) if not item.name.startswith(".") and item.name != "__MACOSX"]
    archives = [
        item.path for item in inside
        if item.is_file(follow_symlinks=False) and item.name.lower().endswith(ARCHIVES)
    ]  # fmt: skip
    if len(archives) == len(inside) > 1:
        raise Rejected(f"There are {len(archives)} archives in it, and only one can count.")
    return Path(archives[0]) if len(archives) == len(inside) == 1 else None


def _take_in(path: Path, wanted: Wanted, flat: str | None) -> Intake:
    if path.is_symlink():
        raise Rejected("It is a symbolic link, which is not followed.")
    if path.is_dir():
        return _select(_Directory(path), wanted, flat)
    if not path.is_file():
        raise Rejected("It is neither a directory nor an archive.")
    if path.name.lower().endswith(".zip"):
        with zipfile.ZipFile(path) as archive:
            return _select(_Zip(archive), wanted, flat)
    return _select(_Tar(path), wanted, flat)


# ------------------------------------------------------------------- three kinds of submissions


class _Directory:
    def __init__(self, root: Path) -> None:
        self.root = root

    def entries(self) -> Iterator[Entry]:
        pending = [(self.root, PurePosixPath())]
        while pending:
            directory, relative = pending.pop()
            if len(relative.parts) > MAX_DEPTH:
                continue
            for item in sorted(os.scandir(directory), key=lambda item: item.name):
                path = relative / item.name
                mode = item.stat(follow_symlinks=False).st_mode
                if stat.S_ISDIR(mode):
                    yield Entry(path, "directory", 0)
                    pending.append((directory / item.name, path))
                else:
                    status = item.stat(follow_symlinks=False)
                    yield Entry(path, _kind(mode), status.st_size, status.st_mtime)

    def read(self, paths: set[PurePosixPath]) -> Iterator[tuple[PurePosixPath, bytes]]:
        for path in paths:
            # O_NOFOLLOW and O_NONBLOCK: between the look and the open, a file may have become a link or a pipe.
            descriptor = os.open(self.root / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            with os.fdopen(descriptor, "rb") as file:
                yield path, file.read(MAX_FILE + 1)


class _Zip:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self.archive = archive
        self.names: dict[PurePosixPath, zipfile.ZipInfo] = {}

    def entries(self) -> Iterator[Entry]:
        for info in self.archive.infolist():
            path = _safe(info.filename)
            mode = info.external_attr >> 16
            kind = "directory" if info.is_dir() else _kind(mode) if stat.S_IFMT(mode) else "file"
            self.names[path] = info
            changed = time.mktime((*info.date_time, 0, 0, -1))
            yield Entry(path, kind, info.file_size, changed)

    def read(self, paths: set[PurePosixPath]) -> Iterator[tuple[PurePosixPath, bytes]]:
        for path in paths:
            info = self.names[path]
            if info.flag_bits & 1:
                raise Rejected("The archive is protected by a password.")
            with self.archive.open(info) as file:
                yield path, _capped(file)


class _Tar:
    """Read as a stream, and never further than MAX_ENTRIES: what is not wanted is only skipped."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def entries(self) -> Iterator[Entry]:
        with self._open() as archive:
            for member in archive:
                kind = (
                    "directory" if member.isdir()
                    else "file" if member.isreg()
                    else "link" if member.issym() or member.islnk()
                    else "other"
                )  # fmt: skip
                yield Entry(_safe(member.name), kind, member.size, member.mtime)

    def read(self, paths: set[PurePosixPath]) -> Iterator[tuple[PurePosixPath, bytes]]:
        with self._open() as archive:
            for member in archive:
                path = _safe(member.name)
                file = archive.extractfile(member) if path in paths and member.isreg() else None
                if file:
                    yield path, _capped(file)

    def _open(self) -> tarfile.TarFile:
        return tarfile.open(self.path, "r:*")


def _kind(mode: int) -> str:
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISLNK(mode):
        return "link"
    return "directory" if stat.S_ISDIR(mode) else "other"


def _safe(name: str) -> PurePosixPath:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or "\0" in name:
        raise Rejected(f"The archive has a path that leaves it: {name[:80]!r}.")
    return path


def _capped(file: IO[bytes]) -> bytes:
    return file.read(MAX_FILE + 1)


# ------------------------------------------------------------------------- what is taken of them


def _all_entries(source: _Directory | _Zip | _Tar) -> dict[PurePosixPath, Entry]:
    """Every path in the submission. Of two with one name the later counts, as in tar."""
    entries: dict[PurePosixPath, Entry] = {}
    unpacked = 0
    for entry in source.entries():
        if len(entries) >= MAX_ENTRIES:
            raise Rejected(f"It has more than {MAX_ENTRIES} files.")
        unpacked += entry.size
        if isinstance(source, _Tar) and unpacked > MAX_ENTRIES * MAX_FILE // 16:
            raise Rejected("The archive is too large when unpacked.")
        entries[entry.path] = entry
    return entries


def _select(source: _Directory | _Zip | _Tar, wanted: Wanted, flat: str | None) -> Intake:
    entries = _all_entries(source)
    intake = Intake()
    readable: dict[PurePosixPath, tuple[str, str]] = {}
    for path, (exercise, name) in _places(entries, wanted, flat).items():
        entry = entries[path]
        if entry.kind != "file":
            words = {"link": "a link", "directory": "a directory"}.get(entry.kind, "a special file")
            intake.rejected[exercise] = f"{name} is {words}, not a file."
        elif entry.size > MAX_FILE:
            intake.rejected[exercise] = f"{name} is larger than {MAX_FILE // 1024} KiB."
        else:
            readable[path] = (exercise, name)
            if 0 < entry.changed < LAST_TIME:
                intake.submitted[exercise] = max(intake.submitted.get(exercise, 0.0), entry.changed)
    for path, data in source.read(set(readable)):
        exercise, name = readable[path]
        if len(data) > MAX_FILE:  # an archive may lie about sizes
            intake.rejected[exercise] = f"{name} is larger than {MAX_FILE // 1024} KiB."
        elif b"\0" in data:
            intake.rejected[exercise] = f"{name} has NUL bytes in it; it is not a text file."
        else:
            intake.files.setdefault(exercise, {})[name] = data
    for exercise in intake.rejected:
        intake.files.pop(exercise, None)
    return intake


def _places(
    entries: Mapping[PurePosixPath, Entry], wanted: Wanted, flat: str | None
) -> dict[PurePosixPath, tuple[str, str]]:
    """Where in the submission each wanted file is: path to (exercise, file name)."""
    found: dict[tuple[str, str], PurePosixPath] = {}
    for path in sorted(entries, key=lambda path: (len(path.parts), path)):
        if path.name.startswith("._") or "__MACOSX" in path.parts:
            continue
        exercise = _exercise_of(path, wanted, flat)
        if exercise and path.name in wanted[exercise]:
            found.setdefault((exercise, path.name), path)  # the outermost one counts
    return {path: place for place, path in found.items()}


def _exercise_of(path: PurePosixPath, wanted: Wanted, flat: str | None) -> str | None:
    """The exercise whose directory the file is in."""
    directory = path.parent.name
    if directory in wanted:
        return directory
    numbered = [name for name in wanted if directory and directory == name.split("_")[0]]
    if numbered:
        return numbered[0]
    if any(directory in (exercise.name, exercise.number) for exercise in all_exercises()):
        return None  # one that is not asked for
    return flat if flat in wanted and len(path.parts) <= 2 else None
