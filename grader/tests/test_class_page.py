"""class.html in a real browser: headless Chromium, driven by playwright-core. Skipped where either is missing."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from grader.classroom import code_pages, page
from grader.classroom.similar import Pair

SCRIPT = Path(__file__).parent / "browser" / "class_page.js"
STUDENTS = 400
NASTY = '</script><script>alert(1)</script><img src=x onerror="alert(2)">'


def student(number: int) -> dict[str, Any]:
    name = f"<b>Mallory</b> {NASTY}" if number == 7 else f"student{number:03}"
    verdict, points = ("passed", 10.0) if number == 5 else ("failed", float(number % 10))
    tests = [{"suite": "02_blocking", "name": "it_wakes", "verdict": "deadlock"}] if verdict == "failed" else []
    first = {"name": "02_blocking", "verdict": verdict, "points": points, "max_points": 10.0, "tests": tests}
    second = {"name": "03_message_type", "verdict": "absent", "points": 0.0, "max_points": 10.0, "tests": []}
    if number == 7:
        second |= {"verdict": "rejected", "message": f"It says {NASTY}"}
    return {
        "student": name,
        "submitted": None,
        "points": points + 100 * (number == 5),
        "max_points": 200.0,
        "exercises": [first | {"report": f"head\nstory {number % 50}"}, second],
    }


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "class.html"
    table = page.Table(["02_blocking", "03_message_type"], "bubblewrap", "local")
    for number in range(STUDENTS):
        table.add(student(number))
    table.write(path, [Pair("02_blocking", "student001", NASTY, 97)], ["A note."])
    return path


def test_the_page_is_whole_by_itself_and_small(written: Path) -> None:
    text = written.read_text()
    assert len(text) < 1 << 20
    assert "http://" not in text and "https://" not in text and NASTY not in text


def test_reports_that_many_share_are_kept_once(written: Path) -> None:
    data = written.read_text().split('type="application/json">')[1].split("</script>")[0]
    assert len(json.loads(data)) == 51


def test_a_person_can_sort_search_and_read(written: Path, playwright: Path, tmp_path: Path) -> None:
    command = ["node", str(SCRIPT), str(playwright), shutil.which("chromium") or "", str(written)]
    done = subprocess.run([*command, str(tmp_path / "page.png")], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["errors"] == [] and seen["requests"] == [f"file://{written}"]
    assert seen["rows"] == STUDENTS and seen["bold"] == 0
    assert seen["best"][0] == "student005" and seen["worst"][1] == "0.0"
    assert seen["shown"] == f"1 of {STUDENTS}"
    assert seen["whose"].endswith("03_message_type (0/10)") and NASTY in seen["text"]
    assert seen["report"] == f"file://{written.parent}/reports/student005.txt"
    assert seen["width"] == 390
    assert seen["closed"] and (tmp_path / "page.png").stat().st_size > 10_000


# ------------------------------------------------------------------------------------- pages with code

CODE = b'#include "channel.h"\nint f(void)\n{\n\treturn 1;\n}\n// <b>&\x1b\n'


def test_the_code_stands_beside_the_report_with_the_line_marked(tmp_path: Path) -> None:
    one = student(7)
    failed = one["exercises"][0]
    failed |= {"report": "head\n  channel.c:4 returns 1 </pre><script>", "notes": ["Taken from ex02/channel.c."]}
    failed["tests"] = [{"suite": "x", "name": "y", "verdict": "failed", "where": "channel.c:2"}]
    place = tmp_path / "one.html"
    assert code_pages.of_student(place, one, {"02_blocking": {"channel.c": CODE}})
    text = place.read_text()
    marked = re.findall(r'<span id="02_blocking-channel.c-(\d+)" data-n="\d+" class="(\w+)">', text)
    assert (
        marked == [("2", "here"), ("4", "said")] and '<a href="#02_blocking-channel.c-4">  channel.c:4 returns' in text
    )
    assert "</pre><script>" not in text and "<b>&\x1b" not in text and "Taken from ex02/channel.c." in text
    assert not code_pages.of_student(tmp_path / "none.html", one, {})
    assert not (tmp_path / "none.html").exists()


def test_a_click_leads_to_the_line_that_fails(tmp_path: Path) -> None:
    one, table = student(7), page.Table(["02_blocking", "03_message_type"], "none", "local")
    one["exercises"][0]["tests"] = [
        {"suite": "x", "name": "a", "verdict": "passed", "where": "channel.c:1"},
        {"suite": "x", "name": "b", "verdict": "failed", "where": "channel.c:76"},
    ]
    table.add(one, code=True)
    table.write(tmp_path / "class.html", [], [])
    text = (tmp_path / "class.html").read_text()
    assert 'data-at="02_blocking-channel.c-76"' in text and 'data-at="03_message_type"' in text
    assert 'data-code="code/%3Cb%3EMallory' in text


def test_who_has_nothing_due_is_not_at_0(tmp_path: Path) -> None:
    table = page.Table(["02_blocking"], "none", "local")
    table.add({**student(1), "points": 0.0, "max_points": 0.0})
    table.add({**student(2), "points": 50.0, "max_points": 100.0})
    table.write(tmp_path / "class.html", [], [])
    text = (tmp_path / "class.html").read_text()
    assert ">–</td>" in text and "Mean 50%, median 50%" in text and "2 students, 1 exercise, graded" in text


def test_a_pair_stands_side_by_side_and_what_differs_is_not_marked(tmp_path: Path) -> None:
    first = "int push(struct queue *q, int v)\n{\n    q->last = v; // mine\n    return 0;\n}\nx();\n}\n"
    second = "int füge(struct reihe *r, int w)\n{\n\tr->letzte = w;\n    abort();\n    return 0;\n}\ny(1, 2);\n}\n"
    pair = Pair("02_blocking", "ann", NASTY, 97, (first, second))
    assert code_pages.write_pairs(tmp_path, [pair, pair]) == ["1.html", "2.html"]
    text = (tmp_path / "1.html").read_text()
    alike = [re.findall(r'data-n="(\d+)" class="alike"', pane) for pane in text.split('class="pane"')[1:]]
    assert alike == [["1", "2", "3", "4", "5"], ["1", "2", "3", "5", "6"]]
    assert NASTY not in text and "://" not in text
    code_pages.write_pairs(tmp_path, [pair])
    assert [path.name for path in tmp_path.iterdir()] == ["1.html"]


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_with_code_fit_their_window(width: int, scheme: str, playwright: Path, tmp_path: Path) -> None:
    one = student(7)
    one["exercises"][0]["report"] = f"head\n{'a long line ' * 30}\nchannel.c:3 is wrong"
    code_pages.of_student(tmp_path / "page.html", one, {"02_blocking": {"channel.c": b"int x; " * 60 + b"\n" * 200}})
    script = Path(__file__).parent / "browser" / "code_page.js"
    place, picture = tmp_path / "page.html", tmp_path / "page.png"
    command = ["node", str(script), str(playwright), shutil.which("chromium") or "", str(place), str(picture)]
    done = subprocess.run([*command, str(width), scheme], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"errors": [], "width": width, "columns": 2 if width > 800 else 1}
