"""Has make build suites, and reads what it says.

Make knows how to compile; here is only which programs are wanted and what went wrong, told so that it
can be acted on.
"""

from __future__ import annotations

import difflib
import functools
import hashlib
import os
import re
import shlex
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from grader import c_text, files, kit, typed
from grader.errors import BuildError, NotInstalled, NotWritable, UsageError
from grader.exercises import BUILD, ROOT, Exercise, api
from grader.grading import by_value, isolation
from grader.grading.isolation import AS_IT_IS, Policy
from grader.grading.submission import Code

VARIANTS = ("interleave", "asan", "tsan", "plain")
REAL_VARIANTS = ("asan", "tsan", "plain")
FALL_BACK = ("asan", "tsan")  # what the scheduler can't follow runs in these
SHOWN_ERRORS = 3

_FAILED = re.compile(r"^make: Target '([^']+)' not remade|^make: \*\*\* \[[^ ]*: ([^]]+)\] ", re.MULTILINE)
_ERROR = re.compile(r"^(\S+?):(\d+):(?:\d+:)? (?:fatal )?error: (.*)$")
_WARNING = re.compile(r"^(\S+?):(\d+):(?:\d+:)? warning: (.*?) \[(-W[^]]*)\]$")
_FLAG = re.compile(r" \[-W[^]]*\]$")  # what made an error of it
_OTHER = re.compile(r"\S+?:(\d+:)?(\d+:)? |make: |In file included from | +from \S+:\d+[,:]")
_WANTED = re.compile(r"note: expected '([^']+)'.* but argument is of type '([^']+)'")
_UNDEFINED = re.compile(r"undefined reference to [`'](\w+)'")
_REFUSED = re.compile(
    r"^(?:gcc|cc|clang)\S*: (?:fatal )?error: (un\w+ (?:command-line )?(?:option|argument).*)", re.MULTILINE
)
_KIT_LIBRARY = re.compile(r"cannot find -l(\w+)|fatal error: '?(cmocka\.h|pthread\.h|stdio\.h)'?")


@dataclass(frozen=True)
class Unit:
    """One suite on one code in one variant: one program."""

    code: Code
    suite: Exercise
    variant: str

    @property
    def target(self) -> str:
        return f"{self._prefix}/{self.suite.name}.suite"

    @property
    def program(self) -> Path:
        return ROOT / self.target

    def objects(self) -> list[Path]:
        """The compiled files of the code."""
        return [ROOT / self._prefix / f"{Path(s.name).stem}.o" for s in self.code.sources]

    @property
    def _prefix(self) -> str:
        return f"{folder(self.variant)}/{self.code.directory.relative_to(ROOT)}"


NOT_YOURS = ", and it is not your code's fault"


def on_real_threads(units: Sequence[Unit]) -> list[Unit]:
    """What runs instead of these where the scheduler can't follow them."""
    return [replace(unit, variant=variant) for variant in FALL_BACK for unit in units]


@dataclass
class BuildFailure:
    """Why a program could not be built, in words for the student."""

    message: str
    where: str = ""  # channel.c:12
    lines: list[str] = field(default_factory=list)  # as the compiler said it, trimmed
    explanation: str = ""


def compiler() -> str:
    return typed.now().compiler


def compiler_command() -> list[str]:
    """The words of it: CC="ccache gcc" is a command and its first argument, as make has it."""
    try:
        words = shlex.split(compiler())
    except ValueError as error:
        raise UsageError(f"CC={compiler()} is no command: {error}.") from error
    return words or ["cc"]


def objcopy() -> str:
    return typed.now().objcopy


def folder(variant: str) -> str:
    """Where the programs of a variant are built; what another compiler made is kept apart."""
    if compiler() == "cc":
        return f"build/{variant}"
    return f"build/{variant}-{hashlib.sha256(compiler().encode()).hexdigest()[:8]}"


def require_tools() -> None:
    """Says which tool is missing before make does so in its own words."""
    needed = (compiler_command()[0], "make", objcopy())
    for tool in needed:
        if shutil.which(tool) is None:
            raise NotInstalled(tool)


@functools.cache
def kit_digest(suite: str, variant: str) -> str:
    """A hash of everything of the kit, and of the compiler, that a suite's result depends on."""
    digest = hashlib.sha256(variant.encode())
    for path in kit.sources_of(suite, variant):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    for word in [*compiler_command(), typed.now().other_compiler]:  # the gcc behind a ccache counts, too
        if found := shutil.which(word):
            status = os.stat(found)
            digest.update(f"{compiler()} {status.st_size} {status.st_mtime_ns}".encode())
    return digest.hexdigest()


def build(units: Sequence[Unit], jobs: int, policy: Policy = AS_IT_IS) -> dict[Unit, BuildFailure]:
    """Builds the programs of one variant; those that could not be are returned, with the reason."""
    if not units:
        return {}
    for code in {unit.code.key: unit.code for unit in units}.values():
        code.stage()
    output, failed = _make(units[0].variant, [unit.target for unit in units], jobs, policy)
    for code in {unit.code.key: unit.code for unit in units}.values():
        _note_warnings(code, output)
    if units[0].variant == "interleave":
        _have_told([unit for unit in units if unit.target not in failed], jobs, policy)
    errors = {unit: _explain(unit, output) for unit in units if unit.target in failed}
    for unit in units:
        if unit not in errors and not unit.program.exists():
            raise BuildError(_tail("The suites can't be built. make says:", output))
    return errors


def _note_warnings(code: Code, output: str) -> None:
    """Keeps what the compiler warned of: it says so once, when it compiles."""
    own = f"{code.directory.relative_to(ROOT)}/"
    found = [
        f"{match[1].removeprefix(own)}:{match[2]}: {match[3]}"
        for match in map(_WARNING.match, output.splitlines())
        if match and match[1].startswith(own) and not match[4].startswith("-Wunused")
    ]
    if found:
        files.write_atomically(code.directory / "warnings", "\n".join(dict.fromkeys(found)) + "\n")


def warnings_of(code: Code) -> list[str]:
    """What the compiler warned of in that code: channel.c:12: message."""
    try:
        return (code.directory / "warnings").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def untold(code: Code) -> list[str]:
    """Where that code copies a struct of which the scheduler isn't told: channel.c:12."""
    dumps = sorted((ROOT / folder("interleave") / code.directory.relative_to(ROOT)).glob("*.gimple"))
    return [place for dump in dumps for place in _untold_in(dump)]


def _untold_in(dump: Path) -> list[str]:
    """What gcc has written down of an object is kept where something is untold."""
    try:
        found = by_value.places(dump.read_text(encoding="utf-8", errors="replace"))
        if not found:
            dump.unlink()
    except OSError:  # there is none, or somebody else has removed it
        return []
    return found


def has_other_compiler() -> bool:
    return shutil.which(typed.now().other_compiler) is not None


def _have_told(units: Sequence[Unit], jobs: int, policy: Policy) -> None:
    """Has the other compiler, where it is installed, compile the files of which this one tells too little. A file that
    it can't compile, or of which no suite can be linked then, stays as it was."""
    untold_of = {unit: [path for path in unit.objects() if _untold_in(Path(f"{path}.gimple"))] for unit in units}
    targets = [unit.target for unit in units if untold_of[unit]]
    if not targets or not has_other_compiler():
        return
    objects = sorted({str(path.relative_to(ROOT)) for paths in untold_of.values() for path in paths})
    sources = [str(Path(one).relative_to(folder("interleave")).with_suffix(".c")) for one in objects]
    anew = [word for source in sources for word in ("-W", source)]  # make takes them for changed
    _make("interleave", objects, jobs, policy, f"CC={typed.now().other_compiler}", *anew)
    _, failed = _make("interleave", targets, jobs, policy)
    if failed:
        _make("interleave", sorted(failed), jobs, policy, *anew)


def build_demo(code: Code) -> Path:
    """Builds the program of the exercise with that code in it."""
    code.stage()
    own = str(code.directory.relative_to(ROOT))
    target = f"build/demo/{own}/demo"
    output, failed = _make("plain", [target], 1, AS_IT_IS)
    if failed:
        blocks = _error_blocks(output, own + "/")
        if not blocks:
            raise BuildError(_tail("The program can't be built. make says:", output))
        error = _compile_error(blocks, code, output)
        raise UsageError("\n".join([f"{error.where}: {error.message}", *error.lines]))
    return ROOT / target


def _make(variant: str, targets: Sequence[str], jobs: int, policy: Policy, *more: str) -> tuple[str, set[str]]:
    """Runs make; returns what was said, and the targets that could not be made.

    more: what it is asked besides, or otherwise than usual."""
    require_tools()
    environment = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    environment["LC_ALL"] = "C"
    command = ["make", "-f", "grader/build.mk", "--no-print-directory", "-k", "-s", f"-j{jobs}", "-Otarget"]
    command += [
        f"PYTHON={sys.executable}",
        f"VARIANT={variant}",
        f"B={folder(variant)}",
        f"CC={compiler()}",
        f"OBJCOPY={objcopy()}",
        *more,
        *targets,
    ]
    ended = isolation.run(command, policy.compiling, enclose=policy.enclose, environment=environment)
    output = (ended.stdout + ended.stderr).decode("utf-8", "replace")
    if ended.timed_out:
        raise BuildError("The compiler did not come to an end.")
    if ended.code != 0 and any(map(files.is_full, (BUILD, Path(tempfile.gettempdir())))):
        raise NotWritable(f"The disk is full. {files.MAKE_ROOM}")
    failed = {first or second for first, second in _FAILED.findall(output)} & set(targets)
    if ended.code != 0 and not failed:
        raise BuildError(_tail("make failed:", output))
    return output, failed


def _tail(head: str, output: str) -> str:
    lines = [line for line in output.splitlines() if line.strip()][:12]
    return "\n".join([head, *(f"  {line}" for line in lines)])


def _explain(unit: Unit, output: str) -> BuildFailure:
    """The student's own errors if there are any; errors of the kit or the machine end the grader."""
    own = str(unit.code.directory.relative_to(ROOT)) + "/"
    blocks = _error_blocks(output, own)
    if blocks:
        return _compile_error(blocks, unit.code, output)
    missing = sorted(set(_UNDEFINED.findall(output)))
    if missing and not unit.code.text.strip():
        return BuildFailure("There is nothing in it.", explanation="`make reset` gives the empty exercise back.")
    if missing and all(_is_own(name, unit.code) for name in missing):
        return _link_error(missing, output, unit.code)
    refused = _REFUSED.search(output)
    if refused:
        raise BuildError(f"The compiler refuses what it is asked (CC={compiler()}): {refused[1]}")
    library = _KIT_LIBRARY.search(output)
    if library:
        name = library[1] or library[2]
        raise NotInstalled(name, why=", and every suite needs it")
    raise BuildError(_tail(f"{unit.target} can't be built{NOT_YOURS}:", output))


def _is_own(name: str, code: Code) -> bool:
    """Is it for the student to define that name: part of the API, or used in their code?"""
    return name in api() or any(name.encode() in source.content for source in code.sources)


def _error_blocks(output: str, own: str) -> list[list[str]]:
    """The errors in the student's files, each with the lines that belong to it."""
    blocks: list[list[str]] = []
    current: list[str] | None = None
    for line in (_FLAG.sub("", line) for line in output.splitlines()):
        match = _ERROR.match(line)
        if match:
            current = [line] if own in match[1] else None
            if current is not None and current not in blocks:
                blocks.append(current)
        elif _OTHER.match(line):
            current = None
        elif current is not None and len(current) < 4:
            current.append(line)
    return blocks


def _compile_error(blocks: list[list[str]], code: Code, output: str) -> BuildFailure:
    from grader.grading import diagnostics

    match = _ERROR.match(blocks[0][0])
    assert match is not None
    own = f"{code.directory.relative_to(ROOT)}/"
    lines = [line.replace(own, "") for block in blocks[:SHOWN_ERRORS] for line in block]
    more = len(blocks) - SHOWN_ERRORS
    if more > 0:
        lines.append(f"... and {more} more error{'s' if more > 1 else ''}")
    where, explanation = f"{Path(match[1]).name}:{match[2]}", diagnostics.compiler_message(match[3], code.text)
    if wanted := _WANTED.search(output, output.find(blocks[0][0])):
        explanation = f"It wants a {wanted[1].removesuffix(' restrict')}, and is given a {wanted[2]}. {explanation}"
    if diagnostics.is_about_braces(match[3]):
        where, explanation = _unclosed(code, Path(match[1]).name) or (where, explanation)
    return BuildFailure(message=match[3], where=where, lines=lines, explanation=explanation)


def _unclosed(code: Code, name: str) -> tuple[str, str] | None:
    """Where to look for a brace that is missing, which the compiler misses at the end of the file only."""
    text = next((c_text.decoded(source.content) for source in code.sources if source.name == name), "")
    found = c_text.unclosed(text)
    if found is None:
        return None
    function, line = found
    return f"{name}:{line}", f"In {function}, which begins at line {line}, a {{ has no }}."


def _link_error(missing: list[str], output: str, code: Code) -> BuildFailure:
    names = ", ".join(missing[:4]) + (", ..." if len(missing) > 4 else "")
    what = "is" if len(missing) == 1 else "are"
    called = re.search(r"^\S*?:?(\w+\.c):(\d+): undefined reference", output, re.MULTILINE)
    in_kit = called is None or called[1].startswith("test_")
    where, explanation = _instead_of(missing[0], code)
    return BuildFailure(
        message=f"{names} {what} called, but nowhere defined.",
        where=where if called is None or in_kit else f"{called[1]}:{called[2]}",
        explanation=explanation,
    )


def _instead_of(name: str, code: Code) -> tuple[str, str]:
    """Where a function of the header is defined under another name, or hidden; or where it is to be written."""
    for source in code.sources:
        text = c_text.decoded(source.content)
        if found := c_text.definition(name, text):
            return f"{source.name}:{found.line}", f"The `static` in front of {name} hides it from all other files."
        other = {function: line for function, line, _ in c_text.functions(text) if function not in api()}
        for alike in difflib.get_close_matches(name, other, 1, 0.8):
            place = f"{source.name}:{other[alike]}"
            return place, f"{alike}, defined at {place}, is nearly its name: is it misspelt?"
    last = code.sources[0]
    place = f"{last.name}:{max(1, len(c_text.decoded(last.content).splitlines()))}"
    for path in last.neighbours(".c"):
        if c_text.definition(name, c_text.decoded(path.read_bytes())):
            only = f"only {last.name} is graded and handed in"
            return place, f"{path.name} beside it defines {name}, but {only}: move it there."
    if name not in api():
        return place, "Your file calls it, and does not define it: is it misspelt, or still to be written?"
    return place, "It is a function of channel.h that your file does not define."
