"""Takes a student's submission in: unpacks it and copies the files that count, trusting nothing.

A submission is a directory, a .zip or a .tar(.gz, .bz2, .xz). Its layout may be

    02_blocking/channel.c  ...              exercises by name (or by number: 02/channel.c, ex02/channel.c)
    exercises/02_blocking/channel.c  ...    the kit's own
    channel.c                               flat, when the instructor says which exercise it is
    ticket_server.c                         flat, when no other exercise has a file of that name

also inside a directory of its own, as archives often are. An archive in a directory that has no such file is that
student's submission, and so is a lone .c file when one exercise is graded. Only regular files with the names that an
exercise asks for are taken; nothing in a submission is ever executed or followed on the way. Nothing is guessed: where
two places could be meant, neither is taken, unless one lies inside the other's tree; and what was chosen is noted.
"""

from __future__ import annotations

import os
import re
import stat
import tarfile
import time
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

from grader.exercises import all_exercises

MAX_FILE = 256 * 1024  # a channel.c of a quarter of a megabyte is no channel.c
MAX_ENTRIES = 20_000  # in an archive or a directory, whether taken or not
MAX_DEPTH = 12
MAX_PLACES = 16  # directories that could be those of one exercise
LAST_TIME = 2.0**32  # seconds since 1970; archives may claim any
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
OTHER_ARCHIVES = (".rar", ".7z", ".zst", ".gz", ".bz2", ".xz", ".lz", ".lzma", ".cab", ".dmg", ".iso")
_OF_THE_KIT = frozenset({"bench", "build", "grader", "solutions", ".progress", ".git"})  # beside its exercises/
NOTHING = "There is no file for this exercise."
_TOLD = 6  # files, where a message says what is there

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
    notes: dict[str, list[str]] = field(default_factory=dict)  # exercise: what was chosen, and what not
    absent: dict[str, str] = field(default_factory=dict)  # exercise: what is there instead

    def note(self, exercise: str, text: str) -> None:
        self.notes.setdefault(exercise, []).append(text)


@dataclass(frozen=True)
class Entry:
    """One path in a submission, before anything of it was read."""

    path: PurePosixPath
    kind: str  # "file", "link", "directory" or "other"
    size: int
    changed: float = 0.0


def is_archive(name: str) -> bool:
    return name.lower().endswith(ARCHIVES)


def is_other_archive(name: str) -> bool:
    """Is it one of a kind that can't be read here?"""
    return name.lower().endswith(OTHER_ARCHIVES) and not is_archive(name)


def take_in(path: Path, wanted: Wanted, flat: str | None = None) -> Intake:
    """The files of the submission at path. Raises Rejected when there is nothing to be had of it."""
    try:
        return _take_in(path, wanted, flat)
    except Rejected:
        raise
    except (OSError, ValueError, RuntimeError, EOFError, tarfile.TarError, zipfile.BadZipFile) as error:
        what = "archive" if path.is_file() or _archives_in(path) else "directory"
        raise Rejected(f"The {what} can't be read: {_in_words(error)}.") from error
    except Exception as error:  # zlib.error, lzma.LZMAError, struct.error, ...: damaged all the same
        raise Rejected(f"The archive is damaged: {_in_words(error)}.") from error


def _in_words(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error).split("\n")[0].rstrip(".")[:200] or type(error).__name__


def _take_in(path: Path, wanted: Wanted, flat: str | None) -> Intake:
    if path.is_symlink():
        raise Rejected("It is a symbolic link, which is not followed.")
    if path.is_dir():
        return _take_directory(path, wanted, flat)
    if not path.is_file():
        raise Rejected("It is neither a directory nor an archive.")
    if is_archive(path.name):
        return _take_archive(path, wanted, flat)
    if is_other_archive(path.name):
        raise Rejected(_unreadable(path.name))
    return _take_lone(path, wanted, flat)


def _unreadable(name: str) -> str:
    suffix = next(suffix for suffix in OTHER_ARCHIVES if name.lower().endswith(suffix))
    return f"{name}: a {suffix} archive can't be read here. Ask for a .zip or a .tar.gz."


def _take_archive(path: Path, wanted: Wanted, flat: str | None) -> Intake:
    if path.name.lower().endswith(".zip"):
        with zipfile.ZipFile(path) as archive:
            return _select(_Zip(archive), wanted, flat)
    return _select(_Tar(path), wanted, flat)


def _take_directory(path: Path, wanted: Wanted, flat: str | None) -> Intake:
    """What counts of a directory; where it has nothing that does, of the archive in it."""
    found = _select(_Directory(path), wanted, flat)
    archives = _archives_in(path)
    if found.files or found.rejected:
        for exercise in (*found.files, *found.rejected) if archives else ():
            found.note(exercise, f"{_listed(archives)} beside it was not looked into.")
        return found
    if len(archives) > 1:
        raise Rejected(f"There are {len(archives)} archives in it, and only one can count: {_listed(archives)}.")
    if archives:
        inside = _take_archive(path / archives[0], wanted, flat)
        inside.absent = {e: f"{archives[0]}: {text}" for e, text in inside.absent.items() if text != NOTHING}
        return inside
    others = [name for name in _files_in(path) if is_other_archive(name)]
    if others:
        raise Rejected(_unreadable(others[0]))
    return found


def _files_in(path: Path) -> list[str]:
    if path.is_symlink() or not path.is_dir():
        return []
    return sorted(i.name for i in os.scandir(path) if i.is_file(follow_symlinks=False) and not i.name.startswith("."))


def _archives_in(path: Path) -> list[str]:
    return [name for name in _files_in(path) if is_archive(name)]


def _take_lone(path: Path, wanted: Wanted, flat: str | None) -> Intake:
    """A single file, handed in under any name: nothing but EX= says which exercise it is."""
    if not flat or len(wanted.get(flat, ())) != 1:
        raise Rejected(f"{path.name} is a file alone: which exercise is it? Grade that one by itself, with EX=.")
    (name,) = wanted[flat]
    found = _select(_Lone(path, name), wanted, flat)
    if path.name != name:
        found.note(flat, f"{path.name} was taken as {name}.")
    return found


# ------------------------------------------------------------------- the kinds of submissions


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


class _Lone:
    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name = path, PurePosixPath(name)

    def entries(self) -> Iterator[Entry]:
        status = self.path.lstat()
        yield Entry(self.name, _kind(status.st_mode), status.st_size, status.st_mtime)

    def read(self, paths: set[PurePosixPath]) -> Iterator[tuple[PurePosixPath, bytes]]:
        for path in paths:
            with self.path.open("rb") as file:
                yield path, _capped(file)


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

Source = _Directory | _Lone | _Zip | _Tar


@dataclass(frozen=True)
class Place:
    """A directory that may be the one of an exercise, and the files in it that the exercise asks for."""

    exercise: str
    directory: PurePosixPath
    root: PurePosixPath  # what the tree of exercises lies in
    plain: bool  # named after the exercise as the kit names it, or flat where it is known which one it is
    names: tuple[str, ...]

    def paths(self) -> list[PurePosixPath]:
        return [self.directory / name for name in self.names]


def _all_entries(source: Source) -> dict[PurePosixPath, Entry]:
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


def _select(source: Source, wanted: Wanted, flat: str | None) -> Intake:
    entries = _all_entries(source)
    intake = Intake()
    places = _without_the_kits_own(list(_places(entries, wanted, flat)))
    of = {place.exercise: [p for p in places if p.exercise == place.exercise] for place in places}
    few = [place for some in of.values() if len(some) <= MAX_PLACES for place in some]
    texts = dict(source.read({path for place in few for path in place.paths() if _is_readable(entries[path])}))
    for exercise, some in of.items():
        place = _choose(exercise, some, texts, intake)
        if place is not None:
            _take_place(place, entries, texts, intake)
    for exercise in intake.rejected:
        intake.files.pop(exercise, None)
    left = [path for path, entry in entries.items() if entry.kind != "directory" and not _is_junk(path)]
    left = [path for path in left if not any(path in place.paths() for place in places)]
    for exercise in wanted:
        if exercise not in intake.files and exercise not in intake.rejected:
            intake.absent[exercise] = _what_is_there(exercise, wanted, flat, left)
    return intake


def _is_readable(entry: Entry) -> bool:
    return entry.kind == "file" and entry.size <= MAX_FILE


def _take_place(
    place: Place, entries: Mapping[PurePosixPath, Entry], texts: Mapping[PurePosixPath, bytes], intake: Intake
) -> None:
    for path in place.paths():
        entry, exercise = entries[path], place.exercise
        text = texts.get(path, b"")
        if entry.kind != "file":
            words = {"link": "a link", "directory": "a directory"}.get(entry.kind, "a special file")
            intake.rejected[exercise] = f"{path.name} is {words}, not a file."
        elif entry.size > MAX_FILE or len(text) > MAX_FILE:  # an archive may lie about sizes
            intake.rejected[exercise] = f"{path.name} is larger than {MAX_FILE // 1024} KiB."
        elif b"\0" in text:
            intake.rejected[exercise] = f"{path.name} has NUL bytes in it; it is not a text file."
        else:
            intake.files.setdefault(exercise, {})[path.name] = text
        if entry.kind == "file" and 0 < entry.changed < LAST_TIME:
            intake.submitted[exercise] = max(intake.submitted.get(exercise, 0.0), entry.changed)


# ------------------------------------------------------------------------------- where a file counts


def _places(entries: Mapping[PurePosixPath, Entry], wanted: Wanted, flat: str | None) -> Iterator[Place]:
    """The directories that may be meant, those with the shortest paths first."""
    found: dict[tuple[str, PurePosixPath], list[str]] = {}
    for path in sorted(entries, key=lambda path: (len(path.parts), path)):
        exercise = None if _is_junk(path) else _exercise_of(path.parent, wanted, flat)
        if exercise and path.name in wanted[exercise]:
            found.setdefault((exercise, path.parent), []).append(path.name)
    there = {exercise for exercise, _ in found}
    for path in entries if flat is None else ():  # nothing says which exercise they are of, but their names
        having = [exercise.name for exercise in all_exercises() if path.name in exercise.stubs]
        if len(having) == 1 and having[0] in {*wanted} - there and not exercise_named(path.parent.name):
            found.setdefault((having[0], path.parent), []).append(path.name)
    for (exercise, directory), names in found.items():
        named = exercise_named(directory.name)
        root = directory.parent if named else directory
        root = root.parent if root.name == "exercises" else root
        plain = directory.name in (exercise, exercise.split("_")[0]) or (not named and len(directory.parts) <= 1)
        yield Place(exercise, directory, root, plain, tuple(names))


def _is_junk(path: PurePosixPath) -> bool:
    return path.name.startswith("._") or "__MACOSX" in path.parts or path.name == ".DS_Store"


def _exercise_of(directory: PurePosixPath, wanted: Wanted, flat: str | None) -> str | None:
    """The wanted exercise that the directory is for; of a directory that names none, the one that is graded."""
    named = exercise_named(directory.name)
    if named:
        return named if named in wanted else None
    return flat if flat in wanted else None


_NUMBERED = re.compile(r"(?:ex|exercises?)[\s_.-]*0*(\d{1,2})(?:[\s_.:-].*)?|(\d\d)(?:[\s_.:-]+(.*))?", re.IGNORECASE)


def exercise_named(text: str) -> str | None:
    """The exercise that a directory or a column is named after: 02_blocking, 02, ex2, 02-Blocking or blocking."""
    found = _NUMBERED.fullmatch(text)
    number = int(found[1] or found[2]) if found else 0
    title = _plain(found[3] or "") if found else _plain(text)
    for exercise in all_exercises():
        if number == int(exercise.number) and title in ("", _plain(exercise.title)):
            return exercise.name
        if not found and title == _plain(exercise.title):
            return exercise.name
    return None


def _plain(title: str) -> str:
    return re.sub(r"[\s_.-]+", " ", title).strip().lower()


def _without_the_kits_own(places: list[Place]) -> list[Place]:
    """Where somebody hands the whole kit in: not its stubs, nor what was built in it."""
    kits = [place.root for place in places if place.directory.parent == place.root / "exercises"]
    own = {
        place.directory for place in places for kit in kits
        if place.directory.is_relative_to(kit) and _OF_THE_KIT & {*place.directory.relative_to(kit).parts[:1]}
    }  # fmt: skip
    return [place for place in places if place.directory not in own]


def _choose(exercise: str, places: list[Place], texts: Mapping[PurePosixPath, bytes], intake: Intake) -> Place | None:
    """The one place that counts, noted where that is not plain; or none, where it would be a guess."""
    around = [p for p in places if all(p is other or p.root in other.root.parents for other in places)]
    alike = len({tuple((name, texts.get(p.directory / name)) for name in p.names) for p in places}) == 1
    chosen = around[0] if around else places[0] if alike else None
    if chosen is None or len(places) > MAX_PLACES:
        names = _listed(path for place in places for path in place.paths())
        intake.rejected[exercise] = f"More than one could be meant, and only one can count: {names}."
        return None
    others = [path for place in places if place is not chosen for path in place.paths()]
    if not chosen.plain:
        intake.note(exercise, f"Taken from {_listed(chosen.paths())}.")
    if others and not alike:
        intake.note(exercise, f"{_listed(chosen.paths())} was graded, and not {_listed(others)}.")
    return chosen


# ------------------------------------------------------------------------------- where there is none


def _what_is_there(exercise: str, wanted: Wanted, flat: str | None, left: list[PurePosixPath]) -> str:
    """Instead of the files of an exercise: a file that may be meant, or all that no exercise has taken."""
    missing = " or ".join(sorted(wanted[exercise]))
    near = [p for p in left if exercise_named(p.parent.name) in (exercise, None) and _is_near(p.name, wanted[exercise])]
    of_it = [path for path in near if _exercise_of(path.parent, wanted, flat) == exercise]
    if of_it:
        return f"There is {_listed(of_it)}, but no {missing}: the name must be that."
    if not left:
        return NOTHING
    return f"There is {_listed(near or _shortest_first(left))}, but no {missing if flat else 'file for this exercise'}."


def _shortest_first(paths: Iterable[PurePosixPath]) -> list[PurePosixPath]:
    return sorted(paths, key=lambda path: (len(path.parts), path))


_COPY = re.compile(r"[\s_-]*(?:\(\d+\)|copy|final|new|old|v?\d+)$")


def _is_near(name: str, wanted: Iterable[str]) -> bool:
    """Channel.c, channel-1.c, channel (2).c, channel.c.txt: is such a name one of the wanted ones, a little changed?"""
    stem = name.lower().removesuffix(".txt").rpartition(".")[0] or name.lower()
    return _COPY.sub("", stem) in {PurePosixPath(one).stem for one in wanted}


def _listed(names: Iterable[str | PurePosixPath]) -> str:
    """A few of them, in words."""
    words = [printable(str(name)) for name in names]
    if len(words) > _TOLD:
        return f"{', '.join(words[:_TOLD])} and {len(words) - _TOLD} more"
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def printable(name: str) -> str:
    """Without what no text file could hold."""
    text = name.encode("utf-8", "replace").decode()
    return "".join(c if c.isprintable() else "?" for c in text)
