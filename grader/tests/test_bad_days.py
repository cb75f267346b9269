"""What a day can bring: odd places, odd files, a disk that is full or read-only, Ctrl-C, several at once."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from grader.tests.conftest import ANSWER, STUBS, Kit

CHANNEL_1 = "exercises/01_answer/channel.c"
CHANNEL_2 = "exercises/02_twice/channel.c"
LEAK = ANSWER.replace("return", "if (!malloc(3)) return 0;\n    return").replace(
    "#include", "#include <stdlib.h>\n#include", 1
)


def make(root: Path, *words: str, env: dict[str, str] | None = None, cwd: Path | None = None) -> tuple[int, str, str]:
    """Types `make words` in the kit."""
    left_out = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "EX", "SRC", "VARIANT", "CC", "NO_COLOR")
    environment = {k: v for k, v in os.environ.items() if k not in left_out} | {"VARIANT": "plain"} | (env or {})
    command = ["make", f"PYTHON={sys.executable}", "VARIANT=plain", *words]
    ended = subprocess.run(command, cwd=cwd or root, env=environment, stdin=subprocess.DEVNULL, capture_output=True)
    return ended.returncode, ended.stdout.decode(), ended.stderr.decode()


@pytest.fixture
def copied(kit: Kit, tmp_path: Path) -> Iterator[Kit]:
    """A kit of one's own, nothing built, in a directory with a name that is hard to quote."""
    root = tmp_path / f"Käse & Brot ({'long ' * 20}) $x"
    shutil.copytree(kit.root, root, symlinks=True, ignore=shutil.ignore_patterns("build", "__pycache__"))
    yield Kit(root)


# ----------------------------------------------------------------------------------- places


def test_the_kit_may_be_anywhere_and_make_be_called_from_elsewhere(copied: Kit, tmp_path: Path) -> None:
    copied.write(CHANNEL_1, ANSWER)
    code, out, err = make(copied.root, "-C", str(copied.root), "grade", "EX=01", cwd=tmp_path)
    assert (code, "2/2   passed" in out) == (0, True), out + err
    copied.write(CHANNEL_1, ANSWER.replace("42", "x"))
    code, out, _ = make(copied.root, "grade", "EX=01")
    assert code == 2 and f"{CHANNEL_1}:5: error: " in out and str(copied.root) not in out


def test_what_make_was_told_does_not_reach_the_make_inside(copied: Kit) -> None:
    copied.write(CHANNEL_1, ANSWER)
    told: list[tuple[tuple[str, ...], dict[str, str]]] = [
        (("-j8", "-k", "-B"), {}),
        ((), {"MAKEFLAGS": "-n -B -j3"}),
        ((), {"CFLAGS_ALL": "-nonsense"}),
    ]
    for words, env in told:
        code, out, err = make(copied.root, *words, "grade", "EX=01", env=env)
        assert code == 0 and "jobserver" not in err
    assert "2/2   passed" in out


def test_several_at_once_do_not_disturb_one_another(copied: Kit) -> None:
    copied.submit(ANSWER.replace("42", "41"), src="wrong")
    copied.submit(ANSWER, src="right")
    command = [sys.executable, "-m", "grader", "grade", "--variant", "plain", "--ex", "01", "--src"]
    started = [
        subprocess.Popen([*command, src], cwd=copied.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for src in ("right", "wrong", "right", "wrong")
    ]
    ended = [process.communicate() for process in started]
    assert [process.returncode for process in started] == [0, 1, 0, 1], ended
    assert ended[1] == ended[3]


# ------------------------------------------------------------------------------------ tools


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("CC=gcc -foo",), "The compiler refuses what it is asked (CC=gcc -foo): unrecognized command-line option"),
        (("CC=no-such-compiler",), "no-such-compiler is not installed. Run: sh setup.sh"),
        (("OBJCOPY=no-such-tool",), "no-such-tool is not installed. Run: sh setup.sh"),
    ],
)
def test_a_broken_tool_is_said_in_one_line(kit: Kit, words: tuple[str, ...], said: str) -> None:
    kit.write(CHANNEL_1, ANSWER + "/* a broken tool */\n")
    code, _, err = make(kit.root, "grade", "EX=01", *words)
    assert code == 2 and "Error 3" in err
    assert err.splitlines()[0].startswith(said)


def test_without_python_the_cure_is_said(copied: Kit) -> None:
    copied.write("setup.sh", re.sub("for python in .*;", "for python in no-such-python;", copied.read("setup.sh")))
    ended = subprocess.run(["make", "grade"], cwd=copied.root, capture_output=True, text=True)
    assert ended.returncode == 2 and "Run: sh setup.sh" in ended.stderr


@pytest.mark.skipif(shutil.which("clang") is None, reason="clang is not installed")
def test_what_another_compiler_made_is_not_taken_for_its_own(kit: Kit) -> None:
    kit.write(CHANNEL_1, ANSWER.replace("42", "\n#ifdef __clang__\n41\n#else\n42\n#endif\n"))
    codes = [make(kit.root, "grade", "EX=01", f"CC={cc}")[0] for cc in ("cc", "clang", "cc", "clang")]
    assert codes == [0, 2, 0, 2]


# ------------------------------------------------------------------------------------ files


@pytest.mark.parametrize(
    ("content", "verdict", "said"),
    [
        (b"\xef\xbb\xbf" + ANSWER.encode(), "passed", ""),
        (ANSWER.encode("utf-16"), "build_failed", "save it as UTF-8"),
        (b"", "build_failed", "There is nothing in it."),
        (b" \n\n", "build_failed", "There is nothing in it."),
    ],
    ids=["byte order mark", "UTF-16", "empty", "blank"],
)
def test_an_odd_file_is_told_as_what_it_is(kit: Kit, content: bytes, verdict: str, said: str) -> None:
    ran = kit.grade(content, variant="plain")
    assert ran.exercise("01_answer")["verdict"] == verdict
    assert said in ran.out


def test_what_is_no_file_is_not_read(kit: Kit) -> None:
    path = kit.root / CHANNEL_1
    odd_ones: list[Callable[[], object]] = [
        path.mkdir,
        lambda: path.symlink_to("/dev/zero"),
        lambda: os.mkfifo(path),
    ]
    for odd in odd_ones:
        path.unlink()
        odd()
        try:
            ran = kit.run("grade", ex="01", variant="plain")
        finally:
            path.rmdir() if path.is_dir() else path.unlink()
            kit.write(CHANNEL_1, STUBS["01_answer/channel.c"])
        assert ran.code == 1 and "channel.c is no plain file" in ran.out


def test_a_missing_file_comes_back_by_the_next_step(kit: Kit) -> None:
    (kit.root / CHANNEL_1).unlink()
    ran = kit.run("grade", ex="01")
    assert ran.code == 1 and "channel.c is missing" in ran.out
    assert "next  make reset EX=01" in ran.out


@pytest.mark.skipif(os.geteuid() == 0 and shutil.which("setpriv") is None, reason="root reads everything")
def test_a_file_that_may_not_be_read_is_named(kit: Kit) -> None:
    path = kit.write(CHANNEL_1, ANSWER)
    path.chmod(0)
    command = [sys.executable, "-m", "grader", "grade", "--ex", "01"]
    if os.geteuid() == 0:
        command = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *command]
    try:
        ended = subprocess.run(command, cwd=kit.root, capture_output=True, text=True)
    finally:
        path.chmod(0o644)
    assert ended.returncode == 2
    assert ended.stderr == f"{CHANNEL_1} can't be read: Permission denied.\n"


# ---------------------------------------------------------------------------------- Ctrl-C


def _of_session(session: int) -> list[int]:
    """The processes of a session that are still running."""
    left = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            left.append(int(status.parent.name))
    return left


@pytest.mark.parametrize("delay", [0.1, 0.6, 1.5])
def test_ctrl_c_at_any_time_leaves_nothing_half_done(copied: Kit, delay: float) -> None:
    copied.write(CHANNEL_1, LEAK)
    command = [sys.executable, "-m", "grader", "grade", "--variant", "asan"]
    with subprocess.Popen(command, cwd=copied.root, stderr=subprocess.PIPE, start_new_session=True) as process:
        time.sleep(delay)  # whenever it comes, the same holds
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate()
    assert b"/grader/" not in err  # a traceback of Python's own start is not ours
    assert _of_session(process.pid) == []
    assert copied.read(CHANNEL_1) == LEAK and not list(copied.root.rglob(".*.c.*"))
    again = copied.run("grade", ex="01")
    assert (again.code, again.err) == (1, "")
    assert again.verdicts("01_answer") == ["leak", "leak"]


# ------------------------------------------------------------------------------------ disks


def mounted(kit: Kit, tmp_path: Path, options: str) -> Path:
    """The kit on a small file system of its own, or a skipped test."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("no file system can be mounted here")
    shutil.copytree(
        kit.root, place / "kit", ignore=shutil.ignore_patterns("build", "__pycache__", "work", "report.json")
    )
    return place


@pytest.fixture
def disk(kit: Kit, tmp_path: Path) -> Iterator[Path]:
    place = mounted(kit, tmp_path, "size=24m")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def fill(place: Path) -> None:
    with open(place / "fill", "wb", buffering=0) as out:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while True:
                    out.write(b"x" * size)
            except OSError:
                pass


COMMANDS: list[tuple[str, dict[str, Any]]] = [
    ("grade", {"ex": "01", "json": "/dev/null"}),
    ("reset", {"ex": "01"}),
    ("swap", {"ex": "01"}),
    ("carry", {"ex": "02"}),
]


def test_on_a_full_disk_it_says_so_and_loses_nothing(disk: Path) -> None:
    kit = Kit(disk / "kit")
    kit.write(CHANNEL_1, ANSWER)
    fill(disk)
    files = sorted(path.name for path in (kit.root / "exercises").rglob("*"))
    for command, options in COMMANDS:
        ran = kit.run(command, **options)
        assert ran.code == 3 and ran.err.count("\n") == 1, ran.err
        assert "Make room" in ran.err
    assert "Think once." in kit.run("hint", ex="02").out
    assert sorted(path.name for path in (kit.root / "exercises").rglob("*")) == files
    assert kit.read(CHANNEL_1) == ANSWER and kit.read(CHANNEL_2) == STUBS["02_twice/channel.c"]
    (disk / "fill").unlink()
    assert kit.run("grade", ex="01").code == 0  # half of a compiled module must not be in its way
    assert kit.run("reset", ex="01").code == 0


def test_what_can_only_be_read_is_said(disk: Path) -> None:
    kit = Kit(disk / "kit")
    kit.write(CHANNEL_1, ANSWER)
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    for command, options in COMMANDS:
        ran = kit.run(command, **options)
        assert ran.code == 3 and ran.err.count("\n") == 1, ran.err
        assert "Copy the kit to a directory of your own." in ran.err and str(disk) not in ran.err
    assert "Think once." in kit.run("hint", ex="02").out
    assert kit.run("list").code == 0
