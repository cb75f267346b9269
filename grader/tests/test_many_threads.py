"""Code that has more threads than the scheduler follows."""

from __future__ import annotations

from pathlib import Path

from grader.exercises import by_name
from grader.grading import build, isolation, runner
from grader.grading.build import Unit
from grader.grading.submission import Code, Source

TEST = "three_hundred_channels_share_no_state"


def test_a_thread_for_each_channel_is_judged_on_real_threads() -> None:
    path = Path(__file__).parent / "threads" / "cleaning_thread.c"
    code = Code("02_blocking", (Source("02_blocking", "channel.c", path.read_bytes(), path),))
    unit = Unit(code, by_name("01_single_thread"), "interleave")
    isolation.prepare()
    assert not build.build([unit], 2)
    followed = runner._run_once(unit, TEST, {}, isolation.AS_IT_IS, None)
    assert followed.facts["too_many_threads"] and followed.verdict == "misuse"
    judged = runner.run_test(unit, TEST)
    assert (judged.verdict, judged.variant) == ("passed", "interleave")
