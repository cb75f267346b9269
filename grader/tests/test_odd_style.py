"""One rule for `make grade` and `make class`: honest code in an odd style passes both, and wrong code gets one verdict.

The odd things of odd_style/right.c are put into the solution of 01, many at once: if they pass together, each does.
Which one is to blame is only looked for when they don't.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from grader.classroom import one_submission, sandbox, worker
from grader.classroom.group import VARIANTS, Request
from grader.exercises import SOLUTIONS, by_name
from grader.grading.grade import Grading
from grader.tests.class_of import STUBS

EXERCISE = by_name("01_single_thread")
SOLUTION = (SOLUTIONS / EXERCISE.name / "channel.c").read_text()
TESTS = EXERCISE.tests_on(EXERCISE.name)
LEFT_OUT = tuple(set(TESTS) - set(TESTS[::7]))
_, *_PARTS = re.split(r"^/\*: (\w+)", (Path(__file__).parent / "odd_style" / "right.c").read_text(), flags=re.MULTILINE)
SECTIONS = dict(zip(_PARTS[::2], _PARTS[1::2], strict=True))
# What a whole file may look like.
FILES: dict[str, Callable[[str], str]] = {
    "as_windows_writes_it": lambda text: "\ufeff" + text.replace("\n", "\r\n"),
    "indented_by_tabs": lambda text: text.replace("    ", "\t").replace("\n\n", "\n\f\n") + "/* the end */",
    "an_essay_before_it": lambda text: "/*\n" + " *\n" * 2000 + " */\n" + text.replace("\n\n", "\n\n\n"),
}


def begins_with(function: str, line: str) -> str:
    """The solution with another first line in a function."""
    text, count = re.subn(rf"(\b{function}\([^)]*\)\n{{)", rf"\1\n    {line}", SOLUTION)
    assert count == 1
    return text


def odd_channel(names: Sequence[str]) -> str:
    """A right channel that does all of these things whenever a channel is made."""
    parts = "".join(f"/* {name}{SECTIONS[name]}" for name in names)
    calls = "".join(f" && odd_{name}()" for name in names)
    odd = f"#include <stddef.h>\n{parts}\nstatic int odd_all(void)\n{{\n    return 1{calls};\n}}\n"
    return odd + "#include <stdlib.h>\n" + begins_with("channel_create", "if (!odd_all()) abort();")


# ------------------------------------------------------------------------------------ the two ways


@pytest.fixture(scope="module")
def box() -> Iterator[sandbox.Sandbox]:
    try:
        chosen = sandbox.choose()
    except sandbox.NoSandbox:
        pytest.skip("there is no sandbox on this machine")
    worker.prepare(VARIANTS, [EXERCISE.name])  # in the sandbox the kit is only read
    with sandbox.limited(chosen) as limited:
        yield limited


def verdicts(text: str, tree: Path, box: sandbox.Sandbox) -> list[tuple[str, str]]:
    """What make grade says, and what make class says: the verdict, and what it is about. Neither knows of the other."""
    said = []
    for way in ("grade", "class"):
        place = tree / way / EXERCISE.name / "channel.c"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(text.encode() + f"\n/* {way} */\n".encode() if text else b"")
    graded = Grading(tree / "grade", [EXERCISE], "interleave", leave_out=frozenset(LEFT_OUT), jobs=1).run()[0]
    said.append((graded.verdict, one_submission._headline(graded)))
    request = Request("ann", str(tree / "class"), "", "", (EXERCISE.name,), VARIANTS, leave_out=LEFT_OUT)
    outcome = one_submission.grade(request, box)["exercises"][0]
    said.append((outcome["verdict"], outcome["message"]))
    return said


def blamed(names: Sequence[str], tree: Path, box: sandbox.Sandbox) -> dict[str, list[tuple[str, str]]]:
    """The odd things for which a right channel does not pass."""
    said = verdicts(odd_channel(names), tree, box)
    if [verdict for verdict, _ in said] == ["passed", "passed"]:
        return {}
    if len(names) == 1:
        return {names[0]: said}
    half = len(names) // 2
    found = {**blamed(names[:half], tree, box), **blamed(names[half:], tree, box)}
    return found or {" with ".join(names): said}


# ------------------------------------------------------------------------------------------- tests


@pytest.mark.parametrize("number", range(len(FILES)))
def test_what_is_only_odd_passes_both(number: int, tmp_path: Path, box: sandbox.Sandbox) -> None:
    names = list(SECTIONS)[number :: len(FILES)]
    file = list(FILES.values())[number]
    said = verdicts(file(odd_channel(names)), tmp_path, box)
    if [verdict for verdict, _ in said] != ["passed", "passed"]:
        pytest.fail(f"{blamed(names, tmp_path, box) or said}")


def without(function: str) -> str:
    """The solution without the definition of a function."""
    text, count = re.subn(rf"^[^\n]*\b{function}\([^)]*\)\n{{\n.*?^}}\n", "", SOLUTION, flags=re.MULTILINE | re.DOTALL)
    assert count == 1
    return text


WRONG = {
    "a_misspelt_function_of_pthreads": (
        "build_failed",
        f"#include <pthread.h>\nvoid f(pthread_cond_t *c) {{ pthread_cond_singal(c); }}\n{SOLUTION}",
    ),
    "a_misspelt_function_of_c": ("build_failed", SOLUTION.replace("free(", "fre(", 1)),
    "declared_and_nowhere_defined": (
        "build_failed",
        f"int helper(int n);\nint use(void) {{ return helper(1); }}\n{SOLUTION}",
    ),
    "a_function_of_the_header_is_missing": ("build_failed", without("receiver_drop")),
    "a_function_of_the_header_is_static": (
        "build_failed",
        SOLUTION.replace("void receiver_drop", "static void receiver_drop"),
    ),
    "a_brace_is_missing": ("build_failed", SOLUTION.rstrip()[:-1]),
    "a_semicolon_is_missing": ("build_failed", SOLUTION.replace(";", "", 1)),
    "another_type_than_in_the_header": ("build_failed", SOLUTION.replace("void receiver_drop", "int receiver_drop")),
    "a_header_that_is_not_there": ("build_failed", f'#include "queue.h"\n{SOLUTION}'),
    "an_error_of_its_own": ("build_failed", f"#error not yet\n{SOLUTION}"),
    "defined_twice": ("build_failed", f"{SOLUTION}\nvoid receiver_drop(struct receiver *rx) {{ (void)rx; }}\n"),
    "an_undeclared_variable": ("build_failed", f"{SOLUTION}\nint f(void) {{ return not_there; }}\n"),
    "nothing": ("build_failed", ""),
    "nothing_is_sent": ("failed", begins_with("sender_send", "return CHANNEL_OK;")),
    "a_leak": ("failed", re.sub(r"\bfree\(", "(void)(", SOLUTION)),
    "a_crash": ("failed", begins_with("receiver_try_recv", "*(int *)0 = 1;")),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_gets_one_verdict(name: str, tmp_path: Path, box: sandbox.Sandbox) -> None:
    verdict, text = WRONG[name]
    assert text != SOLUTION
    by_grade, by_class = verdicts(text, tmp_path, box)
    assert by_grade[0] == verdict and by_class == by_grade


def test_the_compilers_words_are_told_of_a_misspelt_function(tmp_path: Path, box: sandbox.Sandbox) -> None:
    said = verdicts(WRONG["a_misspelt_function_of_pthreads"][1], tmp_path, box)
    assert all("pthread_cond_singal" in message and "pthread_cond_signal" in message for _, message in said)


def test_a_stub_is_not_begun(tmp_path: Path, box: sandbox.Sandbox) -> None:
    stub = (STUBS / EXERCISE.name / "channel.c").read_bytes()
    place = tmp_path / EXERCISE.name / "channel.c"
    place.parent.mkdir()
    place.write_bytes(stub)
    graded = Grading(tmp_path, [EXERCISE], "interleave", jobs=1).run()[0]
    request = Request("ann", str(tmp_path), "", "", (EXERCISE.name,), VARIANTS)
    assert graded.verdict == one_submission.grade(request, box)["exercises"][0]["verdict"] == "not_started"


def test_there_are_sixty_of_them() -> None:
    assert len(SECTIONS) + len(FILES) + len(WRONG) + 1 >= 60
