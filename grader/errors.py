"""Errors that end the grader: each is one clear sentence, and carries the exit code."""

from __future__ import annotations

import shutil
import sys
import textwrap

EXIT_PASSED = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_ENVIRONMENT = 3


def tell(error: object) -> None:
    """Says it on stderr, where a terminal's edge breaks no word."""
    lines = str(error).splitlines()
    if sys.stderr.isatty():
        width = shutil.get_terminal_size().columns
        lines = [
            part
            for line in lines
            for part in textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False) or [""]
        ]
    print("\n".join(lines), file=sys.stderr)


class GraderError(Exception):
    """Ends the command with its message; nobody ever sees a stack trace of the grader."""

    exit_code = EXIT_ENVIRONMENT


class UsageError(GraderError):
    """What was typed can't be done: exit code 2."""

    exit_code = EXIT_USAGE
