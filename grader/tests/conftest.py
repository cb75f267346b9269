"""A tiny kit of its own for the grader's tests: two exercises that build on one another, an elective and a server.

The grader finds exercises on disk, so a copy of it with other exercises beside it is a whole kit.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from grader.tests import npm

ROOT = Path(__file__).resolve().parents[2]

# Some tests press Ctrl-C. A shell that starts the tests in the background has them ignore it, and their children, too.
signal.signal(signal.SIGINT, signal.default_int_handler)

HEADERS = {
    "01_answer": "#pragma once\n\n/* Returns 42. */\nint answer(void);\n",
    "02_twice": '#pragma once\n\n#include "../01_answer/channel.h"\n\n/* Returns 84. */\nint twice(void);\n',
    "03_extra": '#pragma once\n\n#include "../01_answer/channel.h"\n\n/* Returns 0. */\nint extra(void);\n',
    "04_server": '#pragma once\n\n#include "../02_twice/channel.h"\n',
}
SUITES = {
    "01_answer/test_channel.c": """
TEST(the_answer_is_42, .sentences = {"answer: Returns 42"}, .hint = "Of what is it the answer?")
{
    check_equal(answer(), 42, "answer returns 42.");
}

TEST(asking_again_changes_nothing)
{
    answer();
    check_equal(answer(), 42, "answer returns 42, always.");
}
""",
    "02_twice/test_channel.c": """
TEST(twice_is_84)
{
    check_equal(twice(), 84, "twice returns 84.");
}
""",
    "03_extra/test_channel.c": """
TEST(extra_is_nothing)
{
    check_equal(extra(), 0, "extra returns 0.");
}
""",
    "04_server/test_channel.c": """
TEST(the_server_has_a_channel)
{
    check_equal(answer(), 42, "answer returns 42.");
}
""",
    "04_server/test_server.c": """
TEST(serving_is_7)
{
    check_equal(serve(), 7, "serve returns 7.");
}
""",
}
SERVER_HEADER = '#pragma once\n\n#include "channel.h"\n\n/* Returns 7. */\nint serve(void);\n'
TAKES_OVER = '/* Yours of 02. */\n#include "../02_twice/channel.c"\n'
TODO = '#include "channel.h"\n#include "../todo.h"\n\n'
STUBS = {
    "01_answer/channel.c": TODO + 'int answer(void)\n{\n    TODO("answer");\n}\n',
    "02_twice/channel.c": TODO
    + 'int answer(void)\n{\n    TODO("answer");\n}\n\nint twice(void)\n{\n    TODO("twice");\n}\n',
    "03_extra/channel.c": TODO
    + 'int answer(void)\n{\n    TODO("answer");\n}\n\nint extra(void)\n{\n    TODO("extra");\n}\n',
    "04_server/server.c": '#include "server.h"\n#include "../todo.h"\n\nint serve(void)\n{\n    TODO("serve");\n}\n',
    "04_server/channel.c": TAKES_OVER,
}
ANSWER = '#include "channel.h"\n\nint answer(void)\n{\n    return 42;\n}\n'
SOLUTIONS = {
    "01_answer/channel.c": ANSWER,
    "02_twice/channel.c": ANSWER + "\nint twice(void)\n{\n    return 2 * answer();\n}\n",
    "03_extra/channel.c": ANSWER + "\nint extra(void)\n{\n    return 0;\n}\n",
    "04_server/server.c": '#include "server.h"\n\nint serve(void)\n{\n    return answer() / 6;\n}\n',
    "04_server/channel.c": TAKES_OVER,
}
README = "# Tiny\n" + "".join(
    f"\n<details><summary>Hint {n}: {word}</summary>\n\nThink {word}.\n\n</details>\n"
    for n, word in enumerate(("once", "twice", "thrice"), 1)
)


@dataclass
class Ran:
    """One run of the grader."""

    code: int
    out: str
    err: str
    report: dict[str, Any]

    def exercise(self, name: str) -> dict[str, Any]:
        return next(e for e in self.report["exercises"] if e["name"] == name)

    def verdicts(self, name: str) -> list[str]:
        return [test["verdict"] for test in self.exercise(name)["tests"]]


@dataclass
class Kit:
    """A kit in a directory of its own."""

    root: Path

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def read(self, name: str) -> str:
        return (self.root / name).read_text()

    def submit(self, text: str | bytes, exercise: str = "01_answer", src: str = "work") -> str:
        """A tree with that file in it, to be graded with src=."""
        shutil.rmtree(self.root / src, ignore_errors=True)
        self.write(f"{src}/{exercise}/channel.c", text)
        return src

    def run(self, command: str, *, env: dict[str, str] | None = None, **options: Any) -> Ran:
        """Runs `python3 -m grader command`; keyword arguments are its options."""
        report = self.root / "report.json"
        if report.exists():
            report.unlink()
        arguments = [word for key, value in options.items() for word in (f"--{key.strip('_')}", value)]
        if command == "grade":
            if "json" not in options:
                arguments += ["--json", str(report)]
            if "variant" not in options:
                arguments += ["--variant", "asan"]
        ended = subprocess.run(
            [sys.executable, "-m", "grader", command, *arguments],
            cwd=self.root,
            env={**environment(), **(env or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=300,
        )
        data = json.loads(report.read_bytes()) if report.exists() else {}
        return Ran(ended.returncode, ended.stdout.decode(), ended.stderr.decode(), data)

    def grade(self, text: str | bytes, exercise: str = "01_answer", **options: Any) -> Ran:
        """Grades one channel.c as a submission to one exercise."""
        return self.run("grade", ex=exercise, src=self.submit(text, exercise), **options)

    def begin_again(self) -> None:
        """Stubs in place, nothing submitted, no progress; what was built stays."""
        for folder in (".progress", "work"):
            shutil.rmtree(self.root / folder, ignore_errors=True)
        for name, text in STUBS.items():
            self.write(f"exercises/{name}", text)
        (self.root / "build/last-failure.json").unlink(missing_ok=True)
        for backup in self.root.glob("exercises/*/*.bak"):
            backup.unlink()


def environment() -> dict[str, str]:
    """Nothing of how these tests were started reaches the grader."""
    left_out = ("EX", "SRC", "JSON", "VARIANT", "SEED", "SOLUTIONS", "MAKEFLAGS", "MAKELEVEL", "NO_COLOR")
    return {name: value for name, value in os.environ.items() if name not in left_out}


@pytest.fixture(scope="session")
def shared_kit(tmp_path_factory: pytest.TempPathFactory) -> Kit:
    kit = Kit(tmp_path_factory.mktemp("kit") / "kit")
    ignore = shutil.ignore_patterns("tests", "stubs", "__pycache__", "classroom")
    shutil.copytree(ROOT / "grader", kit.root / "grader", ignore=ignore)
    for name in ("Makefile", "setup.sh"):
        shutil.copy(ROOT / name, kit.root)
    kit.write("exercises/todo.h", (ROOT / "exercises" / "todo.h").read_bytes())
    for name, text in HEADERS.items():
        kit.write(f"exercises/{name}/channel.h", text)
        title = "# Tiny (elective)" if name == "03_extra" else "# Tiny"
        kit.write(f"exercises/{name}/README.md", README.replace("# Tiny", title))
    kit.write("exercises/04_server/server.h", SERVER_HEADER)
    for name, text in SUITES.items():
        header = "server.h" if name.endswith("test_server.c") else "channel.h"
        head = f'#include "suite.h"\n#include "{header}"\n'
        kit.write(f"exercises/{name}", head + text)
    for name, text in STUBS.items():
        kit.write(f"grader/stubs/{name}", text)
    for name, text in SOLUTIONS.items():
        kit.write(f"solutions/{name}", text)
    return kit


@pytest.fixture
def kit(shared_kit: Kit) -> Iterator[Kit]:
    """The tiny kit, as it is given out."""
    shared_kit.begin_again()
    yield shared_kit


@pytest.fixture(scope="module")
def playwright() -> Path:
    """playwright-core; it brings no browser of its own."""
    if not shutil.which("chromium"):
        pytest.skip("chromium is not installed")
    return npm.package("playwright-core")
