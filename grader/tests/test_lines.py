"""Cache lines that move are counted as one can count them by hand."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from bench import cache_lines, programs  # noqa: E402
from bench.cache_lines import Counted  # noqa: E402
from bench.measure import Measured  # noqa: E402
from bench.programs import Program  # noqa: E402
from bench.workloads import Workload  # noqa: E402

THREADS, ROUNDS = 4, 100
VISITS = THREADS * ROUNDS

# Threads that hand on a baton, which has a line for each of them, and do some work while they have it.
PROGRAM = """
#include "{root}/bench/program.h"
#include <pthread.h>
#include <stdatomic.h>
enum {{ THREADS = {threads}, ROUNDS = {rounds} }};
static struct {{ _Alignas(64) atomic_int has_it; }} baton[THREADS];
static _Alignas(64) struct {{ _Alignas({apart}) volatile long plain; }} own[THREADS];
static _Alignas(64) atomic_long shared;
static struct {{ _Alignas(64) pthread_mutex_t lock; _Alignas({apart}) long plain; }} locked;
static _Alignas(64) pthread_cond_t cond = PTHREAD_COND_INITIALIZER;

static void *run_with_baton(void *arg)
{{
    long me = (long)arg;
    double began = 0;

    for (long i = 0; i < ROUNDS; i++) {{
        while (!baton[me].has_it)
            continue;
        if (me == 0 && i == 0)
            began = now();
        baton[me].has_it = 0;
        {work};
        baton[(me + 1) % THREADS].has_it = 1;
    }}
    if (me == 0) {{
        while (!baton[me].has_it)
            continue;
        report(now() - began, ROUNDS, 0);
    }}
    return NULL;
}}

int main(void)
{{
    pthread_t threads[THREADS];

    pthread_mutex_init(&locked.lock, NULL);
    for (long i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, run_with_baton, (void *)i);
    baton[0].has_it = 1;
    for (long i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    return 0;
}}
"""


def moves(folder: Path, work: str, apart: int) -> float:
    source = folder / "program.c"
    source.write_text(PROGRAM.format(root=ROOT, threads=THREADS, rounds=ROUNDS, work=work, apart=apart))
    counted = cache_lines.count(cache_lines.build(Program(folder.name, "test", (source,), ())), Workload("", "", "", 0))
    assert counted is not None and counted.sleeps == 0
    return counted.moves * ROUNDS


SWAP = "long other = -1; atomic_compare_exchange_strong(&shared, &other, 1)"
LOCK = "pthread_mutex_lock(&locked.lock); locked.plain++; pthread_mutex_unlock(&locked.lock)"


@pytest.mark.parametrize(
    ("work", "apart", "each"),
    [
        # The baton is written by who hands it on, read by who gets it, and written again.
        pytest.param("", 64, 3.0, id="a hand-over"),
        pytest.param("own[me].plain++", 64, 3.0, id="a line for each"),
        pytest.param("own[me].plain = 1", 8, 4.0, id="one line for all"),
        pytest.param("own[me].plain++", 8, 5.0, id="looked at first, then written"),
        pytest.param("own[me].plain++; own[me].plain++", 8, 5.0, id="the second time it is there"),
        pytest.param("(void)shared", 64, 3.0, id="what is only read is with all"),
        pytest.param("if (me == 0) shared++; else if (shared) (void)shared", 64, 4.0, id="written by one, read by all"),
        pytest.param("shared++", 64, 4.0, id="written by all"),
        pytest.param(SWAP, 64, 4.0, id="a swap that fails fetches the line as one that does not"),
        pytest.param(LOCK, 8, 4.0, id="a lock beside what it guards"),
        pytest.param(LOCK, 64, 6.0, id="a lock in another line"),
        pytest.param("pthread_cond_signal(&cond)", 64, 3.0, id="a signal that nobody waits for"),
    ],
)
def test_moves_are_those_that_can_be_counted_by_hand(tmp_path: Path, work: str, apart: int, each: float) -> None:
    assert abs(moves(tmp_path, work, apart) - each * VISITS) <= 2 * THREADS


def test_the_same_seed_gives_the_same_figures() -> None:
    program = programs.models()[0]
    path = cache_lines.build(program)
    work = Workload("", "", "unbounded", 200, 3)
    assert cache_lines.count(path, work) == cache_lines.count(path, work)


def test_a_wrong_channel_is_told_and_not_counted(tmp_path: Path) -> None:
    code = (ROOT / "solutions" / "02_blocking" / "channel.c").read_text()
    file = tmp_path / "02_blocking" / "channel.c"
    file.parent.mkdir()
    file.write_text(code.replace("pthread_mutex_lock(", "(void)(").replace("pthread_mutex_unlock(", "(void)("))
    path = cache_lines.build(programs.channel(tmp_path.name, "wrong", file, "02_blocking"))
    with pytest.raises(programs.ProgramError, match="without holding the mutex"):
        cache_lines.count(path, Workload("", "", "unbounded", 100, 2))


@pytest.mark.parametrize("model", [program.key for program in programs.models()])
def test_every_message_of_a_model_arrives(model: str) -> None:
    path = cache_lines.build(next(program for program in programs.models() if program.key == model))
    kinds = [key for key in cache_lines.KINDS if cache_lines.count(path, cache_lines.workload(key, 4))]
    assert len(kinds) >= 2
    assert cache_lines.count(path, Workload("", "", "pingpong", 50))


def test_the_order_that_was_counted_is_held_against_the_measured_one() -> None:
    table = {key: {2: Counted(0, time, 0)} for key, time in (("a", 1.0), ("b", 2.0), ("c", 3.0), ("not measured", 9.0))}
    same = {key: Measured(1, [rate]) for key, rate in (("a", 9e6), ("b", 5e6), ("c", 4e6), ("not counted", 1.0))}
    assert cache_lines._rank_correlation(table, same) == pytest.approx(1)
    other = {key: Measured(1, [rate, 1.0]) for key, rate in (("a", 4e6), ("b", 5e6), ("c", 9e6))}
    assert cache_lines._rank_correlation(table, other) == pytest.approx(-1)
