"""A mixed class from the first command to the last: killed on the way, gone on with, every verdict as expected."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from grader.classroom import sandbox
from grader.exercises import BUILD, ROOT
from grader.grading import isolation
from grader.tests import class_of

STUDENTS = 13  # every kind is among them
MEMORY = 200 << 10  # KiB that the grader may take, and a worker of it, however large the class


@pytest.fixture
def submissions(tmp_path: Path) -> Path:
    try:
        sandbox.choose()
    except sandbox.NoSandbox:
        pytest.skip("there is no sandbox on this machine")
    class_of.write(tmp_path / "class", STUDENTS, ["01", "02"])
    return tmp_path / "class"


def begin(submissions: Path, said: Path) -> subprocess.Popen[bytes]:
    left_out = ("ENGINE", "OUT", "EX", "CLASS", "VARIANTS", "JOBS", "UNSAFE", "AGAIN")
    command = [sys.executable, "-m", "grader", "class", "--submissions", str(submissions), "--ex", "01 02"]
    with open(said, "wb") as out:
        environment = {name: value for name, value in os.environ.items() if name not in left_out}
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out)


def written(submissions: Path) -> dict[str, int]:
    """When each result was written."""
    results = submissions.with_suffix(".graded") / "results"
    return {path.stem: path.stat().st_mtime_ns for path in results.glob("[a-z]*.json")}


def children(pid: int) -> list[int]:
    return [
        int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()
    ]


def memory(pid: int) -> int:
    """The most KiB that a process has had in use; not what it has run, which the sandbox limits."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    return 0


def most_memory(grading: subprocess.Popen[bytes]) -> int:
    """Waits for its end. The most that it, or a worker, has had in use."""
    most = 0
    while grading.poll() is None:
        with contextlib.suppress(OSError):
            most = max(most, memory(grading.pid), *map(memory, children(grading.pid)))
        time.sleep(0.05)
    return most


def test_a_class_that_was_killed_on_the_way(submissions: Path, tmp_path: Path) -> None:
    grading = begin(submissions, tmp_path / "first")
    end = time.monotonic() + 600
    while len(written(submissions)) < STUDENTS // 3 and time.monotonic() < end:
        assert grading.poll() is None, (tmp_path / "first").read_text()
        time.sleep(0.05)
    workers = children(grading.pid)
    grading.send_signal(signal.SIGKILL)
    grading.wait()
    while any(map(isolation.is_running, workers)) and time.monotonic() < end:
        time.sleep(0.05)  # they die with it
    before = written(submissions)
    assert 0 < len(before) < STUDENTS

    again = begin(submissions, tmp_path / "second")
    used = most_memory(again)
    said = (tmp_path / "second").read_text()
    assert again.returncode == 0 and f"{STUDENTS} submissions, {len(before)} of them graded before" in said, said
    after = written(submissions)
    assert len(after) == STUDENTS and before.items() <= after.items()
    assert class_of.check(submissions, submissions.with_suffix(".graded")) == []
    assert 10 << 10 < used < MEMORY
    names = tuple(isolation.owned_by(worker) for worker in workers)
    assert [path.name for path in (BUILD / "run").iterdir() if path.name.startswith(names)] == []
