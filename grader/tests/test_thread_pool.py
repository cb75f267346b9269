"""The threads that a suite uses again on real threads."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from grader.exercises import ROOT

PROGRAM = Path(__file__).parent / "threads" / "pool.c"


def _built(directory: Path, *flags: str) -> list[str]:
    """The command that runs the program."""
    command = ["cc", "-std=gnu11", "-D_GNU_SOURCE", "-g", "-O1", "-Wall", "-Wextra", "-pthread", *flags]
    command += ["-Igrader/suite", "-o", str(directory / "pool"), str(PROGRAM), "grader/suite/thread_pool.c"]
    subprocess.run(command, cwd=ROOT, check=True, timeout=120)
    return ["setarch", "-R", str(directory / "pool")]  # sanitizers may not start where addresses are random


@pytest.mark.parametrize("flag", ["-DPLAIN", "-fsanitize=address", "-fsanitize=thread"])
def test_a_thread_that_serves_again_is_like_a_new_one(tmp_path: Path, flag: str) -> None:
    ended = subprocess.run(_built(tmp_path, flag), capture_output=True, text=True, check=False, timeout=120)
    assert (ended.returncode, ended.stdout) == (0, "all of pool.c holds\n"), ended.stderr


def test_nothing_orders_two_threads_that_the_test_does_not_order(tmp_path: Path) -> None:
    command = [*_built(tmp_path, "-fsanitize=thread"), "race"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert "data race" in ended.stderr and "write_first" in ended.stderr and "write_too" in ended.stderr, ended.stderr
