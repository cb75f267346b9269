"""A struct that is copied as an argument or a result, of which gcc tells the scheduler nothing: clang compiles the code
then, and where there is none, that is said."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from grader.exercises import ROOT
from grader.grading import by_value
from grader.tests.conftest import Kit

NO_OTHER = {"OTHER_CC": ""}

needs_gcc = pytest.mark.skipif(
    "clang" in subprocess.getoutput("cc --version"), reason="clang, as cc, tells of all structs"
)
needs_clang = pytest.mark.skipif(shutil.which("clang") is None, reason="clang is not installed")

# What another thread may know of stands in lines that say so.
CALLS = r"""
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
struct big { long numbers[8]; };
struct small { int number; };
struct node { struct big big; struct small small; struct node *next; void (*drop)(void *); };
extern struct big g(void), one_1, many[4], *it;
extern volatile struct big changing;
extern struct small of_small(void);
extern void f(struct big), small(struct small), fill(struct big *), each(int, void (*)(void *), struct big *);
extern int count;
long double wide(long double);
struct big twice(struct big (*h)(struct big), struct big *p)
{
    *p = h(*p); /* told */
    return *p;
}
void arguments(struct node *n, int i, struct big rows[2][3])
{
    f(n->big); /* told */
    small(n->small); /* told */
    f(n->next->next->big); /* told */
    f(*it); /* told */
    f(it[i]); /* told */
    f(one_1); /* told */
    f(many[i]); /* told */
    f(many[1]); /* told */
    f(changing); /* told */
    f(rows[i][1]); /* told */
    f(*(struct big *)((char *)n + 8)); /* told */
}
struct big *results(struct node *n, int i)
{
    static struct big kept;
    n->big = g(); /* told */
    n->small = of_small(); /* told */
    *it = g(); /* told */
    one_1 = g(); /* told */
    many[i] = g(); /* told */
    changing = g(); /* told */
    kept = g(); /* told */
    return &kept;
}
void of_ones_own(struct big argument, int i)
{
    struct big local = g(), two[2] = {{{i}}};
    f(local);
    f(argument);
    f(two[1]);
    f((struct big){{i}});
    f(i ? *it : local);
    argument = g();
    f(argument);
}
void known_to_others(void)
{
    struct big local;
    fill(&local);
    f(local); /* told */
    local = g(); /* told */
    fill(&local);
}
struct big handed_on(void)
{
    return g();
}
void no_copies(struct node *n, pthread_t *thread, long *number, long double *real, struct big *to, const char *text)
{
    printf("f (*_3); one_1 = g (); %s\n", text);
    n->drop(n);
    n->drop(&n->big);
    each(count++, free, &many[count]);
    each(count, n->drop, it);
    *number = strtol(text, NULL, 10);
    *real = wide(*real);
    *to = *it;
    __builtin_memcpy(to, &one_1, sizeof *to);
    pthread_create(thread, NULL, (void *(*)(void *))n->drop, n);
    __atomic_store_n(number, labs(*number), __ATOMIC_RELEASE);
}
"""

# A race that goes through a copy, and another one the other way.
RACE = """#include <pthread.h>
#include "channel.h"

struct score {
    long points[8];
};

static struct score best;

static __attribute__((noinline)) long sum(struct score it)
{
    return it.points[0] + it.points[7];
}

static __attribute__((noinline)) struct score one_more(long points)
{
    return (struct score){{points + 1}};
}

static void *play(void *own)
{
    PLAY;
    return own;
}

int answer(void)
{
    struct score own = {{0}};
    pthread_t player;
    long points = own.points[0];

    pthread_create(&player, 0, play, &own);
    LOOK;
    pthread_join(player, 0);
    RESULT;
    return 42 + (points < 0);
}
"""
PASSED = {"PLAY": "best.points[7] = 1", "LOOK": "points = sum(best)", "RESULT": "(void)one_more"}
OF_A_FRAME = PASSED | {"PLAY": "((struct score *)own)->points[7] = 1", "LOOK": "points = sum(own)"}
RETURNED = {"PLAY": "best = one_more(1)", "LOOK": "points = best.points[0]", "RESULT": "(void)sum"}
IN_ORDER = {"PLAY": "best = one_more(1)", "LOOK": "(void)best", "RESULT": "points = sum(best)"}


def program(parts: dict[str, str]) -> str:
    text = RACE
    for name, words in parts.items():
        text = text.replace(f"{name};", f"{words};")
    return text


@needs_gcc
def test_copies_are_found_where_another_thread_may_know_of_them(tmp_path: Path) -> None:
    source, dump = tmp_path / "calls.c", tmp_path / "dump"
    source.write_text(CALLS)
    kits = "include grader/build.mk\nwords:;@echo $(CFLAGS_interleave) $(WRITTEN)\n"
    make = ["make", "-s", "-f", "-", "words"]
    words = subprocess.run(make, input=kits, cwd=ROOT, capture_output=True, text=True, check=True)
    options = ["-std=gnu11", "-O1", "-fno-builtin", *words.stdout.replace("/dev/null", str(dump)).split()]
    subprocess.run(["cc", *options, "-c", "-o", tmp_path / "calls.o", source], check=True)
    told = [f"calls.c:{n}" for n, line in enumerate(CALLS.splitlines(), 1) if "/* told */" in line]
    assert by_value.places(dump.read_text()) == told and len(told) > 20


@needs_gcc
@needs_clang
@pytest.mark.parametrize("parts", [PASSED, OF_A_FRAME, RETURNED], ids=["passed", "of_a_frame", "returned"])
def test_a_race_through_a_copy_is_found_with_clang_and_told_as_unseen_without(kit: Kit, parts: dict[str, str]) -> None:
    text = program(parts)
    line = next(n for n, words in enumerate(text.splitlines(), 1) if re.search(r"sum\([bo]|one_more\(1", words))
    for _ in range(2):  # also when nothing is run again
        ran = kit.grade(text, variant="interleave", env=NO_OTHER)
        assert (ran.code, ran.verdicts("01_answer")) == (0, ["passed", "passed"])
        assert f"01_answer/channel.c:{line}: races are not seen here" in ran.out and "once it is installed" in ran.out
    for _ in range(2):  # and as soon as clang is there
        ran = kit.grade(text, variant="interleave")
        assert ran.verdicts("01_answer") == ["race", "race"]
        assert "not seen" not in ran.out


@pytest.mark.parametrize("compiler", ["cc", "clang"])
def test_copies_in_order_are_right(kit: Kit, compiler: str) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    ran = kit.grade(program(IN_ORDER), variant="interleave", env={"CC": compiler})
    assert (ran.code, ran.verdicts("01_answer")) == (0, ["passed", "passed"])
    assert ("not seen" in ran.out) == (shutil.which("clang") is None)


@needs_gcc
@pytest.mark.parametrize("clang", ["exit 1", 'exec cc "$@" -DUNLIKE_GCC'], ids=["compile", "link"])
def test_what_clang_can_not_compile_or_link_is_as_it_was(kit: Kit, tmp_path: Path, clang: str) -> None:
    fake = tmp_path / "clang"
    fake.write_text(f"#!/bin/sh\n{clang}\n")
    fake.chmod(0o755)
    nowhere = f"{PASSED['RESULT']};\n#ifdef UNLIKE_GCC\n    nowhere();\n#endif\n    (void)0"
    text = "void nowhere(void);\n" + program(PASSED | {"RESULT": nowhere})
    ran = kit.grade(text, variant="interleave", env={"OTHER_CC": str(fake)})
    assert (ran.code, ran.verdicts("01_answer")) == (0, ["passed", "passed"])
    assert "races are not seen here" in ran.out and "make grade CC=clang" in ran.out


@needs_gcc
def test_a_program_that_is_tried_is_told_so_too(kit: Kit) -> None:
    text = program(PASSED).replace('#include "channel.h"\n', "").replace("int answer", "int main")
    kit.write("race.c", text.replace("return 42 + (points < 0)", "return points < 0"))
    ran = kit.run("try", file="race.c", env=NO_OTHER)
    assert ran.code == 0 and re.search(r"nothing is wrong .*\nrace.c:\d+: A struct is copied here", ran.out)
