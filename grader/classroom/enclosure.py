"""What the commands of one submission may see and change of this machine, and how much they may write."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from grader.classroom import sandbox
from grader.classroom.sandbox import Sandbox
from grader.exercises import BUILD, ROOT
from grader.grading import build
from grader.grading.submission import Code, Submission

MAX_SCRATCH = 256 << 20  # bytes a running submission may have written before it is ended
TOOLS = ("cc", "gcc", "clang", "nm", "objdump")


class Enclosure:
    """Puts each command of this submission into the sandbox, with what it may see and change."""

    def __init__(self, box: Sandbox, scratch: Path) -> None:
        self.box = box
        self.scratch = scratch
        self.submissions: list[Submission] = []
        self._watch = _DiskQuota(box)

    def __call__(self, command: Sequence[str], directory: Path, status: int) -> list[str]:
        if not self.box.tells_status:
            os.write(status, b'"exit-code": unknown, since nobody tells')
        self.box.lend(directory)
        self._watch.look_at(directory)
        if command[0] not in ("make", *TOOLS):
            return self.box.wrap(command, [Path(command[0])], [directory], kit=False, status=status)
        codes = {s.code_for(suite) for s in self.submissions for suite in s.exercise.chain()}
        sources = [code.directory.parent for code in codes]
        if command[0] == "make":
            objects = [_objects(variant, code.key) for variant in build.VARIANTS for code in codes]
            for path in objects:
                path.mkdir(parents=True, exist_ok=True)
                self.box.lend(path)
            return self.box.wrap(command, [*sources, *_kit_objects()], [directory, *objects], status=status)
        return self.box.wrap(command, sources, [directory, self.scratch], status=status)


def _objects(variant: str, key: str) -> Path:
    """Where make puts what belongs to that code."""
    return ROOT / build.folder(variant) / "build" / "code" / key


def _kit_objects() -> list[Path]:
    """What every suite is linked with; built before any submission, and read only."""
    parts = [BUILD / "api"]
    for variant in build.VARIANTS:
        parts += [ROOT / build.folder(variant) / part for part in ("grader", "exercises", "suite.syms")]
    return [part for part in parts if part.exists()]


class _DiskQuota:
    """Ends what writes more than is good for the disk."""

    def __init__(self, box: Sandbox) -> None:
        self._box = box
        self._directories: set[Path] = set()
        threading.Thread(target=self._run, daemon=True).start()

    def look_at(self, directory: Path) -> None:
        self._directories.add(directory)

    def _run(self) -> None:
        while True:
            time.sleep(0.2)
            for directory in list(self._directories):
                if not directory.exists():
                    self._directories.discard(directory)
                elif _size(directory) > MAX_SCRATCH:
                    sandbox.clear_cgroups(self._box)


def _size(directory: Path) -> int:
    with contextlib.suppress(OSError):
        return sum(entry.stat(follow_symlinks=False).st_size for entry in os.scandir(directory))
    return 0


# ------------------------------------------------------------------- beside other submissions


@contextlib.contextmanager
def alone(submissions: Sequence[Submission]) -> Iterator[set[Code]]:
    """Holds a lock on each piece of code: equal files of two students are built by one at a time.

    Yields those of which nothing was built before."""
    codes = {s.code_for(suite) for s in submissions for suite in s.exercise.chain()}
    with contextlib.ExitStack() as stack:
        for key in sorted(code.key for code in codes):
            lock = BUILD / "locks" / key
            lock.parent.mkdir(parents=True, exist_ok=True)
            file = stack.enter_context(open(lock, "wb"))
            fcntl.flock(file, fcntl.LOCK_EX)
        yield {code for code in codes if not any(path.exists() for path in _built(code))}


def _built(code: Code) -> list[Path]:
    return [_objects(variant, code.key) for variant in build.VARIANTS]


def remove_built(codes: Iterable[Code]) -> None:
    """Removes what was built; results are kept by content, programs are not worth their size."""
    for code in codes:
        for path in (*_built(code), code.directory.parent):
            shutil.rmtree(path, ignore_errors=True)
