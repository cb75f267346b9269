"""The controlled scheduler's own tests: litmus tests, a program for each verdict, determinism, speed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from grader.grading import runner, story
from grader.grading.submission import Code
from grader.tests import litmus

ROOT = Path(__file__).resolve().parents[2]
HERE = "grader/tests/interleave"
PASSES = {"never": "passed", "right": "passed", "seen": "failed"}
STRATEGIES = ("random", "pct", "pos", "dfs", "dpor")
COMPILERS = [c for c in ("cc", "clang") if shutil.which(c)]


@dataclass(frozen=True)
class Program:
    path: Path
    run_with: tuple[str, ...] = ()

    def tests(self) -> list[str]:
        listed = subprocess.run([*self.run_with, self.path, "--list"], capture_output=True, text=True, check=True)
        return listed.stdout.split()

    def text(self, test: str, **environment: str) -> str:
        """The completion record, byte for byte."""
        clean = {k: v for k, v in os.environ.items() if k not in ("SEED", "SCHEDULES", "STRATEGY", "REPLAY")}
        with tempfile.TemporaryFile() as record:
            subprocess.run(
                [*self.run_with, self.path, test],
                env={**clean, **environment, "SUITE_RECORD": str(record.fileno())},
                pass_fds=[record.fileno()],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=600,
                check=False,
            )
            record.seek(0)
            return record.read().decode()

    def record(self, test: str, **environment: str) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads(self.text(test, **environment))
        return loaded


def build(name: str, compiler: str = "cc", *settings: str) -> Program:
    path = f"build/interleave-tests/{compiler}/{name}.suite"
    make = ["make", "-s", "-j2", "-f", f"{HERE}/Makefile", f"CC={compiler}", *settings, path]
    made = subprocess.run(make, cwd=ROOT, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    return Program(ROOT / path)


def names(source: str) -> list[str]:
    found = re.findall(r"^TEST\((\w+)", (ROOT / HERE / f"{source}.c").read_text(), re.M)
    return list(dict.fromkeys(found))  # one may stand there twice, for either compiler


def message(record: dict[str, Any]) -> str:
    """As it is told, but by thread and object only: no place is looked up."""
    if not record["story"]:
        return str(record["message"])
    return story.message(record["message"], record["facts"], story.Story(record["story"], Code("", ())), "")


def wanted(test: str) -> str:
    word = test.partition("__")[0]
    return PASSES.get(word, word)


@pytest.mark.parametrize(
    "source", ["litmus", "wrong", "right", "rare", "bugs", "sleeps", "undefined", "memory", "many"]
)
@pytest.mark.parametrize("compiler", COMPILERS)
def test_each_program_gets_its_verdict(compiler: str, source: str) -> None:
    program = build(source, compiler)
    assert program.tests() == names(source)
    found = {}
    for test in names(source):
        if compiler == "clang" and "weak_exchange" in test:
            continue  # clang's instrumentation does not say that an exchange is a weak one
        record = program.record(test)
        if record["verdict"] != wanted(test) or record["hint"] not in message(record):
            found[test] = (record["verdict"], message(record))
    assert not found


@pytest.mark.parametrize(
    "test", ["deadlock__two_locks_in_two_orders", "deadlock__signal_where_broadcast_is_due", "failed__if_for_while"]
)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_each_strategy_finds_the_classic_mistakes(strategy: str, test: str) -> None:
    record = build("wrong").record(test, STRATEGY=strategy)
    assert record["verdict"] == wanted(test)
    assert record["schedules"] < 200


def test_the_same_seed_gives_the_same_story_and_another_seed_other_schedules() -> None:
    program = build("wrong")
    test = "deadlock__signal_where_broadcast_is_due"
    first = program.text(test)
    assert all(program.text(test) == first for _ in range(10))
    assert len({program.record(test, SEED=str(seed), STRATEGY="mix")["schedules"] for seed in range(2, 10)}) > 1


@pytest.mark.parametrize("source", ["wrong", "litmus", "memory", "many"])
def test_the_seed_of_a_failure_reproduces_it(source: str) -> None:
    program = build(source)
    for test in names(source):
        record = program.record(test)
        if record["verdict"] in ("passed", "not_implemented") or test == "no_progress__an_empty_loop":
            continue
        assert runner.SCHEDULE.fullmatch(record["seed"])
        again = program.record(test, SEED=record["seed"])
        for key in ("verdict", "message", "seed", "story", "pc", "line"):
            assert again[key] == record[key], (test, key)


def test_one_of_more_than_a_byte_counts_can_be_chosen() -> None:
    seed = build("many").record("failed__one_of_many_wakes_without_cause")["seed"]
    assert max(int(choice, 36) for choice in re.findall(r"\.(\w+)", seed)) > 255


def told(record: dict[str, Any]) -> list[tuple[Any, ...]]:
    return [(e["thread"], e["op"], e["text"], e["switch"]) for e in record["story"]["events"]]


@pytest.mark.parametrize("compiler", COMPILERS)
def test_a_loop_without_a_call_is_ended_by_a_count(compiler: str) -> None:
    """No clock runs in that program; uncounted, its loops would use up the processor time that is given."""
    program = Program(build("loops", compiler).path, ("sh", "-c", 'ulimit -t 20; exec "$@"', "sh"))
    found = {}
    for test in names("loops"):
        text = program.text(test)
        record = json.loads(text)
        if record["verdict"] != wanted(test) or record["hint"] not in message(record):
            found[test] = (record["verdict"], message(record))
        elif program.text(test) != text:
            found[test] = ("another verdict, message or schedule the second time", "")
    assert not found


def test_a_test_that_uses_up_its_processor_time_says_so() -> None:
    program = build("right")
    with tempfile.TemporaryFile() as record:
        subprocess.run(
            ["sh", "-c", f'ulimit -t 1; exec "{program.path}" right__read_write_locks'],
            env={**os.environ, "SCHEDULES": "100000000", "STRATEGY": "mix", "SUITE_RECORD": str(record.fileno())},
            pass_fds=[record.fileno()],
            capture_output=True,
            check=False,
        )
        record.seek(0)
        assert json.load(record)["verdict"] == "timeout"


@pytest.mark.skipif(len(COMPILERS) < 2, reason="one compiler only")
def test_both_compilers_tell_the_same_story() -> None:
    programs = [build("wrong", compiler) for compiler in COMPILERS]
    for test in names("wrong"):
        # Not races: of a read and a write in one statement clang's code tells the write only.
        if test.startswith(("deadlock", "failed__if", "use_after_free", "leak")):
            first, second = (program.record(test) for program in programs)
            assert told(first) == told(second), test
            assert first["message"] == second["message"]


def test_a_story_is_complete() -> None:
    record = build("wrong").record("deadlock__two_locks_in_two_orders")
    story = record["story"]
    sample = json.loads((ROOT / HERE / "sample_story.json").read_text())
    assert story.keys() == sample.keys()
    for part in ("threads", "objects", "events", "ends"):
        assert story[part][0].keys() == sample[part][0].keys(), part
    assert {end["state"] for end in story["ends"]} == {"asleep"}
    assert len([e for e in story["events"] if e["switch"]]) <= 3
    assert story["events"][-1]["op"] == "fails"


@pytest.mark.parametrize(
    ("test", "words"),
    [
        ("two_stores_each_and_both_first_ones_last", "stores 2 in {}; this store is overtaken by that of 1 by {t1}"),
        ("a_read_modify_write_is_overtaken", "changes {} from 0 to 1; this store is overtaken by that of 5 by {t1}"),
        (
            "a_failed_exchange_reads_an_old_value",
            (
                "does not change {}: it reads an older value, which is another one: "
                "nothing makes the newer one visible yet"
            ),
        ),
    ],
)
def test_a_story_tells_what_meets_an_older_store(test: str, words: str) -> None:
    events = build("litmus").record(f"seen__{test}")["story"]["events"]
    assert words in [re.sub(r"{\d+}", "{}", event["text"]) for event in events]


@pytest.mark.parametrize(
    ("test", "waker"),
    [
        ("deadlock__two_locks_in_two_orders", r"lock_other_first, by unlocking mutex 2"),
        ("deadlock__signal_where_broadcast_is_due", r"a signal .* the last was by the test, at step [1-9]\d*"),
        ("deadlock__nobody_signals", r"a signal or broadcast on the condition variable; there was none"),
        ("deadlock__semaphore", r"a sem_post on the semaphore"),
        ("deadlock__futex_of_another_bit", r"a FUTEX_WAKE on the futex"),
        ("deadlock__an_eventfd_read_twice", r"a write to the eventfd"),
        ("deadlock__a_pipe_that_fills", r"a read from the pipe"),
        ("deadlock__one_too_few_at_a_barrier", r"1 more to arrive at the barrier"),
    ],
)
def test_what_would_have_woken_a_sleeper_is_known(test: str, waker: str) -> None:
    source = "wrong" if test in names("wrong") else "sleeps"
    told = story.Story(build(source).record(test)["story"], Code("", ()))
    assert any(re.fullmatch(waker, note.text) for note in told.wakers), [note.text for note in told.wakers]


@pytest.mark.parametrize("compiler", COMPILERS)
def test_what_was_never_written_is_told_with_its_allocation(compiler: str) -> None:
    program, lines = build("memory", compiler), (ROOT / HERE / "memory.c").read_text().splitlines()
    made = next(n for n, line in enumerate(lines, 1) if "malloc(sizeof *table)" in line)
    for test in ("failed__a_flag_that_is_never_set", "crashed__a_pointer_that_is_never_set"):
        (block,) = [place for place in program.record(test)["story"]["accesses"] if place["role"] == "unwritten"]
        where = subprocess.run(["addr2line", "-e", program.path, block["pc"]], capture_output=True, text=True)
        assert (block["text"], where.stdout.strip().split(":")[1]) == ("allocates 16 bytes", str(made))
    for test in ("use_after_free__a_frame_that_is_no_more", "leak__asprintf"):
        assert "unwritten" not in [place["role"] for place in program.record(test)["story"]["accesses"]]


@pytest.mark.parametrize(
    ("compiler", "untold"),
    [
        ("cc", {"a_struct_that_is_passed", "a_struct_that_is_returned", "a_bit_field_of_20_bits", "a_long_double"}),
        ("clang", {"a_long_double"}),
    ],
)
def test_what_a_compiler_does_not_tell_is_as_the_docs_say(compiler: str, untold: set[str]) -> None:
    if compiler not in COMPILERS or "clang" in subprocess.getoutput("cc --version"):
        pytest.skip("this is about gcc as cc, and clang beside it")
    program = build("untold", compiler)
    verdicts = {test: program.record(test)["verdict"] for test in names("untold")}
    assert verdicts == {test: "passed" if test in untold else "race" for test in verdicts}


def symbols(path: Path) -> tuple[set[str], set[str]]:
    """The names an object defines for others, and those it needs."""
    listed = subprocess.run(["nm", "-P", path], capture_output=True, text=True, check=True).stdout
    pairs = [line.split()[:2] for line in listed.splitlines()]
    return {n for n, kind in pairs if kind.isupper() and kind != "U"}, {n for n, kind in pairs if kind == "U"}


def test_a_file_uses_only_files_that_the_readme_lists_above_it() -> None:
    build("wrong")
    of = {path.stem: symbols(path) for path in (ROOT / "build/interleave-tests/cc/grader/interleave").glob("*.o")}
    of = {name: both for name, both in of.items() if (ROOT / f"grader/interleave/{name}.c").exists()}
    rows = [line for line in (ROOT / "grader/interleave/README.md").read_text().splitlines() if line.startswith("|")]
    order = [name for row in rows for name in re.findall(r"`(\w+)\.c`", row)]
    assert sorted(order) == sorted(of)
    home = {symbol: name for name, (defined, _) in of.items() for symbol in defined}
    assert {"fail", "step", "memory_access"} <= home.keys()
    upward = {
        (name, home[symbol], symbol)
        for name, (_, needed) in of.items()
        for symbol in needed & home.keys()
        if order.index(home[symbol]) >= order.index(name)
    }
    assert not upward


def test_what_must_hold_in_the_runtime_is_checked_here() -> None:
    build("wrong")
    objects = (ROOT / "build/interleave-tests/cc/grader/interleave").glob("*.o")
    assert {"scheduler", "memory", "strategy", "mutex"} <= {p.stem for p in objects if "__assert_fail" in symbols(p)[1]}


def test_all_that_stands_in_for_a_call_has_its_type() -> None:
    lists = [ROOT / f"grader/{folder}/redirect.syms" for folder in ("suite", "interleave")]
    redirected = {line.split()[0] for path in lists for line in path.read_text().splitlines()}
    sources = [path.read_text() for path in (ROOT / "grader/interleave").glob("*.c")]
    typed = {name for text in sources for name in re.findall(r"STAND_IN\([\w *]+, (\w+),", text)}
    # In no header, and typed as sched_yield; no functions in C.
    assert redirected - typed == {"pthread_yield", "_setjmp", "__sigsetjmp"}
    wrong = 'int f(long); \n#include "stand_in.h"\nSTAND_IN(int, f, int n) { return n; }'
    command = ["cc", "-fsyntax-only", "-Igrader/suite", "-xc", "-"]
    assert subprocess.run(command, cwd=ROOT, input=wrong, capture_output=True, text=True, check=False).returncode


def test_a_small_scenario_is_explored_to_the_end() -> None:
    record = build("right").record("right__read_write_locks")
    assert record["exhaustive"] and record["preemption_bound"] == 0 and record["schedules"] > 1
    record = build("right").record("right__read_write_locks", STRATEGY="dfs")  # it yields, and others go first
    assert record["exhaustive"] and record["preemption_bound"] >= 2 and record["schedules"] > 1


@pytest.mark.parametrize("test", ["failed__fibonacci_of_three_rounds", "failed__fibonacci_of_four_rounds"])
def test_the_bound_is_raised_until_nothing_is_cut_off(test: str) -> None:
    """A race that three and five preemptions show, and no fewer."""
    record = build("bugs").record(test, STRATEGY="dfs")
    assert record["verdict"] == "failed" and record["story"]


def test_pct_finds_what_takes_three_steps_in_one_order() -> None:
    """It did not while the later change was always the lower one: 0 of 20,000."""
    record = build("bugs").record("failed__last_in_first_out", STRATEGY="pct")
    assert record["verdict"] == "failed"


# What a search finds of small scenarios (search.c), as search_main.c prints it.
SEARCHED = [
    ("channel_1x1", 0), ("channel_1x3", 0), ("channel_2x1", 0), ("channel_1x1", 1), ("channel_1x3", 1),
    ("channel_begun", 1),
    ("fib_1", 0), ("fib_2", 0), ("store_and_load", 0), ("exchanges", 0), ("reads_and_writes", 0),
    ("exchanges_in_vain", 0), ("exchanges_in_vain_and_a_store", 0),
    ("locks_in_chain", 0), ("read_write_locks", 0), ("trylock", 0), ("trylocks", 0),
    ("initialised_once", 0), ("at_a_barrier", 0), ("spin_locks", 0), ("semaphores", 1), ("semaphore_as_lock", 0),
    ("time_out", 1), ("time_outs", 1), ("semaphore_in_time", 1), ("mutex_in_time", 1), ("settles", 1),
    ("futexes", 1), ("futex_of_two", 0), ("files", 0),
]  # fmt: skip


@dataclass(frozen=True)
class Searched:
    complete: int
    cut_short: int
    classes: str  # how many of them there are, and a sum of them


def search(test: str, spurious: int, how: str) -> Searched:
    program = build("search")
    command = [str(program.path), test, str(spurious), how]
    output = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout
    found = re.fullmatch(r"(\d+) complete, (\d+) cut short, (\d+ classes \w+)\n", output)
    assert found, output
    return Searched(int(found[1]), int(found[2]), found[3])


@pytest.mark.parametrize(("test", "spurious"), SEARCHED)
def test_a_proof_leaves_out_no_class_of_executions(test: str, spurious: int) -> None:
    """Of happens-before: each thread's order at each object. Naive: no reduction at all, and no bound."""
    proof, naive = search(test, spurious, "dpor"), search(test, spurious, "naive")
    assert proof.classes == naive.classes
    assert proof.complete <= naive.complete


def test_what_is_not_explored_is_one_schedule() -> None:
    begun, all_of_it = search("channel_begun", 0, "dpor"), search("channel_from_the_beginning", 0, "dpor")
    assert 1 < begun.complete < all_of_it.complete


def test_exchanges_that_fail_are_loads() -> None:
    assert search("exchanges_in_vain", 0, "dpor").complete == 1


def orders(senders: int, messages: int) -> int:
    """In how many orders the critical sections of that many senders and a receiver can come: a model of its own.

    A sender locks once a message, and once to say that it is gone; the receiver looks, and sleeps if there is nothing
    and somebody may still send. A signal wakes it, and it has to get the lock again."""

    @cache
    def count(left: tuple[int, ...], queued: int, receiver: str) -> int:
        total = 0
        for i, sections in enumerate(left):
            if sections:
                rest = (*left[:i], sections - 1, *left[i + 1 :])
                signals = sections > 1 or not any(rest)  # the last sender to go signals, too
                wakes = receiver == "asleep" and signals
                total += count(rest, queued + (sections > 1), "awake" if wakes else receiver)
        if receiver == "awake":
            if queued:
                total += count(left, queued - 1, "awake")
            else:
                total += count(left, 0, "asleep" if any(left) else "gone")
        return total or 1

    return count((messages + 1,) * senders, 0, "awake")


@pytest.mark.parametrize(("senders", "messages", "known"), [(1, 3, 70), (2, 1, 252), (2, 2, 11_480), (2, 3, 568_120)])
def test_the_executions_of_a_channel_are_as_many_as_orders_of_critical_sections(
    senders: int, messages: int, known: int
) -> None:
    found = search(f"channel_{senders}x{messages}", 0, "dpor")
    assert found.complete == orders(senders, messages) == known
    assert found.classes.startswith(f"{known} classes")
    assert found.cut_short <= 0.3 * found.complete


def test_the_benchmark_runs() -> None:
    program = build("bench")
    output = subprocess.run([program.path], capture_output=True, text=True, check=True).stdout
    speeds = [int(n) for n in re.findall(r"(\d+) schedules/s", output)]
    assert len(speeds) == 6 and min(speeds) > 5000, output
    found = {row[0]: [int(n) for n in row[1:]] for row in re.findall(r"^(\w+)" + r" +(\d+)" * 5 + "$", output, re.M)}
    assert sorted(found) == sorted(name.removeprefix("failed__") for name in names("bugs"))
    for failures in found.values():  # PCT does not find what takes more than its three steps in one order
        assert failures[0] and all(failures[2:]), output
    assert found["last_in_first_out"][1] > 0, output  # it was 0 while the later change was the lower


def some_of_the_table(n: int) -> str:
    tests = [line for line in litmus.TABLE.read_text().splitlines() if line[0] != "#"]
    assert len(tests) >= 2500
    return "\n".join(tests[:: len(tests) // n][:n]) + "\n"


@pytest.mark.parametrize("compiler", COMPILERS)
def test_litmus_tests_show_what_rc11_allows_and_nothing_else(compiler: str) -> None:
    """300 of the table: make litmus tries all of them."""
    found = litmus.compare(compiler, some_of_the_table(300))
    assert not found.differing
    assert found.equal == found.tests == 300


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("32 Wx1. Wy2. | Wy1. Wx2. : /120 /210 /220", "forbidden"),
        ("32 Wx1. Wy2. | Wy1. Wx2. : /110 /120 /210 /220 /330", "incomplete"),
        ("8 Wd1- Wx1r | Rxa ?1 Rd- : race", "races"),
        ("8 Wd1- Wx1. | Rxa ?1 Rd- : 00/100 11/100", "races"),
    ],
)
def test_a_wrong_line_of_the_table_is_noticed(line: str, wrong: str) -> None:
    found = litmus.compare("cc", f"{line}\n")
    assert found.differing and found.tests == getattr(found, wrong) == 1


CROSS = "aarch64-linux-gnu-gcc"
LIBRARIES = "/usr/aarch64-linux-gnu"
EMULATED = {  # each takes a second or more
    "litmus": (
        "seen__store_buffering_relaxed",
        "never__store_buffering_fences",
        "never__message_passing_release_acquire",
        "race__data_without_release",
        "never__release_sequence_broken_by_the_same_thread",
    ),
    "sleeps": ("right__a_parker_of_each_thread", "deadlock__unparks_itself"),
}


@pytest.mark.skipif(not shutil.which(CROSS), reason="no cross compiler")
def test_arm64_builds_and_shows_the_same_outcomes() -> None:
    settings = ("OBJCOPY=aarch64-linux-gnu-objcopy", "MAIN=plain_main", "LIBS=")
    programs = {source: build(source, CROSS, *settings) for source in EMULATED}
    if not shutil.which("qemu-aarch64"):
        pytest.skip("nothing to run it with")
    for source, test in ((source, test) for source, tests in EMULATED.items() for test in tests):
        program = Program(programs[source].path, ("qemu-aarch64", "-L", LIBRARIES))
        assert program.record(test, SCHEDULES="300")["verdict"] == wanted(test), test
