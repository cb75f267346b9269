"""The models of the contract: the search for an order, and that a wrong model blames the solution."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from grader.exercises import DRAWN, ROOT, SOLUTIONS, by_name
from grader.grading import build, outcome, runner
from grader.grading.build import Unit
from grader.grading.submission import Code, Source
from grader.selfcheck import implementations

HERE = Path(__file__).parent / "model"


def _run(command: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=900)


def test_histories_written_by_hand(tmp_path: Path) -> None:
    program = tmp_path / "linearize"
    flags = "-std=gnu11 -Wall -Wextra -D_GNU_SOURCE -Igrader/suite -Igrader/model -iquote exercises/04_bounded".split()
    sources = [str(HERE / "linearize.c"), "grader/model/linearize.c"]
    built = _run(["cc", *flags, "-o", str(program), *sources, "-lcmocka"], ROOT)
    assert built.returncode == 0, built.stderr
    ended = _run([str(program)], tmp_path)
    assert "[  FAILED  ]" not in ended.stderr and "11 test(s)" in ended.stdout + ended.stderr, ended.stderr


# Each is a sentence of the contract that a model has got wrong: file, what stands there, what is put instead.
WRONG_MODELS = {
    "messages_overtake": (
        "01_single_thread",
        "uint16_t *oldest = place(all, call->object, channel->taken);",
        "uint16_t *oldest = place(all, call->object, channel->sent - 1);",
    ),
    "one_place_less": (
        "04_bounded",
        "return channel->sent - channel->taken < channel->capacity;",
        "return channel->sent - channel->taken + 1 < channel->capacity;",
    ),
    "one_place_more": (
        "04_bounded",
        "return channel->sent - channel->taken < channel->capacity;",
        "return channel->sent - channel->taken < channel->capacity + 1;",
    ),
    "a_clone_is_not_counted": ("01_single_thread", "channel->senders += call->status == CHANNEL_OK;", ""),
    "closed_sends_are_ok": (
        "01_single_thread",
        "channel->has_receiver = false;",
        "channel->has_receiver = true;",
    ),
    "nobody_may_sleep": (
        "02_blocking",
        "return call->kind == RECV && is_empty(channel) && channel->senders > 0;",
        "(void)channel;\n    return false;",
    ),
}


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what a suite is built from."""
    folder = tmp_path_factory.mktemp("kit")
    for name in ("Makefile", "setup.sh"):
        shutil.copy(ROOT / name, folder)
    for name in ("exercises", "solutions", "grader"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("tests", "__pycache__", "build"))
    return folder


@pytest.mark.parametrize("name", WRONG_MODELS)
def test_a_wrong_model_blames_the_solution(name: str, kit: Path) -> None:
    exercise, right, wrong = WRONG_MODELS[name]
    model = kit / "exercises" / exercise / "model.h"
    text = model.read_text()
    suite = "04_bounded"
    target = f"build/interleave/solutions/{suite}/{suite}.suite"
    assert text.count(right) == 1
    model.write_text(text.replace(right, wrong))
    try:
        built = _run(["make", "-s", target], kit)
        assert (kit / target).exists() and built.returncode == 0, built.stderr[-2000:]
        ended = [_run([str(kit / target), test], kit) for test in by_name(suite).tests_in("test_generated.c")]
        assert any("[  FAILED  ]" in one.stdout + one.stderr for one in ended)
    finally:
        model.write_text(text)


def test_on_real_threads_a_sleep_that_nothing_ends_is_a_deadlock() -> None:
    """Drawn calls wake who sleeps at the end. Of a channel that wakes nobody they must give up some time."""
    exercise = by_name("02_blocking")
    path = SOLUTIONS / exercise.name / "channel.c"
    text = path.read_bytes()
    wake = b"pthread_cond_signal(&ch->readable);"
    assert text.count(wake) == 1
    code = Code(exercise.name, (Source(exercise.name, "channel.c", text.replace(wake, b""), path),))
    unit = Unit(code, exercise, "asan")
    assert not build.build([unit], 1)
    result = runner.run_test(unit, "calls_of_several_threads_are_answered_as_in_some_order_of_them")
    assert result.verdict == "deadlock", result.message


# What a generator draws is found by it alone: a known-wrong channel for each kind of thing that is drawn.
DRAWN_KINDS = {
    "memory that nobody has written": "01_single_thread/alive_never_set",
    "memory that runs out": "01_single_thread/no_memory_to_make_it_smaller",
    "two handles when 16 bits are full": "01_single_thread/messages_are_numbered_in_16_bits",
    "a long queue that is all taken": "01_single_thread/place_of_the_oldest_in_16_bits",
    "a large message": "01_single_thread/large_messages_are_left",
    "several spurious wake-ups of a sleeper": "02_blocking/second_signal_ends_the_sleep",
    "a queue of dropped messages that is longer than 16 bits": "03_message_type/counts_what_is_left_in_16_bits",
    "a size with the strictest alignment": "03_message_type/the_message_is_not_aligned",
    "a size times a capacity that is little again": "04_bounded/product_is_compared_with_the_capacity",
    "a byte full of events for a sender": "04_bounded/receives_counted_in_8_bits",
    "two threads alike on two channels": "04_bounded/senders_share_a_condition_with_other_channels",
    "a byte full of handles": "05_deadlines/senders_in_a_byte",
    "a crowd whose time has passed": "06_select/what_many_need_is_kept_on_a_timeout",
    "NULL": "08_ticket_server/join_follows_null",
}


@pytest.mark.parametrize("kind", DRAWN_KINDS)
def test_what_is_drawn_finds_a_channel_that_breaks_by_it(kind: str) -> None:
    exercise, name = DRAWN_KINDS[kind].split("/")
    failure = _drawn_failure(exercise, name)
    assert failure is not None and failure.verdict not in ("timeout", "environment")


def test_calls_that_are_repeated_are_told_as_one_row() -> None:
    failure = _drawn_failure("02_blocking", "sends_counted_in_8_bits")
    assert failure is not None
    (rows,) = (rows for title, rows in failure.sections if title.startswith("The calls"))
    assert len(rows) <= 16
    assert sum(" 256 x sender_send(" in row for row in rows) == 1


def _drawn_failure(exercise_name: str, name: str) -> outcome.TestResult | None:
    exercise = by_name(exercise_name)
    (wrong,) = (one for one in implementations.known_wrong(exercise) if one.name == f"{exercise_name}/{name}")
    unit = Unit(wrong.code, exercise, "interleave")
    assert not build.build([unit], 1)
    results = (runner.run_test(unit, test) for test in exercise.tests_in(DRAWN))
    return next((result for result in results if result.verdict != "passed"), None)
