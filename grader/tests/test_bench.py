"""The measuring programs do what they measure: tiny runs, no clock. And their figures find their place."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from bench import everything, exercise, pages, plots, programs  # noqa: E402
from bench.measure import Measured, run, take_turns  # noqa: E402
from bench.results import Results  # noqa: E402
from bench.workloads import LIMITS, MAIN, MEMORY, PINNED, Workload, by_senders, by_size  # noqa: E402
from grader.errors import UsageError  # noqa: E402
from grader.exercises import Exercise, all_exercises, by_name  # noqa: E402
from grader.selfcheck import implementations  # noqa: E402

PROGRAMS = {program.key: program for program in [*programs.solutions(), *programs.peers()]}
KINDS = [*MAIN, *MEMORY, by_size()[0], by_senders()[0]]
MACHINE = dict.fromkeys(["date", "processor", "system", "compilers", "load", "rounds", "took"], "x")
NO_END = {"queued", "at_rest"}  # these count channels, or messages that nobody receives


@pytest.fixture(scope="session", autouse=True)
def build_folder(tmp_path_factory: pytest.TempPathFactory) -> None:
    programs.BUILD = tmp_path_factory.mktemp("bench")


@pytest.mark.parametrize("key", PROGRAMS)
def test_every_message_arrives(key: str) -> None:
    program = PROGRAMS[key]
    why = programs.build(program)
    if why:
        assert not program.ours, why
        pytest.skip(why)
    done = 0
    for workload in KINDS:
        if workload.kind not in program.can:
            continue
        result = run(program, workload, 48)
        if result == "":
            continue
        assert not isinstance(result, str), f"{workload.title}: {result}"
        assert result[1] == 48, workload.title
        done += 1
    assert done >= (1 if program.can == programs.TICKETS else 4)


def test_pinned_threads_stay_on_a_processor_each(monkeypatch: pytest.MonkeyPatch) -> None:
    processors = everything.two_processors()
    if len(processors) < 2:
        pytest.skip("there is one processor")
    assert programs.build(programs.PIN) == ""
    program = programs.Program("threads", "threads", (), ())
    program.path.write_text(
        f"#!{sys.executable}\n"
        "import os, threading\n"
        "def look(): stays.append(sorted(os.sched_getaffinity(0)))\n"
        "stays = []\n"
        "for _ in range(3):\n"
        "    thread = threading.Thread(target=look)\n"
        "    thread.start()\n"
        "    thread.join()\n"
        "look()\n"
        "second, third, fourth, first = stays\n"
        "assert first == third and second == fourth\n"
        "print(1, first[0], second[-1])\n"
    )
    program.path.chmod(0o755)
    everyone = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, processors)
        pinned, free = (run(program, Workload("", "", "", 1, pinned=pinned), 1) for pinned in (True, False))
    finally:
        os.sched_setaffinity(0, everyone)
    assert pinned == (1.0, min(processors), max(processors))
    assert free != pinned or len(processors) == 2


def test_processors_of_one_core_are_not_the_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {2, 3, 6, 7})
    monkeypatch.setattr(everything, "_core", lambda processor: f"core {processor % 4 // 2}, {processor // 4}")
    assert everything.two_processors() == {2, 6}
    monkeypatch.setattr(everything, "_core", lambda processor: "the only one")
    assert everything.two_processors() == {2, 3}


@pytest.mark.parametrize("change", ["a message is lost", "not implemented", "it hangs"])
def test_a_channel_that_is_wrong_has_a_problem_and_no_figures(
    change: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if change == "it hangs":
        monkeypatch.setattr("bench.measure.TIMEOUT", 0.5)
    code = (ROOT / "solutions/02_blocking/channel.c").read_text()
    body = {
        "a message is lost": "if (*(const unsigned long *)message % 4 == 3)\n        return CHANNEL_OK;",
        "not implemented": 'extern _Noreturn void todo_reached(const char *);\n    todo_reached("sender_send");',
        "it hangs": "for (;;)\n        pthread_cond_signal(&tx->channel->readable);",
    }[change]
    head = "sender_send(struct sender *tx, const void *message)\n{\n"
    assert head in code
    file = tmp_path / "channel.c"
    file.write_text(code.replace(head, f"{head}    {body}\n"))
    program = programs.channel("wrong", "wrong", file, "02_blocking")
    assert programs.build(program) == ""
    point = take_turns([program], Workload("", "", "unbounded", 64), 2, 0.001)
    assert not point["wrong"].rates
    said = {"a message is lost": "arrived", "not implemented": "sender_send", "it hangs": "no end"}
    assert said[change] in point["wrong"].problem


def test_names_fit_before_the_bars() -> None:
    steps = [step for one in all_exercises() for step in programs.steps(one)]
    assert [p.label for p in [*PROGRAMS.values(), *steps] if len(p.label) > exercise.LABEL] == []


def test_limits_end() -> None:
    program = programs.limits()
    assert programs.build(program) == ""
    for limit in LIMITS:
        result = run(program, limit, 20)
        assert not isinstance(result, str) and result[1] == 20


def test_a_peer_that_is_not_installed_is_left_out_and_said() -> None:
    gone = programs.Program("gone", "Gone", (), ("no-such-compiler",), needs="gone")
    assert "not installed" in programs.build(gone)
    results = Results(
        left_out={"Gone": "not installed"},
        machine=MACHINE,
    )
    assert "Left out: Gone" in pages.blocks_of(results)["machine"]


def test_versions_of_the_peers_are_on_the_page() -> None:
    results = Results(versions={"flume": "0.10.14", "ck_ring": "0.7.1"}, machine=MACHINE)
    assert "Beside these: flume 0.10.14, ck_ring 0.7.1." in pages.blocks_of(results)["machine"]


@pytest.mark.parametrize("package", ["librust-flume-dev", "libconcurrentqueue-dev", "libck-dev", "no-such-package"])
def test_the_version_is_that_of_what_is_installed(package: str) -> None:
    if not shutil.which("dpkg-query"):
        pytest.skip("no dpkg-query")
    version = programs.version(programs.Program("", "", (), (), needs=f"g++ {package}"))
    installed = subprocess.run(["dpkg-query", "-W", "-f=${Version}", package], capture_output=True, text=True).stdout
    assert installed.partition(":")[2].startswith(version) or installed.startswith(version)
    assert bool(version) == bool(installed) and "+" not in version


def test_memory_of_a_channel_has_three_columns() -> None:
    figures = zip(MEMORY, (8.06, 0.004, 196.0), strict=True)
    points = {workload.key: {"go": Measured(1, [1e6], figure)} for workload, figure in figures}
    block = pages.blocks_of(Results(points=points, labels={"go": "Go"}, machine=MACHINE))["memory"]
    assert block.splitlines()[2:] == ["| Go | 8.06 | 0.004 | 196 |"]


def test_the_pinned_tables_name_only_what_was_pinned() -> None:
    points = {w.key: {"rust": Measured(1, [2e6]), "go": Measured(1, [3e6])} for w in MAIN}
    points |= {w.key: {"rust": Measured(1, [4e6])} for w in PINNED}
    blocks = pages.blocks_of(Results(points=points, labels={"rust": "Rust", "go": "Go"}, machine=MACHINE))
    assert "| Go | 3 |" in blocks["rates"] and "| Rust | 2 |" in blocks["rates"]
    assert "Go" not in blocks["pinned-rates"] and "| Rust | 4 |" in blocks["pinned-rates"]
    assert "(a) | (b) |" in blocks["pinned-ratios"]


def test_blocks_are_filled_and_all_else_stays() -> None:
    page = "one\n<!-- begin a -->\nold\n<!-- end a -->\ntwo\n<!-- begin b -->\nkept\n<!-- end b -->\n"
    filled = pages.fill(page, {"a": "new"})
    assert filled == page.replace("old", "new")
    assert pages.fill(filled, {"a": "new"}) == filled


def test_ratios_are_medians_over_rusts() -> None:
    point = {"rust": Measured(1, [1e6, 2e6, 9e6]), "go": Measured(1, [1e6, 3e6, 9e6])}
    results = Results(
        points={"a": point},
        labels={"rust": "Rust", "go": "Go"},
        machine=MACHINE,
    )
    assert "| Go | 3 | 1 to 9 | 1.50 |" in pages.blocks_of(results)["a"]


def test_a_plot_names_its_rates(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    plots.lines(tmp_path / "plot.svg", {"yours": ("yours", [(1, 7.2e6), (16, 0.4e6)])}, "senders", "messages/s")
    said = re.findall("<!-- (.*?) -->", (tmp_path / "plot.svg").read_text())
    assert said == ["1", "16", "senders", "500 k", "1 M", "2 M", "5 M", "messages/s", "yours"]


def test_what_is_not_here_is_said_in_80_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    none = [
        programs.Program("none", f"Peer number {n}", (), ("no-such-compiler",), needs=f"peer-{n}-dev") for n in range(6)
    ]
    monkeypatch.setattr(programs, "peers", lambda: none)
    assert [program.key for program in exercise._beside("02_blocking")] in (["solution", "fast"], [])
    said = capsys.readouterr().out
    below = [program.label for program in exercise._beside("04_bounded")]
    steps = implementations.steps(by_name("04_bounded"))
    assert not below or (below[0] == "1 signal only to a sleeper" and len(below) == len(steps) + 1)
    assert "Peer number 5 (apt install peer-5-dev)" in " ".join(said.split())
    assert max(map(len, said.splitlines())) <= 80


def test_an_exercise_without_a_channel_is_not_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    gate = Exercise("09_gate", None, ("gate",), has_channel=False)
    monkeypatch.setattr(exercise, "find", lambda wanted: gate)
    with pytest.raises(UsageError, match="09_gate has no channel to measure"):
        exercise._chosen("09", tmp_path)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"EX": "99"}, "EX= is one of: 01 02"),
        ({"EX": "01"}, "has no threads"),
        ({"EX": "02", "SRC": "nowhere"}, "SRC=nowhere: there is no such directory."),
        ({"EX": "02", "ROUNDS": "x"}, "ROUNDS=x: that is no number"),
        ({"EX": "02", "SRC": "grader/stubs"}, "02_blocking can't be measured yet: not implemented yet: "),
    ],
)
def test_what_can_not_be_measured_is_said_in_one_line(typed: dict[str, str], said: str) -> None:
    command = [sys.executable, "-m", "bench", "exercise"]
    ended = subprocess.run(command, cwd=ROOT, env=os.environ | typed, capture_output=True, text=True)
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert said in ended.stderr and str(ROOT) not in ended.stderr


def test_the_steps_to_the_fast_channel_end_in_it_and_each_has_its_section() -> None:
    page = (ROOT / "solutions" / "fast" / "README.md").read_text()
    for one in all_exercises():
        steps = implementations.steps(one)
        fast = implementations.FAST / one.name
        assert not steps or list(steps.values())[-1] == (fast / "channel.c").read_bytes()
        for path in steps:
            assert f"\n## {path.stem.replace('_', ' ')}\n".lower() in page.lower()
            assert f"\n[The diff]({one.name}/{path.name})\n" in page
    measured = [step for one in all_exercises() for step in programs.steps(one)]
    assert measured, "no step is measured"


def test_a_row_for_each_step(tmp_path: Path) -> None:
    exercise = by_name("04_bounded")
    patches = [tmp_path / "1_do_less.patch", tmp_path / "2_do_nothing.patch"]
    patches[0].write_text("--- a/channel.c\n+++ b/channel.c\n@@ -1,2 +1,1 @@\n same\n-gone\n")
    patches[1].write_text("--- a/channel.c\n+++ b/channel.c\n@@ -1 +1 @@\n-old\n+new\n")
    point = {key: Measured(1, [rate]) for key, rate in (("ours-04", 1e6), ("step-04-1", 2e6), ("fast-04", 3e6))}
    table = pages._steps(Results(points={"c": point}), exercise, patches)
    assert table.splitlines()[2:] == [
        "| the solution | | 1 |",
        "| 1 do less | 1 | 2 |",
        "| **2 do nothing** | 2 | 3 |",
    ]


def test_files_of_bench_use_files_below_them_only() -> None:
    files = {path.stem: ast.parse(path.read_text()) for path in (ROOT / "bench").glob("*.py")}
    uses: dict[str, set[str]] = {}
    for name, tree in files.items():
        imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        names = {alias.name for node in imports if node.module == "bench" for alias in node.names}
        modules = [node.module or "" for node in imports]
        names |= {module.removeprefix("bench.") for module in modules if module.startswith("bench.")}
        uses[name] = names & files.keys()
    assert uses["__main__"] >= {"everything", "exercise"}
    list(TopologicalSorter(uses).static_order())  # raises CycleError, which names the circle
