"""What an error means is its class, whatever words are in it: a student may write any of them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from grader import errors, files
from grader.classroom import one_submission
from grader.grading import isolation
from grader.tests.conftest import ANSWER, Kit

OTHERS_WORDS = (
    "No space left on device",
    "bwrap: Can't mount proc on /newroot/proc: Permission denied",
    "cmocka is not installed",
    "x.c can't be written: Read-only file system",
)


@pytest.mark.parametrize("words", OTHERS_WORDS)
def test_what_a_student_writes_is_a_build_failure(kit: Kit, words: str) -> None:
    ran = kit.grade(f"#error {words}\n{ANSWER}", variant="plain")
    assert (ran.code, ran.exercise("01_answer")["verdict"]) == (1, "build_failed")
    assert words in ran.out


@pytest.mark.parametrize("words", OTHERS_WORDS)
@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (errors.MachineError, "environment"),
        (errors.NotWritable, "environment"),
        (errors.SandboxError, "environment"),
        (errors.GraderError, "environment"),
        (errors.BuildError, "build_failed"),
        (errors.SuiteError, "failed"),
    ],
)
def test_in_a_class_the_kind_of_error_decides(error: type[errors.GraderError], verdict: str, words: str) -> None:
    found, message = one_submission._without_result(error(words))
    assert found == verdict and words in message


def test_the_cure_for_a_machine_is_not_told_of_a_submission() -> None:
    error = errors.SuiteError("02.suite can't say which tests it has. It crashed.", "Run: make doctor")
    assert str(error).endswith("\nRun: make doctor")
    assert "doctor" not in one_submission._without_result(error)[1]


# ------------------------------------------------------------------------------------ the sandbox


def in_bubblewrap(*extra: str) -> isolation.Enclose:
    def enclose(command: Sequence[str], directory: Path, status: int) -> list[str]:
        options = ["--ro-bind", "/", "/", "--unshare-all", *extra, "--json-status-fd", str(status)]
        return ["bwrap", *options, "--", *command]

    return enclose


def ends_with(code: int, enclose: isolation.Enclose) -> int:
    return isolation.run(["sh", "-c", f"echo bwrap: no >&2; exit {code}"], isolation.Limits(), enclose=enclose).code


@pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")
def test_a_sandbox_that_fails_is_told_from_a_command_that_does() -> None:
    assert ends_with(0, in_bubblewrap()) == 0
    assert ends_with(1, in_bubblewrap()) == 1
    with pytest.raises(errors.SandboxError, match="bwrap: "):
        ends_with(0, in_bubblewrap("--ro-bind", "/no/such/directory", "/mnt"))
    with pytest.raises(errors.SandboxError):
        isolation.run(["/no/such/program"], isolation.Limits(), enclose=in_bubblewrap())


# --------------------------------------------------------------------------------------- the disk


def test_whether_a_disk_is_full_is_asked_of_the_file_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not files.is_full(tmp_path)
    if Path("/dev/full").exists():
        full = os.open("/dev/full", os.O_WRONLY)
        with pytest.raises(OSError) as caught:
            os.write(full, b"x")
        os.close(full)
        monkeypatch.setattr(os, "posix_fallocate", lambda *_: (_ for _ in ()).throw(caught.value))
        assert files.is_full(tmp_path)
    assert not files.is_full(tmp_path / "not there")
