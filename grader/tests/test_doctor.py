"""`make doctor` on machines on which something is wrong: it sees what, and says the cure."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections import namedtuple
from pathlib import Path

import pytest

from grader.commands import doctor
from grader.commands.doctor import CheckResult
from grader.exercises import ROOT
from grader.grading import isolation

HIDDEN = {  # a file that is not there, what is then not well, and its cure
    "/usr/include/cmocka.h": ("cmocka", "sh setup.sh"),
    "libasan.so": ("AddressSanitizer", "sh setup.sh"),
    "libtsan.so": ("ThreadSanitizer", "sh setup.sh"),
}


def examine_without(tools: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, CheckResult]:
    """What the cheap checks find where those tools are not on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in ("cc", "make", "objcopy", "nm", "addr2line", "gdb", "bwrap", "apt-get"):
        there = shutil.which(tool)
        if there and tool not in tools:
            (folder / tool).symlink_to(there)
    monkeypatch.setenv("PATH", str(folder))
    return {finding.name: finding for finding in [*doctor._tools(), doctor._sandbox()]}


@pytest.mark.parametrize("tool", ["cc", "make", "objcopy", "nm", "addr2line"])
def test_a_missing_tool_is_seen(tool: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = examine_without((tool,), tmp_path, monkeypatch)
    assert not found[tool].well and found[tool].needed and found[tool].cure == "sh setup.sh"
    assert [name for name, finding in found.items() if not finding.well and finding.needed] == [tool]


@pytest.mark.skipif(shutil.which("apt-get") is None, reason="names Debian's packages")
def test_what_is_only_nice_to_have_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = examine_without(("gdb", "bwrap"), tmp_path, monkeypatch)
    assert found["gdb"].cure.endswith("apt-get install gdb") and not found["gdb"].needed
    assert found["sandbox"].cure.endswith("apt-get install bubblewrap") and not found["sandbox"].needed


def test_what_is_long_is_told_in_80_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "examine", lambda: [CheckResult("file system", False, "it is full " * 20)])
    assert doctor.run() == 3
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80 and " ".join(lines).count("full") == 40


def test_a_clock_that_is_behind_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor._clock().well
    monkeypatch.setattr(time, "time", lambda: 1e9)
    assert "hwclock" in doctor._clock().cure and not doctor._clock().well


def test_a_windows_drive_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    release = namedtuple("release", "release")("5.15-Microsoft-standard-WSL2")
    monkeypatch.setattr(os, "uname", lambda: release)
    assert doctor._file_system().well
    monkeypatch.setattr(doctor, "ROOT", Path("/mnt/c/channels"))
    assert "cp -r . ~/channels" in doctor._file_system().cure


def test_line_ends_are_seen_and_the_cure_cures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    header = tmp_path / "exercises" / "01_x" / "channel.h"
    header.parent.mkdir(parents=True)
    for name in ("exercises/todo.h", "Makefile", "grader/build.mk", "setup.sh"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    header.write_bytes(b"int x;\r\n")
    monkeypatch.setattr(doctor, "EXERCISES", tmp_path / "exercises")
    finding = doctor._line_ends()
    assert not finding.well
    subprocess.run(["sh", "-c", finding.cure], cwd=tmp_path, check=True)
    assert doctor._line_ends().well and header.read_bytes() == b"int x;\n"


def test_what_a_container_forbids_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "randomisation_is_off", lambda: False)
    for inside, cure in (
        (True, "docker run --security-opt seccomp=unconfined"),
        (False, "sudo sysctl vm.mmap_rnd_bits=28"),
    ):
        monkeypatch.setattr(doctor, "_in_container", lambda inside=inside: inside)
        assert not doctor._randomisation().well and doctor._randomisation().cure == cure
        assert ("SYS_PTRACE" in doctor._ptrace_cure()) == inside


@pytest.mark.parametrize(
    ("switch", "value", "cure"),
    [
        ("kernel/yama/ptrace_scope", "1", "sudo sysctl kernel.yama.ptrace_scope=0"),
        ("kernel/yama/ptrace_scope", "0", "allow ptrace, which this machine's sandbox forbids"),
        ("kernel/unprivileged_userns_clone", "0", "sudo sysctl kernel.unprivileged_userns_clone=1"),
        (
            "kernel/apparmor_restrict_unprivileged_userns",
            "1",
            "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0",
        ),
    ],
)
def test_the_kernels_own_switches_are_named(
    switch: str, value: str, cure: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / switch).parent.mkdir(parents=True)
    (tmp_path / switch).write_text(f"{value}\n")
    monkeypatch.setattr(doctor, "SWITCHES", tmp_path)
    monkeypatch.setattr(doctor, "_in_container", lambda: False)
    assert cure in (doctor._ptrace_cure(), doctor._namespaces_cure())


@pytest.mark.parametrize("name", HIDDEN)
def test_a_library_that_is_missing_is_seen(name: str) -> None:
    found = subprocess.run(["cc", f"-print-file-name={name}"], capture_output=True, text=True).stdout.strip()
    hide = ["unshare", "-m", "sh", "-c", f"mount --bind /dev/null '{found}' && exec \"$@\"", "sh"]
    if subprocess.run([*hide, "true"], capture_output=True).returncode != 0:
        pytest.skip("nothing can be hidden here")
    ended = subprocess.run([*hide, sys.executable, "-m", "grader", "doctor"], cwd=ROOT, capture_output=True, text=True)
    ill, cure = HIDDEN[name]
    lines = ended.stdout.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith(f"  --  {ill}"))
    told = next(line for line in lines[at + 1 :] if "cure: " in line)
    assert ended.returncode == 3 and told.split("cure: ")[1] == cure
    assert "/tmp/" not in ended.stdout
