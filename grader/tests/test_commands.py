"""The commands round the grading: what they keep, what they print, how they end."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import tarfile
import termios
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from grader.commands import compile_commands
from grader.exercises import ROOT, Exercise, all_exercises
from grader.tests.conftest import ANSWER, HEADERS, SOLUTIONS, STUBS, Kit
from grader.tests.test_newer_kit import copy

CHANNEL_1 = "exercises/01_answer/channel.c"
CHANNEL_2 = "exercises/02_twice/channel.c"


# ------------------------------------------------------------------------ grade and progress


def test_all_solutions_in_place_is_all_passed(kit: Kit) -> None:
    for name, text in SOLUTIONS.items():
        kit.write(f"exercises/{name}", text)
    ran = kit.run("grade")
    assert ran.code == 0
    assert "3 of 3 exercises passed, and 1 of 1 electives" in ran.out


def test_solutions_pass_out_of_tree_and_progress_is_left_alone(kit: Kit) -> None:
    assert kit.run("grade", solutions="1").code == 0
    assert not (kit.root / ".progress").exists()


def test_an_elective_not_begun_is_no_failure(kit: Kit) -> None:
    for name, text in SOLUTIONS.items():
        if not name.startswith("03"):
            kit.write(f"exercises/{name}", text)
    ran = kit.run("grade")
    assert ran.code == 0
    assert ran.exercise("03_extra")["verdict"] == "not_started"


def test_unchanged_code_is_not_run_again_and_that_is_said(kit: Kit) -> None:
    kit.write(CHANNEL_1, ANSWER + "/* once */\n")
    first, second = kit.run("grade", ex="01"), kit.run("grade", ex="01")
    assert "unchanged" not in first.out
    assert "passed  unchanged" in second.out
    assert first.exercise("01_answer") == second.exercise("01_answer")


def test_a_failure_that_is_not_run_again_is_told_again(kit: Kit) -> None:
    kit.write(CHANNEL_1, ANSWER.replace("42", "40"))
    first, second = kit.run("grade", ex="01"), kit.run("grade", ex="01")
    assert first.code == second.code == 1
    assert "answer returns 42." in second.out


def test_a_changed_suite_is_run_again(kit: Kit) -> None:
    suite = kit.root / "exercises/01_answer/test_channel.c"
    text = suite.read_text()
    kit.write(CHANNEL_1, ANSWER)
    assert kit.run("grade", ex="01").code == 0
    try:
        suite.write_text(text.replace("42,", "43,"))
        assert kit.run("grade", ex="01").code == 1
    finally:
        suite.write_text(text)
    assert kit.run("grade", ex="01").code == 0


def test_progress_is_text_by_name_and_survives_damage(kit: Kit) -> None:
    kit.write(CHANNEL_1, ANSWER)
    kit.run("grade", ex="01")
    text = kit.read(".progress/progress.txt")
    assert "01_answer" in text and "2/2" in text
    kit.write(".progress/progress.txt", b"\xff\0garbage\n" + text.encode() + b"01_answer passed\n")
    assert "1 of 3 exercises passed" in kit.run("list").out


def test_list_says_what_changed_since_it_passed(kit: Kit) -> None:
    kit.write(CHANNEL_1, ANSWER)
    kit.run("grade", ex="01")
    kit.write(CHANNEL_1, ANSWER + "\n/* more */\n")
    out = kit.run("list").out
    assert "changed since it passed" in out and out.splitlines()[-1] == "next  make grade EX=01"
    assert "(elective)" in out


def test_the_next_step_never_replaces_what_is_written(kit: Kit) -> None:
    kit.write(CHANNEL_1, ANSWER)
    kit.run("grade", ex="01")
    assert kit.run("list").out.splitlines()[-1] == "next  make carry EX=02"
    kit.run("carry", ex="02")
    out = kit.run("list").out
    assert "not graded yet" in out and out.splitlines()[-1] == "next  make grade EX=02"
    kit.write(CHANNEL_2, STUBS["02_twice/channel.c"] + "/* notes */\n")
    last = kit.run("grade", env={"EDITOR": "/bin/vi"}, ex="02").out.splitlines()[-1]
    assert last == f"next  $EDITOR {CHANNEL_2}"


def test_the_server_uses_the_channel_of_the_exercise_it_builds_on(kit: Kit) -> None:
    for name in ("01_answer/channel.c", "02_twice/channel.c", "04_server/server.c"):
        kit.write(f"exercises/{name}", SOLUTIONS[name])
    first = kit.run("grade", ex="04").exercise("04_server")
    assert (first["verdict"], first["points"]) == ("passed", 5)
    kit.write("exercises/04_server/channel.c", SOLUTIONS["02_twice/channel.c"].replace("42", "35"))
    second = kit.run("grade", ex="04").exercise("04_server")
    assert (second["verdict"], second["points"]) == ("failed", 0)


@pytest.mark.parametrize(
    "line", [STUBS["04_server/channel.c"], '// mine\r\n#  include   "../02_twice/channel.c"\r\n', None]
)
def test_a_channel_that_takes_another_over_is_that_one(kit: Kit, line: str | None) -> None:
    src = kit.submit(SOLUTIONS["02_twice/channel.c"], "02_twice")
    kit.write(f"{src}/04_server/server.c", SOLUTIONS["04_server/server.c"])
    if line is not None:  # an older kit has no such file
        kit.write(f"{src}/04_server/channel.c", line)
    ran = kit.run("grade", ex="02,04", src=src)
    assert ran.exercise("04_server")["verdict"] == "passed"
    kit.write(f"{src}/02_twice/channel.c", SOLUTIONS["02_twice/channel.c"].replace("42", "35"))
    assert kit.run("grade", ex="04", src=src).exercise("04_server")["verdict"] == "failed"
    (kit.root / src / "02_twice/channel.c").unlink()
    ran = kit.run("grade", ex="04", src=src)
    assert ran.exercise("04_server")["verdict"] == "not_started" and " 02_twice/channel.c is missing" in ran.out


def test_the_channel_of_any_exercise_can_be_taken_over(kit: Kit) -> None:
    src = kit.submit(SOLUTIONS["02_twice/channel.c"].replace("42", "35"), "02_twice")
    kit.write(f"{src}/03_extra/channel.c", SOLUTIONS["02_twice/channel.c"])
    kit.write(f"{src}/04_server/server.c", SOLUTIONS["04_server/server.c"])
    assert kit.run("grade", ex="04", src=src).exercise("04_server")["verdict"] == "failed"
    kit.write(f"{src}/04_server/channel.c", '#include "../03_extra/channel.c"\n')
    assert kit.run("grade", ex="04", src=src).exercise("04_server")["verdict"] == "passed"


def test_what_is_next_is_one_command(kit: Kit) -> None:
    kit.write(CHANNEL_1, ANSWER)
    lines = kit.run("grade").out.splitlines()
    assert [line for line in lines if line.startswith("next")] == ["next  make carry EX=02"]


def test_what_was_learnt_is_told_once_when_an_exercise_is_done(kit: Kit) -> None:
    kit.write(CHANNEL_1, ANSWER + "/* done */\n")
    first, second = kit.run("grade"), kit.run("grade")
    assert "01_answer is done." in first.out and "lines of code" in first.out
    assert "_answer is done" not in second.out
    assert "_answer is done" not in kit.run("grade", solutions="1", again="1").out  # of many at once nothing is


# ------------------------------------------------------------------------------- exit codes


@pytest.mark.parametrize(
    ("command", "options", "said"),
    [
        ("grade", {"ex": "77"}, "EX= is one of: 01 02 03 04"),
        ("grade", {"ex": ","}, "EX= is one of: 01 02 03 04"),
        ("grade", {"variant": "fast"}, "interleave asan tsan plain"),
        ("grade", {"src": "nowhere"}, "no such directory"),
        ("grade", {"src": "solutions", "solutions": "1"}, "exclude each other"),
        ("hint", {"ex": "77"}, "EX= is one of"),
        ("carry", {"ex": ""}, "make carry EX=02"),
        ("carry", {"ex": "02", "from": "nowhere"}, "FROM=nowhere: there is no such directory"),
        ("reset", {"ex": "1x"}, "EX= is one of"),
        ("swap", {"ex": ""}, "make swap EX=02"),
        ("unswap", {"ex": "02"}, "No solution is in place"),
        ("replay", {}, "make replay EX=02 TEST="),
        ("replay", {"ex": "01", "test": "x", "variant": "fast"}, "interleave asan tsan plain"),
        ("run", {"ex": "77"}, "EX= is one of"),
        ("compare-checkers", {"seconds": "soon"}, "SECONDS=soon: that is no number"),
        ("solutions", {"ex": "77"}, "EX= is one of"),
    ],
)
def test_what_can_not_be_done_is_said_in_one_line(kit: Kit, command: str, options: dict[str, Any], said: str) -> None:
    ran = kit.run(command, **options)
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert said in ran.err and str(kit.root) not in ran.err


@pytest.mark.parametrize("options", [{"CC": "no-such-compiler"}, {"EX": "no_such_exercise_" + "x" * 9}])
def test_on_a_terminal_a_sentence_stands_alone_and_its_edge_breaks_no_word(kit: Kit, options: dict[str, str]) -> None:
    kit.write(CHANNEL_1, ANSWER + "/* newest */")
    screen = on_terminal(kit, 40, "grade", **options).rsplit("\x1b[K", 1)[-1].split("\r\n")
    said = " ".join(screen).split()
    assert said[0] in ("no-such-compiler", "There") and screen[0].startswith(said[0])
    assert max(map(len, screen)) <= 40


def on_terminal(kit: Kit, columns: int, command: str, **options: str) -> str:
    """What a command writes on a terminal of that width."""
    try:
        master, slave = pty.openpty()
    except OSError:
        pytest.skip("there are no terminals here")
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")} | {"TERM": "xterm"} | options
    words = [sys.executable, "-m", "grader", command]
    process = subprocess.Popen(words, cwd=kit.root, env=environment, stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    written = b""
    with contextlib.suppress(OSError):  # it is closed by then
        while part := os.read(master, 65536):
            written += part
    os.close(master)
    process.wait()
    return written.decode()


def test_a_report_that_can_not_be_written_is_said_and_costs_no_result(kit: Kit) -> None:
    src = kit.submit(ANSWER)
    ran = kit.run("grade", ex="01", src=src, json="missing/report.json")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("JSON=missing/report.json: there is no directory missing.")
    full = kit.root / "full"  # were it replaced by a file, it would be no loss
    full.symlink_to("/dev/full")
    ran = kit.run("grade", ex="01", src=src, json="full")
    is_link = full.is_symlink()
    full.unlink()  # others copy the kit, and that file has no end
    assert (ran.code, "passed" in ran.out) == (3, True)
    assert "full can't be written: No space left on device. Make room" in ran.err
    assert is_link


def test_the_report_may_go_to_what_is_no_file(kit: Kit) -> None:
    ran = kit.run("grade", ex="01", src=kit.submit(ANSWER), json="/dev/stderr")
    assert json.loads(ran.err)["schema"] == 1


def test_a_missing_compiler_is_the_machines_fault(kit: Kit) -> None:
    kit.write(CHANNEL_1, ANSWER + "/* new */")
    ran = kit.run("grade", env={"CC": "no-such-compiler"}, ex="01")
    assert ran.code == 3
    assert "no-such-compiler is not installed" in ran.err


def test_a_broken_kit_is_nobodys_failure(kit: Kit) -> None:
    suite = kit.root / "exercises/01_answer/test_channel.c"
    text = suite.read_text()
    kit.write(CHANNEL_1, ANSWER)
    try:
        suite.write_text(text + "\nnonsense\n")
        ran = kit.run("grade", ex="01")
    finally:
        suite.write_text(text)
    assert ran.code == 3
    assert "not your code's fault" in ran.err and "Traceback" not in ran.err


def test_a_file_where_build_should_be_is_said(kit: Kit) -> None:
    build, aside = kit.root / "build", kit.root / "build-aside"
    kit.write(CHANNEL_1, ANSWER + "/* newer */")
    build.rename(aside)
    try:
        build.write_text("in the way")
        ran = kit.run("grade", ex="01")
    finally:
        build.unlink()
        aside.rename(build)
    assert ran.code == 3
    assert "build" in ran.err and "Traceback" not in ran.err


# ---------------------------------------------------------------------------------- output


def test_plain_output_has_no_colours_and_80_columns(kit: Kit) -> None:
    for text in (ANSWER, ANSWER.replace("42", "41"), ANSWER.replace("42", "x" * 200)):
        ran = kit.grade(text)
        assert "\x1b" not in ran.out
        assert max(map(len, ran.out.splitlines())) <= 80


def test_every_place_is_one_an_editor_can_open(kit: Kit) -> None:
    """`make grade` is a good makeprg for vim, and VS Code's problem matcher reads the same lines."""
    tasks = json.loads((ROOT / ".vscode/tasks.json").read_text())["tasks"]
    task = next(one["problemMatcher"] for one in tasks if one["label"] == "grade this exercise")
    pattern = re.compile(task["pattern"]["regexp"])
    for text in (ANSWER.replace("42", "41"), '#include "channel.h"\nint answer(void) { return a + b; }\n'):
        kit.write(CHANNEL_1, text)
        out = kit.run("grade", env={"EDITOR": "/bin/vi"}, ex="01").out
        places = [match[task["pattern"]["file"]] for match in map(pattern.match, out.splitlines()) if match]
        assert places and all((kit.root / place).is_file() for place in places)
    assert places == [CHANNEL_1, CHANNEL_1]  # one for each error of the compiler
    assert re.match(rf"{CHANNEL_1}:2: error: .*undeclared", out[out.index(CHANNEL_1) :])
    assert f"next  vi +2 {CHANNEL_1}" in out
    kit.write(CHANNEL_1, ANSWER)
    kit.run("carry", ex="02")
    out = kit.run("grade", env={"EDITOR": "/bin/vi"}, ex="02").out
    line = kit.read(CHANNEL_2).splitlines().index("int twice(void)") + 1
    assert f"{CHANNEL_2}:{line}: not implemented yet" in out
    assert f"next  vi +{line} {CHANNEL_2}\n      make hint EX=02\n" in out


def test_help_fits_a_screen() -> None:
    command = ["make", "--no-print-directory", "help"]  # make test, too, is a make
    out = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert out.count("\n") < 24 and max(map(len, out.splitlines())) <= 80
    assert "make grade " in out and "maintainers" in out.splitlines()[0] and "make stubs" not in out


def test_what_is_no_command_is_said() -> None:
    ended = subprocess.run(["make", "garde", "EX=02"], cwd=ROOT, capture_output=True, text=True)
    assert (ended.returncode, ended.stderr.splitlines()[0]) == (2, "There is no command 'garde'. make help lists them.")
    ended = subprocess.run(["make", "build/asan/none.o"], cwd=ROOT, capture_output=True, text=True)
    assert "No rule to make target 'build/asan/none.o'" in ended.stderr


@pytest.mark.parametrize("exercise", all_exercises(), ids=lambda exercise: str(exercise.name))
def test_a_task_and_its_contract_are_short(exercise: Exercise) -> None:
    assert len((exercise.directory / "README.md").read_text().split()) <= 500
    for header in exercise.directory.glob("*.h"):
        assert max(map(len, header.read_text().splitlines())) <= 100, header.name


def test_a_terminal_that_knows_no_unicode_gets_ascii(kit: Kit) -> None:
    ran = kit.run("grade", env={"PYTHONIOENCODING": "ascii"}, solutions="1")
    assert ran.code == 0
    assert "####" in ran.out


# ----------------------------------------------------------------------------------- hints


def test_hints_come_one_by_one_and_are_remembered(kit: Kit) -> None:
    outs = [kit.run("hint", ex="02").out for _ in range(4)]
    words = ("once", "twice", "thrice")
    for out, word, other in zip(outs, words, (*words[1:], words[0]), strict=False):  # of the last below
        assert f"Think {word}." in out and f"Think {other}." not in out
    assert all(f"Think {word}." in outs[3] for word in ("once", "twice", "thrice"))


def test_without_ex_the_hint_is_for_the_current_exercise(kit: Kit) -> None:
    assert "01_answer" in kit.run("hint").out
    kit.write(CHANNEL_1, ANSWER)
    kit.run("grade", ex="01")
    assert "02_twice" in kit.run("hint").out


# ------------------------------------------------------------------- carry, reset, swap, unswap


def test_carry_brings_ones_own_code_and_what_is_new(kit: Kit) -> None:
    mine = '/* mine: Grüße */\n#include "channel.h"\nint answer(void) { return 42; }\n'
    kit.write(CHANNEL_1, mine)
    assert kit.run("carry", ex="02").code == 0
    text = kit.read(CHANNEL_2)
    assert text.startswith(mine.rstrip())
    assert 'TODO("twice")' in text and 'TODO("answer")' not in text
    ran = kit.run("grade", ex="02")
    assert ran.verdicts("02_twice") == ["passed", "passed", "not_implemented"]


def test_carry_keeps_line_ends_and_bytes(kit: Kit) -> None:
    mine = b'/* Gr\xfc\xdfe */\r\n#include "channel.h"\r\nint answer(void) { return 42; }\r\n'
    kit.write(CHANNEL_1, mine)
    kit.run("carry", ex="02")
    content = (kit.root / CHANNEL_2).read_bytes()
    assert content.startswith(mine.rstrip())
    assert content.count(b"\n") == content.count(b"\r\n")


def test_carry_loses_nothing(kit: Kit) -> None:
    kit.write(CHANNEL_1, ANSWER)
    for n in (1, 2):
        kit.write(CHANNEL_2, f"/* precious {n} */\n")
        refused = kit.run("carry", ex="02")
        assert refused.code == 2 and "make carry EX=02 FORCE=1" in refused.err
        ran = kit.run("carry", ex="02", force="1")
        assert f"channel.c.{n}.bak" in ran.out
    assert kit.read(f"{CHANNEL_2}.1.bak") == "/* precious 1 */\n"
    assert kit.read(f"{CHANNEL_2}.2.bak") == "/* precious 2 */\n"


def test_what_was_carried_and_not_touched_since_is_carried_again(kit: Kit) -> None:
    for more in ("", "/* better */\n"):
        kit.write(CHANNEL_1, ANSWER + more)
        assert kit.run("carry", ex="02").code == 0
        assert kit.read(CHANNEL_2).startswith((ANSWER + more).rstrip())
    kit.write(CHANNEL_2, SOLUTIONS["02_twice/channel.c"])
    assert kit.run("carry", ex="02").code == 2


def test_progress_is_told_against_the_last_time(kit: Kit) -> None:
    kit.write(CHANNEL_1, ANSWER.replace("42", "41"))
    assert "->" not in kit.run("grade", ex="01", variant="interleave").out
    kit.write(CHANNEL_1, "static int n;\n" + ANSWER.replace("return 42", "return 41 + !n++"))
    assert "0 -> 1 of 2  + the answer is 42" in kit.run("grade", ex="01", variant="interleave").out
    kit.write(CHANNEL_1, "static int n = 1;\n" + ANSWER.replace("return 42", "return 42 + !n++"))
    assert "1 -> 2 of 2  + asking again changes nothing" in kit.run("grade", ex="01", variant="interleave").out
    kit.write(CHANNEL_1, ANSWER.replace("42", "40"))
    assert "2 -> 0 of 2  - the answer is 42 and 1 more" in kit.run("grade", ex="01", variant="interleave").out


def test_what_is_to_be_written_is_told_with_its_sentence(kit: Kit) -> None:
    kit.write(CHANNEL_1, ANSWER)
    kit.run("carry", ex="02")
    assert "exercises/02_twice/channel.h:5 says:\n    Returns 84.\n" in kit.run("grade", ex="02").out


def test_the_next_step_of_a_green_exercise_is_the_one_of_list(kit: Kit) -> None:
    kit.write(CHANNEL_1, ANSWER)
    kit.write(CHANNEL_2, SOLUTIONS["02_twice/channel.c"])  # finished before: nothing may replace it
    graded = kit.run("grade", ex="01").out.splitlines()[-1]
    assert graded == kit.run("list").out.splitlines()[-1] == "next  make grade EX=02"


def test_carry_from_an_unwritten_exercise_is_refused(kit: Kit) -> None:
    ran = kit.run("carry", ex="02")
    assert ran.code == 2
    assert kit.read(CHANNEL_2) == STUBS["02_twice/channel.c"]


def test_carry_from_the_solutions(kit: Kit) -> None:
    options: dict[str, Any] = {"from": "solutions"}  # a word of Python's
    assert kit.run("carry", ex="02", **options).code == 0
    assert kit.read(CHANNEL_2).startswith(SOLUTIONS["01_answer/channel.c"].rstrip())


def test_the_first_exercise_has_nothing_to_carry(kit: Kit) -> None:
    assert kit.run("carry", ex="01").code == 2


def test_reset_gives_the_stub_back_and_keeps_what_was_there(kit: Kit) -> None:
    kit.write(CHANNEL_1, "/* precious */\n")
    ran = kit.run("reset", ex="01")
    assert "channel.c.1.bak" in ran.out and ran.out.splitlines()[-1].endswith("01_answer/{README.md,channel.c}")
    assert kit.read(CHANNEL_1) == STUBS["01_answer/channel.c"]
    assert kit.read(f"{CHANNEL_1}.1.bak") == "/* precious */\n"
    assert "already" in kit.run("reset", ex="01").out


def test_what_was_reset_has_no_points(kit: Kit) -> None:
    kit.write(CHANNEL_1, ANSWER.replace("42", "41"))
    kit.run("grade", ex="01")
    kit.run("reset", ex="01")
    assert kit.run("list").out.splitlines()[0].split() == ["01_answer", "not", "started"]


def test_reset_brings_a_missing_file_back(kit: Kit) -> None:
    (kit.root / CHANNEL_1).unlink()
    (line,) = kit.run("grade", ex="1").out.splitlines()[:1]
    assert line.endswith(" channel.c is missing") and len(line) <= 80
    kit.run("reset", ex="1")
    assert kit.read(CHANNEL_1) == STUBS["01_answer/channel.c"]


def test_swap_and_back(kit: Kit) -> None:
    kit.write(CHANNEL_1, "/* mine */\n")
    assert kit.run("swap", ex="01").code == 0
    assert kit.read(CHANNEL_1) == SOLUTIONS["01_answer/channel.c"]
    assert kit.run("swap", ex="01").code == 2
    assert kit.run("grade", ex="01").code == 0
    assert "next  make grade EX=01" in kit.run("unswap", ex="01").out
    assert kit.read(CHANNEL_1) == "/* mine */\n"
    assert kit.run("unswap", ex="01").code == 2


def test_the_channel_alone_is_swapped_for_that_of_the_solution(kit: Kit) -> None:
    kit.write(CHANNEL_2, SOLUTIONS["02_twice/channel.c"].replace("42", "35"))
    kit.write("exercises/04_server/server.c", SOLUTIONS["04_server/server.c"])
    assert kit.run("grade", ex="04").code == 1
    assert kit.run("swap", ex="04", file="server.h").code == 2
    assert kit.run("swap", ex="04", file="channel.c").code == 0
    assert kit.read("exercises/04_server/channel.c") == SOLUTIONS["02_twice/channel.c"]
    assert kit.run("grade", ex="04").code == 0
    assert kit.run("swap", ex="04").code == 0  # the rest as well
    assert kit.run("unswap", ex="04").code == 0
    assert kit.read("exercises/04_server/channel.c") == STUBS["04_server/channel.c"]
    assert kit.run("grade", ex="04").code == 1


@pytest.mark.parametrize(("command", "options"), [("reset", {}), ("carry", {"force": "1"})])
def test_the_carried_channel_is_taken_over_again(kit: Kit, command: str, options: dict[str, Any]) -> None:
    kit.write("exercises/04_server/channel.c", "/* another one */\n")
    kit.run(command, ex="04", **options)
    assert kit.read("exercises/04_server/channel.c") == STUBS["04_server/channel.c"]
    assert kit.read("exercises/04_server/channel.c.1.bak") == "/* another one */\n"


def test_a_solution_in_place_is_no_progress_of_the_student(kit: Kit) -> None:
    kit.run("swap", ex="01")
    kit.run("grade", ex="01")
    kit.run("unswap", ex="01")
    assert "0 of 3 exercises passed" in kit.run("list").out


def test_what_was_changed_in_a_solution_is_kept_too(kit: Kit) -> None:
    kit.write(CHANNEL_1, "/* mine */\n")
    kit.run("swap", ex="01")
    kit.write(CHANNEL_1, "/* tried something */\n")
    kit.run("unswap", ex="01")
    assert kit.read(CHANNEL_1) == "/* mine */\n"
    assert kit.read(f"{CHANNEL_1}.1.bak") == "/* tried something */\n"


# ---------------------------------------------------------------------------------- handout


GREEN = "## When it is green\n\nCompare with `solutions/01_answer/channel.c`: shorter. Learnt: to count.\n"


def test_the_handout_works_and_holds_no_solution(kit: Kit) -> None:
    kit.write(CHANNEL_1, ANSWER)  # whoever makes the handout has something in place
    kit.write("grader/tests/known_wrong/x.c", "int x;\n")
    kit.write("findings/x.sh", "exit 0\n")
    assert kit.run("handout").code == 0
    target = kit.root / "build/handout/channels-in-c"
    names = {str(p.relative_to(target)) for p in target.rglob("*") if p.is_file()}
    assert "exercises/01_answer/channel.h" in names and "Makefile" in names
    assert not any(n.startswith(("solutions", "grader/tests", "findings", "build", ".progress")) for n in names)
    assert (target / CHANNEL_1).read_text() == STUBS["01_answer/channel.c"]
    assert not any(SOLUTIONS["02_twice/channel.c"] in (target / n).read_text("latin-1") for n in names)
    with tarfile.open(target.with_name("channels-in-c.tar.gz")) as archive:
        assert f"channels-in-c/{CHANNEL_1}" in archive.getnames()
    ran = Kit(target).run("grade")
    assert [e["verdict"] for e in ran.report["exercises"]] == ["not_started"] * 4
    readme = Kit(target).read("exercises/01_answer/README.md")
    Kit(target).write("exercises/01_answer/README.md", f"{readme}\n{GREEN}")
    kit.write("exercises/01_answer/README.md", f"{readme}\n{GREEN}")
    try:
        here = kit.grade(ANSWER + "/* compares */\n").out
        there = Kit(target).grade(ANSWER).out
    finally:
        kit.write("exercises/01_answer/README.md", readme)
    assert "Compare with" in here and "Learnt: to count." in here
    assert "Compare with" not in there and "Learnt: to count." in there


def test_an_exercise_that_git_does_not_know_yet_is_in_the_handout(kit: Kit, tmp_path: Path) -> None:
    new = copy(kit, tmp_path / "kit")
    new.write(".gitignore", "build/\n*.bak\n")
    for command in (["init", "-q"], ["add", "."]):
        subprocess.run(["git", "-C", str(new.root), *command], check=True)
    assert new.run("new-exercise", ex="05_gate").code == 0
    for name in ("exercises/05_gate/gate.c.1.bak", "exercises/05_gate/build/x", "ada/gate.c"):
        new.write(name, "")
    said = new.run("handout").out
    given = new.root / "build/handout/channels-in-c"
    names = {str(p.relative_to(given)) for p in given.rglob("*") if "gate" in str(p) and p.is_file()}
    files = ("README.md", "gate.c", "gate.h", "test_gate.c")
    assert names == {
        *(f"exercises/05_gate/{name}" for name in files),
        "grader/stubs/05_gate/gate.c",
        "grader/given/05_gate/gate.h",
        "grader/given/05_gate/test_gate.c",
    }
    assert "In it: 01_answer, 02_twice, 03_extra, 04_server, 05_gate." in said


HEADER_1 = "exercises/01_answer/channel.h"
NOT_AS_GIVEN = f"{HEADER_1} is not as it was given out. It is used here; what you hand in is graded with the original."


@pytest.fixture(params=["handout", "clone"])
def given_out(kit: Kit, request: pytest.FixtureRequest) -> Iterator[Kit]:
    """The kit as a student has it, with an answer in it that is right."""
    root = kit.root / "build" / request.param / "channels-in-c"
    shutil.rmtree(root.parent, ignore_errors=True)
    if request.param == "handout":
        assert kit.run("handout").code == 0
    else:
        shutil.copytree(kit.root, root, ignore=shutil.ignore_patterns("build", ".progress"))
        git = ["git", "-C", str(root), "-c", "user.name=me", "-c", "user.email=me"]
        for command in (["init", "-q"], ["add", "exercises"], ["commit", "-qm", "as given out"]):
            subprocess.run([*git, *command], check=True)
    kit.grade(ANSWER)  # what that builds need not be built again
    shutil.copytree(kit.root / "build/asan", root / "build/asan")
    given = Kit(root)
    given.write(CHANNEL_1, ANSWER)
    yield given
    shutil.rmtree(root.parent)


def test_nothing_is_told_of_what_is_as_it_was_given_out(given_out: Kit) -> None:
    given_out.write("exercises/01_answer/README.md", "mine\n")
    given_out.write("exercises/02_twice/channel.h", HEADERS["02_twice"] + "\n")  # 01 does not build on it
    if (given_out.root / "grader/given").is_dir():
        given_out.write(HEADER_1, HEADERS["01_answer"].replace("\n", "\r\n"))  # unpacked elsewhere
    ran = given_out.run("grade", ex="01")
    assert ran.code == 0 and "is done." in ran.out and "given out" not in ran.out


def test_a_changed_header_is_told_and_how_to_see_what_is_changed(given_out: Kit) -> None:
    given_out.write(HEADER_1, HEADERS["01_answer"] + "#define ANSWER 42\n")
    given_out.write(CHANNEL_1, ANSWER.replace("42", "ANSWER"))
    ran = given_out.run("grade", ex="01")
    assert NOT_AS_GIVEN in " ".join(ran.out.split())
    assert ran.code == 0 and "is done." not in ran.out  # green here; elsewhere it would not compile
    last = ran.out.splitlines()[-1].split()
    shown = subprocess.run(last[1:], cwd=given_out.root, capture_output=True, text=True).stdout
    assert last[0] == "next" and "#define ANSWER 42" in shown
    given_out.write(CHANNEL_2, ANSWER)
    failed = given_out.run("grade", ex="02").out
    assert NOT_AS_GIVEN in " ".join(failed.split())  # 02 builds on it
    assert "next  " in failed and "diff" not in failed  # what fails is told first


def test_list_tells_a_changed_header_too(given_out: Kit) -> None:
    given_out.write(HEADER_1, HEADERS["01_answer"] + "#define ANSWER 42\n")
    listed = " ".join(given_out.run("list").out.split())
    assert NOT_AS_GIVEN in listed
    assert re.search(rf"next (git diff|diff grader/given/01_answer/channel.h) {HEADER_1}$", listed)


def test_a_changed_suite_is_told(given_out: Kit) -> None:
    given_out.write(HEADER_1, HEADERS["01_answer"] + "/* mine */\n")
    suite = "exercises/01_answer/test_channel.c"
    given_out.write(suite, given_out.read(suite).replace("42", "41"))
    said = " ".join(given_out.run("grade", ex="01").out.split())
    assert f"{HEADER_1} and 1 more are not as they were given out. They are used here;" in said


def test_a_header_that_breaks_the_suites_is_named(given_out: Kit) -> None:
    given_out.write(HEADER_1, HEADERS["01_answer"].replace("int answer(void)", "int answer(int question)"))
    given_out.write(CHANNEL_1, ANSWER.replace("void", "int question").replace("42", "question"))
    ran = given_out.run("grade", ex="01")
    said = " ".join(ran.err.split())
    assert ran.code != 0 and "not your code's fault" not in said
    assert said.startswith(f"{NOT_AS_GIVEN} With that the suites can't be built: ")
    last = ran.err.splitlines()[-1].split()
    assert "test_channel.c" in said and (last[0], last[-1]) == ("next", HEADER_1)


# ------------------------------------------------------------------------------------ replay


def test_replay_runs_one_test(kit: Kit) -> None:
    src = kit.submit(ANSWER.replace("42", "41"))
    ran = kit.run("replay", ex="01", test="the_answer_is_42", src=src, variant="plain")
    assert ran.code == 1
    assert "answer returns 42." in ran.out
    ran = kit.run("replay", ex="01", test="the answer is 42", solutions="1", variant="plain")
    assert (ran.code, "passed" in ran.out) == (0, True)


def test_a_replay_says_how_to_see_more_of_it(kit: Kit) -> None:
    src = kit.submit(USED_AFTER_FREE)
    out = kit.run("replay", ex="01", test="the_answer_is_42", seed="x-", src=src, variant="interleave").out
    assert out.endswith("make replay EX=01 TEST=the_answer_is_42 SEED=x- GDB=1\n") and "SEED=x- HTML=1\n" in out


USED_AFTER_FREE = """#include "channel.h"
#include <stdlib.h>

int answer(void)
{
    int *kept = malloc(sizeof *kept);
    *kept = 42;
    free(kept);
    return *kept;
}
"""


def test_a_failure_in_another_tree_names_that_tree_in_the_replay_command(kit: Kit) -> None:
    src = kit.submit(USED_AFTER_FREE)
    ran = kit.run("grade", env={"SRC": src}, ex="01", variant="interleave")
    assert f"make replay EX=01 TEST=the_answer_is_42 SEED=x- SRC={src}" in ran.out


@pytest.mark.skipif(shutil.which("gdb") is None, reason="gdb is not installed")
def test_gdb_stops_at_the_steps_of_the_story(kit: Kit) -> None:
    src = kit.submit(USED_AFTER_FREE)
    ran = kit.run("replay", ex="01", test="the_answer_is_42", seed="x-", src=src, variant="interleave", gdb="1")
    assert "step 1 of 3   the test: allocates 4 bytes" in ran.out
    assert "int *kept = malloc(sizeof *kept);" in ran.out


@pytest.mark.parametrize(
    "knob", ["seed=junk", "seed=x", "seed=x-2 5", "SCHEDULES=many", "SCHEDULES=0", "STRATEGY=luck"]
)
def test_a_knob_with_an_impossible_value_is_a_usage_error(kit: Kit, knob: str) -> None:
    name, _, value = knob.partition("=")
    env = {} if name == "seed" else {name: value}
    ran = kit.run("replay", env=env, ex="01", test="the_answer_is_42", seed="" if env else value, solutions="1")
    assert (ran.code, f"{name.upper()}={value} is not possible." in ran.err) == (2, True)


def test_a_pass_says_how_much_was_looked_at(kit: Kit) -> None:
    ran = kit.run("replay", ex="01", test="the_answer_is_42", solutions="1", variant="interleave")
    assert "every execution: there is one" in ran.out
    ran = kit.run("replay", ex="01", test="the_answer_is_42", seed="x-", solutions="1", variant="interleave")
    assert "this one schedule; make grade runs them all" in ran.out


def test_a_green_exercise_says_how_many_of_its_tests_are_proved(kit: Kit) -> None:
    kit.write("exercises/01_answer/channel.c", ANSWER)
    ran = kit.run("grade", ex="01", variant="interleave")
    assert "01_answer is done.  2 of 2 tests: every execution" in ran.out
    assert ran.exercise("01_answer")["extent"] == "2 of 2 tests: every execution"
    assert "2 of 2 tests: every execution" in kit.run("list").out
    assert "extent" not in kit.grade("int answer(void) { return 41; }", variant="interleave").exercise("01_answer")


@pytest.mark.parametrize(("test", "name"), [("an", "the_answer_is_42"), ("the_anwser_is_42", "the_answer_is_42")])
def test_replay_of_an_unknown_test_suggests_one(kit: Kit, test: str, name: str) -> None:
    ran = kit.run("replay", ex="01", test=test, solutions="1")
    assert ran.code == 2
    assert name in ran.err


def test_a_unique_part_of_its_name_names_a_test(kit: Kit) -> None:
    ran = kit.run("replay", ex="01", test="answer is", solutions="1", variant="plain")
    assert (ran.code, ran.out.splitlines()[0]) == (0, "the answer is 42: passed")
    ran = kit.run("grade", ex="02", test="42", solutions="1")  # it is one of the exercise that 02 builds on
    assert [t["name"] for t in ran.exercise("02_twice")["tests"]] == ["the_answer_is_42"]


def test_replay_alone_means_the_failure_that_was_told(kit: Kit) -> None:
    kit.write(CHANNEL_1, USED_AFTER_FREE)
    kit.run("grade", ex="01", variant="interleave")
    ran = kit.run("replay")
    assert ran.code == 1 and f"{CHANNEL_1}:9: use after free" in ran.out


# ------------------------------------------------------------------------------------- stubs


def test_stubs_copies_and_refuses_what_is_no_stub(kit: Kit) -> None:
    text = STUBS["01_answer/channel.c"] + "/* better */\n"
    kit.write(CHANNEL_1, text)
    try:
        assert "01_answer/channel.c" in kit.run("stubs").out
        assert kit.read("grader/stubs/01_answer/channel.c") == text
    finally:
        kit.write("grader/stubs/01_answer/channel.c", STUBS["01_answer/channel.c"])
    kit.write(CHANNEL_1, ANSWER)
    assert kit.run("stubs").code == 3


def test_compile_commands_know_every_channel(kit: Kit) -> None:
    assert kit.run("compile_commands.json").code == 0
    assert "exercises/02_twice/channel.c" in kit.read("compile_commands.json")


# -------------------------------------------------------------------------------------- editors


def test_each_file_compiles_as_clangd_is_told() -> None:
    for name in ("exercises/08_ticket_server/test_ticket_server.c", "solutions/02_blocking/channel.c",
                 "solutions/08_ticket_server/ticket_server.c", "grader/suite/main.c", "grader/interleave/tsan.c",
                 "grader/tests/known_right/02_blocking/textbook.c"):  # fmt: skip
        entry = compile_commands.entry(ROOT / name)
        ended = subprocess.run([*entry["arguments"], "-fsyntax-only"], cwd=ROOT, capture_output=True)
        assert ended.stderr == b"", name
