"""setup.sh on machines that lack things: what it would install, and what it says when it can't."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from grader.exercises import ROOT

SHELL_TOOLS = "sh dirname uname id grep sed tail cat rm printf".split()
OFFLINE = "E: Failed to fetch http://x/y.deb  Temporary failure resolving 'x'"
BROKEN = "E: dpkg was interrupted"


def bare_machine(folder: Path, apt: str | None, root: bool = True) -> Path:
    """A PATH with a shell, and perhaps an apt-get that says something and fails."""
    folder.mkdir()
    for tool in SHELL_TOOLS:
        (folder / tool).symlink_to(shutil.which(tool) or pytest.skip(f"no {tool}"))
    scripts = {"apt-get": f'echo "{apt}"; exit 100'} if apt is not None else {}
    if not root:
        (folder / "id").unlink()
        scripts["id"] = "echo 1000"
    for name, script in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    return folder


def setup(path: Path, *words: str) -> tuple[int, list[str]]:
    ended = subprocess.run(
        ["/bin/sh", str(ROOT / "setup.sh"), *words],
        env={"PATH": str(path), "TMPDIR": os.environ.get("TMPDIR", "/tmp")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return ended.returncode, (ended.stdout + ended.stderr).splitlines()


@pytest.mark.parametrize(
    ("apt", "root", "said"),
    [
        (OFFLINE, True, "setup: the packages can't be downloaded; is this machine connected to the network?"),
        (BROKEN, True, "setup: apt could not install the packages, for the reason above."),
        (OFFLINE, False, "and you may not install it. Ask its administrator to run, as root: sh setup.sh --for grade"),
        (None, True, "and none of apt, dnf, pacman and brew is here: install that"),
    ],
    ids=["no network", "a broken apt", "no rights", "no package manager"],
)
def test_what_can_not_be_installed_is_said_with_the_cure(apt: str, root: bool, said: str, tmp_path: Path) -> None:
    code, lines = setup(bare_machine(tmp_path / "bin", apt, root), "grade")
    assert code == 3 and said in lines[-1], lines
    assert any("make, a C compiler, binutils" in line for line in lines)
    assert apt is None or not root or apt in lines  # the reason itself is shown, too


def test_it_says_what_it_is_for() -> None:
    code, lines = setup(Path("/usr/bin"), "--help")
    assert code == 0 and lines[0].startswith("Installs what the kit needs")
