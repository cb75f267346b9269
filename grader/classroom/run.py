"""`make class`: grades every submission of a directory, and says what came of it.

A submission is a process (worker.py), and its result a file; so a killed run goes on where it was, a
changed submission alone is graded again, and one that breaks stops no other. Nothing is kept in memory
but what the tables need.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import hashlib
import json
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from grader import files
from grader.arguments import is_on
from grader.classroom import intake, sandbox, settings, worker
from grader.classroom.settings import Settings
from grader.classroom.worker import Request
from grader.errors import GraderError, UsageError
from grader.exercises import BUILD, ROOT, Exercise, all_exercises, find
from grader.grading import build, isolation, static_checks

LONGEST = 1800.0  # seconds for one submission, whatever it does
ATTEMPTS = 2  # for what is the machine's fault
VARIANTS = ("interleave", "asan")


@dataclass(frozen=True)
class Class:
    """One class to grade: where from, where to, how."""

    submissions: Path
    out: Path
    exercises: tuple[Exercise, ...]
    settings: Settings
    variants: tuple[str, ...] = VARIANTS
    flat: str = ""
    jobs: int = 1
    unsafe: bool = False
    sandbox: str = ""  # by name; a worker that has another one refuses
    again: bool = False
    static_checks: bool = True
    cpu_seconds: int = 20
    patience: int = 3

    @property
    def results(self) -> Path:
        return self.out / "results"

    def result_file(self, student: str) -> Path:
        return self.results / f"{student}.json"


@dataclass
class Job:
    """One submission that is to be graded."""

    student: str
    path: Path
    key: str
    attempts: int = 0
    message: str = ""  # why the last attempt failed


class ClassListener(Protocol):
    """Who is told while a class is graded."""

    def begins(self, total: int, known: int) -> None: ...
    def builds_the_kit(self) -> None: ...
    def grades(self) -> None: ...
    def graded(self, student: str, verdicts: Mapping[str, str], left: int) -> None: ...


class Engine(Protocol):
    """What has the jobs done, and yields each when there is a result file, or no hope of one."""

    @property
    def name(self) -> str: ...
    @property
    def notes(self) -> Sequence[str]:
        """What the instructor should know of the run, a line each."""
        ...

    def run(self, group: Class, jobs: Sequence[Job]) -> Iterator[Job]: ...


# --------------------------------------------------------------------------------------- keys


def kit_key(group: Class) -> str:
    """A hash of all a result depends on, besides the submission."""
    digest = hashlib.sha256()
    for variant in group.variants:
        for exercise in group.exercises:
            for suite in exercise.chain():
                digest.update(build.kit_digest(suite.name, variant).encode())
    digest.update(json.dumps([group.sandbox, group.flat, group.variants, [e.name for e in group.exercises]]).encode())
    for module in (static_checks, intake, sandbox, worker):
        digest.update(Path(str(module.__file__)).read_bytes())
    return digest.hexdigest()


def submission_key(path: Path, kit: str) -> str:
    """Another one whenever the submission, or anything its result depends on, has changed."""
    digest = hashlib.sha256(kit.encode())
    for name, size, changed in sorted(_files_of(path)):
        digest.update(f"{name}\0{size}\0{changed}\0".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:24]


def _files_of(path: Path) -> Iterator[tuple[str, int, int]]:
    with contextlib.suppress(OSError):
        if path.is_symlink() or not path.is_dir():
            status = path.lstat()
            yield path.name, status.st_size, status.st_mtime_ns
            return
    count = 0
    for parent, _, names in os.walk(path):
        for name in names:
            count += 1
            if count > intake.MAX_ENTRIES:
                return
            with contextlib.suppress(OSError):
                status = os.lstat(os.path.join(parent, name))
                yield os.path.join(os.path.relpath(parent, path), name), status.st_size, status.st_mtime_ns


# ------------------------------------------------------------------------------------ grading


def grade(group: Class, engine: Engine, listener: ClassListener) -> list[str]:
    """Grades what is not graded yet. Returns the students, sorted."""
    found = intake.find_submissions(group.submissions)
    if not found:
        raise UsageError(f"SUBMISSIONS={group.submissions}: there is no directory, .zip or .tar.gz in it.")
    group.results.mkdir(parents=True, exist_ok=True)
    with _only_one(group.out):
        _sweep()
        kit = kit_key(group)
        jobs = [Job(student, path, submission_key(path, kit)) for student, path in found.items()]
        todo = [job for job in jobs if group.again or not is_known(group, job)]
        listener.begins(len(jobs), len(jobs) - len(todo))
        if todo:
            listener.builds_the_kit()
            prepare(group)
            listener.grades()
            left = len(todo)
            for job in engine.run(group, todo):
                left -= 1
                listener.graded(job.student, _verdicts(group, job), left)
    return sorted(found)


def is_known(group: Class, job: Job) -> bool:
    """Is there a result for this very submission? One that was the machine's fault doesn't count."""
    try:
        result = json.loads(group.result_file(job.student).read_bytes())
        verdicts = [exercise["verdict"] for exercise in result["exercises"]]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return bool(result["key"] == job.key and "environment" not in verdicts)


def _verdicts(group: Class, job: Job) -> dict[str, str]:
    result = json.loads(group.result_file(job.student).read_bytes())
    return {exercise["name"]: exercise["verdict"] for exercise in result["exercises"]}


def prepare(group: Class) -> None:
    """Builds the kit's own part, outside of any sandbox, and before anybody's code is looked at."""
    names = [exercise.name for exercise in group.exercises]
    done = _worker_process({"prepare": list(group.variants), "exercises": names}, timeout=900)
    if done.returncode != 0:
        raise GraderError(f"The kit itself can't be built. {done.stderr.strip()[-2000:]}")


def request_for(group: Class, job: Job) -> Request:
    return Request(
        student=job.student,
        path=str(job.path.resolve() if not job.path.is_symlink() else job.path.absolute()),
        out=str(group.result_file(job.student).resolve()),
        key=job.key,
        exercises=tuple(exercise.name for exercise in group.exercises),
        variants=group.variants,
        flat=group.flat,
        unsafe=group.unsafe,
        sandbox=group.sandbox,
        static_checks=group.static_checks,
        cpu_seconds=group.cpu_seconds,
        patience=group.patience,
    )


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


def give_up(group: Class, job: Job) -> None:
    """Notes that a submission could not be graded, unless its result says so already."""
    with contextlib.suppress(OSError, ValueError, KeyError):
        if json.loads(group.result_file(job.student).read_bytes())["key"] == job.key:
            return
    exercises = [
        {"name": e.name, "verdict": "environment", "message": job.message, "flags": [], "tests": [], "report": ""}
        for e in group.exercises
    ]
    result = {"schema": 1, "student": job.student, "key": job.key, "submitted": None, "seconds": 0}
    files.write_atomically(group.result_file(job.student), json.dumps({**result, "exercises": exercises}))


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


@dataclass
class Local:
    """The engine of one machine: `jobs` workers beside each other."""

    name: str = "local"
    notes: tuple[str, ...] = ()
    _stopping: threading.Event = field(default_factory=threading.Event)

    def run(self, group: Class, jobs: Sequence[Job]) -> Iterator[Job]:
        todo: queue.SimpleQueue[Job] = queue.SimpleQueue()
        done: queue.SimpleQueue[Job] = queue.SimpleQueue()
        for job in jobs:
            todo.put(job)
        threads = [
            threading.Thread(target=self._work, args=(group, todo, done), daemon=True)
            for _ in range(min(group.jobs, len(jobs)))
        ]
        for thread in threads:
            thread.start()
        try:
            for _ in jobs:
                yield done.get()
        finally:
            self._stopping.set()
            stop()

    def _work(self, group: Class, todo: queue.SimpleQueue[Job], done: queue.SimpleQueue[Job]) -> None:
        while not self._stopping.is_set():
            try:
                job = todo.get_nowait()
            except queue.Empty:
                return
            while not run_job(group, job) and job.attempts < ATTEMPTS:
                if self._stopping.is_set():
                    return
            if self._stopping.is_set():
                return
            give_up(group, job)
            done.put(job)


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


def _sweep() -> None:
    """Removes what a killed run has left: control groups and private directories of dead processes."""
    sandbox.sweep()
    with contextlib.suppress(OSError):
        for directory in (BUILD / "run").iterdir():
            owner = re.match(isolation.owned_by(r"(\d+)"), directory.name)
            if owner and not isolation.is_running(owner[1]):
                shutil.rmtree(directory, ignore_errors=True)


# ---------------------------------------------------------------------------------- from make


def from_arguments(arguments: Mapping[str, str]) -> Class:
    """The class that was typed: make class SUBMISSIONS=dir OUT=dir EX=02 ..."""
    given = arguments.get("submissions", "")
    if not given:
        raise UsageError("Which class? make class SUBMISSIONS=dir, with one directory or archive a student in it.")
    submissions = Path(given).expanduser()
    submissions = submissions if submissions.is_absolute() else ROOT / submissions
    if not submissions.is_dir():
        raise UsageError(f"SUBMISSIONS={given}: there is no such directory.")
    out = Path(arguments.get("out") or f"{submissions}.graded").expanduser()
    rules = settings.load(Path(arguments["class"]).expanduser() if arguments.get("class") else None)
    only = [find(name) for name in arguments.get("ex", "").replace(",", " ").split()]
    exercises = tuple(only or (e for e in all_exercises() if e.name not in rules.leave_out))
    variants = tuple(arguments.get("variants", "").replace(",", " ").split()) or VARIANTS
    for variant in variants:
        if variant not in build.VARIANTS:
            raise UsageError(f"VARIANTS={variant}: there is none. Choose from: {' '.join(build.VARIANTS)}")
    cores = len(os.sched_getaffinity(0))
    jobs = arguments.get("jobs") or str(2 * cores)  # on real threads, a test sleeps for half of its time
    if not jobs.isdigit() or int(jobs) < 1:
        raise UsageError(f"JOBS={jobs} is no number of workers.")
    return Class(
        submissions=submissions,
        out=out if out.is_absolute() else ROOT / out,
        exercises=exercises,
        settings=rules,
        variants=variants,
        flat=only[0].name if len(only) == 1 else "",
        jobs=int(jobs),
        unsafe=is_on(arguments.get("unsafe", "")),
        again=is_on(arguments.get("again", "")),
    )


BUILDING = "building the kit's own part"


class Progress:
    """How far it is: a bar with the time left on a terminal, a line now and then elsewhere."""

    def __init__(self, sandbox_name: str) -> None:
        self._sandbox = sandbox_name
        self._begun = 0.0
        self._total = self._done = 0
        self._bar: Any = None
        self._task: Any = None

    def begins(self, total: int, known: int) -> None:
        self._total = total - known
        again = f", {known} of them graded before" if known else ""
        submissions = "1 submission" if total == 1 else f"{total} submissions"
        print(f"{submissions}{again}; sandbox: {self._sandbox}", flush=True)

    def builds_the_kit(self) -> None:
        if sys.stdout.isatty() and not os.environ.get("NO_COLOR"):
            with contextlib.suppress(ImportError):
                from rich import progress

                columns = ("{task.description}", progress.BarColumn(), progress.MofNCompleteColumn(),
                           progress.TimeRemainingColumn())  # fmt: skip
                self._bar = progress.Progress(*columns)
                self._task = self._bar.add_task(BUILDING, total=None)
                self._bar.start()
        if self._bar is None:
            print(BUILDING, flush=True)

    def grades(self) -> None:
        self._begun = time.monotonic()
        if self._bar is not None:
            self._bar.reset(self._task, total=self._total, description="grading")

    def graded(self, student: str, verdicts: Mapping[str, str], left: int) -> None:
        self._done += 1
        if self._bar is not None:
            self._bar.update(self._task, completed=self._done)
            if left == 0:
                self._bar.stop()
        elif left == 0 or self._done % max(1, self._total // 20) == 0:
            passed = time.monotonic() - self._begun
            rest = passed / self._done * left
            print(f"{self._done:5} of {self._total}, {_clock(rest)} left", flush=True)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.stop()


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"
