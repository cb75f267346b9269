"""`make class`: grades every submission of a directory.

A submission is a process (worker.py), and its result a file; so a killed run goes on where it was, a
changed submission alone is graded again, and one that breaks stops no other. Nothing is kept in memory
but what the tables need.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from grader.classroom import entries, workers
from grader.classroom.entries import Entries
from grader.classroom.group import Class, ClassListener, Engine, Job, is_known
from grader.classroom.keys import kit_key, submission_key
from grader.errors import UsageError


def grade(group: Class, engine: Engine, listener: ClassListener) -> Entries:
    """Grades what is not graded yet. Returns whose submissions there are, and what is none."""
    group.results.mkdir(parents=True, exist_ok=True)
    with _only_one(group.out):
        found = entries.find(group.submissions, group.out)
        if not found.of:
            raise UsageError(
                "\n".join([f"SUBMISSIONS={group.submissions}: there is nobody's submission in it.", *found.lines()])
            )
        workers.sweep()
        kit = kit_key(group)
        jobs = [Job(name, entry.path, submission_key(entry.path, kit)) for name, entry in found.of.items()]
        todo = [job for job in jobs if group.again or not is_known(group, job)]
        listener.begins(len(jobs), len(jobs) - len(todo))
        for line in found.lines():
            listener.tells(line)
        if todo:
            listener.builds_the_kit(" ".join(exercise.number for exercise in group.exercises))
            workers.prepare(group)
            listener.grades()
            left = len(todo)
            with contextlib.closing(engine.run(group, todo)) as graded:  # whatever ends it ends the engine
                for job in graded:
                    left -= 1
                    listener.graded(job.student, _verdicts(group, job), left)
    return found


def graded_so_far(group: Class) -> tuple[Entries, list[str]]:
    """Of a run that was stopped the submissions whose result is there, and the students whose is not."""
    found = entries.find(group.submissions, group.out)
    kit = kit_key(group)
    known = {
        name: entry for name, entry in found.of.items()
        if is_known(group, Job(name, entry.path, submission_key(entry.path, kit)))
    }  # fmt: skip
    return replace(found, of=known), [name for name in found.of if name not in known]


def _verdicts(group: Class, job: Job) -> dict[str, str]:
    result = json.loads(group.result_file(job.student).read_bytes())
    return {exercise["name"]: exercise["verdict"] for exercise in result["exercises"]}


# ------------------------------------------------------------------------------ order in the house


@contextlib.contextmanager
def _only_one(out: Path) -> Iterator[None]:
    """Two runs into one directory would do everything twice."""
    with open(out / ".lock", "wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UsageError(f"Another make class is writing to {out}. Wait for it, or give another OUT=.") from None
        yield
