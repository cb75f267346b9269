"""The verdicts, and what they are called: of one test, and of an exercise.

What a runtime can tell of a test stands in suite/runtime.h, too."""

from __future__ import annotations

# Of one test: what a report calls it, and the title of what is told of it.
OF_TESTS = {
    "passed": "passed",
    "failed": "a promise is broken",
    "deadlock": "deadlock",
    "race": "data race",
    "use_after_free": "use after free",
    "leak": "memory leak",
    "no_progress": "no progress",
    "misuse": "misuse",
    "crashed": "crash",
    "timeout": "no end",
    "exited_early": "the process ended early",
    "not_implemented": "not implemented yet",
    "build_failed": "does not build",
    "skipped": "skipped",
    "environment": "the machine or the kit is in the way",
}
# Of an exercise, the worst last: how it is told in a line. Those of a class only are told by their names.
OF_EXERCISES = {
    "passed": "passed",
    "failed": "failed",
    "build_failed": "does not build",
    "not_started": "not started",
    "absent": "absent",
    "rejected": "rejected",
    "environment": "not graded",
}
