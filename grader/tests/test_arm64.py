"""arm64: what the scheduler follows on x86-64 it follows there. The code is compiled, not run."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from grader.exercises import ROOT, SOLUTIONS, all_exercises
from grader.grading import build, symbols
from grader.grading.build import Unit
from grader.grading.submission import Code, Source, read_submission
from grader.selfcheck import implementations

PREFIX = "aarch64-linux-gnu-"
GCC_ONLY = {"gnu_extensions.c"}  # nested functions
TOOLS = ("gcc", "objcopy", "nm", "objdump", "readelf")

pytestmark = pytest.mark.skipif(
    not all(shutil.which(PREFIX + tool) for tool in TOOLS), reason="no compiler for arm64 is installed"
)


@pytest.fixture(params=["gcc", "clang"])
def arm64(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiles for arm64; nm and the like read it, too."""
    if request.param == "clang" and not shutil.which("clang"):
        pytest.skip("clang is not installed")
    for tool in TOOLS[2:]:
        (tmp_path / tool).symlink_to(str(shutil.which(PREFIX + tool)))
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("CC", f"{PREFIX}gcc" if request.param == "gcc" else "clang --target=aarch64-linux-gnu")
    monkeypatch.setenv("OBJCOPY", f"{PREFIX}objcopy")


def compile_units(units: list[Unit]) -> None:
    """Their code only: what it is linked with is not here for arm64."""
    if "clang" in build.compiler():
        units = [unit for unit in units if unit.code.sources[0].path.name not in GCC_ONLY]
    for unit in units:
        unit.code.stage()
    objects = sorted({str(path.relative_to(ROOT)) for unit in units for path in unit.objects()})
    settings = [f"B={build.folder('interleave')}", f"CC={build.compiler()}", f"OBJCOPY={build.objcopy()}"]
    command = ["make", "-s", "-j2", "VARIANT=interleave", *settings, *objects]
    made = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr


def right_units() -> list[Unit]:
    """Every solution and every known-right channel."""
    units = []
    for exercise in all_exercises():
        codes = [read_submission(SOLUTIONS, exercise).code]
        codes += [right.code for right in implementations.known_right(exercise)]
        units += [Unit(code, exercise, "interleave") for code in codes]
    return units


@pytest.fixture(scope="module")
def followed_here() -> list[Unit]:
    """Of the right ones those that the scheduler follows on this machine."""
    units = right_units()
    compile_units(units)
    followed = [unit for unit in units if not symbols.not_followed([unit])]
    assert len(followed) > len(units) // 2
    return followed


def test_what_is_followed_here_is_followed_there(followed_here: list[Unit], arm64: None) -> None:
    compile_units(followed_here)
    fallen = {str(u.code.sources[0].path): words for u in followed_here if (words := symbols.not_followed([u]))}
    assert fallen == {}


def words_of(text: str) -> list[str]:
    exercise = all_exercises()[0]
    code = Code(exercise.name, (Source(exercise.name, "channel.c", text.encode(), Path("channel.c")),))
    unit = Unit(code, exercise, "interleave")
    compile_units([unit])
    return symbols.not_followed([unit])


def test_arithmetic_that_the_machine_lacks_is_the_compilers(arm64: None) -> None:
    assert (
        words_of("""
long double half(long double x) { return x / 2 + (x > 1) - (long double)(unsigned)x; }
__int128 third(__int128 x, double d) { return x / 3 + (__int128)d; }
""")
        == []
    )


@pytest.mark.parametrize(
    ("line", "instruction"),
    [
        ('__asm__ volatile("ldar %w0, [%1]" : "=r"(value) : "r"(word));', "ldar"),
        ('__asm__ volatile("stlr %w0, [%1]" :: "r"(value), "r"(word));', "stlr"),
        ('__asm__ volatile("ldaxr %w0, [%1]" : "=r"(value) : "r"(word));', "ldaxr"),
        ('__asm__ volatile("dmb ish" ::: "memory");', "dmb"),
        ('__asm__ volatile("svc #0");', "svc"),
        ('__asm__ volatile("wfe");', "wfe"),
    ],
)
def test_assembly_between_threads_is_seen(line: str, instruction: str, arm64: None) -> None:
    text = f"int take(int *word, int value) {{ (void)word; {line} return value; }}\n"
    assert words_of(text) == [f"inline assembly ({instruction})"]


def test_assembly_that_only_calculates_is_not_minded(arm64: None) -> None:
    assert words_of('int take(int v) { __asm__("add %w0, %w0, #1" : "+r"(v)); return v; }\n') == []
