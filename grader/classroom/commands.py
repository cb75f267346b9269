"""The commands for instructors."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from grader.classroom import results, run, sandbox
from grader.errors import EXIT_PASSED, UsageError



def make_class(arguments: Mapping[str, str]) -> int:
    """make class SUBMISSIONS=dir"""
    group = run.from_arguments(arguments)
    engine = _engine(arguments)
    box = sandbox.choose(group.unsafe)
    progress = run.Progress(box.name)
    try:
        names = run.grade(group, engine, progress)
    finally:
        progress.close()
    notes = list(getattr(engine, "notes", []))
    notes = results.write_all(group, names, box, engine.name, notes)
    for note in notes:
        print(note)
    shown = os.path.relpath(group.out)
    print(f"Results: {shown}/class.html, class.csv, class.json, reports/, gradebooks/")
    return EXIT_PASSED


def _engine(arguments: Mapping[str, str]) -> run.Engine:
    name = arguments.get("engine") or "local"
    if name == "local":
        return run.Local()
    if name == "slurm":
        from grader.classroom import slurm

        return slurm.Slurm(options=tuple(arguments.get("slurm", "").split()))
    raise UsageError(f"ENGINE={name}: there is none. Choose one of: local slurm")


def gradescope(arguments: Mapping[str, str]) -> int:
    """make gradescope: the autograder as a zip to upload."""
    from grader.classroom import autograder

    path = autograder.write_zip(Path(arguments.get("out") or "build/autograder.zip"))
    print(f"Upload {path} to Gradescope: Configure Autograder, Zip file upload.")
    return EXIT_PASSED
