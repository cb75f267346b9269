"""`make roots`: the README's two commands on other Debians, each in a root of its own, as root and as a user.

The roots are made by debootstrap in build/roots, and kept: ROOTS="trixie sid" chooses some, "bookworm/arm64" one of
another machine, which runs under qemu and does less. What is mounted for a run is seen by that run only, so that
no `make clean` ever reaches it.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from grader import kit
from grader.errors import GraderError, UsageError
from grader.exercises import BUILD, ROOT

ROOTS = BUILD / "roots"
USUAL = "bookworm trixie sid"
USERS = {"root": "/srv", "student": "/home/student"}  # and where their kits are: root's own home is closed to others
MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}  # what Debian calls them
TOOLS = ("debootstrap", "unshare", "pivot_root", "setpriv")
EMULATED = "EX=01,02 SCHEDULES=100"  # of the solutions: qemu is slow, and has no ptrace and no sanitizers

# Becomes a command in the root $1, which is not a chroot: namespaces, and so bubblewrap, work as they do outside.
_ENTER = """
mount --bind "$1" "$1" && cd "$1" && shift
mount -t tmpfs tmpfs run
for part in proc dev sys; do mount --rbind /$part $part; done
cp -L /etc/resolv.conf etc/resolv.conf
pivot_root . .
umount -l .
cd / && exec "$@"
"""
_VERSIONS = """
cc --version | sed -nE '1s/^[^ ]+ .*\\) ([0-9.]+).*/gcc \\1/p'
dpkg-query -W -f 'cmocka ${Version}\\n' libcmocka-dev
"$(sh setup.sh --python)" --version
"""
# Set-up is to end as grading the stubs does.
_SET_UP = "sh setup.sh grade; code=$?; make -s grade >/dev/null 2>&1; [ $code -eq $? ]"
_COUNT = re.compile(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", re.MULTILINE)


@dataclass(frozen=True)
class Root:
    """A Debian of its own."""

    suite: str
    machine: str  # amd64

    @property
    def name(self) -> str:
        return self.suite if self.machine == _own_machine() else f"{self.suite}-{self.machine}"

    @property
    def directory(self) -> Path:
        return ROOTS / self.name

    @property
    def is_emulated(self) -> bool:
        return self.machine != _own_machine()


@dataclass
class Row:
    """What came of the commands in one root as one user."""

    root: Root
    user: str
    versions: str = ""
    set_up: bool = False
    solutions: bool = False
    tests: tuple[int, int, int] | None = None  # passed, failed, skipped; None: there was no count

    def is_well(self, quick: bool) -> bool:
        """quick: the tests were not asked for. Where they were, they have passed, and there were some."""
        tested = quick or self.root.is_emulated or (self.tests is not None and self.tests[0] > 0 and self.tests[1] == 0)
        return self.set_up and self.solutions and tested

    def cells(self) -> list[str]:
        tests = "-" if self.tests is None else "/".join(map(str, self.tests))
        return [self.root.name, self.user, _word(self.set_up), _word(self.solutions), tests, self.versions]


Run = Callable[[Root, str, str], "subprocess.CompletedProcess[str]"]  # as a user, a line of the shell, in the kit
HEAD = ["root", "user", "set-up", "solutions", "passed/failed/skipped", "compiler, cmocka, Python"]


def _word(well: bool) -> str:
    return "ok" if well else "FAILED"


def _own_machine() -> str:
    return MACHINES.get(platform.machine(), platform.machine())


def chosen(text: str) -> list[Root]:
    """The roots that ROOTS= means."""
    found = []
    for word in text.replace(",", " ").split() or USUAL.split():
        suite, _, machine = word.partition("/")
        if not re.fullmatch("[a-z]+", suite) or machine not in ("", *MACHINES.values()):
            raise UsageError(f"ROOTS={word}: that is no Debian. For example: ROOTS='trixie bookworm/arm64'")
        found.append(Root(suite, machine or _own_machine()))
    return found


def run(text: str, quick: bool, tell: Callable[[str], None]) -> bool:
    """Makes the roots, runs the commands in them, prints the table. Is all well?"""
    roots = chosen(text)
    require(roots)
    rows = []
    for root in roots:
        make(root, tell)
        for user in USERS:
            tell(f"{root.name}: {user}; {ROOTS / f'{root.name}.{user}.log'}")
            rows.append(examine(Row(root, user), quick, in_kit))
    tell("")
    for line in table(rows):
        tell(line)
    return all(row.is_well(quick) for row in rows)


def require(roots: Sequence[Root]) -> None:
    """Says what is missing before something fails for it."""
    if os.geteuid() != 0:
        raise GraderError("make roots mounts and becomes other users: it needs root.")
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        raise GraderError(f"{missing[0]} is not installed. On Debian: apt-get install debootstrap util-linux")
    machine = next((key for root in roots if root.is_emulated for key in MACHINES if MACHINES[key] == root.machine), "")
    if machine and not Path(f"/proc/sys/fs/binfmt_misc/qemu-{machine}").exists():
        raise GraderError(
            f"Nothing here runs programs for {machine}. On Debian: apt-get install qemu-user-static binfmt-support"
        )


def make(root: Root, tell: Callable[[str], None]) -> None:
    """By debootstrap, unless it is there."""
    complete = root.directory / "etc" / "complete"
    if not complete.exists():
        tell(f"{root.name}: debootstrap")
        shutil.rmtree(root.directory, ignore_errors=True)
        root.directory.mkdir(parents=True)
        foreign = ["--foreign"] if root.is_emulated else []
        command = [
            "debootstrap",
            f"--arch={root.machine}",
            "--variant=minbase",
            *foreign,
            root.suite,
            str(root.directory),
        ]
        _logged(["unshare", "--mount", *command], root)
        if foreign:
            _logged(_enter(root, "/debootstrap/debootstrap", "--second-stage"), root)
        _logged(_enter(root, "useradd", "--create-home", "--shell", "/bin/bash", "student"), root)
        complete.touch()


def _enter(root: Root, *command: str) -> list[str]:
    return ["unshare", "--mount", "sh", "-ec", _ENTER, "sh", str(root.directory), *command]


def _logged(command: Sequence[str], root: Root) -> None:
    with open(ROOTS / f"{root.name}.log", "ab") as log:
        code = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log).returncode
    if code != 0:
        raise GraderError(f"{root.name} can't be made: see {log.name}.")


def in_kit(root: Root, user: str, line: str) -> subprocess.CompletedProcess[str]:
    """Runs a line of the shell in that user's kit; what it says is returned, and goes into the log."""
    home = USERS[user]
    become = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"] if user != "root" else []
    own = [f"HOME={home if become else '/root'}", f"USER={user}"]
    environment = ["env", "-i", *own, "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"]
    command = _enter(root, *become, *environment, "sh", "-c", f"cd {home}/kit && {{ {line.strip()}\n}}")
    ended = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    )
    with open(ROOTS / f"{root.name}.{user}.log", "a", encoding="utf-8") as log:
        log.write(f"$ {line.strip()}\n{ended.stdout}exit code {ended.returncode}\n\n")
    return ended


def bring_kit(root: Root, user: str) -> None:
    """The kit as it is here, the files that git knows, into the user's home: anew, nothing built."""
    home = root.directory / USERS[user].lstrip("/")
    owner = home.stat()
    shutil.rmtree(home / "kit", ignore_errors=True)
    for name in kit.all_files():
        target = home / "kit" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)
    for folder, folders, names in os.walk(home / "kit"):
        for name in (".", *folders, *names):
            os.chown(os.path.join(folder, name), owner.st_uid, owner.st_gid, follow_symlinks=False)


def examine(row: Row, quick: bool, run: Run) -> Row:
    """The README's commands, and the solutions."""
    root, user = row.root, row.user
    (ROOTS / f"{root.name}.{user}.log").unlink(missing_ok=True)
    bring_kit(root, user)
    row.set_up = run(root, user, _SET_UP).returncode == 0
    row.versions = ", ".join(run(root, user, _VERSIONS).stdout.splitlines())
    emulated = EMULATED if root.is_emulated else ""
    row.solutions = run(root, user, f"make grade SOLUTIONS=1 {emulated}").returncode == 0
    if not quick and not root.is_emulated:
        counts = _COUNT.findall(run(root, user, "sh setup.sh test").stdout)
        if counts:
            passed, failed, skipped = counts[-1]
            row.tests = int(passed), int(failed), int(skipped or 0)
    return row


def table(rows: Sequence[Row]) -> list[str]:
    cells = [HEAD, *(row.cells() for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells]
