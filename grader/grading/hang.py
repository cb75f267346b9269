"""Is anything still going to happen in a process tree, and where is each of its threads?

A hang is told apart from slowness without a clock: a test is stuck when every one of its threads
sleeps in a call that has no time-out, and none of them has been scheduled for a while.
"""

from __future__ import annotations

import contextlib
import os
import platform
import re
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

STILL = 3  # looks in a row without any change before a process tree counts as hung

# Calls that end by themselves: number of the argument that holds the time-out, None if always.
_NULL, _MINUS_ONE = {"0x0"}, {"0xffffffffffffffff", "0xffffffff"}
_TIMED: dict[str, dict[int, tuple[int | None, set[str]]]] = {
    "x86_64": {
        35: (None, set()), 230: (None, set()), 202: (3, _NULL), 7: (2, _MINUS_ONE),
        271: (2, _NULL), 23: (4, _NULL), 270: (4, _NULL), 232: (3, _MINUS_ONE),
        281: (3, _MINUS_ONE), 128: (2, _NULL), 220: (3, _NULL), 449: (3, _NULL),
    },
    "aarch64": {
        101: (None, set()), 115: (None, set()), 98: (3, _NULL), 73: (2, _NULL),
        72: (4, _NULL), 22: (3, _MINUS_ONE), 137: (2, _NULL), 192: (3, _NULL), 449: (3, _NULL),
    },
}  # fmt: skip


@dataclass(frozen=True)
class Frame:
    """One line of a call stack."""

    function: str
    file: str
    line: int


@dataclass(frozen=True)
class Thread:
    """Where a thread is, innermost call first."""

    name: str
    frames: tuple[Frame, ...]


def children(pid: int) -> list[int]:
    """The processes whose parent is pid."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            found += map(int, Path(f"/proc/{pid}/task/{task}/children").read_text().split())
        return found
    return _children_by_search(pid)


def _children_by_search(pid: int) -> list[int]:
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError, ValueError):
                if int(Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()[1]) == pid:
                    found.append(int(entry))
    return found


def tree(pid: int) -> list[int]:
    """pid and all below it."""
    found, todo = [], [pid]
    while todo:
        process = todo.pop()
        found.append(process)
        todo += children(process)
    return found


def memory(pid: int) -> int:
    """Bytes that a process tree has in use."""
    pages = 0
    for process in tree(pid):
        with contextlib.suppress(OSError, ValueError, IndexError):
            pages += int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def processor_time(pid: int) -> float:
    """Seconds that a process tree has used, with those of it that have ended and were waited for."""
    ticks = 0
    for process in tree(pid):
        with contextlib.suppress(OSError, ValueError, IndexError):
            ticks += sum(map(int, Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


class HangDetector:
    """Looks at a process tree again and again."""

    def __init__(self, leader: int, background_threads: bool) -> None:
        self._leader = leader
        self._background_threads = background_threads
        self._last: tuple[str, ...] | None = None
        self._still = 0

    def nothing_will_happen(self) -> bool:
        """Call this at regular intervals; true once nothing moved for STILL of them."""
        now = self._picture()
        self._still = self._still + 1 if now is not None and now == self._last else 0
        self._last = now
        return self._still >= STILL

    def _picture(self) -> tuple[str, ...] | None:
        """What each thread sleeps in, or None if one of them runs or will wake by itself."""
        picture: list[str] = []
        try:
            for process in tree(self._leader):
                for task in sorted(map(int, os.listdir(f"/proc/{process}/task"))):
                    if self._background_threads and _is_sanitizers(f"/proc/{process}/task/{task}"):
                        continue
                    sleep = _sleep_of(f"/proc/{process}/task/{task}")
                    if sleep is None:
                        return None
                    picture.append(sleep)
        except (OSError, ValueError, IndexError):
            return None
        return tuple(picture)


_NAPS = {"x86_64": {"35", "230"}, "aarch64": {"101", "115"}}  # nanosleep, clock_nanosleep


_NAMED = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM, signal.SIGTERM)
# What a program is sent from outside or sends itself; what a fault of its own raises is not among them.
_SENT = sum(1 << number - 1 for number in (*map(int, _NAMED), *range(signal.SIGRTMIN, signal.SIGRTMAX + 1)))


def _is_sanitizers(task: str) -> bool:
    """A thread that ThreadSanitizer started, one or two as its version likes: it is sent no signals, and naps.

    Those of newer versions let the signals through that a fault raises, and SIGSYS."""
    blocked = re.search(r"^SigBlk:\s+([0-9a-f]+)", Path(f"{task}/status").read_text(), re.MULTILINE)
    call = Path(f"{task}/syscall").read_text().split()
    is_sent_none = blocked is not None and int(blocked[1], 16) & _SENT == _SENT
    return is_sent_none and bool(call) and call[0] in _NAPS.get(platform.machine(), set())


def _sleep_of(task: str) -> str | None:
    """A fingerprint of a thread that sleeps for good; None for any other."""
    timed = _TIMED.get(platform.machine())
    state = Path(f"{task}/stat").read_text().rpartition(")")[2].split()[0]
    call = Path(f"{task}/syscall").read_text().split()
    if timed is None or state != "S" or not call or not call[0].isdigit():
        return "" if state == "Z" else None
    argument, never = timed.get(int(call[0]), (0, {call[1]}))
    if argument is None or call[1 + argument] not in never:
        return None
    switches = re.findall(r"ctxt_switches:\s+(\d+)", Path(f"{task}/status").read_text())
    return " ".join([task, *call, *switches])


_THREAD = re.compile(r'^Thread (\d+) .*?"([^"]*)"', re.MULTILINE)
_FRAME = re.compile(r"^#\d+\s+(?:0x[0-9a-f]+ in )?(\S+) \(.*?\)(?: at (\S+?):(\d+))?", re.MULTILINE)


def stacks(leader: int) -> list[Thread]:
    """The call stack of every thread of the innermost process, as gdb tells it; [] without gdb."""
    process = tree(leader)[-1]
    command = ["gdb", "-nx", "-batch", "-p", str(process)]
    command += ["-ex", "set print frame-arguments none", "-ex", "thread apply all backtrace 30"]
    try:
        text = subprocess.run(
            command, capture_output=True, stdin=subprocess.DEVNULL, timeout=30, check=False
        ).stdout.decode("utf-8", "replace")
    except (OSError, subprocess.TimeoutExpired):
        return []
    return parse_stacks(text)


def parse_stacks(text: str) -> list[Thread]:
    threads = []
    parts = re.split(r"^(?=Thread \d+ )", text, flags=re.MULTILINE)
    for part in parts[1:]:
        head = _THREAD.match(part)
        frames = tuple(Frame(m[1], m[2] or "", int(m[3] or 0)) for m in _FRAME.finditer(part))
        threads.append(Thread(f"thread {head[1]}" if head else "a thread", frames))
    return threads[::-1]  # gdb lists the main thread last
