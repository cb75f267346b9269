"""What is seen on real threads of those that should be asleep."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.exercises import SOLUTIONS, by_name
from grader.grading import build, isolation, runner
from grader.grading.build import Unit
from grader.grading.submission import Code, Source

EXERCISE = by_name("02_blocking")
SLEEP = "pthread_cond_wait(&ch->readable, &ch->lock);"
UNLOCKED = "{{ pthread_mutex_unlock(&ch->lock); {} pthread_mutex_lock(&ch->lock); }}"


def _polling_every(milliseconds: int) -> str:
    return UNLOCKED.format(f"nanosleep(&(struct timespec){{.tv_nsec = {milliseconds} * 1000000L}}, NULL);")


@pytest.mark.parametrize(
    ("sleep", "verdict", "said"),
    [
        (SLEEP, "passed", ""),
        (_polling_every(1), "no_progress", "A thread polls"),
        (_polling_every(20), "no_progress", "A thread polls"),
        (UNLOCKED.format(""), "no_progress", "A thread spins"),
        (UNLOCKED.format("sched_yield();"), "no_progress", "A thread"),
    ],
)
def test_who_should_sleep_is_watched(sleep: str, verdict: str, said: str) -> None:
    path = SOLUTIONS / EXERCISE.name / "channel.c"
    text = path.read_text(encoding="utf-8")
    assert text.count(SLEEP) == 1
    data = ("#include <sched.h>\n#include <time.h>\n" + text.replace(SLEEP, sleep)).encode()
    code = Code(EXERCISE.name, (Source(EXERCISE.name, "channel.c", data, Path(path)),))
    unit = Unit(code, EXERCISE, "plain")
    isolation.prepare()
    assert not build.build([unit], 2)
    result = runner.run_test(unit, "a_receiver_sleeps_and_does_not_poll")
    assert (result.verdict, result.message[: len(said)]) == (verdict, said), result.message
