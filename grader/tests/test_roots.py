"""`make roots`, as far as it goes without making one."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from grader.errors import GraderError, UsageError
from grader.selfcheck import roots
from grader.selfcheck.roots import Root, Row


def test_roots_are_chosen_by_name_and_machine() -> None:
    own = roots._own_machine()
    assert [root.suite for root in roots.chosen("")] == ["bookworm", "trixie", "sid"]
    assert roots.chosen("sid, trixie/" + own) == [Root("sid", own), Root("trixie", own)]
    other = next(machine for machine in roots.MACHINES.values() if machine != own)
    emulated = roots.chosen(f"bookworm/{other}")[0]
    assert emulated.is_emulated and emulated.name == f"bookworm-{other}"
    for wrong in ("../sid", "sid/vax", "Sid"):
        with pytest.raises(UsageError, match="that is no Debian"):
            roots.chosen(wrong)


def test_what_is_missing_is_said_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(GraderError, match="needs root"):
        roots.require(roots.chosen("sid"))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda tool: None if tool == "debootstrap" else tool)
    with pytest.raises(GraderError, match="debootstrap is not installed"):
        roots.require(roots.chosen("sid"))


def examined(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick: bool = False, set_up: int = 0, said: str = ""
) -> Row:
    """One root's row, where the tests end with what is said."""

    def run(root: Root, user: str, line: str) -> subprocess.CompletedProcess[str]:
        if line.startswith("sh setup.sh grade"):
            return subprocess.CompletedProcess(line, set_up, "")
        if line.startswith("make"):
            return subprocess.CompletedProcess(line, 0, "")
        if line == "sh setup.sh test":
            return subprocess.CompletedProcess(line, 1, said)
        return subprocess.CompletedProcess(line, 0, "gcc 14.2.0\ncmocka 1.1.7\nPython 3.13.5\n")

    monkeypatch.setattr(roots, "ROOTS", tmp_path)
    monkeypatch.setattr(roots, "bring_kit", lambda root, user: None)
    return roots.examine(Row(roots.chosen("sid")[0], "root"), quick, run)


def test_the_last_count_is_the_tests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = examined(tmp_path, monkeypatch, said="3 passed, 1 failed\n...\n120 passed, 0 failed, 7 skipped\n")
    assert row.tests == (120, 0, 7) and row.is_well(quick=False)
    head, line = roots.table([row])
    assert line.split() == "sid root ok ok 120/0/7 gcc 14.2.0, cmocka 1.1.7, Python 3.13.5".split()
    assert head.index("set-up") == line.index("ok")


@pytest.mark.parametrize("said", ["", "12 passed, 1 failed\n", "0 passed, 0 failed\n"])
def test_tests_that_did_not_all_pass_are_no_success(said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = examined(tmp_path, monkeypatch, said=said)
    assert not row.is_well(quick=False)
    assert ("-" in roots.table([row])[1]) == (not said)


def test_what_was_not_asked_for_is_not_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert examined(tmp_path, monkeypatch, quick=True).is_well(quick=True)
    row = examined(tmp_path, monkeypatch, quick=True, set_up=3)
    assert not row.is_well(quick=True) and "FAILED" in roots.table([row])[1]
