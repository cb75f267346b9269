"""`make run EX=08`: the program an exercise is for, with the student's own code in it; `make talk`: talks to it."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import sys

from grader.errors import EXIT_PASSED, UsageError
from grader.exercises import ROOT, Exercise, all_exercises, find
from grader.grading import build
from grader.grading.submission import read_submission, tree_of


def run(ex: str, src: str, solutions: bool, port: str) -> int:
    """Builds the program and becomes it. PORT=0: any port that is free."""
    exercise = find(ex) if ex.strip() else _only_one()
    if not _has_program(exercise):
        raise UsageError(f"{exercise.name} has no program to run. Try: make run EX={_only_one().name[:2]}")
    _number(port or "0")
    submission = read_submission(tree_of(src, solutions), exercise)
    if submission.missing:
        raise UsageError(f"{submission.missing[0]} of {exercise.name} is missing.")
    program = build.build_demo(submission.code)
    os.chdir(ROOT)
    os.execv(program, [str(program), *([port] if port else [])])


def talk(port: str) -> int:
    """What is typed goes to the program, what it says to the screen, until either has had enough."""
    number = _number(port or "8008")
    try:
        connection = socket.create_connection(("127.0.0.1", number))
    except OSError as error:
        raise UsageError(f"Nobody listens on port {number}. In another terminal: make run EX=08") from error
    with contextlib.suppress(ConnectionError):  # it has ended
        _pass_on(connection)
    return EXIT_PASSED


def _pass_on(connection: socket.socket) -> None:
    talking = [connection.fileno(), sys.stdin.fileno()]
    while True:
        ready, _, _ = select.select(talking, [], [])
        if sys.stdin.fileno() in ready:
            typed = os.read(sys.stdin.fileno(), 65536)
            connection.sendall(typed)
            if not typed:
                connection.shutdown(socket.SHUT_WR)
                talking.pop()
        if connection.fileno() in ready:
            said = connection.recv(65536)
            if not said:
                return
            sys.stdout.write(said.decode("utf-8", "replace"))
            sys.stdout.flush()


def _number(port: str) -> int:
    if not (port.isascii() and port.isdigit() and int(port) < 65536):
        raise UsageError(f"PORT={port}: that is no port. Give a number up to 65535; 0 takes any that is free.")
    return int(port)


def _has_program(exercise: Exercise) -> bool:
    return (exercise.directory / "demo" / "main.c").exists()


def _only_one() -> Exercise:
    return next(exercise for exercise in all_exercises() if _has_program(exercise))
