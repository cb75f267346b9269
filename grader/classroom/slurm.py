"""ENGINE=slurm: the class as a Slurm job array, for when one machine is not enough.

Each task of the array grades a few submissions, with the same workers as on one machine (workers.py) and into
the same result files: so nothing has to be merged, and a run that was stopped goes on where it was. What a
task leaves without a result is graded once more, in an array with one submission a task, and that is said;
what is left after that is given up.

The nodes must see the kit, SUBMISSIONS and OUT by the same paths as the machine that make class runs on.

    OUT/slurm/array          the name of the array that was begun last
    OUT/slurm/NAME/N.json    what its task N is asked for
    OUT/slurm/NAME/N.log     what its task N said
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import secrets
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from grader import files, typed
from grader.classroom import workers
from grader.classroom.group import Class, Job, Request, give_up, is_known, request_for
from grader.errors import GraderError
from grader.exercises import ROOT

CHUNKS = (4, 1)  # submissions a task, in the first array and in the second: there, none can harm another
MAX_TASKS = 1000  # of one array, unless a cluster is configured otherwise
POLL = 2.0  # seconds between two looks
PATIENCE = 600.0  # seconds that the controller may be out of reach
NAMED = 5  # students in a note

# A worker keeps one processor busy. What it runs may hold 2 GiB (sandbox.py); the rest is the grader's.
NEEDS = ("--ntasks=1", "--cpus-per-task=1", "--mem=3G")
ENDED = frozenset(
    "BOOT_FAIL CANCELLED COMPLETED DEADLINE FAILED NODE_FAIL OUT_OF_MEMORY PREEMPTED REVOKED TIMEOUT".split()
)


@dataclass(frozen=True)
class Slurm:
    """The engine of a cluster."""

    options: Sequence[str] = ()  # more for sbatch: --partition=teaching
    at_most: int = 0  # tasks at once; 0: as many as the cluster likes
    name: str = "slurm"
    notes: list[str] = field(default_factory=list)

    def at_work(self) -> Mapping[str, float]:
        return {}  # the nodes know

    def run(self, group: Class, jobs: Sequence[Job]) -> Generator[Job, None, None]:
        for tool in ("sbatch", "squeue", "scancel"):
            if shutil.which(tool) is None:
                raise GraderError(f"ENGINE=slurm: there is no {tool} here. Is this the cluster's login node?")
        left = list(jobs)
        if _end_old_array(group) and not group.again:  # it may have graded some since we looked
            left = [job for job in jobs if not is_known(group, job)]
            yield from (job for job in jobs if job not in left)
        for size in CHUNKS:
            if left:
                left = yield from self._grade(group, left, max(size, math.ceil(len(left) / MAX_TASKS)))
        for job in left:
            give_up(group, job)
            yield job

    def _grade(self, group: Class, jobs: Sequence[Job], size: int) -> Generator[Job, None, list[Job]]:
        """Runs one array, and yields each job once it has a result. Returns those that have none."""
        chunks = [jobs[first : first + size] for first in range(0, len(jobs), size)]
        waiting = {job.student: job for job in jobs}
        before = _result_times(group)
        array = Array(group.out / "slurm" / f"make-class-{secrets.token_hex(3)}")
        array.submit([[request_for(group, job) for job in chunk] for chunk in chunks], self)
        try:
            running = True
            while running:
                time.sleep(POLL)
                running = array.is_running()  # asked first: a task that has ended has written its results
                for student, when in _result_times(group).items():
                    job = waiting.get(student)
                    if job and when != before.get(student) and is_known(group, job):
                        yield waiting.pop(student)
        finally:
            array.cancel()
        for number, chunk in enumerate(chunks):
            lost = [job for job in chunk if job.student in waiting]
            if lost:
                self._note(array, number, lost)
        return list(waiting.values())

    def _note(self, array: Array, number: int, lost: Sequence[Job]) -> None:
        task = array.tasks.get(number, Task("lost", ""))
        where = f"Slurm: {task.state} on node {task.node or '?'}"
        names = ", ".join(job.student for job in lost[:NAMED]) + (", ..." if len(lost) > NAMED else "")
        for job in lost:
            job.attempts += 1
            job.message = f"{where}. {array.said(number)}".strip()
        then = "graded again" if lost[0].attempts < len(CHUNKS) else "given up"
        self.notes.append(f"{where}: {len(lost)} without a result, {then}: {names}")


def _result_times(group: Class) -> dict[str, int]:
    """When each student's result was written."""
    return {
        entry.name.removesuffix(".json"): entry.stat().st_mtime_ns
        for entry in os.scandir(group.results)
        if entry.name.endswith(".json") and not entry.name.startswith(".")
    }


# -------------------------------------------------------------------------------------- an array


@dataclass(frozen=True)
class Task:
    """What Slurm says of one task."""

    state: str
    node: str


@dataclass
class Array:
    """A job array, known to Slurm by the name of its directory."""

    directory: Path
    tasks: dict[int, Task] = field(default_factory=dict)  # as they were seen last

    def submit(self, chunks: Sequence[Sequence[Request]], engine: Slurm) -> None:
        for number, requests in enumerate(chunks):
            data = json.dumps([dataclasses.asdict(request) for request in requests])
            files.write_atomically(self.directory / f"{number}.json", data)
        files.write_atomically(self.directory.parent / "array", self.directory.name)
        at_once = f"%{engine.at_most}" if engine.at_most else ""
        log = str(self.directory).replace("%", "%%") + "/%a.log"
        task = shlex.join([sys.executable, "-m", "grader.classroom.slurm", str(self.directory)])
        # What becomes of a node's failure is for us to decide, and to say: --no-requeue.
        command = ["sbatch", "--no-requeue", f"--job-name={self.directory.name}", f"--chdir={ROOT}"]
        command += [f"--array=0-{len(chunks) - 1}{at_once}", "--input=none", f"--output={log}"]
        done = _slurm([*command, *NEEDS, *engine.options, f"--wrap=exec {task}"])
        if done.returncode != 0:
            raise GraderError(f"Slurm does not take the class. {done.stderr.strip()}")
        print(f"{done.stdout.strip()}: {len(chunks)} tasks; squeue --name={self.directory.name}", flush=True)

    def is_running(self) -> bool:
        """Is any task still waiting or running? One that Slurm has forgotten is not."""
        until = time.monotonic() + PATIENCE
        query = ["squeue", "--noheader", "--array", "--states=all", "--format=%K|%T|%N"]
        while (done := _slurm([*query, f"--name={self.directory.name}"])).returncode != 0:
            if time.monotonic() > until:
                raise GraderError(f"Slurm does not answer; give the command again when it does. {done.stderr.strip()}")
            time.sleep(POLL)
        lines = [line.strip().split("|") for line in done.stdout.splitlines()]
        # A newer Slurm tells tasks that were cancelled before they began as one, without a number: N/A.
        self.tasks.update({int(number): Task(state, node) for number, state, node in lines if number.isdigit()})
        return any(state not in ENDED for _, state, _ in lines)

    def cancel(self) -> None:
        _slurm(["scancel", f"--name={self.directory.name}"])

    def said(self, number: int) -> str:
        """The end of a task's log."""
        try:
            return (self.directory / f"{number}.log").read_text(errors="replace").strip()[-2000:]
        except OSError:
            return ""


def _slurm(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL)


def _end_old_array(group: Class) -> bool:
    """Ends the array of a run that was killed, so that no submission is graded twice. Was there one?"""
    home = group.out / "slurm"
    try:
        array = Array(home / (home / "array").read_text())
    except OSError:
        return False
    was_running = array.is_running()
    if was_running:
        array.cancel()
        while array.is_running():
            time.sleep(POLL)
    shutil.rmtree(home, ignore_errors=True)
    return was_running


# ---------------------------------------------------------------------------------- on a node


def main(words: Sequence[str]) -> int:
    """A task: grades its submissions, one after the other. Exit code 0: each has a result."""
    requests = json.loads(Path(words[0], f"{typed.now().word('SLURM_ARRAY_TASK_ID')}.json").read_bytes())
    code = 0
    for request in requests:
        message = workers.ask_worker(request)
        if message:
            code = 1
            print(f"{request['student']}: {message}", flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
