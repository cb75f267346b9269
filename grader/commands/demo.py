"""`make run EX=08`: the program an exercise is for, with the student's own code in it."""

from __future__ import annotations

import os

from grader.errors import UsageError
from grader.exercises import ROOT, Exercise, all_exercises, find
from grader.grading import build
from grader.grading.submission import read_submission, tree_of


def run(ex: str, src: str, solutions: bool, port: str) -> int:
    """Builds the program and becomes it. PORT=0: any port that is free."""
    exercise = find(ex) if ex.strip() else _only_one()
    if not _has_program(exercise):
        raise UsageError(f"{exercise.name} has no program to run. Try: make run EX={_only_one().name[:2]}")
    if port and not (port.isascii() and port.isdigit() and int(port) < 65536):
        raise UsageError(f"PORT={port}: that is no port. Give a number up to 65535; 0 takes any that is free.")
    submission = read_submission(tree_of(src, solutions), exercise)
    if submission.missing:
        raise UsageError(f"{submission.missing[0]} of {exercise.name} is missing.")
    program = build.build_demo(submission.code)
    os.chdir(ROOT)
    os.execv(program, [str(program), *([port] if port else [])])


def _has_program(exercise: Exercise) -> bool:
    return (exercise.directory / "main.c").exists()


def _only_one() -> Exercise:
    return next(exercise for exercise in all_exercises() if _has_program(exercise))
