"""Runs one command as one test is run: apart from everything else, within limits, and wholly ended.

A session of its own, address randomisation off, stdin closed, stdout and stderr in capped files (never
pipes, which a grandchild could hold open), limits on processor time, wall time, memory and file
size. At the end the whole process tree is killed, whatever of it tried to get away.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import math
import os
import resource
import select
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from grader import files
from grader.errors import MachineError, NotWritable, SandboxError
from grader.exercises import BUILD, ROOT
from grader.grading import hang

TICK = 0.25  # seconds between two looks at a running test

_ADDR_NO_RANDOMIZE = 0x0040000
_PR_SET_CHILD_SUBREAPER = 36

_lock = threading.Lock()  # guards _running, and starting a process against the sweep for orphans
_running: set[int] = set()  # leaders of the sessions that are running now
_stopping = threading.Event()

# Puts a command into a sandbox, of which it may write to that private directory. To that descriptor the
# sandbox writes a line with "exit-code" in it, once what it began has ended.
Enclose = Callable[[Sequence[str], Path, int], Sequence[str]]


@dataclass(frozen=True)
class Limits:
    """What one command may use. Processor time decides; wall time is only the last resort, since a
    loaded machine gives little of the one in much of the other."""

    cpu_seconds: int = 60  # of each of its processes
    wall_seconds: float = 180.0  # from one line in its record to the next
    total_seconds: float = math.inf  # of processor time, of all its processes together
    total_wall_seconds: float = math.inf
    memory: int = (
        4 << 30
    )  # bytes in use by the whole process tree; address space is not limited, sanitizers need it all
    file_size: int = 16 << 20
    kept_output: int = 1 << 16  # bytes of stdout, and of stderr, that are looked at


@dataclass(frozen=True)
class Policy:
    """How the commands of a grading are run. The default is for code of one's own."""

    enclose: Enclose | None = None
    compiling: Limits = field(
        default=Limits(cpu_seconds=120, wall_seconds=600.0, file_size=256 << 20, kept_output=64 << 20)
    )
    testing: Limits | None = None  # of one test; None: generous, as variant and machine need it


AS_IT_IS = Policy()


@dataclass
class ProcessResult:
    """What became of a command."""

    code: int  # exit code, or minus the signal
    seconds: float
    stdout: bytes
    stderr: bytes
    record: bytes = b""
    sanitizer: str = ""
    timed_out: bool = False
    too_large: bool = False  # it used more memory than it may
    asleep: bool = False  # timed out early: everything in it sleeps, and nothing will wake it
    stacks: list[hang.Thread] = field(default_factory=list)


class Interrupted(Exception):
    """The grader is being stopped; no verdict."""


@functools.cache
def prepare() -> None:
    """Once in the grader's life, by its main thread before the first command: what children inherit."""
    libc = ctypes.CDLL(None, use_errno=True)
    current = libc.personality(0xFFFFFFFF)
    if current != -1:
        libc.personality(current | _ADDR_NO_RANDOMIZE)
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
    # Ignored signals stay ignored in a command: a flood of output then fails to be written, quietly,
    # instead of ending a test. What we handle is as usual in a command: a closed pipe ends its writer.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    signal.signal(signal.SIGPIPE, lambda *_: None)


def randomisation_is_off() -> bool:
    """Could prepare() switch address randomisation off? Containers may forbid it."""
    persona = ctypes.CDLL(None).personality(0xFFFFFFFF)  # -1 where even asking is forbidden
    return persona != -1 and bool(persona & _ADDR_NO_RANDOMIZE)


def address_space() -> int | None:
    """To how many bytes of it everything here is limited, by ulimit -v; None without a limit."""
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    return None if hard == resource.RLIM_INFINITY else hard


def stop_all() -> None:
    """Ends everything that runs, and lets nothing new begin: for Ctrl-C."""
    _stopping.set()
    with _lock:
        for leader in _running:
            _kill_session(leader)


def go_on() -> None:
    """After stop_all, for a caller that has something else to run: a class has more than one submission."""
    _stopping.clear()


def owned_by(pid: int | str) -> str:
    """How the private directories of a process of this machine are named: others may share build/."""
    return f"{os.uname().nodename}-{pid}-"


def is_running(pid: int | str) -> bool:
    """Is there such a process on this machine, and not only one that has died and was never waited for?"""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@contextlib.contextmanager
def private_directory() -> Iterator[Path]:
    """A directory for the files of one run; removed with all that is in it."""
    parent = BUILD / "run"
    try:
        parent.mkdir(parents=True, exist_ok=True)
        directory = tempfile.TemporaryDirectory(prefix=owned_by(os.getpid()), dir=parent)
    except OSError as error:
        raise NotWritable(files.cannot_write(parent, error)) from error
    with directory as path:
        yield Path(path)


def run(
    command: Sequence[str],
    limits: Limits,
    *,
    enclose: Enclose | None = None,
    environment: Mapping[str, str] | None = None,
    record: str | None = None,
    look_for_sleep: bool = False,
    background_threads: bool = False,
) -> ProcessResult:
    """Runs command in the kit's directory, and returns once nothing of it is left.

    enclose: puts it into a sandbox; one that does not get so far as to begin it is a SandboxError.
    record: the environment variable SUITE_RECORD has the number of a descriptor to write to; so far, this is in it.
    look_for_sleep: end it early once all of its threads sleep with nothing to wake them.
    background_threads: each process has threads that are the sanitizer's own."""
    if _stopping.is_set():
        raise Interrupted
    prepare()
    with (
        private_directory() as directory,
        open(directory / "out", "w+b") as out,
        open(directory / "err", "w+b") as err,
        tempfile.TemporaryFile(dir=directory) as rec,  # without a name by which what runs could find it
        tempfile.TemporaryFile(dir=directory) as status,
    ):
        env = dict(os.environ if environment is None else environment)
        quote = "'" if '"' in str(directory) else '"'
        for name in ("ASAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
            options = f"log_path={quote}{directory}/sanitizer{quote}:{env.get(name, '')}"
            env[name] = options.rstrip(":")
        if record is not None:
            env["SUITE_RECORD"] = str(rec.fileno())
            os.pwrite(rec.fileno(), record.encode(), 0)
        begun = time.monotonic()
        inherited = [] if record is None else [rec.fileno()]
        if enclose is not None:
            command = enclose(command, directory, status.fileno())
            inherited.append(status.fileno())
        process = _start(command, env, out, err, inherited, limits)
        try:
            ended = _watch(process, limits, rec, look_for_sleep, background_threads)
        finally:
            _end_session(process)
        ended.seconds = time.monotonic() - begun
        ended.stdout, ended.stderr = _first_part(out, limits.kept_output), _first_part(err, limits.kept_output)
        ended.record = _first_part(rec, 16 << 20)
        ended.sanitizer = _logs(directory)
        if enclose is not None and ended.code > 0 and b"exit-code" not in _first_part(status, 1 << 16):
            said = ended.stderr.decode("utf-8", "replace").strip()
            raise SandboxError(f"The sandbox failed: {said[-2000:]}")
        return ended


def _start(
    command: Sequence[str],
    env: Mapping[str, str],
    out: IO[bytes],
    err: IO[bytes],
    inherited: Sequence[int],
    limits: Limits,
) -> subprocess.Popen[bytes]:
    with _lock:
        try:
            process = subprocess.Popen(
                command,
                env=env,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                pass_fds=inherited,
                start_new_session=True,
                restore_signals=False,
            )
        except OSError as error:
            raise MachineError(f"{command[0]} can't be started: {error.strerror}.") from error
        _running.add(process.pid)
    _limit(process.pid, resource.RLIMIT_CPU, limits.cpu_seconds)
    _limit(process.pid, resource.RLIMIT_FSIZE, limits.file_size)
    return process


def _limit(pid: int, what: int, value: int) -> None:
    with contextlib.suppress(OSError, ValueError):
        hard = resource.prlimit(pid, what)[1]
        if hard != resource.RLIM_INFINITY:
            value = min(value, hard)
        resource.prlimit(pid, what, (value, value))


def _watch(
    process: subprocess.Popen[bytes], limits: Limits, rec: IO[bytes], look_for_sleep: bool, background_threads: bool
) -> ProcessResult:
    """Waits for the end of the leader, or until it is clear that there will be none."""
    end, recorded = time.monotonic() + limits.wall_seconds, 0
    last = time.monotonic() + limits.total_wall_seconds
    sleepers = hang.HangDetector(process.pid, background_threads)
    while not _has_ended(process, TICK):
        if _stopping.is_set():
            raise Interrupted
        if os.fstat(rec.fileno()).st_size != recorded:
            end, recorded = time.monotonic() + limits.wall_seconds, os.fstat(rec.fileno()).st_size
        if hang.memory(process.pid) > limits.memory:
            return ProcessResult(-signal.SIGKILL, 0.0, b"", b"", too_large=True)
        is_limited = limits.total_seconds < math.inf
        if time.monotonic() > last or (is_limited and hang.processor_time(process.pid) > limits.total_seconds):
            return ProcessResult(0, 0.0, b"", b"", timed_out=True)
        asleep = look_for_sleep and sleepers.nothing_will_happen()
        if asleep or time.monotonic() > end:
            stacks = hang.stacks(process.pid)
            return ProcessResult(0, 0.0, b"", b"", timed_out=True, asleep=asleep, stacks=stacks)
    if _stopping.is_set():
        raise Interrupted
    return ProcessResult(process.returncode, 0.0, b"", b"")


def _has_ended(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Waits for at most that long; without polling where the system has pidfds."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except OSError:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        return process.poll() is not None
    try:
        poller = select.poll()
        poller.register(descriptor, select.POLLIN)
        poller.poll(seconds * 1000)
    finally:
        os.close(descriptor)
    return process.poll() is not None


def _end_session(process: subprocess.Popen[bytes]) -> None:
    _kill_session(process.pid)
    process.wait()
    with _lock:
        _running.discard(process.pid)
        for _ in range(20):
            if not _kill_orphans():
                break


def _kill_session(leader: int) -> None:
    with contextlib.suppress(OSError):
        os.killpg(leader, signal.SIGKILL)


def _kill_orphans() -> bool:
    """Kills what left its session and came to us, the subreaper. Were there any?"""
    found = False
    for child in hang.children(os.getpid()):
        with contextlib.suppress(OSError):
            if child in _running or os.getsid(child) in _running | {os.getsid(0)}:
                continue
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            found = True
    return found


def _first_part(file: IO[bytes], size: int) -> bytes:
    file.seek(0)
    return file.read(size)


def _logs(directory: Path) -> str:
    logs = sorted(directory.glob("sanitizer.*"))
    return "\n".join(log.read_bytes().decode("utf-8", "replace") for log in logs)
