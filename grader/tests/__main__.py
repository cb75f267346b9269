"""The project's own tests: pytest of grader/tests, beside it `make solutions`, and one count of both.

The last line is "N passed, N failed". Exit code 0 only if something passed and nothing failed.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, NamedTuple
from xml.etree import ElementTree

from grader.exercises import BUILD
from grader.grading.grade import cpu_count

ROOT = Path(__file__).resolve().parents[2]
COMPILERS = ("cc", "gcc", "clang")
REMEMBERING = """#!/bin/sh
# In a sandbox, which may not write into the folder, the compiler itself.
[ -w {cache} ] && CCACHE_DIR={cache} CCACHE_NOHASHDIR=1 exec {ccache} {compiler} "$@"
exec {compiler} "$@"
"""
COUNT = re.compile(r"(\d+) passed, (\d+) failed(?:, (\d+) skipped)?")


class Count(NamedTuple):
    passed: int
    failed: int
    skipped: int = 0

    def __add__(self, other: object) -> Count:
        assert isinstance(other, Count)
        return Count(*(a + b for a, b in zip(self, other, strict=True)))


def junit_count(report: Path) -> Count:
    """What a JUnit report says; an error outside of a test counts as a failure."""
    passed = failed = skipped = 0
    for suite in ElementTree.parse(report).getroot().iter("testsuite"):
        bad = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        left_out = int(suite.get("skipped", 0))
        passed += int(suite.get("tests", 0)) - bad - left_out
        failed += bad
        skipped += left_out
    return Count(passed, failed, skipped)


def line_count(line: str) -> Count | None:
    """The count in a line that holds nothing else."""
    match = COUNT.fullmatch(line.strip())
    return Count(*(int(number or 0) for number in match.groups())) if match else None


def side_by_side() -> list[str]:
    """The files of tests run beside one another, where pytest-xdist is there: much of their time they wait."""
    return ["-n", str(cpu_count() + 2), "--dist", "loadfile"] if importlib.util.find_spec("xdist") else []


def compile_once() -> None:
    """Many tests build the kit in folders of their own. With ccache each file of it is compiled once; its debug
    information then names another folder, and of that the grader reads names relative to the kit only."""
    ccache, folder = shutil.which("ccache"), BUILD / "ccache"
    if ccache is None:
        return
    (folder / "bin").mkdir(parents=True, exist_ok=True)
    for name in COMPILERS:
        compiler, script = shutil.which(name), folder / "bin" / name
        words = {"cache": folder, "ccache": ccache, "compiler": compiler}
        text = REMEMBERING.format(**{key: shlex.quote(str(word)) for key, word in words.items()})
        if compiler and not (script.exists() and script.read_text() == text):  # as it was: results depend on it
            script.write_text(text)
            script.chmod(0o755)
    os.environ["PATH"] = f"{folder / 'bin'}:{os.environ['PATH']}"


def run_pytest(arguments: list[str]) -> Count:
    with tempfile.TemporaryDirectory() as directory:
        report = Path(directory) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *side_by_side()]
        code = subprocess.run([*command, f"--junitxml={report}", *(arguments or ["grader/tests"])], cwd=ROOT).returncode
        count = junit_count(report) if report.exists() else Count(0, 0)
    if code != 0 and count.failed == 0:
        print(f"pytest itself failed (exit code {code}).", flush=True)
        return count + Count(0, 1)
    return count


@contextlib.contextmanager
def solutions_running() -> Iterator[Callable[[], Count]]:
    """`make solutions`, begun: what is called in the end waits for it, passes its output on and reads its count."""
    command = [sys.executable, "-m", "grader", "solutions"]
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, cwd=ROOT, stdout=output)
        try:
            yield lambda: solutions_count(process, output)
        finally:
            process.terminate()
            process.wait()


def solutions_count(process: subprocess.Popen[bytes], output: IO[str]) -> Count:
    code = process.wait()
    output.seek(0)
    lines = output.read().splitlines()
    print(*lines, sep="\n", flush=True)
    counts = [count for count in map(line_count, lines) if count is not None]
    if not counts:
        print("make solutions ended without a count.", flush=True)
        return Count(0, 1)
    if code != 0 and counts[-1].failed == 0:
        print(f"make solutions failed (exit code {code}).", flush=True)
        return counts[-1] + Count(0, 1)
    return counts[-1]


def main() -> int:
    if importlib.util.find_spec("pytest") is None:
        print(f"{sys.executable} has no pytest; `sh setup.sh test` installs it.", file=sys.stderr)
        return 3
    arguments = sys.argv[1:]
    compile_once()
    if arguments:
        count = run_pytest(arguments)
    else:
        with solutions_running() as ended:
            count = run_pytest([]) + ended()
    skipped = f", {count.skipped} skipped" if count.skipped else ""
    print(f"{count.passed} passed, {count.failed} failed{skipped}")
    return 0 if count.passed > 0 and count.failed == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
