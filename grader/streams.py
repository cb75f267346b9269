"""The standard streams as the rest may rely on them: open, and never the reason why something ends."""

from __future__ import annotations

import io
import os
import sys
from typing import TextIO


def prepare() -> None:
    """Once, before anything is said or opened.

    A stream that the shell has closed is /dev/null; what a pipe's reader no longer wants goes there, too.
    A letter that the terminal has not is a question mark: a sentence with a ? in it is better than none."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: this one
    sys.stdout, sys.stderr = _text(1, sys.stdout), _text(2, sys.stderr)


class _Outlet(io.FileIO):
    """A descriptor that is written to for as long as that works. A reader who has gone is no error."""

    def write(self, data: object) -> int:
        try:
            return super().write(data)  # type: ignore[arg-type]
        except OSError as error:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            if not isinstance(error, BrokenPipeError):
                raise
            return super().write(data)  # type: ignore[arg-type]


def _text(number: int, before: TextIO | None) -> io.TextIOWrapper:
    raw = _Outlet(number, "wb", closefd=False)
    encoding = before.encoding if before is not None else "utf-8"
    lines = number == 2 or raw.isatty()
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding, "replace", line_buffering=lines)
