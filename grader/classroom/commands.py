"""The commands for instructors."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from grader.classroom import local, options, results, rosters, run, sandbox
from grader.classroom.entries import Entries
from grader.classroom.group import Class, Engine
from grader.classroom.progress import ProgressBar
from grader.classroom.sandbox import Sandbox
from grader.errors import EXIT_PASSED, UsageError
from grader.exercises import all_exercises, find, shown

EXIT_INTERRUPTED = 130  # as a shell counts SIGINT


def make_class(arguments: Mapping[str, str]) -> int:
    """make class SUBMISSIONS=dir"""
    group = options.from_arguments(arguments)
    engine = _engine(arguments)
    if group.roster:  # what is wrong with it is told before hours of grading
        rosters.load(group.roster, group.settings, group.exercises)
    box = sandbox.choose(group.unsafe)
    group = replace(group, sandbox=box.name)
    progress = ProgressBar(box.name, engine.at_work)
    progress.tells(results.what_counts(group))
    try:
        found = run.grade(group, engine, progress)
    except KeyboardInterrupt:
        progress.close()
        return _stopped(group, engine, box)
    finally:
        progress.close()
    _write(group, found, engine, box)
    return EXIT_PASSED


def _write(group: Class, found: Entries, engine: Engine, box: Sandbox, notes: Sequence[str] = ()) -> None:
    for line in results.write_all(group, found, box, engine.name, [*notes, *engine.notes]):
        print(line)
    print(f"Results: {os.path.relpath(group.out)}/class.html (class.csv, reports/, gradebooks/, ...)")


def _stopped(group: Class, engine: Engine, box: Sandbox) -> int:
    """The tables of what is done, after Ctrl-C. Another one ends that, too."""
    known, left = run.graded_so_far(group)
    said = f"Stopped: {len(known.of)} of {len(known.of) + len(left)} submissions are graded."
    print("\nStopped. Now the tables of what is done." if known.of else f"\n{said}", flush=True)
    if known.of:
        without_roster = " ROSTER= is filled in when all are." if group.roster else ""
        _write(replace(group, roster=None), known, engine, box, [f"{said}{without_roster}"])
    print("To go on where it was: the same command again.")
    return EXIT_INTERRUPTED


def _engine(arguments: Mapping[str, str]) -> Engine:
    name = arguments.get("engine") or "local"
    if name == "local":
        return local.Local()
    if name == "slurm":
        from grader.classroom import slurm

        at_most = int(arguments.get("jobs") or 0)
        return slurm.Slurm(shlex.split(arguments.get("slurm", "")), at_most)
    raise UsageError(f"ENGINE={name}: there is none. Choose one of: local slurm")


def result(arguments: Mapping[str, str]) -> int:
    """make result SRC=dir FORMAT=tap OUT=file METADATA=file: one tree's result, for autograders and gradebooks."""
    from grader.classroom import autograder

    return autograder.grade_one(arguments)


def gradescope(arguments: Mapping[str, str]) -> int:
    """make gradescope: the autograder as a zip to upload."""
    from grader.classroom import autograder, settings

    rules = Path(arguments["class"]).expanduser() if arguments.get("class") else None
    given = settings.load(rules)
    only = [find(name) for name in arguments.get("ex", "").replace(",", " ").split()]
    exercises = only or [e for e in all_exercises() if e.name not in given.leave_out]
    path = autograder.write_zip(Path(arguments.get("out") or "build/autograder.zip"), [e.number for e in only], rules)
    most = 100 * sum(given.weight(exercise.name) for exercise in exercises)
    print(f"{shown(path)}: upload it under Configure Autograder, Zip file upload.")
    print(f"The assignment is worth {most:g} points.")
    return EXIT_PASSED
