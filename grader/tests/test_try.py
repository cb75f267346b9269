"""`make try`: any program with threads under the scheduler."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from grader.exercises import ROOT
from grader.tests.conftest import Kit

EXAMPLES = ROOT / "docs" / "try"
PROGRAMS = sorted(EXAMPLES.glob("*.c"))
TELLS_OF_NOTHING_WRONG = "nothing is wrong (every execution: "
RIGHT = """#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int count;

static void *count_up(void *arg)
{
    pthread_mutex_lock(&lock);
    count++;
    pthread_mutex_unlock(&lock);
    return arg;
}

int main(void)
{
    pthread_t thread;

    pthread_create(&thread, NULL, count_up, NULL);
    count_up(NULL);
    pthread_join(thread, NULL);
    return count - 2;
}
"""


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("lost_update", [":8: data race", "count_up", "no lock is held"]),
        ("lost_wakeup", ["deadlock", "main sleeps in pthread_cond_wait on changed", "pthread_cond_wait(&changed"]),
        ("philosophers", ["deadlock", "dine", "waits in pthread_mutex_lock for", "which dine"]),
        ("store_buffering", ["crash", "assert(seen_by_first || seen_by_second) failed in main"]),
    ],
)
def test_each_example_shows_what_it_is_for(kit: Kit, name: str, said: list[str]) -> None:
    kit.write(f"{name}.c", (EXAMPLES / f"{name}.c").read_bytes())
    ran = kit.run("try", file=f"{name}.c")
    out = " ".join(ran.out.split())
    assert ran.code == 1 and [words for words in said if words not in out] == [], ran.out
    assert f"make try FILE={name}.c SEED=" in out and "the test" not in out


def shown_on_the_pages(program: str) -> Iterator[list[str]]:
    """What any page says that `make try` prints of a program, by lines."""
    block = re.compile(rf"^```\n\$ make try FILE=docs/try/{re.escape(program)}\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    for page in sorted((ROOT / "docs").glob("*.md")):
        yield from (found.splitlines() for found in block.findall(page.read_text()))


def not_printed(lines: list[str], out: str) -> str:
    """The first of the lines that isn't there after the ones before it; however it was broken."""
    at = 0
    for line in lines:
        found = out.find(" ".join(line.split()), at)
        if found < 0:
            return line
        at = found + 1
    return ""


@pytest.mark.parametrize("program", PROGRAMS, ids=[program.stem for program in PROGRAMS])
def test_each_program_prints_what_a_page_says(kit: Kit, program: Path) -> None:
    pages = list(shown_on_the_pages(program.name))
    assert pages and all(pages)
    kit.write(f"docs/try/{program.name}", program.read_bytes())
    ran = kit.run("try", file=f"docs/try/{program.name}")
    out = " ".join(ran.out.split())
    assert [line for lines in pages if (line := not_printed(lines, out))] == [], ran.out
    says_right = all(TELLS_OF_NOTHING_WRONG in " ".join(lines) for lines in pages)
    assert ran.code == (0 if says_right else 1)
    assert f"make try FILE=docs/try/{program.name} " in f"{program.read_text().partition('*/')[0]} "


def test_the_lines_of_c_on_the_pages_of_the_programs_are_in_one_of_them() -> None:
    texts = [re.sub(r" */\*.*?\*/|^ +", "", path.read_text(), flags=re.MULTILINE) for path in PROGRAMS]
    pages = [path for path in sorted((ROOT / "docs").glob("*.md")) if "(try/" in path.read_text()]
    blocks = [
        re.sub("^ +", "", block, flags=re.MULTILINE)
        for page in pages
        for block in re.findall(r"^```c\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    ]
    assert len(blocks) > 5 and [block for block in blocks if not any(block in text for text in texts)] == []


def test_a_right_program_is_said_to_be_right_as_far_as_was_looked(kit: Kit) -> None:
    kit.write("right.c", RIGHT)
    ran = kit.run("try", file="right.c")
    assert ran.code == 0 and "right.c: nothing is wrong (every execution" in ran.out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("int not_main(void) { return 0; }\n", "it is to be a .c file with a main"),
        ("int main(void) { return x; }\n", "undeclared"),
        ("#include <unistd.h>\nint main(void) { return fork(); }\n", "can't follow: fork"),
    ],
)
def test_what_can_not_be_tried_is_said(kit: Kit, text: str, said: str) -> None:
    kit.write("odd.c", text)
    ran = kit.run("try", file="odd.c")
    assert ran.code == 2 and said in ran.err


def test_each_example_is_in_the_documentation() -> None:
    text = (ROOT / "docs" / "try.md").read_text()
    names = sorted(path.name for path in Path(EXAMPLES).glob("*.c"))
    assert len(names) >= 4 and all(f"(try/{name})" in text for name in names)
