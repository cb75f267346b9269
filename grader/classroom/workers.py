"""The processes that grade, a submission each: begun, waited for, and ended with all they started and all they made."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from grader.classroom import sandbox
from grader.classroom.group import Class, Job, is_known, request_for
from grader.classroom.suite_runner import SLEEPING
from grader.errors import GraderError
from grader.exercises import BUILD, ROOT
from grader.grading import isolation

BESIDES = 600.0  # seconds for what a submission takes besides running its tests: unpacking, compiling, waiting
TIDYING = 5.0  # seconds that a worker has to end what it began and to remove what it made


def prepare(group: Class) -> None:
    """Builds the kit's own part, outside of any sandbox, and before anybody's code is looked at."""
    names = [exercise.name for exercise in group.exercises]
    done = _worker_process({"prepare": list(group.variants), "exercises": names}, timeout=900)
    if done.returncode != 0:
        raise GraderError(f"The kit itself can't be built. {done.stderr.strip()[-2000:]}")


def run_job(group: Class, job: Job) -> bool:
    """Grades one submission in a process of its own. Is there a result now?"""
    job.attempts += 1
    job.message = ask_worker(dataclasses.asdict(request_for(group, job)))
    return is_known(group, job)


def ask_worker(request: Mapping[str, Any]) -> str:
    """Has a worker grade one submission. Returns why there is no result, or nothing if there is one."""
    longest = BESIDES + len(request["exercises"]) * SLEEPING * request["seconds"]
    try:
        done = _worker_process(request, longest)
    except subprocess.TimeoutExpired:
        return f"It was not graded within {longest / 60:.0f} minutes."
    if done.returncode == 0:
        return ""
    return done.stderr.strip()[-2000:] or f"The grader's worker ended with code {done.returncode}."


def _worker_process(request: Mapping[str, Any], timeout: float) -> subprocess.CompletedProcess[str]:
    """A worker in a session of its own; ended with all it started if it takes too long, or if we end."""
    command = [sys.executable, "-m", "grader.classroom.worker"]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        cwd=ROOT,
        start_new_session=True,
    )
    with _running_lock:
        _running.add(process.pid)
    try:
        _, errors = process.communicate(json.dumps(request), timeout)
    finally:
        if process.poll() is None:
            _end([process.pid])
        process.wait()
        if process.returncode < 0:
            sweep()
        with _running_lock:
            _running.discard(process.pid)
    return subprocess.CompletedProcess(command, process.returncode, "", errors)


_running: set[int] = set()
_running_lock = threading.Lock()


def stop() -> None:
    """Ends the workers, and returns once nothing of them is left: for Ctrl-C."""
    with _running_lock:
        leaders = list(_running)
    _end(leaders)
    sweep()


def _end(leaders: Sequence[int]) -> None:
    """Ends these workers; with all they started, if they don't do that by themselves."""
    for leader in leaders:
        with contextlib.suppress(OSError):
            os.kill(leader, signal.SIGTERM)
    end = time.monotonic() + TIDYING
    while any(map(isolation.is_running, leaders)) and time.monotonic() < end:
        time.sleep(0.05)
    for leader in leaders:
        with contextlib.suppress(OSError):
            os.killpg(leader, signal.SIGKILL)


def sweep() -> None:
    """Removes what workers have left that were killed: control groups and private directories of dead processes."""
    sandbox.sweep()
    with contextlib.suppress(OSError):
        for directory in (BUILD / "run").iterdir():
            owner = re.match(isolation.owned_by(r"(\d+)"), directory.name)
            if owner and not isolation.is_running(owner[1]):
                shutil.rmtree(directory, ignore_errors=True)
