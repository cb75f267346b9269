"""Looks at what a submission compiles to before any of it runs.

A channel needs no constructor, no main of its own, no way round the calls that the checks stand in
for. What is refused here could not pass as honest code anyway; it is refused so that it is told by
name, and not run. These checks are no wall: the sandbox is (classroom/sandbox.py). Outside of a class it only
warns.

Names of a student's own, static or not, are nobody's fault: they are made local before linking. So a name is refused
only if it is one that the C library, cmocka or the kit really has. What is nowhere defined is not told here, but by the
linker, in its own words.
"""

from __future__ import annotations

import hashlib
import platform
import re
import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from grader import c_text, files
from grader.exercises import BUILD, ROOT, Exercise, api
from grader.grading import build, isolation
from grader.grading.submission import Code

# What a look takes is read to its end: what is cut off is not looked at.
LOOKING = isolation.Limits(cpu_seconds=10, wall_seconds=30.0, file_size=16 << 20, kept_output=16 << 20)

# Runs a command, in a sandbox or not, and returns its exit code and what it printed on stdout.
Runner = Callable[[Sequence[str]], tuple[int, str]]

# Calls by which a program gets hold of other programs, or of itself from outside.
FORBIDDEN_CALLS = frozenset(
    """fork vfork Fork clone clone3 forkpty wordexp posix_spawn posix_spawnp system popen
    execl execlp execle execv execvp execvpe execve execveat fexecve
    ptrace process_vm_readv process_vm_writev dlopen dlsym dlvsym dlmopen dladdr dl_iterate_phdr
    kill killpg tgkill sigqueue pidfd_open pidfd_getfd pidfd_send_signal
    setsid setpgid setpgrp daemon prctl personality unshare setns chroot pivot_root mount
    seccomp bpf socket connect bind listen accept accept4 getaddrinfo longjmp siglongjmp
    longjmp_chk setcontext swapcontext makecontext atexit on_exit cxa_atexit at_quick_exit
    setenv putenv environ libc_start_main register_atfork pthread_atfork mprotect pkey_mprotect
    backtrace Unwind_Backtrace Unwind_ForcedUnwind Unwind_RaiseException""".split()
)
# Calls that a channel has no need of; the sandbox makes nothing of them, the instructor may want to look.
ODD_CALLS = frozenset(
    """getenv secure_getenv open open64 openat openat64 creat fopen fopen64 freopen
    unlink unlinkat remove rename mkdir rmdir symlink link truncate ftruncate opendir readdir chdir chmod chown
    getpid getppid signal sigaction setrlimit nice sched_setaffinity syscall pthread_kill""".split()
)
# Names that stand for the C library or the checks; a submission that defines one means to replace it.
RESERVED_NAMES = frozenset(
    """main _start _init _fini environ __environ exit _exit _Exit quick_exit abort atexit write read
    fork malloc calloc realloc reallocarray aligned_alloc posix_memalign free memcpy memmove memset""".split()
)
# So do these, where there is such a name: sem_wait does, and sem_down does not.
RESERVED_FAMILIES = re.compile(
    r"(pthread|sem|mtx|cnd|thrd|call)_\w+|(suite|cmocka|cm|todo)_\w+|_assert_\w+|_fail|_skip|_cmocka\w*"
)
# The compiler's own: a submission neither defines nor calls one.
SANITIZERS = re.compile(r"__(tsan|asan|ubsan|lsan|msan|hwasan|sanitizer|interceptor|interception|real|wrap)_\w+")
RUNTIME = re.compile(r"__(cxa|libc|stack_chk)_\w+")
OWN_SECTIONS = re.compile(
    r"\.(text|data|bss|rodata|tdata|tbss|comment|note|debug|zdebug|eh_frame|rela|rel|symtab|strtab|shstrtab|"
    r"group|tm_clone_table|gnu|llvm_addrsig|stab)\b.*"
)
INIT_SECTIONS = re.compile(r"\.(preinit_array|init_array|fini_array|ctors|dtors|init|fini)\b.*")
# Inline assembly that only waits or orders; everything else could call the system by itself.
HARMLESS_ASM = re.compile(r"((pause|yield|nop|rep;? ?nop|isb|[lsm]fence|dmb ish(ld|st)?)( |;|$)+)*")
SYSTEM_CALL = re.compile(r"\t(syscall|sysenter|int +\$0x80|svc\s)")
NO_SANITIZE = re.compile(
    r"\b_*(no_sanitize(_(address|thread|undefined|memory|coverage|hwaddress|type))?|no_address_safety_analysis"
    r"|disable_sanitizer_instrumentation)_*\b"
)
# Ways to the frames of one's callers; code that changes those returns past a test.
FRAMES = re.compile(
    r"\b__builtin_(frame_address|return_address|\w*return_addr|dwarf_cfa|eh_return|unwind_init|setjmp|longjmp|apply\w*|return)\b"
)
# syscall() is for what has no function: futexes above all. Everything else has one, which the checks know.
SYSCALL = re.compile(r"\bsyscall\b(?:\s*\(\s*(\d+)\s*[,)])?")
HARMLESS_SYSTEM_CALLS = {  # sched_yield, gettid, getcpu, membarrier, futex and its successors
    "x86_64": {24, 186, 309, 324, 202, 449, 454, 455, 456},
    "aarch64": {124, 178, 168, 283, 98, 449, 454, 455, 456},
}
PRAGMA = re.compile(r"^\s*#\s*pragma\s+(clang\s+attribute|redefine_extname)")
ASM_WORD = re.compile(r"\b(?:asm|__asm|__asm__)\b")
ASM = re.compile(r"(?:asm|__asm|__asm__)\b[^(;]*\(((?:\s*\"(?:[^\"\\]|\\.)*\")*)\s*(.?)")
STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
RAW_STRING = re.compile(r'\b(?:u8|[uUL])?R"')
OUT_OF_SIGHT = "It compiles, but can't be looked at."
LINE_MARKER = re.compile(r'^# (\d+) "((?:[^"\\]|\\.)*)"((?: \d)*)\s*$')
ENTERS, RETURNS = "1", "2"  # flags of a line marker: into an included file, and back
LINE_DIRECTIVE = re.compile(r"^[ \t\f\v]*(?:#|%:)[ \t\f\v]*(?:line\b|(?=\d))(.*)$", re.MULTILINE)
SPLICE = re.compile(r"\\[ \t\f\v]*\n")
CONDITION = re.compile(r"^[ \t\f\v]*(?:#|%:)[ \t\f\v]*(?:el)?if", re.MULTILINE)
# As grader/build.mk builds code in the variants of a class that are instrumented.
INSTRUMENTED = (("-fsanitize=thread", "-fstack-protector-strong"), ("-fsanitize=address,undefined",))


@dataclass(frozen=True)
class Violation:
    file: str
    line: int  # 0: nowhere in particular
    what: str  # a sentence
    refused: bool

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {self.what}"


def examine_code(
    code: Code, exercise: Exercise, scratch: Path, enclose: isolation.Enclose | None = None
) -> list[Violation]:
    """What is odd or wrong with the code of an exercise. scratch: a directory for what is compiled."""
    code.stage()
    # A call of what nothing declares is for the compiler to tell, as grader/build.mk has it.
    flags = ["-std=gnu11", "-O1", "-pthread", "-Werror=implicit-function-declaration", "-fno-builtin"]
    flags += exercise.header_flags(ROOT)
    compiler = [*build.compiler_command(), *flags]
    sources = [code.directory / source.name for source in code.sources]

    def run(command: Sequence[str]) -> tuple[int, str]:
        ended = isolation.run(command, LOOKING, enclose=enclose)
        return -1 if ended.timed_out else ended.code, ended.stdout.decode("utf-8", "replace")

    return [found for source in sources for found in examine(source, api(), ROOT, compiler, run, scratch)]


def refusals(code: Code, exercise: Exercise) -> list[str]:
    """What a class would refuse that code for: looked at once, and kept beside the code."""
    kept = code.directory / f"refusals.{hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:8]}"
    if not kept.exists():
        with isolation.private_directory() as scratch:
            found = examine_code(code, exercise, scratch)
        files.write_atomically(kept, "".join(f"{finding}\n" for finding in found if finding.refused))
    return kept.read_text(encoding="utf-8").splitlines()


def examine(
    source: Path, api: frozenset[str], kit: Path, compiler: Sequence[str], run: Runner, scratch: Path
) -> list[Violation]:
    """What is wrong with one .c file. Nothing, if it doesn't compile: that is told elsewhere.

    compiler: the compile command without sanitizers, without -c, -o and the file; scratch: a directory
    that run may write to.
    """
    found = list(_false_lines(source))
    preprocessed, text = run([*compiler, "-E", str(source)])
    if preprocessed == 0:
        found += _source_violations(source, text, kit)
        found += _asks_for_sanitizers(source, text, compiler, run)
    if any(finding.refused for finding in found):
        return found
    target = scratch / (source.stem + ".static_checks.o")
    code, _ = run([*compiler, "-c", "-o", str(target), str(source)])
    if code == 0 and preprocessed != 0:
        found.append(Violation(source.name, 0, OUT_OF_SIGHT, True))
    elif code == 0:
        found += _object_violations(source.name, target, api, run)
        target.unlink(missing_ok=True)
    return found


# ------------------------------------------------------------------------- the preprocessed source


def _directives(source: Path) -> str:
    """The text as its directives are looked for: lines joined, comments gone (unless a raw string could feign one)."""
    text = SPLICE.sub("", c_text.decoded(source.read_bytes()))
    return text if RAW_STRING.search(text) else c_text.without_comments(text)


def _false_lines(source: Path) -> Iterable[Violation]:
    """A #line that names another file would have the rest of this one taken for that."""
    for directive in LINE_DIRECTIVE.finditer(_directives(source)):
        if not re.fullmatch(rf'\s*\d+\s*("{re.escape(source.name)}")?\s*', directive[1]):
            yield Violation(source.name, 0, f"It passes its lines off as another file's: {directive[0].strip()}.", True)


def _rows(source: Path, text: str) -> tuple[list[tuple[int, str]], set[str]]:
    """The lines of the source itself, each with its number, and the files that it includes."""
    files_open, line = [str(source)], 0
    rows: list[tuple[int, str]] = []
    included: set[str] = set()
    for row in text.splitlines():
        marker = LINE_MARKER.match(row)
        if marker:
            line = int(marker[1])
            if ENTERS in marker[3].split():
                files_open.append(marker[2])
                included.add(marker[2])
            elif RETURNS in marker[3].split() and len(files_open) > 1:
                files_open.pop()
            continue
        if files_open[-1] == str(source):
            rows.append((line, row))
        line += 1
    return rows, included - {str(source)}


def _source_violations(source: Path, text: str, kit: Path) -> Iterable[Violation]:
    rows, included = _rows(source, text)
    for header in sorted(Path(file).name for file in included if not _may_include(file, kit)):
        yield Violation(source.name, 0, f"It includes {header}, which is no header of the kit or the system.", True)
    quotes_tell = not any(RAW_STRING.search(row) for _, row in rows)
    body = [(number, c_text.bare(row) if quotes_tell else row) for number, row in rows]
    for (number, row), (_, whole) in zip(body, rows, strict=True):
        if NO_SANITIZE.search(row):
            yield Violation(source.name, number, "It turns a sanitizer off.", True)
        if PRAGMA.match(whole):
            yield Violation(source.name, number, f"It changes how it is compiled: {whole.strip()}.", True)
        if FRAMES.search(row):
            yield Violation(source.name, number, "It looks for the frames of its callers.", True)
    yield from _system_calls(source.name, body)
    yield from _assembly(source.name, rows, body)


def _asks_for_sanitizers(source: Path, text: str, compiler: Sequence[str], run: Runner) -> Iterable[Violation]:
    """Is it another program when it is built to be checked? Whatever it asks, and however it is put."""
    if not CONDITION.search(_directives(source)):
        return
    rows, _ = _rows(source, text)
    for flags in INSTRUMENTED:
        _, checked = run([*compiler, *flags, "-E", str(source)])
        others, _ = _rows(source, checked)
        differ = (one[0] for one, other in zip(rows, others, strict=False) if one[1] != other[1])
        line = next(differ, None)
        if line is not None or len(rows) != len(others):
            yield Violation(source.name, line or 0, "It is another program when it is built with a sanitizer.", False)
            return


def _system_calls(name: str, body: list[tuple[int, str]]) -> Iterable[Violation]:
    text = "\n".join(row for _, row in body)
    for match in SYSCALL.finditer(text):
        if int(match[1] or -1) not in HARMLESS_SYSTEM_CALLS.get(platform.machine(), {int(match[1] or -1)}):
            number = body[text.count("\n", 0, match.start())][0]
            yield Violation(name, number, "It calls the kernel by syscall(), and not for a futex.", True)


def _may_include(file: str, kit: Path) -> bool:
    if file.startswith("<"):  # <built-in>, <command-line>
        return True
    path = Path(file)
    if not file.endswith(".h"):
        return False
    path = path.resolve()
    system = path.is_relative_to("/usr") and not path.is_relative_to(kit)
    return system or path in _headers(kit)


@cache
def _headers(kit: Path) -> frozenset[Path]:
    """The kit's own headers, where they really are: a folder may be a link."""
    exercises = kit / "exercises"
    return frozenset(path.resolve() for path in (*exercises.glob("*.h"), *exercises.glob("*/*.h")))


def _assembly(name: str, rows: list[tuple[int, str]], body: list[tuple[int, str]]) -> Iterable[Violation]:
    """rows as they are, body without what is in quotation marks, which takes as much room there."""
    text = "\n".join(row for _, row in rows)
    words = ASM_WORD.finditer("\n".join(row for _, row in body))
    for word in words:
        match = ASM.match(text, word.start())
        instruction = re.sub(r"(\\[nt]|\s)+", " ", "".join(STRING.findall(match[1]))).strip() if match else ""
        if not match or match[2] not in (":", ")") or not HARMLESS_ASM.fullmatch(instruction):
            number = body[text.count("\n", 0, word.start())][0]
            yield Violation(name, number, f"It has assembly in it: {instruction[:60]!r}.", True)


# ------------------------------------------------------------------------------------ the object


def _object_violations(name: str, target: Path, api: frozenset[str], run: Runner) -> Iterable[Violation]:
    looks = (["nm", "-P"], ["objdump", "-h", "-w"], ["objdump", "-d", "--no-show-raw-insn"])
    codes, (symbols, headers, instructions) = zip(*(run([*look, str(target)]) for look in looks), strict=True)
    if any(codes):  # more than a look takes, or nothing that these know
        yield Violation(name, 0, OUT_OF_SIGHT, True)
    for symbol, kind in _symbols(symbols):
        if kind in "Ii":
            yield Violation(name, 0, f"{symbol} is chosen while loading (ifunc).", True)
        elif kind in "Uvw":
            yield from _call_violations(name, symbol, api)
        elif symbol not in api and kind.isupper() and _is_reserved(symbol):
            yield Violation(name, 0, f"It defines {symbol}, which is a reserved name.", True)
    for section in re.findall(r"^\s*\d+ (\S+) ", headers, re.MULTILINE):
        if INIT_SECTIONS.fullmatch(section):
            yield Violation(name, 0, f"It has code that runs before or after the tests ({section}).", True)
        elif not OWN_SECTIONS.fullmatch(section):
            yield Violation(name, 0, f"It has a section of its own ({section}).", True)
    if SYSTEM_CALL.search(instructions):
        yield Violation(name, 0, "It calls the kernel directly, past the C library.", True)


def _is_reserved(symbol: str) -> bool:
    if symbol in RESERVED_NAMES or SANITIZERS.fullmatch(symbol) or RUNTIME.fullmatch(symbol):
        return True
    return bool(RESERVED_FAMILIES.fullmatch(symbol)) and symbol in _library_symbols() | _kit_symbols()


def _call_violations(name: str, symbol: str, api: frozenset[str]) -> Iterable[Violation]:
    if symbol.lstrip("_") in FORBIDDEN_CALLS:
        yield Violation(name, 0, f"It calls {symbol}, which no channel needs.", True)
    elif symbol in ODD_CALLS:
        yield Violation(name, 0, f"It calls {symbol}, which hardly any channel needs.", False)
    elif symbol not in api | _library_symbols() and (symbol in _kit_symbols() or SANITIZERS.fullmatch(symbol)):
        yield Violation(name, 0, f"It uses {symbol}, which is neither C's nor the header's.", True)


def _symbols(text: str) -> Iterable[tuple[str, str]]:
    for row in text.splitlines():
        fields = row.split()
        if len(fields) >= 2:
            yield fields[0], fields[1]


LIBRARIES = (
    "libc.so.6", "libm.so.6", "libpthread.so.0", "libgcc_s.so.1", "libgcc.a", "libatomic.so.1", "libc_nonshared.a",
    "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1",
)  # fmt: skip


@cache
def _library_symbols() -> frozenset[str]:
    """What the C library, its maths and the compiler's own helpers offer: looked up once, and kept as long
    as they are the same."""
    paths = [Path(_said(*build.compiler_command(), f"-print-file-name={library}").strip()) for library in LIBRARIES]
    return frozenset(["_GLOBAL_OFFSET_TABLE_", "todo_reached", *_offered(paths)])


@cache
def _kit_symbols() -> frozenset[str]:
    """What else a suite is linked with: cmocka, and the kit's own part, which is built before anybody's code is
    looked at."""
    cmocka = Path(_said(*build.compiler_command(), "-print-file-name=libcmocka.so").strip())
    built = [ROOT / build.folder(variant) for variant in build.VARIANTS]
    parts = ("grader/suite/*.o", "grader/model/*.o", "grader/interleave/*.o", "exercises/*/test_*.o")
    objects = sorted(path for folder in built for part in parts for path in folder.glob(part))
    return frozenset(_offered([cmocka, *objects]))


def _offered(paths: Sequence[Path]) -> list[str]:
    """The names that these files define for others."""
    states = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in paths if path.exists()]
    kept = BUILD / "library" / hashlib.sha256(repr(states).encode()).hexdigest()[:16]
    if not kept.exists():
        shared = [str(path) for path in paths if ".so" in path.name and path.exists()]
        others = [str(path) for path in paths if ".so" not in path.name and path.exists()]
        listings = [_said("nm", "-P", "-g", "--defined-only", "-D", *shared) if shared else ""]
        listings += [_said("nm", "-P", "-g", "--defined-only", *others) if others else ""]
        rows = [row.split() for listing in listings for row in listing.splitlines()]
        files.write_atomically(kept, "\n".join(sorted({row[0].split("@")[0] for row in rows if len(row) > 1})))
    return kept.read_text(encoding="utf-8").split()


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True).stdout
