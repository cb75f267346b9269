"""Which sandbox is chosen, what each keeps, and that there is none only when that was asked for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from grader.classroom import sandbox
from grader.classroom.sandbox import Sandbox
from grader.exercises import ROOT

NOBODY = 61_899  # a user that no worker is

# ------------------------------------------------------------------------------------ the choice


@pytest.mark.parametrize(
    ("user", "working", "chosen"),
    [
        (0, {("bubblewrap", True), ("bubblewrap", False), ("uid", True)}, ("bubblewrap", True)),
        (0, {("bubblewrap", False), ("uid", True)}, ("bubblewrap", False)),
        (0, {("uid", True)}, ("uid", True)),
        (1000, {("bubblewrap", False), ("uid", True)}, ("bubblewrap", False)),
    ],
)
def test_the_strongest_that_works_is_chosen(
    monkeypatch: pytest.MonkeyPatch, user: int, working: set[tuple[str, bool]], chosen: tuple[str, bool]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr(sandbox, "works", lambda box: (box.name, box.uid is not None) in working)
    box = sandbox.choose(unsafe=True)  # nobody asked for less than there is
    assert (box.name, box.uid is not None) == chosen


def without(tmp_path: Path, *tools: str) -> dict[str, str]:
    """An environment in which these tools are not installed."""
    directory = tmp_path / "bin"
    directory.mkdir()
    for tool in {*os.listdir("/usr/bin"), *os.listdir("/bin")} - set(tools):
        (directory / tool).symlink_to(f"/usr/bin/{tool}" if os.path.exists(f"/usr/bin/{tool}") else f"/bin/{tool}")
    left_out = ("ENGINE", "SUBMISSIONS", "OUT", "EX", "CLASS", "VARIANTS", "JOBS", "UNSAFE", "AGAIN")
    return {**{k: v for k, v in os.environ.items() if k not in left_out}, "PATH": str(directory)}


def make_class(tmp_path: Path, environment: dict[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    code = tmp_path / "class" / "ann" / "01_single_thread" / "channel.c"
    if not code.exists():
        code.parent.mkdir(parents=True)
        code.write_text(f"/* {tmp_path} */\n" + (ROOT / "solutions/01_single_thread/channel.c").read_text())
    command = [sys.executable, "-m", "grader", "class", "--ex", "01", "--variants", "plain", "--submissions"]
    return subprocess.run(
        [*command, str(tmp_path / "class"), *options], cwd=ROOT, env=environment, capture_output=True, text=True
    )


def test_without_a_sandbox_nothing_is_run_unless_that_was_asked_for(tmp_path: Path) -> None:
    environment = without(tmp_path, "bwrap", "setpriv")
    refused = make_class(tmp_path, environment)
    assert refused.returncode == 3 and "UNSAFE=1" in refused.stderr
    assert not (tmp_path / "class.graded" / "results").exists()
    unsafe = make_class(tmp_path, environment, "--unsafe", "1")
    assert unsafe.returncode == 0, unsafe.stderr
    told = json.loads((tmp_path / "class.graded" / "class.json").read_bytes())
    assert told["sandbox"]["name"] == "none" and told["students"][0]["exercises"][0]["verdict"] == "passed"
    assert sandbox.NONE.keeps in (tmp_path / "class.graded" / "class.html").read_text()
    safe = make_class(tmp_path, dict(environment, PATH=os.environ["PATH"]))
    assert safe.returncode == 3 or "graded before" not in safe.stdout  # that result is not passed off as safe


# ------------------------------------------------------------------------------- what it keeps


def run(box: Sandbox, command: Sequence[str], user: int | None = None) -> str:
    """What a command in the sandbox says. user: who made the sandbox, if not we."""
    inside = box.wrap(command)
    if user is not None:
        inside = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *inside]
    done = subprocess.run(inside, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    return done.stdout + done.stderr


@pytest.fixture
def bubblewrap() -> Sandbox:
    """As a user's bubblewrap is: without a user of its own."""
    box = replace(sandbox.choose(), uid=None)
    if not box.namespaces or os.geteuid() != 0:
        pytest.skip("bubblewrap does not work here, or nobody here may become another user")
    if "grader" not in run(box, ["ls"], NOBODY):
        pytest.skip("another user can't read this directory")
    return box


def test_a_users_bubblewrap_limits_processes_too(bubblewrap: Sandbox) -> None:
    def said(processes: int) -> str:
        script = f"for i in $(seq {processes}); do sleep 9 & done; echo all are there"
        return run(bubblewrap, ["sh", "-c", script], NOBODY)

    assert "all are there" not in said(sandbox.PROCESSES + 100)
    assert "all are there" in said(100)


def test_what_is_kept_in_memory_has_a_limit(bubblewrap: Sandbox) -> None:
    script = "for d in / /etc /dev /dev/shm /tmp; do head -c 90M /dev/zero 2>&- >$d/fill && echo $d; done; "
    script += "stat -c %s /tmp/fill /dev/shm/fill"
    said = run(bubblewrap, ["sh", "-c", script], NOBODY)
    assert [line for line in said.splitlines() if line.startswith("/")] == []
    assert f"{sandbox.TMP}\n{sandbox.TMP}\n" in said


def test_another_user_can_change_and_end_nothing_of_ours(tmp_path: Path) -> None:
    box = Sandbox("uid", "", uid=NOBODY)
    if os.geteuid() != 0 or not sandbox.works(box):
        pytest.skip("nobody here may become another user, or that user can't read this directory")
    script = f"id -u; kill -9 {os.getpid()}; touch '{ROOT}/hacked' '{tmp_path}/hacked'; ulimit -u"
    said = run(box, ["bash", "-c", script])
    assert said.startswith(f"{NOBODY}\n{sandbox.PROCESSES}\n")
    assert "Operation not permitted" in said and said.count("Permission denied") == 2


def test_a_process_of_another_pid_namespace_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel lists it as 0, and kill takes 0 for the caller's own process group."""
    ended: list[int] = []
    monkeypatch.setattr(os, "kill", lambda pid, _: ended.append(pid))
    (tmp_path / "cgroup.procs").write_text("0\n4711\n")
    sandbox.clear_cgroups(Sandbox("bubblewrap", "", cgroups=(tmp_path,)))
    assert ended == [4711]
