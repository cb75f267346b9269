"""`make doctor`: proves that each tool works here, by having it find a known bug.

Each finding that is not well comes with its cure. Exit code 0 if the kit can be worked with, 3 if not.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from grader import files
from grader.errors import EXIT_ENVIRONMENT, EXIT_PASSED, GraderError
from grader.exercises import BUILD, EXERCISES, ROOT
from grader.grading import build, isolation
from grader.output import render
from grader.output.text import wrap

RACE = """#include <pthread.h>
int shared;
static void *add(void *arg) { shared++; return arg; }
int main(void)
{
    pthread_t thread;
    if (pthread_create(&thread, 0, add, 0)) return 1;
    shared++;
    return pthread_join(thread, 0);
}
"""
LEAK = """#include <stdlib.h>
int main(void) { void *volatile p = malloc(10); p = 0; return p != 0; }
"""
USE_AFTER_FREE = """#include <stdlib.h>
int main(void) { char *volatile p = malloc(10); free(p); return p[3]; }
"""
DEADLOCK = """#include <pthread.h>
int main(void)
{
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&lock);
    return pthread_mutex_lock(&lock);
}
"""
CMOCKA = """#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
static void passes(void **state) { assert_null(*state); }
int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(passes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
"""
MARGIN = 23  # columns of mark and name
INSTALL = "sh setup.sh"
SWITCHES = Path("/proc/sys")
SECCOMP = "docker run --security-opt seccomp=unconfined"


@dataclass(frozen=True)
class CheckResult:
    """One thing looked at. What is only nice to have does not count against the machine."""

    name: str
    well: bool
    words: str
    cure: str = ""
    needed: bool = True


def run() -> int:
    """Looks at everything, tells it as it comes."""
    screen = render.Screen()
    isolation.prepare()
    ill = []
    for finding in examine():
        mark, style = ("ok", "green") if finding.well else ("--", "red" if finding.needed else "yellow")
        words = wrap(finding.words, screen.width - MARGIN, whole=True)
        screen.lines([[(f"  {mark}  ", style), (f"{finding.name:16} ", "bold"), (words[0], "")]])
        screen.lines([[(" " * MARGIN + more, "")] for more in words[1:]])
        if not finding.well and finding.cure:
            screen.lines([[(f"{'':{MARGIN}}cure: {finding.cure}", "cyan")]])
        if not finding.well and finding.needed:
            ill.append(finding)
    if ill:
        last = wrap(f"{ill[0].name}: {ill[0].cure or ill[0].words}", screen.width, whole=True)
        screen.lines([[], *([(line, "bold red")] for line in last)])
        return EXIT_ENVIRONMENT
    screen.lines([[], [("All well: what make grade says here can be believed.", "bold green")]])
    return EXIT_PASSED


def examine() -> Iterator[CheckResult]:
    """All findings, cheap ones first."""
    yield _python()
    for name in ("rich", "jinja2"):
        yield _module(name)
    yield from _tools()
    disk = _file_system()
    yield disk
    if not disk.well and disk.needed:
        return  # all that follows writes files
    yield _line_ends()
    yield _clock()
    yield _randomisation()
    yield _address_space()
    with tempfile.TemporaryDirectory() as directory:
        yield from _proofs(Path(directory))
    yield _sandbox()
    yield _speed()


def _python() -> CheckResult:
    version = ".".join(map(str, sys.version_info[:3]))
    return CheckResult("Python", sys.version_info >= (3, 11), f"{version} ({sys.executable})", INSTALL)


def _module(name: str) -> CheckResult:
    there = importlib.util.find_spec(name) is not None
    use = {"rich": "colours on the terminal", "jinja2": "the pages of a class and of a story"}[name]
    words = f"there, for {use}" if there else f"missing: no {use}"
    return CheckResult(name, there, words, INSTALL, needed=False)


def _tools() -> Iterator[CheckResult]:
    for tool, use in (
        (build.compiler_command()[0], "compiles"),
        ("make", "builds"),
        ("objcopy", "renames calls in compiled code"),
        ("nm", "looks at symbols"),
        ("addr2line", "finds source lines"),
    ):
        path = shutil.which(tool)
        words = f"{_version(tool)}" if path else f"missing; it {use}"
        yield CheckResult(tool, path is not None, words, INSTALL)
    gdb = shutil.which("gdb")
    words = _version("gdb") if gdb else "missing: no stacks of a hang, no GDB=1"
    yield CheckResult("gdb", gdb is not None, words, _install("gdb"), needed=False)


def _install(package: str) -> str:
    """The command that installs what setup.sh does without."""
    managers = {"apt-get": "apt-get install", "dnf": "dnf install", "pacman": "pacman -S", "brew": "brew install"}
    found = next((words for tool, words in managers.items() if shutil.which(tool)), "install")
    return f"{found} {package}" if os.geteuid() == 0 or "brew" in found else f"sudo {found} {package}"


def _version(tool: str) -> str:
    try:
        text = subprocess.run([tool, "--version"], capture_output=True, check=False, timeout=20).stdout
    except (OSError, subprocess.TimeoutExpired):
        return "does not run"
    lines = text.decode("utf-8", "replace").splitlines()
    return lines[0][:56] if lines else "runs"


def _file_system() -> CheckResult:
    try:
        files.write_atomically(BUILD / "doctor.tmp", "x")
        (BUILD / "doctor.tmp").unlink()
    except (GraderError, OSError) as error:
        return CheckResult("file system", False, str(error))
    free = shutil.disk_usage(BUILD).free >> 20
    if free < 300:
        return CheckResult("file system", False, f"{free} MiB are left", "make room: the kit builds about 200 MiB")
    if str(ROOT).startswith("/mnt/") and "microsoft" in os.uname().release.lower():
        cure = "copy the kit into your Linux home: cp -r . ~/channels"
        return CheckResult("file system", False, "this is a Windows drive: slow, and without file modes", cure, False)
    return CheckResult("file system", True, f"can be written, {free >> 10} GiB free")


def _line_ends() -> CheckResult:
    headers = EXERCISES.glob("*/*.h")
    crlf = any(b"\r\n" in header.read_bytes() for header in headers)
    cure = "sed -i 's/\\r$//' exercises/*.h exercises/*/*.h Makefile grader/build.mk setup.sh"
    words = "CRLF: git or an editor has changed the kit's files" if crlf else "LF"
    return CheckResult("line ends", not crlf, words, cure, needed=False)


def _clock() -> CheckResult:
    now = time.time()
    behind = max((p.stat().st_mtime for p in EXERCISES.glob("*/*.h")), default=now) > now + 5
    words = "is behind the files: make will build again and again" if behind else "agrees with the files"
    return CheckResult("clock", not behind, words, "set the clock (WSL: sudo hwclock -s)", needed=False)


def _randomisation() -> CheckResult:
    off = isolation.randomisation_is_off()
    words = "can be switched off" if off else "can't be switched off here: sanitizers may fail to start"
    cure = SECCOMP if _in_container() else "sudo sysctl vm.mmap_rnd_bits=28"
    return CheckResult("ASLR", off, words, cure, needed=False)


def _address_space() -> CheckResult:
    limit = isolation.address_space()
    if limit is None:
        return CheckResult("address space", True, "not limited")
    words = f"limited to {limit >> 20} MiB: neither the scheduler nor the sanitizers can start"
    return CheckResult("address space", False, words, "a shell without `ulimit -v` (see /etc/security/limits.conf)")


def _in_container() -> bool:
    return any(map(os.path.exists, ("/.dockerenv", "/run/.containerenv")))


def _ptrace_cure() -> str:
    """What forbids one process to look into another here, and how to allow it."""
    scope = SWITCHES / "kernel/yama/ptrace_scope"
    if _in_container():
        return f"{SECCOMP} --cap-add SYS_PTRACE"
    if scope.exists() and scope.read_text().strip() != "0":
        return "sudo sysctl kernel.yama.ptrace_scope=0"
    return "allow ptrace, which this machine's sandbox forbids"


# ------------------------------------------------------------------------------------- proofs


def _proofs(directory: Path) -> Iterator[CheckResult]:
    """Compiles programs with one known bug each, and sees it reported."""
    cmocka = _compile(directory, "cmocka", CMOCKA, "-lcmocka")
    if not cmocka:
        ended = isolation.run([str(directory / "cmocka")], isolation.Limits())
        cmocka = "" if ended.code == 0 else f"its test ended with {ended.code}"
    yield CheckResult("cmocka", not cmocka, cmocka or "a test compiles and passes", INSTALL)
    yield _sanitizer(directory, "AddressSanitizer", USE_AFTER_FREE, "heap-use-after-free", "address")
    yield _sanitizer(directory, "leak check", LEAK, "detected memory leaks", "address", _ptrace_cure())
    yield _sanitizer(directory, "ThreadSanitizer", RACE, "data race", "thread")
    yield _hang(directory)
    yield _interleave()


def _compile(directory: Path, name: str, text: str, *flags: str) -> str:
    """Compiles a program; returns what went wrong, or ""."""
    source = directory / f"{name}.c"
    source.write_text(text)
    command = [*build.compiler_command(), "-g", "-pthread", str(source), "-o", str(directory / name), *flags]
    try:
        ended = isolation.run(command, isolation.Limits())
    except GraderError as error:
        return str(error)
    lines = ended.stderr.decode("utf-8", "replace").splitlines()
    said = next((line for line in lines if "error" in line or "cannot" in line), lines[0] if lines else "")
    return "" if ended.code == 0 else f"does not compile: {said.replace(f'{directory}/', '')[:100]}"


def _sanitizer(directory: Path, name: str, text: str, report: str, kind: str, cure: str = INSTALL) -> CheckResult:
    program = name.replace(" ", "_")
    wrong = _compile(directory, program, text, f"-fsanitize={kind}")
    if wrong:
        return CheckResult(name, False, wrong, INSTALL)
    found = 0
    for _ in range(3):
        ended = isolation.run([str(directory / program)], isolation.Limits(wall_seconds=30))
        found += report in ended.sanitizer
    words = f"found {found} of 3 known bugs ({report})"
    return CheckResult(name, found == 3, words, cure)


def _hang(directory: Path) -> CheckResult:
    wrong = _compile(directory, "deadlock", DEADLOCK)
    if wrong:
        return CheckResult("hang", False, wrong, INSTALL)
    limits = isolation.Limits(wall_seconds=15)
    ended = isolation.run([str(directory / "deadlock")], limits, look_for_sleep=True)
    stacks = ", with its stack" if ended.stacks else ", without its stack (ptrace or gdb)"
    words = f"a known deadlock was noticed after {ended.seconds:.0f} s{stacks}"
    cure = _ptrace_cure() if shutil.which("gdb") else _install("gdb")
    return CheckResult("hang", ended.asleep and bool(ended.stacks), words, cure, needed=False)


def _interleave() -> CheckResult:
    """Has the scheduler run one suite's list; its own tests prove more."""
    from grader.arguments import default_variant
    from grader.exercises import all_exercises
    from grader.grading.grade import cpu_count
    from grader.grading.submission import STUBS, read_submission

    if default_variant() != "interleave":
        return CheckResult("scheduler", True, "not part of this copy", needed=False)
    submission = read_submission(STUBS, all_exercises()[0])
    unit = build.Unit(submission.code, submission.exercise, "interleave")
    try:
        from grader.grading import runner

        if build.build([unit], cpu_count()):
            return CheckResult("scheduler", False, "the suite of the first stub does not build", INSTALL)
        result = runner.run_test(unit, runner.list_tests(unit)[0])
    except GraderError as error:
        return CheckResult("scheduler", False, str(error).splitlines()[0][:200], INSTALL)
    works = result.verdict == "not_implemented"
    return CheckResult("scheduler", works, "a suite builds and runs" if works else result.message, INSTALL)


def _sandbox() -> CheckResult:
    there = shutil.which("bwrap")
    if there is None:
        return CheckResult("sandbox", False, "no bwrap: make class can't be used", _install("bubblewrap"), False)
    command = ["bwrap", "--ro-bind", "/", "/", "--unshare-all", "true"]
    works = _quietly(lambda: isolation.run(command, isolation.Limits(wall_seconds=20)).code == 0)
    words = "bwrap works" if works else "bwrap can't make namespaces: make class can't be used"
    return CheckResult("sandbox", works, words, _namespaces_cure(), needed=False)


def _namespaces_cure() -> str:
    """What forbids namespaces here, and how to allow them."""
    if _in_container():
        return "docker run --privileged"
    for name, good in (("apparmor_restrict_unprivileged_userns", "0"), ("unprivileged_userns_clone", "1")):
        switch = SWITCHES / "kernel" / name
        if switch.exists() and switch.read_text().strip() != good:
            return f"sudo sysctl kernel.{name}={good}"
    return "allow user namespaces, which this machine's sandbox forbids"


def _quietly(question: Callable[[], bool]) -> bool:
    try:
        return question()
    except (GraderError, OSError):
        return False


def _speed() -> CheckResult:
    """Measures the machine once, and scales the tests' limits to it."""
    begun = time.process_time()
    sum(i * i % 7 for i in range(2_000_000))
    slowness = max(1.0, (time.process_time() - begun) / 0.25)
    files.write_atomically(BUILD / "slowness", f"{slowness:.2f}\n")
    words = "usual; limits as they are" if slowness < 1.5 else f"slow: all limits are {slowness:.1f} times as long"
    return CheckResult("speed", True, words)
