"""What an object file refers to and what it brings along."""

from __future__ import annotations

import functools
import platform
import re
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from grader.errors import BuildError, MachineError
from grader.exercises import ROOT, api, read_text
from grader.grading.build import Unit

_FOLLOWABLE = ROOT / "grader" / "interleave" / "followable.syms"
_ALWAYS = re.compile(
    # what the build puts there
    r"suite_\w+|__tsan_\w+|__asan_\w+|__ubsan_\w+|__sanitizer_\w+|todo_reached"
    # what a compiler does: the stack protector's names (on arm64 its canary is one), the start of a nested function
    r"|_GLOBAL_OFFSET_TABLE_|__stack_chk_(?:fail|guard)|__clear_cache"
    # libgcc's arithmetic of what the machine has no instructions for: 128 bits, and on arm64 long double
    r"|__(?:abs|add|ash[lr]|bswap|clrs|clz|cmp|ctz|div|divmod|eq|extend|ffs|fix|fixuns|float|floatun|ge|gt|le|lshr|lt"
    r"|mod|mul|ne|neg|parity|popcount|pow|sub|trunc|ucmp|udiv|udivmod|umod|unord)"
    r"[a-z]*(?:[hsdt]i|[hbsdtx]f|[hsdtx]c)[a-z]*[2-4]?"
)
_ASM = re.compile(rb"\b(?:__)?asm(?:__)?\b")
# What clang leaves of an atomic load besides the call, a load into nowhere, is none of these.
_BETWEEN_THREADS = re.compile(  # x86-64, then arm64
    r"\t(lock|[lms]fence|xchg(?= [^\n]*\()|syscall|int"
    r"|dmb|dsb|svc|wfe|sevl?|ldap?u?r[bh]?(?!\t[wx]zr,)|stlu?r[bh]?|ld(?:add|set|clr|eor)\w*|(?:cas|swp|ldx|ldax|stx|stlx)\w*)\b"
)
_SYSTEM_CALL = re.compile(rb"\b(?:SYS|__NR)_(\w+)|\b(FUTEX_[A-Z_]+)")
_FOLLOWED = re.compile(  # by grader/interleave/futex.c
    r"futex|gettid|getpid|getcpu"
    r"|FUTEX_(?:WAIT|WAKE|WAIT_BITSET|WAKE_BITSET|REQUEUE|CMP_REQUEUE)(?:_PRIVATE)?"
    r"|FUTEX_(?:PRIVATE_FLAG|CLOCK_REALTIME|BITSET_MATCH_ANY|WAITERS|OWNER_DIED|TID_MASK)"
)


def undefined(objects: Sequence[Path]) -> list[str]:
    """The names these objects need from elsewhere, each once."""
    names: list[str] = []
    for line in _tool("nm", "-u", "-P", *map(str, objects)).splitlines():
        words = line.split()
        if len(words) >= 2 and words[1] in ("U", "w", "v"):
            names.append(words[0].partition("@")[0])
    return list(dict.fromkeys(names))


@functools.cache
def _followable() -> frozenset[str]:
    names: set[str] = set()
    for line in read_text(_FOLLOWABLE).splitlines():
        names.update(line.partition("#")[0].split())
    return frozenset(names)


def not_followed(units: Sequence[Unit]) -> list[str]:
    """What of some code the controlled scheduler can't follow. Objects not built count as none."""
    if not _FOLLOWABLE.exists():
        return []
    objects = sorted({path for unit in units for path in unit.objects() if path.exists()})
    if not objects:
        return []
    known = _followable() | api()
    needed = undefined(objects)
    names = [name for name in needed if name not in known and not _ALWAYS.fullmatch(name)]
    if "suite_syscall" in needed:
        names += _system_calls(units)
    return names + _assembly(units, objects) + _thread_locals(objects)


def _system_calls(units: Iterable[Unit]) -> list[str]:
    """What the source asks the system for by number, and the scheduler does not know."""
    found = (_SYSTEM_CALL.finditer(source.content) for unit in units for source in unit.code.sources)
    names = dict.fromkeys((match[1] or match[2]).decode() for matches in found for match in matches)
    return [f"syscall({name})" for name in names if not _FOLLOWED.fullmatch(name)]


def _assembly(units: Iterable[Unit], objects: Sequence[Path]) -> list[str]:
    """Instructions between threads that only inline assembly makes: the compiler's own are calls we see."""
    if not any(_ASM.search(source.content) for unit in units for source in unit.code.sources):
        return []
    listing = _tool("objdump", "-d", "--no-show-raw-insn", *map(str, objects))
    found = _BETWEEN_THREADS.search(listing)
    return [f"inline assembly ({found[1]})"] if found else []


def _thread_locals(objects: Sequence[Path]) -> list[str]:
    """Thread-local variables, where grader/interleave/fiber.c does not know how a thread gets its own."""
    if platform.machine() in ("x86_64", "aarch64"):
        return []
    rows = (line.split() for line in _tool("readelf", "-sW", *map(str, objects)).splitlines())
    names = [row[7].partition(".")[0] for row in rows if len(row) > 7 and row[3] == "TLS"]
    return [f"the thread-local {name}" for name in names]


def _tool(*command: str) -> str:
    try:
        ended = subprocess.run(command, capture_output=True, check=False, timeout=60)
    except OSError as error:
        raise MachineError(f"{command[0]} can't be run ({error}). Run: sh setup.sh") from error
    except subprocess.TimeoutExpired as error:
        raise BuildError(f"{command[0]} does not come to an end.") from error
    return ended.stdout.decode("utf-8", "replace")
