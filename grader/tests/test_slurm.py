"""ENGINE=slurm on a real Slurm of one node: its daemons are started here, on ports and in a directory of their own."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from grader.classroom import sandbox, settings, slurm
from grader.classroom.group import Class, Job
from grader.exercises import ROOT, by_name

EXERCISE = "01_single_thread"
TOOLS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "sinfo", "scontrol")
PATH = f"{os.environ['PATH']}:/usr/local/sbin:/usr/sbin:/sbin"
NODE = socket.gethostname().split(".")[0]
CONFIGURATION = """
ClusterName=test
SlurmctldHost={node}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={home}/munge.socket
CredType=cred/munge
StateSaveLocation={home}/state
SlurmdSpoolDir={home}/spool
SlurmctldPidFile={home}/slurmctld.pid
SlurmdPidFile={home}/slurmd.pid
SlurmctldLogFile={home}/slurmctld.log
SlurmdLogFile={home}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/builtin
SchedulerParameters=sched_min_interval=1,batch_sched_delay=1
ReturnToService=2
KillWait=2
NodeName={node} NodeAddr=127.0.0.1 CPUs=1 RealMemory=4096 State=UNKNOWN
PartitionName=all Nodes={node} Default=YES State=UP
"""


@dataclass
class Cluster:
    environment: dict[str, str]

    def ask(self, *command: str) -> str:
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=30)
        return done.stdout

    def states(self) -> list[str]:
        """Of every task that Slurm still knows."""
        return self.ask("squeue", "--noheader", "--array", "--states=all", "--format=%T").split()

    def until(self, condition: Callable[[], bool], seconds: float = 240) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, self.ask("squeue", "--array", "--states=all")
            time.sleep(0.1)

    def begin(self, submissions: Path) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "grader", "class", "--engine", "slurm", "--ex", "01", "--variants", "plain"]
        return subprocess.Popen(
            [*command, "--submissions", str(submissions)],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def grade(self, submissions: Path) -> str:
        said, _ = self.begin(submissions).communicate(timeout=400)
        return said


def free_ports() -> list[int]:
    with socket.socket() as first, socket.socket() as second:
        first.bind(("127.0.0.1", 0))
        second.bind(("127.0.0.1", 0))
        return [first.getsockname()[1], second.getsockname()[1]]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    missing = [tool for tool in TOOLS if shutil.which(tool, path=PATH) is None]
    if missing:
        pytest.skip(f"no Slurm is installed here: {missing[0]} is missing")
    try:
        sandbox.choose()
    except sandbox.NoSandbox:
        pytest.skip("there is no sandbox on this machine")
    home = tmp_path_factory.mktemp("slurm")
    for name in ("state", "spool"):
        (home / name).mkdir()
    (home / "munge.key").write_bytes(os.urandom(128))
    (home / "munge.key").chmod(0o600)
    user = pwd.getpwuid(os.geteuid()).pw_name
    configuration = CONFIGURATION.format(home=home, node=NODE, user=user, ports=free_ports())
    (home / "slurm.conf").write_text(configuration)
    yield from running(home)


def running(home: Path) -> Iterator[Cluster]:
    """The cluster, up; its daemons are in the foreground, so that we know them by their process ids."""
    left_out = ("ENGINE", "SLURM", "SUBMISSIONS", "OUT", "EX", "CLASS", "VARIANTS", "JOBS", "UNSAFE", "AGAIN")
    kept = {name: value for name, value in os.environ.items() if name not in left_out}
    cluster = Cluster({**kept, "PATH": PATH, "SLURM_CONF": str(home / "slurm.conf")})
    munge = [
        f"--{name}={home}/munge.{name.split('-')[0]}"
        for name in ("socket", "key-file", "pid-file", "log-file", "seed-file")
    ]
    daemons: list[subprocess.Popen[bytes]] = []

    def start(*command: str) -> None:
        with open(home / f"{command[0]}.out", "wb") as out:
            streams: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": out, "stderr": out}
            daemons.append(subprocess.Popen(command, env=cluster.environment, **streams))

    try:
        start("munged", "--foreground", "--force", *munge)
        cluster.until((home / "munge.socket").exists, 30)
        start("slurmctld", "-D", "-c")
        start("slurmd", "-D", "-c")
        cluster.until(lambda: "idle" in cluster.ask("sinfo", "--noheader", "--format=%T"), 60)
        yield cluster
    finally:
        cluster.ask("scancel", f"--user={pwd.getpwuid(os.geteuid()).pw_name}")
        for daemon in reversed(daemons):
            daemon.terminate()
        for daemon in reversed(daemons):
            daemon.wait(30)


@pytest.fixture
def submissions(tmp_path: Path) -> Path:
    """Six students: more than one task's share."""
    solution = (ROOT / "solutions" / EXERCISE / "channel.c").read_text()
    texts = {name: f"/* {name} of {tmp_path} */\n{solution}" for name in ("ann", "bob", "cid", "fay")}
    texts |= {"dot": "int x = ;", "eve": (ROOT / "grader" / "stubs" / EXERCISE / "channel.c").read_text()}
    for name, text in texts.items():
        path = tmp_path / "class" / name / EXERCISE / "channel.c"
        path.parent.mkdir(parents=True)
        path.write_text(text)
    return tmp_path / "class"


EXPECTED = dict.fromkeys(("ann", "bob", "cid", "fay"), "passed") | {"dot": "build_failed", "eve": "not_started"}


def out(submissions: Path) -> Path:
    return submissions.with_suffix(".graded")


def verdicts(submissions: Path) -> dict[str, str]:
    data = json.loads((out(submissions) / "class.json").read_bytes())
    assert data["engine"] == "slurm"
    return {student["student"]: student["exercises"][0]["verdict"] for student in data["students"]}


def times(submissions: Path) -> dict[str, int]:
    """When each result was written."""
    return {path.stem: path.stat().st_mtime_ns for path in (out(submissions) / "results").glob("[a-z]*.json")}


def test_a_class_is_graded_by_an_array_of_tasks(cluster: Cluster, submissions: Path) -> None:
    said = cluster.grade(submissions)
    assert verdicts(submissions) == EXPECTED, said
    assert "2 tasks" in said and sorted(cluster.states()) == ["COMPLETED", "COMPLETED"]
    written = times(submissions)
    assert "6 of them graded before" in cluster.grade(submissions)
    assert times(submissions) == written and len(cluster.states()) == 2


def test_what_a_node_that_fails_leaves_is_graded_again_and_said(cluster: Cluster, submissions: Path) -> None:
    grading = cluster.begin(submissions)
    cluster.until(lambda: "RUNNING" in cluster.states())
    cluster.ask("scontrol", "update", f"NodeName={NODE}", "State=DOWN", "Reason=test")
    cluster.until(lambda: "NODE_FAIL" in cluster.states())
    cluster.ask("scontrol", "update", f"NodeName={NODE}", "State=RESUME")
    said, _ = grading.communicate(timeout=400)
    assert verdicts(submissions) == EXPECTED, said
    note = next(line for line in said.splitlines() if "graded again" in line)
    assert note.startswith(f"Slurm: NODE_FAIL on node {NODE}: ") and "without a result" in note
    assert "graded again" in (out(submissions) / "class.html").read_text()


def test_a_run_that_was_killed_goes_on_and_grades_nothing_twice(cluster: Cluster, submissions: Path) -> None:
    grading = cluster.begin(submissions)
    cluster.until(lambda: bool(times(submissions)))
    grading.send_signal(signal.SIGKILL)
    grading.communicate()
    written = times(submissions)
    assert 0 < len(written) < len(EXPECTED) and "RUNNING" in cluster.states()
    said = cluster.grade(submissions)
    assert verdicts(submissions) == EXPECTED, said
    assert written.items() <= times(submissions).items()
    assert "CANCELLED" in cluster.states() and "without a result" not in said


@pytest.mark.parametrize(
    ("listing", "running", "known"),
    [
        ("0|RUNNING|c1\n1|PENDING|\n", True, {0: "RUNNING", 1: "PENDING"}),
        ("0|COMPLETED|c1\n1|FAILED|c2\n", False, {0: "COMPLETED", 1: "FAILED"}),
        ("0|CANCELLED|c1\nN/A|CANCELLED|\n", False, {0: "CANCELLED"}),  # as Slurm 26.05 tells of what never began
        ("0|CANCELLED|c1\nN/A|PENDING|\n", True, {0: "CANCELLED"}),
        ("", False, {}),
    ],
)
def test_an_array_runs_while_one_of_its_tasks_has_not_ended(
    listing: str, running: bool, known: dict[int, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slurm, "_slurm", lambda command: subprocess.CompletedProcess(command, 0, listing, ""))
    array = slurm.Array(tmp_path / "make-class-1")
    assert array.is_running() is running
    assert {number: task.state for number, task in array.tasks.items()} == known


def test_what_fails_twice_is_given_up(submissions: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No Slurm here: one whose every task dies with its node."""
    arrays: list[int] = []

    def answer(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        if command[0] == "sbatch":
            option = next(word for word in command if word.startswith("--array="))
            arrays.append(int(option.split("-")[-1]) + 1)
        listing = "".join(f"{number}|NODE_FAIL|c7\n" for number in range(arrays[-1])) if command[0] == "squeue" else ""
        return subprocess.CompletedProcess(command, 0, listing, "")

    monkeypatch.setattr(slurm, "_slurm", answer)
    monkeypatch.setattr(slurm, "POLL", 0.0)
    monkeypatch.setattr("shutil.which", lambda tool: tool)
    group = Class(submissions, out(submissions), (by_name(EXERCISE),), settings.Settings())
    group.results.mkdir(parents=True)
    jobs = [Job(name, submissions / name, "key") for name in sorted(EXPECTED)]
    engine = slurm.Slurm()
    assert list(engine.run(group, jobs)) == jobs and arrays == [2, 6]
    result = json.loads(group.result_file("ann").read_bytes())["exercises"][0]
    assert (result["verdict"], result["message"]) == ("environment", "Slurm: NODE_FAIL on node c7.")
    assert engine.notes[0] == "Slurm: NODE_FAIL on node c7: 4 without a result, graded again: ann, bob, cid, dot"
    assert engine.notes[-1] == "Slurm: NODE_FAIL on node c7: 1 without a result, given up: fay"
