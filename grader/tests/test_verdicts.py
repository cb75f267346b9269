"""What the grader makes of submissions that pass, fail, crash, hang, leave, shout, or don't compile."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import time
from pathlib import Path

import pytest

from grader.exercises import ROOT
from grader.grading import diagnostics, hang
from grader.grading.verdicts import OF_TESTS
from grader.tests.conftest import ANSWER, Kit


def with_body(body: str, includes: str = "") -> str:
    """An answer() that does something first."""
    return f'{includes}#include "channel.h"\n\nint answer(void)\n{{\n    {body}\n    return 42;\n}}\n'


def test_a_right_answer_passes(kit: Kit) -> None:
    ran = kit.grade(ANSWER)
    assert ran.code == 0
    exercise = ran.exercise("01_answer")
    assert (exercise["verdict"], exercise["points"], exercise["max_points"]) == ("passed", 2, 2)
    assert ran.verdicts("01_answer") == ["passed", "passed"]


def test_a_wrong_answer_fails_with_rule_call_and_both_values(kit: Kit) -> None:
    ran = kit.grade(ANSWER.replace("42", "41"))
    assert ran.code == 1
    test = ran.exercise("01_answer")["tests"][0]
    assert test["verdict"] == "failed"
    assert test["rule"] == "answer returns 42."
    assert (test["call"], test["expected"], test["got"]) == ("answer()", "42", "41")
    assert test["where"] == "channel.c:3"
    assert test["sentences"] == [{"where": "exercises/01_answer/channel.h:3", "text": "Returns 42."}]
    assert "exercises/01_answer/channel.h:3 says:\n    Returns 42.\n" in ran.out
    assert "make hint EX=01" in ran.out
    assert "make replay EX=01 TEST=the_answer_is_42" in ran.out
    assert "Of what is it the answer?" in ran.out
    assert "work/01_answer/channel.c:3" in ran.out


def test_a_crash_is_told_with_the_line(kit: Kit) -> None:
    test = kit.grade(with_body("*(volatile int *)16 = 1;")).exercise("01_answer")["tests"][0]
    assert (test["verdict"], test["where"]) == ("crashed", "channel.c:5")


def test_a_crash_is_told_without_a_sanitizer_too(kit: Kit) -> None:
    ran = kit.grade(with_body("*(volatile int *)16 = 1;"), variant="plain")
    assert ran.verdicts("01_answer") == ["crashed", "crashed"]


HELPER = """#include "channel.h"
#include <assert.h>
#include <stdlib.h>
static void check(int good)
{
    STATEMENT
}
int answer(void)
{
    volatile int n = 41;
    check(n == 42);
    return n;
}
"""


@pytest.mark.parametrize(
    ("statement", "line", "said"),
    [
        ("assert(good);", 11, "assert(good) failed in check, line 6 of channel.c"),
        ("assert(good != 0);", 6, "assert(good != 0) failed in check, line 6 of channel.c"),  # may be wrong itself
        ("if (!good) abort();", 6, "answer calls abort() in check, line 6"),
    ],
)
def test_who_called_the_helper_that_crashed_is_told(kit: Kit, statement: str, line: int, said: str) -> None:
    ran = kit.grade(HELPER.replace("STATEMENT", statement), variant="interleave")
    test = ran.exercise("01_answer")["tests"][0]
    assert (test["verdict"], test["where"]) == ("crashed", f"channel.c:{line}")
    assert test["message"] == f"{said}, called by answer, line 11."


def test_where_a_helper_was_called_is_told_though_the_compiler_put_it_into_its_caller(kit: Kit) -> None:
    text = HELPER.replace("STATEMENT", "*(volatile int *)16 = good;").replace("void check", "inline void check")
    ran = kit.grade(text.replace("static", "__attribute__((always_inline)) static"), variant="interleave")
    said = "answer writes through a NULL pointer in check, line 6, called by answer, line 11."
    assert ran.exercise("01_answer")["tests"][0]["message"] == said


def test_a_use_after_free_is_told_with_the_line(kit: Kit) -> None:
    body = "char *volatile p = malloc(4); free(p); p[1] = 1;"
    test = kit.grade(with_body(body, "#include <stdlib.h>\n")).exercise("01_answer")["tests"][0]
    assert (test["verdict"], test["where"]) == ("use_after_free", "channel.c:6")


def test_a_leak_is_a_leak(kit: Kit) -> None:
    body = "char *volatile p = malloc(4); p = 0; (void)p;"
    ran = kit.grade(with_body(body, "#include <stdlib.h>\n"))
    assert ran.verdicts("01_answer") == ["leak", "leak"]


def test_an_overflow_is_misuse(kit: Kit) -> None:
    body = "char *volatile p = malloc(4); p[4] = 1; free(p);"
    ran = kit.grade(with_body(body, "#include <stdlib.h>\n"))
    assert ran.verdicts("01_answer") == ["misuse", "misuse"]


def test_a_race_is_a_race(kit: Kit) -> None:
    text = """#include <pthread.h>
#include "channel.h"
static int shared;
static void *add(void *arg)
{
    shared++;
    return arg;
}
int answer(void)
{
    pthread_t thread;
    pthread_create(&thread, 0, add, 0);
    shared++;
    pthread_join(thread, 0);
    return 42;
}
"""
    test = kit.grade(text, variant="tsan").exercise("01_answer")["tests"][0]
    assert test["verdict"] == "race"
    assert test["where"] in ("channel.c:6", "channel.c:13")


def test_a_hang_is_a_deadlock_with_its_stack_and_soon(kit: Kit) -> None:
    body = "pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER; pthread_mutex_lock(&m); pthread_mutex_lock(&m);"
    kit.grade(ANSWER)  # build the suite
    begun = time.monotonic()
    ran = kit.grade(with_body(body, "#include <pthread.h>\n"))
    assert ran.verdicts("01_answer") == ["deadlock", "deadlock"]
    assert ran.exercise("01_answer")["tests"][0]["where"] == "channel.c:6"
    assert "pthread_mutex_lock" in ran.out
    assert time.monotonic() - begun < 60


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the numbers of calls are those of x86-64")
@pytest.mark.parametrize(
    ("blocked", "call", "its_own"),
    [
        ("fffffffe7ffbfeff", "230", True),  # as gcc 12 has it
        ("fffffffe3ffbfeff", "35", True),  # as gcc 14 has it
        ("fffffffe3ffbea07", "35", True),  # as gcc 16 has it
        ("fffffffe3ffbfeff", "202", False),  # waits for a lock
        ("0000000000000000", "35", False),
        ("0000000000004002", "230", False),
        ("fffffffe3ffbaa07", "35", False),  # SIGTERM gets through
    ],
)
def test_a_thread_of_the_sanitizer_is_known_by_its_signals(
    blocked: str, call: str, its_own: bool, tmp_path: Path
) -> None:
    (tmp_path / "status").write_text(f"Name:\tmain\nSigBlk:\t{blocked}\nSigIgn:\t0000000000000000\n")
    (tmp_path / "syscall").write_text(f"{call} 0x7ffff45fe6b0 0x7ffff45fe6b0 0x0 0x8 0x0 0x0 0x7fff 0x7ffff6ec3c1f\n")
    assert hang._is_sanitizers(str(tmp_path)) is its_own


def test_threads_of_the_sanitizer_do_not_hide_a_deadlock(kit: Kit) -> None:
    text = """#include "channel.h"
#include <pthread.h>
#include <semaphore.h>

static void *wait_for_ever(void *semaphore)
{
    sem_wait(semaphore);
    return 0;
}

int answer(void)
{
    sem_t semaphore;
    pthread_t thread;
    sem_init(&semaphore, 0, 0);
    pthread_create(&thread, 0, wait_for_ever, &semaphore);
    pthread_join(thread, 0);
    return 42;
}
"""
    assert kit.grade(text, variant="tsan").verdicts("01_answer") == ["deadlock", "deadlock"]


def test_leaving_with_exit_0_is_no_pass(kit: Kit) -> None:
    ran = kit.grade(with_body("exit(0);", "#include <stdlib.h>\n"))
    assert ran.code == 1
    assert ran.verdicts("01_answer") == ["exited_early", "exited_early"]
    assert "exit(0)" in ran.out


def test_leaving_by_a_system_call_is_no_pass(kit: Kit) -> None:
    ran = kit.grade(with_body("syscall(SYS_exit_group, 0);", "#include <sys/syscall.h>\n#include <unistd.h>\n"))
    assert "passed" not in ran.verdicts("01_answer")


def test_a_forged_record_is_no_pass(kit: Kit) -> None:
    body = """char line[] = "{\\"nonce\\":\\"\\",\\"test\\":\\"the_answer_is_42\\",\\"verdict\\":\\"passed\\"}\\n";
    for (int fd = 3; fd < 64; fd++)
        if (write(fd, line, sizeof line - 1) < 0)
            continue;
    _exit(0);"""
    ran = kit.grade(with_body(body, "#include <unistd.h>\n"))
    assert "passed" not in ran.verdicts("01_answer")


def test_garbage_on_stdout_changes_nothing(kit: Kit) -> None:
    body = r'fwrite("\xff\xfe\0\x1b[2J [  FAILED  ]\n", 1, 20, stdout); fflush(stdout);'
    assert kit.grade(with_body(body, "#include <stdio.h>\n")).code == 0


def test_a_flood_on_stdout_changes_nothing(kit: Kit) -> None:
    body = 'for (int i = 0; i < 20000; i++) printf("%01000d\\n", i);'
    assert kit.grade(with_body(body, "#include <stdio.h>\n"), variant="plain").code == 0


def test_a_grandchild_that_holds_stdout_is_ended(kit: Kit) -> None:
    seconds = f"47{os.getpid()}"  # nobody else's
    body = (
        f'if (fork() == 0) {{ setsid(); if (fork() == 0) execlp("sleep", "sleep", "{seconds}", (char *)0); _exit(0); }}'
    )
    begun = time.monotonic()
    ran = kit.grade(with_body(body, "#include <unistd.h>\n"), variant="plain")
    assert ran.report
    assert time.monotonic() - begun < 60
    listing = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
    assert f"sleep {seconds}" not in listing


def test_what_does_not_compile_is_told_with_line_and_cause(kit: Kit) -> None:
    ran = kit.grade(ANSWER.replace("42", "forty_two"))
    assert ran.code == 1
    assert ran.exercise("01_answer")["verdict"] == "build_failed"
    assert ran.exercise("01_answer")["max_points"] == 2
    assert ran.exercise("01_answer")["tests"][0]["where"] == "channel.c:5"
    assert "work/01_answer/channel.c:5" in ran.out
    assert "misspelt" in ran.out


def test_a_warning_is_told_and_explained_also_when_nothing_was_compiled_again(kit: Kit) -> None:
    text = ANSWER.replace("return 42", "int n;\n    return n ? n : 42") + "/* reads what nobody wrote */\n"
    for _ in range(2):
        ran = kit.grade(text, variant="plain")
        assert "channel.c:6: the compiler warns" in ran.out
        assert "read before anything was written to it" in ran.out


def test_the_size_of_a_pointer_is_warned_of(kit: Kit) -> None:
    text = "#include <string.h>\n" + ANSWER.replace(
        "return 42", "char n[] = {42, 0}, *p = n, to[9];\n    memcpy(to, p, sizeof(p));\n    return *p"
    )
    ran = kit.grade(text, variant="plain")
    assert "channel.c:7: the compiler warns" in ran.out and "is the size of the pointer" in ran.out


def test_a_warning_stands_beside_the_failure_it_may_explain(kit: Kit) -> None:
    ran = kit.grade(ANSWER.replace("return 42", "int n;\n    return n ? 41 : 40"), variant="plain")
    said = ("Also in", "channel.c:6: a promise is broken\n", "The compiler warns", "next  ")
    places = [ran.out.index(words) for words in said]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("char *p = malloc(1); p[0] = 42; return p[0];", "#include <stdlib.h> is missing"),
        ("int n = 42, *p = n; return *p;", "A number stands where a pointer should"),
        ("long n = 42; int *p = &n; return *p;", "These two pointers don't point to the same kind of thing"),
    ],
    ids=["implicit declaration", "a number for a pointer", "incompatible pointers"],
)
def test_what_newer_compilers_refuse_every_compiler_does(kit: Kit, line: str, said: str) -> None:
    ran = kit.grade(ANSWER.replace("return 42;", line))
    assert ran.exercise("01_answer")["verdict"] == "build_failed"
    assert said in " ".join(ran.out.split()) and "-Werror" not in ran.out


def test_no_warning_without_a_cause(kit: Kit) -> None:
    ran = kit.grade(ANSWER)
    assert "the compiler warns" not in ran.out and "would not be run" not in ran.out


def test_what_a_class_would_refuse_is_graded_and_told_also_when_nothing_was_compiled_again(kit: Kit) -> None:
    text = ANSWER + "\nint main(void)\n{\n    return 0;\n}\n"
    for _ in range(2):
        ran = kit.grade(text, variant="plain")
        assert ran.exercise("01_answer")["verdict"] == "passed"
        assert "work/01_answer/channel.c: handed in, it would not be run" in ran.out
        assert "It defines main" in ran.out


def test_a_file_beside_that_is_included_is_not_handed_in_and_that_is_told(kit: Kit) -> None:
    text = ANSWER.replace("return 42", "return ANSWER").replace('"channel.h"\n', '"channel.h"\n#include "own.h"\n')
    own = kit.write("exercises/01_answer/own.h", "#define ANSWER 42\n")
    try:
        kit.write("exercises/01_answer/channel.c", text)
        ran = kit.run("grade", ex="01", variant="plain")
        kit.write("exercises/01_answer/channel.c", f'{ANSWER}/* #include "own.h" */\n')
        alone = kit.run("grade", ex="01", variant="plain")
    finally:
        own.unlink()
    assert ran.exercise("01_answer")["verdict"] == "passed"
    assert "exercises/01_answer/channel.c:2: handed in, it would not be run" in ran.out
    assert "It includes own.h, and only channel.c is handed in." in ran.out
    assert "own.h" not in alone.out and "handed in" not in alone.out


def test_a_function_left_out_is_named(kit: Kit) -> None:
    ran = kit.grade(ANSWER, exercise="02_twice")
    assert ran.exercise("02_twice")["verdict"] == "build_failed"
    assert ran.verdicts("02_twice") == ["passed", "passed", "build_failed"]
    assert "twice is called, but nowhere defined" in ran.out


def test_an_empty_file_does_not_build(kit: Kit) -> None:
    assert kit.grade("").exercise("01_answer")["verdict"] == "build_failed"


def test_latin_1_and_crlf_are_fine(kit: Kit) -> None:
    text = ANSWER.replace("\n", "\r\n").encode() + "/* Grüße */\r\n".encode("latin-1")
    assert kit.grade(text).code == 0


def test_latin_1_in_an_error_message_is_fine(kit: Kit) -> None:
    ran = kit.grade(ANSWER.encode() + 'int x = "Grüße"'.encode("latin-1"))
    assert ran.exercise("01_answer")["verdict"] == "build_failed"


def test_binary_garbage_does_not_build(kit: Kit) -> None:
    ran = kit.grade(bytes(range(256)) * 40)
    assert ran.exercise("01_answer")["verdict"] == "build_failed"


def test_names_of_the_kit_are_free_to_use(kit: Kit) -> None:
    text = ANSWER + "int check;\nvoid explore(void) {}\nint join(void) { return 0; }\nint record_write;\n"
    assert kit.grade(text).code == 0


def test_a_stub_is_not_started(kit: Kit) -> None:
    ran = kit.run("grade")
    assert ran.code == 1
    assert [e["verdict"] for e in ran.report["exercises"]] == ["not_started"] * 4
    assert ran.report["exercises"][1]["max_points"] == 3


def test_an_edited_stub_is_not_started_either(kit: Kit) -> None:
    text = '#include "channel.h"\n#include "../todo.h"\n/* mine */\nint answer(void)\n{\n    TODO("answer");\n}\n'
    ran = kit.grade(text)
    assert ran.exercise("01_answer")["verdict"] == "not_started"
    assert ran.verdicts("01_answer") == ["not_implemented", "not_implemented"]


def test_a_missing_file_is_not_started_and_named(kit: Kit) -> None:
    (kit.root / "exercises/01_answer/channel.c").unlink()
    ran = kit.run("grade", ex="01")
    assert ran.exercise("01_answer")["verdict"] == "not_started"
    assert "channel.c is missing" in ran.out


# ------------------------------------------------------------- what the scheduler can't follow

FENCE = "mfence" if platform.machine() == "x86_64" else "dmb ish"


@pytest.mark.parametrize(
    "statement, named",
    [
        ("pthread_cancel(pthread_self());", "pthread_cancel"),
        (f'__asm__ volatile("{FENCE}" ::: "memory");', f"inline assembly ({FENCE.partition(' ')[0]})"),
        ("syscall(SYS_swapon, 0, 0);", "syscall(swapon)"),
        ("syscall(SYS_futex, 0, 0, 0, 0, 0, 0);", ""),
        ('asm volatile("" ::: "memory");', ""),
        ("__atomic_thread_fence(__ATOMIC_SEQ_CST);", ""),
    ],
)
def test_what_cannot_be_followed_is_graded_on_real_threads_and_named(kit: Kit, statement: str, named: str) -> None:
    includes = "".join(f"#include <{name}.h>\n" for name in ("pthread", "sys/syscall", "unistd"))
    code = with_body(f"if (getpid() < 0) {{ {statement} }}", includes)
    ran = kit.run("grade", ex="01", src=kit.submit(code), variant="interleave")
    assert ran.code == 0
    assert ("the scheduler can't follow" in ran.out) == bool(named)
    assert named in ran.out


def test_the_lists_of_names_that_c_and_python_keep_are_the_same() -> None:
    """What a runtime can say is a verdict of ours, and a status is told by the name the header gives it."""
    in_c = re.findall(r"^    X\([A-Z_]+, (\w+)\)", (ROOT / "grader/suite/runtime.h").read_text(), re.MULTILINE)
    assert "race" in in_c and set(in_c) == set(OF_TESTS) - {"build_failed", "skipped"}
    header = (ROOT / "exercises/01_single_thread/channel.h").read_text()
    statuses = re.findall(r"^    (CHANNEL_\w+)", header.partition("enum channel_status {")[2].partition("};")[0], re.M)
    told = (ROOT / "grader/suite/check.c").read_text().partition("channel_status_names[]")[2].partition("};")[0]
    assert len(statuses) == 7 and re.findall(r'"(\w+)"', told) == statuses
    assert f'"{diagnostics.EARLY}"' in (ROOT / "grader/suite/deadlines.h").read_text()
