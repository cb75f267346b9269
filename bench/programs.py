"""The programs that are measured: what each is made of, and how it is built.

Each takes "WORKLOAD MESSAGES THREADS SIZE CAPACITY" and prints "SECONDS MESSAGES BYTES"; it ends
with 2 when it can't do the workload.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from grader import typed
from grader.exercises import ROOT, SOLUTIONS, Exercise
from grader.files import write_atomically
from grader.selfcheck import implementations

BENCH = ROOT / "bench"
BUILD = ROOT / "build" / "bench"
CRATES = Path("/usr/share/cargo/registry")

CC = typed.now().compiler
CFLAGS = ["-std=gnu11", "-O2", "-pthread", "-D_GNU_SOURCE", "-Wall", "-Wextra"]


CHANNEL = frozenset({"unbounded", "bounded", "pingpong", "requests", "queued", "emptied", "at_rest"})
TICKETS = frozenset({"tickets"})


class ProgramError(Exception):
    """The programs can't be built or run, and what to do about it."""


@dataclass(frozen=True)
class Program:
    """One thing that is measured."""

    key: str
    label: str
    sources: tuple[Path, ...]
    command: tuple[str, ...]  # builds it; "{out}" is the program's path
    needs: str = ""  # the Debian packages that bring what it is made of; the last has its version
    ours: bool = False
    can: frozenset[str] = CHANNEL  # the kinds of workload it is asked for
    includes: tuple[Path, ...] = field(default=())  # what else its result depends on
    made: str = "{out}"  # where the command leaves it
    can_be_pinned: bool = True  # its threads come from pthread_create, as it finds that when it is started

    @property
    def path(self) -> Path:
        return BUILD / self.key


def channel(key: str, label: str, code: Path, exercise: str) -> Program:
    """The channel of an exercise, as the code in that file does it."""
    flags = ("-iquote", str(ROOT / "exercises" / exercise))
    return _c_program(key, label, [BENCH / "channel.c", code], flags, ours=True)


def ticket_server(key: str, label: str, code: Path, channel_code: Path) -> Program:
    """The ticket server of 08 on that channel."""
    flags = ("-iquote", str(ROOT / "exercises" / "08_ticket_server"))
    sources = [BENCH / "tickets.c", code, channel_code]
    return _c_program(key, label, sources, flags, ours=True, can=TICKETS)


def _c_program(
    key: str,
    label: str,
    sources: Sequence[Path],
    flags: Sequence[str] = (),
    libraries: Sequence[str] = (),
    *,
    needs: str = "",
    ours: bool = False,
    can: frozenset[str] = CHANNEL,
) -> Program:
    command = [CC, *CFLAGS, *flags, "-o", "{out}", *map(str, sources), *libraries]
    headers = (BENCH / "program.h", *sorted((ROOT / "exercises").glob("*/*.h")))
    return Program(key, label, tuple(sources), tuple(command), needs, ours, can, includes=headers)


def solutions() -> list[Program]:
    """Our channels and the ticket server of 08: those to be read, and those that are fast."""
    return [*_family("ours", "", SOLUTIONS), *_family("fast", ", fast", SOLUTIONS / "fast")]


def _family(key: str, suffix: str, folder: Path) -> list[Program]:
    found = []
    for code in sorted(folder.glob("*/channel.c")):
        name = code.parent.name
        if name[:2] in ("02", "04", "07"):
            found.append(channel(f"{key}-{name[:2]}", name + suffix, code, name))
    server = SOLUTIONS / "08_ticket_server" / "ticket_server.c"
    base = folder / "04_bounded" / "channel.c"
    if server.exists() and base.exists():
        found.append(ticket_server(f"{key}-08", server.parent.name + suffix, server, base))
    return found


def steps(exercise: Exercise) -> list[Program]:
    """The channels between a solution and its fast one; those two are among the solutions."""
    found = []
    for number, (patch, content) in enumerate(list(implementations.steps(exercise).items())[:-1], 1):
        code = BUILD / "steps" / exercise.name / f"{number}.c"
        write_atomically(code, content)
        found.append(channel(step_key(exercise, number), patch.stem.replace("_", " "), code, exercise.name))
    return found


def step_key(exercise: Exercise, number: int) -> str:
    return f"step-{exercise.number}-{number}"


def models() -> list[Program]:
    """How queues of others work, in few words: what cache lines are counted for. A file's first line names it."""
    found = []
    for code in sorted((BENCH / "lines" / "models").glob("*.c")):
        label = re.split(r" \(|: ", code.read_text().split(" - ", 1)[1])[0]
        sources = [BENCH / "channel.c", BENCH / "lines" / "model.c", code]
        found.append(_c_program(f"model-{code.stem}", label, sources))
    return found


def peers() -> list[Program]:
    """What one would otherwise pick, from Debian. Those that can't be built are left out and said."""
    peer = BENCH / "peers"
    few = CHANNEL - {"queued", "emptied"}  # it holds a bounded number of messages
    rust, go = peer / "rust" / "std.rs", peer / "go.go"
    return [
        Program(
            "rust",
            "Rust std::sync::mpsc",
            (rust,),
            ("rustc", "--edition", "2021", "-C", "opt-level=3", "-o", "{out}", str(rust)),
            needs="rustc",
            can=CHANNEL | TICKETS,
            includes=_rust_files(),
        ),
        _crate("crossbeam", "crossbeam-channel", "crossbeam-channel"),
        _crate("flume", "flume", "flume"),
        _crate("tokio", "tokio mpsc", "tokio", features=("rt-multi-thread", "sync")),
        Program(
            "go",
            "Go chan",
            (go,),
            ("go", "build", "-o", "{out}", str(go)),
            needs="golang-go",
            can=CHANNEL | TICKETS,
            can_be_pinned=False,
        ),
        _cpp_program(
            "moodycamel", "moodycamel ConcurrentQueue", needs="libconcurrentqueue-dev", can=CHANNEL - {"bounded"}
        ),
        _cpp_program("tbb", "TBB concurrent_bounded_queue", libraries=["-ltbb"], needs="libtbb-dev"),
        _cpp_program("boost", "Boost.Lockfree queue", needs="libboost-dev"),
        _c_program("ck", "ck_ring", [BENCH / "channel.c", peer / "ck.c"], needs="libck-dev", can=few),
        _c_program(
            "urcu",
            "liburcu wfcqueue",
            [BENCH / "channel.c", peer / "urcu.c"],
            libraries=["-lurcu-common"],
            needs="liburcu-dev",
        ),
        _c_program(
            "glib",
            "GLib GAsyncQueue",
            [BENCH / "channel.c", peer / "glib.c"],
            _pkg_config("--cflags", "glib-2.0"),
            _pkg_config("--libs", "glib-2.0") or ["-lglib-2.0"],
            needs="libglib2.0-dev",
        ),
        _c_program(
            "nng",
            "nng inproc",
            [BENCH / "channel.c", peer / "nng.c"],
            libraries=["-lnng"],
            needs="libnng-dev",
            can=few,
        ),
        _c_program("pipe", "pipe(2)", [BENCH / "channel.c", peer / "pipe.c"], can=few),
    ]


def _rust_files() -> tuple[Path, ...]:
    return tuple(sorted((BENCH / "peers" / "rust").glob("*.rs")))


def _crate(key: str, label: str, crate: str, features: Sequence[str] = ()) -> Program:
    """A library of Rust, as Debian's packages lay it down: cargo fetches nothing."""
    target = BUILD / "cargo"
    manifest = target / "peers" / key / "Cargo.toml"
    written = (
        f'[package]\nname = "peer-{key}"\nversion = "0.0.0"\nedition = "2021"\n\n[workspace]\n\n'
        f'[[bin]]\nname = "peer-{key}"\npath = "{BENCH}/peers/rust/{key}.rs"\n\n'
        f'[dependencies.{crate}]\nversion = "*"\ndefault-features = {str(not features).lower()}\n'
        f"features = {json.dumps(features)}\n"
    )
    if not manifest.exists() or manifest.read_text() != written:  # cargo looks at its age
        write_atomically(manifest, written)
    cargo = ("cargo", "build", "--release", "--offline")
    folders = ("--target-dir", str(target), "--manifest-path", str(manifest))
    source = ("--config=source.crates-io.replace-with='debian'", f"--config=source.debian.directory='{CRATES}'")
    return Program(
        key,
        label,
        _rust_files(),
        (*cargo, *folders, *source),
        needs=f"cargo librust-{crate}-dev",
        can=CHANNEL | TICKETS,
        includes=tuple(sorted(CRATES.glob(f"{crate}-*/Cargo.toml"))),
        made=str(target / "release" / f"peer-{key}"),
    )


def _cpp_program(
    key: str, label: str, *, needs: str, libraries: Sequence[str] = (), can: frozenset[str] = CHANNEL
) -> Program:
    peer = BENCH / "peers"
    sources = (BENCH / "channel.c", peer / f"{key}.cpp")
    command = (CC, *CFLAGS[1:], "-o", "{out}", *map(str, sources), *libraries, "-lstdc++")
    includes = (BENCH / "program.h", peer / "channel.hpp")
    return Program(key, label, sources, command, f"g++ {needs}", can=can, includes=includes)


def version(program: Program) -> str:
    """Of what a peer is made of, as Debian's package has it; "" where there is none."""
    if not program.needs or not shutil.which("dpkg-query"):
        return ""
    command = ["dpkg-query", "-W", "-f=${source:Upstream-Version}", program.needs.split()[-1]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.partition("+")[0] if done.returncode == 0 else ""


def limits() -> Program:
    """What the machine allows."""
    return _c_program("limits", "limits", [BENCH / "limits.c", ROOT / "grader" / "interleave" / "fiber.c"])


PIN = _c_program("pin", "pin.c", [BENCH / "pin.c"], ["-shared", "-fPIC"], ["-ldl"])


def _pkg_config(what: str, package: str) -> list[str]:
    if not shutil.which("pkg-config"):
        return []
    done = subprocess.run(["pkg-config", what, package], capture_output=True, text=True, check=False)
    return done.stdout.split() if done.returncode == 0 else []


def build(program: Program) -> str:
    """Builds it unless that is done already, and returns why that isn't possible, or ""."""
    stamp = program.path.with_suffix(".stamp")
    wanted = _digest(program)
    if program.path.exists() and stamp.exists() and stamp.read_text() == wanted:
        return ""
    if not shutil.which(program.command[0]):
        return f"{program.command[0]} is not installed"
    BUILD.mkdir(parents=True, exist_ok=True)
    fresh = program.path.with_suffix(f".{os.getpid()}")
    command = [part.replace("{out}", str(fresh)) for part in program.command]
    env = {"GOCACHE": str(BUILD / "gocache"), "GOFLAGS": "-mod=mod"} | dict(os.environ)
    done = subprocess.run(command, capture_output=True, text=True, env=env, cwd=BUILD, check=False)
    if done.returncode != 0:
        fresh.unlink(missing_ok=True)
        return _first_error(done.stderr)
    if program.made != "{out}":
        shutil.copy(program.made, fresh)
    fresh.rename(program.path)
    stamp.write_text(wanted)
    return ""


def _digest(program: Program) -> str:
    digest = hashlib.sha256(repr(program.command).encode())
    for file in (*program.sources, *program.includes):
        digest.update(file.read_bytes() if file.exists() else b"-")
    return digest.hexdigest()


def _first_error(stderr: str) -> str:
    lines = [line for line in stderr.splitlines() if "error" in line] or stderr.splitlines()
    return lines[0].strip()[:200] if lines else "it can't be compiled"
