"""How to get a newer kit without losing one's work: what docs/students.md says, done."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from grader.tests.conftest import ANSWER, ROOT, SOLUTIONS, STUBS, Kit

CHANNEL_1 = "exercises/01_answer/channel.c"
CHANNEL_2 = "exercises/02_twice/channel.c"
SUITE_1 = "exercises/01_answer/test_channel.c"
TWICE = SOLUTIONS["02_twice/channel.c"]
MINE = ANSWER.replace("return 42", "return 6 * 7")


def copy(kit: Kit, place: Path) -> Kit:
    shutil.copytree(kit.root, place, ignore=shutil.ignore_patterns("build", "__pycache__", "work", "full"))
    return Kit(place)


@pytest.fixture
def newer(kit: Kit, tmp_path: Path) -> Kit:
    """The next release: one more test in 01, another stub of 02."""
    release = copy(kit, tmp_path / "release" / "channels-in-c")
    release.write(SUITE_1, release.read(SUITE_1) + '\nTEST(newer)\n{\n    check_equal(answer(), 42, "still");\n}\n')
    for place in ("exercises", "grader/stubs"):
        release.write(f"{place}/02_twice/channel.c", STUBS["02_twice/channel.c"].replace('"twice"', '"two times"'))
    return release


# ----------------------------------------------------------------------------------- archives


def test_a_new_archive_beside_the_old_one_takes_the_work_over(kit: Kit, newer: Kit, tmp_path: Path) -> None:
    old = copy(kit, tmp_path / "old" / "channels-in-c")
    old.write(CHANNEL_1, MINE)
    old.run("grade", ex="01", variant="plain")
    old.write("exercises/01_answer/channel.c.1.bak", "earlier")
    ran = newer.run("adopt", from_="../../old/channels-in-c")
    assert ran.code == 0 and f"{CHANNEL_1} is what you wrote in" in " ".join(ran.out.split())
    assert newer.read(CHANNEL_1) == MINE and newer.read("exercises/01_answer/channel.c.1.bak") == "earlier"
    assert '"two times"' in newer.read(CHANNEL_2)  # untouched there: the newer stub
    assert "02_twice                    not started" in newer.run("list").out
    again = newer.run("adopt", from_=str(old.root))
    assert again.code == 0 and "nothing in" in again.out
    assert old.read(CHANNEL_1) == MINE
    assert newer.run("grade", ex="01", variant="plain").verdicts("01_answer") == ["passed"] * 3


def test_what_is_here_already_is_kept(kit: Kit, newer: Kit, tmp_path: Path) -> None:
    old = copy(kit, tmp_path / "old")
    old.write(CHANNEL_1, MINE)
    newer.write(CHANNEL_1, ANSWER)
    ran = newer.run("adopt", from_=str(old.root))
    assert "Yours is kept: exercises/01_answer/channel.c.1.bak" in ran.out
    assert newer.read(CHANNEL_1) == MINE and newer.read("exercises/01_answer/channel.c.1.bak") == ANSWER


def test_a_solution_that_is_in_place_is_not_taken_for_ones_own(kit: Kit, newer: Kit, tmp_path: Path) -> None:
    old = copy(kit, tmp_path / "old")
    old.write(CHANNEL_1, MINE)
    assert old.run("swap", ex="01").code == 0
    newer.run("adopt", from_=str(old.root))
    assert newer.read(CHANNEL_1) == MINE
    assert newer.run("unswap", ex="01").code == 2


@pytest.mark.parametrize(
    ("place", "said"), [("", "From which copy"), ("exercises", "no copy of the kit"), (".", "this copy of the kit")]
)
def test_what_is_no_older_kit_is_said(kit: Kit, place: str, said: str) -> None:
    ran = kit.run("adopt", from_=place)
    assert ran.code == 2 and said in ran.err


# --------------------------------------------------------------------------------------- git


def git(where: Path, *words: str) -> str:
    command = ["git", "-c", "user.name=s", "-c", "user.email=s@example.org", *words]
    ended = subprocess.run(command, cwd=where, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"})
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_a_pull_keeps_the_work(kit: Kit, newer: Kit, tmp_path: Path) -> None:
    told = re.findall(r"^git (.*)$", (ROOT / "docs" / "students.md").read_text(), re.MULTILINE)
    assert len(told) == 2
    upstream = copy(kit, tmp_path / "upstream")
    upstream.write(".gitignore", (ROOT / ".gitignore").read_text())
    git(upstream.root, "init", "-q", "-b", "main")
    git(upstream.root, "add", ".")
    git(upstream.root, "commit", "-qm", "kit")
    git(tmp_path, "clone", "-q", str(upstream.root), "mine")
    mine = Kit(tmp_path / "mine")
    mine.write(CHANNEL_1, MINE)
    mine.write(CHANNEL_2, TWICE)  # where the stub changes, too
    for name in (SUITE_1, CHANNEL_2, "grader/stubs/02_twice/channel.c"):
        upstream.write(name, newer.read(name))
    git(upstream.root, "commit", "-qam", "newer")
    for line in told:
        git(mine.root, *[word.strip('"') for word in re.findall(r'"[^"]*"|\S+', line)])
    assert mine.read(CHANNEL_1) == MINE and mine.read(CHANNEL_2) == TWICE
    assert mine.read(SUITE_1) == newer.read(SUITE_1)
    assert mine.run("grade", ex="01", variant="plain").verdicts("01_answer") == ["passed"] * 3
