"""Style is checked: Python by ruff and mypy, C by clang-format."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from grader.exercises import BUILD, ROOT
from grader.tests import npm

RUFF = ("@astral-sh/ruff-wasm-nodejs", "0.17.4")
CLANG_FORMAT = "14"  # Debian 12's; others lay some lines out in another way
# Channels as others write them.
FIXTURES = tuple(f"grader/tests/{folder}/" for folder in ("hostile", "known_right", "known_wrong", "odd_style"))


def sources(*suffixes: str) -> list[str]:
    """The project's files of that kind, as paths from the kit's directory."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("without git it is not known which files are the project's")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    names = [name for name in listed.split("\0") if name.endswith(suffixes) and (ROOT / name).is_file()]
    assert names
    return names


def test_python_is_as_ruff_wants_it() -> None:
    package = npm.package(*RUFF)
    options = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]
    texts = {name: (ROOT / name).read_text() for name in sources(".py")}
    request = {"package": str(package), "options": options, "files": texts}
    script = str(Path(__file__).parent / "style" / "ruff.js")
    done = subprocess.run(["node", script], input=json.dumps(request), capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_python_is_typed() -> None:
    if shutil.which("mypy") is None:
        pytest.skip("mypy is not installed")
    command = ["mypy", f"--cache-dir={BUILD / 'mypy'}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def clang_format() -> str:
    for name in (f"clang-format-{CLANG_FORMAT}", "clang-format"):
        if shutil.which(name):
            said = subprocess.run([name, "--version"], capture_output=True, text=True, check=True).stdout
            if re.search(rf"version {CLANG_FORMAT}\.", said):
                return name
    pytest.skip(f"clang-format {CLANG_FORMAT} is not installed")


def test_c_is_as_clang_format_writes_it() -> None:
    names = [name for name in sources(".c", ".h") if not name.startswith(FIXTURES)]
    done = subprocess.run([clang_format(), "--dry-run", "-Werror", *names], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_environment_is_read_in_one_place() -> None:
    """Handing it on to another program is something else."""
    reads = re.compile(r"os\.getenv|os\.environ(?:\.get\(|\.setdefault\(|\[[^]]*\](?! =| for))")
    names = [name for name in sources(".py") if not name.startswith("grader/tests/")]
    assert [name for name in names if reads.search((ROOT / name).read_text())] == []


def test_what_grades_prints_nothing() -> None:
    """Nothing below output/ imports what is in it."""
    below = [name for name in sources(".py") if name.startswith("grader/grading/")]
    assert [
        name for name in below if re.search(r"grader\.(output|commands)|\bprint\(", (ROOT / name).read_text())
    ] == []
