"""The processes that grade, a submission each: begun, waited for, and ended with all they started."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import Any

from grader.classroom.group import Class, Job, is_known, request_for
from grader.errors import GraderError
from grader.exercises import ROOT

LONGEST = 1800.0  # seconds for one submission, whatever it does


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
    try:
        done = _worker_process(request, LONGEST)
    except subprocess.TimeoutExpired:
        return f"It was not graded within {LONGEST / 60:.0f} minutes."
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
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        with _running_lock:
            _running.discard(process.pid)
    return subprocess.CompletedProcess(command, process.returncode, "", errors)


_running: set[int] = set()
_running_lock = threading.Lock()


def stop() -> None:
    """Ends the workers: for Ctrl-C."""
    with _running_lock:
        for leader in _running:
            with contextlib.suppress(OSError):
                os.killpg(leader, signal.SIGKILL)
