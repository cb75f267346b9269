"""Where other people's code is compiled and run: as little of this machine as will do.

Every sandbox turns a command into another command that runs the first one inside. The strongest that works
here is chosen by trying it, and what it keeps and does not keep goes into the report.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from grader.errors import GraderError
from grader.exercises import ROOT
from grader.grading import isolation
from grader.kit import BUILT_FROM

FIRST_UID, UIDS = 61_900, 1_000  # of nobody on common systems; one for each worker, so they can't meet
MEMORY = 2 << 30  # resident bytes of one command and all it starts; sanitizers need some of it
PROCESSES = 640  # threads count too: more than twice as many as the scheduler follows
_PROCESS_LIMIT = ("prlimit", f"--nproc={PROCESSES}")
TMP = 64 << 20  # bytes of private /tmp, and of /dev/shm: both are in memory
FILE_SIZE = 64 << 20
PROBING = 120  # seconds; a machine that is busy with worse makes everything wait
DYING = 20  # looks at a control group, until nothing is left in it

SYSTEM = ("/usr", "/lib", "/lib64", "/lib32", "/bin", "/sbin", "/etc/ld.so.cache")
TOOLS = ("/etc/alternatives",)  # by which the system's compiler may go


class NoSandbox(GraderError):
    """Nothing here would keep a submission from harm."""


@dataclass(frozen=True)
class Sandbox:
    """How commands are kept apart from this machine, and from one another."""

    name: str
    keeps: str  # a sentence for the report
    namespaces: bool = False
    uid: int | None = None
    cgroups: tuple[Path, ...] = field(default=())

    @property
    def tells_status(self) -> bool:
        """Does it write to a descriptor how the command ended, and so whether it was begun at all?"""
        return self.namespaces

    def wrap(
        self,
        command: Sequence[str],
        read: Sequence[Path] = (),
        write: Sequence[Path] = (),
        kit: bool = True,
        status: int | None = None,
    ) -> list[str]:
        """The command that runs `command` inside, in the kit's directory.

        read, write: what it may see, and change, besides the system's and the kit's own files.
        kit: does it need these at all? Each thing that is to be seen takes time.
        status: the descriptor for the command's end, if this is a sandbox that tells it."""
        inside = list(command)
        if self.namespaces and self.uid is None and _processes_count_by_namespace():
            inside = [*_PROCESS_LIMIT, *inside]
        if self.namespaces:
            inside = [*_bubblewrap(read, write, kit, status), *inside]
        if self.uid is not None:
            user = [f"--reuid={self.uid}", f"--regid={self.uid}", "--clear-groups", "--no-new-privs"]
            inside = ["setpriv", *user, "--", *inside]
        return [*_enter(self.cgroups, self.uid is not None), *inside]

    def lend(self, *directories: Path) -> None:
        """Lets the sandbox's user write into these directories, and to all that is in them."""
        if self.uid is None:
            return
        for directory in directories:
            os.chown(directory, self.uid, self.uid)
            for parent, folders, names in os.walk(directory):
                for name in folders + names:
                    os.chown(os.path.join(parent, name), self.uid, self.uid, follow_symlinks=False)


NONE = Sandbox(
    "none",
    "None: submissions ran as you, with your files and your network in reach (UNSAFE=1).",
)
_ANOTHER_USER = (
    "Another user: this machine's files can't be changed, but read where anybody may; "
    "the network is in reach. Install bubblewrap for more."
)
_BUBBLEWRAP = (
    "no network, its own processes, a private /tmp, the kit read-only; the solutions, "
    "other submissions and this machine's files can't be seen"
)


def _bubblewrap(read: Sequence[Path], write: Sequence[Path], kit: bool, status: int | None) -> list[str]:
    command = ["bwrap", "--unshare-all", "--die-with-parent", "--cap-drop", "ALL"]
    command += ["--proc", "/proc", "--dev", "/dev"]
    if status is not None:
        command += ["--json-status-fd", str(status)]
    for memory in ("/dev/shm", "/tmp"):
        command += ["--size", str(TMP), "--tmpfs", memory]
    for path in (*SYSTEM, *TOOLS) if kit else SYSTEM:
        if os.path.islink(path):
            command += ["--symlink", os.readlink(path), path]
        elif os.path.exists(path):
            command += ["--ro-bind", path, path]
    for part in BUILT_FROM if kit else ():
        command += ["--ro-bind", str(ROOT / part), str(ROOT / part)]
    for seen in read:
        command += ["--ro-bind-try", str(seen), str(seen)]
    for own in write:
        command += ["--bind", str(own), str(own)]
    # Those two are in memory as well, without a limit.
    return [*command, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", str(ROOT), "--"]


def _processes_count_by_namespace() -> bool:
    """Is what a user runs outside of a user namespace left out of the limit inside? Since Linux 5.14."""
    major, minor = (int(re.sub(r"\D.*", "", part) or 0) for part in os.uname().release.split(".")[:2])
    return (major, minor) >= (5, 14)


def _enter(cgroups: Sequence[Path], limit: bool) -> list[str]:
    """Enters the control groups, takes the limit of processes if it is to, and only then becomes the command."""
    steps = [f'{{ echo $$ >"${i}/cgroup.procs"; }} 2>/dev/null' for i in range(1, len(cgroups) + 1)]
    if limit:  # its letter is not the same in every shell
        steps.append(f"ulimit -u {PROCESSES} 2>/dev/null || ulimit -p {PROCESSES} || exit")
    script = "; ".join([*steps, f"shift {len(cgroups)}", 'exec "$@"'])
    return ["sh", "-c", script, "sh", *map(str, cgroups)] if steps else []


# --------------------------------------------------------------------------------------- choice


def choose(unsafe: bool = False) -> Sandbox:
    """The strongest sandbox that works here; with unsafe, none is good enough.

    Raises NoSandbox when there is none and nobody said that this is all right."""
    if os.geteuid() == 0:
        keeps = f"bubblewrap as a user of its own: {_BUBBLEWRAP}"
        first = Sandbox("bubblewrap", f"{keeps}.", namespaces=True, uid=FIRST_UID)
    else:
        first = Sandbox("bubblewrap", f"bubblewrap: {_BUBBLEWRAP}.", namespaces=True)
    candidates = [first]
    if first.uid is not None:
        plain = Sandbox("bubblewrap", f"bubblewrap: {_BUBBLEWRAP}.", namespaces=True)
        other = Sandbox("uid", _ANOTHER_USER, uid=FIRST_UID)
        candidates += [plain, other]
    for candidate in candidates:
        if works(candidate):
            return candidate
    if unsafe:
        return NONE
    raise NoSandbox(
        f"There is no sandbox here: {_no_bubblewrap()}; {_no_other_user()} "
        "UNSAFE=1 runs the submissions as you, with all your files in reach."
    )


def _no_bubblewrap() -> str:
    if shutil.which("bwrap") is None:
        return "bubblewrap is not installed (sh setup.sh --for class)"
    return "bubblewrap can't make namespaces (in a container, allow user namespaces)"


def _no_other_user() -> str:
    """Why code can't be run as another user, either."""
    if os.geteuid() != 0:
        return "and only root can run code as another user."
    if shutil.which("setpriv") is None:
        return "and setpriv, which runs code as another user, is not installed."
    return f"and another user can't read {ROOT} (move the kit to where everybody may read, as /opt or /srv)."


def works(sandbox: Sandbox) -> bool:
    """Does it run a command that can read the kit, and not write into it?"""
    tools = ["bwrap"] if sandbox.namespaces else []
    tools += ["setpriv"] if sandbox.uid is not None else ["prlimit"]
    if not all(shutil.which(tool) for tool in tools):
        return False
    probe = f"test -r '{ROOT}/grader/build.mk' && test -r '{ROOT}/exercises/todo.h' && ! touch '{ROOT}/exercises/probe'"
    try:
        done = subprocess.run(
            sandbox.wrap(["sh", "-c", probe]), capture_output=True, timeout=PROBING, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


# --------------------------------------------------------------------------------------- limits


@contextmanager
def limited(sandbox: Sandbox) -> Iterator[Sandbox]:
    """The sandbox of this worker: with a user and, where control groups can be made, with limits of its own."""
    if sandbox.uid is not None:
        sandbox = replace(sandbox, uid=FIRST_UID + os.getpid() % UIDS)
    groups = _make_cgroups(f"channels-{os.getpid()}") if sandbox is not NONE else ()
    try:
        yield replace(sandbox, cgroups=groups)
    finally:
        for group in groups:
            _remove_cgroup(group)


def _make_cgroups(name: str) -> tuple[Path, ...]:
    made: list[Path] = []
    for parent, limits in _cgroup_parents():
        group = parent / name
        try:
            group.mkdir(exist_ok=True)
            made.append(group)
            for file, value in limits.items():
                (group / file).write_text(str(value))
        except OSError:
            continue  # no right to, or no such controller: the other limits stay
    return tuple(made)


def _cgroup_parents() -> list[tuple[Path, dict[str, int]]]:
    """Where control groups can be made here, and the limits to write there."""
    found: list[tuple[Path, dict[str, int]]] = []
    mounts = Path("/sys/fs/cgroup")
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "" and (mounts / "cgroup.controllers").exists():
            limits = {"memory.max": MEMORY, "memory.swap.max": 0, "pids.max": PROCESSES}
            found.append((mounts / path.lstrip("/"), limits))
        elif controllers == "memory":
            found.append((_v1(mounts / "memory", path), {"memory.limit_in_bytes": MEMORY}))
        elif controllers == "pids":
            found.append((_v1(mounts / "pids", path), {"pids.max": PROCESSES}))
    return found


def _v1(mount: Path, path: str) -> Path:
    own = mount / path.lstrip("/")
    return own if own.is_dir() else mount


def _end_all(group: Path) -> None:
    """Ends whatever runs in the group. The kernel shows a process of another PID namespace as 0, which
    kill takes for the caller's own process group: that one is left to whoever started it."""
    for pid in map(int, (group / "cgroup.procs").read_text().split()):
        if pid:
            os.kill(pid, 9)


def _remove_cgroup(group: Path) -> None:
    """Ends whatever is left in the group, and removes it."""
    for _ in range(DYING):  # a dying process holds it for a moment longer
        try:
            _end_all(group)
            group.rmdir()
            return
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.05)


def clear_cgroups(sandbox: Sandbox) -> None:
    """Ends whatever a submission has left running."""
    for group in sandbox.cgroups:
        try:
            _end_all(group)
        except OSError:
            continue


def control_groups() -> list[Path]:
    """Those of workers, of whichever run."""
    return [group for parent, _ in _cgroup_parents() for group in parent.glob("channels-*")]


def sweep() -> None:
    """Removes the control groups of workers that are no more."""
    for group in control_groups():
        if not isolation.is_running(group.name.split("-")[1]):
            _remove_cgroup(group)
