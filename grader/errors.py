"""Errors that end a command, or the grading of one submission.

Each is one clear sentence for a person. What it means for the program is its class, never its words:

    GraderError          the kit can't go on
      UsageError         what was typed can't be done
      MachineError       the machine is in the way; another time, or another machine, may do better
        NotInstalled     a tool is missing
        NotWritable      a file can't be written: the disk is full, or not ours
        SandboxError     the sandbox did not come so far as to begin the command
      SubmissionError    the code that is graded is in the way
        BuildError       make can't build it, and there is no line of it to point at
        SuiteError       its suite ends before the first test begins
"""

from __future__ import annotations

EXIT_PASSED = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_ENVIRONMENT = 3


class GraderError(Exception):
    """Ends the command with its message; nobody ever sees a stack trace of the grader."""

    exit_code = EXIT_ENVIRONMENT


class UsageError(GraderError):
    """What was typed can't be done: exit code 2."""

    exit_code = EXIT_USAGE


class MachineError(GraderError):
    """The machine is in the way, and never the code that is graded. The message holds the cure."""


class NotInstalled(MachineError):
    """A tool is missing."""

    def __init__(self, tool: str, cure: str = "Run: sh setup.sh", why: str = "") -> None:
        super().__init__(f"{tool} is not installed{why}. {cure}")


class NotWritable(MachineError):
    """A file can't be written."""


class SandboxError(MachineError):
    """The sandbox did not begin the command it was given."""


class SubmissionError(GraderError):
    """The code that is graded is in the way, given that the kit itself is sound.

    Where a class is graded that is known, since the kit was built just before. Elsewhere either may be."""

    verdict = "build_failed"
    meaning = "It can't be built."

    def __init__(self, message: str, cure: str = "") -> None:
        super().__init__(f"{message}\n{cure}".strip())
        self.message = message


class BuildError(SubmissionError):
    """make can't build it, and there is no line of it to point at."""


class SuiteError(SubmissionError):
    """Its suite ends before the first test begins."""

    verdict = "failed"
    meaning = "It ends the process before the first test begins."
