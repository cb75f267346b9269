"""Odd but real environments: what a shell, a conda or a link has left does not decide what comes of a grading."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from grader import arguments
from grader.classroom import options, sandbox
from grader.commands import doctor
from grader.errors import UsageError
from grader.tests.conftest import ANSWER, ROOT, SOLUTIONS, Kit
from grader.tests.test_bad_days import CHANNEL_1, CHANNEL_2, copied, make

__all__ = ["copied"]
TWICE = SOLUTIONS["02_twice/channel.c"]


def typed(kit: Kit, line: str, **environment: str) -> tuple[int, str, str]:
    """What a shell makes of that line, typed in the kit."""
    left_out = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "VARIANT", "CC")
    env = {k: v for k, v in os.environ.items() if k not in left_out} | environment
    command = ["bash", "-o", "pipefail", "-c", line]
    ended = subprocess.run(command, cwd=kit.root, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return ended.returncode, ended.stdout, ended.stderr


# --------------------------------------------------------------------------------- compilers


def test_a_compiler_may_have_words_behind_it(copied: Kit, tmp_path: Path) -> None:
    wrapper = copied.write("bin/wrapper", '#!/bin/sh\nexec "$@"\n')
    wrapper.chmod(0o755)
    copied.write(CHANNEL_1, ANSWER)
    path = f"{wrapper.parent}:{os.environ['PATH']}"
    for cc in ("wrapper gcc", "gcc -pipe"):
        code, out, err = make(copied.root, "grade", "EX=01", f"CC={cc}", env={"PATH": path})
        assert (code, err) == (0, "") and "2/2   passed" in out, cc
        assert typed(copied, f"make PYTHON={sys.executable} CC='{cc}' compile_commands.json")[0] == 0
        assert f'"{cc.split()[0]}",\n   "{cc.split()[1]}",' in copied.read("compile_commands.json")


def test_a_compiler_that_is_no_command_is_told(kit: Kit) -> None:
    kit.write(CHANNEL_1, ANSWER + "/* unquoted */\n")
    ran = kit.run("grade", env={"CC": 'gcc "'}, ex="01")
    assert ran.code == 2 and ran.err.startswith('CC=gcc " is no command')


# ------------------------------------------------------------------------------------ python


@pytest.mark.parametrize("left", [{"PYTHONSAFEPATH": "1"}, {"PYTHONHOME": "/opt/conda"}])
def test_what_another_python_has_left_is_nothing_to_ours(copied: Kit, left: dict[str, str]) -> None:
    code, out, err = typed(copied, "make list", **left)
    assert (code, err) == (0, "") and "01_answer" in out
    assert typed(copied, "sh setup.sh --python rich", **left)[0] == 0


# ----------------------------------------------------------------------------------- streams


def test_who_stops_reading_changes_no_verdict(kit: Kit) -> None:
    for text, verdict, code in ((ANSWER, "passed", 0), (ANSWER.replace("42", "41"), "failed", 1)):
        kit.write(CHANNEL_1, text)
        report = kit.root / "report.json"
        report.unlink(missing_ok=True)
        command = f"{sys.executable} -m grader grade --variant plain --ex 01 --json report.json"
        assert typed(kit, f"{command} | true") == (code, "", "")
        assert f'"verdict": "{verdict}"' in report.read_text()
    assert typed(kit, f"make PYTHON={sys.executable} list | head -1")[::2] == (0, "")


def test_with_stdout_closed_the_verdict_is_the_exit_code(kit: Kit) -> None:
    for text, code in ((ANSWER, 0), (ANSWER.replace("42", "41"), 1)):
        kit.write(CHANNEL_1, text)
        for closed in (">&-", "2>&-", "<&-", ">&- 2>&- <&-"):
            line = f"{sys.executable} -m grader grade --variant plain --ex 01 {closed}"
            assert typed(kit, line)[0] == code, closed
    kit.write(CHANNEL_1, ANSWER)
    assert typed(kit, f"make PYTHON={sys.executable} VARIANT=plain grade EX=01 >&-") == (0, "", "")


def test_what_can_not_be_written_is_told_once(kit: Kit) -> None:
    code, _, err = typed(kit, f"{sys.executable} -m grader list >/dev/full")
    assert code == 3 and err.count("\n") == 1 and "No space left on device" in err


# ------------------------------------------------------------------------------------ places


def test_an_exercise_may_be_a_link_to_elsewhere(copied: Kit, tmp_path: Path) -> None:
    copied.write(CHANNEL_1, ANSWER)
    copied.write(CHANNEL_2, TWICE)
    for name in ("02_twice", "01_answer"):
        place = tmp_path / f"of {name}"
        place.mkdir()
        shutil.move(copied.root / "exercises" / name, place)
        (copied.root / "exercises" / name).symlink_to(place / name)
        copied.write(CHANNEL_2, f"{TWICE}/* {name} */\n")
        code, out, err = make(copied.root, "grade", "EX=02")
        assert (code, err) == (0, "") and "3/3   passed" in out, out + err
        assert "no header of the kit" not in out


def test_a_header_of_ones_own_is_told_once(copied: Kit) -> None:
    copied.write("own.h", "")
    copied.write(CHANNEL_1, f'#include "{copied.root}/own.h"\n' * 2 + ANSWER)
    _, out, _ = make(copied.root, "grade", "EX=01")
    assert out.count("own.h, which is no header of the kit") == 1


# ------------------------------------------------------------------------------------ limits


def test_a_limit_of_the_address_space_is_lifted_or_told(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    kit.write(CHANNEL_1, ANSWER + "/* in little space */\n")
    command = f"{sys.executable} -m grader grade --variant asan --ex 01"
    assert typed(kit, f"ulimit -Sv 2000000; {command}")[0] == 0
    kit.write(CHANNEL_1, ANSWER + "/* in little space, for good */\n")
    code, _, err = typed(kit, f"ulimit -v 2000000; {command}")
    assert code == 3 and err.rstrip().endswith("Run: make doctor"), err
    code, out, _ = typed(kit, f"ulimit -v 2000000; {command.replace('asan', 'interleave')}")
    assert code == 3 and out.rstrip().endswith("next  make doctor"), out
    monkeypatch.setattr(resource, "getrlimit", lambda what: (1 << 31, 1 << 31))
    finding = doctor._address_space()
    assert not finding.well and "2048 MiB" in finding.words and "ulimit -v" in finding.cure


# ------------------------------------------------------------------------------------- class


@pytest.mark.parametrize(
    ("user", "tools", "said"),
    [
        (0, {"setpriv"}, f"another user can't read {ROOT}"),
        (0, set(), "setpriv, which runs code as another user, is not installed"),
        (1000, set(), "only root can run code as another user"),
        (1000, {"bwrap", "prlimit"}, "bubblewrap can't make namespaces"),
    ],
)
def test_why_there_is_no_sandbox_is_told(
    user: int, tools: set[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr(sandbox, "works", lambda candidate: False)
    monkeypatch.setattr(shutil, "which", lambda tool: tool if tool in tools else None)
    with pytest.raises(sandbox.NoSandbox) as told:
        sandbox.choose()
    assert said in str(told.value)
    assert ("only root" in str(told.value)) == (user != 0)
    assert ("is not installed (sh setup.sh" in str(told.value)) == ("bwrap" not in tools)


def test_no_is_no_in_any_spelling(tmp_path: Path) -> None:
    for word in ("", "0", "no", "No", "off", "OFF", "false", "False"):
        group = options.from_arguments({"submissions": str(tmp_path), "unsafe": word, "again": word})
        assert not group.unsafe and not group.again, word
    for word in ("1", "yes", "on", "true"):
        group = options.from_arguments({"submissions": str(tmp_path), "unsafe": word, "again": word})
        assert group.unsafe and group.again, word


# ------------------------------------------------------------------------------- what is typed


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("grade EXX=01", "make grade knows no EXX=; did you mean EX= ?"),
        ("grade ex=01", "make grade knows no ex=; did you mean EX= ?"),
        ("grade SCHEDULE=9", "make grade knows no SCHEDULE=; did you mean SCHEDULES= ?"),
        ("grade HTML=1", "make grade knows no HTML=; it is for make replay."),
        ("hint QUITE_ELSE=1", "make hint knows no QUITE_ELSE=; it knows EX=."),
        ("list EX=01", "make list knows no EX=; it is for make grade."),
        ("doctor QUITE_ELSE=1", "make doctor knows no QUITE_ELSE=; it takes nothing."),
        ("clean EX=01", "make clean knows no EX=."),
        ("help EXX=01", "make help knows no EXX=."),
    ],
)
def test_a_word_that_a_command_does_not_know_is_refused(kit: Kit, line: str, said: str) -> None:
    kit.write("build/kept", "")
    code, out, err = typed(kit, f"make PYTHON={sys.executable} {line}")
    assert code == 2 and out == "" and said in err.splitlines()[0]
    assert (kit.root / "build" / "kept").exists()


def test_what_is_known_is_taken(kit: Kit) -> None:
    kit.write(CHANNEL_1, ANSWER)
    python = f"make PYTHON={sys.executable} VARIANT=plain"
    assert typed(kit, f"{python} grade EX=01 SCHEDULES=3 SEED=2 JSON=/dev/null NO_COLOR=1 CC=gcc")[0] == 0
    assert (
        typed(kit, f"{python} reset grade EX=01 JSON=/dev/null")[0] == 2
    )  # the words of several: it is the stub that fails
    assert (
        typed(kit, f"EXX=04 TEST=x {python} grade EX=02")[0] == 2
    )  # what is only in the environment is nobody's typing
    assert "knows no" not in typed(kit, f"EXX=04 {python} grade EX=02")[2]


def test_what_was_typed_is_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TYPED", "WORD")
    monkeypatch.setenv("GOALS", "one two")
    arguments.refuse_unknown("one", lambda: {"one": ["EX"], "two": ["WORD"]})
    assert "TYPED" not in os.environ  # or a make of our own would be told of it
    monkeypatch.setenv("TYPED", "WORD")
    with pytest.raises(UsageError):
        arguments.refuse_unknown("one", lambda: {"one": ["EX"], "two": ["WORD"]})
