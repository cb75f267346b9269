"""What is seen on real threads of those that should be asleep. (How much a thread that spins gets of the processor,
and so whether it is told, is up to what else the machine does.)"""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.exercises import SOLUTIONS, by_name
from grader.grading import build, isolation, runner
from grader.grading.build import Unit
from grader.grading.submission import Code, Source

EXERCISE = by_name("02_blocking")
SLEEP = "pthread_cond_wait(&ch->readable, &ch->lock);"


def _polling_every(milliseconds: int) -> str:
    nap = f"nanosleep(&(struct timespec){{.tv_nsec = {milliseconds} * 1000000L}}, NULL);"
    return f"{{ pthread_mutex_unlock(&ch->lock); {nap} pthread_mutex_lock(&ch->lock); }}"


@pytest.mark.parametrize(
    ("sleep", "verdict", "said"),
    [
        (SLEEP, "passed", ""),
        (_polling_every(1), "no_progress", "A thread polls"),
        (_polling_every(10), "no_progress", "A thread polls"),
    ],
)
def test_who_should_sleep_is_watched(sleep: str, verdict: str, said: str) -> None:
    path = SOLUTIONS / EXERCISE.name / "channel.c"
    text = path.read_text(encoding="utf-8")
    assert text.count(SLEEP) == 1
    data = ("#include <time.h>\n" + text.replace(SLEEP, sleep)).encode()
    code = Code(EXERCISE.name, (Source(EXERCISE.name, "channel.c", data, Path(path)),))
    unit = Unit(code, EXERCISE, "plain")
    isolation.prepare()
    assert not build.build([unit], 2)
    result = runner.run_test(unit, "a_receiver_sleeps_and_does_not_poll")
    assert (result.verdict, result.message[: len(said)]) == (verdict, said), result.message
