"""The exercises, as found on disk: nothing is registered in a list.

An exercise is a directory `exercises/NN_name` with a `channel.h`, or another header `X.h` whose suite is `test_X.c`.
What it builds on is its header's include line; its suite is its `test_X.c` files, and where there is an `X.h`,
`test_X.c` tests the student's `X.c`.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path

from grader import c_text
from grader.errors import GraderError, UsageError

ROOT = Path(__file__).resolve().parent.parent
EXERCISES = ROOT / "exercises"
SOLUTIONS = ROOT / "solutions"
BUILD = ROOT / "build"

TRIED = "try"  # what a program is called that belongs to no exercise

_BASE = re.compile(r'^\s*#\s*include\s+"\.\./(\d\d_\w+)/\w+\.h"', re.MULTILINE)
_TEST = re.compile(r"^TEST\(\s*(\w+)", re.MULTILINE)
_TEST_OPTIONS = re.compile(r"^TEST\(\s*(\w+)(.*?)\)\n\{", re.MULTILINE | re.DOTALL)
DRAWN = "test_generated.c"  # the tests of a suite that draw their calls
TELLING = "test_story.c"  # what tells, as steps of a story, the calls that the code makes of what it carries
_OF_THE_SUITE = ("model.h", "calls.h", "told.h")  # headers, but not the student's


@dataclass(frozen=True)
class Exercise:
    """One directory of exercises/."""

    name: str
    base: str | None
    stems: tuple[str, ...]  # of its suite's files, and of the files a student edits
    has_channel: bool = True  # its own, or the one it carries

    @property
    def directory(self) -> Path:
        return EXERCISES / self.name

    @property
    def number(self) -> str:
        return self.name[:2]

    @property
    def title(self) -> str:
        """The name in words: "message type"."""
        return self.name[3:].replace("_", " ")

    @property
    def files(self) -> tuple[str, ...]:
        """The files that make a submission; where there are others, channel.c may be left out."""
        others = tuple(f"{stem}.c" for stem in self.stems if stem != "channel")
        return others or ("channel.c",)

    def header_flags(self, root: Path = Path()) -> list[str]:
        """What tells a compiler where its headers are, first its own.

        The others stand in for where `../` leads to nowhere: from a folder that is a link."""
        return [f"-iquote{root / 'exercises' / exercise.name}" for exercise in (self, *all_exercises())]

    @property
    def carries_channel(self) -> bool:
        """Is the channel of an earlier exercise used, unless the submission brings one?"""
        return self.has_channel and "channel.c" not in self.files

    @property
    def carried_file(self) -> str:
        """The file whose code goes on in the exercises that build on this one."""
        return "channel.c" if self.has_channel else self.files[0]

    @property
    def stubs(self) -> tuple[str, ...]:
        """The files it is given out with: those, and the channel.c that takes a carried channel over."""
        return (*self.files, "channel.c") if self.carries_channel else self.files

    @property
    def headers_here(self) -> tuple[str, ...]:
        """The names of all the kit's headers in its folder, those of the suite among them."""
        return (*_OF_THE_SUITE, "channel.h", *(f"{stem}.h" for stem in self.stems))

    @property
    def suite_sources(self) -> list[Path]:
        return sorted(self.directory.glob("test_*.c"))

    def tests_in(self, source: str) -> list[str]:
        """The names of the tests in one file of its suite."""
        path = self.directory / source
        return _TEST.findall(read_text(path)) if path.exists() else []

    def tests_in_source(self) -> list[str]:
        """The names of its suite's tests, for when the suite can't be built and asked."""
        return [name for path in self.suite_sources for name in _TEST.findall(read_text(path))]

    def options_in(self, path: Path) -> list[tuple[str, str]]:
        """The tests in one file of its suite: the name and the options of each, as written there."""
        return _TEST_OPTIONS.findall(read_text(path))

    def tests_on(self, exercise: str) -> list[str]:
        """The names of its suite's tests that are run on code of that exercise.

        A suite that others build on leaves what is drawn to theirs, which draw its calls, too. Only the suite
        of the channel that is carried draws on whatever comes: behind it is none that knows more."""
        drawn = () if self.name == exercise or self.is_carried else self.tests_in(DRAWN)
        return [name for name in self.tests_in_source() if name not in drawn]

    @property
    def is_carried(self) -> bool:
        """Is its channel the one that another exercise uses?"""
        return any(other.carries_channel and other.base == self.name for other in all_exercises())

    def chain(self) -> list[Exercise]:
        """The exercise and all it builds on, the first one first."""
        found: list[Exercise] = [self]
        while found[0].base is not None:
            base = by_name(found[0].base)
            if base in found:
                raise GraderError(f"The headers of exercises/{self.name} include one another in a circle.")
            found.insert(0, base)
        return found

    def tests_of_chain(self) -> list[tuple[Exercise, str]]:
        """All tests its code is run against, the first suite's first."""
        return [(suite, name) for suite in self.chain() for name in suite.tests_on(self.name)]

    @property
    def headers(self) -> list[Path]:
        """Its own headers, those of the student's files."""
        return [path for path in sorted(self.directory.glob("*.h")) if path.name not in _OF_THE_SUITE]

    def new_functions(self) -> list[str]:
        """The functions its own headers declare, in the order of the headers."""
        names = [name for header in self.headers for name in c_text.declared_functions(read_text(header))]
        return list(dict.fromkeys(names))


def read_text(path: Path) -> str:
    """The text of a file of the kit or of a student, whatever its encoding."""
    try:
        return path.read_bytes().decode("utf-8", "replace")
    except OSError as error:
        raise GraderError(f"{shown(path)} can't be read: {error.strerror}.") from error


def shown(path: Path) -> str:
    """A path as a person would type it from the kit's directory."""
    try:
        return str(path.relative_to(ROOT))
    except ValueError:
        return str(path)


@functools.cache
def all_exercises() -> tuple[Exercise, ...]:
    """Every exercise, by number."""
    found = [_read(directory) for directory in sorted(EXERCISES.glob("[0-9][0-9]_*")) if directory.is_dir()]
    if not any(found):
        raise GraderError("There are no exercises here: exercises/NN_name/channel.h is missing.")
    return tuple(exercise for exercise in found if exercise)


def no_exercises() -> dict[str, str]:
    """The directories that are called as an exercise is, and why each is none."""
    return {path.name: _why_none(path) for path in sorted(EXERCISES.glob("[0-9][0-9]_*/")) if _read(path) is None}


def _why_none(directory: Path) -> str:
    headers = sorted(path.name for path in directory.glob("*.h") if path.name not in _OF_THE_SUITE)
    missing = f"{headers[0]} has no test_{headers[0][:-2]}.c" if headers else "it has no header"
    return f"{shown(directory)} is none: {missing}."


def _read(directory: Path) -> Exercise | None:
    """The exercise in that directory; none where there is no header to write code for."""
    tested = sorted(path.name[5:-2] for path in directory.glob("test_*.c"))
    stems = tuple(stem for stem in tested if (directory / f"{stem}.h").exists())
    has_channel = (directory / "channel.h").exists()
    if not stems and not has_channel:
        return None
    base = _BASE.search(read_text(directory / ("channel.h" if has_channel else f"{stems[0]}.h")))
    return Exercise(directory.name, base[1] if base else None, stems, has_channel)


@functools.cache
def api() -> frozenset[str]:
    """Every function that a header of an exercise declares: all that a submission may be seen with."""
    return frozenset(name for exercise in all_exercises() for name in exercise.new_functions())


@functools.cache
def drawn(exercise: Exercise) -> frozenset[str]:
    """The tests of its suite that draw their calls."""
    return frozenset(exercise.tests_in(DRAWN))


@functools.cache
def short_of_memory(exercise: Exercise) -> frozenset[str]:
    """The tests of its suite in which allocations fail."""
    return _with_option(exercise, ".allocations_fail")


@functools.cache
def extreme(exercise: Exercise) -> frozenset[str]:
    """The tests of its suite that are run once: they have many messages or large ones, or go through a table."""
    return _with_option(exercise, ".once")


def _with_option(exercise: Exercise, option: str) -> frozenset[str]:
    found = (test for path in exercise.suite_sources for test in exercise.options_in(path))
    return frozenset(name for name, options in found if option in options)


@functools.cache
def by_name(name: str) -> Exercise:
    for exercise in all_exercises():
        if exercise.name == name:
            return exercise
    raise GraderError(f"There is no exercise {name}, though a header builds on it.")


def find(text: str) -> Exercise:
    """The exercise somebody means by 4, 04, 04_bounded, bounded or exercises/04_bounded/."""
    wanted = re.sub(r"/\w+\.[ch]$", "", text.strip().rstrip("/")).rsplit("/", 1)[-1].lower()
    for exercise in all_exercises():
        if wanted in (exercise.name, exercise.number, exercise.number.lstrip("0"), exercise.name[3:]):
            return exercise
    for name, why in no_exercises().items():
        if wanted in (name.lower(), name[:2], name[:2].lstrip("0"), name[3:]):
            raise UsageError(why)
    known = " ".join(exercise.number for exercise in all_exercises())
    raise UsageError(f"There is no exercise {text!r}. EX= is one of: {known}")


@functools.cache
def is_elective(exercise: Exercise) -> bool:
    """Does it say so itself? The title of its README ends with it: # 06 Select (elective)"""
    readme = exercise.directory / "README.md"
    title = read_text(readme).partition("\n")[0] if readme.exists() else ""
    return title.rstrip().endswith("(elective)")
