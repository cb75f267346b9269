"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from pathlib import Path

from grader.errors import NotWritable
from grader.exercises import shown


def write_atomically(path: Path, content: bytes | str) -> None:
    """Writes a file so that others see the old one or the new one, never half of one.

    What is no file (a terminal, a pipe, /dev/stdout) is written to as it is, and stays what it is."""
    data = content.encode() if isinstance(content, str) else content
    temporary = None
    try:
        if path.exists() and not path.is_file():
            with path.open("wb") as out:
                out.write(data)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(descriptor, "wb") as out:
            out.write(data)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as error:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
        raise NotWritable(cannot_write(path, error)) from error


MAKE_ROOM = "Make room (make clean frees what was built), then try again."
ENOUGH = 4 << 20  # bytes: a suite and what it is made of


def is_full(directory: Path) -> bool:
    """Is there no room for what is built next? Asked of the file system, which may count by users."""
    try:
        with tempfile.TemporaryFile(dir=directory) as file:
            os.posix_fallocate(file.fileno(), 0, ENOUGH)
    except OSError as error:
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    return False


def cannot_write(path: Path, error: OSError) -> str:
    """Why that file couldn't be written, and what to do."""
    cure = {
        errno.ENOSPC: MAKE_ROOM,
        errno.EDQUOT: MAKE_ROOM,
        errno.EROFS: "Copy the kit to a directory of your own.",
        errno.EACCES: "Copy the kit to a directory of your own.",
        errno.EPERM: "Copy the kit to a directory of your own.",
    }.get(error.errno or 0, "")
    return f"{shown(path)} can't be written: {error.strerror}. {cure}".strip()
