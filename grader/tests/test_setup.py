"""setup.sh on machines that lack things: what it would install, and what it says when it can't."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from grader.exercises import ROOT

SHELL_TOOLS = "sh dirname uname id grep sed tail cat rm printf cut sort env".split()
OFFLINE = "E: Failed to fetch http://x/y.deb  Temporary failure resolving 'x'"
BROKEN = "E: dpkg was interrupted"
PYTHON = "Python 3.11 or newer with rich and jinja2"
UNKNOWN = "E: Unable to locate package libcmocka-dev"


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


def setup(path: Path, *words: str, kit: Path = ROOT) -> tuple[int, list[str]]:
    ended = subprocess.run(
        ["/bin/sh", str(kit / "setup.sh"), *words],
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
        (UNKNOWN, True, "setup: apt knows no package libcmocka-dev, and the kit needs it."),
        (f"{OFFLINE}\n{UNKNOWN}", True, "setup: the packages can't be downloaded; is this machine"),
        (BROKEN, True, "setup: apt could not install the packages, for the reason above."),
        (OFFLINE, False, "and you may not install it. Ask its administrator to run, as root: sh setup.sh --for grade"),
        (None, True, "and none of apt, dnf, pacman and brew is here: install that"),
    ],
    ids=[
        "no network",
        "no such package",
        "an old list and no network",
        "a broken apt",
        "no rights",
        "no package manager",
    ],
)
def test_what_can_not_be_installed_is_said_with_the_cure(apt: str, root: bool, said: str, tmp_path: Path) -> None:
    code, lines = setup(bare_machine(tmp_path / "bin", apt, root), "grade")
    assert code == 3 and said in lines[-1], lines
    assert any("make, a C compiler, binutils" in line for line in lines)
    assert apt is None or not root or set(apt.splitlines()) <= set(lines)  # the reason itself is shown, too


def machine_with(folder: Path, tools: list[str], installs: str) -> Path:
    """A machine that has these, and an apt-get that notes what it is asked for and brings what fits the pattern."""
    bare_machine(folder, "")
    brings = {"bubblewrap": "bwrap", "similarity-tester": "sim_c", "gdb": "gdb"}
    cases = "".join(
        f"*' {package}'*) : >{folder}/{tool} && chmod 755 {folder}/{tool} ;;\n" for package, tool in brings.items()
    )
    apt = f"""echo "$*" >>{folder}/asked
case "$*" in *update*) exit 0 ;; esac
case "$*" in {installs}) ;; *) echo "E: Unable to locate package"; exit 100 ;; esac
case " $*" in
{cases}esac
"""
    shutil.copy(shutil.which("chmod") or "", folder)
    (folder / "python3").symlink_to(shutil.which("python3") or "")
    for tool, script in {**dict.fromkeys(tools, ""), "apt-get": apt}.items():
        (folder / tool).unlink(missing_ok=True)
        (folder / tool).write_text(f"#!/bin/sh\n{script}\n")
        (folder / tool).chmod(0o755)
    return folder


def test_what_is_optional_is_asked_for_by_itself_and_told_when_it_can_not_be_had(tmp_path: Path) -> None:
    path = machine_with(tmp_path / "bin", ["make", "cc", "objcopy"], "*bubblewrap*|*gdb*")
    code, lines = setup(path, "--for", "class")
    asked = [line.split()[4:] for line in (path / "asked").read_text().splitlines() if "install" in line]
    assert code == 0, lines
    assert asked == [["bubblewrap"], ["gdb"], ["similarity-tester"]]
    assert lines[-1] == "setup: without similarity-tester, `make class` looks for no near-copies."
    assert not any(line.startswith("setup: without gdb") for line in lines)


def test_what_the_channels_are_measured_beside_is_asked_for_and_can_be_done_without(tmp_path: Path) -> None:
    path = machine_with(tmp_path / "bin", ["make", "cc", "objcopy", "gdb"], "*golang*")
    code, lines = setup(path, "--for", "bench-peers")
    asked = [line.split()[4:] for line in (path / "asked").read_text().splitlines() if "install" in line]
    assert code == 0 and ["golang-go"] in asked and ["rustc", "cargo"] in asked
    assert any("libtbb-dev" in packages and "bubblewrap" not in packages for packages in asked)
    assert "setup: without Rust, its channels are not measured." in lines


def test_what_is_needed_and_not_to_be_had_ends_it(tmp_path: Path) -> None:
    path = machine_with(tmp_path / "bin", ["make", "cc", "objcopy", "gdb", "sim_c"], "nothing")
    code, lines = setup(path, "--for", "class")
    assert code == 3 and "bubblewrap" in lines[0]
    assert setup(path, "--for", "grade") == (0, [])  # has no use for it


def test_where_python_is_too_old_the_newer_one_is_brought(tmp_path: Path) -> None:
    path = machine_with(tmp_path / "bin", ["make", "cc", "objcopy", "gdb"], "*python*")
    (path / "python3").unlink()
    for name, code in (("python3", 1), ("newer", 0)):
        (path / name).write_text(f"#!/bin/sh\nexit {code}\n")
        (path / name).chmod(0o755)
    apt = (path / "apt-get").read_text()
    (path / "apt-get").write_text(f"{apt}case $* in *python3.11*) mv {path}/newer {path}/python3.11 ;; esac\n")
    (path / "mv").symlink_to(str(shutil.which("mv")))
    kit = tmp_path / "kit"
    kit.mkdir()
    (kit / "setup.sh").write_text((ROOT / "setup.sh").read_text().replace("/usr/bin/python3 python3", "python3"))
    assert setup(path, "--for", "grade", kit=kit) == (
        0,
        [f"setup: installing {PYTHON} (with apt; this takes a minute or two)"],
    )
    assert [line.split()[4:] for line in (path / "asked").read_text().splitlines() if "install" in line] == [
        ["python3", "python3-rich", "python3-jinja2"],
        ["python3.11"],
    ]


def test_a_machine_that_has_everything_is_left_alone(tmp_path: Path) -> None:
    path = machine_with(tmp_path / "bin", ["make", "cc", "objcopy", "gdb", "sim_c", "bwrap"], "nothing")
    assert setup(path, "--for", "class") == (0, [])
    assert not (path / "asked").exists()


def test_the_python_is_new_enough_and_has_the_modules(tmp_path: Path) -> None:
    path = bare_machine(tmp_path / "bin", None)
    assert setup(path, "--python", "json")[1][0].endswith("python3")
    assert setup(path, "--python", "no_such_module") == (3, [])


def test_it_says_what_it_is_for() -> None:
    code, lines = setup(Path("/usr/bin"), "--help")
    assert code == 0 and lines[0].startswith("Installs what the kit needs")


def test_the_devcontainer_is_a_machine_that_is_tested() -> None:
    image = re.search("^FROM (.*)", (ROOT / ".devcontainer" / "Dockerfile").read_text(), re.MULTILINE)
    assert image is not None
    systems = re.findall(r"^ +- (\w+:\S+)$", (ROOT / ".github" / "workflows" / "ci.yml").read_text(), re.MULTILINE)
    assert image[1] in systems
