"""Mutants: what is changed, in which order, what becomes of them; and sixty of them, fixed by the seed."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from grader.exercises import Exercise, all_exercises, find, shown
from grader.selfcheck import implementations
from grader.selfcheck.mutants import equivalent, population, source
from grader.selfcheck.mutants.operators import OPERATORS, changes
from grader.selfcheck.mutants.population import Mutant
from grader.tests.conftest import SOLUTIONS, Kit, environment

pytestmark = pytest.mark.skipif(not source.available(), reason="libclang's Python binding is not installed")

HEAD = """#include "channel.h"
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>
struct thing { pthread_mutex_t lock; pthread_cond_t ready; bool open; bool full; size_t count; atomic_int turns; };
static bool is_open(struct thing *t) { return t->open; }
static bool is_full(struct thing *t) { return t->full; }
"""

# A kind of change, a function's body, and what becomes of it; spaces don't count.
KINDS = [
    ("statement left out", "t->count = 1; is_full(t);", "t->count = 1; ;"),
    ("statement left out", "while (1) break;", "while (1) ;"),
    ("neighbours swapped", "t->count = 1; free(t);", "free(t); t->count = 1;"),
    (
        "neighbours swapped",
        "*t = (struct thing){.count = 1}; if (t->open) free(t);",
        "if (t->open) free(t); *t = (struct thing){.count = 1};",
    ),
    ("condition negated", "if (t->count) free(t);", "if (!(t->count)) free(t);"),
    ("condition constant", "while (t->open) free(t);", "while (1) free(t);"),
    ("condition constant", "for (; is_full(t);) free(t);", "for (; ((void)(is_full(t)), 0);) free(t);"),
    ("condition halved", "t->open = t->full && t->count;", "t->open = t->count;"),
    ("condition halved", "t->open = t->full && t->count;", "t->open = t->full || t->count;"),
    ("condition off by one", "t->open = t->count == 2;", "t->open = t->count == (2) + 1;"),
    ("condition off by one", "t->open = t->count < 2;", "t->open = t->count < (2) - 1;"),
    ("< for <=", "t->open = t->count < 2;", "t->open = t->count <= 2;"),
    ("if for while", "while (t->open) free(t);", "if (t->open) free(t);"),
    ("allocation not checked", "int *p = malloc(4); if (!p) return;", "int *p = malloc(4); if (0) return;"),
    ("signal for broadcast", "pthread_cond_broadcast(&t->ready);", "pthread_cond_signal(&t->ready);"),
    (
        "wake-up before the change",
        "pthread_mutex_lock(&t->lock); free(t); t->count = 1; pthread_cond_signal(&t->ready);",
        "pthread_cond_signal(&t->ready); pthread_mutex_lock(&t->lock); free(t); t->count = 1;",
    ),
    ("wake-up before the change", "t->count = 1; sem_post(0);", "sem_post(0); t->count = 1;"),
    (
        "wake-up outside the lock",
        "pthread_mutex_lock(&t->lock); if (t->open) pthread_cond_signal(&t->ready); pthread_mutex_unlock(&t->lock);",
        "pthread_mutex_lock(&t->lock); pthread_mutex_unlock(&t->lock); if (t->open) pthread_cond_signal(&t->ready);",
    ),
    ("lock moved", "pthread_mutex_lock(&t->lock); t->count = 1;", "t->count = 1; pthread_mutex_lock(&t->lock);"),
    ("lock left out", "pthread_mutex_lock(&t->lock); pthread_mutex_unlock(&t->lock);", ";;"),
    (
        "lock left out",
        "pthread_mutex_lock(&t->lock); if (t->open) t->count = 1; pthread_mutex_unlock(&t->lock);",
        (
            "pthread_mutex_lock(&t->lock); if (t->open) { pthread_mutex_unlock(&t->lock); t->count = 1;"
            "pthread_mutex_lock(&t->lock); } pthread_mutex_unlock(&t->lock);"
        ),
    ),
    (
        "memory order weaker",
        "t->turns++; atomic_load(&t->turns);",
        "t->turns++; atomic_load_explicit(&t->turns, memory_order_acquire);",
    ),
    (
        "memory order weaker",
        "atomic_store_explicit(&t->turns, 1, memory_order_release);",
        "atomic_store_explicit(&t->turns, 1, memory_order_relaxed);",
    ),
    (
        "plain for atomic",
        "atomic_store(&t->turns, 2);",
        "({ __typeof__((void)0, *(&t->turns)) *at_ = (void *)(&t->turns); *at_ = (2); (void)0; });",
    ),
    ("fence left out", "atomic_thread_fence(memory_order_seq_cst);", ";"),
    ("free left out", "free(t);", ";"),
    ("free twice", "if (t->open) free(t);", "if (t->open) { free(t); free(t); }"),
    ("integer narrower", "size_t count = 1; t->count = count;", "unsigned short count = 1; t->count = count;"),
    ("another predicate", "if (is_open(t)) free(t);", "if (is_full(t)) free(t);"),
    ("another predicate", "if (t->open) free(t);", "if (t->full) free(t);"),
    (
        "another status",
        "enum channel_status s = CHANNEL_OK; (void)s;",
        "enum channel_status s = CHANNEL_FULL; (void)s;",
    ),
    ("real time for monotonic", "clock_gettime(CLOCK_MONOTONIC, 0);", "clock_gettime(CLOCK_REALTIME, 0);"),
]


def changed(body: str) -> list[tuple[str, str]]:
    """Every change of a function with that body: its kind, and the body then."""
    text = HEAD + "void f(struct thing *t)\n{" + body + "}\n"
    read = source.Source(Path("channel.c"), find("04"), text.encode())
    texts = [(kind, read.changed(change).decode()) for kind, function, change in changes(read) if function.name == "f"]
    return [(kind, "".join(text[text.index("f(struct thing *t)\n{") + 20 : -2].split())) for kind, text in texts]


@pytest.mark.parametrize("kind, body, then", KINDS)
def test_each_kind_of_change(kind: str, body: str, then: str) -> None:
    assert (kind, "".join(then.split())) in changed(body)


def test_no_kind_is_left_out_above() -> None:
    assert {kind for kind, _, _ in KINDS} == set(OPERATORS)


@pytest.mark.parametrize(
    "body",
    [
        "t->open = 1; t->count = 2;",  # neither order can be told
        "pthread_mutex_init(&t->lock, 0); pthread_cond_init(&t->ready, 0);",
        "int x; (void)x;",
    ],
)
def test_what_plainly_can_not_differ_is_not_made(body: str) -> None:
    assert "neighbours swapped" not in [kind for kind, _ in changed(body)]


def test_a_condition_that_compares_answers_is_not_given_another() -> None:
    found = changed("if (channel_create(1, 0, 0) == CHANNEL_OK) free(t);")
    assert "another status" not in [kind for kind, _ in found]


# ------------------------------------------------------------------------------------- the order


def first(exercises: list[Exercise], number: int) -> list[Mutant]:
    return list(islice(population.sequence(exercises, lambda line: None), number))


def test_fewer_are_the_first_of_more_and_one_exercise_is_a_part_of_all() -> None:
    two = [find("01"), find("02")]
    more = first(two, 24)
    assert first(two, 10) == more[:10]
    assert first([two[1]], 12) == [mutant for mutant in more if mutant.design.exercise == two[1]]
    assert len({mutant.content for mutant in more}) == 24


def test_designs_and_kinds_take_turns() -> None:
    mutants = first([find("04")], 16)
    assert len({mutant.design for mutant in mutants}) == 16
    assert len({mutant.kind for mutant in mutants}) > 12


def test_a_mutant_is_known_again_when_other_things_change() -> None:
    text = '#include "channel.h"\nvoid sender_drop(struct sender *tx)\n{\n    if (tx == 0)\n        return;\n}\n'
    design = implementations.known_right(find("01"))[0]

    def ids(content: str) -> set[str]:
        source = replace(population.own_file(design), content=content.encode())
        return {m.id for m in population.of_design(replace(design, code=replace(design.code, sources=(source,))))}

    before = ids(text)
    assert len(before) >= 4
    assert ids("/* new */\nint other;\n" + text.replace("return;", "/* why */ return;")) >= before
    assert not ids(text.replace("tx == 0", "0 == tx")) & before


# --------------------------------------------------------------------------- what becomes of them

DESIGN = """#include "channel.h"
#include <stddef.h>

int answer(void)
{
    volatile size_t six = 6; /* the compiler does not know what it is */
    if (six > 7)
        return 0;
#if 0
    atomic_thread_fence(memory_order_seq_cst);
#endif
    return (int)six * 7;
}
"""


@pytest.fixture
def small(kit: Kit) -> Iterator[Kit]:
    """A kit with one design."""
    for folder in ("solutions/02_twice", "solutions/03_extra", "solutions/04_server"):
        for path in (kit.root / folder).glob("*.c"):
            path.unlink()
    (kit.root / "build/mutants.json").unlink(missing_ok=True)
    kit.write("solutions/01_answer/channel.c", DESIGN)
    yield kit
    (kit.root / "grader/tests/equivalent_mutants.toml").unlink(missing_ok=True)
    for name, text in SOLUTIONS.items():
        kit.write(f"solutions/{name}", text)


def test_survivors_are_shown_until_there_is_a_word_why(small: Kit) -> None:
    ran = small.run("mutants", ex="01", n="50")
    assert ran.code == 1
    assert "+    if (six >= 7)" in ran.out
    ids = [line.split()[1] for line in ran.out.splitlines() if line.startswith("survived: ")]
    assert ids
    listed = "\n".join(f'    "{identity} here",' for identity in ids)
    toml = f'[[equivalent]]\nreason = "6 is far below 7."\nmutants = [\n{listed}\n]\n'
    small.write("grader/tests/equivalent_mutants.toml", toml)
    again = small.run("mutants", ex="01", n="50")
    assert again.code == 0, again.out + again.err
    assert again.out.splitlines()[-1].endswith(", 0 survived")
    assert small.run("mutants-table").out == "docs/mutants.md\n"
    assert "| < for <= | 0 of 1 (1) | 0 of 1 (1) |" in small.read("docs/mutants.md")


def test_who_is_listed_and_caught_is_told(small: Kit) -> None:
    small.run("mutants", ex="01", n="50")
    caught = next(e for e in record(small) if e["outcome"] == "caught")
    toml = f'[[equivalent]]\nreason = "I thought so."\nmutants = ["{caught["id"]} here"]\n'
    small.write("grader/tests/equivalent_mutants.toml", toml)
    assert "listed as equivalent" not in small.run("mutants", ex="01", n="50").out
    ran = small.run("mutants", ex="01", n="50", doubt="1")
    assert ran.code == 1
    assert f"listed as equivalent, but caught: {caught['id']}" in ran.out


def test_what_compiles_to_the_same_code_is_not_run(small: Kit) -> None:
    small.run("mutants", ex="01", n="50")
    fences = [entry for entry in record(small) if entry["kind"] == "memory order weaker"]
    assert fences
    assert {entry["outcome"] for entry in fences} == {"same code"}


def record(kit: Kit) -> list[dict[str, str]]:
    import json

    entries: list[dict[str, str]] = json.loads(kit.read("build/mutants.json"))
    return entries


def test_stopped_it_goes_on_where_it_was(small: Kit) -> None:
    kept = small.root / "build" / "mutants"
    for path in kept.glob("*"):
        path.unlink()
    small.write("solutions/01_answer/channel.c", DESIGN.replace("six", "half_of_12"))
    arguments = [sys.executable, "-m", "grader", "mutants", "--ex", "01", "--n", "50"]
    running = subprocess.Popen(
        arguments, cwd=small.root, env=environment(), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    while not any(kept.glob("*")) and running.poll() is None:
        time.sleep(0.01)
    running.send_signal(signal.SIGINT)
    assert running.communicate(timeout=60)[1] == b"\nStopped.\n"
    assert running.returncode == 130
    before = {path: path.stat().st_mtime_ns for path in kept.glob("*")}
    small.run("mutants", ex="01", n="50")
    after = {path: path.stat().st_mtime_ns for path in kept.glob("*")}
    assert 0 < len(before) < len(after)
    assert before.items() <= after.items()


# ------------------------------------------------------------------------------- those of this kit


def test_what_is_listed_as_equivalent_is_a_mutant_still() -> None:
    """Else the line means nothing any more: the function was changed."""
    listed = [line.split()[:2] for line, _ in equivalent.entries()]
    designs = {
        shown(d.path): d
        for e in all_exercises()
        for d in [*implementations.known_right(e), *implementations.solution(e)]
    }
    made: dict[str, set[str]] = {}
    for identity, place in listed:
        path = place.partition(":")[0]
        if path not in made:
            made[path] = {mutant.id for mutant in population.of_design(designs[path])}
        assert identity in made[path], f"{identity} {place}"
