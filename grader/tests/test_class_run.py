"""A mixed class from the first command to the last: killed on the way, gone on with, every verdict as expected."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from grader.classroom import one_submission, sandbox, worker, workers
from grader.classroom.group import Class, Job, Request, is_known, request_for
from grader.classroom.settings import Settings
from grader.exercises import BUILD, ROOT, by_name
from grader.grading import isolation
from grader.tests import class_of, test_hostile

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


def left_by(workers: list[int]) -> list[str]:
    """Private directories and control groups of these."""
    names = tuple(isolation.owned_by(worker) for worker in workers)
    found = [path.name for path in (BUILD / "run").iterdir() if path.name.startswith(names)]
    return found + [str(group) for group in sandbox.control_groups() if int(group.name.split("-")[1]) in workers]


def test_a_worker_that_is_stopped_leaves_nothing(tmp_path: Path) -> None:
    try:
        box = sandbox.choose()
    except sandbox.NoSandbox:
        pytest.skip("there is no sandbox on this machine")
    loop = next(case for case in test_hostile.CASES if case.name == "endless_loop")
    test_hostile.folder(tmp_path / "ann").write_text(loop.text)
    request = Request("ann", str(tmp_path / "ann"), str(tmp_path / "out"), "", (test_hostile.EXERCISE,), ("plain",))
    worker.prepare(request.variants, request.exercises)
    asking = threading.Thread(target=workers.ask_worker, args=[asdict(replace(request, sandbox=box.name))])
    asking.start()
    end = time.monotonic() + 120
    while not (at_work := list(workers._running)) or not list((BUILD / "run").glob(f"*-{at_work[0]}-*/out")):
        assert asking.is_alive() and time.monotonic() < end
        time.sleep(0.05)
    assert left_by(at_work)
    workers.stop()
    assert left_by(at_work) == [] and not isolation.is_running(at_work[0])
    asking.join()


SLOW = """
#include <time.h>
static void attack(void)
{
    clock_t begun = clock();
    while (clock() - begun < CLOCKS_PER_SEC / 10) {
    }
}
"""


def test_an_exercise_has_so_much_processor_time_and_no_more(tmp_path: Path) -> None:
    """It is told, and is graded again only where it may use more."""
    solution = test_hostile.solution().decode()
    slow = re.sub(r"(enum channel_status channel_create\([^)]*\)\n{)", r"\1\n    attack();", solution)
    test_hostile.folder(tmp_path / "subs" / "ann").write_text(SLOW + slow)
    exercises = (by_name(test_hostile.EXERCISE),)
    group = Class(tmp_path / "subs", tmp_path / "out", exercises, Settings(seconds=1.0), ("plain",), unsafe=True)
    job = Job("ann", tmp_path / "subs" / "ann", "key")
    request = request_for(group, job)
    worker.prepare(request.variants, request.exercises)
    result = one_submission.grade(request, sandbox.NONE)
    graded = result["exercises"][0]
    assert graded["verdict"] == "failed"
    assert graded["notes"][0].startswith("Ended after 1 s of processor time")
    told = [test["message"] for test in graded["tests"] if test["verdict"] == "timeout"]
    assert "Not run: the exercise has used up its 1 s of processor time." in told
    group.results.mkdir(parents=True)
    group.result_file("ann").write_text(json.dumps(result))
    assert is_known(group, job)
    assert not is_known(replace(group, settings=Settings(seconds=2.0)), job)


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
        time.sleep(0.05)  # they end with it
    assert left_by(workers) == []
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
