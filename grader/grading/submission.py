"""What is graded: the named .c files of a tree, as bytes, and nothing else of it.

A tree is laid out as exercises/ is: `DIR/02_blocking/channel.c`. Headers, suites and the Makefile are
always the kit's own. Sources are staged by content in `build/code/HASH/EXERCISE/`, so equal
files are compiled and run once, whosever they are, and one run never disturbs another.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from grader import c_text, files
from grader.errors import UsageError
from grader.exercises import (
    BUILD,
    EXERCISES,
    ROOT,
    SOLUTIONS,
    TRIED,
    Exercise,
    all_exercises,
    by_name,
    shown,
)

STUBS = ROOT / "grader" / "stubs"
_TAKES_OVER = re.compile(r'#\s*include\s+"\.\./(\w+)/channel\.c"')
_INCLUDES = re.compile(r'\s*#\s*include\s+"(?:\./)?([^"/]+)"')
MAX_SOURCE = 1 << 20  # bytes: nobody writes a larger channel by hand


@dataclass(frozen=True)
class Source:
    """One source file, and the exercise it was written for."""

    exercise: str
    name: str  # channel.c
    content: bytes
    path: Path  # where it came from, for messages

    @property
    def is_stub(self) -> bool:
        """Is it the file the student started from, to the byte (line ends aside)?"""
        stub = STUBS / self.exercise / self.name
        return stub.exists() and plain_lines(stub.read_bytes()) == plain_lines(self.content)

    def neighbours(self, suffix: str) -> list[Path]:
        """The files of that kind in its folder that are neither the kit's nor handed in."""
        if self.exercise == TRIED:
            return []
        exercise = by_name(self.exercise)
        known = {*exercise.stubs, *exercise.headers_here, *(path.name for path in exercise.suite_sources)}
        found = sorted(self.path.parent.glob(f"*{suffix}"))
        return [path for path in found if path.name not in known and _is_text(path)]

    def includes_beside(self) -> Iterator[tuple[int, str]]:
        """The lines that include such a file: here it is found, and nowhere else."""
        beside = {path.name for suffix in (".h", ".c") for path in self.neighbours(suffix)}
        for number, line in enumerate(c_text.without_comments(c_text.decoded(self.content)).splitlines(), 1):
            found = _INCLUDES.match(line)
            if found and found[1] in beside:
                yield number, found[1]


def _is_text(path: Path) -> bool:
    """Is that a plain file which can be read as source?"""
    is_plain = path.is_file() and not path.is_symlink() and os.access(path, os.R_OK)
    return is_plain and path.stat().st_size <= MAX_SOURCE


@dataclass(frozen=True)
class Code:
    """Source files that are compiled with the headers of one exercise and linked together."""

    exercise: str
    sources: tuple[Source, ...]

    @functools.cached_property
    def key(self) -> str:
        """Equal for equal files of the same exercise, wherever they are."""
        digest = hashlib.sha256(self.exercise.encode())
        for source in sorted(self.sources, key=lambda s: s.name):
            digest.update(b"\0%b\0%d\0" % (source.name.encode(), len(source.content)))
            digest.update(source.content)
        return digest.hexdigest()[:24]

    @property
    def text(self) -> str:
        """All of it, whatever its encoding."""
        return "\n".join(s.content.decode("utf-8", "replace") for s in self.sources)

    @property
    def directory(self) -> Path:
        return BUILD / "code" / self.key / self.exercise

    def stage(self) -> None:
        """Puts the files where make compiles them."""
        for source in self.sources:
            if not (self.directory / source.name).exists():
                files.write_atomically(self.directory / source.name, source.content)

    def path_of(self, name: str) -> str:
        """Where a person finds the source called name."""
        return next((shown(s.path) for s in self.sources if s.name == name), name)


def plain_lines(content: bytes) -> bytes:
    return content.replace(b"\r\n", b"\n").strip()


@dataclass(frozen=True)
class Submission:
    """What one tree holds for one exercise."""

    exercise: Exercise
    channel: Source | None
    others: tuple[Source, ...]
    missing: tuple[str, ...]  # files that should be there: channel.c; of another exercise 04_bounded/channel.c
    tree: Path

    @property
    def code(self) -> Code:
        """All of it, as the exercise's own suite is linked with it."""
        channel = () if self.channel is None else (self.channel,)
        return Code(self.exercise.name, self.others + channel)

    def code_for(self, suite: Exercise) -> Code:
        """What the suite of that exercise is linked with: an inherited suite knows the channel only."""
        if suite == self.exercise or self.channel is None:
            return self.code
        return Code(self.channel.exercise, (self.channel,))

    def place_of(self, missing: str) -> Path:
        """Where such a file should be."""
        return self.tree / missing if "/" in missing else self.tree / self.exercise.name / missing

    @property
    def is_untouched(self) -> bool:
        """Is nothing there but stubs?"""
        required = self.others or self.code.sources
        return not self.missing and all(source.is_stub for source in required)


def read_submission(tree: Path, exercise: Exercise) -> Submission:
    """Reads what tree holds for that exercise. Missing files are noted, not an error."""
    others, missing = [], []
    for name in exercise.files:
        if name == "channel.c":
            continue
        source = read_source(tree, exercise, name)
        if source is None:
            missing.append(name)
        else:
            others.append(source)
    channel = find_channel(tree, exercise)
    if channel is None and exercise.has_channel:
        missing.append(f"{_origin(tree, exercise)}/channel.c" if exercise.carries_channel else "channel.c")
    return Submission(exercise, channel, tuple(others), tuple(missing), tree)


def find_channel(tree: Path, exercise: Exercise) -> Source | None:
    """The channel.c of an exercise: its own, or, where one is carried, the one it takes over, or that of its base.

    A carried channel equal to the base's own counts as that one, so what is known of it still holds."""
    if not exercise.has_channel:
        return None
    own = read_source(tree, exercise, "channel.c")
    origin = _origin(tree, exercise)
    if origin == exercise.name:
        return own
    inherited = find_channel(tree, by_name(origin))
    if own is None or taken_over(own.content) or (inherited and own.content == inherited.content):
        return inherited
    return own


def _origin(tree: Path, exercise: Exercise) -> str:
    """The exercise whose channel is linked, unless it brings another one."""
    if not exercise.carries_channel or exercise.base is None:
        return exercise.name
    own = read_source(tree, exercise, "channel.c")
    return (own and taken_over(own.content)) or exercise.base


def taken_over(content: bytes) -> str | None:
    """The exercise whose channel.c is this one: there is nothing in it but the line that includes that."""
    line = _TAKES_OVER.fullmatch(c_text.without_comments(c_text.decoded(content)).strip())
    origins = [exercise.name for exercise in all_exercises() if not exercise.carries_channel]
    return line[1] if line and line[1] in origins else None


def read_source(tree: Path, exercise: Exercise, name: str) -> Source | None:
    path = tree / exercise.name / name
    try:
        if not path.is_file():
            return None
        if path.stat().st_size > MAX_SOURCE:
            raise UsageError(f"{shown(path)} is larger than {MAX_SOURCE >> 20} MiB.")
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{shown(path)} can't be read: {error.strerror}.") from error
    return Source(exercise.name, name, content, path)


def tree_of(src: str | None, solutions: bool, option: str = "SRC") -> Path:
    """The tree that SRC= or SOLUTIONS=1 means; the student's own by default."""
    if solutions and src:
        raise UsageError("SRC= and SOLUTIONS=1 exclude each other: which tree is to be graded?")
    if solutions:
        if not SOLUTIONS.is_dir():
            raise UsageError("This copy of the kit has no solutions/ directory.")
        return SOLUTIONS
    if not src:
        return EXERCISES
    tree = Path(src).expanduser()
    tree = tree if tree.is_absolute() else ROOT / tree
    if not tree.is_dir():
        raise UsageError(f"{option}={src}: there is no such directory.")
    if not any(tree.glob("[0-9][0-9]_*")):
        raise UsageError(f"{option}={src} is not laid out like exercises/: it holds no NN_name/channel.c.")
    return tree
