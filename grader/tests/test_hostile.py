"""Hostile and broken submissions: none passes, none harms the grader, the kit, or the next one.

Each `hostile/NAME.c` says in its head what it attempts and which verdicts are right for it: with the static checks, and
without (then only the sandbox and the grader's own distrust stand between it and a pass); `fails` stands for all that
a test can fail with. hostile/body.c is appended, unless it is whole. An attack that succeeds in what it must not says
so in an assertion: STOLEN. Between them, and after all, solutions are graded: they must pass.

An attack passes if it gets past each test. So it has to get past a few only, which is easier.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import re
import stat
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from grader.classroom import entries, intake, local, results, run, sandbox
from grader.classroom.group import Class
from grader.classroom.settings import Settings
from grader.exercises import ROOT, by_name
from grader.kit import BUILT_FROM

HERE = Path(__file__).parent / "hostile"
EXERCISE = "01_single_thread"
FILE = f"{EXERCISE}/channel.c"
SOLUTION = f"{ROOT}/solutions/{FILE}"
CANARIES = 3
EVERY = 7  # of so many tests one is run
FAILS = """failed crashed exited_early timeout no_progress misuse leak environment race deadlock use_after_free
    not_implemented""".split()
HEAD = re.compile(r"/\* Attack: (.*)\n \* Verdict: (.*)\n \* Ungated: (.*)\n \*/\n")


@dataclass(frozen=True)
class Case:
    name: str
    verdict: frozenset[str]
    ungated: frozenset[str]
    text: str


def read_case(path: Path) -> Case:
    text = path.read_text()
    head = HEAD.match(text)
    assert head, f"{path.name} has no head"
    code = text[head.end() :]
    if code.startswith("/* Whole"):
        code = code.split("\n", 1)[1].replace("/* The solution. */", solution().decode())
        code = code.replace("/* The body. */", (HERE / "body.c").read_text())
    else:
        code += (HERE / "body.c").read_text()
    return Case(path.stem, _verdicts(head[2]), _verdicts(head[3]), code)


def _verdicts(words: str) -> frozenset[str]:
    return frozenset(verdict for word in words.split() for verdict in (FAILS if word == "fails" else [word]))


# ------------------------------------------------------------- submissions that are no plain file


def solution() -> bytes:
    return (ROOT / "solutions" / FILE).read_bytes()


CASES = [read_case(path) for path in sorted(HERE.glob("*.c")) if path.name != "body.c"]


def zip_of(path: Path, entries: Mapping[str, bytes]) -> None:
    with zipfile.ZipFile(path.with_suffix(".zip"), "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)


def tar_of(path: Path, members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    with tarfile.open(path.with_suffix(".tar.gz"), "w:gz") as archive:
        for member, data in members:
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def folder(path: Path) -> Path:
    directory = path / EXERCISE
    directory.mkdir(parents=True)
    return directory / "channel.c"


def zip_link(path: Path) -> None:
    info = zipfile.ZipInfo(FILE)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path.with_suffix(".zip"), "w") as archive:
        archive.writestr(info, f"{ROOT}/solutions/{FILE}")


def lying_zip(path: Path) -> None:
    """Says in its directory that the file is small; it is not."""
    zip_of(path, {FILE: b" " * (8 << 20)})
    archive = path.with_suffix(".zip")
    data = archive.read_bytes()
    archive.write_bytes(data.replace((8 << 20).to_bytes(4, "little"), (99).to_bytes(4, "little")))


def escapes() -> bytes:
    """The solution with a mistake in each line that a report may quote, and in each what terminals obey."""
    return (
        solution()
        .replace(b"CHANNEL_EMPTY", b'(printf("\x1b]0;OWNED\x07"), CHANNEL_FULL) /* \x1b[2J\x1b]0;OWNED\x07 */')
        .replace(b"#include", b"#include <stdio.h>\n#include", 1)
    )


def fifo(path: Path) -> None:
    os.mkfifo(folder(path))


def hard_link(path: Path) -> None:
    members = [(member("stolen", tarfile.LNKTYPE, f"{ROOT}/solutions/{FILE}"), b"")]
    tar_of(path, [*members, (member(FILE, tarfile.LNKTYPE, "stolen"), b"")])


OTHER_FILES = {
    "hw/Makefile": b"all:; touch hacked",
    f"hw/{EXERCISE}/channel.h": b"#error mine",
    f"hw/{EXERCISE}/test_channel.c": b"",
}
ODD: dict[str, tuple[str, Callable[[Path], object]]] = {
    "link_to_the_solution": ("rejected", lambda p: folder(p).symlink_to(ROOT / "solutions" / FILE)),
    "link_to_a_device": ("rejected", lambda p: folder(p).symlink_to("/dev/zero")),
    "link_in_a_zip": ("rejected", zip_link),
    "link_in_a_tar": ("rejected", lambda p: tar_of(p, [(member(FILE, tarfile.SYMTYPE, SOLUTION), b"")])),
    "hard_link_in_a_tar": ("rejected", hard_link),
    "device_in_a_tar": ("rejected", lambda p: tar_of(p, [(member(FILE, tarfile.CHRTYPE), b"")])),
    "path_up_in_a_zip": ("rejected", lambda p: zip_of(p, {f"../../{FILE}": b"x", "../../hacked": b"x"})),
    "path_up_in_a_tar": ("rejected", lambda p: tar_of(p, [(member("../hacked"), b"x"), (member(FILE), solution())])),
    "absolute_path_in_a_tar": ("rejected", lambda p: tar_of(p, [(member("/hacked"), b"x")])),
    "zip_bomb": ("rejected", lambda p: zip_of(p, {FILE: b" " * (300 << 20)})),
    "tar_bomb": ("rejected", lambda p: tar_of(p, [(member("pad"), b" " * (400 << 20)), (member(FILE), solution())])),
    "lying_zip": ("rejected", lying_zip),
    "many_files": ("rejected", lambda p: zip_of(p, {f"{i}": b"" for i in range(30_000)})),
    "damaged_zip": ("rejected", lambda p: p.with_suffix(".zip").write_bytes(b"PK\3\4" + b"\0" * 200)),
    "damaged_tar": ("rejected", lambda p: p.with_suffix(".tar.gz").write_bytes(b"\x1f\x8b\x08" + b"\7" * 200)),
    "no_archive_at_all": ("rejected", lambda p: p.with_suffix(".zip").write_text("my channel is on my other disk")),
    "huge_file": ("rejected", lambda p: folder(p).write_bytes(b"int x;\n" * (1 << 20))),
    "nul_bytes": ("rejected", lambda p: folder(p).write_bytes(solution() + b"\0\0\0")),
    "directory_named_channel_c": ("rejected", lambda p: folder(p).mkdir()),
    "fifo_named_channel_c": ("rejected", fifo),
    "nothing_at_all": ("absent", lambda p: p.mkdir()),
    "deep_parentheses": ("build_failed", lambda p: folder(p).write_text(f"int x = {'(' * 100_000}1{')' * 100_000};")),
    "a_bomb_of_errors": ("build_failed", lambda p: folder(p).write_text("a b;\n" * 50_000)),
    "escapes_in_the_source": ("failed", lambda p: folder(p).write_bytes(escapes())),
    # What an honest student may hand in as well, and must not be blamed for.
    "crlf": ("passed", lambda p: folder(p).write_bytes(solution().replace(b"\n", b"\r\n"))),
    "latin_1": ("passed", lambda p: folder(p).write_bytes(b"/* M\xfcller, G\xf6teborg */\n" + solution())),
    "byte_order_mark": ("passed", lambda p: folder(p).write_bytes(b"\xef\xbb\xbf" + solution())),
    "other_files_too": ("passed", lambda p: zip_of(p, {f"hw/{FILE}": solution(), **OTHER_FILES})),
}  # fmt: skip


# ---------------------------------------------------------------------------------------- the class


def seal() -> dict[str, str]:
    """A hash of each file of the kit."""
    found = {}
    for part in (*BUILT_FROM, "solutions", "grader"):
        for path in sorted((ROOT / part).rglob("*")) if (ROOT / part).is_dir() else [ROOT / part]:
            if path.is_file() and "__pycache__" not in path.parts:
                found[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def make_class(directory: Path, cases: Sequence[Case], odd: bool) -> Class:
    submissions = directory / "submissions"
    exercise = by_name(EXERCISE)
    tests = exercise.tests_on(EXERCISE)
    for case in cases:
        folder(submissions / case.name).write_text(case.text)
    for number in range(CANARIES):
        folder(submissions / f"{'anz'[number]}_canary").write_bytes(solution())
    for name, (_, write) in ODD.items() if odd else ():
        write(submissions / name)
    return Class(
        submissions=submissions,
        out=directory / "out",
        exercises=(exercise,),
        settings=Settings(),
        variants=("asan", "plain"),
        jobs=2,
        cpu_seconds=2,
        patience=1,
        sandbox=sandbox.choose().name,
        leave_out=tuple(set(tests) - set(tests[2::EVERY])),
    )


class Quiet:
    def begins(self, total: int, known: int) -> None:
        pass

    def tells(self, line: str) -> None:
        pass

    def builds_the_kit(self, exercises: str) -> None:
        pass

    def grades(self) -> None:
        pass

    def graded(self, student: str, verdicts: Mapping[str, str], left: int) -> None:
        pass


def grade(group: Class) -> dict[str, dict[str, Any]]:
    students = run.grade(group, local.Local(), Quiet())
    loaded = {name: json.loads(group.result_file(name).read_bytes()) for name in students.of}
    return {name: result["exercises"][0] for name, result in loaded.items()}


@pytest.fixture(scope="module", autouse=True)
def box() -> sandbox.Sandbox:
    try:
        return sandbox.choose()
    except sandbox.NoSandbox:
        pytest.skip("there is no sandbox on this machine")


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory) -> Class:
    return make_class(tmp_path_factory.mktemp("gated"), CASES, odd=True)


@pytest.fixture(scope="module")
def gated(group: Class, sealed: dict[str, str]) -> dict[str, dict[str, Any]]:
    return grade(group)


@pytest.fixture(scope="module")
def sealed() -> dict[str, str]:
    """The kit before anything ran."""
    return seal()


@pytest.fixture(scope="module")
def ungated(
    tmp_path_factory: pytest.TempPathFactory, sealed: dict[str, str], gated: dict[str, dict[str, Any]]
) -> tuple[dict[str, dict[str, Any]], bool]:
    """What the gate lets through was run without it, as it were; the others are now."""
    refused = [case for case in CASES if gated[case.name]["verdict"] == "rejected"]
    group = make_class(tmp_path_factory.mktemp("ungated"), refused, odd=False)
    found = grade(replace(group, static_checks=False))
    return {**gated, **found}, seal() == sealed


def verdicts(result: dict[str, Any]) -> set[str]:
    """The exercise's verdict, and those of its tests: a failed exercise tells by which."""
    return {result["verdict"], *(test["verdict"] for test in result["tests"])}


def test_the_corpus_is_large_enough() -> None:
    assert len(CASES) + len(ODD) >= 40


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_with_the_gate(case: Case, gated: dict[str, dict[str, Any]]) -> None:
    result = gated[case.name]
    assert result["verdict"] != "passed"
    assert verdicts(result) & case.verdict, result["message"]
    assert result["verdict"] != "environment"  # or it would be graded again for ever


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_without_the_gate(case: Case, ungated: tuple[dict[str, dict[str, Any]], bool]) -> None:
    result = ungated[0][case.name]
    if "anything" not in case.ungated:  # only the static checks stand in the way of some
        assert result["verdict"] != "passed"
        assert verdicts(result) & case.ungated, result["message"]
    assert "STOLEN" not in json.dumps(result)


@pytest.mark.parametrize("name", ODD)
def test_what_is_no_plain_file(name: str, gated: dict[str, dict[str, Any]]) -> None:
    assert gated[name]["verdict"] == ODD[name][0], gated[name]["message"]


def test_solutions_between_them_pass(
    gated: dict[str, dict[str, Any]], ungated: tuple[dict[str, dict[str, Any]], bool]
) -> None:
    for found in (gated, ungated[0]):
        canaries = [result["verdict"] for name, result in found.items() if name.endswith("_canary")]
        assert canaries == ["passed"] * CANARIES


def test_the_kit_is_unchanged(ungated: tuple[dict[str, dict[str, Any]], bool]) -> None:
    assert ungated[1]
    assert not (ROOT / "hacked").exists()


def ancestors(pid: int) -> Iterator[int]:
    """The processes above one, the nearest first."""
    while pid > 1:
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        yield pid


def beside_us() -> set[int]:
    """The processes that our parent started besides this one: where tests run beside one another, the others'."""
    pids = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    found = set()
    for pid in pids:
        with contextlib.suppress(OSError):
            found |= {pid} if next(ancestors(pid), 0) == os.getppid() else set()
    return found - {os.getpid()}


def test_nothing_is_left_running(
    gated: dict[str, dict[str, Any]], ungated: tuple[dict[str, dict[str, Any]], bool]
) -> None:
    left, others = [], beside_us()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                is_a_worker = sandbox.FIRST_UID <= entry.stat().st_uid < sandbox.FIRST_UID + sandbox.UIDS
                ours = str(ROOT).encode() in (entry / "environ").read_bytes()  # not of another kit here
                if is_a_worker and ours and others.isdisjoint(ancestors(int(entry.name))):
                    left.append((entry / "comm").read_text())
            except OSError:
                continue
    assert left == []


def test_no_report_holds_what_a_terminal_obeys(gated: dict[str, dict[str, Any]]) -> None:
    for name, result in gated.items():
        shown = [result["report"], result["message"], *(str(test.get("message")) for test in result["tests"])]
        assert all(c.isprintable() or c == "\n" for text in shown for c in text), name
    assert "CHANNEL_FULL" in gated["escapes_in_the_source"]["report"]


def test_a_theft_would_be_seen(tmp_path: Path) -> None:
    """Without a sandbox the same attack finds what it looks for."""
    thief = next(case for case in CASES if case.name == "reads_the_solution")
    folder(tmp_path / "src").write_text(thief.text)
    report = tmp_path / "report.json"
    command = [
        sys.executable,
        "-m",
        "grader",
        "grade",
        "--ex",
        "01",
        "--variant",
        "plain",
        "--src",
        str(tmp_path / "src"),
    ]
    subprocess.run([*command, "--json", str(report)], cwd=ROOT, capture_output=True, timeout=300)
    assert "STOLEN" in report.read_text()


def test_every_file_of_the_class_is_written(
    box: sandbox.Sandbox, gated: dict[str, dict[str, Any]], group: Class
) -> None:
    results.write_all(group, entries.find(group.submissions, group.out), box, "local", [])
    assert len((group.out / "class.csv").read_text().splitlines()) == 1 + len(gated)
    assert len(list((group.out / "gradebooks" / "tap").iterdir())) == len(gated)
    assert len(json.loads((group.out / "class.json").read_text())["students"]) == len(gated)


def test_a_rejected_archive_says_why(gated: dict[str, dict[str, Any]]) -> None:
    assert "leaves it" in gated["path_up_in_a_zip"]["message"]
    assert "NUL" in gated["nul_bytes"]["message"]
    assert intake.MAX_FILE == 256 * 1024 and "256 KiB" in gated["huge_file"]["message"]
